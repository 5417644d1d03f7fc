#include "core/diagnostics/tails.h"

#include "core/diagnostics/band_histogram.h"
#include "core/diagnostics/pair_pool.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// a / b, NaN unless both are positive numbers that make sense as magnitudes.
double ratio(double a, double b) {
    return a >= 0 && b > 0 ? a / b : nan;
}

/// max|x| of a band; NaN without samples (or when the run recorded NaN).
double bandMaximum(const TensorSlice& slice, int firstPair, int endPair, PositionRange positions) {
    double maximum = nan;
    bool overflow = false;
    forEachCell(slice, firstPair, endPair, positions, [&](std::size_t cell, int, int) {
        const PairMoments& moments = slice.statistics->moments(cell);
        if (moments.count == 0) return;
        overflow = overflow || std::isnan(moments.maxAbs);
        maximum = std::fmax(maximum, moments.maxAbs);
    });
    return overflow ? nan : maximum;
}

/// One tensor of a condition as bands see it: from a pool where there is one, else from the cells.
class BandSource {
  public:
    BandSource(const QkStatistics& statistics, QkTensor tensor, RopeStage stage, PositionRange positions,
               PoolCache* pools)
        : statistics_(statistics), tensor_(tensor), stage_(stage), positions_(positions),
          pool_(pools ? pools->pool(statistics, tensor, stage, positions) : nullptr) {}
    [[nodiscard]] DenseHistogram histogram(int layer, int first, int end) const {
        return pool_ ? pool_->band(layer, first, end)
                     : bandHistogram({&statistics_, layer, tensor_, stage_}, first, end, positions_);
    }
    [[nodiscard]] double maximum(int layer, int first, int end) const {
        return pool_ ? pool_->maximum(layer, first, end)
                     : bandMaximum({&statistics_, layer, tensor_, stage_}, first, end, positions_);
    }

  private:
    const QkStatistics& statistics_;
    QkTensor tensor_;
    RopeStage stage_;
    PositionRange positions_;
    const PairPool* pool_;
};

/// A grid whose cells are metric(layer, first pair, end pair).
template<class Metric>
BandGrid gridOf(int layers, const BandPartition& bands, Metric&& metric) {
    BandGrid grid(layers, bands.count());
    for (int layer = 0; layer < layers; ++layer)
        for (int band = 0; band < grid.bands; ++band)
            grid.at(layer, band) = metric(layer, bands.begin(band), bands.end(band));
    return grid;
}

/// Each histogram's part of the mass above the cut of their sum: [histograms], sums to 1; NaN without mass.
std::vector<double> sharesOfTop(const std::vector<DenseHistogram>& parts, double epsilon) {
    double total = 0;
    int first = LogHistogram::binCount, end = 0;
    for (const DenseHistogram& part : parts) {
        total += static_cast<double>(part.total());
        first = std::min(first, part.firstBin());
        end = std::max(end, part.endBin());
    }
    const TailCut cut = cutTail(total, first, end, 1 - epsilon, [&](int bin) {
        double count = 0;
        for (const DenseHistogram& part : parts) count += static_cast<double>(part.countAt(bin));
        return count;
    });
    std::vector<double> shares;
    double top = 0;
    for (const DenseHistogram& part : parts) {
        shares.push_back(massAbove(part, cut));
        top += shares.back();
    }
    for (double& share : shares) share = top > 0 ? share / top : nan;
    return shares;
}

} // namespace

DenseHistogram bandHistogram(const TensorSlice& slice, int firstPair, int endPair, PositionRange positions) {
    DenseHistogram pooled;
    forEachCell(slice, firstPair, endPair, positions,
                [&](std::size_t cell, int, int) { pooled.add(slice.statistics->histogram(cell)); });
    return pooled;
}

double attentionDivisor(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                        const TailInflationOptions& options, int layer) {
    if (!options.divideByAttentionFactor || options.stage != RopeStage::Post) return 1;
    if (!longCondition.table.scales(layer)) return 1;
    return longCondition.table.attentionFactor / shortCondition.table.attentionFactor;
}

