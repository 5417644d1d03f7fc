// QkStatistics: buckets, cells and addition, by hand.
#include "core/capture/qk_statistics.h"

#include <QtTest>

#include <limits>
#include <random>

using namespace qroar;

namespace {

/// Whole numbers only, so that sums are exact in any order.
QkStatistics randomStatistics(const StatisticsShape& shape, unsigned seed) {
    QkStatistics statistics(shape);
    std::mt19937 random(seed);
    for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
        const auto next = [&] { return static_cast<double>(random() % 1000); };
        statistics.moments(cell) = {next(), next(), next(), next(), next(), next(), next(), next()};
        for (int sample = 0; sample < 5; ++sample)
            statistics.histogram(cell).addCount(static_cast<int>(random() % LogHistogram::binCount),
                                                random() % 9);
    }
    return statistics;
}

} // namespace

class TestQkStatistics : public QObject {
    Q_OBJECT
  private slots:
    void buckets();
    void zones();
    void bucketOf();
    void cellsAreFlat();
    void adds();
    void rebuckets();
    void momentsKeepNan();
    void countsBytes();
};

void TestQkStatistics::buckets() {
    using Edges = std::vector<int>;
    QCOMPARE(positionBuckets(256, 0), (Edges{0, 16, 32, 64, 128, 256}));
    QCOMPARE(positionBuckets(256, 256), (Edges{0, 16, 32, 64, 128, 256}));
    QCOMPARE(positionBuckets(300, 100), (Edges{0, 16, 32, 64, 100, 128, 256, 300}));
    QCOMPARE(positionBuckets(300, 5), (Edges{0, 5, 16, 32, 64, 128, 256, 300}));
    QCOMPARE(positionBuckets(1024, 512), (Edges{0, 16, 32, 64, 128, 256, 512, 1024}));
    QCOMPARE(positionBuckets(16, 4096), (Edges{0, 16}));
    QCOMPARE(positionBuckets(17, 16), (Edges{0, 16, 17}));
    QCOMPARE(positionBuckets(3, 4096), (Edges{0, 3}));
    QCOMPARE(positionBuckets(0, 4096), (Edges{0}));
    QCOMPARE(positionBuckets(-5, 4096), (Edges{0}));
    const Edges huge = positionBuckets(std::numeric_limits<int>::max(), 7);
    QCOMPARE(huge.back(), std::numeric_limits<int>::max());
    QVERIFY(std::is_sorted(huge.begin(), huge.end()));
}

void TestQkStatistics::zones() {
    using Edges = std::vector<int>;
    QCOMPARE(positionZones(1024, 256), (Edges{0, 256, 1024}));
    QCOMPARE(positionZones(256, 256), (Edges{0, 256}));
    QCOMPARE(positionZones(100, 256), (Edges{0, 100}));
    QCOMPARE(positionZones(100, 0), (Edges{0, 100}));
    QCOMPARE(positionZones(0, 0), (Edges{0}));
}

void TestQkStatistics::bucketOf() {
    StatisticsShape shape;
    QCOMPARE(shape.bucketOf(0), -1);
    shape.bucketEdges = positionBuckets(300, 100);
    for (int position = 0; position < 300; ++position) {
        const auto bucket = static_cast<std::size_t>(shape.bucketOf(position));
        QVERIFY(position >= shape.bucketEdges[bucket] && position < shape.bucketEdges[bucket + 1]);
    }
    QCOMPARE(shape.bucketOf(-1), -1);
    QCOMPARE(shape.bucketOf(300), -1);
}

void TestQkStatistics::cellsAreFlat() {
    const QkStatistics statistics({3, 2, 4, {0, 16, 32, 40}});
    QCOMPARE(statistics.cells(), std::size_t(3 * 2 * 2 * 2 * 4 * 3));
    std::size_t expected = 0;
    for (int layer = 0; layer < 3; ++layer)
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
            for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
                for (int group = 0; group < 2; ++group)
                    for (int pair = 0; pair < 4; ++pair)
                        for (int bucket = 0; bucket < 3; ++bucket)
                            QCOMPARE(statistics.cell(layer, tensor, stage, group, pair, bucket), expected++);
    QCOMPARE(QkStatistics().cells(), 0U);
    QCOMPARE(QkStatistics(StatisticsShape{}).cells(), 0U);
}

