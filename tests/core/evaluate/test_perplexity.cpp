// Means, buckets, intervals, paired differences and interactions against hand-computed numbers and against a
// naive second implementation.
#include "core/evaluate/blocks.h"
#include "core/evaluate/nll_table.h"
#include "core/evaluate/perplexity.h"
#include "tests/support/synthetic_session.h"

#include <QTest>

#include <algorithm>
#include <cmath>
#include <limits>

using namespace qroar;

namespace {

bool near(double found, double expected, double tolerance = 1e-12) {
    if (std::abs(found - expected) <= tolerance * std::max(1.0, std::abs(expected))) return true;
    qWarning() << "found" << found << "expected" << expected;
    return false;
}

ConditionKey key(const char* rope, int context, const char* quant) {
    return {RopeSpec::parse(rope).value(), context, QuantSpec::parse(quant).value()};
}

std::shared_ptr<const ConditionResult> condition(const char* rope, const char* quant, float nll) {
    auto made = std::make_shared<ConditionResult>();
    made->key = key(rope, 4, quant);
    made->table.spec = made->key.rope;
    made->windows = {{0, 0, {nll, nll, nll}}};
    return made;
}

/// Second implementation: one flat list of (position of the predicted token, nll) of the tokens that count.
struct Token {
    int document, position;
    double nll;
};
std::vector<Token> tokensThatCount(const std::vector<WindowNll>& windows, int context, bool lastHalf) {
    std::vector<Token> tokens;
    for (const WindowNll& window : windows)
        for (int from = 0; from <= context - 2; ++from) // position whose logits predict from + 1
            if (!lastHalf || from >= context / 2)
                tokens.push_back({window.document, from + 1, window.nll[static_cast<std::size_t>(from)]});
    return tokens;
}

} // namespace

class TestPerplexity : public QObject {
    Q_OBJECT
  private slots:
    void byHand() {
        // Two windows of 4 tokens: three predictions each.
        const std::vector<WindowNll> windows{{0, 0, {1, 2, 3}}, {1, 0, {4, 5, 9}}};
        const NllSummary all = summarizeNll(windows, 4, 2, Convention::All);
        QCOMPARE(all.tokens, 6LL);
        QCOMPARE(all.windows, 2);
        QCOMPARE(all.documents, 2);
        QVERIFY(near(all.nll, 4));
        QVERIFY(near(all.perplexity, std::exp(4.0)));
        // Positions 1..3; buckets [0, 2) and [2, 4).
        QCOMPARE(all.buckets.size(), std::size_t{2});
        QCOMPARE(all.buckets[0].from, 0);
        QCOMPARE(all.buckets[0].to, 2);
        QCOMPARE(all.buckets[0].tokens, 2LL);
        QVERIFY(near(all.buckets[0].nll, 2.5));
        QCOMPARE(all.buckets[1].tokens, 4LL);
        QVERIFY(near(all.buckets[1].nll, 19.0 / 4));
        // llama-perplexity, n_ctx 4: only the prediction made from position 2 (= n_ctx/2 .. n_ctx-2).
        const NllSummary half = summarizeNll(windows, 4, 2, Convention::LastHalf);
        QCOMPARE(half.tokens, 2LL);
        QVERIFY(near(half.nll, 6));
        QCOMPARE(half.buckets.size(), std::size_t{1});
        QCOMPARE(half.buckets[0].from, 2);
        QVERIFY(near(half.buckets[0].nll, 6));
    }

    void llamaPerplexityCountsAtCommonSizes() {
        // n_ctx = 512: 255 of the 511 predictions of each chunk (n_ctx - 1 - n_ctx/2).
        const std::vector<WindowNll> windows{{0, 0, std::vector<float>(511, 1)}};
        QCOMPARE(summarizeNll(windows, 512, 512, Convention::LastHalf).tokens, 255LL);
        const std::vector<WindowNll> odd{{0, 0, std::vector<float>(6, 1)}};
        QCOMPARE(summarizeNll(odd, 7, 7, Convention::LastHalf).tokens, 3LL); // positions 3, 4, 5
    }

    void tokenWeightedNotDocumentWeighted() {
        const std::vector<WindowNll> windows{{0, 0, {1, 1}}, {0, 1, {1, 1}}, {1, 0, {4, 4}}};
        QVERIFY(near(summarizeNll(windows, 3, 3, Convention::All).nll, 2));
    }

