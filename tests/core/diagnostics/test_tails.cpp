// Tail metrics: scaled data give the scale, planted outliers are found in exactly their cell, shares sum to
// one, and the identities of method.md section 7 that concern statistics.
#include "built_condition.h"
#include "core/diagnostics/dense_histogram.h"
#include "core/diagnostics/tails.h"

#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

const BuiltOptions longOptions{2, 1, 8, 64, 32, 3, 8};
const BuiltOptions shortOptions{2, 1, 8, 32, 32, 3, 8};

bool within(double found, double expected, double relative) {
    return std::abs(found - expected) <= relative * std::abs(expected);
}

SampleRule normalTimes(double factor) {
    return [factor](const SamplePlace& p) {
        SamplePlace same = p;
        same.position %= 32; // the long zone repeats the short one's values
        return factor * normalMagnitude(same);
    };
}

BandPartition bandsOf(std::vector<int> edges) {
    return *BandPartition::fromEdges(std::move(edges), 8);
}

/// Row and column of the largest value.
std::pair<int, int> largestCell(const BandGrid& grid) {
    std::pair<int, int> best{0, 0};
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band)
            if (grid.at(layer, band) > grid.at(best.first, best.second)) best = {layer, band};
    return best;
}

} // namespace

class TestTails : public QObject {
    Q_OBJECT
  private slots:
    void pooledHistogramTakesWholeBuckets();
    void pooledHistogramTakesGroupsAndPairs();
    void denseEqualsLogHistogram();
    void scaledDataGiveTheScale();
    void attentionFactorDividesOnlyAfterRope();
    void longZoneOnly();
    void plantedTailIsFoundInItsCell();
    void emptyBandsAreNan();
    void excessMass();
    void dilationByHand();
    void calibrationByHand();
    void calibrationWithinRangeIsFree();
    void topSharesByBand();
    void topSharesByPosition();
    void topSharesByBandAndPosition();
    void jointSharesHaveTheMargins();
    void rotationIdentities();
};

void TestTails::pooledHistogramTakesWholeBuckets() {
    const QkStatistics statistics =
        buildCondition({1, 1, 8, 100, 40, 1, 1}, [](const SamplePlace&) { return 1.0; }).statistics;
    const auto samples = [&](PositionRange range) { // edges 0, 16, 32, 40, 64, 100; 2 values a sample
        return pooledHistogram(statistics, 0, QkTensor::Q, RopeStage::Pre, 0, 1, range).total() / 2;
    };
    QCOMPARE(samples({}), 100U);
    QCOMPARE(samples({40}), 60U);
    QCOMPARE(samples({0, 40}), 40U);
    QCOMPARE(samples({33, 100}), 60U); // straddles 33: starts before it, left out
    QCOMPARE(samples({32, 50}), 32U);  // straddles 50: starts in the range, taken whole
    QCOMPARE(samples({16, 17}), 16U);
    QCOMPARE(samples({41, 63}), 0U);
    QCOMPARE(samples({100}), 0U);
    QCOMPARE(samples({50, 10}), 0U);
}

void TestTails::pooledHistogramTakesGroupsAndPairs() {
    const auto rule = [](const SamplePlace& p) { return std::exp2(p.pair) * (p.group ? 1.5 : 1); };
    const QkStatistics statistics = buildCondition({2, 2, 4, 16, 32, 2, 1}, rule).statistics;
    const LogHistogram pooled = pooledHistogram(statistics, 1, QkTensor::K, RopeStage::Post, 1, 3);
    QCOMPARE(pooled.total(), 2U * 2 * 2 * 2 * 16); // rows, groups, pairs, documents, positions
    for (const float value : {2.0F, 3.0F, 4.0F, 6.0F})
        QCOMPARE(pooled.countAt(LogHistogram::binOf(value)), 64U);
    QVERIFY(pooledHistogram(statistics, 1, QkTensor::K, RopeStage::Post, 3, 3).empty());
    QVERIFY(pooledHistogram(statistics, 2, QkTensor::K, RopeStage::Post, 0, 4).empty()); // no such layer
    QVERIFY(pooledHistogram(statistics, -1, QkTensor::K, RopeStage::Post, 0, 4).empty());
    QCOMPARE(pooledHistogram(statistics, 1, QkTensor::K, RopeStage::Post, -5, 99).total(), 512U);
}

