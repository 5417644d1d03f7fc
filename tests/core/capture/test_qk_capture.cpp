// QkCapture against a naive loop over values in double, for both layouts, groups, partial rotary, ragged
// windows and several batches; byte-exact for any number of threads.
#include "core/capture/qk_statistics.h"

#include <QtTest>

#include <cmath>
#include <limits>
#include <omp.h>

using namespace qroar;

namespace {

struct Scene {
    QkCapture::Options options;
    int headDim = 8;
    PairLayout layout = PairLayout::HalfSplit;
    std::vector<std::vector<BatchWindow>> batches;
};

/// Two batches; documents 0..2, document 1 in both; windows of unequal length; document 2 ends before L0.
Scene makeScene(PairLayout layout, bool grouped) {
    Scene scene;
    scene.layout = layout;
    scene.headDim = 14; // rotary 10 of 14: 5 pairs, not a multiple of any vector width
    scene.options = {2, 5, 150, 40, 4, 6, 2, grouped};
    scene.batches = {{{0, 0, 0, 150}, {0, 1, 150, 90}, {1, 0, 245, 41}}, {{1, 1, 3, 150}, {2, 0, 160, 30}}};
    return scene;
}

float valueAt(int layer, int tensor, int stage, std::ptrdiff_t row, std::ptrdiff_t column) {
    std::uint64_t bits =
        static_cast<std::uint64_t>(((layer * 2 + tensor) * 2 + stage) * 1000003 + row * 131 + column);
    for (int round = 0; round < 3; ++round) // a small hash
        bits = (bits ^ (bits >> 31)) * 0x9e3779b97f4a7c15ULL + 12345;
    const double uniform = static_cast<double>(bits >> 11) * 0x1p-53;
    const double magnitude = std::exp2(-9 + 14 * uniform); // from below the range on
    return static_cast<float>(bits & 1024 ? magnitude : -magnitude);
}

Matrix makeValues(const Scene& scene, int layer, int tensor, int stage) {
    const int heads = tensor == 0 ? scene.options.queryHeads : scene.options.kvHeads;
    Matrix values(320, static_cast<std::ptrdiff_t>(heads) * scene.headDim);
    for (std::ptrdiff_t row = 0; row < values.rows(); ++row)
        for (std::ptrdiff_t column = 0; column < values.cols(); ++column)
            values.row(row)[column] = valueAt(layer, tensor, stage, row, column);
    return values;
}

/// Calls visit(activations) for every delivery of the scene.
template<class Visit>
void deliverAll(const Scene& scene, Visit&& visit) {
    for (const auto& batch : scene.batches)
        for (int layer = 0; layer < scene.options.layers; ++layer)
            for (int tensor = 0; tensor < 2; ++tensor)
                for (int stage = 0; stage < 2; ++stage) {
                    const Matrix values = makeValues(scene, layer, tensor, stage);
                    QkActivations activations;
                    activations.layer = layer;
                    activations.tensor = static_cast<QkTensor>(tensor);
                    activations.stage = static_cast<RopeStage>(stage);
                    activations.values = values.view();
                    activations.heads = tensor == 0 ? scene.options.queryHeads : scene.options.kvHeads;
                    activations.headDim = scene.headDim;
                    activations.rotaryDim = 2 * scene.options.pairs;
                    activations.layout = scene.layout;
                    activations.windows = batch;
                    visit(activations);
                }
}

void addSample(QkStatistics& statistics, std::size_t cell, float x, float y) {
    PairMoments& m = statistics.moments(cell);
    const double dx = x, dy = y;
    m.count += 1;
    m.sumX += dx;
    m.sumY += dy;
    m.sumXX += dx * dx;
    m.sumXY += dx * dy;
    m.sumYY += dy * dy;
    m.sumNorm += std::hypot(dx, dy);
    m.maxAbs = std::max({m.maxAbs, std::abs(dx), std::abs(dy)});
    statistics.histogram(cell).add(x);
    statistics.histogram(cell).add(y);
}

struct Reference {
    QkStatistics merged;
    std::vector<QkStatistics> byDocument;
};

/// The definition, one value after the other.
Reference naive(const Scene& scene) {
    const QkCapture::Options& o = scene.options;
    Reference result;
    result.merged = QkStatistics(
        {o.layers, o.groupPerKvHead ? o.kvHeads : 1, o.pairs, positionBuckets(o.context, o.trainedContext)});
    result.byDocument.assign(
        4, QkStatistics({o.layers, 1, o.pairs, positionZones(o.context, o.trainedContext)}));
    deliverAll(scene, [&](const QkActivations& a) {
        for (const BatchWindow& window : a.windows)
            for (int token = 0; token < window.context; ++token)
                for (int head = 0; head < a.heads; ++head)
                    for (int pair = 0; pair < o.pairs; ++pair) {
                        const bool half = a.layout == PairLayout::HalfSplit;
                        const int base = head * a.headDim;
                        const int columnX = base + (half ? pair : 2 * pair);
                        const int columnY = base + (half ? pair + a.rotaryDim / 2 : 2 * pair + 1);
                        const float x = a.values(window.firstRow + token, columnX);
                        const float y = a.values(window.firstRow + token, columnY);
                        const int group = !o.groupPerKvHead         ? 0
                                          : a.tensor == QkTensor::K ? head
                                                                    : head / (o.queryHeads / o.kvHeads);
                        addSample(result.merged,
                                  result.merged.cell(a.layer, a.tensor, a.stage, group, pair,
                                                     result.merged.shape().bucketOf(token)),
                                  x, y);
                        QkStatistics& document = result.byDocument[static_cast<std::size_t>(window.document)];
                        addSample(document,
                                  document.cell(a.layer, a.tensor, a.stage, 0, pair,
                                                document.shape().bucketOf(token)),
                                  x, y);
                    }
    });
    return result;
}

bool near(double found, double expected, double scale) {
    return std::abs(found - expected) <= 1e-12 * scale;
}

void compare(const QkStatistics& found, const QkStatistics& expected) {
    QVERIFY(found.shape() == expected.shape());
    for (std::size_t cell = 0; cell < found.cells(); ++cell) {
        const PairMoments &f = found.moments(cell), &e = expected.moments(cell);
        const double first = e.sumNorm, second = e.sumXX + e.sumYY;
        QCOMPARE(f.count, e.count);
        QCOMPARE(f.maxAbs, e.maxAbs);
        QVERIFY(near(f.sumX, e.sumX, first) && near(f.sumY, e.sumY, first)
                && near(f.sumNorm, e.sumNorm, first));
        QVERIFY(near(f.sumXX, e.sumXX, second) && near(f.sumXY, e.sumXY, second)
                && near(f.sumYY, e.sumYY, second));
        QVERIFY(found.histogram(cell) == expected.histogram(cell));
    }
}

} // namespace

