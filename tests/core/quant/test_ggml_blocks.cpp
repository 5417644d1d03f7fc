// Every ggml block type, bit for bit against a reading of its documented layout that walks through the bytes
// as the format describes them (one pass with moving pointers), on random and on adversarial blocks; the
// quantizers against exhaustive nearest codes and hand-written blocks.
#include "core/base/half.h"
#include "core/quant/ggml_blocks.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using namespace qroar;

namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr int grid[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

float half(const std::uint8_t* at) {
    return f16ToFloat(static_cast<std::uint16_t>(at[0] | (at[1] << 8)));
}
/// A product and a sum that no compiler may fuse.
float minus(float a, float b) {
    volatile float product = a;
    return product - b;
}

void sixBit(int j, const std::uint8_t* s, int& sc, int& mn) {
    if (j < 4) {
        sc = s[j] & 63;
        mn = s[j + 4] & 63;
    } else {
        sc = (s[j + 4] & 0xF) | ((s[j - 4] >> 6) << 4);
        mn = (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
    }
}

std::vector<float> reference(GgmlType type, const std::uint8_t* b) {
    std::vector<float> y;
    const auto put = [&y](float value) { y.push_back(value); };
    switch (type) {
    case GgmlType::Q4_0:
        for (int side = 0; side < 2; ++side)
            for (int j = 0; j < 16; ++j)
                put(static_cast<float>(((b[2 + j] >> (4 * side)) & 15) - 8) * half(b));
        break;
    case GgmlType::Q4_1:
        for (int side = 0; side < 2; ++side)
            for (int j = 0; j < 16; ++j)
                put(minus(static_cast<float>((b[4 + j] >> (4 * side)) & 15) * half(b), -half(b + 2)));
        break;
    case GgmlType::Q5_0:
    case GgmlType::Q5_1: {
        const bool affine = type == GgmlType::Q5_1;
        const std::uint8_t *qh = b + (affine ? 4 : 2), *qs = qh + 4;
        for (int j = 0; j < 32; ++j) {
            const int code = ((qs[j % 16] >> (j < 16 ? 0 : 4)) & 15) + 16 * ((qh[j / 8] >> (j % 8)) & 1);
            put(affine ? minus(static_cast<float>(code) * half(b), -half(b + 2))
                       : static_cast<float>(code - 16) * half(b));
        }
        break;
    }
    case GgmlType::Q8_0:
        for (int j = 0; j < 32; ++j) put(static_cast<float>(static_cast<std::int8_t>(b[2 + j])) * half(b));
        break;
    case GgmlType::Q2_K: {
        const std::uint8_t *scales = b, *q = b + 16;
        const float d = half(b + 80), dmin = half(b + 82);
        int is = 0;
        for (int n = 0; n < 256; n += 128, q += 32)
            for (int shift = 0; shift < 8; shift += 2)
                for (int sixteen = 0; sixteen < 2; ++sixteen) {
                    const int sc = scales[is++];
                    const float dl = d * static_cast<float>(sc & 15), ml = dmin * static_cast<float>(sc >> 4);
                    for (int l = 0; l < 16; ++l)
                        put(minus(dl * static_cast<float>((q[16 * sixteen + l] >> shift) & 3), ml));
                }
        break;
    }
    case GgmlType::Q3_K: {
        const std::uint8_t *hm = b, *q = b + 32;
        std::uint32_t aux[4];
        std::memcpy(aux, b + 96, 12);
        const std::uint32_t low = 0x0f0f0f0f, two = 0x03030303, high = aux[2];
        aux[2] = ((aux[0] >> 4) & low) | (((high >> 4) & two) << 4);
        aux[3] = ((aux[1] >> 4) & low) | (((high >> 6) & two) << 4);
        aux[0] = (aux[0] & low) | ((high & two) << 4);
        aux[1] = (aux[1] & low) | (((high >> 2) & two) << 4);
        std::int8_t scales[16];
        std::memcpy(scales, aux, 16);
        int is = 0, m = 1;
        for (int n = 0; n < 256; n += 128, q += 32)
            for (int shift = 0; shift < 8; shift += 2, m <<= 1)
                for (int sixteen = 0; sixteen < 2; ++sixteen) {
                    const float dl = half(b + 108) * static_cast<float>(scales[is++] - 32);
                    for (int l = 16 * sixteen; l < 16 * sixteen + 16; ++l)
                        put(dl * static_cast<float>(((q[l] >> shift) & 3) - ((hm[l] & m) ? 0 : 4)));
                }
        break;
    }
    case GgmlType::Q4_K:
    case GgmlType::Q5_K: {
        const bool five = type == GgmlType::Q5_K;
        const std::uint8_t *q = b + (five ? 48 : 16), *qh = b + 16;
        int is = 0, u = 1;
        for (int j = 0; j < 256; j += 64, q += 32)
            for (int side = 0; side < 2; ++side, u <<= 1) {
                int sc = 0, mn = 0;
                sixBit(is++, b + 4, sc, mn);
                const float d = half(b) * static_cast<float>(sc), m = half(b + 2) * static_cast<float>(mn);
                for (int l = 0; l < 32; ++l)
                    put(minus(
                        d * static_cast<float>(((q[l] >> (4 * side)) & 15) + (five && (qh[l] & u) ? 16 : 0)),
                        m));
            }
        break;
    }
    case GgmlType::Q6_K: {
        y.resize(256);
        const std::uint8_t *ql = b, *qh = b + 128;
        const auto* sc = reinterpret_cast<const std::int8_t*>(b + 192);
        for (int n = 0; n < 256; n += 128, ql += 64, qh += 32, sc += 8)
            for (int l = 0; l < 32; ++l) {
                const int is = l / 16;
                const int q1 = ((ql[l] & 0xF) | ((qh[l] & 3) << 4)) - 32;
                const int q2 = ((ql[l + 32] & 0xF) | (((qh[l] >> 2) & 3) << 4)) - 32;
                const int q3 = ((ql[l] >> 4) | (((qh[l] >> 4) & 3) << 4)) - 32;
                const int q4 = ((ql[l + 32] >> 4) | ((qh[l] >> 6) << 4)) - 32;
                const float d = half(b + 208);
                y[n + l] = d * static_cast<float>(sc[is]) * static_cast<float>(q1);
                y[n + l + 32] = d * static_cast<float>(sc[is + 2]) * static_cast<float>(q2);
                y[n + l + 64] = d * static_cast<float>(sc[is + 4]) * static_cast<float>(q3);
                y[n + l + 96] = d * static_cast<float>(sc[is + 6]) * static_cast<float>(q4);
            }
        break;
    }
    case GgmlType::IQ4_NL:
        for (int side = 0; side < 2; ++side)
            for (int j = 0; j < 16; ++j)
                put(half(b) * static_cast<float>(grid[(b[2 + j] >> (4 * side)) & 15]));
        break;
    case GgmlType::IQ4_XS: {
        const unsigned scalesHigh = b[2] | (b[3] << 8);
        const std::uint8_t* qs = b + 8;
        for (int ib = 0; ib < 8; ++ib, qs += 16) {
            const int ls = ((b[4 + ib / 2] >> (4 * (ib % 2))) & 0xf)
                           | static_cast<int>(((scalesHigh >> (2 * ib)) & 3) << 4);
            const float dl = half(b) * static_cast<float>(ls - 32);
            for (int side = 0; side < 2; ++side)
                for (int j = 0; j < 16; ++j) put(dl * static_cast<float>(grid[(qs[j] >> (4 * side)) & 15]));
        }
        break;
    }
    default:
        break;
    }
    return y;
}

const GgmlType blocked[] = {GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0,   GgmlType::Q5_1,
                            GgmlType::Q8_0, GgmlType::Q2_K, GgmlType::Q3_K,   GgmlType::Q4_K,
                            GgmlType::Q5_K, GgmlType::Q6_K, GgmlType::IQ4_NL, GgmlType::IQ4_XS};

std::uint32_t bits(float value) {
    std::uint32_t word = 0;
    std::memcpy(&word, &value, sizeof word);
    return word;
}

void compareBlock(GgmlType type, const Bytes& block) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    std::vector<float> ours(static_cast<std::size_t>(facts.blockElements));
    // At an odd address: nothing in a file is aligned for floats.
    std::vector<std::byte> shifted(block.size() + 1);
    std::memcpy(shifted.data() + 1, block.data(), block.size());
    dequantizeBlocks(type, shifted.data() + 1, ours.data(), 1);
    const std::vector<float> expected = reference(type, block.data());
    QCOMPARE(expected.size(), ours.size());
    for (std::size_t element = 0; element < ours.size(); ++element) {
        if (std::isnan(expected[element]) && std::isnan(ours[element])) continue;
        if (bits(ours[element]) != bits(expected[element]))
            QFAIL(qPrintable(QString("%1, element %2: %3, expected %4")
                                 .arg(facts.name)
                                 .arg(element)
                                 .arg(ours[element])
                                 .arg(expected[element])));
    }
}

/// Codes of 32 or 16 numbers from their smallest to their largest, scales rounded to what the format has.
double plainQ4KError(const float* x) {
    float steps[8], lows[8], mostStep = 0, mostLow = 0;
    for (int sub = 0; sub < 8; ++sub) {
        const auto [low, high] = std::minmax_element(x + 32 * sub, x + 32 * sub + 32);
        lows[sub] = std::max(-*low, 0.0F);
        steps[sub] = (std::max(*high, 0.0F) + lows[sub]) / 15;
        mostStep = std::max(mostStep, steps[sub]);
        mostLow = std::max(mostLow, lows[sub]);
    }
    double error = 0;
    for (int at = 0; at < 256; ++at) {
        const float step = mostStep / 63 * std::round(63 * steps[at / 32] / mostStep);
        const float low = mostLow == 0 ? 0 : mostLow / 63 * std::round(63 * lows[at / 32] / mostLow);
        const float code = step == 0 ? 0 : std::clamp(std::round((x[at] + low) / step), 0.0F, 15.0F);
        error += std::pow(step * code - low - x[at], 2);
    }
    return error;
}
double plainQ6KError(const float* x) {
    float steps[16], most = 0;
    for (int sub = 0; sub < 16; ++sub) {
        float extreme = 0;
        for (int at = 16 * sub; at < 16 * sub + 16; ++at) extreme = std::max(extreme, std::fabs(x[at]));
        steps[sub] = extreme / 31;
        most = std::max(most, steps[sub]);
    }
    double error = 0;
    for (int at = 0; at < 256; ++at) {
        const float step = most / 127 * std::round(127 * steps[at / 16] / most);
        const float code = step == 0 ? 0 : std::clamp(std::round(x[at] / step), -32.0F, 31.0F);
        error += std::pow(step * code - x[at], 2);
    }
    return error;
}

/// Adds to the code of an element; false when there is none beyond.
bool moveCode(GgmlType type, std::byte* block, std::size_t at, int step) {
    const auto value = [&](std::size_t byte) { return std::to_integer<int>(block[byte]); };
    if (type == GgmlType::Q4_K) {
        const std::size_t byte = 16 + 32 * (at / 64) + at % 32;
        const int shift = at % 64 < 32 ? 0 : 4, code = ((value(byte) >> shift) & 15) + step;
        if (code < 0 || code > 15) return false;
        block[byte] = static_cast<std::byte>((value(byte) & ~(15 << shift)) | (code << shift));
        return true;
    }
    const std::size_t half = at / 128, run = at % 128 / 32, low = 64 * half + at % 32 + 32 * (run % 2),
                      high = 128 + 32 * half + at % 32;
    const int lowShift = run < 2 ? 0 : 4, highShift = static_cast<int>(2 * run);
    const int code = (((value(low) >> lowShift) & 15) | (((value(high) >> highShift) & 3) << 4)) + step;
    if (code < 0 || code > 63) return false;
    block[low] = static_cast<std::byte>((value(low) & ~(15 << lowShift)) | ((code & 15) << lowShift));
    block[high] = static_cast<std::byte>((value(high) & ~(3 << highShift)) | ((code >> 4) << highShift));
    return true;
}

} // namespace

