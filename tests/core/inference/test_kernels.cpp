// The building blocks of the forward pass against naive double-precision loops.
#include "core/inference/attention.h"
#include "core/inference/gemm.h"
#include "core/inference/layer_steps.h"
#include "core/inference/rotary.h"
#include "core/inference/vector_math.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <random>

using namespace qroar;

namespace {

Matrix randomMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols, unsigned seed, float spread = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, spread);
    Matrix m(rows, cols);
    for (std::ptrdiff_t at = 0; at < rows * cols; ++at) m.data()[at] = normal(random);
    return m;
}

/// Plain softmax attention of one head and query, in double.
std::vector<double> naiveAttention(const AttentionShape& shape, int head, int query, const Matrix& q,
                                   const Matrix& k, const Matrix& v) {
    const int dim = shape.headDim, kvHead = head / (shape.heads / shape.kvHeads);
    const int first = shape.slidingWindow > 0 ? std::max(0, query - shape.slidingWindow + 1) : 0;
    std::vector<double> weights;
    double top = -1e300;
    for (int key = first; key <= query; ++key) {
        double dot = 0;
        for (int column = 0; column < dim; ++column)
            dot += static_cast<double>(q.row(query)[head * dim + column]) * k.row(key)[kvHead * dim + column];
        weights.push_back(dot / std::sqrt(static_cast<double>(dim)));
        top = std::max(top, weights.back());
    }
    double sum = 0;
    for (double& weight : weights) sum += weight = std::exp(weight - top);
    std::vector<double> out(static_cast<std::size_t>(dim), 0.0);
    for (int key = first; key <= query; ++key)
        for (int column = 0; column < dim; ++column)
            out[column] += weights[key - first] / sum * v.row(key)[kvHead * dim + column];
    return out;
}

FrequencyTable plainTable(int pairs, double m) {
    FrequencyTable table;
    for (int pair = 0; pair < pairs; ++pair) table.omega.push_back(std::pow(10000.0, -1.0 * pair / pairs));
    table.plain = table.omega;
    table.attentionFactor = m;
    return table;
}

} // namespace

class TestKernels : public QObject {
    Q_OBJECT
  private slots:
    /// Pairs that are seen, one by one; with sliding windows in some layers.
    void visiblePairsAreThoseThatAreSeen() {
        ModelConfig config;
        config.layers = 3;
        for (const auto& [sight, windowed] :
             {std::pair<int, std::vector<bool>>{0, {}}, {5, {}}, {5, {true, false, true}}, {400, {}}}) {
            config.slidingWindow = sight > 0 ? std::optional(sight) : std::nullopt;
            config.windowedLayers = windowed;
            double all = 0;
            for (int layer = 0; layer < 3; ++layer) {
                double part = 0;
                for (int query = 0; query < 300; ++query)
                    for (int key = 0; key <= query; ++key) {
                        const bool seen = config.windowOf(layer) == 0 || query - key < config.windowOf(layer);
                        all += seen;
                        part += seen && query >= 130 && query < 258;
                    }
                QCOMPARE(visibleKeys(130, 128, config.windowOf(layer)), part);
            }
            QCOMPARE(visiblePairs(config, 300), all);
            const double above =
                visibleKeys(0, 300, config.windowOf(1)) + visibleKeys(0, 300, config.windowOf(2));
            QCOMPARE(visiblePairs(config, 300, 1), above);
        }
    }

    void gemmMatchesDouble() {
        const Matrix a = randomMatrix(37, 53, 1), b = randomMatrix(29, 53, 2), bt = randomMatrix(53, 29, 3);
        Matrix c = randomMatrix(37, 29, 4), d = c;
        const Matrix before = c;
        multiplyTransposed(a.view(), b.view(), c.view(), 0.5F, 2.0F);
        multiply(a.view(), bt.view(), d.view(), 1.0F);
        for (int row = 0; row < 37; ++row)
            for (int col = 0; col < 29; ++col) {
                double expectC = 2.0 * before.row(row)[col], expectD = before.row(row)[col];
                for (int inner = 0; inner < 53; ++inner) {
                    expectC += 0.5 * a.row(row)[inner] * b.row(col)[inner];
                    expectD += static_cast<double>(a.row(row)[inner]) * bt.row(inner)[col];
                }
                QVERIFY(std::abs(c.row(row)[col] - expectC) < 1e-4);
                QVERIFY(std::abs(d.row(row)[col] - expectD) < 1e-4);
            }
    }

    void attention_data() {
        QTest::addColumn<int>("context");
        QTest::addColumn<int>("sliding");
        QTest::newRow("one token") << 1 << 0;
        QTest::newRow("below a tile") << 100 << 0;
        QTest::newRow("several tiles") << 700 << 0;
        QTest::newRow("exact tiles") << 512 << 0;
        QTest::newRow("sliding 1") << 300 << 1;
        QTest::newRow("sliding 33") << 700 << 33;
        QTest::newRow("sliding on a tile edge") << 700 << 256;
        QTest::newRow("sliding wider than context") << 300 << 4000;
    }
    void attention() {
        QFETCH(int, context);
        QFETCH(int, sliding);
        const AttentionShape shape{6, 2, 10, sliding};
        // Wide scores make the softmax sharp: a wrong running maximum shows.
        const Matrix q = randomMatrix(context, 60, 5, 4), k = randomMatrix(context, 20, 6, 4),
                     v = randomMatrix(context, 20, 7);
        Matrix out(context, 60);
        AttentionScratch scratch;
        for (int head = 0; head < shape.heads; ++head)
            for (int first = 0; first < context; first += queryTile)
                attendTile(shape, head, first, std::min(queryTile, context - first), q.view(), k.view(),
                           v.view(), out.view(), scratch);
        double largest = 0;
        for (int head = 0; head < shape.heads; ++head)
            for (int query = 0; query<context; query += context> 300 ? 7 : 1) {
                const auto expected = naiveAttention(shape, head, query, q, k, v);
                for (int column = 0; column < shape.headDim; ++column)
                    largest = std::max(
                        largest, std::abs(out.row(query)[head * shape.headDim + column] - expected[column]));
            }
        QVERIFY2(largest < 2e-5, qPrintable(QString::number(largest)));
    }

