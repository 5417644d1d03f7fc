#include "core/evaluate/perplexity.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>

namespace qroar {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t bootstrapSeed = 0x51524f4152ULL;

/// What is resampled as a whole: the sum over its tokens and their number.
struct Block {
    double sum = 0;
    long long tokens = 0;
    void add(const Block& other) {
        sum += other.sum;
        tokens += other.tokens;
    }
    [[nodiscard]] double mean() const { return tokens > 0 ? sum / static_cast<double>(tokens) : nan; }
};

/// One window's share, and where it belongs.
struct WindowBlock {
    int document = 0;
    Block block;
};

/// The tokens a convention takes of a window: [first, end) into nll.
struct TokenRange {
    std::size_t first = 0, end = 0;
};
TokenRange tokensOf(std::size_t predictions, int context, Convention convention) {
    const std::size_t end = std::min(predictions, static_cast<std::size_t>(std::max(context - 1, 0)));
    const std::size_t half = static_cast<std::size_t>(std::max(context, 0)) / 2;
    return {convention == Convention::LastHalf ? std::min(half, end) : 0, end};
}

/// Value below which the share p of the sorted values lies, linear between neighbours (R's type 7).
double percentile(const std::vector<double>& sorted, double p) {
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(at);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

struct Spread {
    std::optional<double> low, high;
};
Spread bootstrap(const std::vector<Block>& blocks, int draws) {
    const auto finite = [](const Block& block) { return std::isfinite(block.sum); };
    if (blocks.size() < 2 || draws < 1 || !std::all_of(blocks.begin(), blocks.end(), finite)) return {};
    std::mt19937_64 random(bootstrapSeed);
    std::vector<double> means(static_cast<std::size_t>(draws));
    for (double& mean : means) {
        Block drawn;
        for (std::size_t count = 0; count < blocks.size(); ++count)
            drawn.add(blocks[random() % blocks.size()]); // the bias of % is below 2^-40 here
        mean = drawn.mean();
    }
    std::sort(means.begin(), means.end());
    return {percentile(means, 0.025), percentile(means, 0.975)};
}

struct Pooled {
    Block all;
    int windows = 0, documents = 0;
    Spread spread;
};
/// Pools windows in their order; blocks are documents, or the windows when there is only one document.
Pooled pool(const std::vector<WindowBlock>& windows, int draws) {
    Pooled pooled;
    std::map<int, Block> byDocument;
    std::vector<Block> blocks;
    for (const WindowBlock& window : windows) {
        if (window.block.tokens == 0) continue;
        pooled.all.add(window.block);
        ++pooled.windows;
        byDocument[window.document].add(window.block);
        blocks.push_back(window.block);
    }
    pooled.documents = static_cast<int>(byDocument.size());
    if (byDocument.size() > 1) {
        blocks.clear();
        for (const auto& [document, block] : byDocument) blocks.push_back(block);
    }
    pooled.spread = bootstrap(blocks, draws);
    return pooled;
}

std::vector<NllBucket> bucketMeans(const std::vector<WindowNll>& windows, int context, int trainedContext,
                                   Convention convention) {
    if (context < 2) return {};
    const std::vector<int> edges = positionBuckets(context, trainedContext);
    std::vector<NllBucket> buckets;
    for (std::size_t edge = 0; edge + 1 < edges.size(); ++edge) {
        Block block;
        for (const WindowNll& window : windows) {
            const TokenRange range = tokensOf(window.nll.size(), context, convention);
            // nll[t] belongs to the token at position t + 1
            const auto from = std::max<long long>(static_cast<long long>(range.first), edges[edge] - 1LL);
            const auto to = std::min<long long>(static_cast<long long>(range.end), edges[edge + 1] - 1LL);
            for (long long token = from; token < to; ++token)
                block.add({window.nll[static_cast<std::size_t>(token)], 1});
        }
        if (block.tokens > 0) buckets.push_back({edges[edge], edges[edge + 1], block.tokens, block.mean()});
    }
    return buckets;
}

bool sameWindows(const std::vector<WindowNll>& first, const std::vector<WindowNll>& second) {
    return std::equal(
        first.begin(), first.end(), second.begin(), second.end(), [](const WindowNll& a, const WindowNll& b) {
            return a.document == b.document && a.index == b.index && a.nll.size() == b.nll.size();
        });
}

double meanNll(const ConditionResult& condition, Convention convention) {
    return summarizeNll(condition.windows, condition.key.context, 0, convention, 0).nll;
}

bool withoutScaling(const ConditionResult& condition) {
    return condition.key.rope.kind == RopeKind::None
           || (condition.key.rope.kind == RopeKind::Model && condition.table.spec.kind == RopeKind::None);
}

} // namespace

const char* conventionName(Convention convention) {
    return convention == Convention::All ? "all" : "last-half";
}

NllSummary summarizeNll(const std::vector<WindowNll>& windows, int context, int trainedContext,
                        Convention convention, int draws) {
    std::vector<WindowBlock> sums;
    for (const WindowNll& window : windows) {
        const TokenRange range = tokensOf(window.nll.size(), context, convention);
        WindowBlock sum{window.document, {}};
        for (std::size_t token = range.first; token < range.end; ++token)
            sum.block.add({window.nll[token], 1});
        sums.push_back(sum);
    }
    const Pooled pooled = pool(sums, draws);
    NllSummary summary;
    summary.tokens = pooled.all.tokens;
    summary.windows = pooled.windows;
    summary.documents = pooled.documents;
    summary.nll = pooled.all.mean();
    summary.perplexity = std::exp(summary.nll);
    summary.ciLow = pooled.spread.low;
    summary.ciHigh = pooled.spread.high;
    summary.buckets = bucketMeans(windows, context, trainedContext, convention);
    return summary;
}

PairedDifference pairedDifference(const std::vector<WindowNll>& changed, const std::vector<WindowNll>& base,
                                  int context, Convention convention, int draws) {
    std::map<std::pair<int, int>, const WindowNll*> baseWindows;
    for (const WindowNll& window : base) baseWindows[{window.document, window.index}] = &window;
    std::vector<WindowBlock> sums;
    for (const WindowNll& window : changed) {
        const auto found = baseWindows.find({window.document, window.index});
        if (found == baseWindows.end()) continue;
        const WindowNll& other = *found->second;
        const TokenRange range = tokensOf(std::min(window.nll.size(), other.nll.size()), context, convention);
        WindowBlock sum{window.document, {}};
        for (std::size_t token = range.first; token < range.end; ++token)
            sum.block.add({static_cast<double>(window.nll[token]) - other.nll[token], 1});
        sums.push_back(sum);
    }
    const Pooled pooled = pool(sums, draws);
    return {pooled.all.tokens, pooled.windows,    pooled.documents,
            pooled.all.mean(), pooled.spread.low, pooled.spread.high};
}

std::vector<Interaction> interactions(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                                      Convention convention) {
    const auto corner = [&conditions](const ConditionResult& qpi, bool scaled,
                                      bool quantized) -> const ConditionResult* {
        for (const auto& candidate : conditions) {
            const ConditionKey& key = candidate->key;
            const bool ropeFits = scaled ? key.rope == qpi.key.rope : withoutScaling(*candidate);
            const bool quantFits = quantized ? key.quant == qpi.key.quant : key.quant.kind == QuantKind::None;
            if (key.context == qpi.key.context && key.scales.empty() && ropeFits && quantFits
                && sameWindows(candidate->windows, qpi.windows))
                return candidate.get();
        }
        return nullptr;
    };
    std::vector<Interaction> all;
    for (const auto& qpi : conditions) {
        if (withoutScaling(*qpi) || qpi->key.quant.kind == QuantKind::None || !qpi->key.scales.empty())
            continue;
        const ConditionResult* fp = corner(*qpi, false, false);
        const ConditionResult* pi = corner(*qpi, true, false);
        const ConditionResult* q = corner(*qpi, false, true);
        if (!fp || !pi || !q) continue;
        Interaction one{qpi->key.rope.text(), qpi->key.quant.text(), qpi->key.context};
        one.fp = meanNll(*fp, convention);
        one.pi = meanNll(*pi, convention);
        one.q = meanNll(*q, convention);
        one.qpi = meanNll(*qpi, convention);
        one.value = one.qpi - one.q - one.pi + one.fp;
        all.push_back(std::move(one));
    }
    return all;
}

} // namespace qroar
