// Ranks that share an analysis, an evaluation or a search get the numbers of one process, bit for bit: for
// window lengths that fill tiles of the engine and for others, more ranks than work, and cancelled by one of
// them.
#include "core/analysis/analysis.h"
#include "core/controls/controls.h"
#include "core/inference/batches.h"
#include "core/search/search.h"
#include "tests/support/random_documents.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/session_compare.h"
#include "tests/support/thread_link.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

using namespace qroar;
using namespace qroar::test;

class TestSharedAnalysis : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    AnalysisPlan plan_;

    /// What a rank got of it.
    struct Ran {
        std::shared_ptr<const Session> session; ///< null: the error
        std::string error;
    };
    /// Of every rank; the first goes on with `held`, the others begin.
    static std::vector<Ran> analyses(const AnalysisPlan& plan, int size,
                                     const std::shared_ptr<const Session>& held = nullptr) {
        std::vector<Ran> all(static_cast<std::size_t>(size));
        const bool ended = runRanks(size, [&](Ranks& ranks) {
            omp_set_num_threads(1);
            AnalysisPlan own = plan;
            own.ranks = &ranks;
            ProgressSink sink;
            RankProgress progress(sink, ranks);
            const auto session = runAnalysis(own, progress, {}, ranks.first() ? held : nullptr);
            Ran& ran = all[static_cast<std::size_t>(ranks.rank())];
            if (session)
                ran.session = *session;
            else
                ran.error = session.error().message;
            (void)ranks.farewell(session ? Status(Done{}) : Status(session.error()), {});
        });
        if (!ended) qWarning("aborted");
        return all;
    }

    /// On how many of three ranks `run` finds what it should.
    template<class Run>
    static int fineRanks(Run&& run) {
        std::atomic<int> fine{0};
        const bool ended = runRanks(3, [&](Ranks& ranks) {
            omp_set_num_threads(1);
            fine += run(ranks) ? 1 : 0;
            (void)ranks.farewell(Done{}, {});
        });
        return ended ? fine.load() : -1;
    }

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.maxPositions = 64;
        makeRandomHfModel(folder_.path().toStdString(), options, 5);
        plan_.model = openModel(folder_.path().toStdString()).value();
        plan_.documents = randomDocuments({700, 150, 90, 1500});
        plan_.ropes = {*RopeSpec::parse("yarn:2")};
        plan_.quants = {*QuantSpec::parse("rtn:4:g32"), *QuantSpec::parse("none")};
        plan_.bands = 4;
    }

    void batchesEndWhereTilesEnd() {
        for (const int context : {1, 2, 96, 100, 127, 128, 256, 300, 4096})
            for (const std::ptrdiff_t tokens : {0, 100, 128, 2048, 100000}) {
                const BatchCut cut = BatchCut::of(tokens, context);
                QVERIFY(cut.windows >= 1 && cut.windows % cut.unit == 0);
                QVERIFY(cut.windows == 1 || static_cast<std::ptrdiff_t>(cut.windows) * context <= tokens);
                QVERIFY(cut.unit == cut.windows || cut.unit * static_cast<std::size_t>(context) % 128 == 0);
            }
        QCOMPARE(BatchCut::of(100000, 96).unit, std::size_t{4});
        QCOMPARE(BatchCut::of(100000, 256).unit, std::size_t{1});
    }

    void analysesAreTheSame_data() {
        QTest::addColumn<int>("context");
        QTest::addColumn<int>("size");
        QTest::addColumn<bool>("grouped");
        QTest::newRow("a tile, two ranks") << 128 << 2 << false;
        QTest::newRow("a tile, three ranks, grouped") << 128 << 3 << true;
        QTest::newRow("no tile, two ranks") << 50 << 2 << false; // 64 windows end with one
        QTest::newRow("four of them are three tiles, four ranks") << 96 << 4 << false;
        QTest::newRow("more ranks than windows") << 1024 << 3 << false;
    }
    void analysesAreTheSame() {
        QFETCH(int, context);
        QFETCH(int, size);
        QFETCH(bool, grouped);
        AnalysisPlan plan = plan_;
        plan.contexts = {context};
        plan.groupPerKvHead = grouped;
        plan.divergence = plan.gradients = plan.noise = true;
        plan.damage = DamageScope::Layers;
        ProgressSink sink;
        const auto alone = runAnalysis(plan, sink);
        QVERIFY(alone.ok());
        const auto shared = analyses(plan, size);
        for (std::size_t rank = 0; rank < shared.size(); ++rank) {
            QVERIFY2(shared[rank].session, shared[rank].error.c_str());
            QCOMPARE(shared[rank].session->conditions.size(), std::size_t{2});
            for (std::size_t at = 0; at < 2; ++at) {
                const ConditionResult &one = *shared[rank].session->conditions[at],
                                      &expected = *(*alone)->conditions[at];
                const std::string differs = difference(one, expected);
                if (rank == 0)
                    QCOMPARE(differs, std::string());
                else // all but what only rank 0 needs
                    QVERIFY(one.windows == expected.windows && one.sensitivity == expected.sensitivity
                            && sameBits(numbersOf(one.damage), numbersOf(expected.damage)));
            }
        }
        QVERIFY(shared.front().session->provenance.host.find(", " + std::to_string(size) + " ranks")
                != std::string::npos);
    }

    /// Ranks that go on with different sessions, which the command line refuses: never are windows of two
    /// conditions joined.
    void otherConditionsAreNotJoined() {
        AnalysisPlan plan = plan_;
        plan.contexts = {128};
        ProgressSink sink;
        AnalysisPlan part = plan;
        part.ropes.resize(1);
        part.quants.resize(1);
        plan.ropes = {part.ropes.front(), *RopeSpec::parse("linear:2")};
        plan.quants.resize(1);
        const auto held = runAnalysis(part, sink);
        QVERIFY(held.ok() && (*held)->conditions.size() == 1);
        QCOMPARE(plan.lackingOf(**held, plan.conditions().front()), std::string("nothing"));
        QCOMPARE(plan.lackingOf(**held, plan.conditions().back()), std::string("everything"));
        const std::string words = analyses(plan, 2, *held).front().error;
        QVERIFY2(words.find("rank 1 of 2: out of step: expected \"linear:2") == 0, words.c_str());
    }

    void oneRankIsCancelled() {
        AnalysisPlan plan = plan_;
        plan.contexts = {128};
        std::atomic<int> asked{0};
        QCOMPARE(fineRanks([&](Ranks& ranks) {
                     struct Stop final : ProgressSink {
                         bool mine = false;
                         std::atomic<int>* asked = nullptr;
                         [[nodiscard]] bool cancelled() const override { return mine && ++*asked > 30; }
                     } user;
                     user.mine = ranks.rank() == 1;
                     user.asked = &asked;
                     AnalysisPlan own = plan;
                     own.ranks = &ranks;
                     RankProgress progress(user, ranks);
                     const auto session = runAnalysis(own, progress);
                     return session && (*session)->conditions.empty() && progress.cancelled();
                 }),
                 3);
    }

    void evaluationsAreTheSame() {
        std::vector<ControlVariant> variants;
        for (const char* quant : {"none", "rtn:3:g32"})
            for (const char* rope : {"none", "yarn:2"})
                variants.push_back({quant, *RopeSpec::parse(rope),
                                    openWeights(plan_.model, *QuantSpec::parse(quant)).value()});
        ProgressSink sink;
        const auto alone = runControls(plan_.model, *plan_.documents, {64, 128}, variants, {}, sink);
        QVERIFY(alone.ok());
        QCOMPARE(fineRanks([&](Ranks& ranks) {
                     ControlOptions options;
                     options.ranks = &ranks;
                     ProgressSink user;
                     const auto shared =
                         runControls(plan_.model, *plan_.documents, {64, 128}, variants, options, user);
                     bool fine = shared.ok() && shared->size() == alone->size();
                     for (std::size_t at = 0; fine && at < alone->size(); ++at)
                         fine = difference(*(*shared)[at].condition, *(*alone)[at].condition).empty();
                     return fine;
                 }),
                 3);
    }

    void searchesAreTheSame_data() {
        QTest::addColumn<int>("method");
        QTest::newRow("gradient") << static_cast<int>(SearchMethod::Gradient);
        QTest::newRow("grid") << static_cast<int>(SearchMethod::Grid);
    }
    void searchesAreTheSame() {
        QFETCH(int, method);
        SearchPlan plan;
        plan.model = plan_.model;
        plan.weights = openWeights(plan_.model, *QuantSpec::parse("rtn:3:g32")).value();
        plan.documents = plan_.documents;
        plan.rope = *RopeSpec::parse("yarn:2");
        plan.contexts = {64, 128};
        plan.method = static_cast<SearchMethod>(method);
        plan.bands = BandPartition::equal(2, plan_.model->config().pairs());
        plan.steps = plan.method == SearchMethod::Grid ? 1 : 6;
        plan.gridPoints = 3;
        ProgressSink sink;
        const auto alone = runSearch(plan, sink);
        QVERIFY2(alone.ok(), alone ? "" : alone.error().message.c_str());
        QVERIFY(alone->trials.size() > 4);
        QCOMPARE(fineRanks([&](Ranks& ranks) {
                     SearchPlan own = plan;
                     own.ranks = &ranks;
                     ProgressSink user;
                     RankProgress progress(user, ranks);
                     const auto shared = runSearch(own, progress);
                     bool fine = shared.ok() && shared->trials.size() == alone->trials.size()
                                 && shared->scales.gains == alone->scales.gains
                                 && shared->ending == alone->ending;
                     for (std::size_t at = 0; fine && at < alone->trials.size(); ++at) {
                         const SearchTrial &a = shared->trials[at], &b = alone->trials[at];
                         fine = a.kind == b.kind && sameBits(a.theta, b.theta) && sameBits(a.nll, b.nll)
                                && a.objective == b.objective && sameBits(a.gradient, b.gradient)
                                && sameBits(a.gradientError, b.gradientError) && a.accepted == b.accepted
                                && a.forwardEquivalents == b.forwardEquivalents;
                     }
                     return fine;
                 }),
                 3);
    }
};

QTEST_APPLESS_MAIN(TestSharedAnalysis)
#include "test_shared_analysis.moc"
