// The forward pass against the naive double-precision reference (tests/support/reference_llama), per token.
#include "core/inference/forward.h"
#include "tests/support/reference_llama.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>
#include <omp.h>

#include <cmath>
#include <fstream>
#include <map>
#include <random>

using namespace qroar;
using qroar::test::makeRandomHfModel;
using qroar::test::RandomModelOptions;
using qroar::test::ReferenceLlama;
using qroar::test::ReferenceRope;

namespace {

const std::filesystem::path sharedModels = QROAR_SOURCE_DIR "/../shared/models";

std::vector<TokenId> randomIds(std::size_t count, int vocab, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> ids(count);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % static_cast<unsigned>(vocab));
    return ids;
}

/// Keeps every activation it is shown.
class Recorder : public ActivationProbe {
  public:
    [[nodiscard]] bool wants(int, QkTensor tensor, RopeStage) const override {
        return tensor == QkTensor::Q || wantsK;
    }
    void deliver(const QkActivations& a) override {
        std::vector<float> copy;
        for (std::ptrdiff_t row = 0; row < a.values.rows; ++row)
            copy.insert(copy.end(), a.values.row(row), a.values.row(row) + a.values.cols);
        seen[{a.layer, a.tensor, a.stage}] = std::move(copy);
    }
    bool wantsK = true;
    std::map<std::tuple<int, QkTensor, RopeStage>, std::vector<float>> seen;
};

struct Run {
    std::vector<std::vector<float>> nll;
    Status status = Done{};
};

Run forward(const std::shared_ptr<const Model>& model, const char* rope, const QuantSpec& quant,
            std::span<const Window> windows, ActivationProbe* probe = nullptr, ProgressSink* sink = nullptr) {
    ProgressSink silent;
    int context = 0;
    for (const Window& window : windows) context = std::max(context, static_cast<int>(window.tokens.size()));
    const auto table = buildFrequencyTable(*RopeSpec::parse(rope), model->config().ropeModel(), context);
    WorkMeter meter(sink ? *sink : silent, 1e9);
    ForwardPass pass(model, *table, quant, context);
    NllSink nll(windows);
    Run run;
    run.status = pass.run(windows, probe, nll, meter);
    run.nll = nll.take();
    return run;
}

double worstDifference(const std::vector<float>& ours, const std::vector<double>& reference) {
    if (ours.size() != reference.size()) return 1e300;
    double worst = 0;
    for (std::size_t at = 0; at < ours.size(); ++at) {
        const double difference = std::abs(ours[at] - reference[at]);
        if (!(difference <= worst))
            worst = std::isnan(difference) ? 1e300 : difference; // std::max would lose a NaN
    }
    return worst;
}

/// The same spec for the reference, written out by hand: nothing of core/rope takes part.
ReferenceRope referenceRope(const QString& text, double trained) {
    using Kind = ReferenceRope::Kind;
    if (text == "linear:2") return {Kind::Linear, 2};
    if (text == "linear:3") return {Kind::Linear, 3};
    if (text == "linear:4") return {Kind::Linear, 4};
    if (text == "ntk:3") return {Kind::Ntk, 3};
    if (text == "ntk:4") return {Kind::Ntk, 4};
    if (text == "dynamic:3") return {Kind::Dynamic, 3, trained};
    if (text == "dynamic:4") return {Kind::Dynamic, 4, trained};
    if (text == "yarn:3") return {Kind::Yarn, 3, trained};
    if (text == "yarn:4") return {Kind::Yarn, 4, trained};
    if (text == "yarn:4:orig=64:beta_fast=8") return {Kind::Yarn, 4, 64, 8};
    if (text == "llama3:8:orig=64") return {Kind::Llama3, 8, 64};
    if (text == "llama3:8:orig=512") return {Kind::Llama3, 8, 512};
    if (text != "none") qFatal("no reference for %s", qPrintable(text));
    return {};
}

