#include "core/base/float8.h"

#include <cmath>
#include <limits>

namespace qroar {

namespace {

std::array<float, 256> makeTable() {
    std::array<float, 256> table{};
    for (unsigned code = 0; code < 256; ++code) {
        const int exponent = static_cast<int>((code >> 3) & 15U), mantissa = static_cast<int>(code & 7U);
        float value = exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                    : std::ldexp(static_cast<float>(8 + mantissa), exponent - 10);
        if (isNanE4m3(static_cast<std::uint8_t>(code))) value = std::numeric_limits<float>::quiet_NaN();
        table[code] = (code & 0x80U) != 0 ? -value : value;
    }
    return table;
}

} // namespace

const std::array<float, 256>& e4m3Values() {
    static const std::array<float, 256> table = makeTable();
    return table;
}

} // namespace qroar
