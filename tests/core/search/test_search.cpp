// Whole searches on tiny models: a planted fault is found and repaired, what cannot matter does not, stopping
// and going on changes nothing, nor does the number of threads, and J really falls.
#include "core/base/program_bytes.h"
#include "core/inference/reverse.h"
#include "core/search/gradient_estimate.h"
#include "core/search/gradient_search.h"
#include "core/search/search.h"
#include "core/search/search_work.h"
#include "tests/core/search/faulty_keys.h"
#include "tests/core/search/search_fixture.h"
#include "tests/support/counting_weights.h"

#include <QElapsedTimer>
#include <QtTest>

#include <omp.h>

#include <cmath>
#include <limits>
#include <map>

using namespace qroar;
using namespace qroar::test;

namespace {

SearchRecord search(const SearchPlan& plan, const SearchRecord* previous = nullptr) {
    ProgressSink silent;
    auto record = runSearch(plan, silent, {}, previous);
    if (!record) throw std::runtime_error(record.error().message);
    return std::move(*record);
}

/// Everything but the time it took.
bool sameSearch(const SearchRecord& a, const SearchRecord& b) {
    const auto same = [](const SearchTrial& x, const SearchTrial& y) {
        return x.kind == y.kind && x.theta == y.theta && x.nll == y.nll && x.objective == y.objective
               && x.gradient == y.gradient && x.gradientError == y.gradientError
               && x.forwardEquivalents == y.forwardEquivalents && x.accepted == y.accepted;
    };
    return a.scales == b.scales && a.ending == b.ending && a.finished == b.finished
           && std::equal(a.trials.begin(), a.trials.end(), b.trials.begin(), b.trials.end(), same);
}

std::size_t largestAt(const std::vector<double>& values) {
    std::size_t found = 0;
    for (std::size_t at = 0; at < values.size(); ++at)
        if (std::abs(values[at]) > std::abs(values[found])) found = at;
    return found;
}

} // namespace

Q_DECLARE_METATYPE(qroar::SearchMethod)

class TestSearch : public QObject {
    Q_OBJECT
    TinySearch tiny_;
    QTemporaryDir teacherFolder_, largeFolder_;
    std::map<int, SearchPlan> teacherPlans_;

    SearchPlan planFor(SearchMethod method) const {
        SearchPlan plan = tiny_.plan;
        plan.method = method;
        plan.steps = method == SearchMethod::Grid ? 2 : 6;
        plan.gridPoints = 3;
        return plan;
    }
    /// A random model and text that it wrote itself.
    SearchPlan teacherPlan(int documents = 16) {
        RandomModelOptions options;
        options.maxPositions = 128;
        options.gain = 2;
        options.tied = false;
        const std::string folder = teacherFolder_.path().toStdString();
        SearchPlan& plan = teacherPlans_[documents]; // sampling takes seconds
        if (plan.model) return plan;
        makeRandomHfModel(folder, options, 7);
        plan = tiny_.plan;
        plan.model = *openModel(folder);
        plan.weights = *openWeights(plan.model, {});
        plan.documents =
            std::make_shared<const std::vector<Document>>(sampledDocuments(plan.model, documents, 128, 3));
        plan.rope = {};
        plan.contexts = {128};
        plan.bands = BandPartition::equal(4, plan.model->config().pairs());
        return plan;
    }
    /// A model large enough for one trial to take a while.
    SearchPlan largePlan() {
        RandomModelOptions options;
        options.layers = 4;
        options.heads = 8;
        options.kvHeads = 4;
        options.headDim = 32;
        options.hidden = 256;
        options.intermediate = 512;
        options.vocab = 512;
        options.maxPositions = 1024;
        const std::string folder = largeFolder_.path().toStdString();
        makeRandomHfModel(folder, options, 8);
        SearchPlan plan = tiny_.plan;
        plan.model = *openModel(folder);
        plan.weights = *openWeights(plan.model, {});
        plan.rope = {};
        plan.contexts = {1024};
        plan.bands = BandPartition::equal(4, plan.model->config().pairs());
        return plan;
    }
    static void methods() {
        QTest::addColumn<SearchMethod>("method");
        QTest::newRow("grid") << SearchMethod::Grid;
        QTest::newRow("gradient") << SearchMethod::Gradient;
    }

