// The analysis: conditions, resume, cancel, bad plans, the numbers against the naive reference, and
// independence of threads.
#include "core/analysis/analysis.h"
#include "core/analysis/machine.h"
#include "core/evaluate/perplexity.h"
#include "core/inference/forward.h"
#include "core/quantize/calibrate.h"
#include "tests/support/quantized_checkpoint.h"
#include "tests/support/reference_llama.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <atomic>
#include <cmath>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

std::shared_ptr<const std::vector<Document>> makeDocuments(std::vector<int> lengths, int vocab) {
    std::mt19937 random(21);
    std::vector<Document> documents;
    for (const int length : lengths) {
        Document document;
        document.name = "doc" + std::to_string(documents.size());
        document.fingerprint = document.name + std::to_string(length);
        for (int token = 0; token < length; ++token)
            document.tokens.push_back(static_cast<TokenId>(random() % static_cast<unsigned>(vocab)));
        documents.push_back(std::move(document));
    }
    return std::make_shared<const std::vector<Document>>(std::move(documents));
}

/// Asks to stop when the stage has changed `afterStages` times.
class StopAfter : public ProgressSink {
  public:
    explicit StopAfter(int afterStages) : left_(afterStages) {}
    void report(const Progress& progress) override {
        reports.push_back(progress);
        if (progress.stage != stage_ && left_-- == 0) stop_ = true;
        stage_ = progress.stage;
    }
    [[nodiscard]] bool cancelled() const override { return stop_; }
    std::vector<Progress> reports;

  private:
    int left_;
    std::string stage_;
    std::atomic<bool> stop_{false};
};

bool sameNumbers(const ConditionResult& a, const ConditionResult& b) {
    return a.key == b.key && a.windows == b.windows && a.statistics == b.statistics
           && a.byDocument == b.byDocument;
}

} // namespace

