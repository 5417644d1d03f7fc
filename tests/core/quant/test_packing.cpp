// Bit layouts of packed formats, against the words printed in their descriptions and against readers that
// take one bit at a time.
#include "core/base/half.h"
#include "core/quant/packing.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>

using namespace qroar;

namespace {

using Words = std::vector<std::uint32_t>;

/// A random matrix: any codes, zero points (never `without`) and F16 scales of both signs, zero among them.
QuantizedMatrix randomMatrix(std::ptrdiff_t out, std::ptrdiff_t in, int bits, int groupSize, unsigned seed,
                             bool symmetric = false, int least = 0) {
    std::mt19937 generator(seed);
    QuantizedMatrix matrix;
    matrix.bits = bits;
    matrix.groupSize = groupSize;
    matrix.symmetric = symmetric;
    matrix.rows = out;
    matrix.cols = in;
    const std::ptrdiff_t size = groupSize > 0 ? groupSize : in;
    matrix.groups = (in + size - 1) / size;
    const unsigned levels = 1U << bits;
    for (std::ptrdiff_t at = 0; at < out * in; ++at)
        matrix.codes.push_back(static_cast<std::uint8_t>(generator() % levels));
    for (std::ptrdiff_t at = 0; at < out * matrix.groups; ++at) {
        const unsigned free = levels - static_cast<unsigned>(least);
        matrix.zeros.push_back(static_cast<std::uint8_t>(
            symmetric ? levels / 2 : static_cast<unsigned>(least) + generator() % free));
        const float scale = std::ldexp(static_cast<float>(generator() % 2000) - 500, -14);
        matrix.scales.push_back(roundToF16(scale));
    }
    return matrix;
}

void shuffleGroups(QuantizedMatrix& matrix, unsigned seed) {
    for (std::ptrdiff_t input = 0; input < matrix.cols; ++input)
        matrix.groupOf.push_back(static_cast<std::int32_t>(input / matrix.groupSize));
    std::shuffle(matrix.groupOf.begin(), matrix.groupOf.end(), std::mt19937(seed));
}

PackedShape shapeOf(const QuantizedMatrix& matrix) {
    return {matrix.rows, matrix.cols, matrix.bits, matrix.groupSize, matrix.scaleType};
}

bool same(const QuantizedMatrix& a, const QuantizedMatrix& b) {
    return a.bits == b.bits && a.groupSize == b.groupSize && a.symmetric == b.symmetric
           && a.scaleType == b.scaleType && a.rows == b.rows && a.cols == b.cols && a.groups == b.groups
           && a.codes == b.codes && a.zeros == b.zeros && a.scales == b.scales && a.groupOf == b.groupOf;
}

std::vector<std::uint32_t> dequantizedBits(const QuantizedMatrix& matrix) {
    Matrix values(matrix.rows, matrix.cols);
    matrix.dequantize(values.view());
    std::vector<std::uint32_t> bits(static_cast<std::size_t>(matrix.rows * matrix.cols));
    std::memcpy(bits.data(), values.data(), bits.size() * 4);
    return bits;
}

/// Value n of a stream, bit by bit; word(w) gives its words.
unsigned naiveValue(const std::function<std::uint32_t(std::ptrdiff_t)>& word, int bits, std::ptrdiff_t n) {
    unsigned value = 0;
    for (int bit = 0; bit < bits; ++bit) {
        const std::ptrdiff_t at = n * bits + bit;
        value |= ((word(at / 32) >> (at % 32)) & 1U) << bit;
    }
    return value;
}

template<class T>
QByteArray errorOf(const Outcome<T>& outcome) {
    return outcome ? QByteArray("no error") : QByteArray::fromStdString(outcome.error().message);
}
#define REFUSED(outcome, part) QVERIFY2(errorOf(outcome).contains(part), errorOf(outcome).constData())

} // namespace

class TestPacking : public QObject {
    Q_OBJECT
  private slots:
    void wordsOfTheDescriptions();
    void symmetricZeroPoints();
    void borrowsCrossNibbles();
    void threeBitsInThreeWords();
    void awqAgainstBits_data() { shapes({4}); }
    void awqAgainstBits();
    void gptqAgainstBits_data() { shapes({2, 3, 4, 8}); }
    void gptqAgainstBits();
    void compressedAgainstBits_data() { shapes({2, 3, 4, 5, 6, 7, 8}); }
    void compressedAgainstBits();
    void unevenSidesOfCompressed();
    void actOrder();
    void twinsDequantizeAlike();
    void packedTwins();
    void zeroOfVersionOne();
    void packingRefuses();
    void unpackingRefuses();

