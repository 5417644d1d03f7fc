// What two programs added to the same session file, together (ours): a run of minutes ends and finds that a
// search, or the window, has written the file since it was read. Three-way: `base` is what both began from.
// Nothing that either added is lost; what mine took out stays out. Not here: files
// (core/analysis/session_output.h).
#pragma once

#include "core/base/outcome.h"
#include "core/session/session.h"

#include <map>
#include <string>

namespace qroar {

/// Names of searches and what-ifs of `mine` that another's took in the meantime -> the names they get
/// instead. Handed to the next merge of the same run, so that its results keep their names.
using ScalesRenames = std::map<std::string, std::string>;

/// `mine`, with the conditions, searches and what-ifs of `theirs` that are not of `base` (null: nothing was
/// known of the file). Of a condition in both, what `mine` lacks of divergence, gradients, noise and damage
/// is theirs; of one that `mine` left as it was, all. Bands, their names and the view are mine. A search of
/// theirs that mine continues (its trials begin with theirs) is mine. Error: another model, other documents
/// or another window limit.
Outcome<Session> mergeSessions(const Session& mine, const Session* base, const Session& theirs,
                               ScalesRenames& renames);

} // namespace qroar
