// Sensitivities over bands against naive sums.
#include "core/diagnostics/sensitivity_grid.h"

#include <QTest>

#include <cmath>

using namespace qroar;

namespace {

constexpr int layers = 3, heads = 4, kvHeads = 2, pairs = 6;

/// Numbers that tell their place: gQ 1 + layer.head pair, with alternating signs of the pairs.
Sensitivity numbered() {
    Sensitivity made;
    made.layers = layers, made.heads = heads, made.kvHeads = kvHeads, made.pairs = pairs;
    made.tokens = 10;
    for (int layer = 0; layer < layers; ++layer)
        for (int pair = 0; pair < pairs; ++pair)
            made.lnOmega.push_back((pair % 2 ? -1 : 1) * (1 + layer + 0.1 * pair));
    for (int layer = 0; layer < layers; ++layer)
        for (int head = 0; head < heads; ++head)
            for (int pair = 0; pair < pairs; ++pair) made.lnGainQ.push_back(layer + 10 * head - 0.5 * pair);
    made.lnGainK.assign(layers * kvHeads * pairs, -1);
    return made;
}

} // namespace

class TestSensitivityGrid : public QObject {
    Q_OBJECT
  private slots:
    void pressureIsTheSizeOfTheSum() {
        const BandGrid grid = measuredPressure(numbered(), *BandPartition::fromEdges({0, 1, 4}, pairs));
        QCOMPARE(grid.layers, layers);
        QCOMPARE(grid.bands, 3);
        for (int layer = 0; layer < layers; ++layer) {
            const double base = 1 + layer;
            QCOMPARE(grid.at(layer, 0), base);
            QCOMPARE(grid.at(layer, 1), std::abs(-(base + 0.1) + (base + 0.2) - (base + 0.3)));
            QCOMPARE(grid.at(layer, 2), std::abs((base + 0.4) - (base + 0.5))); // opposite signs cancel
        }
    }

    void gainsSumOverHeads() {
        const BandGrid grid = gainSensitivity(numbered(), *BandPartition::fromEdges({0, 2}, pairs));
        for (int layer = 0; layer < layers; ++layer)
            for (int band = 0; band < 2; ++band) {
                double expected = 0;
                for (int head = 0; head < heads; ++head)
                    for (int pair = band ? 2 : 0; pair < (band ? 6 : 2); ++pair)
                        expected += layer + 10 * head - 0.5 * pair;
                QCOMPARE(grid.at(layer, band), expected);
            }
    }

    void nothingMeasuredHasNoRows() {
        QCOMPARE(measuredPressure({}, BandPartition::equal(2, pairs)).layers, 0);
        QCOMPARE(gainSensitivity({}, BandPartition::equal(2, pairs)).layers, 0);
    }
};

QTEST_APPLESS_MAIN(TestSensitivityGrid)
#include "test_sensitivity_grid.moc"
