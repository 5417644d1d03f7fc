// How the tail metrics pool stored histograms: one loop over cells for all of them. Internal to
// core/diagnostics.
#pragma once

#include <limits>

#include "core/diagnostics/dense_histogram.h"
#include "core/diagnostics/tails.h"

namespace qroar {

/// One (layer, tensor, stage) of the statistics: what all tail metrics fix first.
struct TensorSlice {
    const QkStatistics* statistics = nullptr;
    int layer = 0;
    QkTensor tensor = QkTensor::K;
    RopeStage stage = RopeStage::Post;
};

/// Calls visit(cell index, pair, bucket) for every cell of pairs [firstPair, endPair) and all head groups
/// whose bucket starts within the positions; does nothing when the statistics lack the layer.
template<class Visit>
void forEachCell(const TensorSlice& slice, int firstPair, int endPair, PositionRange positions,
                 Visit&& visit) {
    const StatisticsShape& shape = slice.statistics->shape();
    if (slice.layer < 0 || slice.layer >= shape.layers) return;
    const int first = std::max(firstPair, 0), end = std::min(endPair, shape.pairs);
    for (int group = 0; group < shape.groups; ++group)
        for (int pair = first; pair < end; ++pair)
            for (int bucket = 0; bucket < shape.buckets(); ++bucket) {
                const int start = shape.bucketEdges[static_cast<std::size_t>(bucket)];
                if (start >= positions.from && start < positions.to)
                    visit(slice.statistics->cell(slice.layer, slice.tensor, slice.stage, group, pair, bucket),
                          pair, bucket);
            }
}

/// All samples of a band in one histogram.
DenseHistogram bandHistogram(const TensorSlice& slice, int firstPair, int endPair, PositionRange positions);

/// The quantile itself, or NaN where histograms do not resolve it: below their range (nearly dead bands) or
/// above it.
inline double resolvedQuantile(double value) {
    const bool inside =
        value >= LogHistogram::binLower(1) && value < LogHistogram::binLower(LogHistogram::binCount - 1);
    return inside ? value : std::numeric_limits<double>::quiet_NaN();
}

/// What divides the ratio of two quantiles of a layer so that it shows without the attention factor; 1 when
/// not asked, and in layers that no scaling changes.
double attentionDivisor(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                        const TailInflationOptions& options, int layer);

} // namespace qroar
