// ReversePass: the gradient of the NLL with respect to the logarithms of the Q-ROAR gains and of the rotary
// frequencies, for every layer, head and pair at once, by one reverse sweep over one forward pass (reverse-mode
// differentiation; the formulas are ours: method.md sections 5 and 6). The forward sweep keeps the residual
// stream between layers, the reverse sweep recomputes each layer's activations: memory is linear in the tokens
// and never context x context. Same engine, tiles and determinism as ForwardPass. Not here: gradients of
// weights, search, bands.
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
    long long tokens = 0;

    static QkGradient zero(const ModelConfig& config);
    void add(const QkGradient& other, double weight = 1);
};

class ReversePass {
  public:
    /// As ForwardPass.
    ReversePass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                std::shared_ptr<const WeightSource> weights, int context, QkGains gains = {});

    using WindowCallback = std::function<void(int window, const QkGradient& gradient)>;
    /// Gradients of every window, delivered in the order of `windows`, from the calling thread. Tokens
    /// predicted at positions below `firstPosition` do not count (1 = all of them: convention `all`).
    /// Error: cancelled.
    Status run(std::span<const Window> windows, int firstPosition, const WindowCallback& onWindow,
               WorkMeter& meter);
    void setGains(QkGains gains);

    /// Operations of one window, in the unit of ForwardPass::operations.
    static double operations(const ModelConfig& config, int context);
    /// Bytes beyond the mapped file at the peak.
    static double peakBytes(const ModelConfig& config, int context, long long tokens, int threads);

  private:
    std::shared_ptr<const Model> model_;
    std::shared_ptr<const WeightSource> source_;
    QkGains gains_;
};

} // namespace qroar