std::shared_ptr<const Model> randomModel(const QTemporaryDir& folder, const RandomModelOptions& options) {
    makeRandomHfModel(folder.path().toStdString(), options, 11);
    auto model = openModel(folder.path().toStdString());
    if (!model) qFatal("%s", model.error().message.c_str());
    return *model;
}

} // namespace

class TestForward : public QObject {
    Q_OBJECT
  private slots:
    void shapes_data() {
        QTest::addColumn<RandomModelOptions>("options");
        const RandomModelOptions base;
        QTest::newRow("grouped queries") << base;
        auto o = base;
        o.heads = o.kvHeads = 3, o.headDim = 16;
        QTest::newRow("every head its own keys, wide heads") << o;
        o = base;
        o.attentionBias = o.mlpBias = true, o.tied = false, o.dtype = "BF16";
        QTest::newRow("biases, own lm_head, BF16") << o;
        o = base;
        o.partialRotaryFactor = 0.5, o.dtype = "F16";
        QTest::newRow("partial rotary, F16") << o;
        o = base;
        o.architecture = "MistralForCausalLM", o.slidingWindow = 21;
        QTest::newRow("sliding window") << o;
        o = base;
        o.layers = 1, o.kvHeads = 1, o.vocab = 300;
        QTest::newRow("one layer, one KV head") << o;
    }
    void shapes() {
        QFETCH(RandomModelOptions, options);
        const QTemporaryDir folder;
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(391, options.vocab, 3); // not a multiple of any tile
        const Window window{0, 0, ids};
        const Run run = forward(model, "none", {}, std::span(&window, 1));
        QVERIFY(run.status.ok());
        const ReferenceLlama reference(*model);
        const double worst = worstDifference(run.nll[0], reference.nll(ids));
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    }

    void scalings_data() {
        QTest::addColumn<QString>("rope");
        for (const char* rope : {"none", "linear:4", "ntk:4", "dynamic:4", "yarn:4",
                                 "yarn:4:orig=64:beta_fast=8", "llama3:8:orig=64"})
            QTest::newRow(rope) << rope;
    }
    void scalings() {
        QFETCH(QString, rope);
        const QTemporaryDir folder;
        RandomModelOptions options;
        options.headDim = 16, options.hidden = 48;
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(500, options.vocab, 4);
        const Window window{0, 0, ids};
        const Run run = forward(model, rope.toUtf8(), {}, std::span(&window, 1));
        ReferenceLlama reference(*model);
        reference.rope = referenceRope(rope, 128);
        const double worst = worstDifference(run.nll[0], reference.nll(ids));
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    }

    void longRope_data() {
        QTest::addColumn<int>("context");
        QTest::newRow("short factors, up to L0") << 64;
        QTest::newRow("long factors, beyond L0") << 65;
        QTest::newRow("long factors, far beyond L0") << 256;
    }
    void longRope() {
        QFETCH(int, context);
        const QTemporaryDir folder;
        RandomModelOptions options;
        options.maxPositions = 256; // s = 256 / 64, m = sqrt(1 + ln 4 / ln 64)
        options.ropeScalingJson = R"({"rope_type": "longrope", "original_max_position_embeddings": 64,)"
                                  R"( "short_factor": [1.0, 1.02, 1.1, 1.3],)"
                                  R"( "long_factor": [1.05, 1.4, 3.1, 4.4]})";
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(static_cast<std::size_t>(context), options.vocab, 4);
        const Window window{0, 0, ids};
        const Run run = forward(model, "model", {}, std::span(&window, 1));
        ReferenceLlama reference(*model);
        reference.rope.kind = ReferenceRope::Kind::LongRope;
        reference.rope.factor = 4;
        reference.rope.trainedContext = 64;
        reference.rope.shortFactors = {1.0, 1.02, 1.1, 1.3};
        reference.rope.longFactors = {1.05, 1.4, 3.1, 4.4};
        const double worst = worstDifference(run.nll[0], reference.nll(ids));
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
        // Neither the other list nor the attention factor could be left out unnoticed.
        std::swap(reference.rope.shortFactors, reference.rope.longFactors);
        QVERIFY(worstDifference(run.nll[0], reference.nll(ids)) > 1e-2);
        std::swap(reference.rope.shortFactors, reference.rope.longFactors);
        reference.rope.factor = 1;
        QVERIFY(worstDifference(run.nll[0], reference.nll(ids)) > 1e-2);
    }

