// RTN against a naive double implementation, by hand-computed values, and by its identities.
#include "core/base/half.h"
#include "core/quant/rtn.h"
#include "tests/support/naive_rtn.h"

#include <QtTest>

#include <omp.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

using namespace qroar;

namespace {

QuantSpec rtn(int bits, int group, bool symmetric) {
    return {QuantKind::Rtn, bits, group, symmetric};
}

/// Normal weights with a few outliers, like a trained projection.
std::vector<float> randomWeights(int count, unsigned seed, float scale = 0.05F) {
    std::mt19937 generator(seed);
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> weights(static_cast<std::size_t>(count));
    for (float& weight : weights) {
        weight = normal(generator);
        if (generator() % 97 == 0) weight *= 8;
    }
    return weights;
}

Distortion quantizeIn(const QuantSpec& spec, std::vector<float>& weights, int rows, int cols) {
    return applyRtn(spec, MatrixView(weights.data(), rows, cols));
}

} // namespace

class TestRtn : public QObject {
    Q_OBJECT
  private slots:
    void matchesNaive_data();
    void matchesNaive();
    void handComputedAsymmetric();
    void handComputedSymmetric();
    void roundsHalfAwayFromZero();
    void oneSidedGroupsKeepZero();
    void lastGroupIsShorter();
    void zeroAndTinyWeights();
    void hugeWeights();
    void scaleIsRoundedOnce();
    void codesFitTheirRange();
    void scalesWithRows();
    void distortionNumbers();
    void distortionOfNothing();
    void threadsDoNotMatter();
    void stridedViewLeavesTheRestAlone();
    void notANumberStaysInside();
    void refusesOtherSpecs();
};

void TestRtn::matchesNaive_data() {
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("group");
    QTest::addColumn<bool>("symmetric");
    for (int bits = 2; bits <= 8; ++bits)
        for (const int group : {32, 64, 128, 0, 5})
            for (const bool symmetric : {false, true})
                QTest::addRow("%s", rtn(bits, group, symmetric).text().c_str()) << bits << group << symmetric;
}

void TestRtn::matchesNaive() {
    QFETCH(int, bits);
    QFETCH(int, group);
    QFETCH(bool, symmetric);
    constexpr int rows = 24, cols = 301; // not a multiple of any group
    const std::vector<float> weights = randomWeights(rows * cols, 7U + bits);
    const naive::Result expected = naive::quantize(weights, rows, cols, bits, group, symmetric);
    std::vector<float> found = weights;
    const QuantSpec spec = rtn(bits, group, symmetric);
    const Distortion distortion = quantizeIn(spec, found, rows, cols);

    const int size = group == 0 ? cols : group, groups = (cols + size - 1) / size;
    for (int row = 0; row < rows; ++row)
        for (int at = 0; at < groups; ++at) {
            const int start = at * size, count = std::min(size, cols - start);
            const RtnGrid grid = rtnGrid(spec, &weights[row * cols + start], count);
            QVERIFY(grid.scale == expected.scales[row * groups + at]);
            QCOMPARE(grid.zero, expected.zeros[row * groups + at]);
            for (int col = start; col < start + count; ++col)
                QCOMPARE(rtnCode(grid, weights[row * cols + col]), expected.codes[row * cols + col]);
        }
    for (std::size_t at = 0; at < weights.size(); ++at) QVERIFY(found[at] == expected.values[at]);
    QCOMPARE(distortion.clipped, expected.clipped);
}

