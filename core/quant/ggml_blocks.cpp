#include "core/quant/ggml_blocks.h"

#include "core/base/half.h"
#include "core/quant/ggml_k_blocks.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

/// Types that are known by name only have no elements: their sizes are not needed to refuse them.
constexpr GgmlTypeFacts knownTypes[] = {
    {0, "F32", 1, 4, true, false},         {1, "F16", 1, 2, true, false},
    {2, "Q4_0", 32, 18, true, true},       {3, "Q4_1", 32, 20, true, true},
    {6, "Q5_0", 32, 22, true, true},       {7, "Q5_1", 32, 24, true, true},
    {8, "Q8_0", 32, 34, true, true},       {9, "Q8_1", 32, 36, false, true},
    {10, "Q2_K", 256, 84, true, true},     {11, "Q3_K", 256, 110, true, true},
    {12, "Q4_K", 256, 144, true, true},    {13, "Q5_K", 256, 176, true, true},
    {14, "Q6_K", 256, 210, true, true},    {15, "Q8_K", 256, 292, false, true},
    {16, "IQ2_XXS", 256, 66, false, true}, {17, "IQ2_XS", 256, 74, false, true},
    {18, "IQ3_XXS", 256, 98, false, true}, {19, "IQ1_S", 256, 50, false, true},
    {20, "IQ4_NL", 32, 18, true, true},    {21, "IQ3_S", 256, 110, false, true},
    {22, "IQ2_S", 256, 82, false, true},   {23, "IQ4_XS", 256, 136, true, true},
    {24, "I8", 1, 1, false, false},        {25, "I16", 1, 2, false, false},
    {26, "I32", 1, 4, false, false},       {27, "I64", 1, 8, false, false},
    {28, "F64", 1, 8, false, false},       {29, "IQ1_M", 256, 56, false, true},
    {30, "BF16", 1, 2, true, false},       {34, "TQ1_0", 256, 54, false, true},
    {35, "TQ2_0", 256, 66, false, true},   {39, "MXFP4", 32, 17, false, true},
    {40, "NVFP4", 64, 36, false, true},    {41, "Q1_0", 128, 18, false, true},
    {42, "Q2_0", 64, 18, false, true}};

int byteAt(const std::byte* block, std::size_t index) {
    return std::to_integer<int>(block[index]);
}

float halfAt(const std::byte* block, std::size_t offset) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, block + offset, sizeof bits);
    return f16ToFloat(bits);
}

int signedByteAt(const std::byte* block, std::size_t index) {
    return static_cast<std::int8_t>(byteAt(block, index));
}

std::uint32_t wordAt(const std::byte* block, std::size_t offset) {
    std::uint32_t word = 0;
    std::memcpy(&word, block + offset, sizeof word);
    return word;
}

