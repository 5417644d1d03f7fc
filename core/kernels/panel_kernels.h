// The inner loops of matrix products and of attention's softmax. Activations lie in panels: 64 tokens side by
// side, so that a vector holds one feature of several tokens and no sum runs across a vector. Weights, keys
// and values are read as they lie in memory, one number at a time, and are never rearranged.
// A token's result depends on its own numbers alone: not on its lane, nor on its neighbours, nor on how many
// there are (only what is not a number spreads: a hidden key counts with the weight 0). In its last bits it
// depends on the instruction set: SSE2 has no fused multiply-add.
// Not here: how matrices become panels and what is multiplied with what (panels.h), threads.
#pragma once

#include "core/kernels/instruction_set.h"

#include <cstddef>

namespace qroar {

inline constexpr int panelWidth = 64; ///< tokens of a panel
/// Products summed in one float before they join the others: the panel's stretch stays in the first-level
/// cache, and sums of many numbers lose less.
inline constexpr std::ptrdiff_t panelDepth = 128;

/// A matrix [rows, depth] that is read number by number: (r, k) at data[r * rowStride + k * stepStride]; one
/// of the strides is 1.
struct Factor {
    const float* data = nullptr;
    std::ptrdiff_t rows = 0, depth = 0, rowStride = 0, stepStride = 1;
};

/// State of the running softmax of a panel of queries (Milakov & Gimelshein 2018).
struct SoftmaxState {
    alignas(64) float maximum[panelWidth];    ///< of the logits so far
    alignas(64) double sum[panelWidth];       ///< of exp(logit - maximum)
    alignas(64) float correction[panelWidth]; ///< what the last tile made of earlier results' scale
};

struct PanelKernels {
    /// sums[r][lane] += sum over k of factor(r, k) panel[k][lane]; panel [depth][64], sums [rows][64].
    void (*addProduct)(const Factor& factor, const float* panel, float* sums) = nullptr;
    /// The same in double: half the speed.
    void (*addProductInDouble)(const Factor& factor, const float* panel, double* sums) = nullptr;
    /// logits [keys][64] become exp(logit - maximum); the state moves on. A lane whose logits so far are all
    /// -infinity gets zeros. exp by 2^n e^r, |r| <= ln 2 / 2, and a polynomial of degree 7 (S. Moshier,
    /// Cephes library, expf): at most 2 ulp, zero below -87.3, infinity above 88.37.
    void (*softmax)(float* logits, std::ptrdiff_t keys, SoftmaxState& state) = nullptr;
    /// Softmax backwards: logits [keys][64] become probabilities p = exp(logit - logSumExp[lane]), the
    /// gradients g at them become p (g - rowProducts[lane]) scale, with rowProducts = sum p g over a query's
    /// keys.
    void (*softmaxReverse)(float* logits, float* gradient, std::ptrdiff_t keys, const float* logSumExp,
                           const float* rowProducts, float scale) = nullptr;
    /// values[r][lane] *= factors[lane].
    void (*scaleLanes)(float* values, std::ptrdiff_t rows, const float* factors) = nullptr;
};

/// The kernels of a set the processor has.
const PanelKernels& panelKernels(InstructionSet set);
/// The fastest.
const PanelKernels& panelKernels();

} // namespace qroar
