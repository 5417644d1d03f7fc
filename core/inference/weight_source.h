// WeightSource: where a forward or reverse pass gets its layers from. One value per weight variant: the
// checkpoint as it is, rounded to nearest, or calibrated codes that a quantizer made (AWQ, GPTQ) or a
// checkpoint stores. Layers are shared, so a source may keep them (cachedWeights) or make them anew each
// time. Not here: how calibrated codes are found (core/quantize).
#pragma once

#include "core/base/outcome.h"
#include "core/inference/layer_weights.h"
#include "core/model/model.h"
#include "core/quant/quantized_matrix.h"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace qroar {

/// A layer in the form that is exported: codes of its projections, and what a quantizer changed beside them.
struct QuantizedLayer {
    std::array<QuantizedMatrix, 7> projection; ///< by Projection
    /// AWQ folds its input scales into the norms before q, k, v and gate, up; empty: as in the checkpoint.
    std::vector<float> attentionNorm, feedForwardNorm; ///< [hidden] or empty
    /// Biases that such a fold changed (v, up), by Projection; empty: as in the checkpoint.
    std::array<std::vector<float>, 7> bias;
    std::array<Distortion, 7> distortion; ///< of the weights the quantizer saw
    /// Of the projections' outputs on the calibration tokens (without biases; maxError is not measured);
    /// count 0: never calibrated.
    std::array<Distortion, 7> outputDistortion;
};

class WeightSource {
  public:
    virtual ~WeightSource() = default;
    [[nodiscard]] virtual const QuantSpec& spec() const = 0;
    /// Weights of a layer as floats, ready to multiply with. From the engine's thread; may use OpenMP.
    [[nodiscard]] virtual std::shared_ptr<const LayerWeights> layer(int layer) const = 0;
    /// The codes of a layer; null for full precision.
    [[nodiscard]] virtual std::shared_ptr<const QuantizedLayer> quantized(int layer) const = 0;
};

/// `none`, `rtn:...` and (for a checkpoint that stores codes) `stored`: what needs no calibration. Layers are
/// converted when asked for. Errors as checkQuantSupported, or that
/// the variant needs calibration.
Outcome<std::shared_ptr<const WeightSource>> openWeights(std::shared_ptr<const Model> model,
                                                         const QuantSpec& spec);
/// Codes that somebody made for this model, one entry a layer.
std::shared_ptr<const WeightSource> packedWeights(std::shared_ptr<const Model> model, const QuantSpec& spec,
                                                  std::vector<std::shared_ptr<const QuantizedLayer>> layers);
/// The same layers, kept after their first use while they fit `budgetBytes`: for passes that repeat.
std::shared_ptr<const WeightSource> cachedWeights(std::shared_ptr<const WeightSource> source,
                                                  double budgetBytes = 2e9);

} // namespace qroar