  private slots:
    /// Half of one band of W_K in one layer, on text the sound model wrote.
    void plantedFaultIsRankedFirstAndRepaired_data() {
        QTest::addColumn<SearchMethod>("method");
        QTest::addColumn<int>("layer");
        QTest::addColumn<int>("band");
        QTest::newRow("grid, layer 0, band 3") << SearchMethod::Grid << 0 << 3;
        QTest::newRow("gradient, layer 0, band 3") << SearchMethod::Gradient << 0 << 3;
        QTest::newRow("gradient, layer 1, band 2") << SearchMethod::Gradient << 1 << 2;
    }
    void plantedFaultIsRankedFirstAndRepaired() {
        QFETCH(SearchMethod, method);
        QFETCH(int, layer);
        QFETCH(int, band);
        SearchPlan plan = teacherPlan();
        const auto sound = plan.weights;
        plan.weights = std::make_shared<FaultyKeys>(plan.model, layer, plan.bands.begin(band),
                                                    plan.bands.end(band), 0.5F);
        plan.method = method;
        plan.steps = method == SearchMethod::Grid ? 2 : 15;
        plan.budget = 0; // until it ends by itself
        const SearchRecord record = search(plan);
        const auto planted = static_cast<std::size_t>(layer * plan.bands.count() + band);
        const SearchTrial& start = record.trials.front();
        const std::vector<double>& theta = record.best()->theta;
        QCOMPARE(largestAt(theta), planted);
        QVERIFY2(std::abs(theta[planted] - std::log(2.0)) < 0.15,
                 qPrintable(QString::number(theta[planted])));
        plan.steps = 1;
        plan.budget = 0.5; // the start only
        plan.method = SearchMethod::Gradient;
        const auto ranked = suspects(search(plan).trials.front()); // of the faulty model
        QCOMPARE(static_cast<std::size_t>(ranked.front().coordinate), planted);
        QVERIFY(ranked.front().certainty < -3);
        plan.weights = sound;
        const double intact = search(plan).trials.front().nll.front();
        const double faulty = start.nll.front(), repaired = record.best()->nll.front();
        QVERIFY2(faulty - repaired > 0.9 * (faulty - intact),
                 qPrintable(QString("%1 -> %2, intact %3").arg(faulty).arg(repaired).arg(intact)));
    }

    /// Every band of both layers, planted three ways: halved, doubled, and halved with noise of half of what
    /// is left added to it. The certainty of the first reverse pass ranks the planted band first and says
    /// which way to go, whatever its layer is. (Of 16 documents instead of 32: in 23 of the 24 cases, the
    /// size of the gradient alone in 15; it prefers the first layer.)
    void diagnosticsRankThePlantedBandFirst_data() {
        QTest::addColumn<float>("factor");
        QTest::addColumn<float>("noise");
        QTest::addColumn<int>("leastFirst"); // of 8
        QTest::newRow("halved") << 0.5F << 0.0F << 8;
        QTest::newRow("doubled") << 2.0F << 0.0F << 8;
        QTest::newRow("halved and noisy") << 0.5F << 0.5F << 8;
    }
    void diagnosticsRankThePlantedBandFirst() {
        QFETCH(float, factor);
        QFETCH(float, noise);
        QFETCH(int, leastFirst);
        SearchPlan plan = teacherPlan(32);
        plan.budget = 0.5; // the start only
        const int bands = plan.bands.count();
        int first = 0, firstByGradient = 0;
        for (int planted = 0; planted < plan.model->config().layers * bands; ++planted) {
            const int band = planted % bands;
            plan.weights = std::make_shared<FaultyKeys>(plan.model, planted / bands, plan.bands.begin(band),
                                                        plan.bands.end(band), factor, noise);
            const SearchTrial start = search(plan).trials.front();
            const auto ranked = suspects(start);
            const bool found = ranked.front().coordinate == planted
                               && (ranked.front().certainty < 0) == (factor < 1); // which way to go
            first += found;
            firstByGradient += largestAt(start.gradient) == static_cast<std::size_t>(planted);
        }
        qInfo("ranked first: %d of 8 by certainty, %d by the size of the gradient", first, firstByGradient);
        QVERIFY(first >= leastFirst);
    }

