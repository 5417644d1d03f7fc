// The metrics of a session as plain tables, for its file: what `diagnose` and `evaluate` print for the
// session's own bands, without bootstrap intervals of tails (they take long; `diagnose` has them). Not here:
// the metrics themselves (core/diagnostics, core/evaluate), writing them (saveSession).
#pragma once

#include "core/session/derived_metrics.h"
#include "core/session/session.h"

namespace qroar {

/// Groups: conditions, interpolation_pressure, tail_inflation, perplexity, perplexity_by_position,
/// interaction (handbook, formats.md). The first axis of a table is the condition, in the session's order,
/// unless its `axes` say otherwise; conditions without statistics have NaN. Empty for a session without
/// conditions.
DerivedMetrics sessionMetrics(const Session& session);

} // namespace qroar