    void quantized_data() {
        QTest::addColumn<int>("bits");
        QTest::addColumn<int>("group");
        QTest::addColumn<bool>("symmetric");
        QTest::newRow("rtn:4:g64") << 4 << 64 << false;
        QTest::newRow("rtn:3:g32:sym") << 3 << 32 << true;
        QTest::newRow("rtn:8:row") << 8 << 0 << false;
    }
    void quantized() {
        QFETCH(int, bits);
        QFETCH(int, group);
        QFETCH(bool, symmetric);
        const QTemporaryDir folder;
        RandomModelOptions options;
        options.intermediate = 80; // the last group is shorter
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(200, options.vocab, 5);
        const Window window{0, 0, ids};
        const Run run =
            forward(model, "none", {QuantKind::Rtn, bits, group, symmetric}, std::span(&window, 1));
        const ReferenceLlama reference(*model, qroar::test::referenceRtn(bits, group, symmetric));
        const double worst = worstDifference(run.nll[0], reference.nll(ids));
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    }

    void probeSeesQueriesAndKeys() {
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(150, 64, 6);
        const Window window{0, 0, ids};
        Recorder recorder;
        (void)forward(model, "linear:2", {}, std::span(&window, 1), &recorder);
        ReferenceLlama reference(*model);
        reference.rope = referenceRope("linear:2", 128);
        const auto expected = reference.run(ids);
        QCOMPARE(recorder.seen.size(), std::size_t{8}); // 2 layers x q|k x before|after
        for (int layer = 0; layer < 2; ++layer) {
            const auto& e = expected.layers[layer];
            QVERIFY(worstDifference(recorder.seen[{layer, QkTensor::Q, RopeStage::Pre}], e.qBefore) < 1e-4);
            QVERIFY(worstDifference(recorder.seen[{layer, QkTensor::Q, RopeStage::Post}], e.qAfter) < 1e-4);
            QVERIFY(worstDifference(recorder.seen[{layer, QkTensor::K, RopeStage::Pre}], e.kBefore) < 1e-4);
            QVERIFY(worstDifference(recorder.seen[{layer, QkTensor::K, RopeStage::Post}], e.kAfter) < 1e-4);
        }
        Recorder onlyQ;
        onlyQ.wantsK = false;
        (void)forward(model, "none", {}, std::span(&window, 1), &onlyQ);
        QCOMPARE(onlyQ.seen.size(), std::size_t{4}); // what was not asked for is not delivered
    }

    void windowsOfABatchDoNotSeeEachOther() {
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(600, 64, 7);
        std::vector<Window> windows;
        for (int at = 0; at < 4; ++at)
            windows.push_back({at / 2, at % 2, std::span(ids).subspan(at * 150, 150)});
        const Run together = forward(model, "yarn:2", {}, windows);
        for (int at = 0; at < 4; ++at) {
            const Run alone = forward(model, "yarn:2", {}, std::span(windows).subspan(at, 1));
            for (std::size_t token = 0; token < 149; ++token)
                QVERIFY(std::abs(together.nll[at][token] - alone.nll[0][token]) < 1e-5F);
        }
    }

    void sameResultForEveryThreadCount() {
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(1100, 64, 8);
        const std::vector<Window> windows{{0, 0, std::span(ids).first(700)},
                                          {0, 1, std::span(ids).subspan(700)}};
        const int before = omp_get_max_threads();
        std::vector<Run> runs;
        for (const int threads : {1, 2, 3, 4}) {
            omp_set_num_threads(threads);
            runs.push_back(forward(model, "yarn:4", {QuantKind::Rtn, 4, 32, false}, windows));
        }
        omp_set_num_threads(before);
        for (const Run& run : runs) QVERIFY(run.nll == runs.front().nll); // bit for bit
    }

