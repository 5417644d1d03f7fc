// QuasiNewton: the L-BFGS approximation of an inverse Hessian (Nocedal 1980; two-loop recursion), starting
// from a given diagonal. Numbers only; deterministic. Not here: how long a step may be, when to accept it.
#pragma once

#include <cstddef>
#include <deque>
#include <span>
#include <vector>

namespace qroar {

double dotProduct(std::span<const double> a, std::span<const double> b);

class QuasiNewton {
  public:
    /// `inverseDiagonal` [dimension] > 0: the inverse Hessian before anything is known.
    explicit QuasiNewton(std::vector<double> inverseDiagonal, std::size_t memory = 12)
        : diagonal_(std::move(inverseDiagonal)), memory_(memory) {}
    /// -H gradient, [dimension]: always a direction of descent.
    [[nodiscard]] std::vector<double> direction(std::span<const double> gradient) const;
    /// What was learnt between two points: step = x1 - x0, change = gradient(x1) - gradient(x0). Pairs
    /// without positive curvature are left out.
    void learn(std::vector<double> step, std::vector<double> change);

  private:
    struct Pair {
        std::vector<double> step, change;
        double inverseProduct = 0; ///< 1 / (step . change)
    };
    std::vector<double> diagonal_;
    std::size_t memory_;
    std::deque<Pair> pairs_;
    double scale_ = 1; ///< of the diagonal, from the newest pair
};

} // namespace qroar
