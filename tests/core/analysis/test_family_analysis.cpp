// What analyses make of layers with windows, RoPE of their own or none, scales of q k, and norms of heads:
// logit noise against products of the rotated q and k of two passes, folded layers against gains in the pass.
#include "core/analysis/analysis.h"
#include "core/analysis/layer_variants.h"
#include "core/analysis/noise.h"
#include "core/inference/forward.h"
#include "tests/support/family_fixtures.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <map>
#include <random>

using namespace qroar;
using qroar::test::familyFixture;
using qroar::test::writeFamily;

namespace {

constexpr int context = 64;
ProgressSink silent;

/// q and k behind RoPE of every layer.
class Rotated : public ActivationProbe {
  public:
    [[nodiscard]] bool wants(int, QkTensor, RopeStage stage) const override {
        return stage == RopeStage::Post;
    }
    void deliver(const QkActivations& a) override {
        Matrix& kept = seen[{a.layer, a.tensor}];
        kept.resize(a.values.rows, a.values.cols);
        for (std::ptrdiff_t row = 0; row < a.values.rows; ++row)
            std::copy_n(a.values.row(row), a.values.cols, kept.row(row));
    }
    std::map<std::pair<int, QkTensor>, Matrix> seen;
};

struct Run {
    Rotated rotated;
    std::vector<float> nll;
};
Run runOf(const std::shared_ptr<const Model>& model, const FrequencyTable& table,
          std::shared_ptr<const WeightSource> weights, const Window& window, const QkGains& gains = {}) {
    Run run;
    WorkMeter meter(silent, 1e9);
    ForwardPass pass(model, table, std::move(weights), context, gains);
    NllSink nll(std::span(&window, 1));
    if (!pass.run(std::span(&window, 1), &run.rotated, nll, meter)) qFatal("the pass failed");
    run.nll = nll.nll().front();
    return run;
}

Document someDocument() {
    Document document;
    document.name = document.fingerprint = "doc";
    std::mt19937 random(4);
    for (int token = 0; token < context; ++token)
        document.tokens.push_back(static_cast<TokenId>(random() % 64));
    return document;
}

} // namespace

class TestFamilyAnalysis : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    const Document document_ = someDocument(); ///< windows look into it

    std::shared_ptr<const Model> modelOf(const char* fixture) {
        const auto path = folder_.filePath(fixture).toStdString();
        writeFamily(path, familyFixture(fixture).config);
        auto model = openModel(path);
        if (!model) qFatal("%s", model.error().message.c_str());
        return *model;
    }

  private slots:
    void noiseIsThatOfTheRotatedProducts_data() {
        QTest::addColumn<std::string>("fixture");
        for (const char* name : {"gemma2", "gemma3", "granite", "smollm3", "qwen3"})
            QTest::newRow(name) << std::string(name);
    }
    void noiseIsThatOfTheRotatedProducts() {
        QFETCH(std::string, fixture);
        AnalysisPlan plan;
        plan.model = modelOf(fixture.c_str());
        plan.documents = std::make_shared<const std::vector<Document>>(1, document_);
        plan.noise = true;
        const ModelConfig& c = plan.model->config();
        ConditionResult condition;
        condition.key.rope = *RopeSpec::parse("yarn:4");
        condition.key.quant = *QuantSpec::parse("rtn:3:g8");
        condition.key.context = context;
        condition.table = *buildFrequencyTable(condition.key.rope, c.ropeModel(), context);
        const auto weights = *openWeights(plan.model, condition.key.quant);
        WorkMeter meter(silent, 1e9);
        const auto result = withNoise(plan, condition, weights, meter);
        QVERIFY(result.ok());
        const NoiseStatistics& noise = (*result)->noise;

        const Window window{0, 0, document_.tokens};
        Run was = runOf(plan.model, condition.table, *openWeights(plan.model, {}), window);
        Run is = runOf(plan.model, condition.table, weights, window);
        for (int layer = 0; layer < c.layers; ++layer)
            for (int bucket = 0; bucket < noise.shape().distances(); ++bucket) {
                double squares = 0, samples = 0;
                const auto at = static_cast<std::size_t>(bucket);
                for (const NoiseSample& sample :
                     noiseSamples(noise.shape().distanceEdges[at], noise.shape().distanceEdges[at + 1],
                                  context, 0, 64)) {
                    if (c.windowOf(layer) > 0 && sample.distance >= c.windowOf(layer)) continue;
                    for (int head = 0; head < c.heads; ++head) {
                        double error = 0; // of the rotated dims: partial ones have no pair
                        for (int dim = 0; dim < c.rotaryDim; ++dim) {
                            const int q = head * c.headDim + dim;
                            const int k = head / (c.heads / c.kvHeads) * c.headDim + dim;
                            const auto part = [&](Run& run) {
                                return static_cast<double>(
                                           run.rotated.seen[{layer, QkTensor::Q}].row(sample.query)[q])
                                       * run.rotated.seen[{layer, QkTensor::K}].row(sample.query
                                                                                    - sample.distance)[k];
                            };
                            error += (part(is) - part(was)) * c.attentionFactor();
                        }
                        squares += error * error;
                        samples += 1;
                    }
                }
                const std::size_t cell = noise.logitCell(layer, 0, bucket);
                QCOMPARE(noise.samples(cell), samples);
                double found = 0; // sum over pairs of pairs
                const int pairs = noise.shape().pairs;
                for (int first = 0; first < pairs; ++first)
                    for (int second = first; second < pairs; ++second)
                        found += (first == second ? 1 : 2)
                                 * noise.products(cell)[noise.productIndex(first, second)];
                QVERIFY2(std::abs(found - squares) <= 1e-3 * squares + 1e-9,
                         qPrintable(QString("layer %1: %2 and %3").arg(layer).arg(found).arg(squares)));
            }
    }

    /// Gains in the rows or in the norms of a layer are gains in the pass.
    void foldedLayersComputeTheGains() {
        for (const char* fixture : {"qwen3", "gemma3", "phi4-mini longrope"}) {
            const auto model = modelOf(fixture);
            const ModelConfig& c = model->config();
            const FrequencyTable table = *buildFrequencyTable({}, c.ropeModel(), context);
            QkGains gains = QkGains::ones(c);
            std::mt19937 random(7);
            for (std::vector<double>* values : {&gains.q, &gains.k})
                for (double& gain : *values) gain = 0.6 + static_cast<double>(random() % 1000) / 1000;
            const auto plain = *openWeights(model, {});
            const auto folded =
                withLayers(plain, [&](int layer) { return foldedLayer(*plain, gains, c, layer); });
            const Window window{0, 0, document_.tokens};
            const Run wanted = runOf(model, table, plain, window, gains);
            const Run found = runOf(model, table, folded, window);
            const Run without = runOf(model, table, plain, window);
            double most = 0, apart = 0;
            for (std::size_t at = 0; at < wanted.nll.size(); ++at) {
                most = std::max(most, std::abs(static_cast<double>(found.nll[at]) - wanted.nll[at]));
                apart = std::max(apart, std::abs(static_cast<double>(without.nll[at]) - wanted.nll[at]));
            }
            QVERIFY2(most < 2e-5 && apart > 1e-2, qPrintable(QString("%1 %2").arg(most).arg(apart)));
        }
    }
};

QTEST_APPLESS_MAIN(TestFamilyAnalysis)
#include "test_family_analysis.moc"