class TestGgmlBlocks : public QObject {
    Q_OBJECT
  private slots:
    void everyTypeBitForBit() {
        std::mt19937_64 engine(11);
        for (const GgmlType type : blocked) {
            Bytes block(static_cast<std::size_t>(ggmlTypeFacts(type).blockBytes));
            for (int round = 0; round < 2000; ++round) {
                for (std::uint8_t& byte : block) byte = static_cast<std::uint8_t>(engine());
                compareBlock(type, block);
                if (QTest::currentTestFailed()) return;
            }
            for (const int fill : {0x00, 0xFF, 0x80, 0x7F, 0x0F, 0xF0, 0x01, 0x7C, 0xFC}) {
                std::fill(block.begin(), block.end(), static_cast<std::uint8_t>(fill));
                compareBlock(type, block);
                if (QTest::currentTestFailed()) return;
            }
        }
    }

    /// Every special value of the factors with the extremes of everything else.
    void adversarialFactors() {
        // 0, -0, least and largest subnormal, least normal, largest, infinities, NaNs, 1, -1
        const std::uint16_t special[] = {0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x83FF, 0x0400, 0x7BFF,
                                         0xFBFF, 0x7C00, 0xFC00, 0x7E00, 0xFFFF, 0x7C01, 0x3C00, 0xBC00};
        std::mt19937_64 engine(21);
        for (const GgmlType type : blocked) {
            const auto offsets = blockFactorOffsets(type);
            Bytes block(static_cast<std::size_t>(ggmlTypeFacts(type).blockBytes));
            for (const std::uint16_t first : special)
                for (const std::uint16_t second : special)
                    for (int fill = 0; fill < 4; ++fill) {
                        for (std::uint8_t& byte : block)
                            byte = fill == 0   ? 0
                                   : fill == 1 ? 0xFF
                                   : fill == 2 ? (engine() % 2 == 0 ? 0x80 : 0x7F)
                                               : static_cast<std::uint8_t>(engine());
                        std::memcpy(&block[offsets[0]], &first, 2);
                        if (offsets.size() > 1) std::memcpy(&block[offsets[1]], &second, 2);
                        compareBlock(type, block);
                        if (QTest::currentTestFailed()) return;
                    }
        }
    }

