// Grids from pools are those from the cells, bit for bit, whatever the bands.
#include "core/diagnostics/pair_pool.h"
#include "tests/support/synthetic_session.h"

#include <QTest>

#include <bit>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

bool sameBits(const BandGrid& a, const BandGrid& b) {
    return a.layers == b.layers && a.bands == b.bands
           && std::equal(a.values.begin(), a.values.end(), b.values.begin(), b.values.end(),
                         [](double x, double y) {
                             return std::bit_cast<std::uint64_t>(x) == std::bit_cast<std::uint64_t>(y)
                                    || (std::isnan(x) && std::isnan(y));
                         });
}

/// One pair each, all in one, and random ones.
std::vector<BandPartition> partitions(int pairs) {
    std::vector<BandPartition> result{BandPartition::equal(1, pairs), BandPartition::equal(pairs, pairs)};
    std::mt19937 random(7);
    for (int round = 0; round < 6; ++round) {
        std::vector<int> edges{0};
        for (int pair = 1; pair < pairs; ++pair)
            if (random() % 4 == 0) edges.push_back(pair);
        result.push_back(*BandPartition::fromEdges(edges, pairs));
    }
    return result;
}

} // namespace

class TestPairPool : public QObject {
    Q_OBJECT
  private slots:
    void gridsAreThoseOfTheCells();
    void onlyKeptConditionsHavePools();
    void recordedNaNStaysOne();
};

void TestPairPool::gridsAreThoseOfTheCells() {
    SyntheticOptions options;
    options.layers = 3;
    options.groups = 2;
    options.contexts = {256, 1024};
    options.ropes = {"none", "yarn:4"};
    options.quants = {"none"};
    const auto session = makeSyntheticSession(options);
    const auto& longOne = session->conditions.back();
    const auto& shortOne = session->conditions.front();
    PoolCache pools;
    pools.keep({longOne, shortOne, nullptr});
    for (const BandPartition& bands : partitions(options.pairs))
        for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post})
            for (const double epsilon : tailEpsilons) {
                const TailInflationOptions tails{QkTensor::K, stage, epsilon, true};
                QVERIFY(sameBits(tailInflation(*longOne, *shortOne, bands, tails, &pools),
                                 tailInflation(*longOne, *shortOne, bands, tails)));
                QVERIFY(sameBits(excessTailMass(*longOne, *shortOne, bands, tails, &pools),
                                 excessTailMass(*longOne, *shortOne, bands, tails)));
                QVERIFY(sameBits(topShareByBand(*longOne, bands, QkTensor::Q, stage, epsilon, &pools),
                                 topShareByBand(*longOne, bands, QkTensor::Q, stage, epsilon)));
                const auto pooled = calibrationLoss(*longOne, *shortOne, bands, QkTensor::K, stage, &pools);
                const auto plain = calibrationLoss(*longOne, *shortOne, bands, QkTensor::K, stage);
                QVERIFY(sameBits(pooled.clipRate, plain.clipRate));
                QVERIFY(sameBits(pooled.bitsLost, plain.bitsLost));
                QVERIFY(sameBits(rangeDilation(*longOne, QkTensor::K, bands, &pools),
                                 rangeDilation(*longOne, QkTensor::K, bands)));
            }
}

void TestPairPool::onlyKeptConditionsHavePools() {
    SyntheticOptions options;
    options.layers = 1;
    const auto session = makeSyntheticSession(options);
    const QkStatistics& statistics = session->conditions[0]->statistics;
    PoolCache pools;
    QVERIFY(!pools.pool(statistics, QkTensor::K, RopeStage::Post, {}));
    pools.keep({session->conditions[0]});
    const PairPool* pool = pools.pool(statistics, QkTensor::K, RopeStage::Post, {});
    QVERIFY(pool);
    QCOMPARE(pools.pool(statistics, QkTensor::K, RopeStage::Post, {}), pool);
    QVERIFY(pools.pool(statistics, QkTensor::K, RopeStage::Pre, {}) != pool);
    QVERIFY(pools.pool(statistics, QkTensor::K, RopeStage::Post, {256}) != pool);
    QCOMPARE(pool->band(5, 0, 16).total(), std::uint64_t{0}); // a layer that there is not
    QVERIFY(std::isnan(pool->maximum(0, 3, 3)));
    pools.keep({session->conditions[1]});
    QVERIFY(!pools.pool(statistics, QkTensor::K, RopeStage::Post, {}));
}

void TestPairPool::recordedNaNStaysOne() {
    SyntheticOptions options;
    options.layers = 1;
    auto condition = std::make_shared<ConditionResult>(*makeSyntheticSession(options)->conditions[0]);
    QkStatistics& statistics = condition->statistics;
    statistics.moments(statistics.cell(0, QkTensor::K, RopeStage::Post, 0, 5, 0)).maxAbs = std::nan("");
    PoolCache pools;
    pools.keep({condition});
    const BandPartition bands = BandPartition::equal(4, options.pairs); // pair 5 is in band 1
    const BandGrid grid = rangeDilation(*condition, QkTensor::K, bands, &pools);
    QVERIFY(std::isnan(grid.at(0, 1)));
    QVERIFY(std::isfinite(grid.at(0, 0)) && std::isfinite(grid.at(0, 2)));
    QVERIFY(sameBits(grid, rangeDilation(*condition, QkTensor::K, bands)));
}

QTEST_APPLESS_MAIN(TestPairPool)
#include "test_pair_pool.moc"