  private:
    static void shapes(const std::vector<int>& widths);
};

void TestPacking::wordsOfTheDescriptions() {
    // One input, 8 outputs 0..7 for AWQ; 8 inputs for the others.
    QuantizedMatrix columns = randomMatrix(8, 1, 4, 0, 1);
    QuantizedMatrix row = randomMatrix(1, 8, 4, 0, 1);
    for (std::uint8_t k = 0; k < 8; ++k) columns.codes[k] = row.codes[k] = k;
    QCOMPARE(packAwq(columns)->qweight, Words{0x75316420});
    QCOMPARE(packCompressed(row)->weightPacked, Words{0x76543210});
    QuantizedMatrix square = randomMatrix(8, 8, 4, 0, 1);
    for (std::size_t at = 0; at < 64; ++at) square.codes[at] = static_cast<std::uint8_t>(at % 8);
    QCOMPARE(packGptq(square, GptqZeros::V2)->qweight, Words(8, 0x76543210));
    // compressed-tensors: signed codes -8..-1 are stored as 0..7.
    CompressedTensors tensors{{0x76543210}, {1.0F}, {}, {}};
    Matrix values(1, 8);
    unpackCompressed(tensors, {1, 8, 4, 0})->dequantize(values.view());
    for (int k = 0; k < 8; ++k) QCOMPARE(values.data()[k], static_cast<float>(k - 8));
}

void TestPacking::symmetricZeroPoints() {
    const QuantizedMatrix matrix = randomMatrix(8, 8, 4, 0, 2, true);
    QCOMPARE(packGptq(matrix, GptqZeros::V1)->qzeros, Words{0x77777777});
    QCOMPARE(packGptq(matrix, GptqZeros::V1Packed)->qzeros, Words{0x77777777});
    QCOMPARE(packGptq(matrix, GptqZeros::V2)->qzeros, Words{0x88888888});
    QCOMPARE(packAwq(matrix)->qzeros, Words{0x88888888});
    QVERIFY(packCompressed(matrix)->zeroPoint.empty());
    for (const GptqZeros zeros : {GptqZeros::V1, GptqZeros::V1Packed, GptqZeros::V2})
        QVERIFY(unpackGptq(*packGptq(matrix, zeros), shapeOf(matrix), zeros)->symmetric);
}

void TestPacking::borrowsCrossNibbles() {
    // Zero points 0,5,9,0,1,2,3,15 of 8 outputs: the packed word 0xf3210950.
    QuantizedMatrix matrix = randomMatrix(8, 8, 4, 0, 3);
    matrix.zeros = {0, 5, 9, 0, 1, 2, 3, 15};
    QCOMPARE(packGptq(matrix, GptqZeros::V2)->qzeros, Words{0xf3210950});
    const auto borrowed = packGptq(matrix, GptqZeros::V1Packed);
    QCOMPARE(borrowed->qzeros, Words{0xe20ff83f});
    QCOMPARE(unpackGptq(*borrowed, shapeOf(matrix), GptqZeros::V1Packed)->zeros, matrix.zeros);
    QVERIFY(unpackGptq(*borrowed, shapeOf(matrix), GptqZeros::V1)->zeros != matrix.zeros);
    GptqTensors nibbles = *borrowed;
    nibbles.qzeros = {0xe210f84f};
    QCOMPARE(unpackGptq(nibbles, shapeOf(matrix), GptqZeros::V1)->zeros, matrix.zeros);
}

