// Workloads of the benchmark suite: that they compute what they claim to, how their operations are counted,
// and what the suite makes of their times.
#include "core/bench/fma_loops.h"
#include "core/bench/kernel_work.h"
#include "core/bench/pass_work.h"
#include "core/bench/random_model.h"
#include "core/bench/session_work.h"
#include "core/bench/suite.h"
#include "core/bench/text_work.h"
#include "core/inference/forward.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

using namespace qroar;
using namespace qroar::bench;

namespace {

/// 2 layers of 16: q 16 x 16, k and v 8 x 16, gate and up 20 x 16; head 40 x 16.
ModelShape tiny() {
    return {"tiny", 16, 20, 2, 4, 2, 40, 64, true};
}
constexpr double linearOfLayer = 16 * 16 * 2 + 8 * 16 * 2 + 3 * 20 * 16; // weights

class KeepLogits : public LogitsSink {
  public:
    explicit KeepLogits(int vocab) : vocab_(vocab) {}
    void deliver(int window, int first, ConstMatrixView logits) override {
#pragma omp critical
        for (std::ptrdiff_t row = 0; row < logits.rows; ++row)
            rows[{window, first + static_cast<int>(row)}].assign(logits.row(row), logits.row(row) + vocab_);
    }
    std::map<std::pair<int, int>, std::vector<float>> rows;

  private:
    int vocab_;
};

class CancelAfter : public ProgressSink {
  public:
    explicit CancelAfter(int reports) : left_(reports) {}
    void report(const Progress&) override { --left_; }
    [[nodiscard]] bool cancelled() const override { return left_ <= 0; }

  private:
    int left_;
};

} // namespace

