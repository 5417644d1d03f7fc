#include "core/search/quasi_newton.h"

#include <numeric>

namespace qroar {

double dotProduct(std::span<const double> a, std::span<const double> b) {
    return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

namespace {
void addTimes(std::vector<double>& target, double factor, std::span<const double> values) {
    for (std::size_t at = 0; at < target.size(); ++at) target[at] += factor * values[at];
}
} // namespace

std::vector<double> QuasiNewton::direction(std::span<const double> gradient) const {
    std::vector<double> result(gradient.begin(), gradient.end());
    std::vector<double> factors;
    for (auto pair = pairs_.rbegin(); pair != pairs_.rend(); ++pair) {
        factors.push_back(pair->inverseProduct * dotProduct(pair->step, result));
        addTimes(result, -factors.back(), pair->change);
    }
    for (std::size_t at = 0; at < result.size(); ++at) result[at] *= scale_ * diagonal_[at];
    auto factor = factors.rbegin();
    for (const Pair& pair : pairs_) {
        addTimes(result, *factor - pair.inverseProduct * dotProduct(pair.change, result), pair.step);
        ++factor;
    }
    for (double& value : result) value = -value;
    return result;
}

void QuasiNewton::learn(std::vector<double> step, std::vector<double> change) {
    const double product = dotProduct(step, change);
    double weighted = 0;
    for (std::size_t at = 0; at < change.size(); ++at) weighted += change[at] * change[at] * diagonal_[at];
    if (!(product > 1e-12) || !(weighted > 0)) return;
    scale_ = product / weighted;
    pairs_.push_back({std::move(step), std::move(change), 1 / product});
    if (pairs_.size() > memory_) pairs_.pop_front();
}

} // namespace qroar
