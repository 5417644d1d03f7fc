// What of a session is compressed whenever it is saved: for estimates of how long saving takes. Not here: how
// fast that is (packing_speed.h), the file (session_file.h).
#pragma once

#include "core/session/session.h"

namespace qroar {

/// Bytes of the arrays of its conditions; searches and scales are small beside them.
double packedBytes(const Session& session);

} // namespace qroar
