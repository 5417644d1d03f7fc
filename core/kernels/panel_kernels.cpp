#include "core/kernels/panel_kernels.h"

#include <cstdint>
#include <limits>

// Each kernel is written once, for vectors of `lanes` floats, and compiled for every instruction set.
// Everything below is inlined into the functions that name the set; a call would be compiled without it.
#define QROAR_INLINE [[gnu::always_inline]] inline

namespace qroar {

namespace {

template<int lanes>
struct Vector {
    using Floats [[gnu::vector_size(lanes * sizeof(float))]] = float;
    using Ints [[gnu::vector_size(lanes * sizeof(float))]] = std::int32_t;
};

template<class Number, int lanes>
struct VectorOf {
    using Type [[gnu::vector_size(lanes * sizeof(Number))]] = Number;
};

template<int lanes>
QROAR_INLINE void load(const float* from, typename Vector<lanes>::Floats& to) {
    __builtin_memcpy(&to, from, sizeof to);
}
template<int lanes>
QROAR_INLINE void store(const typename Vector<lanes>::Floats& from, float* to) {
    __builtin_memcpy(to, &from, sizeof from);
}

/// `rows` rows times a stretch of the panel of `vectors` vectors: all sums stay in registers. Sum is float,
/// or double for products without error and sums with little.
template<class Sum, int lanes, int vectors, int rows>
QROAR_INLINE void addBlock(const float* weights, std::ptrdiff_t rowStride, std::ptrdiff_t stepStride,
                           std::ptrdiff_t depth, const float* panel, Sum* sums) {
    using Sums = typename VectorOf<Sum, lanes>::Type;
    Sums block[rows][vectors];
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (int at = 0; at < vectors; ++at) block[row][at] = Sums{};
    for (std::ptrdiff_t k = 0; k < depth; ++k) {
        Sums tokens[vectors];
#pragma GCC unroll 4
        for (int at = 0; at < vectors; ++at) {
            typename VectorOf<float, lanes>::Type floats;
            __builtin_memcpy(&floats, panel + k * panelWidth + at * lanes, sizeof floats);
            tokens[at] = __builtin_convertvector(floats, Sums);
        }
#pragma GCC unroll 8
        for (int row = 0; row < rows; ++row) {
            const Sum weight = weights[row * rowStride + k * stepStride];
#pragma GCC unroll 4
            for (int at = 0; at < vectors; ++at) block[row][at] += weight * tokens[at];
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < rows; ++row)
#pragma GCC unroll 4
        for (int at = 0; at < vectors; ++at) {
            Sums before;
            Sum* to = sums + row * panelWidth + at * lanes;
            __builtin_memcpy(&before, to, sizeof before);
            before += block[row][at];
            __builtin_memcpy(to, &before, sizeof before);
        }
}

template<class Sum, int lanes, int vectors>
QROAR_INLINE void addProduct(const Factor& f, const float* panel, Sum* sums) {
    constexpr int blockRows = 6;
    const std::ptrdiff_t whole = f.rows / blockRows * blockRows;
    for (int column = 0; column < panelWidth; column += lanes * vectors) {
        const float* from = panel + column;
        for (std::ptrdiff_t row = 0; row < whole; row += blockRows)
            addBlock<Sum, lanes, vectors, blockRows>(f.data + row * f.rowStride, f.rowStride, f.stepStride,
                                                     f.depth, from, sums + row * panelWidth + column);
        const float* last = f.data + whole * f.rowStride;
        Sum* to = sums + whole * panelWidth + column;
        switch (f.rows - whole) {
        case 5:
            addBlock<Sum, lanes, vectors, 5>(last, f.rowStride, f.stepStride, f.depth, from, to);
            break;
        case 4:
            addBlock<Sum, lanes, vectors, 4>(last, f.rowStride, f.stepStride, f.depth, from, to);
            break;
        case 3:
            addBlock<Sum, lanes, vectors, 3>(last, f.rowStride, f.stepStride, f.depth, from, to);
            break;
        case 2:
            addBlock<Sum, lanes, vectors, 2>(last, f.rowStride, f.stepStride, f.depth, from, to);
            break;
        case 1:
            addBlock<Sum, lanes, vectors, 1>(last, f.rowStride, f.stepStride, f.depth, from, to);
            break;
        default:
            break;
        }
    }
}

/// x becomes e^x (Cephes' expf); not a number stays so.
template<int lanes>
QROAR_INLINE void exponential(typename Vector<lanes>::Floats& x) {
    using Floats = typename Vector<lanes>::Floats;
    using Ints = typename Vector<lanes>::Ints;
    constexpr float log2e = 1.44269504088896341F, ln2High = 0.693359375F, ln2Low = -2.12194440e-4F;
    constexpr float toInteger = 12582912.0F; // 1.5 * 2^23: adding and taking it away rounds to an integer
    constexpr float lowest = -87.3F, highest = 88.7F;
    Floats bounded = x < lowest ? Floats{} + lowest : x;
    bounded = bounded > highest ? Floats{} + highest : bounded;
    const Floats shifted = bounded * log2e + toInteger;
    const Floats n = shifted - toInteger;
    const Floats r = (bounded - n * ln2High) - n * ln2Low;
    Floats p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * (r * r) + r + 1.0F;
    // The integer n lies in the low bits of what was shifted.
    Ints exponent;
    __builtin_memcpy(&exponent, &shifted, sizeof exponent);
    exponent = (exponent + 127) << 23;
    Floats power;
    __builtin_memcpy(&power, &exponent, sizeof power);
    x = x < lowest ? Floats{} : p * power;
}

template<int lanes>
QROAR_INLINE void softmax(float* logits, std::ptrdiff_t keys, SoftmaxState& state) {
    using Floats = typename Vector<lanes>::Floats;
    constexpr float nothing = -std::numeric_limits<float>::infinity();
    for (int column = 0; column < panelWidth; column += lanes) {
        Floats before, most, value;
        load<lanes>(state.maximum + column, before);
        most = before;
        for (std::ptrdiff_t key = 0; key < keys; ++key) {
            load<lanes>(logits + key * panelWidth + column, value);
            most = most < value ? value : most;
        }
        store<lanes>(most, state.maximum + column);
        const Floats top = most == nothing ? Floats{} : most; // a lane that sees no key yet
        Floats sum{};
        for (std::ptrdiff_t key = 0; key < keys; ++key) {
            load<lanes>(logits + key * panelWidth + column, value);
            value -= top;
            exponential<lanes>(value);
            sum += value;
            store<lanes>(value, logits + key * panelWidth + column);
        }
        Floats correction = before - top;
        exponential<lanes>(correction);
        store<lanes>(correction, state.correction + column);
        for (int lane = 0; lane < lanes; ++lane)
            state.sum[column + lane] = state.sum[column + lane] * static_cast<double>(correction[lane])
                                       + static_cast<double>(sum[lane]);
    }
}

template<int lanes>
QROAR_INLINE void softmaxReverse(float* logits, float* gradient, std::ptrdiff_t keys, const float* logSumExp,
                                 const float* rowProducts, float scale) {
    using Floats = typename Vector<lanes>::Floats;
    for (int column = 0; column < panelWidth; column += lanes) {
        Floats shift, product;
        load<lanes>(logSumExp + column, shift);
        load<lanes>(rowProducts + column, product);
        for (std::ptrdiff_t key = 0; key < keys; ++key) {
            Floats probability, slope;
            load<lanes>(logits + key * panelWidth + column, probability);
            load<lanes>(gradient + key * panelWidth + column, slope);
            probability -= shift;
            exponential<lanes>(probability);
            store<lanes>(probability, logits + key * panelWidth + column);
            store<lanes>(probability * (slope - product) * scale, gradient + key * panelWidth + column);
        }
    }
}

template<int lanes>
QROAR_INLINE void scaleLanes(float* values, std::ptrdiff_t rows, const float* factors) {
    using Floats = typename Vector<lanes>::Floats;
    for (std::ptrdiff_t row = 0; row < rows; ++row)
        for (int column = 0; column < panelWidth; column += lanes) {
            Floats value, factor;
            load<lanes>(values + row * panelWidth + column, value);
            load<lanes>(factors + column, factor);
            store<lanes>(value * factor, values + row * panelWidth + column);
        }
}

// NOLINTBEGIN(bugprone-macro-parentheses): names of functions and attributes
// Lanes and vectors of a block: six rows of sums, the tokens and a weight fill the registers.
#define QROAR_KERNELS(NAME, TARGET, LANES, VECTORS)                                                          \
    TARGET void addProduct##NAME(const Factor& factor, const float* panel, float* sums) {                    \
        addProduct<float, LANES, VECTORS>(factor, panel, sums);                                              \
    }                                                                                                        \
    TARGET void addProductInDouble##NAME(const Factor& factor, const float* panel, double* sums) {           \
        addProduct<double, LANES / 2, VECTORS>(factor, panel, sums);                                         \
    }                                                                                                        \
    TARGET void softmax##NAME(float* logits, std::ptrdiff_t keys, SoftmaxState& state) {                     \
        softmax<LANES>(logits, keys, state);                                                                 \
    }                                                                                                        \
    TARGET void softmaxReverse##NAME(float* logits, float* gradient, std::ptrdiff_t keys,                    \
                                     const float* logSumExp, const float* rowProducts, float scale) {        \
        softmaxReverse<LANES>(logits, gradient, keys, logSumExp, rowProducts, scale);                        \
    }                                                                                                        \
    TARGET void scaleLanes##NAME(float* values, std::ptrdiff_t rows, const float* factors) {                 \
        scaleLanes<LANES>(values, rows, factors);                                                            \
    }                                                                                                        \
    constexpr PanelKernels kernels##NAME{addProduct##NAME, addProductInDouble##NAME, softmax##NAME,          \
                                         softmaxReverse##NAME, scaleLanes##NAME};

#if defined(__x86_64__)
#if defined(__clang__) // knows no preference
QROAR_KERNELS(Avx512, [[gnu::target("arch=x86-64-v4")]], 16, 4)
#else
QROAR_KERNELS(Avx512, [[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]], 16, 4)
#endif
QROAR_KERNELS(Avx2, [[gnu::target("arch=x86-64-v3")]], 8, 2)
QROAR_KERNELS(Plain, , 4, 2) // SSE2: 16 registers
#else
QROAR_KERNELS(Plain, , 4, 4) // NEON: 32 registers
#endif
// NOLINTEND(bugprone-macro-parentheses)

} // namespace

const PanelKernels& panelKernels(InstructionSet set) {
#if defined(__x86_64__)
    if (set == InstructionSet::Avx512) return kernelsAvx512;
    if (set == InstructionSet::Avx2) return kernelsAvx2;
#endif
    (void)set;
    return kernelsPlain;
}

const PanelKernels& panelKernels() {
    static const PanelKernels& best = panelKernels(bestInstructions());
    return best;
}

} // namespace qroar
