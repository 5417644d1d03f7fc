// FP8 E4M3 as checkpoints store weights (the "FN" variant of the OCP FP8 specification): sign, 4 bits of
// exponent with bias 7, 3 of mantissa; no infinity, all exponent and mantissa bits set is NaN; the largest
// number is 448, the smallest 2^-9. Not here: scales (core/model/tensor.h).
#pragma once

#include <array>
#include <cstdint>

namespace qroar {

/// What every code stands for: a number that float holds, or NaN (0x7F, 0xFF).
const std::array<float, 256>& e4m3Values();

constexpr bool isNanE4m3(std::uint8_t code) {
    return (code & 0x7FU) == 0x7FU;
}

} // namespace qroar
