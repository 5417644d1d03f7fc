#include "core/search/gradient_estimate.h"

#include <cmath>
#include <map>
#include <set>

namespace qroar {

GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes) {
    std::set<int> documents;
    for (const WindowGradient& window : gradient.windows) documents.insert(window.document);
    std::map<int, std::vector<double>> blocks;
    const std::size_t dimension = gradient.windows.empty() ? 0 : gradient.windows.front().sums.size();
    int number = 0;
    for (const WindowGradient& window : gradient.windows) {
        const auto context = static_cast<std::size_t>(window.context);
        const double weight = slopes[context] / static_cast<double>(gradient.tokens[context]);
        auto& block = blocks[documents.size() > 1 ? window.document : number];
        block.resize(dimension);
        for (std::size_t at = 0; at < dimension; ++at) block[at] += weight * window.sums[at];
        ++number;
    }
    GradientEstimate estimate{std::vector<double>(dimension, 0.0), std::vector<double>(dimension, 0.0)};
    const auto count = static_cast<double>(blocks.size());
    for (const auto& [name, block] : blocks)
        for (std::size_t at = 0; at < dimension; ++at) estimate.mean[at] += block[at];
    if (blocks.size() < 2) return estimate;
    for (const auto& [name, block] : blocks)
        for (std::size_t at = 0; at < dimension; ++at) {
            const double off = block[at] - estimate.mean[at] / count;
            estimate.error[at] += off * off;
        }
    for (double& error : estimate.error) error = std::sqrt(count / (count - 1) * error);
    return estimate;
}

} // namespace qroar
