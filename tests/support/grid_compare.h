// Equality of metric grids bit for bit, where "no data" (NaN) equals itself.
#pragma once

#include "core/diagnostics/band_grid.h"

#include <algorithm>
#include <cmath>

namespace qroar::test {

inline bool sameValues(const std::vector<double>& a, const std::vector<double>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double one, double two) {
        return one == two || (std::isnan(one) && std::isnan(two));
    });
}

inline bool sameValues(const BandGrid& a, const BandGrid& b) {
    return a.layers == b.layers && a.bands == b.bands && sameValues(a.values, b.values);
}

} // namespace qroar::test
