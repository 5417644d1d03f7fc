#include "core/diagnostics/magnitudes.h"

#include "core/diagnostics/band_histogram.h"

#include <algorithm>
#include <limits>

namespace qroar {

static_assert((LogHistogram::binCount - 2) % MagnitudeMap::binsPerLevel == 0);

double MagnitudeMap::lowerEdge(int level) {
    return level == 0
               ? 0
               : LogHistogram::binLower(std::min(1 + (level - 1) * binsPerLevel, LogHistogram::binCount));
}

MagnitudeMap magnitudesByPosition(const ConditionResult& condition, int layer, QkTensor tensor,
                                  RopeStage stage, double epsilon) {
    const QkStatistics& statistics = condition.statistics;
    const StatisticsShape& shape = statistics.shape();
    MagnitudeMap map;
    if (statistics.cells() == 0 || layer < 0 || layer >= shape.layers) return map;
    map.buckets = std::max(shape.buckets(), 0);
    std::vector<DenseHistogram> parts(static_cast<std::size_t>(map.buckets));
    forEachCell({&statistics, layer, tensor, stage}, 0, shape.pairs, {},
                [&](std::size_t cell, int, int bucket) {
                    parts[static_cast<std::size_t>(bucket)].add(statistics.histogram(cell));
                });
    map.share.assign(parts.size() * MagnitudeMap::allLevels, 0);
    map.firstLevel = MagnitudeMap::allLevels;
    for (std::size_t bucket = 0; bucket < parts.size(); ++bucket) {
        const DenseHistogram& part = parts[bucket];
        double* shares = map.share.data() + bucket * MagnitudeMap::allLevels;
        map.median.push_back(part.quantile(0.5));
        map.tail.push_back(part.quantile(1 - epsilon));
        if (part.total() == 0) {
            std::fill_n(shares, MagnitudeMap::allLevels, std::numeric_limits<double>::quiet_NaN());
            continue;
        }
        for (int bin = part.firstBin(); bin < part.endBin(); ++bin)
            shares[MagnitudeMap::levelOf(bin)] +=
                static_cast<double>(part.countAt(bin)) / static_cast<double>(part.total());
        map.firstLevel = std::min(map.firstLevel, MagnitudeMap::levelOf(part.firstBin()));
        map.endLevel = std::max(map.endLevel, MagnitudeMap::levelOf(part.endBin() - 1) + 1);
    }
    map.firstLevel = std::min(map.firstLevel, map.endLevel);
    return map;
}

} // namespace qroar