void TestPacking::threeBitsInThreeWords() {
    const QuantizedMatrix matrix = randomMatrix(32, 32, 3, 0, 4, false, 1);
    const auto packed = packGptq(matrix, GptqZeros::V1);
    QCOMPARE(packed->qweight.size(), std::size_t{96});
    for (std::size_t row = 0; row < 32; ++row) { // formats.md 2c, word for word
        const std::uint8_t* q = &matrix.codes[row * 32];
        std::uint32_t first = 0, second = 0, third = 0;
        for (unsigned p = 0; p < 10; ++p) first |= std::uint32_t{q[p]} << (3 * p);
        first |= (std::uint32_t{q[10]} & 3U) << 30;
        second |= std::uint32_t{q[10]} >> 2;
        for (unsigned p = 0; p < 10; ++p) second |= std::uint32_t{q[11 + p]} << (3 * p + 1);
        second |= (std::uint32_t{q[21]} & 1U) << 31;
        third |= std::uint32_t{q[21]} >> 1;
        for (unsigned p = 0; p < 10; ++p) third |= std::uint32_t{q[22 + p]} << (3 * p + 2);
        QCOMPARE(packed->qweight[row], first);
        QCOMPARE(packed->qweight[32 + row], second);
        QCOMPARE(packed->qweight[64 + row], third);
    }
    for (std::size_t row = 0; row < 32; ++row) {
        const auto word = [&](std::ptrdiff_t at) { return packed->qzeros[static_cast<std::size_t>(at)]; };
        QCOMPARE(naiveValue(word, 3, static_cast<std::ptrdiff_t>(row)), matrix.zeros[row] - 1U);
    }
    // 3-bit zero points straddle words, so GPTQModel shifts them value by value.
    QCOMPARE(packGptq(matrix, GptqZeros::V1Packed)->qzeros, packed->qzeros);
}

void TestPacking::shapes(const std::vector<int>& widths) {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("out");
    QTest::addColumn<int>("in");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    const int sizes[][3] = {{32, 32, 0}, {96, 64, 32}, {32, 128, 64}, {224, 96, 32}};
    for (const int bits : widths)
        for (const auto& size : sizes)
            for (const bool symmetric : {false, true})
                QTest::addRow("%d bits, %d x %d, group %d, %s", bits, size[0], size[1], size[2],
                              symmetric ? "sym" : "asym")
                    << bits << size[0] << size[1] << size[2] << symmetric;
}

void TestPacking::awqAgainstBits() {
    QFETCH(int, out);
    QFETCH(int, in);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    const QuantizedMatrix matrix = randomMatrix(out, in, 4, group, 11, symmetric);
    const auto packed = packAwq(matrix);
    QVERIFY(packed.ok());
    constexpr int order[] = {0, 2, 4, 6, 1, 3, 5, 7};
    const auto check = [&](const Words& words, const std::vector<std::uint8_t>& values, int lines) {
        QCOMPARE(words.size(), static_cast<std::size_t>(lines * out / 8));
        for (int line = 0; line < lines; ++line)
            for (int word = 0; word < out / 8; ++word)
                for (int nibble = 0; nibble < 8; ++nibble) {
                    const int column = 8 * word + order[nibble];
                    QCOMPARE((words[static_cast<std::size_t>(line * out / 8 + word)] >> (4 * nibble)) & 15U,
                             std::uint32_t{values[static_cast<std::size_t>(column * lines + line)]});
                }
    };
    check(packed->qweight, matrix.codes, in);
    check(packed->qzeros, matrix.zeros, static_cast<int>(matrix.groups));
    for (std::ptrdiff_t row = 0; row < matrix.rows; ++row)
        for (std::ptrdiff_t at = 0; at < matrix.groups; ++at)
            QCOMPARE(packed->scales[static_cast<std::size_t>(at * matrix.rows + row)],
                     matrix.scales[static_cast<std::size_t>(row * matrix.groups + at)]);
    QVERIFY(same(*unpackAwq(*packed, shapeOf(matrix)), matrix));
}