void TestQkStatistics::adds() {
    const StatisticsShape shape{2, 1, 3, {0, 16, 32}};
    const QkStatistics a = randomStatistics(shape, 1), b = randomStatistics(shape, 2);
    QkStatistics sum = a;
    sum.add(b);
    for (std::size_t cell = 0; cell < a.cells(); ++cell) {
        QCOMPARE(sum.moments(cell).count, a.moments(cell).count + b.moments(cell).count);
        QCOMPARE(sum.moments(cell).sumX, a.moments(cell).sumX + b.moments(cell).sumX);
        QCOMPARE(sum.moments(cell).sumY, a.moments(cell).sumY + b.moments(cell).sumY);
        QCOMPARE(sum.moments(cell).sumXX, a.moments(cell).sumXX + b.moments(cell).sumXX);
        QCOMPARE(sum.moments(cell).sumXY, a.moments(cell).sumXY + b.moments(cell).sumXY);
        QCOMPARE(sum.moments(cell).sumYY, a.moments(cell).sumYY + b.moments(cell).sumYY);
        QCOMPARE(sum.moments(cell).sumNorm, a.moments(cell).sumNorm + b.moments(cell).sumNorm);
        QCOMPARE(sum.moments(cell).maxAbs, std::max(a.moments(cell).maxAbs, b.moments(cell).maxAbs));
        for (int bin = 0; bin < LogHistogram::binCount; ++bin)
            QCOMPARE(sum.histogram(cell).countAt(bin),
                     a.histogram(cell).countAt(bin) + b.histogram(cell).countAt(bin));
    }
    QkStatistics other = b;
    other.add(a);
    QVERIFY(other == sum);
    QVERIFY(!(a == b));
}

void TestQkStatistics::rebuckets() {
    const StatisticsShape shape{2, 2, 3, {0, 16, 32, 64, 100}};
    const QkStatistics fine = randomStatistics(shape, 3);
    QVERIFY(fine.rebucketed(shape.bucketEdges) == fine);
    const QkStatistics zones = fine.rebucketed({0, 32, 100});
    const auto cellOf = [](const QkStatistics& statistics, int bucket) {
        return statistics.cell(1, QkTensor::K, RopeStage::Post, 1, 2, bucket);
    };
    for (int zone = 0; zone < 2; ++zone) {
        PairMoments expected = fine.moments(cellOf(fine, 2 * zone));
        expected.add(fine.moments(cellOf(fine, 2 * zone + 1)));
        QVERIFY(zones.moments(cellOf(zones, zone)) == expected);
        QCOMPARE(zones.histogram(cellOf(zones, zone)).total(),
                 fine.histogram(cellOf(fine, 2 * zone)).total()
                     + fine.histogram(cellOf(fine, 2 * zone + 1)).total());
    }
    QVERIFY(zones.rebucketed({0, 100}) == fine.rebucketed({0, 100})); // associative
    const QkStatistics tail = fine.rebucketed({64, 100});
    QVERIFY(tail.moments(cellOf(tail, 0)) == fine.moments(cellOf(fine, 3)));
    QCOMPARE(fine.rebucketed({0}).cells(), 0U);
}

void TestQkStatistics::momentsKeepNan() {
    PairMoments sum;
    sum.maxAbs = 3;
    PairMoments broken;
    broken.maxAbs = std::numeric_limits<double>::quiet_NaN();
    sum.add(broken);
    QVERIFY(std::isnan(sum.maxAbs));
    PairMoments fine;
    fine.maxAbs = 9;
    sum.add(fine);
    QVERIFY(std::isnan(sum.maxAbs)); // and stays
}

void TestQkStatistics::countsBytes() {
    const StatisticsShape shape{2, 1, 3, {0, 16, 32}};
    const std::size_t empty = QkStatistics(shape).bytes();
    QVERIFY(empty >= QkStatistics(shape).cells() * (sizeof(PairMoments) + sizeof(LogHistogram)));
    QVERIFY(randomStatistics(shape, 1).bytes() > empty);
}

QTEST_APPLESS_MAIN(TestQkStatistics)
#include "test_qk_statistics.moc"