void TestTails::denseEqualsLogHistogram() {
    LogHistogram sparse;
    DenseHistogram dense;
    QVERIFY(std::isnan(dense.quantile(0.5)) && std::isnan(dense.tailMass(1)));
    SamplePlace place;
    for (place.index = 0; place.index < 3000; ++place.index) {
        LogHistogram one;
        one.add(static_cast<float>(std::pow(normalMagnitude(place), 5)));
        sparse.merge(one);
        dense.add(one);
    }
    QVERIFY(dense.compact() == sparse);
    QCOMPARE(dense.total(), sparse.total());
    for (int step = 0; step <= 3000; ++step) {
        const double p = step / 3000.0;
        QVERIFY(within(dense.quantile(p), sparse.quantile(p), 1e-12));
        QVERIFY(std::abs(dense.tailMass(4 * p) - sparse.tailMass(4 * p)) < 1e-12);
    }
}

void TestTails::scaledDataGiveTheScale() {
    ConditionResult longOne = buildCondition(longOptions, normalTimes(1.11));
    const ConditionResult shortOne = buildCondition(shortOptions, normalTimes(1));
    longOne.table.attentionFactor = 1.11;
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
        for (const double epsilon : tailEpsilons) {
            TailInflationOptions options{tensor, RopeStage::Post, epsilon, false};
            const BandGrid measured = tailInflation(longOne, shortOne, bandsOf({0, 3, 5, 8}), options);
            options.divideByAttentionFactor = true;
            const BandGrid divided = tailInflation(longOne, shortOne, bandsOf({0, 3, 5, 8}), options);
            QCOMPARE(measured.layers, 2);
            QCOMPARE(measured.bands, 3);
            for (std::size_t cell = 0; cell < measured.values.size(); ++cell) {
                QVERIFY2(within(measured.values[cell], 1.11, 0.02),
                         qPrintable(QString::number(measured.values[cell])));
                QVERIFY(within(divided.values[cell], 1.0, 0.02));
            }
        }
}

void TestTails::attentionFactorDividesOnlyAfterRope() {
    ConditionResult longOne = buildCondition(longOptions, normalTimes(1));
    ConditionResult shortOne = buildCondition(shortOptions, normalTimes(1));
    longOne.table.attentionFactor = 1.3;
    TailInflationOptions options{QkTensor::K, RopeStage::Pre, 1e-2, true};
    QVERIFY(within(tailInflation(longOne, shortOne, bandsOf({}), options).at(0, 0), 1, 1e-9));
    options.stage = RopeStage::Post;
    QVERIFY(within(tailInflation(longOne, shortOne, bandsOf({}), options).at(0, 0), 1 / 1.3, 1e-9));
    shortOne.table.attentionFactor = 1.3; // both scaled: nothing to divide out
    QVERIFY(within(tailInflation(longOne, shortOne, bandsOf({}), options).at(0, 0), 1, 1e-9));
}

void TestTails::longZoneOnly() {
    const auto growing = [](const SamplePlace& p) { return p.position < 32 ? 1.0 : 2.0; };
    const ConditionResult longOne = buildCondition(longOptions, growing);
    const ConditionResult shortOne = buildCondition(shortOptions, [](const SamplePlace&) { return 1.0; });
    const TailInflationOptions options{QkTensor::Q, RopeStage::Post, 0.99, false}; // even the bulk is long
    QVERIFY(within(tailInflation(longOne, shortOne, bandsOf({}), options).at(1, 0), 2, 0.02));
    QCOMPARE(longPositions(longOne).from, 32);
    // a context within L0 counts whole
    QCOMPARE(longPositions(shortOne).from, 0);
    QVERIFY(within(tailInflation(shortOne, shortOne, bandsOf({}), options).at(1, 0), 1, 1e-12));
    // the short side counts whole even when it exceeds L0
    QVERIFY(within(
        tailInflation(shortOne, longOne, bandsOf({}), {QkTensor::Q, RopeStage::Post, 1e-2, false}).at(1, 0),
        0.5, 0.02));
}

