// Conditions built from a rule instead of a model: value(layer, tensor, stage, pair, position, document,
// sample) gives |x| of every sample; merged statistics and those per document agree exactly. For tests of
// metrics.
#pragma once

#include "core/session/session.h"

#include <cmath>
#include <cstdint>
#include <functional>

namespace qroar::test {

/// Where a sample is; enough to plant anything anywhere.
struct SamplePlace {
    int layer = 0;
    QkTensor tensor = QkTensor::Q;
    RopeStage stage = RopeStage::Pre;
    int group = 0, pair = 0, position = 0, document = 0, index = 0;
};

/// A number in (0, 1) that depends on the place only.
inline double hashed(const SamplePlace& p, std::uint64_t salt = 0) {
    std::uint64_t z = salt * 0x2545f4914f6cdd1dULL;
    for (const int part : {p.layer, static_cast<int>(p.tensor), static_cast<int>(p.stage), p.group, p.pair,
                           p.position, p.document, p.index}) {
        z += 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(part);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        z ^= z >> 31;
    }
    return (static_cast<double>(z >> 11) + 0.5) * 0x1p-53;
}

/// |x| of a normal variable (Box-Muller).
inline double normalMagnitude(const SamplePlace& place, std::uint64_t salt = 0) {
    return std::abs(std::sqrt(-2 * std::log(hashed(place, 2 * salt + 1)))
                    * std::cos(6.283185307179586 * hashed(place, 2 * salt + 2)));
}

struct BuiltOptions {
    int layers = 2, groups = 1, pairs = 4, context = 64, trainedContext = 32, documents = 3, samples = 1;
};
using SampleRule = std::function<double(const SamplePlace&)>; ///< |x| and |y| of the sample; negative = none

inline void addSample(QkStatistics& statistics, const SamplePlace& p, int group, double value) {
    const int bucket = statistics.shape().bucketOf(p.position);
    const std::size_t cell = statistics.cell(p.layer, p.tensor, p.stage, group, p.pair, bucket);
    PairMoments& moments = statistics.moments(cell);
    moments.count += 1;
    moments.sumX += value;
    moments.sumY += value;
    moments.sumXX += value * value;
    moments.sumXY += value * value;
    moments.sumYY += value * value;
    moments.sumNorm += std::sqrt(2.0) * value;
    moments.maxAbs = std::max(moments.maxAbs, value);
    statistics.histogram(cell).addCount(LogHistogram::binOf(static_cast<float>(value)), 2);
}

inline ConditionResult buildCondition(const BuiltOptions& o, const SampleRule& rule) {
    ConditionResult result;
    result.key.context = o.context;
    result.table.trainedContext = o.trainedContext;
    result.table.attentionFactor = 1;
    result.statistics =
        QkStatistics({o.layers, o.groups, o.pairs, positionBuckets(o.context, o.trainedContext)});
    result.byDocument.assign(
        static_cast<std::size_t>(o.documents),
        QkStatistics({o.layers, 1, o.pairs, positionZones(o.context, o.trainedContext)}));
    SamplePlace p;
    for (p.layer = 0; p.layer < o.layers; ++p.layer)
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
                for (p.group = 0; p.group < o.groups; ++p.group)
                    for (p.pair = 0; p.pair < o.pairs; ++p.pair)
                        for (p.document = 0; p.document < o.documents; ++p.document)
                            for (p.position = 0; p.position < o.context; ++p.position)
                                for (p.index = 0; p.index < o.samples; ++p.index) {
                                    p.tensor = tensor;
                                    p.stage = stage;
                                    const double value = rule(p);
                                    if (value < 0) continue;
                                    addSample(result.statistics, p, p.group, value);
                                    addSample(result.byDocument[static_cast<std::size_t>(p.document)], p, 0,
                                              value);
                                }
    return result;
}

} // namespace qroar::test
