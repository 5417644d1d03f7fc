#include "core/inference/vector_math.h"

#include "core/base/vectorized.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace qroar {

namespace {

constexpr int lanes = 16;
constexpr std::ptrdiff_t run =
    4096 * lanes; ///< floats summed in single precision before the sum goes to double

/// Sum of term(at) for at in [0, count): 16 float accumulators over runs, their totals in double.
template<class Term>
[[gnu::always_inline]] inline double laneSum(std::ptrdiff_t count, Term term) {
    double total = 0;
    for (std::ptrdiff_t first = 0; first < count; first += run) {
        const std::ptrdiff_t end = std::min(count, first + run);
        float partial[lanes] = {};
        std::ptrdiff_t at = first;
        for (; at + lanes <= end; at += lanes)
            for (int lane = 0; lane < lanes; ++lane) partial[lane] += term(at + lane);
        for (int lane = 0; at < end; ++at, ++lane) partial[lane] += term(at);
        for (const float value : partial) total += static_cast<double>(value);
    }
    return total;
}

/// e^x by 2^n e^r with |r| <= ln 2 / 2 and a polynomial of degree 7 (coefficients: S. Moshier, Cephes
/// library, expf).
[[gnu::always_inline]] inline float exponential(float x) {
    constexpr float log2e = 1.44269504088896341F, ln2High = 0.693359375F, ln2Low = -2.12194440e-4F;
    constexpr float shiftToInteger =
        12582912.0F; // 1.5 * 2^23: adding and taking it away rounds to an integer
    const float bounded = std::min(std::max(x, -87.3F), 88.7F);
    const float n = (bounded * log2e + shiftToInteger) - shiftToInteger;
    const float r = (bounded - n * ln2High) - n * ln2Low;
    float p = 1.9875691500e-4F;
    p = p * r + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    const auto exponent = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23;
    const float value = p * std::bit_cast<float>(exponent);
    return x < -87.3F ? 0.0F : value;
}

/// tanh by a polynomial near 0 (S. Moshier, Cephes library, tanhf) and by e^2x elsewhere.
[[gnu::always_inline]] inline float hyperbolicTangent(float x) {
    const float z = x * x;
    float p = -5.70498872745e-3F;
    p = p * z + 2.06390887954e-2F;
    p = p * z - 5.37397155531e-2F;
    p = p * z + 1.33314422036e-1F;
    p = p * z - 3.33332819422e-1F;
    const float near = p * z * x + x;
    const float size = std::min(std::abs(x), 20.0F);
    const float far = std::copysign(1.0F - 2.0F / (exponential(2.0F * size) + 1.0F), x);
    return std::abs(x) < 0.625F ? near : far;
}

constexpr float geluScale = 0.7978845608F, geluCube = 0.044715F; // sqrt(2 / pi)

} // namespace

QROAR_VECTORIZED double sum(const float* values, std::ptrdiff_t count) {
    return laneSum(count, [values](std::ptrdiff_t at) { return values[at]; });
}

QROAR_VECTORIZED double sumOfSquares(const float* values, std::ptrdiff_t count) {
    return laneSum(count, [values](std::ptrdiff_t at) { return values[at] * values[at]; });
}

QROAR_VECTORIZED double sumOfProducts(const float* a, const float* b, std::ptrdiff_t count) {
    return laneSum(count, [a, b](std::ptrdiff_t at) { return a[at] * b[at]; });
}

double inverseRms(const float* values, std::ptrdiff_t count, double eps) {
    const double meanSquare = sumOfSquares(values, count) / static_cast<double>(count);
    return std::isfinite(meanSquare) ? 1.0 / std::sqrt(meanSquare + eps) : std::nan("");
}

QROAR_VECTORIZED float maximum(const float* values, std::ptrdiff_t count) {
    float best[lanes];
    std::fill(best, best + lanes, values[0]);
    std::ptrdiff_t at = 0;
    for (; at + lanes <= count; at += lanes)
        for (int lane = 0; lane < lanes; ++lane)
            best[lane] = best[lane] < values[at + lane] ? values[at + lane] : best[lane];
    for (; at < count; ++at) best[0] = std::max(best[0], values[at]);
    return *std::max_element(best, best + lanes);
}

QROAR_VECTORIZED void exponentials(float* values, std::ptrdiff_t count, float shift) {
    for (std::ptrdiff_t at = 0; at < count; ++at) values[at] = exponential(values[at] - shift);
}

QROAR_VECTORIZED double sumOfExponentials(const float* values, std::ptrdiff_t count, float shift) {
    return laneSum(count, [values, shift](std::ptrdiff_t at) { return exponential(values[at] - shift); });
}

double logSumOfExponentials(const float* values, std::ptrdiff_t count) {
    const float top = maximum(values, count);
    return std::log(sumOfExponentials(values, count, top)) + top;
}

QROAR_VECTORIZED void siluTimes(float* gate, const float* up, std::ptrdiff_t count) {
    for (std::ptrdiff_t at = 0; at < count; ++at)
        gate[at] = gate[at] / (1.0F + exponential(-gate[at])) * up[at];
}

QROAR_VECTORIZED void siluTimesReverse(float* gate, float* up, const float* gradient, std::ptrdiff_t count) {
    for (std::ptrdiff_t at = 0; at < count; ++at) {
        const float sigmoid = 1.0F / (1.0F + exponential(-gate[at]));
        const float silu = gate[at] * sigmoid;
        gate[at] = gradient[at] * up[at] * (sigmoid + silu * (1.0F - sigmoid));
        up[at] = gradient[at] * silu;
    }
}

QROAR_VECTORIZED void geluTimes(float* gate, const float* up, std::ptrdiff_t count) {
    for (std::ptrdiff_t at = 0; at < count; ++at) {
        const float z = gate[at];
        gate[at] = 0.5F * z * (1.0F + hyperbolicTangent(geluScale * (z + geluCube * z * z * z))) * up[at];
    }
}

QROAR_VECTORIZED void geluTimesReverse(float* gate, float* up, const float* gradient, std::ptrdiff_t count) {
    for (std::ptrdiff_t at = 0; at < count; ++at) {
        const float z = gate[at];
        const float bend = hyperbolicTangent(geluScale * (z + geluCube * z * z * z));
        const float slope = geluScale * (1.0F + 3.0F * geluCube * z * z) * (1.0F - bend * bend);
        gate[at] = gradient[at] * up[at] * 0.5F * (1.0F + bend + z * slope);
        up[at] = gradient[at] * 0.5F * z * (1.0F + bend);
    }
}

QROAR_VECTORIZED void softCap(float* values, std::ptrdiff_t count, float cap) {
    for (std::ptrdiff_t at = 0; at < count; ++at) values[at] = cap * hyperbolicTangent(values[at] / cap);
}

QROAR_VECTORIZED void softCapReverse(const float* capped, float* gradient, std::ptrdiff_t count, float cap) {
    for (std::ptrdiff_t at = 0; at < count; ++at) {
        const float share = capped[at] / cap;
        gradient[at] *= 1.0F - share * share;
    }
}

} // namespace qroar