void TestTails::plantedTailIsFoundInItsCell() {
    const auto planted = [](const SamplePlace& p) {
        const bool here = p.layer == 1 && p.tensor == QkTensor::K && p.stage == RopeStage::Post && p.pair == 4
                          && p.position >= 32;
        return normalMagnitude(p) * (here && hashed(p, 99) < 0.05 ? 50 : 1);
    };
    const ConditionResult longOne = buildCondition(longOptions, planted);
    const ConditionResult shortOne = buildCondition(shortOptions, normalTimes(1));
    const BandPartition bands = bandsOf({0, 2, 4, 6, 8});
    const BandGrid k = tailInflation(longOne, shortOne, bands, {QkTensor::K, RopeStage::Post, 1e-2, false});
    QVERIFY(largestCell(k) == std::pair(1, 2));
    QVERIFY(k.at(1, 2) > 5);
    for (int layer = 0; layer < 2; ++layer)
        for (int band = 0; band < 4; ++band)
            if (layer != 1 || band != 2) QVERIFY(within(k.at(layer, band), 1, 0.35));
    const BandGrid q = tailInflation(longOne, shortOne, bands, {QkTensor::Q, RopeStage::Post, 1e-2, false});
    for (const double value : q.values) QVERIFY(within(value, 1, 0.35));
    QVERIFY(largestCell(topShareByBand(longOne, bands, QkTensor::K, RopeStage::Post, 1e-3))
            == std::pair(1, 2));
    // moving an edge moves the finding with the pair
    const BandGrid moved = tailInflation(longOne, shortOne, bandsOf({0, 2, 5, 6, 8}),
                                         {QkTensor::K, RopeStage::Post, 1e-2, false});
    QVERIFY(largestCell(moved) == std::pair(1, 1));
}

void TestTails::emptyBandsAreNan() {
    const auto holes = [](const SamplePlace& p) { return p.pair < 4 ? -1.0 : 1.0; };
    const ConditionResult full = buildCondition(longOptions, normalTimes(1));
    const ConditionResult holed = buildCondition(longOptions, holes);
    const BandPartition bands = bandsOf({0, 4, 8});
    const TailInflationOptions options;
    for (const auto& [a, b] : {std::pair(&full, &holed), std::pair(&holed, &full)}) {
        QVERIFY(std::isnan(tailInflation(*a, *b, bands, options).at(0, 0)));
        QVERIFY(!std::isnan(tailInflation(*a, *b, bands, options).at(0, 1)));
        QVERIFY(std::isnan(excessTailMass(*a, *b, bands, options).at(0, 0)));
        const CalibrationLoss loss = calibrationLoss(*a, *b, bands, QkTensor::K, RopeStage::Post);
        QVERIFY(std::isnan(loss.clipRate.at(0, 0)) && std::isnan(loss.bitsLost.at(0, 0)));
        QVERIFY(!std::isnan(loss.clipRate.at(0, 1)) && !std::isnan(loss.bitsLost.at(0, 1)));
    }
    QVERIFY(std::isnan(rangeDilation(holed, QkTensor::K, bands).at(0, 0)));
    QCOMPARE(topShareByBand(holed, bands, QkTensor::K, RopeStage::Post, 1e-2).at(0, 0), 0.0);
    const ConditionResult nothing; // a run without capture
    QCOMPARE(tailInflation(nothing, full, bands, options).layers, 0);
    QVERIFY(std::isnan(tailInflation(full, nothing, bands, options).at(1, 1)));
    QCOMPARE(topShareByPosition(nothing, QkTensor::K, RopeStage::Post, 1e-2, true).layers, 0);
    const ConditionResult silent = buildCondition(longOptions, [](const SamplePlace&) { return -1.0; });
    QVERIFY(std::isnan(topShareByBand(silent, bands, QkTensor::K, RopeStage::Post, 1e-2).at(0, 0)));
    QVERIFY(std::isnan(topShareByPosition(silent, QkTensor::K, RopeStage::Post, 1e-2, true).at(0, 0)));
}

