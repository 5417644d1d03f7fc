#include "core/quant/rtn.h"

#include "core/base/half.h"
#include "core/base/vectorized.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace qroar {

namespace {

/// Sums are kept in this many interleaved lanes, added in a fixed order at the end of a row: the compiler can
/// use vector registers without being allowed to reorder, and the result is the same on every machine.
constexpr std::ptrdiff_t lanes = 8;

/// value >= 0, rounded once to fp16 (half to even).
float roundOnceToF16(double value) {
    constexpr float largestF16 = 65504.0F;
    if (!(value < largestF16)) return largestF16;
    return std::min(roundToF16(roundToOdd(value)), largestF16);
}

/// std::round (half away from zero) for |x| < 2^52, in a form compilers turn into vector code.
[[gnu::always_inline]] inline double roundHalfAway(double x) {
    constexpr double almostHalf = 0.49999999999999994; // the double before 0.5
    return std::trunc(x + std::copysign(almostHalf, x));
}

struct Range {
    float least = 0, most = 0; // always includes 0
};

QROAR_VECTORIZED Range rangeOf(const float* weights, std::ptrdiff_t count) {
    float least[lanes] = {}, most[lanes] = {};
    std::ptrdiff_t at = 0;
    for (; at + lanes <= count; at += lanes)
        for (std::ptrdiff_t lane = 0; lane < lanes; ++lane) {
            const float weight = weights[at + lane];
            least[lane] = weight < least[lane] ? weight : least[lane];
            most[lane] = weight > most[lane] ? weight : most[lane];
        }
    for (; at < count; ++at) {
        least[0] = weights[at] < least[0] ? weights[at] : least[0];
        most[0] = weights[at] > most[0] ? weights[at] : most[0];
    }
    return {*std::min_element(least, least + lanes), *std::max_element(most, most + lanes)};
}

/// Running sums of one row, [lanes] each.
struct RowSums {
    double error[lanes] = {}, weight[lanes] = {}, product[lanes] = {}, quantized[lanes] = {};
    double largest[lanes] = {}, clipped[lanes] = {};
};

/// Quantizes and dequantizes one weight in place; `low` and `high` are the codes' range minus zero.
[[gnu::always_inline]] inline void quantizeOne(float& weight, double scale, double low, double high,
                                               RowSums& sums, std::ptrdiff_t lane) {
    const double w = weight;
    const double wanted = roundHalfAway(w / scale);
    double code = wanted > low ? wanted : low; // NaN becomes low
    code = code < high ? code : high;
    const double quantized = code * scale; // exact: 9 bits times 11 bits
    const double error = w - quantized, magnitude = std::abs(error);
    weight = static_cast<float>(quantized);
    sums.error[lane] += error * error;
    sums.weight[lane] += w * w;
    sums.product[lane] += w * quantized;
    sums.quantized[lane] += quantized * quantized;
    sums.largest[lane] = magnitude > sums.largest[lane] ? magnitude : sums.largest[lane];
    sums.clipped[lane] += code == wanted ? 0.0 : 1.0;
}

QROAR_VECTORIZED void quantizeGroup(const RtnGrid& grid, float* weights, std::ptrdiff_t count,
                                    RowSums& rowSums) {
    // Scale 0: dividing by 1 and allowing only code 0 gives zeros; nothing was clipped, there is no grid.
    const bool empty = grid.scale == 0;
    const double scale = empty ? 1.0 : grid.scale;
    const double low = empty ? 0.0 : grid.least - grid.zero, high = empty ? 0.0 : grid.most - grid.zero;
    RowSums sums = rowSums; // a local copy stays in registers
    std::ptrdiff_t at = 0;
    for (; at + lanes <= count; at += lanes)
        for (std::ptrdiff_t lane = 0; lane < lanes; ++lane)
            quantizeOne(weights[at + lane], scale, low, high, sums, lane);
    for (; at < count; ++at) quantizeOne(weights[at], scale, low, high, sums, 0);
    if (empty) std::copy(std::begin(rowSums.clipped), std::end(rowSums.clipped), sums.clipped);
    rowSums = sums;
}

double total(const double (&values)[lanes]) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
}

