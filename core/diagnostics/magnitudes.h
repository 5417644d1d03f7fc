// MagnitudeMap: how large the values of a layer are, position bucket by position bucket (ours): what shifts
// when outliers shift. A pure function of stored statistics. Not here: shares of the largest values
// (tails.h).
#pragma once

#include "core/session/session.h"

#include <vector>

namespace qroar {

/// Levels are quarter octaves of |x| at fixed places, so that maps of different conditions line up: level 0
/// is all below the histograms' range (2^-14), then 120 quarter octaves, then all above it.
struct MagnitudeMap {
    static constexpr int binsPerLevel = LogHistogram::binsPerOctave / 4;
    static constexpr int allLevels = (LogHistogram::binCount - 2) / binsPerLevel + 2;
    static int levelOf(int bin) { return bin == 0 ? 0 : (bin - 1) / binsPerLevel + 1; }
    static double lowerEdge(int level); ///< of |x|; 0 for level 0
    static double upperEdge(int level) { return lowerEdge(level + 1); }

    int buckets = 0;
    int firstLevel = 0, endLevel = 0; ///< the stretch that has values in any bucket
    std::vector<double> share;        ///< [buckets, allLevels] of the bucket's values; NaN without samples
    std::vector<double> median, tail; ///< [buckets] Q_0.5 and Q_{1-eps} of |x|; NaN without samples
    [[nodiscard]] double at(int bucket, int level) const {
        return share[static_cast<std::size_t>(bucket) * allLevels + static_cast<std::size_t>(level)];
    }
};
/// Pooled over heads, pairs and both rows of each pair. Empty without statistics or for a layer there is not.
MagnitudeMap magnitudesByPosition(const ConditionResult& condition, int layer, QkTensor tensor,
                                  RopeStage stage, double epsilon);

} // namespace qroar
