#include "core/search/gradient_estimate.h"

#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace qroar {

GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes) {
    std::set<int> documents;
    for (const WindowGradient& window : gradient.windows) documents.insert(window.document);
    const bool whole = static_cast<int>(documents.size()) >= leastDocumentBlocks;
    std::map<std::pair<int, int>, std::vector<double>> blocks; // document, stretch of it
    const std::size_t dimension = gradient.windows.empty() ? 0 : gradient.windows.front().sums.size();
    for (const WindowGradient& window : gradient.windows) {
        const auto context = static_cast<std::size_t>(window.context);
        const double weight = slopes[context] / static_cast<double>(gradient.tokens[context]);
        auto& block = blocks[{window.document, whole ? 0 : window.stretch}];
        block.resize(dimension);
        for (std::size_t at = 0; at < dimension; ++at) block[at] += weight * window.sums[at];
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

std::vector<Suspect> suspects(const SearchTrial& trial) {
    const std::vector<double>& error = trial.gradientError;
    if (std::none_of(error.begin(), error.end(), [](double one) { return one > 0; })) return {};
    std::vector<Suspect> found;
    for (std::size_t at = 0; at < error.size(); ++at) {
        const double certainty = error[at] > 0 ? trial.gradient[at] / error[at] : 0;
        found.push_back({static_cast<int>(at), trial.gradient[at], error[at], certainty});
    }
    std::stable_sort(found.begin(), found.end(), [](const Suspect& a, const Suspect& b) {
        return std::abs(a.certainty) > std::abs(b.certainty);
    });
    return found;
}

} // namespace qroar