void TestRtn::handComputedAsymmetric() {
    // lo -1, hi 2, 2 bits: scale 1, zero 1; 0.4 -> code 1 -> 0; 1.6 -> code 3 -> 2.
    std::vector<float> weights{-1, 2, 0.4F, 1.6F};
    const RtnGrid grid = rtnGrid(rtn(2, 0, false), weights.data(), 4);
    QCOMPARE(grid.scale, 1.0F);
    QCOMPARE(grid.zero, 1);
    QCOMPARE(grid.least, 0);
    QCOMPARE(grid.most, 3);
    const Distortion distortion = quantizeIn(rtn(2, 0, false), weights, 1, 4);
    QVERIFY((weights == std::vector<float>{-1, 2, 0, 2}));
    QCOMPARE(distortion.clipped, 0LL);
    // lo -0.5, hi 1: scale fp16(0.5) = 0.5, zero 1.  -0.5 -> 0, 1 -> 3.
    std::vector<float> half{-0.5F, 1, 0.2F};
    quantizeIn(rtn(2, 0, false), half, 1, 3);
    QVERIFY((half == std::vector<float>{-0.5F, 1, 0}));
    // A zero point that rounds: lo -0.75, hi 0.75: scale 0.5, zero round(1.5) = 2, so -0.75 -> -1 and 0.75 ->
    // round(1.5) + 2 = 4 -> clamped to 3 -> 0.5.
    std::vector<float> tie{-0.75F, 0.75F};
    const Distortion clipped = quantizeIn(rtn(2, 0, false), tie, 1, 2);
    QVERIFY((tie == std::vector<float>{-1, 0.5F}));
    QCOMPARE(clipped.clipped, 1LL);
}

void TestRtn::handComputedSymmetric() {
    // 3 bits: codes -4..3, scale fp16(3/3) = 1.
    std::vector<float> weights{-3, 2.2F, 0.4F, -1.6F};
    const RtnGrid grid = rtnGrid(rtn(3, 0, true), weights.data(), 4);
    QCOMPARE(grid.scale, 1.0F);
    QCOMPARE(grid.zero, 0);
    QCOMPARE(grid.least, -4);
    QCOMPARE(grid.most, 3);
    quantizeIn(rtn(3, 0, true), weights, 1, 4);
    QVERIFY((weights == std::vector<float>{-3, 2, 0, -2}));
}

void TestRtn::roundsHalfAwayFromZero() {
    std::vector<float> weights{-7, 0.5F, 1.5F, 2.5F, -0.5F, -1.5F, -2.5F, 0.49999997F};
    quantizeIn(rtn(4, 0, true), weights, 1, 8); // scale 1
    QVERIFY((weights == std::vector<float>{-7, 1, 2, 3, -1, -2, -3, 0}));
}

void TestRtn::oneSidedGroupsKeepZero() { // lo = min(0, min), hi = max(0, max)
    std::vector<float> positive{3, 6, 9, 12, 15};
    const RtnGrid up = rtnGrid(rtn(4, 0, false), positive.data(), 5);
    QCOMPARE(up.scale, 1.0F);
    QCOMPARE(up.zero, 0);
    std::vector<float> negative{-3, -15};
    const RtnGrid down = rtnGrid(rtn(4, 0, false), negative.data(), 2);
    QCOMPARE(down.scale, 1.0F);
    QCOMPARE(down.zero, 15);
    quantizeIn(rtn(4, 0, false), negative, 1, 2);
    QVERIFY((negative == std::vector<float>{-3, -15}));
}

void TestRtn::lastGroupIsShorter() {
    // Groups {1, 3} and {-1}: each by itself, exactly representable with 2 bits.
    std::vector<float> weights{1, 3, -1};
    const Distortion distortion = quantizeIn(rtn(2, 2, false), weights, 1, 3);
    QCOMPARE(weights[0], 1.0F);
    QCOMPARE(weights[1], 3.0F);
    QVERIFY(std::abs(weights[2] + 1) < 1e-3); // -3 * fp16(1/3)
    QCOMPARE(distortion.count, 3LL);
    std::vector<float> wide{1, 3, -1}; // a group longer than the row
    quantizeIn(rtn(2, 128, false), wide, 1, 3);
    std::vector<float> whole{1, 3, -1};
    quantizeIn(rtn(2, 0, false), whole, 1, 3);
    QVERIFY(wide == whole);
}