void TestTails::excessMass() {
    const ConditionResult shortOne = buildCondition(shortOptions, normalTimes(1));
    const TailInflationOptions options{QkTensor::K, RopeStage::Post, 1e-2, false};
    const BandGrid same = excessTailMass(shortOne, shortOne, bandsOf({0, 4, 8}), options);
    for (const double value : same.values) QVERIFY(std::abs(value) < 1e-9);
    // twice as wide: P(|z| > 2.5758 / 2) - 0.01 = 0.1878
    ConditionResult wide = buildCondition(longOptions, normalTimes(2));
    QVERIFY(std::abs(excessTailMass(wide, shortOne, bandsOf({}), options).at(0, 0) - 0.1878) < 0.015);
    wide.table.attentionFactor = 2;
    const TailInflationOptions divided{QkTensor::K, RopeStage::Post, 1e-2, true};
    QVERIFY(std::abs(excessTailMass(wide, shortOne, bandsOf({}), divided).at(0, 0)) < 0.003);
}

void TestTails::dilationByHand() {
    const auto rule = [](const SamplePlace& p) {
        const double base = 1.0 + p.pair + (p.position == 50 ? 2 : 0);
        return p.stage == RopeStage::Post ? base * (1 + p.layer) : base;
    };
    const ConditionResult condition = buildCondition(longOptions, rule);
    const BandGrid grid = rangeDilation(condition, QkTensor::Q, bandsOf({0, 4, 8}));
    QCOMPARE(grid.at(0, 0), 1.0);
    QCOMPARE(grid.at(1, 1), 2.0);
}

void TestTails::calibrationByHand() {
    // short max 4; long beyond L0: a quarter of the positions at 16, the rest at 1
    const auto longRule = [](const SamplePlace& p) {
        return p.position < 32 ? 1000.0 : p.position % 4 == 0 ? 16.0 : 1.0; // before L0 must not count
    };
    const ConditionResult longOne = buildCondition(longOptions, longRule);
    const ConditionResult shortOne = buildCondition(shortOptions, [](const SamplePlace&) { return 4.0; });
    const CalibrationLoss loss =
        calibrationLoss(longOne, shortOne, bandsOf({0, 4, 8}), QkTensor::K, RopeStage::Pre);
    for (std::size_t cell = 0; cell < loss.clipRate.values.size(); ++cell) {
        QVERIFY(within(loss.clipRate.values[cell], 0.25, 1e-12));
        QCOMPARE(loss.bitsLost.values[cell], 2.0);
    }
}

void TestTails::calibrationWithinRangeIsFree() {
    const ConditionResult one = buildCondition(shortOptions, normalTimes(1));
    const ConditionResult half = buildCondition(shortOptions, normalTimes(0.5));
    const CalibrationLoss same = calibrationLoss(one, one, bandsOf({}), QkTensor::Q, RopeStage::Post);
    QCOMPARE(same.clipRate.at(0, 0), 0.0);
    QCOMPARE(same.bitsLost.at(0, 0), 0.0);
    const CalibrationLoss spare = calibrationLoss(half, one, bandsOf({}), QkTensor::Q, RopeStage::Post);
    QCOMPARE(spare.clipRate.at(0, 0), 0.0);
    QVERIFY(within(spare.bitsLost.at(0, 0), -1, 1e-9));
}