void TestPacking::gptqAgainstBits() {
    QFETCH(int, bits);
    QFETCH(int, out);
    QFETCH(int, in);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    const QuantizedMatrix matrix = randomMatrix(out, in, bits, group, 12, symmetric, 1);
    const unsigned mask = (1U << bits) - 1;
    for (const GptqZeros zeros : {GptqZeros::V1, GptqZeros::V1Packed, GptqZeros::V2}) {
        const auto packed = packGptq(matrix, zeros);
        QVERIFY2(packed.ok(), errorOf(packed).constData());
        QCOMPARE(packed->qweight.size(), static_cast<std::size_t>(in * bits / 32 * out));
        QCOMPARE(packed->qzeros.size(), static_cast<std::size_t>(matrix.groups * out * bits / 32));
        for (std::ptrdiff_t row = 0; row < out; ++row) {
            const auto column = [&](std::ptrdiff_t word) {
                return packed->qweight[static_cast<std::size_t>(word * out + row)];
            };
            for (std::ptrdiff_t input = 0; input < in; ++input)
                QCOMPARE(naiveValue(column, bits, input),
                         unsigned{matrix.codes[static_cast<std::size_t>(row * in + input)]});
            for (std::ptrdiff_t at = 0; at < matrix.groups; ++at) {
                const auto line = [&](std::ptrdiff_t word) {
                    return packed->qzeros[static_cast<std::size_t>(at * out * bits / 32 + word)];
                };
                const unsigned stored = naiveValue(line, bits, row);
                // No zero point is 0, so nothing borrows and both ways of version 1 agree.
                QCOMPARE((stored + (zeros == GptqZeros::V2 ? 0U : 1U)) & mask,
                         unsigned{matrix.zeros[static_cast<std::size_t>(row * matrix.groups + at)]});
            }
        }
        for (std::ptrdiff_t input = 0; input < in; ++input)
            QCOMPARE(packed->groupIndex[static_cast<std::size_t>(input)],
                     static_cast<std::int32_t>(group > 0 ? input / group : 0));
        QVERIFY(same(*unpackGptq(*packed, shapeOf(matrix), zeros), matrix));
        GptqTensors without = *packed;
        without.groupIndex.clear();
        QVERIFY(same(*unpackGptq(without, shapeOf(matrix), zeros), matrix));
    }
}

void TestPacking::compressedAgainstBits() {
    QFETCH(int, bits);
    QFETCH(int, out);
    QFETCH(int, in);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    const QuantizedMatrix matrix = randomMatrix(out - 3, in, bits, group, 13, symmetric);
    const auto packed = packCompressed(matrix);
    QVERIFY(packed.ok());
    const std::ptrdiff_t words = (in * bits + 31) / 32;
    QCOMPARE(packed->zeroPoint.empty(), symmetric);
    for (std::ptrdiff_t row = 0; row < matrix.rows; ++row) {
        const auto line = [&](std::ptrdiff_t word) {
            return packed->weightPacked[static_cast<std::size_t>(row * words + word)];
        };
        for (std::ptrdiff_t input = 0; input < in; ++input)
            QCOMPARE(naiveValue(line, bits, input),
                     unsigned{matrix.codes[static_cast<std::size_t>(row * in + input)]});
        for (std::ptrdiff_t at = 0; at < matrix.groups && !symmetric; ++at) {
            const auto column = [&](std::ptrdiff_t word) {
                return packed->zeroPoint[static_cast<std::size_t>(word * matrix.groups + at)];
            };
            QCOMPARE(naiveValue(column, bits, row),
                     unsigned{matrix.zeros[static_cast<std::size_t>(row * matrix.groups + at)]});
        }
    }
    QVERIFY(same(*unpackCompressed(*packed, shapeOf(matrix)), matrix));
}

void TestPacking::unevenSidesOfCompressed() {
    for (int bits = 2; bits <= 8; ++bits)
        for (const std::ptrdiff_t in : {1, 5, 31, 33, 100})
            for (const int group : {0, 7, 32}) {
                QuantizedMatrix matrix = randomMatrix(3, in, bits, group, 14);
                matrix.scaleType = ScaleType::BF16;
                for (float& scale : matrix.scales) scale = bf16ToFloat(floatToBf16(scale));
                const auto packed = packCompressed(matrix);
                QCOMPARE(packed->weightPacked.size(), static_cast<std::size_t>(3 * packedWords(in, bits)));
                QVERIFY(same(*unpackCompressed(*packed, shapeOf(matrix)), matrix));
            }
}

void TestPacking::actOrder() {
    QuantizedMatrix matrix = randomMatrix(32, 128, 4, 32, 15, false, 1);
    shuffleGroups(matrix, 5);
    QVERIFY(same(*unpackGptq(*packGptq(matrix, GptqZeros::V1), shapeOf(matrix), GptqZeros::V1), matrix));
    QVERIFY(same(*unpackCompressed(*packCompressed(matrix), shapeOf(matrix)), matrix));
    REFUSED(packAwq(matrix), "act-order");
    // Groups need neither be equally long nor all used.
    std::fill(matrix.groupOf.begin(), matrix.groupOf.end(), 2);
    QVERIFY(same(*unpackGptq(*packGptq(matrix, GptqZeros::V2), shapeOf(matrix), GptqZeros::V2), matrix));
    // W[j][i] = (q - Z[g_idx[i]][j]) s[g_idx[i]][j]
    Matrix values(32, 128);
    matrix.dequantize(values.view());
    for (std::size_t row = 0; row < 32; ++row)
        for (std::size_t input = 0; input < 128; ++input)
            QCOMPARE(values.data()[row * 128 + input],
                     static_cast<float>(matrix.codes[row * 128 + input] - matrix.zeros[row * 4 + 2])
                         * matrix.scales[row * 4 + 2]);
}

