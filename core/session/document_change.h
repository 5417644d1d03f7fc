// What has become of the documents of an earlier run, in words: for the message that refuses to go on with
// it.
#pragma once

#include "core/session/session.h"

#include <string>
#include <vector>

namespace qroar {

/// Names the first document that differs, and how: changed since, missing, or not there before; empty when
/// fingerprints and order are the same.
std::string documentChange(const std::vector<SessionDocument>& earlier,
                           const std::vector<SessionDocument>& now);

} // namespace qroar
