// What gains would do to a condition's loss, to first order, from the gradients that were stored with it: at
// once and without the model. A prediction, never a measurement: the exact effect is core/controls'
// (gain_effect.h). Pure functions.
#pragma once

#include "core/scales/qk_gains.h"
#include "core/session/sensitivity.h"

#include <optional>
#include <span>

namespace qroar {

/// Beyond this |ln gQ gK| a first-order prediction is not to be trusted (ours; 0.3 is a factor of 1.35: in
/// the trust region of the gradient search, too, steps are shorter).
inline constexpr double trustedLogGain = 0.3;

struct GainPrediction {
    double change = 0; ///< of the mean NLL, nats per token; negative: better
    std::optional<double>
        error;      ///< its standard error; absent without two blocks and their shares, or where heads differ
    int blocks = 0; ///< documents, or stretches of them, that `error` is from
    double largestLogGain = 0; ///< largest |ln gQ gK| of any layer, head and pair, against `measuredAt`
    [[nodiscard]] bool trusted() const { return largestLogGain <= trustedLogGain; }
};

/// sum over layers, heads, pairs of dNLL/dlngQ ln(gQ/gQ0) + dNLL/dlngK ln(gK/gK0), where g0 = `measuredAt`
/// are the gains the condition was run with (empty: ones). The error is that of a ratio of sums over n
/// blocks: SE^2 = n/(n-1) sum_b (c_b - w_b change)^2 [standard: Cochran 1977], c_b the block's part of the
/// change, w_b its share of the predicted tokens (`blockShares`, of gradientBlockShares(); empty: they are
/// not known, and neither is the error). By identity 5 of method.md section 7 c_b needs only ln(gQ gK), the
/// same in all heads. Absent when nothing was measured or the shapes differ.
std::optional<GainPrediction> predictGains(const Sensitivity& sensitivity, const QkGains& gains,
                                           const QkGains& measuredAt = {},
                                           std::span<const double> blockShares = {});

} // namespace qroar
