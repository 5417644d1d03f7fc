// Calibration of whole models: the steps of a layer against the forward pass, which text, moments against
// plain sums, layers on top of what was quantized (GPTQ) or not (AWQ), progress, cancellation, threads,
// refusals.
#include "core/inference/linear_inputs.h"
#include "core/quantize/awq.h"
#include "core/quantize/calibrate.h"
#include "core/quantize/gptq.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <atomic>
#include <cmath>
#include <random>

using namespace qroar;
using qroar::test::makeRandomHfModel;
using qroar::test::RandomModelOptions;

namespace {

/// Asks to stop once the stage names this layer.
class StopAt : public ProgressSink {
  public:
    explicit StopAt(std::string stage) : stage_(std::move(stage)) {}
    void report(const Progress& progress) override {
        if (stages.empty() || stages.back() != progress.stage) stages.push_back(progress.stage);
        last = progress.fraction;
        if (progress.stage == stage_) stop_ = true;
    }
    [[nodiscard]] bool cancelled() const override { return stop_; }
    std::vector<std::string> stages;
    double last = 0;

  private:
    std::string stage_;
    std::atomic<bool> stop_{false};
};

std::shared_ptr<const std::vector<Document>> makeDocuments(const std::vector<int>& lengths) {
    std::mt19937 random(3);
    auto documents = std::make_shared<std::vector<Document>>();
    for (const int length : lengths) {
        documents->emplace_back();
        for (int token = 0; token < length; ++token)
            documents->back().tokens.push_back(static_cast<TokenId>(random() % 64));
    }
    return documents;
}

bool same(const QuantizedMatrix& a, const QuantizedMatrix& b) {
    return a.codes == b.codes && a.zeros == b.zeros && a.scales == b.scales && a.groupOf == b.groupOf;
}

bool same(const QuantizedLayer& a, const QuantizedLayer& b) {
    for (std::size_t at = 0; at < 7; ++at)
        if (!same(a.projection[at], b.projection[at]) || a.bias[at] != b.bias[at]
            || a.distortion[at].sumSquaredError != b.distortion[at].sumSquaredError
            || a.outputDistortion[at].sumSquaredError != b.outputDistortion[at].sumSquaredError)
            return false;
    return a.attentionNorm == b.attentionNorm && a.feedForwardNorm == b.feedForwardNorm;
}

} // namespace

