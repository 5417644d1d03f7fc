// BandGrid: a layers x bands table of one metric, the common currency of heat maps, tables and CSV.
#pragma once

#include <limits>
#include <vector>

namespace qroar {

struct BandGrid {
    int layers = 0, bands = 0;
    std::vector<double> values; ///< [layers, bands]; NaN = no data

    BandGrid() = default;
    BandGrid(int l, int b)
        : layers(l), bands(b),
          values(static_cast<std::size_t>(l) * b, std::numeric_limits<double>::quiet_NaN()) {}
    double& at(int layer, int band) { return values[static_cast<std::size_t>(layer) * bands + band]; }
    [[nodiscard]] double at(int layer, int band) const {
        return values[static_cast<std::size_t>(layer) * bands + band];
    }
};

} // namespace qroar
