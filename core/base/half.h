// 16-bit floating point: IEEE binary16 (F16) and bfloat16 (BF16), to and from float, round to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qroar {

float f16ToFloat(std::uint16_t bits);
std::uint16_t floatToF16(float value);
float bf16ToFloat(std::uint16_t bits);
std::uint16_t floatToBf16(float value);

/// A float on the way from double to a 16-bit type: toward zero, with the last bit set when inexact, because
/// rounding twice to nearest can go wrong (Boldo & Melquiond 2008). A second rounding then gives what
/// rounding `value` once would.
float roundToOdd(double value);

/// The float nearest to `value` that F16 can hold: what a stored scale becomes.
inline float roundToF16(float value) {
    return f16ToFloat(floatToF16(value));
}

void f16ToFloat(const void* source, float* target, std::size_t count);  ///< source need not be aligned
void bf16ToFloat(const void* source, float* target, std::size_t count); ///< source need not be aligned

} // namespace qroar