LogHistogram pooledHistogram(const QkStatistics& statistics, int layer, QkTensor tensor, RopeStage stage,
                             int firstPair, int endPair, PositionRange positions) {
    return bandHistogram({&statistics, layer, tensor, stage}, firstPair, endPair, positions).compact();
}

PositionRange longPositions(const ConditionResult& longCondition) {
    PositionRange positions;
    if (longCondition.key.context > longCondition.table.trainedContext)
        positions.from = static_cast<int>(longCondition.table.trainedContext);
    return positions;
}

BandGrid tailInflation(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                       const BandPartition& bands, const TailInflationOptions& options, PoolCache* pools) {
    const double p = 1 - options.epsilon;
    const BandSource inLong(longCondition.statistics, options.tensor, options.stage,
                            longPositions(longCondition), pools);
    const BandSource inShort(shortCondition.statistics, options.tensor, options.stage, {}, pools);
    return gridOf(longCondition.statistics.shape().layers, bands, [&](int layer, int first, int end) {
        return ratio(resolvedQuantile(inLong.histogram(layer, first, end).quantile(p)),
                     resolvedQuantile(inShort.histogram(layer, first, end).quantile(p)))
               / attentionDivisor(longCondition, shortCondition, options, layer);
    });
}

BandGrid excessTailMass(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                        const BandPartition& bands, const TailInflationOptions& options, PoolCache* pools) {
    const BandSource inLong(longCondition.statistics, options.tensor, options.stage,
                            longPositions(longCondition), pools);
    const BandSource inShort(shortCondition.statistics, options.tensor, options.stage, {}, pools);
    return gridOf(longCondition.statistics.shape().layers, bands, [&](int layer, int first, int end) {
        const double threshold = inShort.histogram(layer, first, end).quantile(1 - options.epsilon);
        const double divisor = attentionDivisor(longCondition, shortCondition, options, layer);
        return inLong.histogram(layer, first, end).tailMass(threshold * divisor) - options.epsilon;
    });
}

BandGrid rangeDilation(const ConditionResult& condition, QkTensor tensor, const BandPartition& bands,
                       PoolCache* pools) {
    const QkStatistics& statistics = condition.statistics;
    const BandSource post(statistics, tensor, RopeStage::Post, {}, pools);
    const BandSource pre(statistics, tensor, RopeStage::Pre, {}, pools);
    return gridOf(statistics.shape().layers, bands, [&](int layer, int first, int end) {
        return ratio(post.maximum(layer, first, end), pre.maximum(layer, first, end));
    });
}

CalibrationLoss calibrationLoss(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                                const BandPartition& bands, QkTensor tensor, RopeStage stage,
                                PoolCache* pools) {
    const int layers = longCondition.statistics.shape().layers;
    const BandSource inLong(longCondition.statistics, tensor, stage, longPositions(longCondition), pools);
    const BandSource inShort(shortCondition.statistics, tensor, stage, {}, pools);
    CalibrationLoss loss{BandGrid(layers, bands.count()), BandGrid(layers, bands.count())};
    for (int layer = 0; layer < layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            const int first = bands.begin(band), end = bands.end(band);
            const double longMaximum = inLong.maximum(layer, first, end);
            const double range = inShort.maximum(layer, first, end);
            if (std::isnan(longMaximum) || std::isnan(range)) continue;
            loss.bitsLost.at(layer, band) = std::log2(ratio(longMaximum, range));
            loss.clipRate.at(layer, band) =
                longMaximum <= range ? 0.0 : inLong.histogram(layer, first, end).tailMass(range);
        }
    return loss;
}

BandGrid topShareByBand(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                        RopeStage stage, double epsilon, PoolCache* pools) {
    const QkStatistics& statistics = condition.statistics;
    const BandSource source(statistics, tensor, stage, {}, pools);
    BandGrid grid(statistics.shape().layers, bands.count());
    for (int layer = 0; layer < grid.layers; ++layer) {
        std::vector<DenseHistogram> parts;
        for (int band = 0; band < grid.bands; ++band)
            parts.push_back(source.histogram(layer, bands.begin(band), bands.end(band)));
        const std::vector<double> shares = sharesOfTop(parts, epsilon);
        for (int band = 0; band < grid.bands; ++band)
            grid.at(layer, band) = shares[static_cast<std::size_t>(band)];
    }
    return grid;
}

