#include "tests/support/naive_rtn.h"

#include <algorithm>
#include <cmath>

namespace naive {

namespace {

/// All finite fp16 numbers >= 0 in order; the index is the bit pattern, so even index = even mantissa.
std::vector<double> everyF16() {
    std::vector<double> all;
    for (int exponent = 0; exponent < 31; ++exponent)
        for (int mantissa = 0; mantissa < 1024; ++mantissa)
            all.push_back(exponent == 0 ? std::ldexp(mantissa, -24)
                                        : std::ldexp(1024 + mantissa, exponent - 25));
    return all;
}

} // namespace

double nearestF16(double value) {
    static const std::vector<double> all = everyF16();
    const auto above = std::upper_bound(all.begin(), all.end(), value);
    if (above == all.end()) return all.back();
    const auto below = above - 1;
    const double middle = (*below + *above) / 2;
    if (value != middle) return value < middle ? *below : *above;
    return (below - all.begin()) % 2 == 0 ? *below : *above;
}

Result quantize(const std::vector<float>& weights, int rows, int cols, int bits, int group, bool symmetric) {
    Result result;
    result.values.resize(weights.size());
    result.codes.resize(weights.size());
    if (group == 0) group = cols;
    const double least = symmetric ? -std::pow(2, bits - 1) : 0;
    const double most = symmetric ? std::pow(2, bits - 1) - 1 : std::pow(2, bits) - 1;
    for (int row = 0; row < rows; ++row)
        for (int start = 0; start < cols; start += group) {
            const int end = std::min(start + group, cols);
            double low = 0, high = 0;
            for (int col = start; col < end; ++col) {
                low = std::min(low, static_cast<double>(weights[row * cols + col]));
                high = std::max(high, static_cast<double>(weights[row * cols + col]));
            }
            const double scale = nearestF16((symmetric ? std::max(-low, high) : high - low) / most);
            double zero = 0;
            if (!symmetric && scale > 0) zero = std::min(std::max(std::round(-low / scale), 0.0), most);
            result.scales.push_back(scale);
            result.zeros.push_back(static_cast<int>(zero));
            for (int col = start; col < end; ++col) {
                const int at = row * cols + col;
                double code = zero;
                if (scale > 0) {
                    const double wanted = std::round(weights[at] / scale) + zero;
                    code = std::min(std::max(wanted, least), most);
                    if (code != wanted) ++result.clipped;
                }
                result.codes[at] = static_cast<int>(code);
                result.values[at] = (code - zero) * scale;
            }
        }
    return result;
}

} // namespace naive