Distortion quantizeRow(const QuantSpec& spec, float* row, std::ptrdiff_t count, std::ptrdiff_t groupSize) {
    RowSums sums;
    for (std::ptrdiff_t start = 0; start < count; start += groupSize) {
        const std::ptrdiff_t size = std::min(groupSize, count - start);
        quantizeGroup(rtnGrid(spec, row + start, size), row + start, size, sums);
    }
    Distortion distortion;
    distortion.sumSquaredError = total(sums.error);
    distortion.sumSquaredWeight = total(sums.weight);
    distortion.sumProduct = total(sums.product);
    distortion.sumSquaredQuantized = total(sums.quantized);
    distortion.maxError = *std::max_element(sums.largest, sums.largest + lanes);
    distortion.count = count;
    distortion.clipped = static_cast<long long>(total(sums.clipped));
    return distortion;
}

} // namespace

RtnGrid rtnGrid(const QuantSpec& spec, const float* weights, std::ptrdiff_t count) {
    const Range range = rangeOf(weights, count);
    const int levels = 1 << spec.bits;
    RtnGrid grid;
    if (spec.symmetric) {
        const double largest = std::max(-static_cast<double>(range.least), static_cast<double>(range.most));
        grid.least = -levels / 2;
        grid.most = levels / 2 - 1;
        grid.scale = roundOnceToF16(largest / grid.most);
        return grid;
    }
    grid.most = levels - 1;
    grid.scale = roundOnceToF16((static_cast<double>(range.most) - range.least) / grid.most);
    if (grid.scale > 0) {
        const double zero = std::round(-static_cast<double>(range.least) / grid.scale);
        grid.zero = static_cast<int>(std::clamp(zero, 0.0, static_cast<double>(grid.most)));
    }
    return grid;
}

int rtnCode(const RtnGrid& grid, float weight) {
    if (grid.scale == 0) return grid.zero;
    const double code = std::round(static_cast<double>(weight) / grid.scale) + grid.zero;
    if (!(code > grid.least)) return grid.least;
    return code < grid.most ? static_cast<int>(code) : grid.most;
}

Distortion applyRtn(const QuantSpec& spec, MatrixView weight) {
    if (spec.kind != QuantKind::Rtn || spec.bits < 2 || spec.bits > 8 || spec.groupSize < 0)
        throw std::logic_error("applyRtn: not an RTN spec: " + spec.text());
    const std::ptrdiff_t groupSize =
        spec.groupSize == 0 ? std::max<std::ptrdiff_t>(weight.cols, 1) : spec.groupSize;
    std::vector<Distortion> perRow(static_cast<std::size_t>(weight.rows));
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        perRow[static_cast<std::size_t>(row)] = quantizeRow(spec, weight.row(row), weight.cols, groupSize);
    Distortion distortion;
    for (const Distortion& row : perRow) distortion.add(row);
    return distortion;
}

void Distortion::add(const Distortion& other) {
    sumSquaredError += other.sumSquaredError;
    sumSquaredWeight += other.sumSquaredWeight;
    sumProduct += other.sumProduct;
    sumSquaredQuantized += other.sumSquaredQuantized;
    maxError = std::max(maxError, other.maxError);
    count += other.count;
    clipped += other.clipped;
}

double Distortion::rmse() const {
    return count == 0 ? 0.0 : std::sqrt(sumSquaredError / static_cast<double>(count));
}

double Distortion::snrDb() const {
    if (sumSquaredError == 0) return std::numeric_limits<double>::infinity();
    return 10 * std::log10(sumSquaredWeight / sumSquaredError);
}

double Distortion::cosine() const {
    if (sumSquaredWeight == 0 && sumSquaredQuantized == 0) return 1;
    if (sumSquaredWeight == 0 || sumSquaredQuantized == 0) return 0;
    return sumProduct / std::sqrt(sumSquaredWeight) / std::sqrt(sumSquaredQuantized);
}

} // namespace qroar