/// The grid of IQ4_NL and IQ4_XS.
constexpr int nonLinear4[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

// ---- blocks of 32: element j is the low nibble of byte j, element j + 16 the high one ----

void fromQ4_0(const std::byte* block, float* y) {
    const float d = halfAt(block, 0);
    for (std::size_t j = 0; j < 16; ++j) {
        const int codes = byteAt(block, 2 + j);
        y[j] = static_cast<float>((codes & 15) - 8) * d;
        y[j + 16] = static_cast<float>((codes >> 4) - 8) * d;
    }
}

void fromQ4_1(const std::byte* block, float* y) {
    const float d = halfAt(block, 0), m = halfAt(block, 2);
    for (std::size_t j = 0; j < 16; ++j) {
        const int codes = byteAt(block, 4 + j);
        y[j] = static_cast<float>(codes & 15) * d + m;
        y[j + 16] = static_cast<float>(codes >> 4) * d + m;
    }
}

/// Five bits: the fifth of element j is bit j of a word.
struct FiveBits {
    const std::byte* codes;
    std::uint32_t high;
    [[nodiscard]] int low(std::size_t j) const {
        return (byteAt(codes, j) & 15) | static_cast<int>(((high >> j) & 1U) << 4);
    }
    [[nodiscard]] int upper(std::size_t j) const {
        return (byteAt(codes, j) >> 4) | static_cast<int>(((high >> (j + 16)) & 1U) << 4);
    }
};

void fromQ5_0(const std::byte* block, float* y) {
    const float d = halfAt(block, 0);
    const FiveBits codes{block + 6, wordAt(block, 2)};
    for (std::size_t j = 0; j < 16; ++j) {
        y[j] = static_cast<float>(codes.low(j) - 16) * d;
        y[j + 16] = static_cast<float>(codes.upper(j) - 16) * d;
    }
}

void fromQ5_1(const std::byte* block, float* y) {
    const float d = halfAt(block, 0), m = halfAt(block, 2);
    const FiveBits codes{block + 8, wordAt(block, 4)};
    for (std::size_t j = 0; j < 16; ++j) {
        y[j] = static_cast<float>(codes.low(j)) * d + m;
        y[j + 16] = static_cast<float>(codes.upper(j)) * d + m;
    }
}

void fromQ8_0(const std::byte* block, float* y) {
    const float d = halfAt(block, 0);
    for (std::size_t j = 0; j < 32; ++j) y[j] = static_cast<float>(signedByteAt(block, 2 + j)) * d;
}

void fromIq4Nl(const std::byte* block, float* y) {
    const float d = halfAt(block, 0);
    for (std::size_t j = 0; j < 16; ++j) {
        const int codes = byteAt(block, 2 + j);
        y[j] = d * static_cast<float>(nonLinear4[codes & 15]);
        y[j + 16] = d * static_cast<float>(nonLinear4[codes >> 4]);
    }
}

// ---- super-blocks of 256 ----

/// The eight pairs of 6-bit scale and minimum of Q4_K and Q5_K in 12 bytes.
struct ScaleMin {
    int scale, min;
};
ScaleMin scaleMin(const std::byte* packed, std::size_t j) {
    if (j < 4) return {byteAt(packed, j) & 63, byteAt(packed, j + 4) & 63};
    return {(byteAt(packed, j + 4) & 15) | ((byteAt(packed, j - 4) >> 6) << 4),
            (byteAt(packed, j + 4) >> 4) | ((byteAt(packed, j) >> 6) << 4)};
}

/// scales[16] | codes[64], two bits each | d | dmin. Sub-blocks of 16: low nibble scale, high nibble minimum.
void fromQ2K(const std::byte* block, float* y) {
    const float d = halfAt(block, 80), dmin = halfAt(block, 82);
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t half = element / 128, within = element % 128;
        const int code = (byteAt(block, 16 + half * 32 + within % 32) >> (2 * (within / 32))) & 3;
        const int scale = byteAt(block, element / 16);
        const float dl = d * static_cast<float>(scale & 15), ml = dmin * static_cast<float>(scale >> 4);
        y[element] = dl * static_cast<float>(code) - ml;
    }
}

/// hmask[32] | codes[64], two bits each | scales[12] of six bits | d. Value = two bits, less 4 where the
/// mask's bit is clear.
void fromQ3K(const std::byte* block, float* y) {
    const std::byte* packed = block + 96;
    const float d = halfAt(block, 108);
    std::array<float, 16> dl{};
    for (std::size_t j = 0; j < 16; ++j) {
        const int low = j < 8 ? byteAt(packed, j) & 15 : byteAt(packed, j - 8) >> 4;
        const int high = (byteAt(packed, 8 + j % 4) >> (2 * (j / 4))) & 3;
        dl[j] = d * static_cast<float>((low | (high << 4)) - 32);
    }
    for (std::size_t element = 0; element < 256; ++element) {
        const std::size_t half = element / 128, within = element % 128;
        const int code = (byteAt(block, 32 + half * 32 + within % 32) >> (2 * (within / 32))) & 3;
        const int bit = (byteAt(block, within % 32) >> (element / 32)) & 1;
        y[element] = dl[element / 16] * static_cast<float>(code - (bit != 0 ? 0 : 4));
    }
}

