// Reads the scales of a search back from a session file, without the rest of the session.
#pragma once

#include "core/base/outcome.h"
#include "core/scales/scale_set.h"

#include <filesystem>
#include <string>

namespace qroar {

/// The scales named `name`, or those of the last search when it is empty. Their gains have the shape of the
/// model the session names; whether they fit the model at hand is for the caller to see (QkGains::fits,
/// ScaleSet::modelFingerprint). Errors: not a session; no searches in it; no such name (lists those there
/// are).
Outcome<ScaleSet> loadScales(const std::filesystem::path& path, const std::string& name = {});

/// "run.h5" or "run.h5:NAME", as --scales takes it: the part behind the last colon is a name unless a file of
/// the whole text exists.
Outcome<ScaleSet> loadScalesFrom(const std::string& text);

} // namespace qroar