    void agreesWithTheNaiveOne() {
        const auto session = test::makeSyntheticSession();
        for (const auto& one : session->conditions)
            for (const bool lastHalf : {false, true}) {
                const int context = one->key.context;
                const auto tokens = tokensThatCount(one->windows, context, lastHalf);
                double sum = 0;
                for (const Token& token : tokens) sum += token.nll;
                const NllSummary summary = summarizeNll(one->windows, context, 256,
                                                        lastHalf ? Convention::LastHalf : Convention::All);
                QCOMPARE(summary.tokens, static_cast<long long>(tokens.size()));
                QVERIFY(near(summary.nll, sum / static_cast<double>(tokens.size())));
                QVERIFY(*summary.ciLow < summary.nll && summary.nll < *summary.ciHigh);
                long long covered = 0;
                for (const NllBucket& bucket : summary.buckets) {
                    double inBucket = 0;
                    long long count = 0;
                    for (const Token& token : tokens)
                        if (bucket.from <= token.position && token.position < bucket.to) {
                            inBucket += token.nll;
                            ++count;
                        }
                    QCOMPARE(bucket.tokens, count);
                    QVERIFY(near(bucket.nll, inBucket / static_cast<double>(count)));
                    covered += count;
                }
                QCOMPARE(covered, summary.tokens);
            }
    }

    void intervalOfTwoBlocks() {
        // Two documents with means 1 and 3: draws are 1, 2, 3 with shares 1/4, 1/2, 1/4.
        const std::vector<WindowNll> windows{{0, 0, {1, 1}}, {1, 0, {3, 3}}};
        const NllSummary summary = summarizeNll(windows, 3, 3, Convention::All, 2000);
        QVERIFY(near(*summary.ciLow, 1) && near(*summary.ciHigh, 3));
    }

    void intervalResemblesTheNormalOne() {
        // 200 documents of one prediction: 0, 1, 2, 3, 4, 0, ...: standard error sqrt(2 / 200).
        std::vector<WindowNll> windows;
        for (int document = 0; document < 200; ++document)
            windows.push_back({document, 0, {static_cast<float>(document % 5)}});
        const NllSummary summary = summarizeNll(windows, 2, 2, Convention::All, 4000);
        QVERIFY(near(summary.nll, 2));
        QVERIFY(std::abs(*summary.ciLow - (2 - 1.96 * 0.1)) < 0.02);
        QVERIFY(std::abs(*summary.ciHigh - (2 + 1.96 * 0.1)) < 0.02);
    }

    void blocksAreDocuments() {
        // Within each document the windows cancel: by documents there is no spread, by windows there would
        // be.
        std::vector<WindowNll> windows;
        for (int document = 0; document < 6; ++document) {
            windows.push_back({document, 0, {0, 0}});
            windows.push_back({document, 1, {2, 2}});
        }
        const NllSummary summary = summarizeNll(windows, 3, 3, Convention::All);
        QCOMPARE(summary.blocks, 6);
        QVERIFY(near(*summary.ciLow, 1) && near(*summary.ciHigh, 1));
        // Fewer than six documents: runs of their windows, here of one.
        windows.resize(10);
        const NllSummary few = summarizeNll(windows, 3, 3, Convention::All);
        QCOMPARE(few.documents, 5);
        QCOMPARE(few.blocks, 10);
        QVERIFY(*few.ciLow < 0.9 && *few.ciHigh > 1.1);
        // One document: its windows.
        const std::vector<WindowNll> one{{5, 0, {0, 0}}, {5, 1, {2, 2}}};
        const NllSummary single = summarizeNll(one, 3, 3, Convention::All);
        QCOMPARE(single.documents, 1);
        QVERIFY(near(*single.ciLow, 0) && near(*single.ciHigh, 2));
        // One window: nothing to resample.
        QVERIFY(!summarizeNll({{5, 0, {1, 2}}}, 3, 3, Convention::All).ciLow);
    }

    void longDocumentsAreCutIntoRuns() {
        // 45 and 16 windows: runs of 61 / 20 = 3, not across documents: 15 and 6 (the last one shorter).
        std::vector<WindowSum> windows;
        for (int index = 0; index < 45; ++index) windows.push_back({0, {static_cast<double>(index), 1}});
        for (int index = 0; index < 16; ++index) windows.push_back({1, {100.0 + index, 1}});
        windows.push_back({1, {0, 0}}); // without tokens: not there
        const std::vector<TokenSum> blocks = makeBlocks(windows);
        QCOMPARE(blocks.size(), std::size_t{21});
        QVERIFY(near(blocks[0].sum, 0 + 1 + 2) && near(blocks[14].sum, 42 + 43 + 44));
        QVERIFY(near(blocks[15].sum, 100 + 101 + 102));
        QCOMPARE(blocks[20].tokens, 1LL);
        QVERIFY(near(blocks[20].sum, 115));
    }