void TestRtn::zeroAndTinyWeights() {
    for (const bool symmetric : {false, true}) {
        std::vector<float> zeros(37, 0.0F);
        const Distortion none = quantizeIn(rtn(4, 32, symmetric), zeros, 1, 37);
        QVERIFY(zeros == std::vector<float>(37, 0.0F));
        QCOMPARE(none.snrDb(), std::numeric_limits<double>::infinity());
        QCOMPARE(none.cosine(), 1.0);
        QCOMPARE(none.clipped, 0LL);
        // The scale is below half of the smallest fp16 number, so it becomes 0 and every weight with it.
        std::vector<float> tiny{1e-8F, -2e-8F, 3e-8F};
        const Distortion lost = quantizeIn(rtn(4, 0, symmetric), tiny, 1, 3);
        QVERIFY((tiny == std::vector<float>{0, 0, 0}));
        QCOMPARE(lost.clipped, 0LL);
        QCOMPARE(lost.cosine(), 0.0);
        QCOMPARE(lost.maxError, static_cast<double>(3e-8F));
        // A subnormal scale works: 2^-24 is the smallest.
        const float smallest = std::ldexp(1.0F, -24);
        std::vector<float> subnormal{7 * smallest, -3 * smallest};
        const RtnGrid grid = rtnGrid(rtn(4, 0, true), subnormal.data(), 2);
        QCOMPARE(grid.scale, smallest);
        quantizeIn(rtn(4, 0, true), subnormal, 1, 2);
        QVERIFY((subnormal == std::vector<float>{7 * smallest, -3 * smallest}));
    }
}

void TestRtn::hugeWeights() {
    const float infinite = std::numeric_limits<float>::infinity(),
                largest = std::numeric_limits<float>::max();
    for (const float huge : {1e7F, largest, infinite})
        for (const bool symmetric : {false, true}) {
            std::vector<float> weights{huge, -huge, 1};
            const RtnGrid grid = rtnGrid(rtn(4, 0, symmetric), weights.data(), 3);
            QCOMPARE(grid.scale, 65504.0F);
            const Distortion distortion = quantizeIn(rtn(4, 0, symmetric), weights, 1, 3);
            QVERIFY(distortion.clipped >= 1);
            for (const float weight : weights)
                QVERIFY(std::isfinite(weight) && std::abs(weight) <= 15 * 65504.0);
            QVERIFY(weights[0] > weights[1]);
        }
}

void TestRtn::scaleIsRoundedOnce() {
    // 1 + 2^-11 + 2^-40 lies just above the middle of two fp16 numbers. Rounded to float first it would fall
    // on the middle and then go down to 1; rounded once it goes up.
    const double above = 1 + std::ldexp(1, -11) + std::ldexp(1, -40);
    QVERIFY(naive::nearestF16(above) == 1 + std::ldexp(1, -10));
    QVERIFY(roundToF16(static_cast<float>(above)) == 1.0F);
    // hi - lo = 3 * above for 2 bits, from two floats: hi = 3 + 3 * 2^-11, -lo = 3 * 2^-40.
    const float hi = 3 + 3 * std::ldexp(1.0F, -11), lo = -3 * std::ldexp(1.0F, -40);
    const float weights[] = {hi, lo};
    QVERIFY(rtnGrid(rtn(2, 0, false), weights, 2).scale == 1 + std::ldexp(1.0F, -10));
    // And the naive search agrees with the stored format for plain values.
    std::mt19937 generator(3);
    for (int trial = 0; trial < 20000; ++trial) {
        const float value =
            std::ldexp(static_cast<float>(generator() % 16777216), -static_cast<int>(generator() % 48));
        if (value < 65504) QVERIFY(roundToF16(value) == naive::nearestF16(value));
    }
}

void TestRtn::codesFitTheirRange() {
    const std::vector<float> weights = randomWeights(4096, 11);
    for (int bits = 2; bits <= 8; ++bits)
        for (const bool symmetric : {false, true}) {
            const RtnGrid grid = rtnGrid(rtn(bits, 0, symmetric), weights.data(), 4096);
            QCOMPARE(grid.most - grid.least, (1 << bits) - 1);
            for (const float weight : weights) {
                const int code = rtnCode(grid, weight);
                QVERIFY(code >= grid.least && code <= grid.most);
            }
            QCOMPARE(rtnCode(grid, 0), grid.zero); // zero is always exact
        }
}

