// Bootstrap interval of the tail-inflation ratio (percentile bootstrap over documents, Efron 1979).
#include "core/diagnostics/band_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace qroar {

namespace {

/// The band's histograms of all documents side by side, so that a resample is a weighted sum of columns.
struct DocumentColumns {
    int first = 0, end = 0; ///< bins
    std::size_t documents = 0;
    std::vector<double> counts; ///< [end - first, documents]
    std::vector<double> totals; ///< [documents]

    explicit DocumentColumns(const std::vector<DenseHistogram>& histograms)
        : first(LogHistogram::binCount), documents(histograms.size()) {
        for (const DenseHistogram& histogram : histograms) {
            first = std::min(first, histogram.firstBin());
            end = std::max(end, histogram.endBin());
            totals.push_back(static_cast<double>(histogram.total()));
        }
        for (int bin = first; bin < end; ++bin)
            for (const DenseHistogram& histogram : histograms)
                counts.push_back(static_cast<double>(histogram.countAt(bin)));
    }

    /// Quantile of the documents taken `weights` times each; only the tail is summed.
    [[nodiscard]] double quantile(const std::vector<double>& weights, double p) const {
        double total = 0;
        for (std::size_t document = 0; document < documents; ++document)
            total += weights[document] * totals[document];
        const auto countOf = [&](int bin) {
            const double* row = counts.data() + static_cast<std::size_t>(bin - first) * documents;
            double count = 0;
            for (std::size_t document = 0; document < documents; ++document)
                count += weights[document] * row[document];
            return count;
        };
        return cutTail(total, first, end, p, countOf).value();
    }
};

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
struct Random {
    std::uint64_t state;
    std::uint64_t next() {
        std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return z ^ (z >> 31);
    }
    /// 0 .. bound-1, for bounds far below 2^32.
    std::size_t below(std::size_t bound) { return static_cast<std::size_t>(((next() >> 32) * bound) >> 32); }
};

/// Percentile of sorted values, linear between order statistics.
double percentile(const std::vector<double>& sorted, double p) {
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto lower = static_cast<std::size_t>(at);
    const std::size_t upper = std::min(lower + 1, sorted.size() - 1);
    return sorted[lower] + (at - static_cast<double>(lower)) * (sorted[upper] - sorted[lower]);
}

} // namespace

Interval tailInflationInterval(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                               int layer, int firstPair, int endPair, const TailInflationOptions& options,
                               int draws) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    const PositionRange positions = longPositions(longCondition);
    const auto pooled = [&](const QkStatistics& statistics, PositionRange range) {
        return bandHistogram({&statistics, layer, options.tensor, options.stage}, firstPair, endPair, range);
    };
    std::vector<DenseHistogram> longOnes, shortOnes;
    const std::size_t common = std::min(longCondition.byDocument.size(), shortCondition.byDocument.size());
    for (std::size_t document = 0; document < common; ++document) {
        DenseHistogram inLong = pooled(longCondition.byDocument[document], positions);
        DenseHistogram inShort = pooled(shortCondition.byDocument[document], {});
        if (inLong.total() == 0 || inShort.total() == 0) continue;
        longOnes.push_back(inLong);
        shortOnes.push_back(inShort);
    }
    if (longOnes.size() < 2 || draws < 1) return {nan, nan};

    const DocumentColumns longColumns(longOnes), shortColumns(shortOnes);
    const double divisor = attentionDivisor(longCondition, shortCondition, options, layer);
    Random random{0x51524f4152ULL};
    std::vector<double> ratios, weights(longOnes.size());
    for (int draw = 0; draw < draws; ++draw) {
        std::fill(weights.begin(), weights.end(), 0.0);
        for (std::size_t pick = 0; pick < weights.size(); ++pick) weights[random.below(weights.size())] += 1;
        ratios.push_back(resolvedQuantile(longColumns.quantile(weights, 1 - options.epsilon))
                         / resolvedQuantile(shortColumns.quantile(weights, 1 - options.epsilon)) / divisor);
        if (std::isnan(ratios.back())) return {nan, nan};
    }
    std::sort(ratios.begin(), ratios.end());
    return {percentile(ratios, 0.025), percentile(ratios, 0.975)};
}

} // namespace qroar
