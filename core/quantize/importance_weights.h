// Weights quantized by an importance matrix (ours; importance.h has the numbers): round-to-nearest whose
// groups may be clipped, and AWQ's scales, both chosen by the squared error of the outputs under the
// approximation that input channels are uncorrelated: sum over rows and channels of E[x_c^2] (w - w_hat)^2.
// No model is run. GPTQ needs all products of channels and is not offered.
#pragma once

#include "core/base/work_meter.h"
#include "core/inference/weight_source.h"
#include "core/quantize/importance.h"

#include <memory>
#include <span>

namespace qroar {

/// Whether an importance matrix says how this variant is quantized: rtn and awq.
constexpr bool usesImportance(const QuantSpec& spec) {
    return spec.kind == QuantKind::Rtn || spec.kind == QuantKind::Awq;
}

/// Round-to-nearest of `weight` [out, in] where every group takes the limit f max|w|, f = 1, 0.95 .. 0.55,
/// with the least sum of importance[c] (w - w_hat)^2 (the first of equals; f = 1 where all importance is 0).
/// `spec`: its grid. Deterministic for any number of threads. `clipped` (may be null): how many groups were
/// limited.
QuantizedMatrix quantizeByImportance(const QuantSpec& spec, ConstMatrixView weight,
                                     std::span<const float> importance, long long* clipped = nullptr);

/// AWQ's scales s = rms^alpha (rms = sqrt(E[x^2]) in the place of mean|x|), alpha as the grid of awq.h, each
/// with the least error above over all projections that read the input; folded as awq.h does; then
/// quantizeByImportance() but for q and k, which are rounded to nearest.
QuantizedLayer quantizeAwqByImportance(const Model& model, int layer, const QuantSpec& spec,
                                       const LayerWeights& weights, const ImportanceMatrix& matrix);

/// The weights of `rtn` or `awq` under an importance matrix. Errors: another variant, a matrix that does not
/// fit the model, a model that is quantized already, cancelled.
Outcome<std::shared_ptr<const WeightSource>> importanceWeights(std::shared_ptr<const Model> model,
                                                               const QuantSpec& spec,
                                                               const ImportanceMatrix& matrix,
                                                               WorkMeter& meter);
/// What importanceWeights() counts, in floating-point operations.
double importanceOperations(const ModelConfig& config, const QuantSpec& spec);

} // namespace qroar