    void exponentialsWithinStatedError() {
        std::vector<float> values;
        for (float x = -87.2F; x < 88.2F; x += 0.0137F) values.push_back(x);
        std::vector<float> results = values;
        exponentials(results.data(), static_cast<std::ptrdiff_t>(results.size()), 0.0F);
        double worst = 0;
        for (std::size_t at = 0; at < values.size(); ++at)
            worst = std::max(std::abs(results[at] / std::exp(static_cast<double>(values[at])) - 1),
                             worst); // NaN stays
        QVERIFY2(worst < 2e-7, qPrintable(QString::number(worst)));
        float edge[] = {-100.0F, -1e30F, -std::numeric_limits<float>::infinity(), 0.0F, 100.0F};
        exponentials(edge, 5, 0.0F);
        QCOMPARE(edge[0], 0.0F);
        QCOMPARE(edge[1], 0.0F);
        QCOMPARE(edge[2], 0.0F);
        QCOMPARE(edge[3], 1.0F);
        QVERIFY(std::isinf(edge[4]));
    }

    void kernelsDoNotDependOnAlignment() {
        const Matrix source = randomMatrix(1, 1000, 12, 3);
        std::vector<float> shifted(1040);
        for (int offset = 0; offset < 32; ++offset) {
            float* at = shifted.data() + offset;
            std::copy(source.data(), source.data() + 1000, at);
            QCOMPARE(sum(at, 1000), sum(source.data(), 1000));
            QCOMPARE(sumOfSquares(at, 999), sumOfSquares(source.data(), 999));
            QCOMPARE(sumOfExponentials(at, 997, 4.0F), sumOfExponentials(source.data(), 997, 4.0F));
            QCOMPARE(maximum(at, 993), maximum(source.data(), 993));
            exponentials(at, 1000, 1.0F);
            for (int value = 0; value < 1000; ++value) {
                float alone = source.data()[value];
                exponentials(&alone, 1, 1.0F);
                QCOMPARE(at[value], alone);
            }
        }
        double expected = 0;
        for (int value = 0; value < 1000; ++value) expected += std::exp(source.data()[value] - 4.0);
        QVERIFY(std::abs(sumOfExponentials(source.data(), 1000, 4.0F) / expected - 1) < 1e-6);
    }

    void rotationIsAComplexProduct_data() {
        QTest::addColumn<bool>("interleaved");
        QTest::newRow("half-split") << false;
        QTest::newRow("interleaved") << true;
    }
    void rotationIsAComplexProduct() {
        QFETCH(bool, interleaved);
        const int pairs = 3, headDim = 8, heads = 2; // partial rotary: the last two values of a head stay
        const double m = 1.25;
        const FrequencyTable table = plainTable(pairs, m);
        const RotaryTable rotary(table, 50);
        Matrix row = randomMatrix(1, heads * headDim, 8);
        const Matrix before = row;
        rotary.rotate(row.row(0), 41, heads, headDim,
                      interleaved ? PairLayout::Interleaved : PairLayout::HalfSplit);
        for (int head = 0; head < heads; ++head)
            for (int pair = 0; pair < pairs; ++pair) {
                const int x = head * headDim + (interleaved ? 2 * pair : pair);
                const int y = x + (interleaved ? 1 : pairs);
                const double angle = 41 * table.omega[pair];
                const double bx = before.data()[x], by = before.data()[y];
                QVERIFY(std::abs(row.data()[x] - m * (bx * std::cos(angle) - by * std::sin(angle))) < 1e-6);
                QVERIFY(std::abs(row.data()[y] - m * (bx * std::sin(angle) + by * std::cos(angle))) < 1e-6);
                // Identity 6: |rotated| <= sqrt(2) m max(|x|, |y|).
                const double bound = std::sqrt(2.0) * m * std::max(std::abs(bx), std::abs(by)) * (1 + 1e-6);
                QVERIFY(std::abs(row.data()[x]) <= bound && std::abs(row.data()[y]) <= bound);
            }
        for (int head = 0; head < heads; ++head)
            for (int rest = 2 * pairs; rest < headDim; ++rest)
                QCOMPARE(row.data()[head * headDim + rest], before.data()[head * headDim + rest]);
    }

    void anglesStayExactAtLongContext() {
        const FrequencyTable table = plainTable(4, 1);
        const RotaryTable rotary(table, 131072);
        for (int pair = 0; pair < 4; ++pair)
            QVERIFY(std::abs(rotary.cosines(131071)[pair] - std::cos(131071.0L * table.omega[pair])) < 1e-6L);
    }
};

QTEST_APPLESS_MAIN(TestKernels)
#include "test_kernels.moc"