class TestQkCapture : public QObject {
    Q_OBJECT
  private slots:
    void matchesTheDefinition_data();
    void matchesTheDefinition();
    void sameForAnyNumberOfThreads();
    void moreUnitsThanOneWave();
    void emptyZones();
    void shortContextHasOneZone();
    void valuesThatAreNotNumbersStayVisible();
    void takeLeavesNothing();
};

void TestQkCapture::matchesTheDefinition_data() {
    QTest::addColumn<int>("layout");
    QTest::addColumn<bool>("grouped");
    QTest::newRow("half-split, pooled") << 0 << false;
    QTest::newRow("half-split, per KV head") << 0 << true;
    QTest::newRow("interleaved, pooled") << 1 << false;
    QTest::newRow("interleaved, per KV head") << 1 << true;
}

void TestQkCapture::matchesTheDefinition() {
    QFETCH(int, layout);
    QFETCH(bool, grouped);
    const Scene scene = makeScene(layout ? PairLayout::Interleaved : PairLayout::HalfSplit, grouped);
    QkCapture capture(scene.options);
    deliverAll(scene, [&](const QkActivations& activations) {
        QVERIFY(capture.wants(activations.layer, activations.tensor, activations.stage));
        capture.deliver(activations);
    });
    const Reference expected = naive(scene);
    compare(capture.merged(), expected.merged);
    QCOMPARE(capture.byDocument().size(), 4U);
    for (std::size_t document = 0; document < 4; ++document)
        compare(capture.byDocument()[document], expected.byDocument[document]);
}

void TestQkCapture::sameForAnyNumberOfThreads() {
    const Scene scene = makeScene(PairLayout::HalfSplit, true);
    const int before = omp_get_max_threads();
    std::vector<QkStatistics> merged;
    std::vector<std::vector<QkStatistics>> byDocument;
    for (const int threads : {1, 2, 3, 7}) {
        omp_set_num_threads(threads);
        QkCapture capture(scene.options);
        deliverAll(scene, [&](const QkActivations& activations) { capture.deliver(activations); });
        merged.push_back(capture.takeMerged());
        byDocument.push_back(capture.takeByDocument());
    }
    omp_set_num_threads(before);
    for (std::size_t run = 1; run < merged.size(); ++run) {
        QVERIFY(merged[run] == merged[0]); // doubles included: byte for byte
        QVERIFY(byDocument[run] == byDocument[0]);
    }
}