namespace {

/// topShareByPosition() of one layer: [buckets].
std::vector<double> topShareOfBuckets(const TensorSlice& slice, double epsilon, bool relative) {
    const StatisticsShape& shape = slice.statistics->shape();
    std::vector<DenseHistogram> parts(static_cast<std::size_t>(std::max(shape.buckets(), 0)));
    forEachCell(slice, 0, shape.pairs, {}, [&](std::size_t cell, int, int bucket) {
        parts[static_cast<std::size_t>(bucket)].add(slice.statistics->histogram(cell));
    });
    double total = 0;
    for (const DenseHistogram& part : parts) total += static_cast<double>(part.total());
    std::vector<double> shares = sharesOfTop(parts, epsilon);
    for (std::size_t bucket = 0; relative && bucket < parts.size(); ++bucket)
        shares[bucket] = ratio(shares[bucket], static_cast<double>(parts[bucket].total()) / total);
    return shares;
}

} // namespace

BandGrid topShareByPosition(const ConditionResult& condition, QkTensor tensor, RopeStage stage,
                            double epsilon, bool relative) {
    const StatisticsShape& shape = condition.statistics.shape();
    BandGrid grid(shape.layers, std::max(shape.buckets(), 0));
    for (int layer = 0; layer < grid.layers; ++layer) {
        const auto shares =
            topShareOfBuckets({&condition.statistics, layer, tensor, stage}, epsilon, relative);
        for (int bucket = 0; bucket < grid.bands; ++bucket)
            grid.at(layer, bucket) = shares[static_cast<std::size_t>(bucket)];
    }
    return grid;
}

BandGrid topShareByDocument(const ConditionResult& condition, int layer, QkTensor tensor, RopeStage stage,
                            double epsilon, bool relative) {
    if (condition.byDocument.empty()) return {};
    const int zones = std::max(condition.byDocument.front().shape().buckets(), 0);
    BandGrid grid(static_cast<int>(condition.byDocument.size()), zones);
    for (int document = 0; document < grid.layers; ++document) {
        const QkStatistics& one = condition.byDocument[static_cast<std::size_t>(document)];
        if (one.shape().buckets() != zones) continue;
        const auto shares = topShareOfBuckets({&one, layer, tensor, stage}, epsilon, relative);
        for (int zone = 0; zone < zones; ++zone)
            grid.at(document, zone) = shares[static_cast<std::size_t>(zone)];
    }
    return grid;
}

TopShares topShares(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                    RopeStage stage, double epsilon) {
    const QkStatistics& statistics = condition.statistics;
    const StatisticsShape& shape = statistics.shape();
    TopShares result{shape.layers, bands.count(), std::max(shape.buckets(), 0), {}, {}};
    for (int layer = 0; layer < result.layers; ++layer) {
        const auto buckets = static_cast<std::size_t>(result.buckets);
        std::vector<DenseHistogram> parts(static_cast<std::size_t>(result.bands) * buckets);
        forEachCell(
            {&statistics, layer, tensor, stage}, 0, shape.pairs, {},
            [&](std::size_t cell, int pair, int bucket) {
                const int band = bands.bandOf(pair);
                if (band < 0) return;
                parts[static_cast<std::size_t>(band) * buckets + static_cast<std::size_t>(bucket)].add(
                    statistics.histogram(cell));
            });
        double total = 0;
        for (const DenseHistogram& part : parts) total += static_cast<double>(part.total());
        const std::vector<double> shares = sharesOfTop(parts, epsilon);
        for (std::size_t at = 0; at < parts.size(); ++at) {
            result.share.push_back(shares[at]);
            result.all.push_back(total > 0 ? static_cast<double>(parts[at].total()) / total : nan);
        }
    }
    return result;
}

} // namespace qroar