/// d | dmin | scales[12] | codes[128]: run r of 32 bytes holds sub-blocks 2r (low nibbles) and 2r + 1.
void fromQ4K(const std::byte* block, float* y) {
    const float d = halfAt(block, 0), dmin = halfAt(block, 2);
    for (std::size_t sub = 0; sub < 8; ++sub) {
        const ScaleMin six = scaleMin(block + 4, sub);
        const float dl = d * static_cast<float>(six.scale), ml = dmin * static_cast<float>(six.min);
        const std::byte* codes = block + 16 + 32 * (sub / 2);
        for (std::size_t l = 0; l < 32; ++l) {
            const int byte = byteAt(codes, l);
            y[32 * sub + l] = dl * static_cast<float>(sub % 2 == 0 ? byte & 15 : byte >> 4) - ml;
        }
    }
}

/// As Q4_K with qh[32] between scales and codes: bit `sub` of qh[l] is the fifth bit.
void fromQ5K(const std::byte* block, float* y) {
    const float d = halfAt(block, 0), dmin = halfAt(block, 2);
    for (std::size_t sub = 0; sub < 8; ++sub) {
        const ScaleMin six = scaleMin(block + 4, sub);
        const float dl = d * static_cast<float>(six.scale), ml = dmin * static_cast<float>(six.min);
        const std::byte* codes = block + 48 + 32 * (sub / 2);
        for (std::size_t l = 0; l < 32; ++l) {
            const int byte = byteAt(codes, l), fifth = (byteAt(block, 16 + l) >> sub) & 1;
            y[32 * sub + l] =
                dl * static_cast<float>((sub % 2 == 0 ? byte & 15 : byte >> 4) + 16 * fifth) - ml;
        }
    }
}

/// ql[128] | qh[64] | scales[16], signed | d. Two halves of 128: four runs of 32 in each.
void fromQ6K(const std::byte* block, float* y) {
    const float d = halfAt(block, 208);
    for (std::size_t half = 0; half < 2; ++half) {
        const std::byte *ql = block + 64 * half, *qh = block + 128 + 32 * half,
                        *scales = block + 192 + 8 * half;
        for (std::size_t l = 0; l < 32; ++l)
            for (std::size_t run = 0; run < 4; ++run) {
                const int low = byteAt(ql, l + 32 * (run % 2));
                const int code = (run < 2 ? low & 15 : low >> 4) | (((byteAt(qh, l) >> (2 * run)) & 3) << 4);
                const auto scale = static_cast<float>(signedByteAt(scales, l / 16 + 2 * run));
                y[128 * half + 32 * run + l] = d * scale * static_cast<float>(code - 32);
            }
    }
}

/// d | scales_h (16 bits) | scales_l[4] | codes[128]: eight sub-blocks of 32 with six-bit scales.
void fromIq4Xs(const std::byte* block, float* y) {
    const float d = halfAt(block, 0);
    const int high = byteAt(block, 2) | (byteAt(block, 3) << 8);
    for (std::size_t sub = 0; sub < 8; ++sub) {
        const int low = (byteAt(block, 4 + sub / 2) >> (4 * (sub % 2))) & 15;
        const int scale = low | (((high >> (2 * sub)) & 3) << 4);
        const float dl = d * static_cast<float>(scale - 32);
        for (std::size_t j = 0; j < 16; ++j) {
            const int codes = byteAt(block, 8 + 16 * sub + j);
            y[32 * sub + j] = dl * static_cast<float>(nonLinear4[codes & 15]);
            y[32 * sub + j + 16] = dl * static_cast<float>(nonLinear4[codes >> 4]);
        }
    }
}

