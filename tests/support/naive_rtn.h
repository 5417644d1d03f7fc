// A second, slow, literal reading of product.md's RTN definition for tests to compare with. Shares no code
// with core/quant: its fp16 rounding searches among all finite fp16 numbers.
#pragma once

#include <vector>

namespace naive {

struct Result {
    std::vector<double> values;    ///< dequantized, [rows * cols]
    std::vector<int> codes, zeros; ///< [rows * cols]; [rows * groups of a row]
    std::vector<double> scales;    ///< [rows * groups of a row]
    long long clipped = 0;
};

/// weights [rows, cols]; group 0 = whole row.
Result quantize(const std::vector<float>& weights, int rows, int cols, int bits, int group, bool symmetric);

/// The fp16 number nearest to value >= 0 (ties to the even mantissa); 65504 above the range.
double nearestF16(double value);

} // namespace naive