    void symmetricChangesNothing() {
        SearchPlan plan = planFor(SearchMethod::Grid);
        plan.variant = SearchVariant::Symmetric;
        ProgressSink silent;
        const auto refused = runSearch(plan, silent);
        QVERIFY(!refused.ok());
        QVERIFY(refused.error().code == ErrorCode::Unsupported);
        QVERIFY(refused.error().message.find("1/g") != std::string::npos);
        plan.force = true;
        plan.l2 = 0;
        plan.lambda = 0;
        const SearchRecord record = search(plan);
        QVERIFY2(record.trials.size() > 10, qPrintable(QString::number(record.trials.size())));
        for (const SearchTrial& trial : record.trials)
            QVERIFY2(std::abs(trial.objective - record.trials.front().objective) < 2e-6,
                     qPrintable(QString::number(trial.objective - record.trials.front().objective)));
        plan.method = SearchMethod::Gradient;
        const SearchRecord steps = search(plan); // named: a range-for keeps no temporary of a member alive
        QVERIFY(!steps.trials.front().gradient.empty());
        for (const double slope : steps.trials.front().gradient) QVERIFY(std::abs(slope) < 1e-6);
    }

    void objectiveReallyFalls_data() { methods(); }
    void objectiveReallyFalls() {
        QFETCH(SearchMethod, method);
        const SearchPlan plan = planFor(method);
        const SearchRecord record = search(plan);
        QVERIFY(record.finished);
        double best = record.trials.front().objective, cost = 0;
        QVERIFY(record.trials.front().accepted && record.trials.front().kind == TrialKind::Start);
        for (std::size_t at = 0; at < record.trials.size(); ++at) {
            const SearchTrial& trial = record.trials[at];
            // J by hand: w = 2/3, 1/3; the guard watches context 32.
            double squares = 0;
            for (const double value : trial.theta) squares += value * value;
            const double guard = std::max(0.0, trial.nll[1] - record.trials.front().nll[1] - plan.delta);
            const double expected =
                2.0 / 3 * trial.nll[0] + 1.0 / 3 * trial.nll[1] + plan.lambda * guard + 1e-3 * squares;
            QVERIFY(std::abs(trial.objective - expected) < 1e-12);
            QCOMPARE(trial.accepted, at == 0 || trial.objective < best);
            if (trial.accepted) best = trial.objective;
            cost += trial.forwardEquivalents;
        }
        QVERIFY(best < record.trials.front().objective - 0.001);
        QCOMPARE(record.best()->objective, best);
        QCOMPARE(record.forwardEquivalents(), cost);
        const auto space = *SearchSpace::make(plan.model->config(), plan.variant, plan.scope, plan.bands);
        QVERIFY(record.scales.gains == space.toGains(record.best()->theta));
        QCOMPARE(record.scales.modelFingerprint, plan.model->fingerprint());
        QCOMPARE(record.scales.rope, std::string("yarn:2"));
        QCOMPARE(record.scales.quant, std::string("rtn:3:g32"));
    }

    void stoppingAndGoingOnChangesNothing_data() { methods(); }
    void stoppingAndGoingOnChangesNothing() {
        QFETCH(SearchMethod, method);
        const SearchPlan plan = planFor(method);
        const SearchRecord whole = search(plan);
        const int trials = static_cast<int>(whole.trials.size());
        for (const int stop : {0, 1, trials / 2, trials - 1}) {
            StopAfterTrials sink(stop);
            const auto part = runSearch(plan, sink, sink.watcher());
            QVERIFY(part.ok());
            QVERIFY(!part->finished);
            QCOMPARE(static_cast<int>(part->trials.size()), stop);
            QVERIFY(part->scales.gains.fits(plan.model->config()));
            QVERIFY(sameSearch(search(plan, &*part), whole));
        }
        // One that has ended may be given more steps; it goes on as if it had had them from the start.
        SearchPlan longer = plan;
        ++longer.steps;
        QVERIFY(sameSearch(search(longer, &whole), search(longer)));
    }

    void anotherSearchIsNotContinued() {
        const SearchPlan plan = planFor(SearchMethod::Gradient);
        const SearchRecord record = search(plan);
        ProgressSink silent;
        const auto refusal = [&](const SearchPlan& other) {
            const auto result = runSearch(other, silent, {}, &record);
            return result ? std::string("not refused") : result.error().message;
        };
        SearchPlan other = plan;
        other.scope = SearchScope::Head;
        QVERIFY(refusal(other).find("scope") != std::string::npos);
        other = plan;
        other.rope = *RopeSpec::parse("linear:2");
        QVERIFY(refusal(other).find("linear:2") != std::string::npos);
        other = plan;
        other.l2 = 0.5;
        QVERIFY(refusal(other).find("objective") != std::string::npos);
        other = plan;
        other.documents = std::make_shared<const std::vector<Document>>(randomDocuments(4, 150, 64, 6));
        QVERIFY(refusal(other).find("documents") != std::string::npos);
        SearchRecord damaged = record;
        damaged.trials[1].theta[0] += 1e-9;
        const auto result = runSearch(plan, silent, {}, &damaged);
        QVERIFY(!result.ok() && result.error().message.find("trial 1") != std::string::npos);
    }

