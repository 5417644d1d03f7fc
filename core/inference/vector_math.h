// Elementwise kernels and sums of the forward pass, written so that a value depends only on its inputs: not
// on where a row starts in memory (as with kernels that treat an unaligned head apart), nor on the number of
// threads. The loops are plain; the compiler vectorises them. No contraction into fused operations here, so
// that body and remainder round alike.
#pragma once

#include <cstddef>

namespace qroar {

/// sum of values[at], in 16 interleaved partial sums.
double sum(const float* values, std::ptrdiff_t count);
/// sum of values[at]^2, in 16 interleaved partial sums of at most 4,096 addends each, then in double.
double sumOfSquares(const float* values, std::ptrdiff_t count);
/// sum of a[at] * b[at], in the same way.
double sumOfProducts(const float* a, const float* b, std::ptrdiff_t count);
/// 1 / sqrt(mean of squares + eps); NaN when the sum overflows, so that it shows in the result instead of
/// dividing it away.
double inverseRms(const float* values, std::ptrdiff_t count, double eps);
float maximum(const float* values, std::ptrdiff_t count);
/// values[at] = exp(values[at] - shift), relative error below 2e-7 (tested over the range); 0 below -87.3,
/// infinity above 88.37.
void exponentials(float* values, std::ptrdiff_t count, float shift);
/// sum of exp(values[at] - shift), values unchanged.
double sumOfExponentials(const float* values, std::ptrdiff_t count, float shift);
/// ln sum of exp(values[at]).
double logSumOfExponentials(const float* values, std::ptrdiff_t count);
/// gate[at] = silu(gate[at]) * up[at], silu(z) = z / (1 + exp(-z)).
void siluTimes(float* gate, const float* up, std::ptrdiff_t count);
/// From the gradient at silu(gate) * up those at gate and up, in place: gate[at] = gradient up silu'(gate),
/// up[at] = gradient silu(gate).
void siluTimesReverse(float* gate, float* up, const float* gradient, std::ptrdiff_t count);
/// The same with gelu(z) = z / 2 (1 + tanh(sqrt(2 / pi) (z + 0.044715 z^3))).
void geluTimes(float* gate, const float* up, std::ptrdiff_t count);
void geluTimesReverse(float* gate, float* up, const float* gradient, std::ptrdiff_t count);
/// values[at] = cap tanh(values[at] / cap).
void softCap(float* values, std::ptrdiff_t count, float cap);
/// From the gradient at capped values the one before the cap, in place: times 1 - (capped / cap)^2.
void softCapReverse(const float* capped, float* gradient, std::ptrdiff_t count, float cap);

} // namespace qroar
