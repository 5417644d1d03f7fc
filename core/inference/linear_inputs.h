// LinearInputs: one layer in the steps between its linear projections, each of which yields what the next
// ones read. For quantizers, which replace projections on the way and want the inputs that the replaced ones
// give. The same kernels, tiles and determinism as ForwardPass. Not here: the order of layers, quantizers
// (core/quantize).
#pragma once

#include "core/base/work_meter.h"
#include "core/inference/forward.h"

#include <memory>

namespace qroar {

/// A layer calls them top to bottom. All of them stop early when the meter is cancelled: what they leave is
/// then unusable.
class LinearInputs {
  public:
    /// `table` must have been built for the windows' context.
    LinearInputs(const ModelConfig& config, const FrequencyTable& table, int context)
        : config_(config), rotations_(config, table, context) {}

    /// norm(x), [tokens, hidden]: the input of q, k and v.
    void attention(const LayerWeights& weights, const Residual& stream, Matrix& target,
                   WorkMeter& meter) const;
    /// softmax(logits) v of all heads, [tokens, heads * headDim]: the input of o.
    void output(std::shared_ptr<const LayerWeights> weights, const Residual& stream, Matrix& target,
                WorkMeter& meter) const;
    /// x += W_O heads (with norm and scale where the model has them).
    void addAttention(const LayerWeights& weights, ConstMatrixView heads, Residual& stream,
                      WorkMeter& meter) const;
    /// norm(x), [tokens, hidden]: the input of gate and up.
    void feedForward(const LayerWeights& weights, const Residual& stream, Matrix& target,
                     WorkMeter& meter) const;
    /// act(W_gate norm(x)) * W_up norm(x), [tokens, intermediate]: the input of down.
    void down(const LayerWeights& weights, const Residual& stream, Matrix& target, WorkMeter& meter) const;
    /// x += W_down of the above.
    void addFeedForward(const LayerWeights& weights, Residual& stream, WorkMeter& meter) const;

    /// Floating-point operations of all six for a window of one layer, the mean one.
    static double operations(const ModelConfig& config, int context);

  private:
    ModelConfig config_;
    LayerRotations rotations_;
};

} // namespace qroar
