#include "core/quant/quantized_matrix.h"

#include "core/base/half.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

float roundTo(ScaleType type, double value) {
    switch (type) {
    case ScaleType::F16:
        return roundToF16(roundToOdd(value));
    case ScaleType::BF16:
        return bf16ToFloat(floatToBf16(roundToOdd(value)));
    case ScaleType::F32:
        break;
    }
    return static_cast<float>(value);
}

} // namespace

std::ptrdiff_t QuantizedMatrix::groupIndex(std::ptrdiff_t input) const {
    if (!groupOf.empty()) return groupOf[static_cast<std::size_t>(input)];
    return groupSize > 0 ? input / groupSize : 0;
}

bool QuantizedMatrix::consistent() const {
    if (bits < 1 || bits > 8 || rows < 0 || cols < 0 || groups < 0) return false;
    const auto perWeight = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
    const auto perGroup = static_cast<std::size_t>(rows) * static_cast<std::size_t>(groups);
    if (codes.size() != perWeight || zeros.size() != perGroup || scales.size() != perGroup) return false;
    if (!groupOf.empty() && groupOf.size() != static_cast<std::size_t>(cols)) return false;
    if (cols > 0 && groupOf.empty() && groupIndex(cols - 1) >= groups) return false;
    const int most = (1 << bits) - 1;
    const auto outside = [most](std::uint8_t code) { return code > most; };
    if (std::any_of(codes.begin(), codes.end(), outside)) return false;
    if (std::any_of(zeros.begin(), zeros.end(), outside)) return false;
    return std::all_of(groupOf.begin(), groupOf.end(),
                       [this](std::int32_t group) { return group >= 0 && group < groups; });
}

void QuantizedMatrix::dequantize(MatrixView target) const {
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < rows; ++row) {
        const std::uint8_t* code = codes.data() + row * cols;
        const std::uint8_t* zero = zeros.data() + row * groups;
        const float* scale = scales.data() + row * groups;
        float* out = target.row(row);
        for (std::ptrdiff_t column = 0; column < cols; ++column) {
            const std::ptrdiff_t group = groupIndex(column);
            out[column] = static_cast<float>(code[column] - zero[group]) * scale[group];
        }
    }
}

QuantizedMatrix emptyMatrix(const QuantSpec& spec, std::ptrdiff_t rows, std::ptrdiff_t cols) {
    QuantizedMatrix result;
    result.bits = spec.bits;
    result.groupSize = spec.groupSize;
    result.symmetric = spec.symmetric;
    result.rows = rows;
    result.cols = cols;
    const std::ptrdiff_t size = spec.groupSize > 0 ? spec.groupSize : std::max<std::ptrdiff_t>(1, cols);
    result.groups = (cols + size - 1) / size;
    result.codes.resize(static_cast<std::size_t>(rows * cols));
    result.zeros.resize(static_cast<std::size_t>(rows * result.groups));
    result.scales.resize(result.zeros.size());
    return result;
}

QuantizedMatrix quantizeRtn(const QuantSpec& spec, ConstMatrixView weight) {
    QuantizedMatrix result = emptyMatrix(spec, weight.rows, weight.cols);
    const std::ptrdiff_t size =
        spec.groupSize > 0 ? spec.groupSize : std::max<std::ptrdiff_t>(1, weight.cols);
    const int shift = spec.symmetric ? 1 << (spec.bits - 1) : 0;
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t group = 0; group < result.groups; ++group) {
            const std::ptrdiff_t first = group * size, count = std::min(size, weight.cols - first);
            const float* values = weight.row(row) + first;
            const RtnGrid grid = rtnGrid(spec, values, count);
            const auto at = static_cast<std::size_t>(row * result.groups + group);
            result.scales[at] = grid.scale;
            result.zeros[at] = static_cast<std::uint8_t>(grid.zero + shift);
            std::uint8_t* codes = result.codes.data() + row * weight.cols + first;
            for (std::ptrdiff_t column = 0; column < count; ++column)
                codes[column] = static_cast<std::uint8_t>(rtnCode(grid, values[column]) + shift);
        }
    return result;
}

Distortion distortionBetween(ConstMatrixView original, ConstMatrixView changed) {
    Distortion total; // rows in order: the sums do not depend on threads
    for (std::ptrdiff_t row = 0; row < original.rows; ++row) {
        Distortion one;
        for (std::ptrdiff_t column = 0; column < original.cols; ++column) {
            const double w = original(row, column), hat = changed(row, column), error = w - hat;
            one.sumSquaredError += error * error;
            one.sumSquaredWeight += w * w;
            one.sumProduct += w * hat;
            one.sumSquaredQuantized += hat * hat;
            one.maxError = std::max(one.maxError, std::abs(error));
        }
        one.count = original.cols;
        total.add(one);
    }
    return total;
}

FoldRounding foldRowFactors(QuantizedMatrix& matrix, std::span<const float> factors) {
    constexpr float leastNormalF16 = 6.103515625e-5F;
    FoldRounding rounding;
    double sum = 0;
    for (std::ptrdiff_t row = 0; row < matrix.rows; ++row)
        for (std::ptrdiff_t group = 0; group < matrix.groups; ++group) {
            float& scale = matrix.scales[static_cast<std::size_t>(row * matrix.groups + group)];
            const double exact =
                static_cast<double>(scale) * static_cast<double>(factors[static_cast<std::size_t>(row)]);
            const float stored = roundTo(matrix.scaleType, exact);
            ++rounding.scales;
            if (static_cast<double>(stored) != exact) ++rounding.inexact;
            if (matrix.scaleType == ScaleType::F16 && stored != 0 && std::abs(stored) < leastNormalF16)
                ++rounding.subnormal;
            const double relative =
                exact == 0 ? 0 : std::abs(static_cast<double>(stored) - exact) / std::abs(exact);
            rounding.maxRelative = std::max(rounding.maxRelative, relative);
            sum += relative;
            scale = stored;
        }
    if (rounding.scales > 0) rounding.meanRelative = sum / static_cast<double>(rounding.scales);
    return rounding;
}

} // namespace qroar
