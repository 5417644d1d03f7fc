// Sorted blocks of tokens: merged ones are what sorting all of their values gives, and quantiles of resamples
// are those of every resample written out and sorted.
#include "core/evaluate/blocks.h"

#include <QTest>

#include <algorithm>
#include <random>

using namespace qroar;

namespace {

using Blocks = std::vector<std::vector<float>>;

/// Of these sizes; many values occur more than once, in one block and in several.
Blocks sortedBlocks(const std::vector<std::size_t>& sizes, unsigned seed) {
    std::mt19937 random(seed);
    Blocks blocks;
    for (const std::size_t size : sizes) {
        auto& block = blocks.emplace_back(size);
        for (float& value : block) value = static_cast<float>(random() % (1 + random() % 1000)) / 8;
        std::sort(block.begin(), block.end());
    }
    return blocks;
}

std::vector<float> sortedAll(const Blocks& blocks) {
    std::vector<float> all;
    for (const auto& block : blocks) all.insert(all.end(), block.begin(), block.end());
    std::sort(all.begin(), all.end());
    return all;
}

/// Every resample written out; the smallest of its values with at least the share p at or below it.
std::vector<float> naiveQuantiles(const Blocks& blocks, double p, int draws) {
    std::mt19937_64 random(0x51524f4152ULL); // that of resampledMeans(), whose draws these are
    std::vector<float> quantiles;
    for (int draw = 0; draw < draws; ++draw) {
        Blocks drawn;
        for (std::size_t count = 0; count < blocks.size(); ++count)
            drawn.push_back(blocks[random() % blocks.size()]);
        const std::vector<float> all = sortedAll(drawn);
        std::size_t at = 0;
        while (static_cast<double>(at + 1) < p * static_cast<double>(all.size())) ++at;
        quantiles.push_back(all[at]);
    }
    return quantiles;
}

/// Of more values than are candidates: the 2048 order statistics at equal distances.
std::vector<float> candidatesOf(const std::vector<float>& all) {
    std::vector<float> some;
    for (std::size_t at = 0; at < 2048; ++at) some.push_back(all[(all.size() - 1) * at / 2047]);
    return some;
}

} // namespace

class TestBlocks : public QObject {
    Q_OBJECT
  private slots:
    void mergedIsSorted_data() {
        QTest::addColumn<QList<int>>("sizes");
        QTest::newRow("no block") << QList<int>{};
        QTest::newRow("one empty") << QList<int>{0};
        QTest::newRow("all empty") << QList<int>{0, 0, 0};
        QTest::newRow("one") << QList<int>{17};
        QTest::newRow("two") << QList<int>{5, 9};
        QTest::newRow("three") << QList<int>{5, 9, 4};
        QTest::newRow("five") << QList<int>{5, 9, 4, 30, 1};
        QTest::newRow("seven, some empty") << QList<int>{0, 9, 0, 30, 1, 8, 0};
        QTest::newRow("eight") << QList<int>{3, 1, 4, 1, 5, 9, 2, 6};
        QTest::newRow("21, the last alone in all but one round") << QList<int>(21, 11);
    }
    void mergedIsSorted() {
        QFETCH(QList<int>, sizes);
        for (unsigned seed = 1; seed <= 20; ++seed) {
            const Blocks blocks = sortedBlocks({sizes.begin(), sizes.end()}, seed);
            QCOMPARE(mergedBlocks(blocks), sortedAll(blocks));
        }
    }

    void quantilesOfResamples() {
        constexpr int draws = 60;
        for (const auto& sizes : std::vector<std::vector<std::size_t>>{
                 {1, 1}, {40, 40}, {30, 1, 7}, {9, 0, 12, 33, 5}, {100, 90, 80, 70, 60, 50, 40}})
            for (const double p : {0.01, 0.5, 0.99, 1.0}) {
                const Blocks blocks = sortedBlocks(sizes, 7);
                const std::vector<double> found = resampledQuantiles(blocks, p, draws, mergedBlocks(blocks));
                const std::vector<float> expected = naiveQuantiles(blocks, p, draws);
                QCOMPARE(found, std::vector<double>(expected.begin(), expected.end()));
            }
    }

    void quantilesOfManyValues() {
        constexpr int draws = 40;
        const Blocks blocks = sortedBlocks({900, 1400, 700}, 3);
        const std::vector<float> candidates = candidatesOf(sortedAll(blocks));
        for (const double p : {0.5, 0.99}) {
            const std::vector<double> found = resampledQuantiles(blocks, p, draws, mergedBlocks(blocks));
            const std::vector<float> exact = naiveQuantiles(blocks, p, draws);
            QCOMPARE(found.size(), exact.size());
            for (std::size_t draw = 0; draw < found.size(); ++draw)
                QCOMPARE(found[draw], static_cast<double>(*std::lower_bound(candidates.begin(),
                                                                            candidates.end(), exact[draw])));
        }
    }

    void nothingToResample() {
        QVERIFY(resampledQuantiles({}, 0.5, 10, {}).empty());
        QVERIFY(resampledQuantiles({{1, 2}}, 0.5, 10, {1, 2}).empty());
        QVERIFY(resampledQuantiles({{1}, {2}}, 0.5, 0, {1, 2}).empty());
        QVERIFY(resampledQuantiles({{}, {}}, 0.5, 10, {}).empty());
    }
};

QTEST_APPLESS_MAIN(TestBlocks)
#include "test_blocks.moc"