    void percentileByHand() {
        const std::vector<double> sorted{1, 2, 4, 8, 16};
        QVERIFY(near(percentile(sorted, 0), 1) && near(percentile(sorted, 1), 16));
        QVERIFY(near(percentile(sorted, 0.5), 4) && near(percentile(sorted, 0.9), 8 + 0.6 * 8));
        QVERIFY(near(percentile({3}, 0.9), 3));
    }

    void contrastOfFourRuns() {
        const std::vector<WindowNll> a{{0, 0, {1, 2}}, {0, 1, {3, 1}}, {1, 0, {9, 9}}};
        const std::vector<WindowNll> b{{0, 0, {2, 2}}, {0, 1, {4, 4}}};
        const std::vector<WindowNll> c{{0, 0, {0.5, 1}}, {0, 1, {1, 1}}};
        const std::vector<WindowNll> d{{0, 0, {0.25, 1}}, {0, 1, {2, 1}}, {2, 0, {0, 0}}};
        const ContrastTerm terms[] = {{1, &a}, {-1, &b}, {-1, &c}, {1, &d}};
        const PairedDifference found = pairedContrast(terms, 3, Convention::All);
        // (a - b) - (c - d): -1 - 0.25, 0 - 0; -1 + 1, -3 - 0.
        QCOMPARE(found.tokens, 4LL);
        QVERIFY(near(found.mean, (-1.25 + 0 + 0 - 3) / 4));
        QVERIFY(near(*found.ciLow, -1.5) && near(*found.ciHigh, -0.625)); // the two windows
        const PairedDifference part = pairedDifference(a, b, 3, Convention::All);
        QCOMPARE(part.blocks, found.blocks);
        QVERIFY(std::isnan(pairedContrast({}, 3, Convention::All).mean));
    }

    void seedIsFixed() {
        const auto session = test::makeSyntheticSession();
        const auto& one = *session->conditions[4];
        const auto first = summarizeNll(one.windows, 1024, 256, Convention::All);
        const auto second = summarizeNll(one.windows, 1024, 256, Convention::All);
        QCOMPARE(*first.ciLow, *second.ciLow);
        QCOMPARE(*first.ciHigh, *second.ciHigh);
    }

    void nothingToAverage() {
        const NllSummary none = summarizeNll({}, 256, 256, Convention::All);
        QCOMPARE(none.tokens, 0LL);
        QVERIFY(std::isnan(none.nll) && std::isnan(none.perplexity));
        QVERIFY(!none.ciLow && none.buckets.empty());
        const NllSummary empty = summarizeNll({{0, 0, {}}}, 1, 256, Convention::LastHalf);
        QCOMPARE(empty.windows, 0);
    }

    void brokenModelStaysVisible() {
        const float infinity = std::numeric_limits<float>::infinity();
        const std::vector<WindowNll> windows{{0, 0, {1, infinity}}, {1, 0, {1, 1}}};
        const NllSummary summary = summarizeNll(windows, 3, 3, Convention::All);
        QVERIFY(std::isinf(summary.nll) && std::isinf(summary.perplexity));
        QVERIFY(!summary.ciLow && !summary.ciHigh);
    }

    void pairedByHand() {
        const std::vector<WindowNll> base{{0, 0, {1, 2}}, {0, 1, {9, 9}}, {1, 0, {5, 5}}, {2, 0, {7, 7}}};
        const std::vector<WindowNll> changed{{0, 0, {1.5, 3}}, {1, 0, {4, 5.5}}, {3, 0, {1, 1}}};
        // Common: (0, 0) with +0.5, +1 and (1, 0) with -1, +0.5.
        const PairedDifference found = pairedDifference(changed, base, 3, Convention::All);
        QCOMPARE(found.tokens, 4LL);
        QCOMPARE(found.windows, 2);
        QCOMPARE(found.documents, 2);
        QVERIFY(near(found.mean, 0.25));
        QVERIFY(near(*found.ciLow, -0.25) && near(*found.ciHigh, 0.75));
        const PairedDifference half = pairedDifference(changed, base, 3, Convention::LastHalf);
        QCOMPARE(half.tokens, 2LL);
        QVERIFY(near(half.mean, 0.75));
    }