    void sameResultForEveryThreadCount_data() { methods(); }
    void sameResultForEveryThreadCount() {
        QFETCH(SearchMethod, method);
        SearchPlan plan = planFor(method);
        plan.scope = method == SearchMethod::Grid ? SearchScope::Model : SearchScope::Head;
        const int before = omp_get_max_threads();
        std::vector<SearchRecord> records;
        for (const int threads : {1, 2, 4}) {
            omp_set_num_threads(threads);
            records.push_back(search(plan));
        }
        omp_set_num_threads(before);
        for (const SearchRecord& record : records) QVERIFY(sameSearch(record, records.front()));
    }

    void watcherSeesEveryTrialAndTheBest() {
        const SearchPlan plan = planFor(SearchMethod::Gradient);
        std::vector<SearchUpdate> updates;
        ProgressSink silent;
        const auto record =
            runSearch(plan, silent, [&](const SearchUpdate& update) { updates.push_back(update); });
        QVERIFY(record.ok());
        QCOMPARE(updates.size(), record->trials.size());
        for (std::size_t at = 0; at < updates.size(); ++at) {
            QCOMPARE(updates[at].trials, static_cast<int>(at) + 1);
            QVERIFY(updates[at].trial.theta == record->trials[at].theta);
            QCOMPARE(updates[at].trial.accepted, record->trials[at].accepted);
            QVERIFY(updates[at].bestObjective <= updates[at].startObjective);
        }
        QVERIFY(updates.back().bestGains == record->scales.gains);
    }

    void budgetIsKept_data() { methods(); }
    void budgetIsKept() {
        QFETCH(SearchMethod, method);
        SearchPlan plan = planFor(method);
        plan.budget = 8;
        const SearchRecord record = search(plan);
        QVERIFY(record.forwardEquivalents() <= 8 && record.forwardEquivalents() > 4);
        QCOMPARE(record.ending, std::string("the budget is used up"));
        if (plan.method == SearchMethod::Gradient) { // foretold: as many whole gradients as it has room for
            const double foretold = previewSearch(plan)->mostForwardEquivalents;
            QVERIFY(std::abs(foretold - record.forwardEquivalents()) < 1e-9 * foretold);
            QVERIFY(foretold < plan.budget);
        }
        QVERIFY(record.finished);
    }

    /// Unless a budget is given, gradients have one of 20 and the grid has none; what is stored says so.
    void gradientsHaveABudgetOfTheirOwn() {
        SearchPlan plan = planFor(SearchMethod::Gradient);
        plan.steps = 200;
        plan.l2 = 0; // nothing holds the gains: the steps do not end by themselves soon
        const SearchRecord record = search(plan);
        QCOMPARE(record.settings.budget, gradientBudget);
        QVERIFY(record.forwardEquivalents() <= gradientBudget);
        QCOMPARE(search(planFor(SearchMethod::Grid)).settings.budget, 0.0);
        plan.budget = 0;
        ProgressSink silent;
        const auto more = runSearch(plan, silent, {}, &record); // raised: it goes on
        QVERIFY(more);
        QVERIFY(more->trials.size() >= record.trials.size());
        for (std::size_t at = 0; at < record.trials.size(); ++at)
            QVERIFY(more->trials[at].theta == record.trials[at].theta);
    }

