#include "core/diagnostics/noise_grid.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <numbers>

namespace qroar {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// A symmetric 2x2 matrix as its trace and its deviator: half the difference of its eigenvalues, with twice
/// the angle of the larger axis.
struct Symmetric {
    double trace = 0;
    std::complex<double> deviator;
    Symmetric(double xx, double xy, double yy) : trace(xx + yy), deviator((xx - yy) / 2, xy) {}
};

Symmetric errorCovariance(const ErrorMoments& m) {
    const double meanX = m.sumX / m.count, meanY = m.sumY / m.count;
    return {m.sumXX / m.count - meanX * meanX, m.sumXY / m.count - meanX * meanY,
            m.sumYY / m.count - meanY * meanY};
}

Symmetric signalMoment(const ErrorMoments& m) {
    return {m.signalXX / m.count, m.signalXY / m.count, m.signalYY / m.count};
}

/// First and last + 1 of the head groups that `group` asks for; none when there is no such group.
std::array<int, 2> groupRange(const NoiseShape& shape, int group) {
    if (group < 0) return {0, shape.groups};
    return {group, group < shape.groups ? group + 1 : group};
}

/// Layer x band: mean of value(layer, pair) weighted with weight(layer, pair), over pairs where both are
/// known.
template<class PairValue>
BandGrid weightedGrid(const NoiseStatistics& noise, const BandPartition& bands, const PairValue& valueOf) {
    const NoiseShape& shape = noise.shape();
    BandGrid grid(shape.layers, bands.count());
    for (int layer = 0; layer < shape.layers; ++layer)
        for (int band = 0; band < bands.count(); ++band) {
            double sum = 0, weights = 0;
            for (int pair = bands.begin(band); pair < std::min(bands.end(band), shape.pairs); ++pair) {
                const auto [value, weight] = valueOf(layer, pair);
                if (!std::isfinite(value) || !(weight > 0)) continue;
                sum += weight * value;
                weights += weight;
            }
            if (weights > 0) grid.at(layer, band) = sum / weights;
        }
    return grid;
}

/// Of one group's cells, by the law of total variance: variances and depths of groups are added, not mixed.
struct PairNoise {
    double variance = 0, largest = 0; ///< parts of Var, without the factor of the logit
    std::complex<double> mean;
};
PairNoise pairNoise(const ErrorMoments& q, const ErrorMoments& k) {
    const Symmetric errorQ = errorCovariance(q), errorK = errorCovariance(k);
    const Symmetric signalQ = signalMoment(q), signalK = signalMoment(k);
    PairNoise noise;
    noise.variance = (signalK.trace * errorQ.trace + signalQ.trace * errorK.trace) / 2;
    noise.largest = signalK.trace * std::abs(errorQ.deviator) + signalQ.trace * std::abs(errorK.deviator);
    // tr(S R T R^-1) = tr S tr T / 2 + 2 Re(dS conj(dT) e^(-2 i angle)); the angle of the second term is the
    // opposite of the first one's, so its conjugate turns the same way
    noise.mean =
        2.0 * (errorQ.deviator * std::conj(signalK.deviator) + std::conj(errorK.deviator) * signalQ.deviator);
    return noise;
}

} // namespace

ErrorMoments pooledErrors(const NoiseStatistics& noise, int layer, QkTensor tensor, int pair, int group) {
    const NoiseShape& shape = noise.shape();
    ErrorMoments all;
    if (layer < 0 || layer >= shape.layers || pair < 0 || pair >= shape.pairs) return all;
    const auto [first, end] = groupRange(shape, group);
    for (int at = first; at < end; ++at)
        for (int bucket = 0; bucket < shape.buckets(); ++bucket)
            all.add(noise.errors()[noise.errorCell(layer, tensor, at, pair, bucket)]);
    return all;
}

Anisotropy anisotropyOf(const ErrorMoments& moments) {
    if (!(moments.count > 0)) return {nan, nan, nan, nan, nan};
    const Symmetric covariance = errorCovariance(moments);
    const double difference = 2 * std::abs(covariance.deviator); // l1 - l2
    Anisotropy found;
    found.variance = std::max(covariance.trace, 0.0);
    found.value = found.variance > 0 ? std::min(difference / found.variance, 1.0) : nan;
    found.orientation = std::arg(covariance.deviator) / 2;
    found.mean = std::hypot(moments.sumX, moments.sumY) / moments.count;
    found.snrDb = 10 * std::log10((moments.signalXX + moments.signalYY) / (moments.sumXX + moments.sumYY));
    return found;
}

