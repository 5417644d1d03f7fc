// Packing: the bit layouts of the three packed formats for linear layers (formats.md 2b, 2c, 2d), from and to
// QuantizedMatrix. Pure functions on words; no files, no names of tensors, no config.
#pragma once

#include "core/base/outcome.h"
#include "core/quant/quantized_matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qroar {

/// AutoAWQ GEMM, 4 bits: words hold 8 output columns in the order 0,2,4,6,1,3,5,7.
struct AwqTensors {
    std::vector<std::uint32_t> qweight; ///< [in, out/8]
    std::vector<std::uint32_t> qzeros;  ///< [groups, out/8]
    std::vector<std::uint16_t> scales;  ///< F16 bits [groups, out]
};
/// Errors: bits other than 4, in not a multiple of the group, out not a multiple of 8, act-order, scales not
/// F16.
Outcome<AwqTensors> packAwq(const QuantizedMatrix& matrix);
Outcome<QuantizedMatrix> unpackAwq(std::span<const std::uint32_t> qweight,
                                   std::span<const std::uint32_t> qzeros,
                                   std::span<const std::uint16_t> scales, std::ptrdiff_t out,
                                   std::ptrdiff_t in, int groupSize);

/// How a GPTQ file stores zero points.
enum class GptqZeros {
    V1,       ///< stored = zero - 1, nibble by nibble (modulo 2^bits)
    V1Packed, ///< stored word = packed zeros - 0x11111111 (borrows cross nibbles: GPTQModel)
    V2,       ///< stored = zero
};
struct GptqTensors {
    std::vector<std::uint32_t> qweight;   ///< [in * bits / 32, out], packed along the input
    std::vector<std::uint32_t> qzeros;    ///< [groups, out * bits / 32]
    std::vector<std::uint16_t> scales;    ///< F16 bits [groups, out]
    std::vector<std::int32_t> groupIndex; ///< [in]
};
/// bits in {2, 3, 4, 8}. Errors: other widths, in or out that do not fill words, scales not F16, and a zero
/// point of 0 that version 1 cannot store without harm to its neighbours (says how many there are).
Outcome<GptqTensors> packGptq(const QuantizedMatrix& matrix, GptqZeros zeros);
/// groupIndex may be empty: i / groupSize.
Outcome<QuantizedMatrix> unpackGptq(std::span<const std::uint32_t> qweight,
                                    std::span<const std::uint32_t> qzeros,
                                    std::span<const std::uint16_t> scales,
                                    std::span<const std::int32_t> groupIndex, std::ptrdiff_t out,
                                    std::ptrdiff_t in, int bits, int groupSize, GptqZeros zeros);

/// compressed-tensors pack-quantized: rows of signed codes + 2^(b-1), dense bit stream along the input.
struct CompressedTensors {
    std::vector<std::uint32_t> weightPacked; ///< [out, ceil(in * bits / 32)]
    std::vector<float> weightScale;          ///< [out, groups], values of the scale type
    std::vector<std::uint32_t> zeroPoint;    ///< [ceil(out * bits / 32), groups]; empty when symmetric
    std::vector<std::int32_t> groupIndex;    ///< [in]; empty without act-order
};
Outcome<CompressedTensors> packCompressed(const QuantizedMatrix& matrix);
Outcome<QuantizedMatrix> unpackCompressed(std::span<const std::uint32_t> weightPacked,
                                          std::span<const float> weightScale,
                                          std::span<const std::uint32_t> zeroPoint,
                                          std::span<const std::int32_t> groupIndex, std::ptrdiff_t out,
                                          std::ptrdiff_t in, int bits, int groupSize, ScaleType scaleType);

} // namespace qroar