    /// F16 and BF16 by their definition: all 65,536.
    void halvesByDefinition() {
        for (unsigned word = 0; word < 65536; ++word) {
            const double sign = (word & 0x8000U) != 0 ? -1 : 1;
            const int exponent = static_cast<int>((word >> 10) & 31U);
            const double fraction = (word & 1023U) / 1024.0;
            const double expected = exponent == 31  ? (fraction == 0 ? INFINITY : NAN)
                                    : exponent == 0 ? std::ldexp(fraction, -14)
                                                    : std::ldexp(1 + fraction, exponent - 15);
            const float found = f16ToFloat(static_cast<std::uint16_t>(word));
            QVERIFY(std::isnan(expected) ? std::isnan(found)
                                         : bits(found) == bits(static_cast<float>(sign * expected)));
            QCOMPARE(bits(bf16ToFloat(static_cast<std::uint16_t>(word))), word << 16);
        }
    }

    void theFactorsScaleEveryWeight() {
        std::mt19937_64 engine(12);
        for (const GgmlType type : blocked) {
            const GgmlTypeFacts& facts = ggmlTypeFacts(type);
            std::vector<std::byte> block(static_cast<std::size_t>(facts.blockBytes));
            for (std::byte& byte : block) byte = static_cast<std::byte>(engine());
            for (const std::size_t offset : blockFactorOffsets(type)) {
                const std::uint16_t factor = floatToF16(0.5F + 0.001F * static_cast<float>(engine() % 100));
                std::memcpy(block.data() + offset, &factor, 2);
            }
            std::vector<float> before(static_cast<std::size_t>(facts.blockElements)), after(before.size());
            dequantizeBlocks(type, block.data(), before.data(), 1);
            for (const std::size_t offset : blockFactorOffsets(type)) {
                std::uint16_t factor = 0;
                std::memcpy(&factor, block.data() + offset, 2);
                factor = floatToF16(2 * f16ToFloat(factor)); // a power of two: no rounding
                std::memcpy(block.data() + offset, &factor, 2);
            }
            dequantizeBlocks(type, block.data(), after.data(), 1);
            for (std::size_t element = 0; element < before.size(); ++element)
                QCOMPARE(after[element], 2 * before[element]);
        }
    }

