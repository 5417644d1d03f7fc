// Reads the scales of a search or of a what-if back from a session file, without the rest of the session.
#pragma once

#include "core/base/outcome.h"
#include "core/scales/scale_set.h"
#include "core/session/session.h"

#include <filesystem>
#include <string>
#include <vector>

namespace qroar {

/// Scales as a file knows them: with what their figures are worth.
struct StoredScales {
    ScaleSet scales;
    std::vector<SessionDocument> searchedOn; ///< the dev documents; of a what-if those it was measured on
    std::vector<int> contexts;               ///< context lengths of the dev windows, tokens
    bool finished = false;                   ///< the search came to its end
};

/// The scales named `name`, or those of the last search (without searches the last what-if) when it is empty.
/// Their gains have the shape of the model the session names; whether they fit the model at hand is for the
/// caller to see (QkGains::fits, ScaleSet::modelFingerprint). Errors: not a session; no scales in it; no such
/// name (lists those there are).
Outcome<StoredScales> loadScales(const std::filesystem::path& path, const std::string& name = {});

/// "run.h5" or "run.h5:NAME", as --scales takes it: the part behind the last colon is a name unless a file of
/// the whole text exists.
Outcome<StoredScales> loadScalesFrom(const std::string& text);

/// A name that --scales can say: not blank, no colon, no control characters.
Status checkScalesName(const std::string& name);

} // namespace qroar