void TestTails::topSharesByBand() {
    // 1 in 64 values is large, all in pair 5; then shares of what lies above
    const auto rule = [](const SamplePlace& p) { return p.pair == 5 && p.position % 8 == 0 ? 100.0 : 1.0; };
    const ConditionResult condition = buildCondition(longOptions, rule);
    const BandGrid grid =
        topShareByBand(condition, bandsOf({0, 5, 6, 8}), QkTensor::Q, RopeStage::Pre, 1.0 / 64);
    QVERIFY(within(grid.at(0, 1), 1, 1e-9));
    QVERIFY(std::abs(grid.at(0, 0)) < 1e-9);
    // twice as many: half of the top comes from the atom at 1, of which pair 5 holds 7/63
    const BandGrid half =
        topShareByBand(condition, bandsOf({0, 5, 6, 8}), QkTensor::Q, RopeStage::Pre, 2.0 / 64);
    QVERIFY(within(half.at(1, 1), 0.5 + 0.5 * 7 / 63, 1e-9));
    QVERIFY(within(half.at(1, 0), 0.5 * 40 / 63, 1e-9));
    const ConditionResult noise = buildCondition(longOptions, normalTimes(1));
    for (const double epsilon : tailEpsilons) {
        const BandGrid shares =
            topShareByBand(noise, BandPartition::equal(5, 8), QkTensor::K, RopeStage::Post, epsilon);
        for (int layer = 0; layer < 2; ++layer) {
            double sum = 0;
            for (int band = 0; band < 5; ++band) {
                QVERIFY(shares.at(layer, band) >= 0);
                sum += shares.at(layer, band);
            }
            QVERIFY(within(sum, 1, 1e-12));
        }
    }
}

void TestTails::topSharesByPosition() {
    // edges 0, 16, 32, 64: plant the top 1/128 in positions 16..31 of layer 1
    const auto rule = [](const SamplePlace& p) {
        const bool planted = p.layer == 1 && p.position >= 16 && p.position < 32 && p.pair == 2;
        return planted && p.position % 4 == 0 ? 90.0 : 1.0; // 4 of 16 positions, 1 of 8 pairs
    };
    const ConditionResult condition = buildCondition(longOptions, rule);
    const BandGrid grid = topShareByPosition(condition, QkTensor::K, RopeStage::Post, 1.0 / 128, false);
    QCOMPARE(grid.bands, 3);
    QVERIFY(within(grid.at(1, 1), 1, 1e-9));
    QVERIFY(std::abs(grid.at(1, 0)) < 1e-9 && std::abs(grid.at(1, 2)) < 1e-9);
    const BandGrid relative = topShareByPosition(condition, QkTensor::K, RopeStage::Post, 1.0 / 128, true);
    QVERIFY(within(relative.at(1, 1), 4, 1e-9)); // a quarter of the positions holds all of the top
    // layer 0 has no shift: every bucket has its share of the top
    for (int bucket = 0; bucket < 3; ++bucket) QVERIFY(within(relative.at(0, bucket), 1, 1e-9));
    const BandGrid plain = topShareByPosition(condition, QkTensor::K, RopeStage::Post, 0.3, false);
    for (int layer = 0; layer < 2; ++layer)
        QVERIFY(within(plain.at(layer, 0) + plain.at(layer, 1) + plain.at(layer, 2), 1, 1e-12));
}

