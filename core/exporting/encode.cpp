#include "core/exporting/encode.h"

#include "core/base/half.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

constexpr float leastNormalF16 = 6.103515625e-5F, leastNormalF32 = 1.17549435e-38F; // BF16 has F32's range

} // namespace

DType dtypeOf(ScaleType type) {
    return type == ScaleType::F16 ? DType::F16 : type == ScaleType::BF16 ? DType::BF16 : DType::F32;
}

ScaleType scaleTypeOf(DType type) {
    assert(type == DType::F16 || type == DType::BF16 || type == DType::F32);
    return type == DType::F16 ? ScaleType::F16 : type == DType::BF16 ? ScaleType::BF16 : ScaleType::F32;
}

float roundToType(double value, DType type) {
    if (type == DType::F16) return roundToF16(roundToOdd(value));
    if (type == DType::BF16) return bf16ToFloat(floatToBf16(roundToOdd(value)));
    return static_cast<float>(value);
}

void RoundingTally::count(double exact, float stored, DType type) {
    ++values;
    if (static_cast<double>(stored) == exact) return;
    ++inexact;
    if (!std::isfinite(stored)) {
        ++overflowed;
    } else if (stored == 0) {
        ++vanished;
    } else if (std::abs(stored) < (type == DType::F16 ? leastNormalF16 : leastNormalF32)) {
        ++subnormal;
    } else {
        const double relative = std::abs(static_cast<double>(stored) - exact) / std::abs(exact);
        maxRelative = std::max(maxRelative, relative);
        sumRelative += relative;
    }
}

void RoundingTally::add(const RoundingTally& other) {
    values += other.values;
    inexact += other.inexact;
    subnormal += other.subnormal;
    vanished += other.vanished;
    overflowed += other.overflowed;
    maxRelative = std::max(maxRelative, other.maxRelative);
    sumRelative += other.sumRelative;
}

double RoundingTally::meanRelative() const {
    return values > 0 ? sumRelative / static_cast<double>(values) : 0;
}

void scaleAndRound(std::span<float> values, float factor, DType type, RoundingTally& tally) {
    for (float& value : values) {
        const double exact = static_cast<double>(value) * static_cast<double>(factor);
        value = roundToType(exact, type);
        tally.count(exact, value, type);
    }
}

void scaleAndRoundRows(MatrixView values, std::span<const float> factors, DType type, RoundingTally& tally) {
    std::vector<RoundingTally> rows(static_cast<std::size_t>(values.rows));
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < values.rows; ++row) {
        const auto at = static_cast<std::size_t>(row);
        scaleAndRound({values.row(row), static_cast<std::size_t>(values.cols)},
                      factors.empty() ? 1.0F : factors[at], type, rows[at]);
    }
    for (const RoundingTally& row : rows) tally.add(row);
}

void appendFloats(std::span<const float> values, DType type, std::vector<std::byte>& bytes) {
    const std::size_t first = bytes.size();
    if (type == DType::F32) {
        bytes.resize(first + values.size_bytes());
        if (!values.empty()) std::memcpy(bytes.data() + first, values.data(), values.size_bytes());
        return;
    }
    bytes.resize(first + 2 * values.size());
    std::byte* target = bytes.data() + first;
    for (std::size_t at = 0; at < values.size(); ++at) {
        const std::uint16_t half = type == DType::F16 ? floatToF16(values[at]) : floatToBf16(values[at]);
        std::memcpy(target + 2 * at, &half, 2);
    }
}

} // namespace qroar
