// Statistics of per-token divergences by hand: conventions, buckets, quantiles, tokens without a reference.
#include "core/evaluate/divergence.h"
#include "core/evaluate/token_series.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

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

    /// Estimates of series against loops by hand and a bootstrap of its own (other random numbers).
    void seriesAndTheirPairedDifferences() {
        std::mt19937 random(5);
        std::uniform_real_distribution<float> uniform(0, 1);
        ConditionResult a, b;
        a.key.context = b.key.context = 65;
        for (int document = 0; document < 8; ++document) {
            WindowDivergence one{document, 0, {}, {}, {}}, other{document, 0, {}, {}, {}};
            for (int token = 0; token < 64; ++token) {
                const float common = uniform(random) + 0.2F * static_cast<float>(document);
                one.kl.push_back(common + 0.1F * uniform(random));
                other.kl.push_back(common);
                for (WindowDivergence* each : {&one, &other}) {
                    each->deltaP.push_back(0);
                    each->sameTop.push_back(uniform(random) < 0.5F ? 1 : 0);
                }
            }
            a.divergence.push_back(one);
            if (document < 7) b.divergence.push_back(other);
        }
        const TokenQuestion mean{65, 16, Convention::All, TokenStatistic::Mean, 1000};
        TokenQuestion median = mean, tail = mean;
        median.statistic = TokenStatistic::Median;
        tail.statistic = TokenStatistic::P99;
        const TokenSeries seriesA = tokenSeries(a, TokenMeasure::Kl),
                          seriesB = tokenSeries(b, TokenMeasure::Kl);
        const DivergenceSummary whole = summarizeDivergence(a.divergence, 65, 16, Convention::All);
        QVERIFY(near(estimateTokens(seriesA, mean).value, whole.mean));
        QVERIFY(near(*estimateTokens(seriesA, mean).low, *whole.ciLow));
        QVERIFY(near(estimateTokens(seriesA, median).value, whole.median));
        QVERIFY(near(estimateTokens(seriesA, tail).value, whole.p99));
        const auto buckets = estimateByPosition(seriesA, mean);
        QCOMPARE(buckets.size(), whole.buckets.size());
        for (std::size_t at = 0; at < buckets.size(); ++at) {
            QVERIFY(near(buckets[at].value, whole.buckets[at].kl));
            QCOMPARE(buckets[at].tokens, whole.buckets[at].tokens);
            QVERIFY(*buckets[at].low<buckets[at].value&& * buckets[at].high> buckets[at].value);
        }
        // the difference: seven documents that both have
        double sum = 0;
        std::vector<double> first, second;
        for (std::size_t window = 0; window < 7; ++window)
            for (std::size_t token = 0; token < 64; ++token) {
                first.push_back(a.divergence[window].kl[token]);
                second.push_back(b.divergence[window].kl[token]);
                sum += first.back() - second.back();
            }
        const TokenEstimate paired = estimateDifference(seriesA, seriesB, mean);
        QCOMPARE(paired.tokens, 7LL * 64);
        QCOMPARE(paired.documents, 7);
        QVERIFY(near(paired.value, sum / (7 * 64)));
        QVERIFY(*paired.high - *paired.low < 0.02); // the common noise is gone: about 0.05 +- 0.003
        std::sort(first.begin(), first.end());
        std::sort(second.begin(), second.end());
        const auto middle = [](const std::vector<double>& v) { return (v[223] + v[224]) / 2; };
        QVERIFY(near(estimateDifference(seriesA, seriesB, median).value, middle(first) - middle(second)));
        // the interval of a median, resampled by hand
        std::vector<double> medians;
        std::mt19937_64 draw(99);
        for (int round = 0; round < 2000; ++round) {
            std::vector<float> values;
            for (int count = 0; count < 8; ++count) {
                const auto& kl = a.divergence[draw() % 8].kl;
                values.insert(values.end(), kl.begin(), kl.end());
            }
            std::sort(values.begin(), values.end());
            medians.push_back(values[values.size() / 2]);
        }
        std::sort(medians.begin(), medians.end());
        const TokenEstimate found = estimateTokens(seriesA, median);
        QVERIFY(std::abs(*found.low - medians[50]) < 0.06 && std::abs(*found.high - medians[1950]) < 0.06);
    }

    void documentsOfTwoSessionsAreMatchedByTheirTokens() {
        Session one, other;
        for (const char* name : {"x", "y", "z"}) one.documents.push_back({name, name, name, 10});
        for (const char* name : {"z", "w", "x"}) other.documents.push_back({"renamed", "", name, 10});
        const std::vector<int> same = sameDocuments(one, other);
        QCOMPARE(same, (std::vector<int>{2, -1, 0}));
        ConditionResult run;
        run.windows = {{0, 0, {1, 2}}, {1, 0, {3, 4}}, {2, 0, {5, 6}}};
        const TokenSeries series = tokenSeries(run, TokenMeasure::Nll, same);
        QCOMPARE(series.windows.size(), std::size_t{2});
        QCOMPARE(series.windows[0].document, 2);
        QCOMPARE(series.windows[1].document, 0);
        QCOMPARE(series.windows[1].values[1], 6.0F);
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
