#include "core/search/objective.h"

#include <algorithm>
#include <numeric>

namespace qroar {

std::vector<double> contextWeights(std::span<const int> contexts) {
    const double sum = std::accumulate(contexts.begin(), contexts.end(), 0.0);
    std::vector<double> weights;
    for (const int context : contexts) weights.push_back(context / sum);
    return weights;
}

int shortContextIndex(std::span<const int> contexts, double trainedContext) {
    int found = -1;
    for (std::size_t at = 0; at < contexts.size(); ++at)
        if (contexts[at] <= trainedContext
            && (found < 0 || contexts[at] > contexts[static_cast<std::size_t>(found)]))
            found = static_cast<int>(at);
    return found;
}

double Objective::excess(std::span<const double> nll) const {
    if (shortIndex_ < 0 || options_.lambda <= 0) return -1;
    const auto at = static_cast<std::size_t>(shortIndex_);
    return nll[at] - baseline_[at] - options_.delta;
}

double Objective::value(std::span<const double> nll, std::span<const double> theta) const {
    const double data = std::inner_product(weights_.begin(), weights_.end(), nll.begin(), 0.0);
    const double squares = std::inner_product(theta.begin(), theta.end(), theta.begin(), 0.0);
    return data + options_.lambda * std::max(0.0, excess(nll)) + options_.l2 * squares;
}

std::vector<double> Objective::slopes(std::span<const double> nll) const {
    std::vector<double> slopes = weights_;
    if (excess(nll) > 0) slopes[static_cast<std::size_t>(shortIndex_)] += options_.lambda;
    return slopes;
}

} // namespace qroar
