// Matrix products and softmax of panels against plain loops in double, for every instruction set of this
// processor; lanes that do not know of each other; conversions of half floats one by one.
#include "core/base/half.h"
#include "core/kernels/panels.h"
#include "tests/support/random_matrix.h"

#include <QtTest>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

using namespace qroar;
using qroar::test::randomMatrix;

namespace {

std::vector<InstructionSet> available() {
    std::vector<InstructionSet> sets;
    for (const InstructionSet set : {InstructionSet::Plain, InstructionSet::Avx2, InstructionSet::Avx512})
        if (hasInstructions(set)) sets.push_back(set);
    return sets;
}

void addSets() {
    QTest::addColumn<int>("set");
    for (const InstructionSet set : available()) QTest::newRow(nameOf(set)) << static_cast<int>(set);
}

} // namespace

class TestPanelKernels : public QObject {
    Q_OBJECT
  private slots:
    void products_data() { addSets(); }
    void products() {
        QFETCH(int, set);
        const PanelKernels& kernels = panelKernels(static_cast<InstructionSet>(set));
        for (const int rows : {1, 2, 3, 4, 5, 6, 7, 13, 48}) // every remainder of the blocks
            for (const int depth : {1, 2, 64, 131}) {
                const Matrix w = randomMatrix(rows, depth + 3, 1), panel = randomMatrix(depth, panelWidth, 2);
                const Matrix before = randomMatrix(rows, panelWidth, 3);
                Matrix straight = before, turned = before, columns(depth, rows + 2);
                for (int row = 0; row < rows; ++row)
                    for (int k = 0; k < depth; ++k) columns.row(k)[row] = w.row(row)[k];
                kernels.addProduct({w.data(), rows, depth, depth + 3, 1}, panel.data(), straight.data());
                kernels.addProduct({columns.data(), rows, depth, 1, rows + 2}, panel.data(), turned.data());
                std::vector<double> inDouble(static_cast<std::size_t>(rows * panelWidth), 0.0);
                kernels.addProductInDouble({w.data(), rows, depth, depth + 3, 1}, panel.data(),
                                           inDouble.data());
                for (int row = 0; row < rows; ++row)
                    for (int lane = 0; lane < panelWidth; ++lane) {
                        double expected = before.row(row)[lane], size = std::abs(expected);
                        for (int k = 0; k < depth; ++k) {
                            const double term = static_cast<double>(w.row(row)[k]) * panel.row(k)[lane];
                            expected += term;
                            size += std::abs(term);
                        }
                        QVERIFY(std::abs(straight.row(row)[lane] - expected) < 1e-6 * size);
                        QCOMPARE(turned.row(row)[lane], straight.row(row)[lane]);
                        const double precise = inDouble[static_cast<std::size_t>(row * panelWidth + lane)];
                        QVERIFY(std::abs(precise + before.row(row)[lane] - expected) < 1e-14 * size);
                    }
            }
    }

    /// Stretch by stretch of the depth, the same bits as row by row; then once more on top, against a plain
    /// loop. Rows beyond those whose sums are kept together, panels that are not full, rows far apart.
    void deepProducts() {
        for (const int tokens : {1, 64, 130, 200})
            for (const int rows : {5, 48, 800})
                for (const int depth : {1, 128, 300}) {
                    const Matrix x = randomMatrix(tokens, depth, 1);
                    const Matrix w = randomMatrix(depth, rows == 5 ? 1100 : rows, 2); // its transpose is W
                    const Factor factor = transposedFactor(w.view().colsFrom(0, rows));
                    Panels panels, sums;
                    panels.pack(x.view());
                    sums.resize(tokens, rows);
                    sums.clear();
                    addDeepProduct(panels, factor, sums);
                    Matrix found(tokens, rows), expected(tokens, rows);
                    sums.unpack(found.view());
                    multiplyPanels(panels, factor, expected.view());
                    QVERIFY(std::memcmp(found.data(), expected.data(),
                                        static_cast<std::size_t>(tokens * rows) * sizeof(float))
                            == 0);
                    addDeepProduct(panels, factor, sums);
                    sums.unpack(found.view());
                    for (int token = 0; token < tokens; ++token)
                        for (int row = 0; row < rows; row += 7) {
                            double sum = 0, size = 0;
                            for (int k = 0; k < depth; ++k) {
                                const double term = static_cast<double>(x.row(token)[k]) * w.row(k)[row];
                                sum += 2 * term;
                                size += std::abs(term);
                            }
                            QVERIFY(std::abs(found.row(token)[row] - sum) <= 1e-6 * size);
                        }
                }
    }