class TestBenchWork : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    ProgressSink silent_;
    [[nodiscard]] std::filesystem::path scratch() const { return folder_.path().toStdString(); }
    std::shared_ptr<const Model> model_;
    std::shared_ptr<const PassSetup> setup(int context, int windows) {
        return *makePassSetup(model_, "tiny", 1, context, windows, silent_);
    }
    [[nodiscard]] Plan plan(std::vector<Group> groups) const {
        Plan made;
        made.groups = std::move(groups);
        made.models = {"260k"};
        made.contexts = {16};
        made.repeats = 2;
        made.windows = 2;
        made.threads = 2;
        made.scratch = scratch();
        made.memoryBytes = 1 << 22;
        return made;
    }

  private slots:
    void initTestCase() {
        auto open = openRandomModel({tiny(), DType::F32}, scratch(), silent_);
        QVERIFY2(open.ok(), open ? "" : open.error().message.c_str());
        model_ = open->model;
    }

    void spreads() {
        const Spread odd = spreadOf({3, 1, 2}), even = spreadOf({4, 1, 2, 10});
        QCOMPARE(odd.median, 2.0);
        QCOMPARE(odd.least, 1.0);
        QCOMPARE(odd.most, 3.0);
        QCOMPARE(even.median, 3.0);
    }

    void workIsMeasuredInTurn() {
        std::string order;
        const auto work = [&](char name, int threads, int count) {
            Workload made{std::string(1, name), "", "", threads, 1, {}};
            made.run = [&order, name, threads, count]() -> Outcome<WorkDone> {
                order += name;
                if (omp_get_max_threads() != threads) return Error::bad("wrong number of threads");
                return WorkDone{8, 0, 0, count, 0};
            };
            return made;
        };
        const int before = omp_get_max_threads();
        const std::vector<Workload> two{work('a', 1, 1), work('b', 3, 4)};
        const auto measured = alternate(two, 3, true, silent_);
        QVERIFY2(measured.ok(), measured ? "" : measured.error().message.c_str());
        QCOMPARE(order, std::string("abababab"));
        QCOMPARE((*measured)[1].seconds.size(), std::size_t{3}); // without the first
        QCOMPARE(omp_get_max_threads(), before);
        order.clear();
        QVERIFY(alternate(two, 1, false, silent_).ok());
        QCOMPARE(order, std::string("ab"));
        CancelAfter cancelled(0);
        QCOMPARE(alternate(two, 1, false, cancelled).error().code, ErrorCode::Cancelled);
    }

    // Half a model of 20 ms in its layers and 10 ms elsewhere: 40 + 10 for the whole one.
    void cutModelsAreScaledInTheirLayersAlone() {
        Workload work{"", "", "", 1, 2, {}};
        work.run = []() -> Outcome<WorkDone> {
            QThread::msleep(30);
            return WorkDone{0, 1, 0, 1, 0.010};
        };
        const auto measured = alternate({work}, 1, false, silent_);
        const double seconds = measured->front().seconds[0], whole = measured->front().whole[0];
        QVERIFY(seconds >= 0.030);
        QVERIFY(std::abs(whole - (2 * seconds - 0.010)) < 1e-9);
    }

    void everyLoopEndsAtOne() {
        for (const FmaLoop& loop : usableFmaLoops()) { // x = 0.75 x + 0.25 in every lane
            const float lanes = static_cast<float>(loop.operationsPerRound) / 2;
            QVERIFY2(std::abs(loop.run(1000) - lanes) < 1e-3F, loop.name);
        }
    }

    void ratesAreOfThisMachine() {
        const MachineRates rates = measureRates(2, 1 << 22);
        QVERIFY(rates.oneThread > 1e8 && rates.oneThread < 1e13);
        QVERIFY(rates.allThreads > 1e8 && !rates.vectors.empty());
        QVERIFY(rates.readBytes > 1e7 && rates.copiedBytes > 1e7);
        MachineRates known;
        known.threads = 4, known.oneThread = 10, known.allThreads = 25;
        QCOMPARE(known.peakOf(1), 10.0);
        QCOMPARE(known.peakOf(2), 20.0);
        QCOMPARE(known.peakOf(3), 25.0);
        QCOMPARE(known.peakOf(4), 25.0);
    }

    void operationsOfKernels() {
        const auto cases = gemmCases(configOf(*findShape("135m")));
        QCOMPARE(cases[0].text(), std::string("128 x 576 x 576"));
        QCOMPARE(cases[0].operations(), 2.0 * 128 * 576 * 576);
        QVERIFY(std::any_of(cases.begin(), cases.end(), [](const GemmCase& one) { return one.inner == 64; }));
        const GemmCase one{"x", 8, 4, 2};
        QCOMPARE(gemmWork(one, 1).run()->operations, 2.0 * 8 * 4 * 2);
        QCOMPARE(gemmWork(one, 2).run()->operations, 2 * 2.0 * 8 * 4 * 2); // a product of its own each
        // Query t sees t + 1 keys: 1 + 2 + .. + 10 = 55 scores and as many weighted values of 4 numbers.
        QCOMPARE(attentionWork(model_->config(), 10, 1).run()->operations, 55.0 * 2 * 2 * 4);
        ModelConfig windowed = model_->config();
        windowed.slidingWindow = 3; // 1 + 2 + 8 x 3 keys are seen
        const Workload sliding = attentionWork(windowed, 10, 1);
        QCOMPARE(sliding.run()->operations, 27.0 * 2 * 2 * 4);
        QVERIFY(QString::fromStdString(sliding.shape).contains("window 3"));
    }

    void operationsOfPasses() {
        constexpr int context = 8, windows = 3;
        const double attention = 2 * 36.0 * 4 * 4 * 4; // layers x visible x heads x headDim x (q k, p v)
        const double layers = 2.0 * context * 2 * linearOfLayer + attention;
        const double head = 2.0 * 40 * 16;
        const ModelConfig& config = model_->config();
        QCOMPARE(prefillOperations(config, context, Logits::All), layers + context * head);
        QCOMPARE(prefillOperations(config, context, Logits::Last), layers + head);
        ModelConfig windowed = config;
        windowed.slidingWindow = 3; // 1 + 2 + 6 x 3 of 36 pairs
        QCOMPARE(prefillOperations(windowed, context, Logits::Last), layers + head - attention * 15 / 36);
        const auto of = setup(context, windows);
        QCOMPARE(of->shape(), std::string("3 x 8 tokens"));
        for (const Logits logits : {Logits::Last, Logits::All}) {
            const auto done = prefillWork(of, logits, 1).run();
            QVERIFY(done.ok());
            QCOMPARE(done->operations, windows * prefillOperations(config, context, logits));
            QCOMPARE(done->tokens, 24.0);
            QVERIFY(done->fixedSeconds > 0);
        }
        QCOMPARE(captureWork(of, 1).run()->operations,
                 windows * prefillOperations(config, context, Logits::All));
        QVERIFY(reverseWork(of, 1).run()->operations
                > windows * prefillOperations(config, context, Logits::All));
        const auto search = searchWork(of, 1).run();
        QVERIFY2(search.ok(), search ? "" : search.error().message.c_str());
        QVERIFY(search->operations > 2 * windows * prefillOperations(config, context, Logits::All));
        QVERIFY(variantWork(of, *QuantSpec::parse("rtn:4:g4"), 1)->run().ok());
        QVERIFY(!variantWork(of, *QuantSpec::parse("awq:4:g4"), 1).ok());
    }

    void lastLogitsAreThoseOfTheLastTokens() {
        const auto of = setup(24, 3);
        ForwardPass pass(model_, of->table, QuantSpec{}, 24);
        WorkMeter meter(silent_, 1);
        Residual stream = pass.embed(of->windows);
        QVERIFY(pass.runLayers(stream, 0, model_->config().layers, nullptr, meter).ok());
        const Matrix last = pass.lastLogits(stream); // before the others: it must load the head itself
        KeepLogits all(40);
        QVERIFY(pass.streamLogits(stream, all, 0, meter).ok());
        QCOMPARE(last.rows(), std::ptrdiff_t{3});
        QCOMPARE(last.cols(), std::ptrdiff_t{40});
        for (int window = 0; window < 3; ++window)
            for (int id = 0; id < 40; ++id) {
                const float expected = all.rows.at({window, 23})[static_cast<std::size_t>(id)];
                QVERIFY(std::abs(last.row(window)[id] - expected) <= 1e-5F * (1 + std::abs(expected)));
            }
    }

    void sessionsAreWrittenAndRead() {
        const ModelConfig config = configOf(*findShape("260k"));
        const auto session = benchSession(config);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        const std::filesystem::path file = scratch() / "a.h5";
        const auto saved = saveWork(*session, file).run();
        QVERIFY2(saved.ok(), saved ? "" : saved.error().message.c_str());
        QCOMPARE(saved->bytes, static_cast<double>(std::filesystem::file_size(file)));
        QVERIFY(openWork(*session, file).run().ok());
        std::filesystem::remove(file);
        QVERIFY(!openWork(*session, file).run().ok());
        const auto& longest = *(*session)->conditions.back();
        const auto reference = (*session)->shortReference(longest);
        QVERIFY(reference != nullptr);
        for (const BandMetric& metric : bandMetrics()) {
            QVERIFY(bandWork(*session, metric, metric.pooled).run().ok());
            PoolCache cache;
            cache.keep({(*session)->conditions.back(), reference});
            const BandPartition bands = movedBands(config.pairs(), 1);
            const BandGrid plain = metric.grid(longest, *reference, bands, nullptr),
                           pooled = metric.grid(longest, *reference, bands, &cache);
            QCOMPARE(plain.values, pooled.values); // none is NaN
        }
        QVERIFY(movedBands(24, 0).edges() != movedBands(24, 1).edges());
        for (int step = 0; step < 9; ++step) // an edge that moves keeps every band
            for (const int pairs : {1, 2, 3, 8, 24}) {
                const std::vector<int> edges = movedBands(pairs, step).edges();
                QCOMPARE(edges.size(), static_cast<std::size_t>(std::min(8, pairs) + 1));
                QVERIFY(std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>())
                        == edges.end());
            }
    }

    void theSuiteMeasuresWhatItIsAskedFor() {
        const auto report = runSuite(
            plan({Group::Gemm, Group::Prefill, Group::Capture, Group::Reverse, Group::Threads}), silent_);
        QVERIFY2(report.ok(), report ? "" : report.error().message.c_str());
        QVERIFY(report->complete);
        std::map<std::string, int> found;
        for (const Row& row : report->rows) {
            ++found[row.what];
            QVERIFY(row.seconds.least > 0 && row.seconds.least <= row.seconds.median
                    && row.seconds.median <= row.seconds.most);
            QCOMPARE(row.model, std::string("260k"));
            QCOMPARE(row.operationRate, row.operations / row.seconds.median);
            QCOMPARE(row.shareOfPeak, row.operationRate / report->rates.peakOf(row.threads));
        }
        QCOMPARE(found["gemm, q"], 2); // one thread and both
        QCOMPARE(found["prefill, last token"], 1);
        QCOMPARE(found["prefill, NLL"], 3); // and one thread, two threads
        QCOMPARE(found["capture"], 1);
        QCOMPARE(found["reverse pass"], 1);
        QCOMPARE(found.count("attention") + found.count("session, save"), std::size_t{0});
        QCOMPARE(report->ratios.size(), std::size_t{3});
        QCOMPARE(report->ratios[0].what, std::string("capture / prefill"));
        QCOMPARE(*report->ratios[1].target, 2.5);
        QVERIFY(!report->ratios[2].atMost);
    }

    void aCutModelIsEstimatedWhole() {
        Plan cut = plan({Group::Prefill});
        cut.layers = 2; // of 5
        const auto report = runSuite(cut, silent_);
        QVERIFY(report.ok());
        for (const Row& row : report->rows) {
            QCOMPARE(row.model, std::string("260k (2 of 5 layers)"));
            QVERIFY(row.wholeSeconds > row.seconds.least && row.wholeSeconds <= 2.5 * row.seconds.most);
            QVERIFY(row.wholeTokenRate < row.tokenRate * row.seconds.median / row.seconds.least);
        }
        QCOMPARE(report->notes.size(), std::size_t{1});
        QVERIFY(report->notes[0].find("estimated") != std::string::npos);
    }

    void whatTheSuiteRefuses() {
        Plan wrong = plan({Group::Gemm});
        wrong.models = {"13b"};
        const auto unknown = runSuite(wrong, silent_);
        QVERIFY(unknown.error().message.find("expected one of 260k") != std::string::npos);
        wrong.models = {scratch().string()}; // a folder without a model
        QVERIFY(!runSuite(wrong, silent_).ok());
        wrong = plan({Group::Prefill});
        wrong.scratch = scratch() / "missing";
        QVERIFY(runSuite(wrong, silent_).error().message.find("missing") != std::string::npos);
        QVERIFY(!parseGroup("gem").ok());
        QVERIFY(parseGroup("gem").error().message.find("gemm, attention") != std::string::npos);
        for (const Group group : allGroups) QVERIFY(*parseGroup(groupName(group)) == group);
        CancelAfter soon(3);
        const auto stopped = runSuite(plan({Group::Prefill, Group::Session}), soon);
        QVERIFY(stopped.ok() && !stopped->complete);
        QVERIFY(std::filesystem::is_empty(scratch()));
    }
};

QTEST_GUILESS_MAIN(TestBenchWork)
#include "test_bench_work.moc"
