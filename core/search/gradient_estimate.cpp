#include "core/search/gradient_estimate.h"

#include "core/base/ratio_error.h"
#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace qroar {

namespace {

/// What windows add to the estimate, and how many of them there are in each context.
struct Part {
    std::vector<double> sums; ///< [dimension]
    std::map<int, int> windows;
    void add(const WindowGradient& window, double weight) {
        sums.resize(window.sums.size());
        for (std::size_t at = 0; at < sums.size(); ++at) sums[at] += weight * window.sums[at];
        ++windows[window.context];
    }
};

} // namespace

GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes) {
    std::set<int> documents;
    for (const WindowGradient& window : gradient.windows) documents.insert(window.document);
    const bool whole = static_cast<int>(documents.size()) >= leastDocumentBlocks;
    std::map<std::pair<int, int>, Part> blocks; // document, stretch of it
    std::map<int, Part> contexts;               // in which all windows are equally long
    for (const WindowGradient& window : gradient.windows) {
        const auto context = static_cast<std::size_t>(window.context);
        const double weight = slopes[context] / static_cast<double>(gradient.tokens[context]);
        blocks[{window.document, whole ? 0 : window.stretch}].add(window, weight);
        contexts[window.context].add(window, weight);
    }
    const std::size_t dimension = gradient.windows.empty() ? 0 : gradient.windows.front().sums.size();
    GradientEstimate estimate{std::vector<double>(dimension, 0.0), std::vector<double>(dimension, 0.0)};
    std::vector<double> residuals(blocks.size());
    for (std::size_t at = 0; at < dimension; ++at) {
        for (const auto& [name, block] : blocks) estimate.mean[at] += block.sums[at];
        std::size_t row = 0;
        for (const auto& [name, block] : blocks) {
            double expected = 0; // of as much text
            for (const auto& [context, count] : block.windows) {
                const Part& all = contexts.at(context);
                expected += all.sums[at] * count / all.windows.at(context);
            }
            residuals[row++] = ratioResidual(block.sums[at], 1, expected);
        }
        estimate.error[at] = ratioError(residuals);
    }
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
