// BlockErrors: what a change of some projections does to what their block, attention or feed-forward, adds to
// the residual stream, on some windows. AWQ chooses the scales of q, k, v and of gate, up by it: the error of
// these projections' own outputs would say nothing of what softmax and gate make of it. Not here: the choice
// (awq.h).
#pragma once

#include "core/inference/linear_inputs.h"

#include <memory>
#include <vector>

namespace qroar {

class BlockErrors {
  public:
    /// `streams` below the layer that has `weights`; `inputs` must outlive this.
    BlockErrors(const ModelConfig& config, const LinearInputs& inputs,
                std::shared_ptr<const LayerWeights> weights, std::vector<Residual> streams, WorkMeter& meter);

    /// sum over tokens of ||W_O (heads' - heads)||^2 when q, k and v are those of `changed`.
    [[nodiscard]] double attention(const std::shared_ptr<const LayerWeights>& changed,
                                   WorkMeter& meter) const;
    /// sum over tokens of ||W_down (h' - h)||^2, h = silu(W_gate x) * W_up x, when gate and up are those of
    /// `changed`.
    [[nodiscard]] double feedForward(const LayerWeights& changed, WorkMeter& meter) const;

    /// Floating-point operations of one call for a window.
    static double attentionOperations(const ModelConfig& config, int context);
    static double feedForwardOperations(const ModelConfig& config, int context);

  private:
    struct Sample {
        Residual below, middle; ///< the stream below the layer, and behind its attention
        Matrix heads, hidden;   ///< [tokens, heads * headDim], [tokens, intermediate] of the unchanged layer
    };
    ModelConfig config_;
    const LinearInputs& inputs_;
    std::shared_ptr<const LayerWeights> weights_;
    std::vector<Sample> samples_;
};

} // namespace qroar
