// Bootstrap interval of TIR: deterministic, paired by document, covers, and NaN where it cannot know.
#include "built_condition.h"
#include "core/diagnostics/tails.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

BuiltOptions optionsOf(int context, int documents) {
    return {1, 1, 2, context, 32, documents, 8};
}

/// Documents differ in level; the long condition multiplies every document by `inflation`.
SampleRule rule(double inflation, double spread, std::uint64_t salt) {
    return [=](const SamplePlace& p) {
        SamplePlace document;
        document.document = p.document;
        const double level = std::exp(spread * (2 * hashed(document, 7) - 1));
        return inflation * level * normalMagnitude(p, salt);
    };
}

const TailInflationOptions k{QkTensor::K, RopeStage::Post, 1e-2, false};

bool isNan(Interval interval) {
    return std::isnan(interval.low) && std::isnan(interval.high);
}

} // namespace

class TestTailInterval : public QObject {
    Q_OBJECT
  private slots:
    void holdsTheEstimate();
    void isDeterministic();
    void isPairedByDocument();
    void coversAboutAsOftenAsItSays();
    void dividesByTheAttentionFactor();
    void needsTwoDocuments();
    void leavesOutDocumentsWithoutSamples();
};

void TestTailInterval::holdsTheEstimate() {
    const auto longOne = buildCondition(optionsOf(64, 8), rule(1.5, 0.3, 1));
    const auto shortOne = buildCondition(optionsOf(32, 8), rule(1.0, 0.3, 2));
    const double estimate = tailInflation(longOne, shortOne, BandPartition::equal(1, 2), k).at(0, 0);
    const Interval interval = tailInflationInterval(longOne, shortOne, 0, 0, 2, k);
    QVERIFY2(interval.low < estimate && estimate < interval.high,
             qPrintable(QString("%1 in [%2, %3]").arg(estimate).arg(interval.low).arg(interval.high)));
    QVERIFY(interval.high - interval.low > 0.01 && interval.high - interval.low < 1);
}

void TestTailInterval::isDeterministic() {
    const auto longOne = buildCondition(optionsOf(64, 6), rule(1.5, 0.3, 1));
    const auto shortOne = buildCondition(optionsOf(32, 6), rule(1.0, 0.3, 2));
    const Interval first = tailInflationInterval(longOne, shortOne, 0, 0, 2, k);
    const Interval again = tailInflationInterval(longOne, shortOne, 0, 0, 2, k);
    QCOMPARE(first.low, again.low);
    QCOMPARE(first.high, again.high);
    const Interval more = tailInflationInterval(longOne, shortOne, 0, 0, 2, k, 4000);
    QVERIFY(std::abs(more.low - first.low) < 0.1 && std::abs(more.high - first.high) < 0.1);
}

void TestTailInterval::isPairedByDocument() {
    // the same values at both conditions, times 2, documents very unlike: a paired interval hardly has width
    const auto values = [](const SamplePlace& p) {
        SamplePlace same = p;
        same.position %= 32;
        return rule(1.0, 2.0, 1)(same);
    };
    const auto longOne =
        buildCondition(optionsOf(64, 6), [&](const SamplePlace& p) { return 2 * values(p); });
    const auto shortOne = buildCondition(optionsOf(32, 6), values);
    const Interval paired = tailInflationInterval(longOne, shortOne, 0, 0, 2, k);
    QVERIFY(paired.low > 1.96 && paired.high < 2.04);
    // documents in another order are other documents
    ConditionResult shuffled = buildCondition(optionsOf(32, 6), values);
    std::rotate(shuffled.byDocument.begin(), shuffled.byDocument.begin() + 2, shuffled.byDocument.end());
    const Interval unpaired = tailInflationInterval(longOne, shuffled, 0, 0, 2, k);
    QVERIFY(unpaired.high - unpaired.low > 5 * (paired.high - paired.low));
}

void TestTailInterval::coversAboutAsOftenAsItSays() {
    int covered = 0;
    constexpr int trials = 60;
    for (int trial = 0; trial < trials; ++trial) {
        const auto salt = static_cast<std::uint64_t>(10 + 2 * trial);
        const auto longOne = buildCondition(optionsOf(64, 12), rule(1.25, 0.0, salt));
        const auto shortOne = buildCondition(optionsOf(32, 12), rule(1.0, 0.0, salt + 1));
        const Interval interval = tailInflationInterval(longOne, shortOne, 0, 0, 2, k, 200);
        covered += interval.low <= 1.25 && 1.25 <= interval.high;
    }
    QVERIFY2(covered >= 0.80 * trials, qPrintable(QString::number(covered))); // nominal 95 %, 12 documents
}

void TestTailInterval::dividesByTheAttentionFactor() {
    auto longOne = buildCondition(optionsOf(64, 6), rule(1.5, 0.3, 1));
    const auto shortOne = buildCondition(optionsOf(32, 6), rule(1.0, 0.3, 2));
    longOne.table.attentionFactor = 1.5;
    const Interval measured = tailInflationInterval(longOne, shortOne, 0, 0, 2, k);
    TailInflationOptions options = k;
    options.divideByAttentionFactor = true;
    const Interval divided = tailInflationInterval(longOne, shortOne, 0, 0, 2, options);
    QVERIFY(std::abs(divided.low * 1.5 - measured.low) < 1e-12);
    QVERIFY(std::abs(divided.high * 1.5 - measured.high) < 1e-12);
}

void TestTailInterval::needsTwoDocuments() {
    const auto one = buildCondition(optionsOf(32, 1), rule(1, 0, 1));
    QVERIFY(isNan(tailInflationInterval(one, one, 0, 0, 2, k)));
    const auto two = buildCondition(optionsOf(32, 2), rule(1, 0, 1));
    QVERIFY(!isNan(tailInflationInterval(two, two, 0, 0, 2, k)));
    QVERIFY(isNan(tailInflationInterval(two, one, 0, 0, 2, k)));
    QVERIFY(isNan(tailInflationInterval(two, two, 0, 0, 2, k, 0)));
    QVERIFY(isNan(tailInflationInterval(two, two, 5, 0, 2, k))); // no such layer
    QVERIFY(isNan(tailInflationInterval(two, two, 0, 1, 1, k))); // no pairs
    QVERIFY(isNan(tailInflationInterval({}, {}, 0, 0, 2, k)));
}

void TestTailInterval::leavesOutDocumentsWithoutSamples() {
    // documents 0 and 3 end before L0: their long zone is empty
    const auto ends = [](const SamplePlace& p) {
        return p.position >= 32 && p.document % 3 == 0 ? -1.0 : normalMagnitude(p);
    };
    const auto shortOne = buildCondition(optionsOf(32, 4), rule(1, 0, 1));
    const Interval some = tailInflationInterval(buildCondition(optionsOf(64, 4), ends), shortOne, 0, 0, 2, k);
    QVERIFY(std::isfinite(some.low) && std::isfinite(some.high) && some.low > 0);
    const auto all = [](const SamplePlace& p) {
        return p.position >= 32 && p.document > 0 ? -1.0 : normalMagnitude(p);
    };
    QVERIFY(isNan(tailInflationInterval(buildCondition(optionsOf(64, 4), all), shortOne, 0, 0, 2, k)));
}

QTEST_APPLESS_MAIN(TestTailInterval)
#include "test_tail_interval.moc"