    void pairingRemovesTheNoiseOfTheText() {
        const auto session = test::makeSyntheticSession();
        const auto fp = session->find(key("none", 256, "none"));
        const auto q = session->find(key("none", 256, "rtn:4:g64"));
        const PairedDifference paired = pairedDifference(q->windows, fp->windows, 256, Convention::All);
        QVERIFY(near(paired.mean, 0.06, 1e-5)); // what the synthetic session adds
        const NllSummary alone = summarizeNll(q->windows, 256, 256, Convention::All);
        QVERIFY(*paired.ciHigh - *paired.ciLow < 0.01 * (*alone.ciHigh - *alone.ciLow));
        QVERIFY(std::isnan(pairedDifference(q->windows, {}, 256, Convention::All).mean));
    }

    void interactionByHand() {
        std::vector<std::shared_ptr<const ConditionResult>> conditions{
            condition("none", "none", 1), condition("yarn:4", "none", 1.25F),
            condition("none", "rtn:4:g64", 1.5F), condition("yarn:4", "rtn:4:g64", 2)};
        auto found = interactions(conditions, Convention::All);
        QCOMPARE(found.size(), std::size_t{1});
        QCOMPARE(found[0].rope, std::string("yarn:4"));
        QCOMPARE(found[0].quant, std::string("rtn:4:g64"));
        QCOMPARE(found[0].context, 4);
        QVERIFY(near(found[0].fp, 1) && near(found[0].pi, 1.25) && near(found[0].q, 1.5));
        QVERIFY(near(found[0].qpi, 2) && near(found[0].value, 0.25)); // 2 - 1.5 - 1.25 + 1
        for (std::size_t missing = 0; missing < 4; ++missing) {
            auto fewer = conditions;
            fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(missing));
            QVERIFY(interactions(fewer, Convention::All).empty());
        }
        // Other windows: not comparable.
        auto other = std::make_shared<ConditionResult>(*conditions[0]);
        other->windows[0].index = 1;
        conditions[0] = other;
        QVERIFY(interactions(conditions, Convention::All).empty());
    }

    void interactionsOfASession() {
        const auto session = test::makeSyntheticSession();
        const auto found = interactions(session->conditions, Convention::All);
        QCOMPARE(found.size(), std::size_t{6}); // 2 ropes x 3 contexts
        for (const Interaction& one : found) QCOMPARE(one.value > 0.03, one.context > 256);
    }

    void modelWithoutStoredScalingIsACorner() {
        auto plain = std::make_shared<ConditionResult>(*condition("none", "none", 1));
        plain->key.rope.kind = RopeKind::Model; // resolved to none
        auto plainQ = std::make_shared<ConditionResult>(*condition("none", "rtn:4:g64", 1.5F));
        plainQ->key.rope.kind = RopeKind::Model;
        const auto found = interactions(
            {plain, plainQ, condition("yarn:4", "none", 1.25F), condition("yarn:4", "rtn:4:g64", 2)},
            Convention::All);
        QCOMPARE(found.size(), std::size_t{1});
    }

    void tables() {
        Session session;
        session.conditions = {condition("none", "none", 1), condition("yarn:4", "none", 1.25F)};
        for (auto& of : session.conditions) {
            auto trained = std::make_shared<ConditionResult>(*of);
            trained->table.trainedContext = 2; // buckets count from it
            of = trained;
        }
        QCOMPARE(
            nllCsv(session, Convention::All),
            std::string(
                "rope,quant,context,convention,documents,windows,tokens,nll,nll_ci95_low,nll_ci95_high,ppl,"
                "scales\n"
                "none,none,4,all,1,1,3,1,,,2.718281828459045,\n"
                "yarn:4,none,4,all,1,1,3,1.25,,,3.4903429574618414,\n"));
        QCOMPARE(nllBucketCsv(session, Convention::LastHalf).substr(0, 95),
                 std::string("rope,quant,context,convention,from,to,tokens,nll,ppl,scales\n"
                             "none,none,4,last-half,2,4,1,1,2.718"));
        QCOMPARE(interactionCsv(session, Convention::All),
                 std::string("rope,quant,context,convention,fp,pi,q,qpi,interaction\n"));
        const auto full = test::makeSyntheticSession();
        const std::string csv = nllCsv(*full, Convention::All);
        QCOMPARE(std::count(csv.begin(), csv.end(), '\n'), std::ptrdiff_t{19});
        QCOMPARE(std::count(csv.begin(), csv.end(), ','), std::ptrdiff_t{19 * 11});
    }
};

QTEST_APPLESS_MAIN(TestPerplexity)
#include "test_perplexity.moc"
