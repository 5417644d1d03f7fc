// Damage: what quantizing one part of a model alone costs (method.md section 5; ours): mean KL from the
// reference's predictions and change of the mean NLL when only one layer, or only the rows of one band of Q
// or K of one layer, are those of the condition and everything else is the reference's; and the same with
// random errors of the same size. A value; not here: the passes that measure it (core/analysis/damage.h),
// what bands make of it (core/diagnostics/damage_grid.h).
#pragma once

#include "core/inference/probe.h"

#include <limits>
#include <vector>

namespace qroar {

enum class DamageScope { None, Layers, Bands }; ///< Bands: layers too

/// NaN = not measured (yet).
struct DamageCell {
    double kl = std::numeric_limits<double>::quiet_NaN();  ///< mean KL(reference || variant), nats per token
    double nll = std::numeric_limits<double>::quiet_NaN(); ///< mean NLL(variant) - NLL(reference)
    /// The same when the error of every row is replaced by a random direction of the same length; NaN where
    /// the error has no row-wise form (layers of awq, which also changes norms).
    double noiseKl = std::numeric_limits<double>::quiet_NaN();
    double noiseNll = std::numeric_limits<double>::quiet_NaN();
    [[nodiscard]] bool known() const { return kl == kl; }
};

struct Damage {
    int layers = 0;
    long long tokens = 0;            ///< predicted tokens the means are over; 0: nothing was measured
    std::vector<int> bandEdges;      ///< of the bands that byBand is of; empty: layers only
    DamageCell whole;                ///< all layers at once
    std::vector<DamageCell> byLayer; ///< [layers]
    std::vector<DamageCell> byBand;  ///< [layers, 2 (q, k), bands]

    [[nodiscard]] bool empty() const { return tokens == 0; }
    [[nodiscard]] int bands() const { return bandEdges.empty() ? 0 : static_cast<int>(bandEdges.size()) - 1; }
    [[nodiscard]] std::size_t bandCell(int layer, QkTensor tensor, int band) const {
        const auto row = static_cast<std::size_t>(layer) * 2 + static_cast<std::size_t>(tensor);
        return row * static_cast<std::size_t>(bands()) + static_cast<std::size_t>(band);
    }
};

} // namespace qroar
