// Which condition a session opens on when nothing was chosen: one rule for the window and for every view.
#pragma once

#include "core/session/session.h"

namespace qroar {

/// The condition that shows most, -1 without conditions: scaled and beyond the trained length before anything
/// else, of the RoPE spec that comes last in the session (where linear and yarn were both run: yarn), at its
/// longest context and strongest quantization.
int mostTellingCondition(const Session& session);

} // namespace qroar
