// GPTQ as the paper derives it (Frantar et al. 2023, section 3: optimal brain quantization in a fixed order),
// for tests to compare with: plain loops in double, the inverse Hessian explicit and reduced by Gaussian
// elimination after every column; no Cholesky decomposition, no blocks. Grids are naive_rtn.h's. Shares no
// code with core/quantize.
#pragma once

#include <vector>

namespace naive {

struct GptqResult {
    std::vector<int> codes;     ///< [rows * cols], as naive::quantize counts them
    std::vector<int> zeros;     ///< [rows * groups]
    std::vector<double> scales; ///< [rows * groups]
    std::vector<int> groupOf;   ///< [cols]
    std::vector<double> values; ///< [rows * cols] dequantized
};

/// weights [rows, cols], hessian [cols, cols]; group 0 = whole row; `damping` of the mean diagonal is added.
/// No silent inputs: the diagonal must be positive. actOrder: falling diagonal.
GptqResult gptq(const std::vector<float>& weights, int rows, int cols, std::vector<double> hessian, int bits,
                int group, bool symmetric, bool actOrder, double damping);

} // namespace naive