void TestTails::topSharesByBandAndPosition() {
    // All samples in one list, sorted: values are the lower edges of distinct bins, so nothing is shared.
    const auto rule = [](const SamplePlace& p) {
        const auto rank = static_cast<int>(400 * hashed(p, 3));
        const bool late = p.position >= 32 && p.pair == 6;
        return LogHistogram::binLower(200 + rank + (late ? 200 : 0));
    };
    const BuiltOptions options{1, 2, 8, 64, 32, 2, 1};
    const ConditionResult condition = buildCondition(options, rule);
    const BandPartition bands = bandsOf({0, 3, 6, 8}); // position buckets 0, 16, 32, 64
    struct Sample {
        double value;
        std::size_t band, bucket;
    };
    std::vector<Sample> samples; // of keys after RoPE
    SamplePlace p;
    p.tensor = QkTensor::K;
    p.stage = RopeStage::Post;
    for (p.group = 0; p.group < options.groups; ++p.group)
        for (p.pair = 0; p.pair < options.pairs; ++p.pair)
            for (p.document = 0; p.document < options.documents; ++p.document)
                for (p.position = 0; p.position < options.context; ++p.position) {
                    const std::size_t band = p.pair < 3 ? 0 : p.pair < 6 ? 1 : 2;
                    const std::size_t bucket = p.position < 16 ? 0 : p.position < 32 ? 1 : 2;
                    samples.push_back({rule(p), band, bucket});
                }
    std::sort(samples.begin(), samples.end(),
              [](const Sample& a, const Sample& b) { return a.value > b.value; });
    std::size_t top = samples.size() / 40; // to the end of a bin, so that the cut is between two
    while (samples[top].value == samples[top - 1].value) ++top;
    double expected[3][3] = {}, all[3][3] = {};
    for (std::size_t at = 0; at < samples.size(); ++at) {
        if (at < top) expected[samples[at].band][samples[at].bucket] += 1 / static_cast<double>(top);
        all[samples[at].band][samples[at].bucket] += 1 / static_cast<double>(samples.size());
    }
    const double epsilon = static_cast<double>(top) / static_cast<double>(samples.size());
    const TopShares found = topShares(condition, bands, QkTensor::K, RopeStage::Post, epsilon);
    QVERIFY(found.layers == 1 && found.bands == 3 && found.buckets == 3);
    for (int band = 0; band < 3; ++band)
        for (int bucket = 0; bucket < 3; ++bucket) {
            const std::size_t cell = found.cell(0, band, bucket);
            QVERIFY(std::abs(found.share[cell] - expected[band][bucket]) < 1e-9);
            QVERIFY(std::abs(found.all[cell] - all[band][bucket]) < 1e-12);
        }
    QVERIFY(expected[2][2] > 0.5 && expected[2][0] < 0.2); // the planted cell, and only at late positions
}

void TestTails::jointSharesHaveTheMargins() {
    const ConditionResult noise = buildCondition(longOptions, normalTimes(1));
    const BandPartition bands = bandsOf({0, 1, 4, 8});
    for (const double epsilon : tailEpsilons) {
        const TopShares joint = topShares(noise, bands, QkTensor::Q, RopeStage::Pre, epsilon);
        const BandGrid byBand = topShareByBand(noise, bands, QkTensor::Q, RopeStage::Pre, epsilon);
        const BandGrid byPosition = topShareByPosition(noise, QkTensor::Q, RopeStage::Pre, epsilon, false);
        for (int layer = 0; layer < joint.layers; ++layer) {
            for (int band = 0; band < joint.bands; ++band) {
                double sum = 0;
                for (int bucket = 0; bucket < joint.buckets; ++bucket)
                    sum += joint.share[joint.cell(layer, band, bucket)];
                QVERIFY(std::abs(sum - byBand.at(layer, band)) < 1e-12);
            }
            for (int bucket = 0; bucket < joint.buckets; ++bucket) {
                double sum = 0;
                for (int band = 0; band < joint.bands; ++band)
                    sum += joint.share[joint.cell(layer, band, bucket)];
                QVERIFY(std::abs(sum - byPosition.at(layer, bucket)) < 1e-12);
            }
        }
    }
    const ConditionResult silent = buildCondition(longOptions, [](const SamplePlace&) { return -1.0; });
    for (const double share : topShares(silent, bands, QkTensor::Q, RopeStage::Pre, 1e-2).share)
        QVERIFY(std::isnan(share));
    QCOMPARE(topShares(ConditionResult{}, bands, QkTensor::Q, RopeStage::Pre, 1e-2).layers, 0);
}

