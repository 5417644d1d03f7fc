#include "core/evaluate/divergence.h"

#include "core/evaluate/blocks.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

/// Sums of the tokens of a position bucket, or of everything.
struct Sums {
    TokenSum kl;
    long long sameTop = 0;
    double deltaP = 0, squaredDeltaP = 0;
    void add(const WindowDivergence& window, std::size_t token) {
        kl.add(window.kl[token]);
        sameTop += window.sameTop[token];
        const double delta = window.deltaP[token];
        deltaP += delta;
        squaredDeltaP += delta * delta;
    }
    [[nodiscard]] double share(double value) const {
        return kl.tokens > 0 ? value / static_cast<double>(kl.tokens)
                             : std::numeric_limits<double>::quiet_NaN();
    }
    [[nodiscard]] double sameTopShare() const { return share(static_cast<double>(sameTop)); }
};

void addBuckets(DivergenceSummary& summary, const std::vector<int>& edges, const std::vector<Sums>& buckets) {
    for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
        const Sums& sums = buckets[bucket];
        if (sums.kl.tokens > 0)
            summary.buckets.push_back(
                {edges[bucket], edges[bucket + 1], sums.kl.tokens, sums.kl.mean(), sums.sameTopShare()});
    }
}

void addQuantiles(DivergenceSummary& summary, std::vector<double>& values) {
    if (values.empty()) {
        summary.median = summary.p90 = summary.p99 = summary.max = std::numeric_limits<double>::quiet_NaN();
        return;
    }
    std::sort(values.begin(), values.end());
    summary.median = percentile(values, 0.5);
    summary.p90 = percentile(values, 0.9);
    summary.p99 = percentile(values, 0.99);
    summary.max = values.back();
}

} // namespace

DivergenceSummary summarizeDivergence(const std::vector<WindowDivergence>& windows, int context,
                                      int trainedContext, Convention convention, int draws) {
    DivergenceSummary summary;
    const std::vector<int> edges =
        context >= 2 ? positionBuckets(context, trainedContext) : std::vector<int>{0, 0};
    std::vector<Sums> buckets(edges.size() - 1);
    Sums all;
    std::vector<WindowSum> blocks;
    std::vector<double> values;
    for (const WindowDivergence& window : windows) {
        WindowSum own{window.document, {}};
        const TokenRange range = countedTokens(window.kl.size(), context, convention);
        std::size_t bucket = 0;
        for (std::size_t token = range.first; token < range.end; ++token) {
            if (std::isnan(window.kl[token])) continue;
            const int position = static_cast<int>(token) + 1; // of the predicted token
            while (position >= edges[bucket + 1]) ++bucket;
            all.add(window, token);
            buckets[bucket].add(window, token);
            own.values.add(window.kl[token]);
            values.push_back(window.kl[token]);
        }
        blocks.push_back(own);
    }
    const Pooled pooled = poolWindows(blocks, draws);
    summary.tokens = all.kl.tokens;
    summary.windows = pooled.windows;
    summary.documents = pooled.documents;
    summary.blocks = pooled.blocks;
    summary.mean = pooled.all.mean();
    summary.ciLow = pooled.low;
    summary.ciHigh = pooled.high;
    summary.sameTop = all.sameTopShare();
    summary.meanDeltaP = all.share(all.deltaP);
    summary.rmsDeltaP = std::sqrt(all.share(all.squaredDeltaP));
    addBuckets(summary, edges, buckets);
    addQuantiles(summary, values);
    return summary;
}

} // namespace qroar