void TestPacking::twinsDequantizeAlike() { // AWQ -> compressed-tensors -> GPTQ -> floats, bit for bit
    const QuantizedMatrix matrix = randomMatrix(96, 128, 4, 32, 16);
    const auto expected = dequantizedBits(matrix);
    const auto awq = unpackAwq(*packAwq(matrix), shapeOf(matrix));
    const auto compressed = unpackCompressed(*packCompressed(*awq), shapeOf(matrix));
    const auto gptq = unpackGptq(*packGptq(*compressed, GptqZeros::V2), shapeOf(matrix), GptqZeros::V2);
    QCOMPARE(dequantizedBits(*awq), expected);
    QCOMPARE(dequantizedBits(*compressed), expected);
    QCOMPARE(dequantizedBits(*gptq), expected);
}

void TestPacking::packedTwins() { // bytes -> matrix -> the same bytes
    std::mt19937 generator(17);
    const auto words = [&](std::size_t count) {
        Words result(count);
        for (std::uint32_t& word : result) word = static_cast<std::uint32_t>(generator());
        return result;
    };
    const std::vector<float> scales(4 * 64, 0.25F);
    const AwqTensors awq{words(128 * 8), words(4 * 8), scales};
    const auto awqAgain = packAwq(*unpackAwq(awq, {64, 128, 4, 32}));
    QCOMPARE(awqAgain->qweight, awq.qweight);
    QCOMPARE(awqAgain->qzeros, awq.qzeros);
    for (const int bits : {2, 3, 4, 8}) {
        const auto perRow = static_cast<std::size_t>(bits);
        GptqTensors gptq{words(128 * perRow / 32 * 64), words(4 * 64 * perRow / 32), scales, {}};
        for (const GptqZeros zeros : {GptqZeros::V1Packed, GptqZeros::V2}) {
            const auto again = packGptq(*unpackGptq(gptq, {64, 128, bits, 32}, zeros), zeros);
            QCOMPARE(again->qweight, gptq.qweight);
            QCOMPARE(again->qzeros, gptq.qzeros);
        }
    }
}

void TestPacking::zeroOfVersionOne() {
    QuantizedMatrix matrix = randomMatrix(32, 64, 4, 32, 18, false, 1);
    QVERIFY(packGptq(matrix, GptqZeros::V1).ok());
    matrix.zeros[5] = matrix.zeros[40] = 0;
    REFUSED(packGptq(matrix, GptqZeros::V1), "2 of 64 zero points are 0");
    QVERIFY(packGptq(matrix, GptqZeros::V2).ok());
    QVERIFY(packGptq(matrix, GptqZeros::V1Packed).ok());
}

void TestPacking::packingRefuses() {
    REFUSED(packAwq(randomMatrix(8, 32, 3, 32, 1)), "AWQ GEMM stores 4 bits, found 3");
    REFUSED(packAwq(randomMatrix(12, 32, 4, 32, 1)), "multiple of 8, found 12");
    REFUSED(packAwq(randomMatrix(8, 48, 4, 32, 1)), "multiple of 32, found 48");
    REFUSED(packGptq(randomMatrix(32, 32, 5, 32, 1), GptqZeros::V2), "2, 3, 4 or 8 bits, found 5");
    REFUSED(packGptq(randomMatrix(32, 40, 3, 0, 1), GptqZeros::V2),
            "inputs of GPTQ must be a multiple of 32");
    REFUSED(packGptq(randomMatrix(12, 32, 4, 0, 1), GptqZeros::V2),
            "outputs of GPTQ must be a multiple of 8");
    QuantizedMatrix matrix = randomMatrix(32, 32, 4, 0, 1);
    matrix.scaleType = ScaleType::BF16;
    REFUSED(packAwq(matrix), "F16 scales");
    REFUSED(packGptq(matrix, GptqZeros::V2), "F16 scales");
    QVERIFY(packCompressed(matrix).ok());
    matrix.scaleType = ScaleType::F16;
    matrix.scales[3] = 0.1F;
    REFUSED(packAwq(matrix), "F16 scales");
    matrix.scales[3] = INFINITY;
    REFUSED(packCompressed(matrix), "not finite");
    matrix.scales[3] = 1;
    matrix.zeros[0] = 7;
    matrix.symmetric = true;
    REFUSED(packCompressed(matrix), "zero point other than 8");
    matrix.zeros[0] = 16;
    for (const auto& error : {errorOf(packAwq(matrix)), errorOf(packGptq(matrix, GptqZeros::V2)),
                              errorOf(packCompressed(matrix))})
        QVERIFY(error.contains("inconsistent"));
}