    void quantizersComeNearest() {
        std::mt19937_64 engine(13);
        std::normal_distribution<float> normal(0, 0.05F);
        for (const GgmlType type :
             {GgmlType::Q8_0, GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1}) {
            QVERIFY(canQuantizeBlocks(type));
            const GgmlTypeFacts& facts = ggmlTypeFacts(type);
            for (int round = 0; round < 300; ++round) {
                float x[32], y[32];
                for (float& value : x) value = normal(engine) + (round % 3 == 0 ? 0.2F : 0);
                std::vector<std::byte> block(static_cast<std::size_t>(facts.blockBytes));
                quantizeBlocks(type, x, block.data(), 1);
                dequantizeBlocks(type, block.data(), y, 1);
                float low = x[0], high = x[0], amax = 0;
                for (const float value : x) {
                    low = std::min(low, value);
                    high = std::max(high, value);
                    amax = std::max(amax, std::fabs(value));
                }
                const bool affine = type == GgmlType::Q4_1 || type == GgmlType::Q5_1;
                const int levels = type == GgmlType::Q8_0 ? 254 : facts.id == 2 || facts.id == 3 ? 16 : 32;
                const float step = affine                   ? (high - low) / static_cast<float>(levels - 1)
                                   : type == GgmlType::Q8_0 ? amax / 127
                                                            : 2 * amax / static_cast<float>(levels);
                for (int j = 0; j < 32; ++j) {
                    // Half a step, a whole one at the far end of a symmetric grid, and the rounding of d and
                    // m.
                    const float room =
                        (affine || type == GgmlType::Q8_0 ? 0.5F : 1.0F) * step + amax * 1.5e-3F;
                    QVERIFY2(std::fabs(y[j] - x[j]) <= room, facts.name);
                }
            }
        }
    }