class TestCalibrate : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::shared_ptr<const Model> model_;
    CalibrationSet set_;
    ProgressSink silent_;

    Outcome<CalibratedWeights> calibrate(const char* spec, ProgressSink* sink = nullptr) {
        const QuantSpec quant = *QuantSpec::parse(spec);
        WorkMeter meter(
            sink ? *sink : silent_,
            calibrationOperations(model_->config(), quant, std::ssize(set_.windows), set_.context));
        return calibrateWeights(model_, quant, set_, meter);
    }
    [[nodiscard]] Residual embedded(const std::shared_ptr<const WeightSource>& source) const {
        return ForwardPass(model_, set_.table, source, set_.context).embed(set_.windows);
    }

  private slots:
    /// What a model is deployed for: factor * trained length, within the text and 2,048 tokens.
    void deployedContextFollowsTheScaling() {
        RopeModel model;
        model.headDim = model.rotaryDim = 32;
        model.maxPositions = 256;
        const auto context = [&](const char* rope, const std::vector<int>& lengths) {
            return deployedContext(*RopeSpec::parse(rope), model, *makeDocuments(lengths));
        };
        QCOMPARE(context("none", {5000}), 256);
        QCOMPARE(context("yarn:4", {5000}), 1024);
        QCOMPARE(context("linear:3", {5000}), 768);
        QCOMPARE(context("dynamic:2", {5000}), 512);
        QCOMPARE(context("yarn:16", {5000}), 2048);
        QCOMPARE(context("yarn:4", {100, 700}), 700);
        model.originalMaxPositions = 64; // stored yarn without a factor: 256 / 64
        model.stored.kind = RopeKind::Yarn;
        QCOMPARE(context("model", {5000}), 256);
        QCOMPARE(context("none", {5000}), 64);
    }

    void initTestCase() {
        RandomModelOptions options;
        options.attentionBias = options.mlpBias = true;
        options.layers = 3;
        makeRandomHfModel(folder_.path().toStdString(), options, 77);
        auto model = openModel(folder_.path().toStdString());
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        model_ = *model;
        set_ = *makeCalibrationSet(makeDocuments({500, 30, 260}), *RopeSpec::parse("yarn:2"),
                                   model_->config().ropeModel(), 100, 4);
    }

    void windowsAreSpreadOverTheText() {
        QCOMPARE(set_.windows.size(), std::size_t{4}); // of 5 + 0 + 2
        const std::vector<std::pair<int, int>> expected{{0, 0}, {0, 1}, {0, 3}, {2, 0}};
        for (std::size_t at = 0; at < 4; ++at) {
            QCOMPARE(set_.windows[at].document, expected[at].first);
            QCOMPARE(set_.windows[at].index, expected[at].second);
            QCOMPARE(set_.windows[at].tokens.size(), std::size_t{100});
        }
        QCOMPARE(set_.tokens(), 400LL);
        QCOMPARE(set_.table.spec.text(), std::string("yarn:2"));
        const RopeModel rope = model_->config().ropeModel();
        QCOMPARE(makeCalibrationSet(makeDocuments({500}), {}, rope, 100, 16)->windows.size(), std::size_t{5});
        const auto tooShort = makeCalibrationSet(makeDocuments({50}), {}, rope, 100, 16);
        QVERIFY(!tooShort.ok() && tooShort.error().message.find("calibration") == 0);
    }

    void stepsOfALayerAreTheForwardPass() {
        const auto source = *openWeights(model_, {});
        Residual whole = embedded(source), steps = whole;
        WorkMeter meter(silent_, 1);
        ForwardPass pass(model_, set_.table, source, set_.context);
        QVERIFY(pass.runLayers(whole, 0, 2, nullptr, meter).ok());
        const LinearInputs inputs(model_->config(), set_.table, set_.context);
        for (int layer = 0; layer < 2; ++layer) {
            const auto weights = source->layer(layer);
            Matrix heads;
            inputs.output(weights, steps, heads, meter);
            inputs.addAttention(*weights, heads.view(), steps, meter);
            inputs.addFeedForward(*weights, steps, meter);
        }
        for (std::ptrdiff_t at = 0; at < whole.x.rows() * whole.x.cols(); ++at)
            QCOMPARE(steps.x.data()[at], whole.x.data()[at]);
        // What gate, up and down read: from the definition, in double.
        const auto weights = source->layer(2);
        Matrix normed, hidden;
        inputs.feedForward(*weights, steps, normed, meter);
        inputs.down(*weights, steps, hidden, meter);
        for (const std::ptrdiff_t token : {0, 131, 399}) {
            double squares = 0;
            for (int at = 0; at < 32; ++at) squares += std::pow(steps.x.row(token)[at], 2) / 32;
            std::vector<double> x(32);
            for (int at = 0; at < 32; ++at) {
                x[at] = steps.x.row(token)[at] / std::sqrt(squares + 1e-5) * weights->feedForwardNorm[at];
                QVERIFY(std::abs(normed.row(token)[at] - x[at]) < 1e-5);
            }
            for (int unit = 0; unit < 48; ++unit) {
                double gate = weights->biasOf(Projection::Gate)[unit],
                       up = weights->biasOf(Projection::Up)[unit];
                for (int at = 0; at < 32; ++at) {
                    gate += weights->matrix(Projection::Gate)(unit, at) * x[at];
                    up += weights->matrix(Projection::Up)(unit, at) * x[at];
                }
                QVERIFY(std::abs(hidden.row(token)[unit] - gate / (1 + std::exp(-gate)) * up) < 1e-4);
            }
        }
    }

    void momentsAreSumsOverTokens() {
        std::mt19937 random(1);
        std::normal_distribution<float> normal;
        Matrix x(1100, 150); // several slices and tiles
        for (std::ptrdiff_t at = 0; at < x.rows() * x.cols(); ++at) x.data()[at] = normal(random);
        WorkMeter meter(silent_, 1);
        InputMoments moments(150);
        moments.add(x.view().rowsFrom(0, 700), meter);
        moments.add(x.view().rowsFrom(700, 400), meter);
        QCOMPARE(moments.tokens(), 1100LL);
        QVERIFY(moments.finite());
        const Matrix gram = moments.gram();
        for (int a = 0; a < 150; a += 7) {
            double mean = 0;
            for (int token = 0; token < 1100; ++token) mean += std::abs(x.row(token)[a]) / 1100.0;
            QVERIFY(std::abs(moments.meanAbsolute()[a] - mean) < 1e-9);
            for (int b = 0; b < 150; ++b) {
                double sum = 0;
                for (int token = 0; token < 1100; ++token)
                    sum += static_cast<double>(x.row(token)[a]) * static_cast<double>(x.row(token)[b]);
                QVERIFY(std::abs(moments.product(a, b) - sum) < 1e-3);
                QCOMPARE(moments.product(a, b), moments.product(b, a));
                QCOMPARE(gram.row(a)[b], static_cast<float>(moments.product(a, b)));
            }
        }
        x.row(3)[149] = std::numeric_limits<float>::infinity();
        moments.add(x.view(), meter);
        QVERIFY(!moments.finite());
    }

    void gptqReadsWhatTheQuantizedLayersBelowGive() {
        const QuantSpec quant = *QuantSpec::parse("gptq:3:g16:act");
        const auto calibrated = calibrate("gptq:3:g16:act");
        QVERIFY2(calibrated.ok(), calibrated ? "" : calibrated.error().message.c_str());
        Residual stream = embedded(calibrated->weights);
        WorkMeter meter(silent_, 1);
        ForwardPass pass(model_, set_.table, calibrated->weights, set_.context);
        QVERIFY(pass.runLayers(stream, 0, 2, nullptr, meter).ok());
        LayerWeights original;
        original.load(*model_, 2);
        const LinearInputs inputs(model_->config(), set_.table, set_.context);
        const auto check = [&](const Matrix& read, Projection projection) {
            InputMoments moments(read.cols());
            moments.add(read.view(), meter);
            const auto factor = GptqFactor::make(moments, true, meter);
            return same(quantizeGptq(quant, original.matrix(projection), *factor, meter),
                        calibrated->weights->quantized(2)->projection[static_cast<std::size_t>(projection)]);
        };
        Matrix read;
        inputs.attention(original, stream, read, meter);
        QVERIFY(check(read, Projection::Q) && check(read, Projection::K) && check(read, Projection::V));
        // True sequential: o reads what the quantized q, k, v give; gate and up what o adds to that; down ...
        const auto quantized = calibrated->weights->layer(2);
        inputs.output(quantized, stream, read, meter);
        QVERIFY(check(read, Projection::O));
        inputs.addAttention(*quantized, read.view(), stream, meter);
        inputs.feedForward(*quantized, stream, read, meter);
        QVERIFY(check(read, Projection::Gate) && check(read, Projection::Up));
        inputs.down(*quantized, stream, read, meter);
        QVERIFY(check(read, Projection::Down));
    }

    void awqReadsWhatTheOriginalLayersBelowGive() {
        const auto calibrated = calibrate("awq:3:g16");
        QVERIFY2(calibrated.ok(), calibrated ? "" : calibrated.error().message.c_str());
        const auto original = *openWeights(model_, {});
        Residual stream = embedded(original);
        WorkMeter meter(silent_, 1);
        ForwardPass pass(model_, set_.table, original, set_.context);
        QVERIFY(pass.runLayers(stream, 0, 2, nullptr, meter).ok());
        const LinearInputs inputs(model_->config(), set_.table, set_.context);
        const auto weights = original->layer(2);
        // What q, k, v read: the output distortion is that of these inputs.
        Matrix read;
        inputs.attention(*weights, stream, read, meter);
        InputMoments moments(32);
        moments.add(read.view(), meter);
        const Distortion& found = calibrated->weights->quantized(2)->outputDistortion[0];
        const Distortion expected =
            outputDistortion(weights->matrix(Projection::Q), weights->matrix(Projection::Q),
                             moments.gram().view(), 400, meter);
        QCOMPARE(found.sumSquaredWeight, expected.sumSquaredWeight);
        QCOMPARE(expected.sumSquaredError, 0.0);
    }

    void tablesNameEveryProjection() {
        const auto calibrated = calibrate("awq:4:g16");
        QVERIFY(calibrated.ok());
        QCOMPARE(calibrated->errors.size(), std::size_t{21});
        const LayerOutputError& one = calibrated->errors[7 + 4];
        QCOMPARE(one.layer, 1);
        QCOMPARE(one.projection, Projection::Gate);
        for (const LayerOutputError& row : calibrated->errors) {
            QVERIFY(row.weight.snrDb() > 10 && row.output.snrDb() > 10);
            QVERIFY(row.output.cosine() > 0.9 && row.output.cosine() < 1);
            QVERIFY(std::abs(-20 * std::log10(row.relativeOutputError()) - row.output.snrDb()) < 1e-9);
        }
        QVERIFY(layerOutputErrors(**openWeights(model_, *QuantSpec::parse("rtn:4:g16")), model_->config())
                    .empty());
    }

    void sameResultForEveryThreadCount_data() {
        QTest::addColumn<QString>("spec");
        for (const char* spec : {"awq:4:g16", "gptq:4:g16:sym"}) QTest::newRow(spec) << spec;
    }
    void sameResultForEveryThreadCount() {
        QFETCH(QString, spec);
        const int before = omp_get_max_threads();
        std::vector<std::shared_ptr<const WeightSource>> results;
        for (const int threads : {1, 2, 3}) {
            omp_set_num_threads(threads);
            results.push_back(calibrate(qPrintable(spec))->weights);
        }
        omp_set_num_threads(before);
        for (const auto& result : results)
            for (int layer = 0; layer < 3; ++layer)
                QVERIFY(same(*result->quantized(layer), *results.front()->quantized(layer)));
    }

    void progressNamesLayersAndEndsAtTheEnd_data() {
        QTest::addColumn<QString>("spec");
        for (const char* spec : {"awq:4:g16", "gptq:4:g16"}) QTest::newRow(spec) << spec;
    }
    void progressNamesLayersAndEndsAtTheEnd() {
        QFETCH(QString, spec);
        StopAt watch("never");
        WorkMeter meter(
            watch, calibrationOperations(model_->config(), *QuantSpec::parse(spec.toStdString()), 4, 100));
        QVERIFY(calibrateWeights(model_, *QuantSpec::parse(spec.toStdString()), set_, meter).ok());
        meter.setStage("done");
        const std::string name = spec.toStdString();
        QCOMPARE(watch.stages, (std::vector<std::string>{name + " layer 1/3", name + " layer 2/3",
                                                         name + " layer 3/3", "done"}));
        QVERIFY2(watch.last > 0.9, qPrintable(QString::number(watch.last)));
    }

    void cancelEndsIt() {
        StopAt stop("gptq:4:g16 layer 2/3");
        const auto stopped = calibrate("gptq:4:g16", &stop);
        QVERIFY(!stopped.ok() && stopped.error().code == ErrorCode::Cancelled);
        StopAt early("awq:4:g16 layer 1/3");
        const auto none = calibrate("awq:4:g16", &early);
        QVERIFY(!none.ok() && none.error().code == ErrorCode::Cancelled);
        QCOMPARE(early.stages.size(), std::size_t{1});
    }

    void oneFactoryForAllVariants() {
        WorkMeter meter(silent_, 1);
        const auto rtn = makeWeights(model_, *QuantSpec::parse("rtn:4:g16"), nullptr, meter);
        QVERIFY(rtn.ok() && (*rtn)->spec().kind == QuantKind::Rtn);
        const auto missing = makeWeights(model_, *QuantSpec::parse("awq:4:g16"), nullptr, meter);
        QVERIFY(!missing.ok() && missing.error().message.find("needs calibration text") != std::string::npos);
        const auto gptq = makeWeights(model_, *QuantSpec::parse("gptq:4:g16"), &set_, meter);
        QVERIFY(gptq.ok() && (*gptq)->spec().text() == "gptq:4:g16");
        QVERIFY((*gptq)->quantized(1)->projection[3].consistent());
        QVERIFY(!openWeights(model_, *QuantSpec::parse("gptq:4:g16")).ok());
        QVERIFY(!calibrateWeights(model_, *QuantSpec::parse("rtn:4:g16"), set_, meter).ok());
    }

    void activationsThatOverflowAreRefused() {
        QTemporaryDir folder;
        RandomModelOptions options;
        options.gain = 1e14;
        makeRandomHfModel(folder.path().toStdString(), options, 6);
        const auto model = *openModel(folder.path().toStdString());
        WorkMeter meter(silent_, 1);
        for (const char* spec : {"awq:4:g16", "gptq:4:g16"}) {
            const auto refused = makeWeights(model, *QuantSpec::parse(spec), &set_, meter);
            QVERIFY(!refused.ok());
            QVERIFY2(refused.error().message.find(std::string(spec) + " layer ") == 0,
                     refused.error().message.c_str());
            QVERIFY(refused.error().message.find("overflow") != std::string::npos);
        }
    }

    void costsAreCounted() {
        const ModelConfig& c = model_->config();
        QCOMPARE(calibrationOperations(c, *QuantSpec::parse("rtn:4:g16"), 4, 100), 0.0);
        QCOMPARE(calibrationPeakBytes(c, *QuantSpec::parse("none"), 4, 100), 0.0);
        for (const char* spec : {"awq:4:g16", "gptq:4:g16"}) {
            const QuantSpec quant = *QuantSpec::parse(spec);
            QVERIFY(calibrationOperations(c, quant, 8, 100) > calibrationOperations(c, quant, 4, 100));
            QVERIFY(calibrationPeakBytes(c, quant, 8, 100) > calibrationPeakBytes(c, quant, 4, 100));
        }
    }
};

QTEST_APPLESS_MAIN(TestCalibrate)
#include "test_calibrate.moc"
