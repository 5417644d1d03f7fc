#include "core/diagnostics/pressure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace qroar {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// |d omega'_i / d ln s| of pair i (radians per token).
double phaseSensitivity(const FrequencyTable& table, std::size_t pair) {
    const double omega = table.plain[pair], scaled = table.omega[pair], s = table.factor;
    const double rotaryDim = 2 * static_cast<double>(table.plain.size());
    const double index = static_cast<double>(pair);
    // omega' = omega s^(-2i/(d-2)); pair 0 never moves, and d = 2 has no other
    const double ntk = pair == 0 ? 0.0 : 2 * index / (rotaryDim - 2) * scaled;
    switch (table.spec.kind) {
    case RopeKind::Linear:
        return omega / s;
    case RopeKind::Ntk:
        return ntk;
    case RopeKind::Dynamic:
        return s == 1 ? 0.0 : ntk;
    case RopeKind::Yarn:
        if (table.ramp.size() == table.plain.size()) return table.ramp[pair] * omega / s;
        break;
    default:
        break;
    }
    return s == 1 || !(s > 0) ? 0.0 : std::abs(omega - scaled) / std::abs(std::log(s));
}

/// Mean length of a pair before RoPE, all positions; NaN without samples.
double meanLength(const QkStatistics& statistics, int layer, QkTensor tensor, int group, int pair) {
    double sum = 0, count = 0;
    for (int bucket = 0; bucket < statistics.shape().buckets(); ++bucket) {
        const PairMoments& moments =
            statistics.moments(statistics.cell(layer, tensor, RopeStage::Pre, group, pair, bucket));
        sum += moments.sumNorm;
        count += moments.count;
    }
    return count > 0 ? sum / count : nan;
}

/// Weighted mean of values[first .. end) ; NaN when the weights do not sum to a positive number.
double weightedMean(const std::vector<double>& values, const std::vector<double>& weights, int first,
                    int end) {
    double sum = 0, weight = 0;
    for (int pair = first; pair < end; ++pair) {
        const auto at = static_cast<std::size_t>(pair);
        sum += weights[at] * values[at];
        weight += weights[at];
    }
    return weight > 0 ? sum / weight : nan;
}

} // namespace

std::vector<PairPressure> pairPressure(const FrequencyTable& table, double distance) {
    std::vector<PairPressure> result(table.plain.size());
    for (std::size_t pair = 0; pair < result.size(); ++pair) {
        PairPressure& pressure = result[pair];
        const double shift = std::abs(table.plain[pair] - table.omega[pair]);
        pressure.raw = phaseSensitivity(table, pair) * distance;
        pressure.saturated = std::min(pressure.raw, std::numbers::pi) / std::numbers::pi;
        pressure.displacement = shift * distance;
        pressure.aliasingDistance =
            shift > 0 ? std::numbers::pi / shift : std::numeric_limits<double>::infinity();
        pressure.wavelength = 2 * std::numbers::pi / table.plain[pair];
        pressure.partialCycle = pressure.wavelength > table.trainedContext;
    }
    return result;
}

BandGrid pressureGrid(PressureForm form, const FrequencyTable& table, double distance,
                      const BandPartition& bands, const QkStatistics& statistics) {
    const std::vector<PairPressure> pressure = pairPressure(table, distance);
    std::vector<double> values;
    for (const PairPressure& pair : pressure)
        values.push_back(form == PressureForm::Raw ? pair.raw : pair.saturated);
    std::vector<double> weights(values.size(), 1.0);
    const bool weighted = form == PressureForm::EnergyWeighted;
    BandGrid grid(statistics.shape().layers, bands.count());
    for (int layer = 0; layer < grid.layers; ++layer) {
        if (!table.scales(layer)) { // nothing turns otherwise under another s
            for (int band = 0; band < grid.bands; ++band) grid.at(layer, band) = 0;
            continue;
        }
        if (weighted) weights = pairEnergy(statistics, layer);
        const auto pairs = static_cast<int>(std::min(values.size(), weights.size()));
        for (int band = 0; band < grid.bands; ++band)
            grid.at(layer, band) = weightedMean(values, weights, std::min(bands.begin(band), pairs),
                                                std::min(bands.end(band), pairs));
    }
    return grid;
}

std::vector<BandCompanions> bandCompanions(const FrequencyTable& table, double distance,
                                           const BandPartition& bands) {
    const std::vector<PairPressure> pairs = pairPressure(table, distance);
    const auto known = static_cast<int>(pairs.size());
    std::vector<BandCompanions> result;
    for (int band = 0; band < bands.count(); ++band) {
        const int first = std::min(bands.begin(band), known), end = std::min(bands.end(band), known);
        BandCompanions all{0, std::numeric_limits<double>::infinity(), 0};
        for (int pair = first; pair < end; ++pair) {
            const PairPressure& one = pairs[static_cast<std::size_t>(pair)];
            all.displacement += one.displacement / (end - first);
            all.aliasingDistance = std::min(all.aliasingDistance, one.aliasingDistance);
            all.partialCycles += one.partialCycle ? 1 : 0;
        }
        if (first == end) all.displacement = all.aliasingDistance = nan;
        result.push_back(all);
    }
    return result;
}

std::vector<double> pairEnergy(const QkStatistics& statistics, int layer) {
    const StatisticsShape& shape = statistics.shape();
    std::vector<double> energy(static_cast<std::size_t>(shape.pairs), nan);
    for (int pair = 0; pair < shape.pairs; ++pair) {
        double sum = 0;
        for (int group = 0; group < shape.groups; ++group)
            sum += meanLength(statistics, layer, QkTensor::Q, group, pair)
                   * meanLength(statistics, layer, QkTensor::K, group, pair);
        energy[static_cast<std::size_t>(pair)] = sum / shape.groups;
    }
    return energy;
}

} // namespace qroar