void TestPacking::unpackingRefuses() {
    const QuantizedMatrix matrix = randomMatrix(32, 64, 4, 32, 19);
    const PackedShape good = shapeOf(matrix);
    const auto awq = *packAwq(matrix);
    const auto gptq = *packGptq(matrix, GptqZeros::V2);
    const auto compressed = *packCompressed(matrix);
    // Every array one value short or long, and every part of the shape wrong.
    const auto each = [&](const PackedShape& shape) {
        return QByteArray(errorOf(unpackAwq(awq, shape)) + '|'
                          + errorOf(unpackGptq(gptq, shape, GptqZeros::V2)) + '|'
                          + errorOf(unpackCompressed(compressed, shape)));
    };
    const auto wrong = [&](auto change) {
        PackedShape shape = good;
        change(shape);
        const QByteArray errors = each(shape);
        QVERIFY2(!errors.contains("no error"), errors.constData());
    };
    QCOMPARE(each(good), QByteArray("no error|no error|no error"));
    wrong([](PackedShape& shape) { shape.out = 0; });
    wrong([](PackedShape& shape) { shape.out = -8; });
    wrong([](PackedShape& shape) { shape.out = 64; });
    wrong([](PackedShape& shape) { shape.in = 32; });
    wrong([](PackedShape& shape) { shape.in = std::ptrdiff_t{1} << 62; });
    wrong([](PackedShape& shape) { shape.bits = 8; });
    wrong([](PackedShape& shape) { shape.bits = 0; });
    wrong([](PackedShape& shape) { shape.bits = 33; });
    wrong([](PackedShape& shape) { shape.groupSize = -1; });
    const auto short1 = [](auto tensors, auto member) {
        (tensors.*member).pop_back();
        return tensors;
    };
    REFUSED(unpackAwq(short1(awq, &AwqTensors::qweight), good), "qweight: expected 64 x 4 values, found 255");
    REFUSED(unpackAwq(short1(awq, &AwqTensors::qzeros), good), "qzeros: expected 2 x 4 values, found 7");
    REFUSED(unpackAwq(short1(awq, &AwqTensors::scales), good), "scales: expected a multiple of 32");
    REFUSED(unpackGptq(short1(gptq, &GptqTensors::qweight), good, GptqZeros::V2), "qweight: expected 8 x 32");
    REFUSED(unpackGptq(short1(gptq, &GptqTensors::qzeros), good, GptqZeros::V2), "qzeros: expected 2 x 4");
    REFUSED(unpackGptq(short1(gptq, &GptqTensors::groupIndex), good, GptqZeros::V2),
            "group index: expected 64");
    REFUSED(unpackCompressed(short1(compressed, &CompressedTensors::weightPacked), good), "weight_packed: ");
    REFUSED(unpackCompressed(short1(compressed, &CompressedTensors::zeroPoint), good), "weight_zero_point: ");
    GptqTensors outside = gptq;
    outside.groupIndex[7] = 2;
    REFUSED(unpackGptq(outside, good, GptqZeros::V2), "expected 0 to 1, found 2 at input 7");
    outside.groupIndex[7] = -1;
    REFUSED(unpackGptq(outside, good, GptqZeros::V2), "expected 0 to 1, found -1 at input 7");
    GptqTensors infinite = gptq;
    infinite.scales[0] = NAN;
    REFUSED(unpackGptq(infinite, good, GptqZeros::V2), "expected finite values");
}

QTEST_APPLESS_MAIN(TestPacking)
#include "test_packing.moc"
