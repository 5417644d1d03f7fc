// What measured sensitivities (core/session/sensitivity.h) come to for bands: the loss reacts to a band as a
// whole, so the derivatives of its pairs are added with their signs (chain rule), not averaged. Pure
// functions. Not here: the analytic pressure, which needs no gradients (pressure.h).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/session/sensitivity.h"

namespace qroar {

/// Measured interpolation pressure (method.md section 5; ours), layer x band:
///   IP*_b = |sum over the band's pairs of d NLL / d ln omega'_i|, nats,
/// the change of the mean NLL when all phase speeds of the band change by one factor in that layer, per
/// logarithm of the factor. Without rows when nothing was measured.
BandGrid measuredPressure(const Sensitivity& sensitivity, const BandPartition& bands);

/// d NLL / d ln g of a band's gain (ours), layer x band, nats, with its sign: negative where a gain above 1
/// lowers the loss. Sum over query heads and the band's pairs of d NLL / d ln gQ; key heads give the same
/// number, because a logit sees only gQ gK (identity 5 of method.md section 7).
BandGrid gainSensitivity(const Sensitivity& sensitivity, const BandPartition& bands);

} // namespace qroar
