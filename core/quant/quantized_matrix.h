// QuantizedMatrix: a linear layer's weights as integer codes with scales and zero points, the one form that
// every quantizer makes, every packed file format is read into and written from, and the engine dequantizes.
// Not here: bit layouts of files (core/quant/packing.h), how codes are chosen (rtn.h, awq.h, gptq.h).
#pragma once

#include "core/base/matrix.h"
#include "core/quant/quant_spec.h"
#include "core/quant/rtn.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qroar {

/// What a stored scale can hold. Values are kept as floats that this type represents exactly.
enum class ScaleType { F16, BF16, F32 };

/// w[out, in] = (codes[out, in] - zeros[out, group]) * scales[out, group], codes and zeros 0..2^bits-1;
/// group of input i: groupOf[i], or i / groupSize when groupOf is empty. A symmetric grid has
/// zeros = 2^(bits-1) everywhere.
struct QuantizedMatrix {
    int bits = 0;           ///< 2..8
    int groupSize = 0;      ///< along the input; 0 = whole row; the last group may be shorter
    bool symmetric = false; ///< zeros are all 2^(bits-1)
    ScaleType scaleType = ScaleType::F16;
    std::ptrdiff_t rows = 0, cols = 0; ///< out, in
    std::ptrdiff_t groups = 0;         ///< of a row
    std::vector<std::uint8_t> codes;   ///< [out, in]
    std::vector<std::uint8_t> zeros;   ///< [out, groups]
    std::vector<float> scales;         ///< [out, groups]
    std::vector<std::int32_t> groupOf; ///< [in] (GPTQ's g_idx), or empty

    [[nodiscard]] std::ptrdiff_t groupIndex(std::ptrdiff_t input) const;
    /// Shape and sizes agree, codes and zeros are in range, groupOf is in range.
    [[nodiscard]] bool consistent() const;
    /// target [out, in] = the dequantized weights: (code - zero) exact in float, one rounding of the product.
    void dequantize(MatrixView target) const;
};

/// The shape of weights [rows, cols] on the grid of `spec`: its bits, group size and symmetry, room for
/// codes, zeros and scales, all 0.
QuantizedMatrix emptyMatrix(const QuantSpec& spec, std::ptrdiff_t rows, std::ptrdiff_t cols);

/// Codes of round-to-nearest, as applyRtn uses them: dequantize() gives bit for bit what applyRtn leaves.
QuantizedMatrix quantizeRtn(const QuantSpec& spec, ConstMatrixView weight);

/// How far `changed` is from `original`, both [out, in]; nothing counts as clipped.
Distortion distortionBetween(ConstMatrixView original, ConstMatrixView changed);

/// What folding factors into stored scales cost: relative rounding of the scales.
struct FoldRounding {
    long long scales = 0, inexact = 0, subnormal = 0; ///< subnormal: F16 results below 6.104e-5
    double maxRelative = 0, meanRelative = 0;         ///< |stored - exact| / |exact|
};
/// Multiplies the scales of row r with factors[r] > 0 and rounds to the scale type (half to even); codes and
/// zeros stay (method.md section 7, identity 4). Overflow becomes infinity: check with consistent() or
/// refuse before.
FoldRounding foldRowFactors(QuantizedMatrix& matrix, std::span<const float> factors);

} // namespace qroar