    void cancelStopsWithinTiles() {
        class StopAtOnce : public ProgressSink {
          public:
            [[nodiscard]] bool cancelled() const override { return true; }
        } stop;
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(300, 64, 9);
        const Window window{0, 0, ids};
        const Run run = forward(model, "none", {}, std::span(&window, 1), nullptr, &stop);
        QVERIFY(!run.status.ok());
        QVERIFY(run.status.error().code == ErrorCode::Cancelled);
    }

    void firstLayerPreRopeDoesNotDependOnPosition() { // identity 7 of method.md
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const std::vector<TokenId> ids(40, 17);
        const Window window{0, 0, ids};
        Recorder recorder;
        (void)forward(model, "none", {}, std::span(&window, 1), &recorder);
        for (const QkTensor tensor : {QkTensor::Q, QkTensor::K}) {
            const auto& values = recorder.seen[{0, tensor, RopeStage::Pre}];
            const std::size_t width = values.size() / 40;
            for (std::size_t at = width; at < values.size(); ++at) QCOMPARE(values[at], values[at % width]);
        }
    }

    void goldenStories260K_data() {
        QTest::addColumn<QString>("path");
        for (const char* path :
             {"stories260K/stories260K.bin", "stories260K/stories260K.v1.bin", "stories260K-hf"})
            QTest::newRow(path) << path;
    }
    void goldenStories260K() {
        QFETCH(QString, path);
        const auto file = sharedModels / path.toStdString();
        if (!std::filesystem::exists(file)) QSKIP("the shared models are not here");
        const auto golden = nlohmann::json::parse(std::ifstream(sharedModels / "stories260K/golden.json"));
        const std::vector<TokenId> ids = golden["ids"];
        const std::vector<double> nll = golden["nll"];
        const auto model = openModel(file);
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        const Window window{0, 0, ids};
        const Run run = forward(*model, "none", {}, std::span(&window, 1));
        const double worst = worstDifference(run.nll[0], nll);
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    }

    void scalingsOnStories260K_data() {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("rope");
        QTest::addColumn<bool>("quantized");
        for (const char* path : {"stories260K/stories260K.bin", "stories260K-hf"})
            for (const char* rope : {"linear:3", "ntk:3", "dynamic:3", "yarn:3", "llama3:8:orig=512"})
                for (const bool quantized : {false, true})
                    QTest::addRow("%s, %s%s", path, rope, quantized ? ", rtn:4:g64" : "")
                        << path << rope << quantized;
    }
    void scalingsOnStories260K() {
        QFETCH(QString, path);
        QFETCH(QString, rope);
        QFETCH(bool, quantized);
        const auto file = sharedModels / path.toStdString();
        if (!std::filesystem::exists(file)) QSKIP("the shared models are not here");
        const auto golden = nlohmann::json::parse(std::ifstream(sharedModels / "stories260K/golden.json"));
        std::vector<TokenId> ids = golden["ids"];
        ids.resize(800);
        const auto model = openModel(file);
        const Window window{0, 0, ids};
        const QuantSpec quant = quantized ? QuantSpec{QuantKind::Rtn, 4, 64, false} : QuantSpec{};
        const Run run = forward(*model, rope.toUtf8(), quant, std::span(&window, 1));
        ReferenceLlama reference(**model, quantized ? qroar::test::referenceRtn(4, 64, false)
                                                    : qroar::test::WeightTransform{});
        reference.rope = referenceRope(rope, 512);
        const double worst = worstDifference(run.nll[0], reference.nll(ids));
        QVERIFY2(worst < 1e-4, qPrintable(QString::number(worst)));
    }
};

QTEST_APPLESS_MAIN(TestForward)
#include "test_forward.moc"