using FromBlock = void (*)(const std::byte*, float*);
FromBlock readerOf(GgmlType type) {
    switch (type) {
    case GgmlType::Q4_0:
        return fromQ4_0;
    case GgmlType::Q4_1:
        return fromQ4_1;
    case GgmlType::Q5_0:
        return fromQ5_0;
    case GgmlType::Q5_1:
        return fromQ5_1;
    case GgmlType::Q8_0:
        return fromQ8_0;
    case GgmlType::Q2_K:
        return fromQ2K;
    case GgmlType::Q3_K:
        return fromQ3K;
    case GgmlType::Q4_K:
        return fromQ4K;
    case GgmlType::Q5_K:
        return fromQ5K;
    case GgmlType::Q6_K:
        return fromQ6K;
    case GgmlType::IQ4_NL:
        return fromIq4Nl;
    case GgmlType::IQ4_XS:
        return fromIq4Xs;
    default:
        return nullptr;
    }
}

// ---- quantizers ----

void setHalf(std::byte* block, std::size_t offset, float value) {
    const std::uint16_t bits = floatToF16(value);
    std::memcpy(block + offset, &bits, sizeof bits);
}

/// The value of largest magnitude, with its sign; the first of equal ones.
float signedExtreme(const float* x) {
    float extreme = 0;
    for (int j = 0; j < 32; ++j)
        if (std::fabs(x[j]) > std::fabs(extreme)) extreme = x[j];
    return extreme;
}

void toQ8_0(const float* x, std::byte* block) {
    const float d = std::fabs(signedExtreme(x)) / 127.0F, inverse = d != 0 ? 1.0F / d : 0.0F;
    setHalf(block, 0, d);
    for (std::size_t j = 0; j < 32; ++j)
        block[2 + j] = static_cast<std::byte>(static_cast<std::int8_t>(std::round(x[j] * inverse)));
}

/// The code of x on a grid of `levels` values: truncation of a shifted quotient, as ggml rounds.
int gridCode(float shifted, int levels) {
    return std::min(levels - 1, static_cast<int>(static_cast<std::int8_t>(shifted)));
}

/// Writes codes of 4 or 5 bits: nibbles at `codes`, fifth bits into the word at `high` when there is one.
void setCodes(const std::array<int, 32>& values, std::byte* codes, std::byte* high) {
    std::uint32_t fifth = 0;
    for (std::size_t j = 0; j < 16; ++j) {
        codes[j] = static_cast<std::byte>((values[j] & 15) | ((values[j + 16] & 15) << 4));
        fifth |= static_cast<std::uint32_t>((values[j] >> 4) & 1) << j;
        fifth |= static_cast<std::uint32_t>((values[j + 16] >> 4) & 1) << (j + 16);
    }
    if (high) std::memcpy(high, &fifth, sizeof fifth);
}

/// Q4_0 and Q5_0: the extreme value becomes the lowest code, so d may be negative.
void toSymmetric(const float* x, std::byte* block, int bits) {
    const int half = 1 << (bits - 1);
    const float d = signedExtreme(x) / static_cast<float>(-half), inverse = d != 0 ? 1.0F / d : 0.0F;
    std::array<int, 32> codes{};
    for (std::size_t j = 0; j < 32; ++j)
        codes[j] = gridCode(x[j] * inverse + (static_cast<float>(half) + 0.5F), 2 * half);
    setHalf(block, 0, d);
    bits == 5 ? setCodes(codes, block + 6, block + 2) : setCodes(codes, block + 2, nullptr);
}

/// Q4_1 and Q5_1: from the smallest to the largest value.
void toAffine(const float* x, std::byte* block, int bits) {
    const auto [low, high] = std::minmax_element(x, x + 32);
    const int levels = 1 << bits;
    const float m = *low, d = (*high - m) / static_cast<float>(levels - 1),
                inverse = d != 0 ? 1.0F / d : 0.0F;
    std::array<int, 32> codes{};
    for (std::size_t j = 0; j < 32; ++j) codes[j] = gridCode((x[j] - m) * inverse + 0.5F, levels);
    setHalf(block, 0, d);
    setHalf(block, 2, m);
    bits == 5 ? setCodes(codes, block + 8, block + 4) : setCodes(codes, block + 4, nullptr);
}

} // namespace

