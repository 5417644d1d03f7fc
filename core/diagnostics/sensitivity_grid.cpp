#include "core/diagnostics/sensitivity_grid.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Sums of value(layer, pair) over the pairs of each band.
template<class Value>
BandGrid sumOverBands(const Sensitivity& sensitivity, const BandPartition& bands, Value value) {
    if (sensitivity.empty()) return {};
    BandGrid grid(sensitivity.layers, bands.count());
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band) {
            double sum = 0;
            for (int pair = bands.begin(band); pair < std::min(bands.end(band), sensitivity.pairs); ++pair)
                sum += value(layer, pair);
            grid.at(layer, band) = sum;
        }
    return grid;
}

} // namespace

BandGrid measuredPressure(const Sensitivity& sensitivity, const BandPartition& bands) {
    BandGrid grid =
        sumOverBands(sensitivity, bands, [&](int layer, int pair) { return sensitivity.omega(layer, pair); });
    for (double& value : grid.values) value = std::abs(value);
    return grid;
}

BandGrid gainSensitivity(const Sensitivity& sensitivity, const BandPartition& bands) {
    return sumOverBands(sensitivity, bands, [&](int layer, int pair) {
        double sum = 0;
        for (int head = 0; head < sensitivity.heads; ++head) sum += sensitivity.gainQ(layer, head, pair);
        return sum;
    });
}

} // namespace qroar
