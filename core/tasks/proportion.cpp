#include "core/tasks/proportion.h"

#include <algorithm>
#include <cmath>

namespace qroar {

ShareInterval wilsonInterval(long long successes, long long trials) {
    if (trials < 1) return {0, 1};
    constexpr double z = 1.959963984540054;
    const auto n = static_cast<double>(trials);
    const double p = static_cast<double>(successes) / n;
    const double centre = p + z * z / (2 * n), scale = 1 + z * z / n;
    const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
    return {std::max(0.0, (centre - half) / scale), std::min(1.0, (centre + half) / scale)};
}

} // namespace qroar