    void softmaxInTiles_data() { addSets(); }
    void softmaxInTiles() {
        QFETCH(int, set);
        const PanelKernels& kernels = panelKernels(static_cast<InstructionSet>(set));
        constexpr int keys = 150, tile = 64;
        constexpr float unseen = -std::numeric_limits<float>::infinity();
        Matrix logits = randomMatrix(keys, panelWidth, 5);
        for (int at = 0; at < keys * panelWidth; ++at) logits.data()[at] *= 20; // sharp
        for (int key = 0; key < 100; ++key) logits.row(key)[7] = unseen;        // more than the first tile
        for (int key = 0; key < keys; ++key) logits.row(key)[9] = unseen;
        const Matrix original = logits;
        SoftmaxState state;
        std::fill_n(state.maximum, panelWidth, unseen);
        std::fill_n(state.sum, panelWidth, 0.0);
        std::vector<double> scale(panelWidth * 3, 1); // of each tile's results in the end
        for (int first = 0, at = 0; first < keys; first += tile, ++at) {
            kernels.softmax(logits.row(first), std::min(tile, keys - first), state);
            for (int earlier = 0; earlier < at; ++earlier)
                for (int lane = 0; lane < panelWidth; ++lane)
                    scale[static_cast<std::size_t>(earlier * panelWidth + lane)] *= state.correction[lane];
        }
        for (int lane = 0; lane < panelWidth; ++lane) {
            double top = -1e300, sum = 0;
            for (int key = 0; key < keys; ++key) top = std::max<double>(top, original.row(key)[lane]);
            for (int key = 0; key < keys; ++key) sum += std::exp(original.row(key)[lane] - top);
            if (lane == 9) {
                QCOMPARE(state.sum[lane], 0.0);
                continue;
            }
            QVERIFY(std::abs(state.sum[lane] / sum - 1) < 1e-6);
            for (int key = 0; key < keys; ++key) {
                const double expected = std::exp(original.row(key)[lane] - top) / sum;
                const double got = logits.row(key)[lane]
                                   * scale[static_cast<std::size_t>(key / tile * panelWidth + lane)]
                                   / state.sum[lane];
                QVERIFY(std::abs(got - expected) < 1e-6);
            }
        }
    }

    void softmaxKeepsWhatIsNotANumber_data() { addSets(); }
    void softmaxKeepsWhatIsNotANumber() {
        QFETCH(int, set);
        Matrix logits = randomMatrix(8, panelWidth, 5);
        logits.row(3)[20] = std::numeric_limits<float>::quiet_NaN();
        logits.row(4)[21] = std::numeric_limits<float>::infinity();
        SoftmaxState state;
        std::fill_n(state.maximum, panelWidth, -std::numeric_limits<float>::infinity());
        std::fill_n(state.sum, panelWidth, 0.0);
        panelKernels(static_cast<InstructionSet>(set)).softmax(logits.data(), 8, state);
        QVERIFY(std::isnan(state.sum[20]) && std::isnan(state.sum[21]));
        QVERIFY(std::isfinite(state.sum[19]) && std::isfinite(state.sum[22]));
    }

    /// A token's result does not depend on its lane or its neighbours: batches may be cut anywhere.
    void lanesAreAlone() {
        const Matrix x = randomMatrix(130, 200, 11), w = randomMatrix(70, 200, 12);
        Panels panels, single;
        Matrix all(130, 70), one(1, 70);
        panels.pack(x.view());
        multiplyPanels(panels, factorOf(w.view()), all.view());
        for (const std::ptrdiff_t row : {0, 63, 64, 129}) {
            single.pack(x.view().rowsFrom(row, 1));
            multiplyPanels(single, factorOf(w.view()), one.view());
            QVERIFY(std::memcmp(one.data(), all.row(row), 70 * sizeof(float)) == 0);
        }
    }

    void packingAndBack() {
        for (const int rows : {1, 3, 64, 67, 130})
            for (const int depth : {1, 5, 64, 71}) {
                const Matrix wide = randomMatrix(rows, depth + 4, 21);
                const ConstMatrixView view = wide.view().colsFrom(2, depth);
                Panels panels;
                panels.resize(300, 90); // leftovers of an earlier use
                std::fill_n(panels.panel(0), 300 * 90, 99.0F);
                panels.pack(view, 2);
                Matrix back(rows, depth);
                panels.unpack(back.view());
                for (int row = 0; row < rows; ++row)
                    for (int column = 0; column < depth; ++column)
                        QCOMPARE(back.row(row)[column], 2 * view(row, column));
                for (std::ptrdiff_t lane = rows % panelWidth; lane > 0 && lane < panelWidth; ++lane)
                    QCOMPARE(panels.panel(panels.count() - 1)[lane], 0.0F);
            }
    }

    void halfFloatsInBulk() {
        std::vector<std::uint16_t> bits(65536);
        for (std::size_t at = 0; at < bits.size(); ++at) bits[at] = static_cast<std::uint16_t>(at);
        std::vector<float> f16(bits.size()), bf16(bits.size());
        f16ToFloat(bits.data(), f16.data(), bits.size());
        bf16ToFloat(bits.data(), bf16.data(), bits.size());
        for (std::size_t at = 0; at < bits.size(); ++at) {
            const float expected = f16ToFloat(bits[at]);
            QVERIFY(std::isnan(expected) ? std::isnan(f16[at]) : std::memcmp(&expected, &f16[at], 4) == 0);
            const float other = bf16ToFloat(bits[at]);
            QVERIFY(std::memcmp(&other, &bf16[at], 4) == 0);
        }
    }
};

QTEST_APPLESS_MAIN(TestPanelKernels)
#include "test_panel_kernels.moc"