class TestAnalysis : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    AnalysisPlan plan_;

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.maxPositions = 64;
        makeRandomHfModel(folder_.path().toStdString(), options, 5);
        auto model = openModel(folder_.path().toStdString());
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        plan_.model = *model;
        plan_.documents = makeDocuments({300, 150, 90}, options.vocab);
        plan_.contexts = {64, 128};
        plan_.ropes = {*RopeSpec::parse("none"), *RopeSpec::parse("yarn:2")};
        plan_.quants = {*QuantSpec::parse("none"), *QuantSpec::parse("rtn:4:g32")};
        plan_.bands = 4;
    }

    void everyConditionOnceInOrder() {
        AnalysisPlan twice = plan_;
        twice.contexts = {64, 128, 64};
        const auto keys = twice.conditions();
        QCOMPARE(keys.size(), std::size_t{8});
        QCOMPARE(keys[0].text(), std::string("none · 64 · none"));
        QCOMPARE(keys[3].text(), std::string("yarn:2 · 128 · none"));
        QCOMPARE(keys[4].text(), std::string("none · 64 · rtn:4:g32"));
    }

    /// A quantized checkpoint has no full precision: it is compared with itself without scales.
    void quantizedCheckpointsAreTheirOwnReference() {
        const auto path = std::filesystem::path(folder_.path().toStdString()) / "gptq";
        writeQuantizedModel(
            path, QuantizedCheckpoint::make(StoredFormat::Gptq, *QuantSpec::parse("rtn:4:g32:sym")));
        AnalysisPlan plan = plan_;
        plan.model = openModel(path).value();
        plan.documents = makeDocuments({150}, plan.model->config().vocabSize);
        plan.contexts = {64};
        plan.ropes = {*RopeSpec::parse("yarn:2")};
        plan.quants = {*QuantSpec::parse("stored")};
        plan.capture = false;
        plan.divergence = true;
        auto scaled = std::make_shared<ScaleSet>(), same = std::make_shared<ScaleSet>();
        scaled->name = "doubled";
        same->name = "ones";
        scaled->gains = same->gains = QkGains::ones(plan.model->config());
        for (double& gain : scaled->gains.q) gain = 2;
        plan.scales = {nullptr, scaled, same};
        ProgressSink silent;
        const auto session = runAnalysis(plan, silent);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{3});
        const auto& plain = *(*session)->conditions[0];
        QVERIFY(plain.divergence.empty() && plain.reference.empty() && plain.distortions.empty());
        const auto sumOfKl = [](const ConditionResult& condition) {
            double sum = 0;
            for (const WindowDivergence& window : condition.divergence)
                for (const float kl : window.kl) sum += kl;
            return sum;
        };
        for (const std::size_t at : {std::size_t{1}, std::size_t{2}}) {
            QCOMPARE((*session)->conditions[at]->reference, std::string("Q"));
            QCOMPARE((*session)->conditions[at]->divergence.size(), plain.windows.size());
        }
        QVERIFY(sumOfKl(*(*session)->conditions[1]) > 1e-3);
        QCOMPARE(sumOfKl(*(*session)->conditions[2]), 0.0);
        plan.quants = {*QuantSpec::parse("none")};
        const auto refused = runAnalysis(plan, silent);
        QVERIFY(!refused.ok());
        QVERIFY(refused.error().message.find("use --quant stored") != std::string::npos);
    }

    /// A scale set is a condition of its own: the reference scales the rows of W_Q and W_K by itself.
    void scaledConditionsAgreeWithTheReference() {
        const ModelConfig& c = plan_.model->config();
        auto set = std::make_shared<ScaleSet>();
        set->name = "g1";
        set->gains = QkGains::ones(c);
        for (std::size_t at = 0; at < set->gains.q.size(); ++at)
            set->gains.q[at] = 0.7 + 0.05 * static_cast<double>(at % 13);
        for (std::size_t at = 0; at < set->gains.k.size(); ++at)
            set->gains.k[at] = 1.3 - 0.04 * static_cast<double>(at % 11);
        AnalysisPlan plan = plan_;
        plan.scales = {nullptr, set};
        plan.contexts = {64};
        StopAfter never(1000);
        const auto session = runAnalysis(plan, never);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{8});
        QCOMPARE((*session)->conditions[4]->key.text(), std::string("none · 64 · none · g1"));
        const auto scaleRows = [&](int layer, Projection projection, std::vector<double>& w, int rows,
                                   int cols) {
            if (projection != Projection::Q && projection != Projection::K) return;
            const bool query = projection == Projection::Q;
            const int heads = query ? c.heads : c.kvHeads;
            for (int row = 0; row < rows; ++row) {
                const int head = row / c.headDim, pair = row % c.headDim % c.pairs(); // half-split
                const auto at = static_cast<std::size_t>((layer * heads + head) * c.pairs() + pair);
                for (int column = 0; column < cols; ++column)
                    w[static_cast<std::size_t>(row * cols + column)] *=
                        query ? set->gains.q[at] : set->gains.k[at];
            }
        };
        const ReferenceLlama reference(*plan_.model, scaleRows);
        const auto windows = cutWindows(*plan_.documents, 64);
        const auto expected = reference.nll({(*windows)[0].tokens.begin(), (*windows)[0].tokens.end()});
        const auto& scaled = (*session)->conditions[4]->windows[0].nll;
        const auto& plain = (*session)->conditions[0]->windows[0].nll;
        double moved = 0;
        for (std::size_t token = 0; token < expected.size(); ++token) {
            QVERIFY(std::abs(scaled[token] - expected[token]) < 1e-4);
            moved = std::max(moved, std::abs(static_cast<double>(scaled[token]) - plain[token]));
        }
        QVERIFY(moved > 1e-3);
        // The split of interpolation and quantization is about the model as it was.
        QCOMPARE(interactions((*session)->conditions, Convention::All).size(), std::size_t{1});

        set->gains.layers += 1;
        const auto refused = runAnalysis(plan, never);
        QVERIFY(!refused.ok());
        QVERIFY(refused.error().message.find("g1") != std::string::npos);
    }

    /// Against central differences of the reference's mean NLL, one coordinate of each kind.
    void gradientsAgreeWithTheReference() {
        AnalysisPlan plan = plan_;
        plan.contexts = {64};
        plan.ropes = {*RopeSpec::parse("none")};
        plan.quants = {*QuantSpec::parse("none")};
        plan.gradients = true;
        StopAfter never(1000);
        const auto session = runAnalysis(plan, never);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        const Sensitivity& found = (*session)->conditions[0]->sensitivity;
        const auto windows = cutWindows(*plan.documents, 64);
        QCOMPARE(found.tokens, static_cast<long long>(windows->size()) * 63);
        ReferenceLlama reference(*plan.model);
        const ModelConfig& c = plan.model->config();
        reference.queryGains.assign(static_cast<std::size_t>(c.layers * c.heads * c.pairs()), 1.0);
        reference.keyGains.assign(static_cast<std::size_t>(c.layers * c.kvHeads * c.pairs()), 1.0);
        reference.omegaFactors.assign(static_cast<std::size_t>(c.layers * c.pairs()), 1.0);
        const auto slope = [&](double& value) {
            double difference = 0;
            for (const double sign : {1.0, -1.0}) {
                value = std::exp(sign * 1e-5);
                for (const Window& window : *windows)
                    for (const double nll : reference.nll({window.tokens.begin(), window.tokens.end()}))
                        difference += sign * nll / static_cast<double>(found.tokens);
            }
            value = 1;
            return difference / 2e-5;
        };
        const int layer = 1, head = 2, kvHead = 1, pair = 0;
        const double q = slope(reference.queryGains[(layer * c.heads + head) * c.pairs() + pair]);
        const double k = slope(reference.keyGains[(layer * c.kvHeads + kvHead) * c.pairs() + pair]);
        const double omega = slope(reference.omegaFactors[layer * c.pairs() + pair]);
        QVERIFY(std::abs(found.gainQ(layer, head, pair) - q) < 1e-5 + 1e-4 * std::abs(q));
        QVERIFY(std::abs(found.gainK(layer, kvHead, pair) - k) < 1e-5 + 1e-4 * std::abs(k));
        QVERIFY(std::abs(found.omega(layer, pair) - omega) < 1e-5 + 1e-4 * std::abs(omega));
        QVERIFY(std::abs(omega) > 1e-3);
    }

    void gradientsCanBeAddedLater() {
        AnalysisPlan plan = plan_;
        plan.contexts = {64};
        StopAfter never(1000);
        const auto plain = runAnalysis(plan, never);
        QVERIFY(plain.ok());
        plan.gradients = true;
        QVERIFY(!plan.isDone(**plain));
        const auto estimate = estimateAnalysis(plan, plain->get());
        QVERIFY(estimate.ok() && estimate->seconds > 0);
        QCOMPARE(estimate->tokens, estimateAnalysis(plan)->tokens); // all of them run again
        int delivered = 0;
        StopAfter cut(1); // stops when the second condition begins
        const auto partial = runAnalysis(
            plan, cut, [&](const auto&) { ++delivered; }, *plain);
        QVERIFY(partial.ok());
        QVERIFY(delivered < 4 && !plan.isDone(**partial));
        const auto full = runAnalysis(
            plan, never, [&](const auto&) { ++delivered; }, *partial);
        QVERIFY(full.ok());
        QCOMPARE(delivered, 4);
        QVERIFY(plan.isDone(**full));
        QCOMPARE((*full)->conditions.size(), std::size_t{4});
        for (std::size_t at = 0; at < 4; ++at) {
            QVERIFY(sameNumbers(*(*full)->conditions[at], *(*plain)->conditions[at])); // and in their places
            QVERIFY(!(*full)->conditions[at]->sensitivity.empty());
        }
    }

    /// What comes later is what would have come at once, to the last bit; the rest of the condition stays.
    void divergenceCanBeAddedLater() {
        AnalysisPlan plan = plan_;
        plan.contexts = {64};
        StopAfter never(1000);
        const auto plain = runAnalysis(plan, never);
        QVERIFY(plain.ok() && plan.isDone(**plain));
        plan.divergence = true;
        QVERIFY(!plan.isDone(**plain));
        const auto atOnce = runAnalysis(plan, never);
        QVERIFY(atOnce.ok());
        int missing = 0;
        for (const ConditionKey& key : plan.conditions()) missing += plan.isDone(**plain, key) ? 0 : 1;
        QCOMPARE(missing, 2); // those in full precision are their own reference
        const auto estimate = estimateAnalysis(plan, plain->get()), whole = estimateAnalysis(plan);
        QVERIFY(estimate.ok() && estimate->seconds > 0);
        QCOMPARE(2 * estimate->tokens, whole->tokens); // two of four
        QVERIFY(estimate->fileBytes < whole->fileBytes && estimate->peakBytes > 0);
        int delivered = 0;
        const auto later = runAnalysis(
            plan, never, [&](const auto&) { ++delivered; }, *plain);
        QVERIFY(later.ok() && plan.isDone(**later));
        QCOMPARE(delivered, 2);
        QCOMPARE((*later)->conditions.size(), (*atOnce)->conditions.size());
        for (std::size_t at = 0; at < (*later)->conditions.size(); ++at) {
            const ConditionResult &is = *(*later)->conditions[at], &wanted = *(*atOnce)->conditions[at];
            QVERIFY(sameNumbers(is, wanted));
            QVERIFY(is.divergence == wanted.divergence && is.reference == wanted.reference);
            QCOMPARE(is.divergence.empty(), is.key.quant == *QuantSpec::parse("none"));
            QCOMPARE(is.distortions.size(), (*plain)->conditions[at]->distortions.size());
        }
        // Stopped within the step, the condition is as it was.
        StopAfter cut(1);
        const auto stopped = runAnalysis(plan, cut, {}, *plain);
        QVERIFY(stopped.ok() && !plan.isDone(**stopped));
        QCOMPARE((*stopped)->conditions.size(), (*plain)->conditions.size());
    }

    /// Stopped between the two passes, a condition keeps its statistics.
    void cancelledBeforeTheReversePassKeepsTheForwardPass() {
        AnalysisPlan plan = plan_;
        plan.contexts = {64};
        plan.gradients = true;
        StopAfter cut(1); // "..., gradients" is the second stage
        const auto session = runAnalysis(plan, cut);
        QVERIFY(session.ok());
        QCOMPARE((*session)->conditions.size(), std::size_t{1});
        QVERIFY((*session)->conditions[0]->statistics.cells() > 0);
        QVERIFY((*session)->conditions[0]->sensitivity.empty());
    }

    void numbersAgreeWithTheReference() {
        StopAfter never(1000);
        std::vector<std::string> delivered;
        const auto session =
            runAnalysis(plan_, never, [&](const auto& result) { delivered.push_back(result->key.text()); });
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{8});
        QCOMPARE(delivered.size(), std::size_t{8});
        for (const auto& condition : (*session)->conditions) {
            ReferenceLlama reference(*plan_.model, condition->key.quant.kind == QuantKind::None
                                                       ? WeightTransform{}
                                                       : referenceRtn(4, 32, false));
            if (condition->key.rope.kind == RopeKind::Yarn)
                reference.rope = {ReferenceRope::Kind::Yarn, 2, 64};
            const auto windows = cutWindows(*plan_.documents, condition->key.context);
            QCOMPARE(condition->windows.size(), windows->size());
            for (std::size_t at = 0; at < windows->size(); ++at) {
                const auto& window = (*windows)[at];
                const auto expected = reference.nll({window.tokens.begin(), window.tokens.end()});
                QCOMPARE(condition->windows[at].document, window.document);
                QCOMPARE(condition->windows[at].nll.size(), expected.size());
                for (std::size_t token = 0; token < expected.size(); ++token)
                    QVERIFY(std::abs(condition->windows[at].nll[token] - expected[token]) < 1e-4);
            }
        }
        // The statistics saw every token of every window, once for each head.
        const auto& first = *(*session)->conditions.front();
        const StatisticsShape& shape = first.statistics.shape();
        double samples = 0;
        for (int bucket = 0; bucket < shape.buckets(); ++bucket)
            samples +=
                first.statistics.moments(first.statistics.cell(1, QkTensor::K, RopeStage::Post, 0, 2, bucket))
                    .count;
        QCOMPARE(samples, static_cast<double>(first.windows.size()) * 64 * plan_.model->config().kvHeads);
        QCOMPARE(first.byDocument.size(), std::size_t{3});
        // Distortion is known for quantized conditions only.
        QVERIFY(first.distortions.empty());
        QCOMPARE((*session)->conditions.back()->distortions.size(), std::size_t{2 * 7});
        QVERIFY(!interactions((*session)->conditions, Convention::All).empty());
        // Progress never goes back and ends at the end.
        double last = 0;
        for (const Progress& progress : never.reports) {
            QVERIFY(progress.fraction >= last - 1e-12);
            last = progress.fraction;
        }
        QVERIFY(last > 0.8);
    }

    void cancelKeepsWhatIsDoneAndResumeCompletesIt() {
        StopAfter never(1000);
        const auto whole = runAnalysis(plan_, never);
        StopAfter third(2);
        const auto part = runAnalysis(plan_, third);
        QVERIFY(part.ok());
        QCOMPARE((*part)->conditions.size(), std::size_t{2});
        int recomputed = 0;
        const auto resumed = runAnalysis(
            plan_, never, [&](const auto&) { ++recomputed; }, *part);
        QVERIFY(resumed.ok());
        QCOMPARE(recomputed, 6);
        QCOMPARE((*resumed)->conditions.size(), (*whole)->conditions.size());
        for (const auto& condition : (*whole)->conditions) {
            const auto same = (*resumed)->find(condition->key);
            QVERIFY(same && sameNumbers(*same, *condition));
        }
        // A session of other documents is not continued.
        AnalysisPlan other = plan_;
        other.documents = makeDocuments({310}, 64);
        const auto refused = runAnalysis(other, never, {}, *part);
        QVERIFY(!refused.ok());
        QVERIFY(refused.error().message.find("other documents") != std::string::npos);
    }

    void sameResultForEveryThreadCount() {
        const int before = omp_get_max_threads();
        std::vector<std::shared_ptr<const Session>> sessions;
        for (const int threads : {1, 2, 3}) {
            omp_set_num_threads(threads);
            StopAfter never(1000);
            sessions.push_back(*runAnalysis(plan_, never));
        }
        omp_set_num_threads(before);
        for (const auto& session : sessions)
            for (std::size_t at = 0; at < session->conditions.size(); ++at)
                QVERIFY(sameNumbers(*session->conditions[at], *sessions.front()->conditions[at]));
    }

    void badPlansAreRefusedBeforeWork_data() {
        QTest::addColumn<int>("which");
        QTest::addColumn<QString>("says");
        QTest::newRow("document too short") << 0 << "4,096";
        QTest::newRow("context 1") << 1 << "at least 2";
        QTest::newRow("calibration text too short") << 2 << "calibration text";
        QTest::newRow("stored") << 3 << "stored";
        QTest::newRow("longrope without lists") << 4 << "longrope";
        QTest::newRow("nothing to run") << 5 << "at least one";
        QTest::newRow("no documents") << 6 << "no documents";
    }
    void badPlansAreRefusedBeforeWork() {
        QFETCH(int, which);
        QFETCH(QString, says);
        AnalysisPlan bad = plan_;
        if (which == 0) bad.contexts = {64, 4096};
        if (which == 1) bad.contexts = {1};
        if (which == 2)
            bad.quants = {*QuantSpec::parse("awq:4:g32")}, bad.calibration = makeDocuments({70}, 64);
        if (which == 3) bad.quants = {*QuantSpec::parse("stored")};
        if (which == 4) bad.ropes = {*RopeSpec::parse("longrope")};
        if (which == 5) bad.ropes.clear();
        if (which == 6) bad.documents = makeDocuments({}, 64);
        StopAfter never(1000);
        const auto estimate = estimateAnalysis(bad);
        const auto run = runAnalysis(bad, never);
        QVERIFY(!estimate.ok() && !run.ok());
        QVERIFY2(QString::fromStdString(run.error().message).contains(says), run.error().message.c_str());
        QVERIFY(never.reports.empty());
    }

    void calibratedWeightsAreThoseOfTheCondition() {
        AnalysisPlan plan = plan_;
        plan.quants = {*QuantSpec::parse("awq:3:g16"), *QuantSpec::parse("gptq:3:g16")};
        plan.contexts = {64};
        plan.calibration = makeDocuments({400}, 64);
        plan.maxCalibrationWindows = 3;
        StopAfter never(1000);
        const auto session = runAnalysis(plan, never);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{4});
        for (const auto& condition : (*session)->conditions) {
            QVERIFY(condition->calibration.has_value());
            QCOMPARE(*condition->calibration,
                     (CalibrationRecord{{"doc0400"}, condition->table.spec.text(), 64, 3}));
            QCOMPARE(condition->distortions.size(), std::size_t{2 * 7});
            for (const LayerDistortion& one : condition->distortions)
                QVERIFY(one.output && one.output->snrDb() > 3 && one.output->count > 0);
            // The NLL is that of these weights: calibrated again, by hand.
            ProgressSink silent;
            WorkMeter meter(silent, 1);
            const auto set = makeCalibrationSet(plan.calibration, condition->key.rope,
                                                plan.model->config().ropeModel(), 64, 3);
            const auto weights = makeWeights(plan.model, condition->key.quant, &*set, meter);
            const auto windows = *cutWindows(*plan.documents, 64);
            ForwardPass pass(plan.model, condition->table, *weights, 64);
            NllSink nll(windows);
            QVERIFY(pass.run(windows, nullptr, nll, meter).ok());
            for (std::size_t at = 0; at < windows.size(); ++at)
                QCOMPARE(condition->windows[at].nll, nll.nll()[at]);
        }
        double last = 0;
        for (const Progress& progress : never.reports) {
            QVERIFY(progress.fraction >= last - 1e-12);
            last = progress.fraction;
        }
        QVERIFY(last > 0.8);
    }

    void calibrationIsReusedForEveryScaleSet() {
        AnalysisPlan plan = plan_;
        plan.quants = {*QuantSpec::parse("gptq:4:g16")};
        plan.ropes = {*RopeSpec::parse("none")};
        auto set = std::make_shared<ScaleSet>();
        set->name = "ones";
        set->gains = QkGains::ones(plan.model->config());
        plan.scales = {nullptr, set};
        StopAfter never(1000);
        const auto session = runAnalysis(plan, never);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{4});
        std::size_t calibrations = 0;
        std::string stage;
        for (const Progress& progress : never.reports) {
            if (progress.stage != stage && progress.stage == "gptq:4:g16 layer 1/2") ++calibrations;
            stage = progress.stage;
        }
        QCOMPARE(calibrations, std::size_t{2}); // two contexts, not two contexts times two sets
        for (std::size_t at = 0; at < 2; ++at)  // gains of 1 change nothing
            QVERIFY((*session)->conditions[at]->windows == (*session)->conditions[at + 2]->windows);
    }

    void calibrationTextIsPartOfTheRun() {
        AnalysisPlan plan = plan_;
        plan.quants = {*QuantSpec::parse("gptq:4:g16")};
        plan.contexts = {64};
        const auto notes = [](const AnalysisPlan& of) {
            std::string text;
            const auto estimate = estimateAnalysis(of);
            if (!estimate) return estimate.error().message;
            for (const std::string& note : estimate->notes) text += note + "\n";
            return text;
        };
        QVERIFY(notes(plan).find("the documents that they are measured on") != std::string::npos);
        AnalysisPlan other = plan;
        other.calibration = makeDocuments({400}, 64);
        QVERIFY(notes(other).find("calibrat") == std::string::npos);
        other.calibration = plan.documents;
        QVERIFY(notes(other).find("calibration text doc0 is also measured") != std::string::npos);
        QVERIFY(notes(plan_).find("calibrat") == std::string::npos);
        // It costs time, and a run is not continued with another text.
        AnalysisPlan rounded = plan;
        rounded.quants = {*QuantSpec::parse("rtn:4:g16")};
        QVERIFY(estimateAnalysis(plan)->peakBytes >= estimateAnalysis(rounded)->peakBytes);
        StopAfter never(1000);
        const auto session = *runAnalysis(plan, never);
        QVERIFY(runAnalysis(plan, never, {}, session).ok());
        other.calibration = makeDocuments({400}, 64);
        const auto refused = runAnalysis(other, never, {}, session);
        QVERIFY(!refused.ok());
        QVERIFY2(refused.error().message.find("calibrated none \u00b7 64 \u00b7 gptq:4:g16 on other text")
                     != std::string::npos,
                 refused.error().message.c_str());
    }

    void contextsThatDoNotFitInMemoryAreRefused() {
        AnalysisPlan huge = plan_;
        const int length = 400'000'000; // tokens are only counted by the estimate, not stored
        auto tokens = std::make_shared<std::vector<Document>>(1);
        tokens->front().name = "long";
        tokens->front().tokens.resize(static_cast<std::size_t>(length), 1);
        huge.documents = tokens;
        huge.contexts = {length};
        const auto estimate = estimateAnalysis(huge);
        if (availableMemory() <= 0 || availableMemory() > 600e9)
            QSKIP("this machine has too much memory, or does not say");
        QVERIFY(!estimate.ok());
        QVERIFY(estimate.error().code == ErrorCode::OutOfMemory);
        QVERIFY(estimate.error().message.find("memory") != std::string::npos);
    }

    void shortDocumentsAreNoted() {
        const auto estimate = estimateAnalysis(plan_);
        QVERIFY(estimate.ok());
        QCOMPARE(estimate->notes.size(), std::size_t{1}); // 90 tokens < 128
        QVERIFY(estimate->notes.front().find("doc2") != std::string::npos);
        // 64: 4 + 2 + 1 windows, 128: 2 + 1; 4 conditions each
        QCOMPARE(estimate->tokens, 4LL * (7 * 64 + 3 * 128));
        QVERIFY(estimate->seconds > 0 && estimate->peakBytes > 0 && estimate->fileBytes > 0);
    }

    void whatAnEarlierRunHoldsCostsNothing() {
        const auto whole = estimateAnalysis(plan_);
        StopAfter never(1000);
        AnalysisPlan part = plan_;
        part.contexts = {128};
        const auto earlier = runAnalysis(part, never);
        QVERIFY(whole.ok() && earlier.ok());
        const auto rest = estimateAnalysis(plan_, earlier->get());
        QVERIFY(rest.ok());
        QCOMPARE(rest->tokens, 4LL * 7 * 64);
        QVERIFY(rest->fileBytes < whole->fileBytes && rest->peakBytes < whole->peakBytes);
        const auto nothing = estimateAnalysis(part, earlier->get());
        QVERIFY(nothing.ok());
        QCOMPARE(nothing->tokens, 0LL);
        QCOMPARE(nothing->seconds, 0.0);
        // Saved on the way is all that was there and what comes.
        QCOMPARE(whole->heldBytes, 0.0);
        QCOMPARE(nothing->packedBytes, 0.0);
        QCOMPARE(nothing->heldBytes, rest->heldBytes);
        const double foretold = whole->packedBytes - rest->packedBytes;
        QVERIFY2(rest->heldBytes > 0.8 * foretold && rest->heldBytes < 1.25 * foretold,
                 qPrintable(QString::number(rest->heldBytes) + " of " + QString::number(foretold)));
    }

    void overflowIsReportedWithItsPlace() {
        QTemporaryDir folder;
        RandomModelOptions options;
        options.gain = 1e14; // finite weights, but their products are not
        makeRandomHfModel(folder.path().toStdString(), options, 6);
        auto model = openModel(folder.path().toStdString());
        QVERIFY(model.ok());
        AnalysisPlan plan = plan_;
        plan.model = *model;
        plan.contexts = {64};
        StopAfter never(1000);
        const auto run = runAnalysis(plan, never);
        QVERIFY(!run.ok());
        QVERIFY2(run.error().message.find("not a number in doc0") != std::string::npos,
                 run.error().message.c_str());
    }
};

QTEST_APPLESS_MAIN(TestAnalysis)
#include "test_analysis.moc"
