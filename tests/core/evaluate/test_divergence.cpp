// Statistics of per-token divergences by hand: conventions, buckets, quantiles, tokens without a reference.
#include "core/evaluate/divergence.h"

#include <QTest>

#include <cmath>
#include <limits>

using namespace qroar;

namespace {

bool near(double found, double expected) {
    if (std::abs(found - expected) <= 1e-7 * std::max(1.0, std::abs(expected))) return true;
    qWarning() << "found" << found << "expected" << expected;
    return false;
}

} // namespace

class TestDivergence : public QObject {
    Q_OBJECT
  private slots:
    void byHand() {
        // Two windows of 5 tokens: four predictions each, made from positions 0..3 of the tokens 1..4.
        const std::vector<WindowDivergence> windows{
            {0, 0, {1, 2, 3, 4}, {0.5, -0.5, 0, 0}, {1, 1, 0, 1}},
            {1, 0, {0, 0, 5, 9}, {0, 0, 0.25, -0.25}, {0, 1, 1, 1}},
        };
        const DivergenceSummary all = summarizeDivergence(windows, 5, 2, Convention::All);
        QCOMPARE(all.tokens, 8LL);
        QCOMPARE(all.windows, 2);
        QCOMPARE(all.documents, 2);
        QVERIFY(near(all.mean, 3) && near(all.max, 9));
        QVERIFY(near(all.median, 2.5));       // of 0 0 1 2 3 4 5 9
        QVERIFY(near(all.p90, 5 + 0.3 * 4));  // at 6.3
        QVERIFY(near(all.p99, 5 + 0.93 * 4)); // at 6.93
        QVERIFY(near(all.sameTop, 6.0 / 8));
        QVERIFY(near(all.meanDeltaP, 0) && near(all.rmsDeltaP, std::sqrt(0.625 / 8)));
        QVERIFY(near(*all.ciLow, 2.5) && near(*all.ciHigh, 3.5)); // the two windows
        // Buckets [0, 2) and [2, 5) of the predicted token.
        QCOMPARE(all.buckets.size(), std::size_t{2});
        QCOMPARE(all.buckets[0].tokens, 2LL);
        QVERIFY(near(all.buckets[0].kl, 0.5) && near(all.buckets[0].sameTop, 0.5));
        QVERIFY(near(all.buckets[1].kl, 23.0 / 6) && near(all.buckets[1].sameTop, 5.0 / 6));
        // llama-perplexity at n_ctx 5: from positions 2 and 3.
        const DivergenceSummary half = summarizeDivergence(windows, 5, 2, Convention::LastHalf);
        QCOMPARE(half.tokens, 4LL);
        QVERIFY(near(half.mean, 21.0 / 4) && near(half.median, 4.5) && near(half.sameTop, 0.75));
    }

    void tokensWithoutAReferenceAreLeftOut() {
        const float unknown = std::numeric_limits<float>::quiet_NaN();
        const std::vector<WindowDivergence> windows{
            {0, 0, {unknown, unknown, 3, 4}, {unknown, unknown, 0.5, 0.5}, {0, 0, 1, 0}}};
        const DivergenceSummary all = summarizeDivergence(windows, 5, 2, Convention::All);
        QCOMPARE(all.tokens, 2LL);
        QVERIFY(near(all.mean, 3.5) && near(all.sameTop, 0.5) && near(all.meanDeltaP, 0.5));
        QVERIFY(!all.ciLow); // one window
        QCOMPARE(all.buckets.size(), std::size_t{1});
        const DivergenceSummary none =
            summarizeDivergence({{0, 0, {unknown}, {unknown}, {0}}}, 2, 2, Convention::All);
        QCOMPARE(none.tokens, 0LL);
        QVERIFY(std::isnan(none.mean) && std::isnan(none.median) && std::isnan(none.max)
                && std::isnan(none.sameTop));
        QVERIFY(std::isnan(summarizeDivergence({}, 1, 2, Convention::All).mean));
    }

    void quantilesOfManyAreThoseOfTheSortedList() {
        WindowDivergence window{0, 0, std::vector<float>(1001), std::vector<float>(1001, 0.0F),
                                std::vector<std::uint8_t>(1001, 1)};
        for (std::size_t token = 0; token < 1001; ++token) // 0..1000, shuffled: 10 and 1001 share no factor
            window.kl[token] = static_cast<float>(token * 10 % 1001);
        const DivergenceSummary all = summarizeDivergence({window}, 1002, 256, Convention::All);
        QVERIFY(near(all.mean, 500) && near(all.median, 500) && near(all.p90, 900) && near(all.p99, 990));
        QVERIFY(near(all.max, 1000));
    }
};

QTEST_APPLESS_MAIN(TestDivergence)
#include "test_divergence.moc"
