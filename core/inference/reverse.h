// ReversePass: the gradient of the NLL with respect to the logarithms of the Q-ROAR gains and of the rotary
// frequencies, for every layer, head and pair at once, by one reverse sweep over one forward pass
// (reverse-mode differentiation; the formulas are ours: method.md sections 5 and 6). The forward sweep keeps
// the residual stream between layers (of every few layers, where that takes too much) and, as far as a budget
// allows, what attention made of it; the reverse sweep recomputes the rest layer by layer: memory is linear
// in the tokens and never context x context. Same engine, tiles and determinism as ForwardPass. Not here:
// gradients of weights, search, bands.
#pragma once

#include "core/inference/forward.h"

#include <functional>

namespace qroar {

/// Sums over predicted tokens (not means), in nats; add() merges windows, in the order of the calls.
struct QkGradient {
    int layers = 0, heads = 0, kvHeads = 0, pairs = 0;
    std::vector<double> lnGainQ; ///< [layers, heads, pairs] d NLL / d ln gQ
    std::vector<double> lnGainK; ///< [layers, kvHeads, pairs] d NLL / d ln gK
    std::vector<double> lnOmega; ///< [layers, pairs] d NLL / d ln omega'_pair (q and k of that layer)
    double nll = 0;              ///< sum over the predicted tokens
    long long tokens = 0;        ///< predicted ones

    static QkGradient zero(const ModelConfig& config);
    /// Both must have the same shape. `weight` applies to the sums, not to the number of tokens.
    void add(const QkGradient& other, double weight = 1);
};

/// Floating-point operations of a reverse pass, by what sets their rate.
struct ReverseWork {
    double linear = 0, attention = 0; ///< of the forward sweep, and of what is computed again
    double linearBack = 0, attentionBack = 0;
    double headBack = 0; ///< of the output head, with the logits that it goes back from
    [[nodiscard]] double all() const { return linear + attention + linearBack + attentionBack + headBack; }
};

class ReversePass {
  public:
    /// As ForwardPass.
    ReversePass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                std::shared_ptr<const WeightSource> weights, int context, QkGains gains = {});
    ~ReversePass();

    using WindowCallback = std::function<void(int window, const QkGradient& gradient)>;
    /// Gradients of every window, delivered in the order of `windows`, from the calling thread. Tokens
    /// predicted at positions below `firstPosition` do not count (1 = all of them: convention `all`).
    /// Error: cancelled.
    Status run(std::span<const Window> windows, int firstPosition, const WindowCallback& onWindow,
               WorkMeter& meter);
    /// Other gains from now on (must fit the model, or be empty).
    void setGains(QkGains gains) { gains_ = std::move(gains); }
    /// Bytes that the forward sweep may keep for the reverse sweep, and twice as many of residual streams,
    /// while a window's few streams fit: beyond, layers run forward once more, and nothing else changes.
    void setTapeBudget(double bytes) { tapeBudget_ = bytes; }
    static constexpr double defaultTapeBudget = 1536.0 * 1024 * 1024;

    /// Operations of one window, in the unit of ForwardPass::operations.
    static ReverseWork work(const ModelConfig& config, int context);
    static double operations(const ModelConfig& config, int context) { return work(config, context).all(); }
    /// Layers that are asked of the weight source while a batch of such windows is in flight: each one on
    /// the way up, on the way down, and where it is computed again.
    static double layersTaken(const ModelConfig& config, int context);
    /// Tokens of a batch: at most 2,048, and as many as fit the budget with nothing to recompute; a longer
    /// window is a batch of its own that recomputes a part.
    static std::ptrdiff_t batchTokens(const ModelConfig& config, double tapeBudget = defaultTapeBudget);
    /// Bytes beyond the mapped file at the peak.
    static double peakBytes(const ModelConfig& config, int context, long long tokens, int threads);

  private:
    struct Batch; ///< windows in flight: what the forward sweep left behind, and gradients
    void forwardSweep(Batch& batch, WorkMeter& meter) const;
    void repeatSegment(Batch& batch, int top, WorkMeter& meter) const;
    void attention(Batch& batch, const LayerOperands& operands, int layer, WorkMeter& meter) const;
    void reverseLoss(Batch& batch, int firstPosition, WorkMeter& meter);
    void reverseLayer(Batch& batch, int layer, WorkMeter& meter) const;
    void sumPairs(Batch& batch, int layer) const;

    std::shared_ptr<const Model> model_;
    LayerRotations rotations_;
    std::shared_ptr<const WeightSource> source_;
    QkGains gains_;
    double tapeBudget_ = defaultTapeBudget;
    OutputHead head_;
    std::unique_ptr<Batch> batch_; ///< kept for its memory
};

} // namespace qroar