    /// Least squares over a block's rows: no worse than a plain reading of the format's own grid (smallest to
    /// largest value of each sub-block), and every code the nearest on the grid that was written.
    void superBlocksAreSearched() {
        std::mt19937_64 engine(14);
        std::normal_distribution<float> normal(0, 0.02F);
        double sums[2][2] = {};
        for (int round = 0; round < 400; ++round) {
            float x[256];
            for (float& value : x) {
                const float draw = normal(engine);
                value = round % 4 == 0   ? draw
                        : round % 4 == 1 ? std::fabs(draw) // no value below 0: a minimum near or at 0
                        : round % 4 == 2 ? -0.5F - std::fabs(draw)
                                         : draw * (engine() % 50 == 0 ? 40.0F : 1.0F);
            }
            for (const GgmlType type : {GgmlType::Q4_K, GgmlType::Q6_K}) {
                const bool four = type == GgmlType::Q4_K;
                float y[256];
                std::byte block[210];
                quantizeBlocks(type, x, block, 1);
                dequantizeBlocks(type, block, y, 1);
                for (int at = 0; at < 256; ++at) sums[four][0] += std::pow(y[at] - x[at], 2);
                sums[four][1] += four ? plainQ4KError(x) : plainQ6KError(x);
                // Another code of any element is no nearer.
                for (std::size_t at = 0; at < 256; ++at)
                    for (const int step : {-1, 1}) {
                        std::byte other[210];
                        std::memcpy(other, block, sizeof other);
                        if (!moveCode(type, other, at, step)) continue;
                        float z[256];
                        dequantizeBlocks(type, other, z, 1);
                        QVERIFY(std::fabs(z[at] - x[at]) >= std::fabs(y[at] - x[at]) * (1 - 1e-4F) - 1e-9F);
                    }
            }
        }
        for (const auto& [ours, plain] : sums)
            QVERIFY2(ours < 0.95 * plain, qPrintable(QString::number(ours / plain)));
    }