const GgmlTypeFacts* ggmlTypeFacts(std::uint32_t id) {
    const auto found = std::find_if(std::begin(knownTypes), std::end(knownTypes),
                                    [id](const GgmlTypeFacts& facts) { return facts.id == id; });
    return found == std::end(knownTypes) ? nullptr : found;
}

const GgmlTypeFacts& ggmlTypeFacts(GgmlType type) {
    return *ggmlTypeFacts(static_cast<std::uint32_t>(type));
}

const GgmlTypeFacts* ggmlTypeNamed(std::string_view name) {
    const auto found = std::find_if(std::begin(knownTypes), std::end(knownTypes),
                                    [name](const GgmlTypeFacts& facts) { return facts.name == name; });
    return found == std::end(knownTypes) ? nullptr : found;
}

void dequantizeBlocks(GgmlType type, const std::byte* source, float* target, std::size_t blocks) {
    const FromBlock read = readerOf(type);
    assert(read);
    if (!read) return;
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const auto elements = static_cast<std::size_t>(facts.blockElements),
               bytes = static_cast<std::size_t>(facts.blockBytes);
    for (std::size_t block = 0; block < blocks; ++block)
        read(source + block * bytes, target + block * elements);
}

bool canQuantizeBlocks(GgmlType type) {
    return type == GgmlType::Q8_0 || type == GgmlType::Q4_0 || type == GgmlType::Q4_1
           || type == GgmlType::Q5_0 || type == GgmlType::Q5_1 || type == GgmlType::Q4_K
           || type == GgmlType::Q6_K;
}

void quantizeBlocks(GgmlType type, const float* source, std::byte* target, std::size_t blocks) {
    assert(canQuantizeBlocks(type));
    const auto bytes = static_cast<std::size_t>(ggmlTypeFacts(type).blockBytes);
    if (type == GgmlType::Q4_K || type == GgmlType::Q6_K) {
#pragma omp parallel for schedule(static)
        for (std::size_t block = 0; block < blocks; ++block)
            (type == GgmlType::Q4_K ? toQ4K : toQ6K)(source + 256 * block, target + bytes * block);
        return;
    }
    for (std::size_t block = 0; block < blocks; ++block, source += 32, target += bytes) {
        if (type == GgmlType::Q8_0) toQ8_0(source, target);
        if (type == GgmlType::Q4_0 || type == GgmlType::Q5_0)
            toSymmetric(source, target, type == GgmlType::Q4_0 ? 4 : 5);
        if (type == GgmlType::Q4_1 || type == GgmlType::Q5_1)
            toAffine(source, target, type == GgmlType::Q4_1 ? 4 : 5);
    }
}

std::span<const std::size_t> blockFactorOffsets(GgmlType type) {
    static constexpr std::size_t first[] = {0}, firstTwo[] = {0, 2}, q2k[] = {80, 82}, q3k[] = {108},
                                 q6k[] = {208};
    switch (type) {
    case GgmlType::Q4_0:
    case GgmlType::Q5_0:
    case GgmlType::Q8_0:
    case GgmlType::IQ4_NL:
    case GgmlType::IQ4_XS:
        return first;
    case GgmlType::Q4_1:
    case GgmlType::Q5_1:
    case GgmlType::Q4_K:
    case GgmlType::Q5_K:
        return firstTwo;
    case GgmlType::Q2_K:
        return q2k;
    case GgmlType::Q3_K:
        return q3k;
    case GgmlType::Q6_K:
        return q6k;
    default:
        return {};
    }
}

} // namespace qroar