void TestQkCapture::moreUnitsThanOneWave() {
    QkCapture::Options options{1, 2, 20, 16, 150, 2, 2, false};
    QkCapture capture(options);
    Matrix values(150 * 20, 8);
    double sum = 0, largest = 0;
    std::vector<BatchWindow> windows;
    for (std::ptrdiff_t row = 0; row < values.rows(); ++row)
        for (std::ptrdiff_t column = 0; column < 8; ++column) {
            values.row(row)[column] = valueAt(0, 0, 0, row, column);
            sum += std::abs(static_cast<double>(values.row(row)[column]));
            largest = std::max(largest, std::abs(static_cast<double>(values.row(row)[column])));
        }
    for (int document = 0; document < 150; ++document) windows.push_back({document, 0, document * 20, 20});
    QkActivations activations;
    activations.values = values.view();
    activations.heads = 2;
    activations.headDim = activations.rotaryDim = 4;
    activations.windows = windows;
    capture.deliver(activations);
    const QkStatistics& merged = capture.merged();
    double count = 0, maxAbs = 0;
    for (std::size_t cell = 0; cell < merged.cells(); ++cell) {
        count += static_cast<double>(merged.histogram(cell).total());
        maxAbs = std::max(maxAbs, merged.moments(cell).maxAbs);
    }
    QCOMPARE(count, 150.0 * 20 * 8);
    QCOMPARE(maxAbs, largest);
    for (const QkStatistics& document : capture.byDocument()) {
        const std::size_t first = document.cell(0, QkTensor::Q, RopeStage::Pre, 0, 0, 0);
        QCOMPARE(document.moments(first).count, 2.0 * 16); // heads x tokens of the first zone
        QCOMPARE(document.moments(first + 1).count, 2.0 * 4);
    }
}

void TestQkCapture::emptyZones() {
    const Scene scene = makeScene(PairLayout::HalfSplit, false);
    QkCapture capture(scene.options);
    deliverAll(scene, [&](const QkActivations& activations) { capture.deliver(activations); });
    const auto samplesOf = [&](std::size_t document, int zone) {
        const QkStatistics& statistics = capture.byDocument()[document];
        const std::size_t cell = statistics.cell(1, QkTensor::K, RopeStage::Post, 0, 3, zone);
        const double samples = statistics.moments(cell).count;
        return static_cast<double>(statistics.histogram(cell).total()) == 2 * samples ? samples : -1;
    };
    QCOMPARE(samplesOf(0, 1), 2.0 * (110 + 50)); // kv heads x tokens beyond L0 = 40
    QCOMPARE(samplesOf(1, 1), 2.0 * (1 + 110));
    QCOMPARE(samplesOf(2, 0), 2.0 * 30); // never reaches L0
    QCOMPARE(samplesOf(2, 1), 0.0);
    QCOMPARE(samplesOf(3, 0), 0.0); // no window at all
}

void TestQkCapture::shortContextHasOneZone() {
    QkCapture capture({1, 2, 32, 64, 2, 1, 1, false});
    QCOMPARE(capture.byDocument()[0].shape().bucketEdges, (std::vector<int>{0, 32}));
    QCOMPARE(capture.merged().shape().bucketEdges, (std::vector<int>{0, 16, 32}));
}

void TestQkCapture::valuesThatAreNotNumbersStayVisible() {
    QkCapture capture({1, 2, 4, 64, 1, 1, 1, false});
    Matrix values(4, 4);
    values.row(0)[0] = std::numeric_limits<float>::quiet_NaN();
    values.row(2)[3] = -std::numeric_limits<float>::infinity();
    const std::vector<BatchWindow> windows{{0, 0, 0, 4}};
    QkActivations activations;
    activations.values = values.view();
    activations.heads = 1;
    activations.headDim = activations.rotaryDim = 4;
    activations.windows = windows;
    capture.deliver(activations);
    const QkStatistics& merged = capture.merged();
    const std::size_t pair0 = merged.cell(0, QkTensor::Q, RopeStage::Pre, 0, 0, 0);
    const std::size_t pair1 = merged.cell(0, QkTensor::Q, RopeStage::Pre, 0, 1, 0);
    QVERIFY(std::isnan(merged.moments(pair0).sumX) && std::isnan(merged.moments(pair0).maxAbs));
    QVERIFY(std::isinf(merged.moments(pair1).sumYY) && std::isinf(merged.moments(pair1).maxAbs));
    QCOMPARE(merged.histogram(pair0).countAt(LogHistogram::binCount - 1), 1U);
    QCOMPARE(merged.histogram(pair1).countAt(LogHistogram::binCount - 1), 1U);
    QCOMPARE(merged.histogram(pair0).countAt(0), 7U);
}

void TestQkCapture::takeLeavesNothing() {
    QkCapture capture({1, 2, 32, 16, 2, 1, 1, false});
    QVERIFY(capture.takeMerged().cells() > 0);
    QCOMPARE(capture.takeByDocument().size(), 2U);
    QCOMPARE(capture.merged().cells(), 0U);
    QVERIFY(capture.byDocument().empty());
    capture.deliver({}); // nothing to do, no crash
}

QTEST_APPLESS_MAIN(TestQkCapture)
#include "test_qk_capture.moc"