/// Identities 6 and 7, through the real probe: the same token vectors at every position, rotated here.
void TestTails::rotationIdentities() {
    constexpr int pairs = 4, context = 64,
                  tokens = 16; // the text repeats: every bucket holds the same tokens
    constexpr double m = 1.2;
    QkCapture capture({1, pairs, context, 32, 1, 1, 1, false});
    Matrix pre(context, 2 * pairs), post(context, 2 * pairs);
    for (int position = 0; position < context; ++position)
        for (int pair = 0; pair < pairs; ++pair) {
            SamplePlace place;
            place.pair = pair;
            place.position = position % tokens;
            const double x = 4 * hashed(place, 1) - 2, y = pair == 3 ? x : 4 * hashed(place, 2) - 2;
            const double angle = position * std::pow(100.0, -pair / 4.0);
            pre.row(position)[pair] = static_cast<float>(x);
            pre.row(position)[pair + pairs] = static_cast<float>(y);
            post.row(position)[pair] = static_cast<float>(m * (x * std::cos(angle) - y * std::sin(angle)));
            post.row(position)[pair + pairs] =
                static_cast<float>(m * (x * std::sin(angle) + y * std::cos(angle)));
        }
    const std::vector<BatchWindow> windows{{0, 0, 0, context}};
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
        for (const RopeStage stage : {RopeStage::Pre, RopeStage::Post}) {
            QkActivations activations;
            activations.tensor = tensor;
            activations.stage = stage;
            activations.values = stage == RopeStage::Pre ? pre.view() : post.view();
            activations.heads = 1;
            activations.headDim = activations.rotaryDim = 2 * pairs;
            activations.windows = windows;
            capture.deliver(activations);
        }
    ConditionResult condition;
    condition.key.context = context;
    condition.table.trainedContext = 32;
    condition.table.attentionFactor = m;
    condition.statistics = capture.takeMerged();
    condition.byDocument = capture.takeByDocument();
    // 6: within a pair, max|post| <= sqrt(2) m max|pre|, and lengths grow by m exactly
    const BandGrid dilation = rangeDilation(condition, QkTensor::K, BandPartition::equal(pairs, pairs));
    for (int pair = 0; pair < pairs; ++pair)
        QVERIFY(dilation.at(0, pair) <= std::sqrt(2.0) * m * (1 + 1e-6) && dilation.at(0, pair) >= m / 1.42);
    QVERIFY(dilation.at(0, 3) > 1.3 * m); // x = y turned to an axis: the bound is nearly reached
    const QkStatistics& all = condition.statistics;
    for (int pair = 0; pair < pairs; ++pair)
        for (int bucket = 0; bucket < all.shape().buckets(); ++bucket) {
            const auto& before = all.moments(all.cell(0, QkTensor::Q, RopeStage::Pre, 0, pair, bucket));
            const auto& after = all.moments(all.cell(0, QkTensor::Q, RopeStage::Post, 0, pair, bucket));
            QVERIFY(within(after.sumNorm, m * before.sumNorm, 1e-6));
            QVERIFY(within(after.sumXX + after.sumYY, m * m * (before.sumXX + before.sumYY), 1e-6));
        }
    // 7: before RoPE, layer 0 knows nothing of positions: the same tokens, the same statistics
    for (const double epsilon : {0.3, 1e-2}) {
        const BandGrid shift = topShareByPosition(condition, QkTensor::Q, RopeStage::Pre, epsilon, true);
        for (int bucket = 0; bucket < shift.bands; ++bucket) QVERIFY(within(shift.at(0, bucket), 1, 1e-9));
        const TailInflationOptions options{QkTensor::Q, RopeStage::Pre, epsilon, false};
        for (const double value : tailInflation(condition, condition, bandsOf({}), options).values)
            QVERIFY(within(value, 1, 0.01));
    }
}

QTEST_APPLESS_MAIN(TestTails)
#include "test_tails.moc"