    /// Keys so large that logits stay numbers at g = 1 and overflow at the far end of the window.
    void overflowingTrialsAreRejected() {
        SearchPlan plan = planFor(SearchMethod::Grid);
        plan.weights = std::make_shared<FaultyKeys>(plan.model, 1, 0, plan.model->config().pairs(), 1e36F);
        plan.steps = 1;
        plan.windowOptions.most = 1e5;
        const SearchRecord record = search(plan);
        QVERIFY(record.finished);
        int overflowed = 0;
        for (const SearchTrial& trial : record.trials) {
            if (!trial.overflowed()) continue;
            ++overflowed;
            QVERIFY(!trial.accepted && trial.kind == TrialKind::Grid && trial.forwardEquivalents > 0);
            for (const double nll : trial.nll) QVERIFY(std::isinf(nll) && nll > 0);
        }
        QVERIFY2(overflowed > 0 && overflowed < static_cast<int>(record.trials.size()) - 1,
                 qPrintable(QString::number(overflowed)));
        QVERIFY(std::isfinite(record.best()->objective));
        for (int stop = 1; stop < static_cast<int>(record.trials.size()); ++stop) { // and it can be resumed
            StopAfterTrials sink(stop);
            const auto part = runSearch(plan, sink, sink.watcher());
            QVERIFY(part.ok() && sameSearch(search(plan, &*part), record));
        }
        plan.weights = std::make_shared<FaultyKeys>(plan.model, 1, 0, plan.model->config().pairs(), 1e38F);
        ProgressSink silent;
        const auto refused = runSearch(plan, silent); // nothing to compare with
        QVERIFY(!refused.ok() && refused.error().message.find("not a number") != std::string::npos);
    }

    /// As if the first step had overflowed: the next one is shorter, and the search goes on.
    void gradientSearchStepsBackFromOverflow() {
        const SearchPlan plan = planFor(SearchMethod::Gradient);
        SearchRecord record = search(plan);
        record.trials.resize(2);
        record.finished = false;
        SearchTrial& first = record.trials[1];
        first.nll.assign(first.nll.size(), std::numeric_limits<double>::infinity());
        first.objective = std::numeric_limits<double>::infinity();
        first.gradient = first.gradientError = {};
        first.accepted = false;
        const SearchRecord other = search(plan, &record);
        QVERIFY(other.trials.size() > 3 && !other.trials[1].accepted);
        QVERIFY(other.trials[2].kind == TrialKind::Backtrack);
        const std::size_t at = largestAt(first.theta);
        QVERIFY(std::abs(other.trials[2].theta[at] / first.theta[at] - 0.4) < 1e-9);
        QVERIFY(other.best()->objective < other.trials.front().objective);
    }

    void cancelIsSwift_data() { methods(); }
    /// From the moment of cancelling to the return, in the middle of a trial that takes much longer than
    /// that: 200 ms, and 300 more for a machine that is busy with other things.
    void cancelIsSwift() {
        constexpr qint64 limit = 200 + 300, longTrial = 3 * limit;
        class StopAt : public ProgressSink {
          public:
            [[nodiscard]] bool cancelled() const override { return at > 0 && clock.elapsed() > at; }
            QElapsedTimer clock;
            qint64 at = 0; // ms
        };
        QFETCH(SearchMethod, method);
        SearchPlan plan = largePlan();
        plan.method = method;
        plan.budget = 0.5; // the start only
        qint64 trial = 0;
        for (int documents = 2; trial < longTrial && documents < 1000;) {
            plan.documents = std::make_shared<const std::vector<Document>>(
                randomDocuments(documents, plan.contexts.front(), plan.model->config().vocabSize, 4));
            QElapsedTimer clock;
            clock.start();
            QCOMPARE(search(plan).trials.size(), std::size_t{1});
            trial = clock.elapsed();
            documents = static_cast<int>(
                documents * std::clamp(1.5 * longTrial / (static_cast<double>(trial) + 1), 1.5, 20.0));
        }
        QVERIFY(trial >= longTrial);
        StopAt sink;
        sink.clock.start();
        sink.at = trial / 4;
        const auto record = runSearch(plan, sink);
        const qint64 late = sink.clock.elapsed() - sink.at;
        QVERIFY(record.ok() && !record->finished && record->trials.empty());
        QVERIFY2(late < limit, qPrintable(QString("%1 ms of a trial of %2").arg(late).arg(trial)));
    }

    void badPlansSayWhatToChange() {
        const auto refusal = [](const SearchPlan& plan) {
            const auto preview = previewSearch(plan);
            return preview ? std::string("not refused") : preview.error().message;
        };
        SearchPlan plan = planFor(SearchMethod::Grid);
        plan.gridPoints = 4;
        QVERIFY(refusal(plan).find("odd") != std::string::npos);
        plan = planFor(SearchMethod::Gradient);
        plan.contexts = {4096};
        QVERIFY(refusal(plan).find("4,096") != std::string::npos);
        plan = planFor(SearchMethod::Gradient);
        plan.documents = std::make_shared<const std::vector<Document>>();
        QVERIFY(refusal(plan).find("documents") != std::string::npos);
        plan = planFor(SearchMethod::Gradient);
        plan.windowOptions.most = 1;
        QVERIFY(refusal(plan).find("windows") != std::string::npos);
    }