Anisotropy anisotropyOf(const NoiseStatistics& noise, int layer, QkTensor tensor, int pair, int group) {
    return anisotropyOf(pooledErrors(noise, layer, tensor, pair, group));
}

NoiseDepth noiseDepth(const ConditionResult& condition, double logitScale, int layer, int pair, int group) {
    const NoiseStatistics& noise = condition.noise;
    const NoiseShape& shape = noise.shape();
    if (layer < 0 || layer >= shape.layers || pair < 0 || pair >= shape.pairs) return {nan, nan, nan};
    const auto [first, end] = groupRange(shape, group);
    PairNoise all;
    int groups = 0;
    for (int at = first; at < end; ++at) {
        const ErrorMoments q = pooledErrors(noise, layer, QkTensor::Q, pair, at);
        const ErrorMoments k = pooledErrors(noise, layer, QkTensor::K, pair, at);
        if (!(q.count > 0) || !(k.count > 0)) continue;
        const PairNoise one = pairNoise(q, k);
        all.variance += one.variance;
        all.largest += one.largest;
        all.mean += one.mean;
        ++groups;
    }
    if (groups == 0 || !(all.variance > 0)) return {nan, nan, nan};
    const double m = condition.table.scales(layer) ? condition.table.attentionFactor : 1;
    const double factor = m * m * logitScale;
    return {all.largest / all.variance, std::abs(all.mean) / all.variance,
            factor * std::sqrt(all.variance / groups)};
}

BandGrid anisotropyGrid(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                        int group) {
    return weightedGrid(condition.noise, bands, [&](int layer, int pair) {
        const Anisotropy found = anisotropyOf(condition.noise, layer, tensor, pair, group);
        return std::pair(found.value, found.variance);
    });
}

BandGrid noiseDepthGrid(const ConditionResult& condition, double logitScale, const BandPartition& bands,
                        int group) {
    return weightedGrid(condition.noise, bands, [&](int layer, int pair) {
        const NoiseDepth depth = noiseDepth(condition, logitScale, layer, pair, group);
        return std::pair(depth.largest, depth.rms * depth.rms);
    });
}

double logitNoise(const NoiseStatistics& noise, LogitNoise form, int layer, int firstPair, int endPair,
                  int distance, int group) {
    const NoiseShape& shape = noise.shape();
    if (layer < 0 || layer >= shape.layers || distance >= shape.distances()) return nan;
    const auto [firstGroup, endGroup] = groupRange(shape, group);
    const int first = std::max(firstPair, 0), end = std::min(endPair, shape.pairs);
    const int firstDistance = std::max(distance, 0),
              endDistance = distance < 0 ? shape.distances() : distance + 1;
    double samples = 0, sum = 0;
    for (int at = firstGroup; at < endGroup; ++at)
        for (int bucket = firstDistance; bucket < endDistance; ++bucket) {
            const std::size_t cell = noise.logitCell(layer, at, bucket);
            samples += noise.samples(cell);
            const auto sums = noise.sums(cell);
            const auto products = noise.products(cell);
            for (int pair = first; pair < end; ++pair) {
                if (form == LogitNoise::Mean) {
                    sum += sums[static_cast<std::size_t>(pair)];
                    continue;
                }
                const double* row = products.data() + noise.productIndex(pair, pair);
                sum += row[0];
                for (int other = 1; other < end - pair; ++other) sum += 2 * row[other];
            }
        }
    if (!(samples > 0) || first >= end) return nan;
    // cancellation between pairs may leave a rounding error below zero
    return form == LogitNoise::Mean ? sum / samples : std::sqrt(std::max(sum, 0.0) / samples);
}

BandGrid logitNoiseGrid(const ConditionResult& condition, const BandPartition& bands, LogitNoise form,
                        int distance, int group) {
    BandGrid grid(condition.noise.shape().layers, bands.count());
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < bands.count(); ++band)
            grid.at(layer, band) =
                logitNoise(condition.noise, form, layer, bands.begin(band), bands.end(band), distance, group);
    return grid;
}

} // namespace qroar