    void superBlocksOfOddContent() {
        const auto worst = [](GgmlType type, const float* x) {
            std::byte block[210];
            float y[256], most = 0;
            quantizeBlocks(type, x, block, 1);
            dequantizeBlocks(type, block, y, 1);
            for (int at = 0; at < 256; ++at) most = std::max(most, std::fabs(y[at] - x[at]));
            return most;
        };
        for (const GgmlType type : {GgmlType::Q4_K, GgmlType::Q6_K}) {
            QVERIFY(canQuantizeBlocks(type));
            float x[256] = {};
            QCOMPARE(worst(type, x), 0.0F);
            std::fill(x, x + 256, -0.25F);
            QVERIFY(worst(type, x) < 0.25F * 1e-3F);
            std::fill(x, x + 256, 0.25F);
            QVERIFY(worst(type, x) < 0.25F * 1e-3F);
            std::fill(x, x + 256, 0.0F);
            x[200] = 3; // alone
            QVERIFY(worst(type, x) < 3e-3F);
            for (int at = 0; at < 256; ++at) x[at] = 1e-9F * static_cast<float>(at % 7 - 3); // below F16
            QVERIFY(worst(type, x) <= 3.1e-9F);
            // Minima so small that F16 rounds their 63rd part down: their sub-blocks must not be lost.
            std::mt19937_64 engine(3);
            for (int round = 0; round < 500; ++round) {
                for (float& value : x) value = 1e-5F * static_cast<float>(engine() % 1000);
                QVERIFY2(worst(type, x) < 1.2e-3F, qPrintable(QString::number(worst(type, x))));
            }
        }
    }

    void knownBlocks() {
        // Q4_0: the extreme value -8 gives d = 1, so code = value + 8.
        float x[32] = {-8, -7, 0, 1, 7};
        std::byte block[34];
        quantizeBlocks(GgmlType::Q4_0, x, block, 1);
        QCOMPARE(std::to_integer<int>(block[0]), 0x00);
        QCOMPARE(std::to_integer<int>(block[1]), 0x3C); // 1.0
        QCOMPARE(std::to_integer<int>(block[2]), 0x80); // element 0: code 0, element 16: code 8
        QCOMPARE(std::to_integer<int>(block[3]), 0x81);
        QCOMPARE(std::to_integer<int>(block[6]), 0x8F);
        // A positive extreme makes d negative.
        float positive[32] = {8};
        quantizeBlocks(GgmlType::Q4_0, positive, block, 1);
        QCOMPARE(std::to_integer<int>(block[1]), 0xBC); // -1.0
        // Q8_0: 127 gives d = 1; halves round away from zero.
        float eight[32] = {127, 0.5F, -0.5F, -127, 2.4F};
        quantizeBlocks(GgmlType::Q8_0, eight, block, 1);
        const int expected[] = {127, 1, -1, -127, 2};
        for (int j = 0; j < 5; ++j)
            QCOMPARE(static_cast<int>(static_cast<std::int8_t>(block[2 + j])), expected[j]);
        // A block of zeros stays one.
        float zeros[32] = {}, back[32];
        for (const GgmlType type :
             {GgmlType::Q8_0, GgmlType::Q4_0, GgmlType::Q4_1, GgmlType::Q5_0, GgmlType::Q5_1}) {
            std::byte any[34];
            quantizeBlocks(type, zeros, any, 1);
            dequantizeBlocks(type, any, back, 1);
            for (const float value : back) QCOMPARE(value, 0.0F);
        }
    }

    void namesAndNumbers() {
        QVERIFY(!ggmlTypeFacts(4U) && !ggmlTypeFacts(31U) && !ggmlTypeFacts(1000U));
        QCOMPARE(ggmlTypeNamed("Q4_K")->id, 12U);
        QVERIFY(!ggmlTypeNamed("Q4_7"));
        QVERIFY(!ggmlTypeFacts(16U)->isReadable); // IQ2_XXS
    }
};

QTEST_APPLESS_MAIN(TestGgmlBlocks)
#include "test_ggml_blocks.moc"