    /// Gradients take layers on the way up and on the way down, in every batch; trials of a grid once.
    void previewCountsLayersAsTheyAreTaken_data() {
        QTest::addColumn<SearchMethod>("method");
        QTest::addColumn<int>("kept");
        for (const int kept : {0, 1, 3}) {
            QTest::addRow("gradient, %d kept", kept) << SearchMethod::Gradient << kept;
            QTest::addRow("grid, %d kept", kept) << SearchMethod::Grid << kept;
        }
    }
    void previewCountsLayersAsTheyAreTaken() {
        QFETCH(SearchMethod, method);
        QFETCH(int, kept);
        SearchPlan plan = planFor(method);
        const ModelConfig& c = plan.model->config();
        if (method == SearchMethod::Grid) plan.scope = SearchScope::Model; // every trial is a whole pass
        plan.documents =
            std::make_shared<const std::vector<Document>>(randomDocuments(4, 1500, c.vocabSize, 7));
        plan.steps = 50;
        plan.budget = 8;
        plan.l2 = 0;
        plan.keptLayerBytes = (kept + 0.5) * ForwardPass::layerBytes(c);
        auto weights = std::make_shared<CountingWeights>(plan.weights);
        plan.weights = weights;
        const auto preview = previewSearch(plan);
        QVERIFY(preview.ok());
        // Each context in its own windows.
        const bool gradient = method == SearchMethod::Gradient;
        const auto pass = [&](int context) {
            const auto windows = static_cast<double>(cutWindows(*plan.documents, context, 0)->size());
            return windows
                   * (gradient ? ReversePass::operations(c, context) : ForwardPass::operations(c, context));
        };
        const double cost = gradient ? (pass(64) + pass(32)) / preview->passOperations : 1;
        const double spent = search(plan).forwardEquivalents(), passes = spent / cost;
        const SearchWork work = searchWork(plan, spent, cost);
        QVERIFY(passes > 2);
        QVERIFY(std::abs(work.layerWeights - weights->taken) < 1e-9 * weights->taken);
        QVERIFY(std::abs(work.operations[0] - passes * pass(64)) < 1e-9 * passes * pass(64));
        QVERIFY(std::abs(work.operations[1] - passes * pass(32)) < 1e-9 * passes * pass(32));
        const double head = static_cast<double>(c.vocabSize) * c.hiddenSize;
        QVERIFY(std::abs(work.headWeights - head * 2 * (gradient ? passes : 1)) < 1e-6 * head);
        const SearchWork most = searchWork(plan, preview->mostForwardEquivalents, cost);
        QVERIFY(std::abs(preview->work.layerWeights - most.layerWeights) < 1e-9 * most.layerWeights);
        QVERIFY(std::abs(preview->work.operations[1] - most.operations[1]) < 1e-9 * most.operations[1]);
    }

    void previewKnowsMemory() {
        const SearchPlan plan = planFor(SearchMethod::Gradient);
        const ModelConfig& c = plan.model->config();
        double pass = 0;
        for (const int context : plan.contexts)
            pass = std::max(pass, ReversePass::peakBytes(c, context, 4 * (150 / context) * context,
                                                         omp_get_max_threads()));
        QCOMPARE(previewSearch(plan)->peakBytes, programBytes + pass + 3 * ForwardPass::layerBytes(c));
    }

    void previewKnowsDefaults() {
        SearchPlan plan = tiny_.plan;
        plan.l2.reset();
        plan.contexts = {64};
        const auto preview = previewSearch(plan);
        QVERIFY(preview.ok());
        QCOMPARE(preview->dimension, 3 * 2);
        QCOMPARE(preview->windowCount, 8);
        QVERIFY(std::abs(preview->settings.l2 - priorTokens / (8 * 63)) < 1e-12);
        const auto says = [&](const char* text) {
            return std::any_of(preview->notes.begin(), preview->notes.end(), [text](const std::string& note) {
                return note.find(text) != std::string::npos;
            });
        };
        QVERIFY(says("not guarded")); // 64 > 32
        QVERIFY(says("Symmetric"));
    }
};

QTEST_APPLESS_MAIN(TestSearch)
#include "test_search.moc"
