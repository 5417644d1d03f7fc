// The objective of a search (method.md section 6; ours):
//     J(theta) = sum_L w_L NLL_L(g) + lambda max(0, NLL_short(g) - NLL_short(1) - delta) + l2 sum theta^2
// in nats per token: what the dev windows of each context length lose, a guard for short context, and a pull
// towards g = 1. Numbers only. Not here: how NLL_L is computed (gain_evaluator.h).
#pragma once

#include <span>
#include <vector>

namespace qroar {

struct ObjectiveOptions {
    double lambda = 1;   ///< weight of the guard; 0 switches it off
    double delta = 0.01; ///< nats that short context may lose for free
    double l2 = 0.01;    ///< weight of sum theta^2: a normal prior around g = 1 (ours)
};

/// w_L = L / sum of all L: proportional to the length, so that longer contexts count more; the weights sum
/// to 1.
std::vector<double> contextWeights(std::span<const int> contexts);

/// Index of the context that the guard watches: the longest one up to L0; -1 when there is none.
int shortContextIndex(std::span<const int> contexts, double trainedContext);

class Objective {
  public:
    Objective() = default;
    /// `weights` [contexts]; `baseline` [contexts]: NLL at g = 1; `shortIndex` as shortContextIndex().
    Objective(std::vector<double> weights, std::vector<double> baseline, int shortIndex,
              const ObjectiveOptions& options)
        : weights_(std::move(weights)), baseline_(std::move(baseline)), shortIndex_(shortIndex),
          options_(options) {}

    /// J; nll [contexts].
    [[nodiscard]] double value(std::span<const double> nll, std::span<const double> theta) const;
    /// d J / d NLL_L [contexts]; at the corner of the guard its flat side.
    [[nodiscard]] std::vector<double> slopes(std::span<const double> nll) const;
    [[nodiscard]] double l2() const { return options_.l2; }

  private:
    /// NLL_short(g) - NLL_short(1) - delta; negative without a guard.
    [[nodiscard]] double excess(std::span<const double> nll) const;

    std::vector<double> weights_, baseline_;
    int shortIndex_ = -1;
    ObjectiveOptions options_;
};

} // namespace qroar
