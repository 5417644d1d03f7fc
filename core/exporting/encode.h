// Numbers as an export stores them: rounded to F32, F16 or BF16, with a tally of what the rounding cost, and
// as little-endian bytes. Not here: which numbers (fold.h), where they go (checkpoint_writer.h).
#pragma once

#include "core/model/tensor.h"
#include "core/quant/quantized_matrix.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace qroar {

DType dtypeOf(ScaleType type);
/// F16, BF16 or F32 (asserted).
ScaleType scaleTypeOf(DType type);

/// The nearest value that `type` (F32, F16 or BF16) holds, half to even.
float roundToType(double value, DType type);

/// What rounding did to a set of numbers. Mergeable: the same sums for any split into ordered parts.
struct RoundingTally {
    long long values = 0;
    long long inexact = 0;   ///< stored value differs from the exact one
    long long subnormal = 0; ///< F16 below 6.104e-5, not zero: the error is absolute, up to 2^-25
    long long vanished = 0;  ///< stored as zero though it is not
    long long overflowed = 0;
    double maxRelative = 0; ///< |stored - exact| / |exact|, over those stored as normal numbers
    double sumRelative = 0;

    void count(double exact, float stored, DType type);
    void add(const RoundingTally& other);
    [[nodiscard]] double meanRelative() const;
};

/// values[i] becomes roundToType(values[i] * factor).
void scaleAndRound(std::span<float> values, float factor, DType type, RoundingTally& tally);
/// The same for a matrix, row r with factors[r] (empty: 1), rows in parallel; the tally does not depend on
/// the number of threads.
void scaleAndRoundRows(MatrixView values, std::span<const float> factors, DType type, RoundingTally& tally);

/// Appends `values`, which `type` must hold exactly.
void appendFloats(std::span<const float> values, DType type, std::vector<std::byte>& bytes);

template<class Integer>
std::span<const std::byte> bytesOf(const std::vector<Integer>& values) {
    return std::as_bytes(std::span(values));
}

} // namespace qroar
