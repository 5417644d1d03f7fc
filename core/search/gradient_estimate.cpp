#include "core/search/gradient_estimate.h"

#include "core/base/ratio_error.h"
#include "core/evaluate/blocks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

namespace qroar {

namespace {

enum class BlockKind { Documents, Stretches, Windows };

/// Document, stretch of it and window of that, with -1 for what is not told apart.
using BlockName = std::array<int, 3>;

BlockName nameOf(const WindowGradient& window, int number, BlockKind kind) {
    return {window.document, kind == BlockKind::Documents ? -1 : window.stretch,
            kind == BlockKind::Windows ? number : -1};
}

/// The windows of one context, all equally long, as blocks.
struct ContextBlocks {
    BlockKind kind = BlockKind::Documents;
    int blocks = 0, windows = 0;
    std::vector<double> sums; ///< [dimension] weighted
    double weight = 0;        ///< slope over tokens
};

ContextBlocks blocksOf(const GainGradient& gradient, int context, double weight) {
    std::set<int> documents;
    std::set<std::pair<int, int>> stretches;
    ContextBlocks found;
    found.weight = weight;
    for (const WindowGradient& window : gradient.windows) {
        if (window.context != context) continue;
        documents.insert(window.document);
        stretches.insert({window.document, window.stretch});
        found.sums.resize(window.sums.size());
        for (std::size_t at = 0; at < found.sums.size(); ++at) found.sums[at] += weight * window.sums[at];
        ++found.windows;
    }
    if (static_cast<int>(documents.size()) >= leastDocumentBlocks) {
        found.blocks = static_cast<int>(documents.size());
    } else if (stretches.size() >= 2) {
        found.kind = BlockKind::Stretches;
        found.blocks = static_cast<int>(stretches.size());
    } else {
        found.kind = BlockKind::Windows;
        found.blocks = found.windows;
    }
    return found;
}

using Residuals = std::map<BlockName, double>;

double squaresOf(const Residuals& residuals) {
    double sum = 0;
    for (const auto& [name, one] : residuals) sum += one * one;
    return sum;
}

/// sum over stretches of the products: what text that both are of adds to the square of their sum.
double productsOf(const Residuals& a, const Residuals& b) {
    double sum = 0;
    for (const auto& [name, one] : a)
        if (const auto other = b.find(name); other != b.end()) sum += one * other->second;
    return sum;
}

/// The error of one coordinate; `contexts` by index, those without a weight left out.
double errorOf(const GainGradient& gradient, const std::map<int, ContextBlocks>& contexts, std::size_t at) {
    Residuals whole, parts; // of documents; of stretches and windows
    Residuals wholeByStretch, partsByStretch;
    int number = 0;
    for (const WindowGradient& window : gradient.windows) {
        const auto found = contexts.find(window.context);
        ++number;
        if (found == contexts.end()) continue;
        const ContextBlocks& of = found->second;
        const double residual = std::sqrt(smallSample(of.blocks))
                                * ratioResidual(of.weight * window.sums[at], 1.0 / of.windows, of.sums[at]);
        const bool document = of.kind == BlockKind::Documents;
        (document ? whole : parts)[nameOf(window, number, of.kind)] += residual;
        (document ? wholeByStretch : partsByStretch)[nameOf(window, number, BlockKind::Stretches)] +=
            residual;
    }
    const double both = productsOf(wholeByStretch, partsByStretch);
    return std::sqrt(squaresOf(whole) + squaresOf(parts) + 2 * std::max(0.0, both));
}

} // namespace

GradientEstimate combineGradient(const GainGradient& gradient, std::span<const double> slopes) {
    std::map<int, ContextBlocks> contexts;
    const std::size_t dimension = gradient.windows.empty() ? 0 : gradient.windows.front().sums.size();
    GradientEstimate estimate{std::vector<double>(dimension, 0.0), std::vector<double>(dimension, 0.0)};
    bool known = true;
    for (const WindowGradient& window : gradient.windows) {
        const auto context = static_cast<std::size_t>(window.context);
        const double weight = slopes[context] / static_cast<double>(gradient.tokens[context]);
        if (weight == 0 || contexts.count(window.context) != 0) continue;
        const ContextBlocks& found =
            contexts.emplace(window.context, blocksOf(gradient, window.context, weight)).first->second;
        for (std::size_t at = 0; at < dimension; ++at) estimate.mean[at] += found.sums[at];
        known = known && found.blocks >= 2;
    }
    for (std::size_t at = 0; at < dimension; ++at)
        estimate.error[at] = known ? errorOf(gradient, contexts, at) : std::nan("");
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
