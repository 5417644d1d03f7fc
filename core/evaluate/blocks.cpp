#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>

namespace qroar {

namespace {

constexpr std::uint64_t bootstrapSeed = 0x51524f4152ULL;

/// Windows of each document that has tokens.
std::map<int, int> windowsByDocument(const std::vector<WindowSum>& windows) {
    std::map<int, int> counts;
    for (const WindowSum& window : windows)
        if (window.values.tokens > 0) ++counts[window.document];
    return counts;
}

} // namespace

double TokenSum::mean() const {
    return tokens > 0 ? sum / static_cast<double>(tokens) : std::numeric_limits<double>::quiet_NaN();
}

std::vector<TokenSum> makeBlocks(const std::vector<WindowSum>& windows) {
    const std::map<int, int> counts = windowsByDocument(windows);
    int total = 0;
    for (const auto& [document, count] : counts) total += count;
    const bool whole = static_cast<int>(counts.size()) >= leastDocumentBlocks;
    const int run = whole ? total : std::max(1, total / wantedRunBlocks);
    std::map<int, std::vector<TokenSum>> blocks; // by document
    std::map<int, int> inLast;                   // windows in the last block of each document
    for (const WindowSum& window : windows) {
        if (window.values.tokens == 0) continue;
        std::vector<TokenSum>& own = blocks[window.document];
        int& used = inLast[window.document];
        if (own.empty() || used == run) {
            own.emplace_back();
            used = 0;
        }
        own.back().add(window.values);
        ++used;
    }
    std::vector<TokenSum> all;
    for (const auto& [document, own] : blocks) all.insert(all.end(), own.begin(), own.end());
    return all;
}

std::vector<double> resampledMeans(const std::vector<TokenSum>& blocks, int draws) {
    const auto finite = [](const TokenSum& block) { return std::isfinite(block.sum); };
    if (blocks.size() < 2 || draws < 1 || !std::all_of(blocks.begin(), blocks.end(), finite)) return {};
    std::mt19937_64 random(bootstrapSeed);
    std::vector<double> means(static_cast<std::size_t>(draws));
    for (double& mean : means) {
        TokenSum drawn;
        for (std::size_t count = 0; count < blocks.size(); ++count)
            drawn.add(blocks[random() % blocks.size()]); // the bias of % is below 2^-40 here
        mean = drawn.mean();
    }
    std::sort(means.begin(), means.end());
    return means;
}

double percentile(const std::vector<double>& sorted, double p) {
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

Pooled poolWindows(const std::vector<WindowSum>& windows, int draws) {
    Pooled pooled;
    for (const WindowSum& window : windows) {
        if (window.values.tokens == 0) continue;
        pooled.all.add(window.values);
        ++pooled.windows;
    }
    pooled.documents = static_cast<int>(windowsByDocument(windows).size());
    const std::vector<TokenSum> blocks = makeBlocks(windows);
    pooled.blocks = static_cast<int>(blocks.size());
    const std::vector<double> means = resampledMeans(blocks, draws);
    if (means.empty()) return pooled;
    pooled.low = percentile(means, 0.025);
    pooled.high = percentile(means, 0.975);
    return pooled;
}

} // namespace qroar
