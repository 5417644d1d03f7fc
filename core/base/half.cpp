#include "core/base/half.h"

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

namespace {
template<class Convert>
void convertAll(const void* source, float* target, std::size_t count, Convert convert) {
    const char* bytes = static_cast<const char*>(source);
    for (std::size_t at = 0; at < count; ++at) {
        std::uint16_t bits;
        std::memcpy(&bits, bytes + 2 * at, 2);
        target[at] = convert(bits);
    }
}
} // namespace

void f16ToFloat(const void* source, float* target, std::size_t count) {
    convertAll(source, target, count, [](std::uint16_t bits) { return f16ToFloat(bits); });
}

void bf16ToFloat(const void* source, float* target, std::size_t count) {
    convertAll(source, target, count, [](std::uint16_t bits) { return bf16ToFloat(bits); });
}

} // namespace qroar