void TestRtn::scalesWithRows() { // identity 3 of method.md: Q(g row) = g Q(row)
    constexpr int rows = 16, cols = 256;
    const std::vector<float> weights = randomWeights(rows * cols, 5);
    for (const bool symmetric : {false, true})
        for (const float gain : {0.5F, 2.0F, 4.0F}) {
            const QuantSpec spec = rtn(4, 64, symmetric);
            std::vector<float> plain = weights, scaled = weights;
            for (float& weight : scaled) weight *= gain;
            for (int start = 0; start < rows * cols; start += 64) {
                const RtnGrid a = rtnGrid(spec, &weights[start], 64), b = rtnGrid(spec, &scaled[start], 64);
                QVERIFY(b.scale == a.scale * gain);
                QCOMPARE(b.zero, a.zero);
                for (int col = start; col < start + 64; ++col)
                    QCOMPARE(rtnCode(b, scaled[col]), rtnCode(a, weights[col]));
            }
            quantizeIn(spec, plain, rows, cols);
            quantizeIn(spec, scaled, rows, cols);
            for (std::size_t at = 0; at < plain.size(); ++at) QVERIFY(scaled[at] == plain[at] * gain);
        }
    // Any other gain: only the rounding of the scale differs, so few codes move, and each by one.
    std::vector<float> scaled = weights;
    for (float& weight : scaled) weight *= 1.13F;
    int moved = 0;
    for (int start = 0; start < rows * cols; start += 64) {
        const RtnGrid a = rtnGrid(rtn(4, 64, false), &weights[start], 64);
        const RtnGrid b = rtnGrid(rtn(4, 64, false), &scaled[start], 64);
        QVERIFY(std::abs(b.scale / (a.scale * 1.13F) - 1) <= std::ldexp(1.0F, -10));
        for (int col = start; col < start + 64; ++col) {
            const int difference = std::abs(rtnCode(b, scaled[col]) - rtnCode(a, weights[col]));
            QVERIFY(difference <= 1);
            moved += difference;
        }
    }
    QVERIFY2(moved < rows * cols / 50, qPrintable(QString::number(moved)));
}

void TestRtn::distortionNumbers() {
    // {-1, 2, 0.5, 1.75} -> {-1, 2, 1, 2} (2 bits, scale 1): errors 0, 0, 0.5, 0.25.
    std::vector<float> small{-1, 2, 0.5F, 1.75F};
    const Distortion hand = quantizeIn(rtn(2, 0, false), small, 1, 4);
    QCOMPARE(hand.sumSquaredError, 0.3125);
    QCOMPARE(hand.sumSquaredWeight, 1 + 4 + 0.25 + 3.0625);
    QCOMPARE(hand.sumProduct, 1 + 4 + 0.5 + 3.5);
    QCOMPARE(hand.sumSquaredQuantized, 10.0);
    QCOMPARE(hand.maxError, 0.5);
    QCOMPARE(hand.rmse(), std::sqrt(0.3125 / 4));
    QCOMPARE(hand.snrDb(), 10 * std::log10(8.3125 / 0.3125));
    QCOMPARE(hand.cosine(), 9 / std::sqrt(8.3125 * 10));

    constexpr int rows = 8, cols = 500;
    const std::vector<float> weights = randomWeights(rows * cols, 9);
    std::vector<float> found = weights;
    const Distortion distortion = quantizeIn(rtn(4, 128, false), found, rows, cols);
    double error = 0, square = 0, product = 0, quantized = 0, largest = 0;
    for (std::size_t at = 0; at < weights.size(); ++at) {
        const double w = weights[at], q = found[at];
        error += (w - q) * (w - q);
        square += w * w;
        product += w * q;
        quantized += q * q;
        largest = std::max(largest, std::abs(w - q));
    }
    const auto near = [](double a, double b) { return std::abs(a - b) <= 1e-12 * std::abs(b); };
    QVERIFY(near(distortion.sumSquaredError, error) && near(distortion.sumSquaredWeight, square));
    QVERIFY(near(distortion.sumProduct, product) && near(distortion.sumSquaredQuantized, quantized));
    QCOMPARE(distortion.maxError, largest);
    QCOMPARE(distortion.count, static_cast<long long>(rows * cols));
    // More bits, less error.
    double last = 0;
    for (int bits = 2; bits <= 8; ++bits) {
        std::vector<float> copy = weights;
        const double snr = quantizeIn(rtn(bits, 128, false), copy, rows, cols).snrDb();
        QVERIFY(snr > last + 4);
        last = snr;
    }
}

