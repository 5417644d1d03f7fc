#include "core/evaluate/perplexity.h"

#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace qroar {

namespace {

std::vector<NllBucket> bucketMeans(const std::vector<WindowNll>& windows, int context, int trainedContext,
                                   Convention convention) {
    if (context < 2) return {};
    const std::vector<int> edges = positionBuckets(context, trainedContext);
    std::vector<NllBucket> buckets;
    for (std::size_t edge = 0; edge + 1 < edges.size(); ++edge) {
        TokenSum block;
        for (const WindowNll& window : windows) {
            const TokenRange range = countedTokens(window.nll.size(), context, convention);
            // nll[t] belongs to the token at position t + 1
            const auto from = std::max<long long>(static_cast<long long>(range.first), edges[edge] - 1LL);
            const auto to = std::min<long long>(static_cast<long long>(range.end), edges[edge + 1] - 1LL);
            for (long long token = from; token < to; ++token)
                block.add(window.nll[static_cast<std::size_t>(token)]);
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

TokenRange countedTokens(std::size_t predictions, int context, Convention convention) {
    const std::size_t end = std::min(predictions, static_cast<std::size_t>(std::max(context - 1, 0)));
    const std::size_t half = static_cast<std::size_t>(std::max(context, 0)) / 2;
    return {convention == Convention::LastHalf ? std::min(half, end) : 0, end};
}

NllSummary summarizeNll(const std::vector<WindowNll>& windows, int context, int trainedContext,
                        Convention convention, int draws) {
    std::vector<WindowSum> sums;
    for (const WindowNll& window : windows) {
        const TokenRange range = countedTokens(window.nll.size(), context, convention);
        WindowSum sum{window.document, {}};
        for (std::size_t token = range.first; token < range.end; ++token) sum.values.add(window.nll[token]);
        sums.push_back(sum);
    }
    const Pooled pooled = poolWindows(sums, draws);
    NllSummary summary;
    summary.tokens = pooled.all.tokens;
    summary.windows = pooled.windows;
    summary.documents = pooled.documents;
    summary.blocks = pooled.blocks;
    summary.nll = pooled.all.mean();
    summary.perplexity = std::exp(summary.nll);
    summary.ciLow = pooled.low;
    summary.ciHigh = pooled.high;
    summary.buckets = bucketMeans(windows, context, trainedContext, convention);
    return summary;
}

PairedDifference pairedContrast(std::span<const ContrastTerm> terms, int context, Convention convention,
                                int draws) {
    std::map<std::pair<int, int>, std::vector<const WindowNll*>> places; // one window for each term
    for (const ContrastTerm& term : terms)
        for (const WindowNll& window : *term.windows)
            places[{window.document, window.index}].push_back(&window);
    std::vector<WindowSum> sums;
    for (const auto& [place, same] : places) {
        if (same.size() != terms.size()) continue;
        std::size_t predictions = same[0]->nll.size();
        for (const WindowNll* window : same) predictions = std::min(predictions, window->nll.size());
        const TokenRange range = countedTokens(predictions, context, convention);
        WindowSum sum{place.first, {}};
        for (std::size_t token = range.first; token < range.end; ++token) {
            double value = 0;
            for (std::size_t term = 0; term < terms.size(); ++term)
                value += terms[term].weight * same[term]->nll[token];
            sum.values.add(value);
        }
        sums.push_back(sum);
    }
    const Pooled pooled = poolWindows(sums, draws);
    return {pooled.all.tokens, pooled.windows, pooled.documents, pooled.all.mean(),
            pooled.low,        pooled.high,    pooled.blocks};
}

PairedDifference pairedDifference(const std::vector<WindowNll>& changed, const std::vector<WindowNll>& base,
                                  int context, Convention convention, int draws) {
    const ContrastTerm terms[] = {{1, &changed}, {-1, &base}};
    return pairedContrast(terms, context, convention, draws);
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
