// Packing: the layouts of codes for linear layers (formats.md 2b, 2c, 2d), from and to
// QuantizedMatrix. Pure functions on words; no files, no names of tensors, no config. Every layout is a dense
// little-endian bit stream, value n at bit n * bits; they differ in where the stream runs, in the order of
// values (AWQ) and in how zero points are stored. Scales are floats that the scale type represents exactly:
// who writes a file encodes them.
#pragma once

#include "core/base/outcome.h"
#include "core/quant/quantized_matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace qroar {

/// What packed tensors do not say of themselves.
struct PackedShape {
    std::ptrdiff_t out = 0, in = 0;
    int bits = 4;
    int groupSize = 0; ///< along the input; 0 = whole row
    ScaleType scaleType = ScaleType::F16;
};
/// Words of 32 bits that hold `count` values of `bits` bits.
constexpr std::ptrdiff_t packedWords(std::ptrdiff_t count, int bits) {
    return (count * bits + 31) / 32;
}

// Unpacking checks every size before it looks at a word: errors say which array, the expected and the found
// size. The result is consistent(); `symmetric` when every zero point is 2^(bits-1); groupOf is empty when it
// would only say i / groupSize, so that twins in different formats compare equal.
// Packing refuses inconsistent matrices, scales that are not finite or not of the type the format stores, and
// a `symmetric` that the zero points do not keep.

/// AutoAWQ GEMM, 4 bits: words hold 8 output columns in the order 0,2,4,6,1,3,5,7.
struct AwqTensors {
    std::vector<std::uint32_t> qweight; ///< [in, out/8]
    std::vector<std::uint32_t> qzeros;  ///< [groups, out/8]
    std::vector<float> scales;          ///< [groups, out]
};
/// Errors: bits other than 4, in not a multiple of the group, out not a multiple of 8, act-order, scales not
/// F16.
Outcome<AwqTensors> packAwq(const QuantizedMatrix& matrix);
Outcome<QuantizedMatrix> unpackAwq(const AwqTensors& tensors, const PackedShape& shape);

/// How a GPTQ file stores zero points.
enum class GptqZeros {
    V1,       ///< stored = zero - 1, value by value (modulo 2^bits)
    V1Packed, ///< stored word = packed zeros - 0x11111111 (borrows cross values: GPTQModel); 3 bits: as V1
    V2,       ///< stored = zero
};
struct GptqTensors {
    std::vector<std::uint32_t> qweight;   ///< [in * bits / 32, out], packed along the input
    std::vector<std::uint32_t> qzeros;    ///< [groups, out * bits / 32], packed along the output
    std::vector<float> scales;            ///< [groups, out]
    std::vector<std::int32_t> groupIndex; ///< [in]
};
/// bits in {2, 3, 4, 8}. Errors: other widths, in or out that do not fill words, scales not F16, and under V1
/// a zero point of 0, which readers do not agree on (stored 2^bits - 1 is 0 for some and 2^bits for others;
/// the message says how many there are).
Outcome<GptqTensors> packGptq(const QuantizedMatrix& matrix, GptqZeros zeros);
/// tensors.groupIndex may be empty: i / groupSize.
Outcome<QuantizedMatrix> unpackGptq(const GptqTensors& tensors, const PackedShape& shape, GptqZeros zeros);

/// What the zero points that a GPTQ file stores look like, before anyone knows which way they are stored.
struct StoredZeros {
    long long values = 0;
    long long below = 0;  ///< 2^(bits-1) - 1: version 1 of a symmetric grid
    long long middle = 0; ///< 2^(bits-1): version 2 of a symmetric grid
    long long full = 0;   ///< 2^bits - 1: the only values that make V1 and V1Packed differ
};
/// `qzeros` as in GptqTensors; incomplete rows at the end are left out.
StoredZeros countStoredZeros(std::span<const std::uint32_t> qzeros, std::ptrdiff_t out, int bits);

/// compressed-tensors pack-quantized, 2..8 bits: a stream per row, stored = signed code + 2^(bits-1).
struct CompressedTensors {
    std::vector<std::uint32_t> weightPacked; ///< [out, packedWords(in, bits)]
    std::vector<float> weightScale;          ///< [out, groups]
    std::vector<std::uint32_t> zeroPoint;    ///< [packedWords(out, bits), groups]; empty when symmetric
    std::vector<std::int32_t> groupIndex;    ///< [in]; empty without act-order
};
Outcome<CompressedTensors> packCompressed(const QuantizedMatrix& matrix);
Outcome<QuantizedMatrix> unpackCompressed(const CompressedTensors& tensors, const PackedShape& shape);

/// Signed codes of a byte each, 2..8 bits (compressed-tensors int-quantized, llama2.c version 2).
struct Int8Tensors {
    std::vector<std::int8_t> weight;      ///< [out, in]
    std::vector<float> scales;            ///< [out, groups]
    std::vector<std::int8_t> zeroPoint;   ///< [out, groups]; empty when symmetric
    std::vector<std::int32_t> groupIndex; ///< [in]; empty without act-order
};
/// Errors also: a code or zero point that shape.bits cannot hold.
Outcome<QuantizedMatrix> unpackInt8(const Int8Tensors& tensors, const PackedShape& shape);

} // namespace qroar
