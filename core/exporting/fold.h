// Folding: the layers of a model as an export stores them: gains multiplied into the rows of W_Q and W_K or
// into their scales (codes untouched, method.md section 7, identity 4), biases with them, or into the norms
// of queries and keys of models that have these (factors of the rows would be divided out again), everything
// rounded to the types that are stored. Rows stay in the order of the source. Not here: packing and files
// (model_writer.h).
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/exporting/encode.h"
#include "core/inference/weight_source.h"
#include "core/scales/qk_gains.h"

#include <memory>
#include <optional>

namespace qroar {

/// Gains fit the model and every one is a positive number that float holds; where they fold into norms of
/// queries and keys, all heads of a layer have the same. The error names the first that is not so.
Status checkGains(const QkGains& gains, const ModelConfig& config);

/// Every gain rounded to the nearest power of two (in the logarithm): such gains fold without rounding.
QkGains snapToPowersOfTwo(const QkGains& gains);

/// Factors of the norm of queries or keys, [headDim]; empty when gains do not touch the norm: other norms,
/// and models that have none for queries and keys.
std::vector<float> normFactors(const QkGains& gains, const ModelConfig& config, int layer, Norm norm);

/// What a norm of a layer multiplies with; those of queries and keys for every head.
const std::vector<float>& gainsOf(const LayerWeights& weights, Norm norm);

/// A norm of folded weights as a Hugging Face checkpoint stores it in `type`: one head's where heads share
/// it, less 1 where the model stores norms so (numbers that nothing changed are those of the model).
std::vector<float> storedNorm(const Model& model, const LayerWeights& weights, Norm norm, DType type);

/// What is folded, and into which types.
struct FoldTask {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights;
    QkGains gains; ///< empty: none
    /// Weights, norms and biases become this type; without one, each tensor keeps the type it is stored in
    /// and only what gains touch changes (patches).
    std::optional<DType> dense;
    /// Projections stay codes, with scales of this type; without one they become dense weights.
    std::optional<ScaleType> scales;
    /// With codes: zero points are written out although a matrix calls itself symmetric.
    bool writeZeros = false;
};

struct FoldedLayer {
    std::shared_ptr<const QuantizedLayer> codes; ///< only the projections count; null for dense exports
    std::shared_ptr<const LayerWeights> weights; ///< what the layer computes with: norms and biases are here
    RoundingTally scaled;                        ///< scales of all codes, or weights of W_Q and W_K
    RoundingTally narrowed;                      ///< everything else
};

/// Errors: a number that its type cannot hold (names layer and projection); cancelled, when `meter` (may be
/// null) is.
Outcome<FoldedLayer> foldLayer(const FoldTask& task, int layer, WorkMeter* meter);

/// The folded layers as something to run: what the export must compute. foldLayer() must have succeeded for
/// every layer (std::logic_error).
std::shared_ptr<const WeightSource> foldedWeights(FoldTask task);

} // namespace qroar
