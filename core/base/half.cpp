#include "core/base/half.h"

#include "core/base/vectorized.h"

#include <Eigen/Core>

#include <bit>
#include <cmath>
#include <cstring>

namespace qroar {

float roundToOdd(double value) {
    auto near = static_cast<float>(value);
    if (static_cast<double>(near) == value || std::isnan(value)) return near;
    if (std::abs(static_cast<double>(near)) > std::abs(value)) near = std::nextafter(near, 0.0F);
    return std::bit_cast<float>(std::bit_cast<std::uint32_t>(near) | 1U);
}

float f16ToFloat(std::uint16_t bits) {
    return static_cast<float>(Eigen::numext::bit_cast<Eigen::half>(bits));
}
std::uint16_t floatToF16(float value) {
    return Eigen::numext::bit_cast<std::uint16_t>(Eigen::half(value));
}
float bf16ToFloat(std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
std::uint16_t floatToBf16(float value) {
    return Eigen::numext::bit_cast<std::uint16_t>(Eigen::bfloat16(value));
}

// Loops without branches, for vectors; tested against the conversions one by one.
QROAR_VECTORIZED void f16ToFloat(const void* source, float* target, std::size_t count) {
    const char* bytes = static_cast<const char*>(source);
    for (std::size_t at = 0; at < count; ++at) {
        std::uint16_t bits;
        std::memcpy(&bits, bytes + 2 * at, 2);
        const std::uint32_t magnitude = (bits & 0x7FFFU) << 13, sign = (bits & 0x8000U) << 16;
        // The exponent's bias moves from 15 to 127 by a product, which also makes normal numbers of subnormal
        // ones.
        const std::uint32_t finite = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) * 0x1p112F);
        const std::uint32_t value = (bits & 0x7C00U) == 0x7C00U ? magnitude | 0x7F800000U : finite;
        target[at] = std::bit_cast<float>(value | sign);
    }
}

QROAR_VECTORIZED void bf16ToFloat(const void* source, float* target, std::size_t count) {
    const char* bytes = static_cast<const char*>(source);
    for (std::size_t at = 0; at < count; ++at) {
        std::uint16_t bits;
        std::memcpy(&bits, bytes + 2 * at, 2);
        target[at] = std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
    }
}

} // namespace qroar