void TestRtn::distortionOfNothing() {
    Distortion nothing = applyRtn(rtn(4, 128, false), MatrixView(nullptr, 0, 0));
    QCOMPARE(nothing.count, 0LL);
    QCOMPARE(nothing.rmse(), 0.0);
    std::vector<float> weights = randomWeights(64, 2), copy = weights;
    const Distortion whole = quantizeIn(rtn(4, 32, false), copy, 2, 32);
    Distortion parts = nothing;
    parts.add(applyRtn(rtn(4, 32, false), MatrixView(weights.data(), 1, 32)));
    parts.add(applyRtn(rtn(4, 32, false), MatrixView(weights.data() + 32, 1, 32)));
    QCOMPARE(parts.sumSquaredError, whole.sumSquaredError);
    QCOMPARE(parts.maxError, whole.maxError);
    QCOMPARE(parts.count, whole.count);
    QVERIFY(weights == copy);
}

void TestRtn::threadsDoNotMatter() {
    constexpr int rows = 61, cols = 333;
    const std::vector<float> weights = randomWeights(rows * cols, 21);
    const int before = omp_get_max_threads();
    std::vector<float> reference;
    Distortion expected;
    for (const int threads : {1, 2, 3, 8}) {
        omp_set_num_threads(threads);
        std::vector<float> found = weights;
        const Distortion distortion = quantizeIn(rtn(3, 64, false), found, rows, cols);
        if (threads == 1) {
            reference = found;
            expected = distortion;
        }
        QVERIFY(std::memcmp(found.data(), reference.data(), found.size() * sizeof(float)) == 0);
        QCOMPARE(std::bit_cast<std::uint64_t>(distortion.sumSquaredError),
                 std::bit_cast<std::uint64_t>(expected.sumSquaredError));
        QCOMPARE(std::bit_cast<std::uint64_t>(distortion.sumProduct),
                 std::bit_cast<std::uint64_t>(expected.sumProduct));
    }
    omp_set_num_threads(before);
}

void TestRtn::stridedViewLeavesTheRestAlone() {
    constexpr int rows = 5, stride = 50, cols = 40;
    const std::vector<float> weights = randomWeights(rows * stride, 13);
    std::vector<float> found = weights;
    applyRtn(rtn(4, 32, true), MatrixView(found.data() + 3, rows, cols, stride));
    for (int row = 0; row < rows; ++row) {
        std::vector<float> alone(weights.begin() + row * stride + 3,
                                 weights.begin() + row * stride + 3 + cols);
        quantizeIn(rtn(4, 32, true), alone, 1, cols);
        for (int col = 0; col < stride; ++col) {
            const bool inside = col >= 3 && col < 3 + cols;
            QVERIFY(found[row * stride + col] == (inside ? alone[col - 3] : weights[row * stride + col]));
        }
    }
}

void TestRtn::notANumberStaysInside() { // model readers refuse NaN; still nothing may break
    std::vector<float> weights{1, std::nanf(""), -1, 0.5F};
    quantizeIn(rtn(4, 0, false), weights, 1, 4);
    for (const float weight : weights) QVERIFY(std::isfinite(weight));
    const RtnGrid grid = rtnGrid(rtn(4, 0, false), weights.data(), 4);
    QCOMPARE(rtnCode(grid, std::nanf("")), 0);
}

void TestRtn::refusesOtherSpecs() {
    std::vector<float> weights{1, 2};
    const MatrixView view(weights.data(), 1, 2);
    QVERIFY_THROWS_EXCEPTION(std::logic_error, (void)applyRtn(QuantSpec{}, view));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, (void)applyRtn(rtn(9, 128, false), view));
    QVERIFY_THROWS_EXCEPTION(std::logic_error, (void)applyRtn(rtn(4, -1, false), view));
    QVERIFY((weights == std::vector<float>{1, 2}));
}

QTEST_APPLESS_MAIN(TestRtn)
#include "test_rtn.moc"
