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
constexpr std::size_t mostCandidates = 2048; ///< of a resampled quantile: 0.05 % of the values apart

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

std::vector<int> blockOfWindows(const std::vector<WindowSum>& windows) {
    const std::map<int, int> counts = windowsByDocument(windows);
    int total = 0;
    for (const auto& [document, count] : counts) total += count;
    const bool whole = static_cast<int>(counts.size()) >= leastDocumentBlocks;
    const int run = std::max(1, whole ? total : total / wantedRunBlocks);
    std::map<int, int> firstBlock, seen; // by document
    int blocks = 0;
    for (const auto& [document, count] : counts) {
        firstBlock[document] = blocks;
        blocks += (count + run - 1) / run;
    }
    std::vector<int> result;
    for (const WindowSum& window : windows)
        result.push_back(
            window.values.tokens == 0 ? -1 : firstBlock[window.document] + seen[window.document]++ / run);
    return result;
}

std::vector<TokenSum> makeBlocks(const std::vector<WindowSum>& windows) {
    const std::vector<int> blockOf = blockOfWindows(windows);
    std::vector<TokenSum> blocks;
    for (std::size_t window = 0; window < windows.size(); ++window) {
        if (blockOf[window] < 0) continue;
        const auto block = static_cast<std::size_t>(blockOf[window]);
        if (block >= blocks.size()) blocks.resize(block + 1);
        blocks[block].add(windows[window].values);
    }
    return blocks;
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

std::vector<float> mergedBlocks(const std::vector<std::vector<float>>& blocks) {
    std::vector<float> all, next;
    std::vector<std::size_t> ends{0}, left; // of sorted stretches
    for (const std::vector<float>& block : blocks) {
        all.insert(all.end(), block.begin(), block.end());
        ends.push_back(all.size());
    }
    next.resize(all.size());
    const auto at = [](std::vector<float>& in, std::size_t index) {
        return in.begin() + static_cast<std::ptrdiff_t>(index);
    };
    while (ends.size() > 2) { // by pairs
        left.assign(1, 0);
        for (std::size_t stretch = 0; stretch + 1 < ends.size(); stretch += 2) {
            const std::size_t from = ends[stretch], middle = ends[stretch + 1],
                              to = ends[std::min(stretch + 2, ends.size() - 1)];
            std::merge(at(all, from), at(all, middle), at(all, middle), at(all, to), at(next, from));
            left.push_back(to);
        }
        all.swap(next);
        ends.swap(left);
    }
    return all;
}

namespace {

/// [candidates, blocks] how many values of the block are at or below the candidate; both are sorted.
std::vector<std::uint32_t> countsBelow(const std::vector<std::vector<float>>& blocks,
                                       const std::vector<float>& candidates) {
    std::vector<std::uint32_t> below(candidates.size() * blocks.size());
    for (std::size_t block = 0; block < blocks.size(); ++block) {
        const std::vector<float>& values = blocks[block];
        std::size_t count = 0;
        for (std::size_t candidate = 0; candidate < candidates.size(); ++candidate) {
            while (count < values.size() && values[count] <= candidates[candidate]) ++count;
            below[candidate * blocks.size() + block] = static_cast<std::uint32_t>(count);
        }
    }
    return below;
}

} // namespace

std::vector<double> resampledQuantiles(const std::vector<std::vector<float>>& blocks, double p, int draws,
                                       const std::vector<float>& merged) {
    if (blocks.size() < 2 || merged.empty() || draws < 1) return {};
    std::vector<float> candidates = merged;
    if (candidates.size() > mostCandidates) {
        std::vector<float> some;
        for (std::size_t at = 0; at < mostCandidates; ++at)
            some.push_back(candidates[(candidates.size() - 1) * at / (mostCandidates - 1)]);
        candidates = std::move(some);
    }
    const std::vector<std::uint32_t> below = countsBelow(blocks, candidates);
    std::mt19937_64 random(bootstrapSeed);
    std::vector<double> quantiles;
    std::vector<std::uint32_t> times(blocks.size());
    for (int draw = 0; draw < draws; ++draw) {
        std::fill(times.begin(), times.end(), 0);
        for (std::size_t count = 0; count < blocks.size(); ++count) ++times[random() % blocks.size()];
        const auto weighted = [&](std::size_t candidate) {
            const std::uint32_t* counts = below.data() + candidate * blocks.size();
            std::uint64_t sum = 0;
            for (std::size_t block = 0; block < blocks.size(); ++block)
                sum += std::uint64_t{times[block]} * counts[block];
            return static_cast<double>(sum);
        };
        const double wanted = p * weighted(candidates.size() - 1);
        std::size_t low = 0, high = candidates.size() - 1;
        while (low < high) {
            const std::size_t middle = (low + high) / 2;
            if (weighted(middle) >= wanted)
                high = middle;
            else
                low = middle + 1;
        }
        quantiles.push_back(candidates[low]);
    }
    return quantiles;
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
