// The reverse pass against central finite differences of the naive double-precision reference
// (tests/support/reference_llama), coordinate by coordinate, and against what must hold of any gradient.
#include "core/inference/reverse.h"
#include "tests/support/reference_llama.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <omp.h>

#include <cmath>
#include <numeric>
#include <random>

using namespace qroar;
using qroar::test::makeRandomHfModel;
using qroar::test::RandomModelOptions;
using qroar::test::ReferenceLlama;
using qroar::test::ReferenceRope;

namespace {

const std::filesystem::path sharedModels = QROAR_SOURCE_DIR "/../shared/models";
const std::filesystem::path sampleModel = QROAR_SOURCE_DIR "/samples/model";

std::vector<TokenId> randomIds(std::size_t count, int vocab, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<TokenId> ids(count);
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % static_cast<unsigned>(vocab));
    return ids;
}

/// The same checkpoint read as if its rows were in the other order.
class InterleavedModel : public Model {
  public:
    explicit InterleavedModel(std::shared_ptr<const Model> stored) : Model(*stored), stored_(stored) {
        config_.pairLayout = PairLayout::Interleaved;
    }

  private:
    std::shared_ptr<const Model> stored_; ///< owns the mapping
};

std::shared_ptr<const Model> randomModel(const QTemporaryDir& folder, const RandomModelOptions& options,
                                         bool interleaved = false) {
    makeRandomHfModel(folder.path().toStdString(), options, 12);
    auto model = openModel(folder.path().toStdString());
    if (!model) qFatal("%s", model.error().message.c_str());
    if (interleaved) return std::make_shared<InterleavedModel>(*model);
    return *model;
}

QkGains randomGains(const ModelConfig& config, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> spread(0.7, 1.4);
    QkGains gains = QkGains::ones(config);
    for (double& gain : gains.q) gain = spread(random);
    for (double& gain : gains.k) gain = spread(random);
    return gains;
}

struct Run {
    std::vector<QkGradient> windows;
    Status status = Done{};
};

Run reverse(const std::shared_ptr<const Model>& model, const char* rope, std::span<const Window> windows,
            const QkGains& gains = {}, int firstPosition = 1, ProgressSink* sink = nullptr,
            double tapeBudget = ReversePass::defaultTapeBudget) {
    ProgressSink silent;
    int context = 0;
    for (const Window& window : windows) context = std::max(context, static_cast<int>(window.tokens.size()));
    const auto table = buildFrequencyTable(*RopeSpec::parse(rope), model->config().ropeModel(), context);
    WorkMeter meter(sink ? *sink : silent, 1e9);
    ReversePass pass(model, *table, *openWeights(model, {}), context, gains);
    pass.setTapeBudget(tapeBudget);
    Run run;
    run.status = pass.run(
        windows, firstPosition,
        [&](int window, const QkGradient& gradient) {
            QCOMPARE(window, static_cast<int>(run.windows.size()));
            run.windows.push_back(gradient);
        },
        meter);
    return run;
}

double referenceLoss(const ReferenceLlama& reference, const std::vector<TokenId>& ids,
                     std::size_t firstPosition) {
    const std::vector<double> nll = reference.nll(ids);
    return std::accumulate(nll.begin() + static_cast<std::ptrdiff_t>(firstPosition) - 1, nll.end(), 0.0);
}

/// d loss / d ln of values[at], by central differences with step `step`; values is a member of `reference`.
double slope(const ReferenceLlama& reference, std::vector<double>& values, std::size_t at, double step,
             const std::vector<TokenId>& ids, std::size_t firstPosition) {
    const double before = values[at];
    values[at] = before * std::exp(step);
    const double above = referenceLoss(reference, ids, firstPosition);
    values[at] = before * std::exp(-step);
    const double below = referenceLoss(reference, ids, firstPosition);
    values[at] = before;
    return (above - below) / (2 * step);
}

/// Largest difference at about `count` coordinates, evenly spread, over the largest slope seen.
double worstRelative(const std::vector<double>& ours, std::vector<double>& values,
                     const ReferenceLlama& reference, double step, const std::vector<TokenId>& ids,
                     std::size_t firstPosition = 1, std::size_t count = 10) {
    if (ours.size() != values.size()) return INFINITY;
    double largest = 1e-3, worst = 0;
    for (const double value : ours) largest = std::max(largest, std::abs(value));
    const std::size_t stride = std::max<std::size_t>(1, ours.size() / count);
    for (std::size_t at = 0; at < ours.size(); at += stride) {
        const double difference = std::abs(ours[at] - slope(reference, values, at, step, ids, firstPosition));
        if (!(difference <= worst)) worst = std::isnan(difference) ? INFINITY : difference;
    }
    return worst / largest;
}

constexpr double gainStep = 1e-4;
constexpr double omegaStep = 1e-5; ///< positions multiply it: 1e-5 turns the last tokens by 0.003

/// Gives the reference the gains of the product and frequency factors of one, ready to be perturbed.
void armReference(ReferenceLlama& reference, const QkGains& gains) {
    reference.queryGains = gains.q;
    reference.keyGains = gains.k;
    const ModelConfig& c = reference.config;
    reference.omegaFactors.assign(static_cast<std::size_t>(c.layers * c.pairs()), 1.0);
}

} // namespace

struct GradientCase {
    RandomModelOptions options;
    const char* rope = "none";
    ReferenceRope reference;
    bool interleaved = false, gains = false;
    int firstPosition = 1;
};
Q_DECLARE_METATYPE(GradientCase)

class TestReverse : public QObject {
    Q_OBJECT
  private slots:
    void finiteDifferences_data() {
        using Kind = ReferenceRope::Kind;
        QTest::addColumn<GradientCase>("test");
        const GradientCase base;
        QTest::newRow("grouped queries") << base;
        GradientCase t = base;
        t.options.heads = t.options.kvHeads = 3, t.options.headDim = 16;
        QTest::newRow("every head its own keys, wide heads") << t;
        t = base;
        t.options.attentionBias = t.options.mlpBias = true, t.options.tied = false, t.gains = true;
        QTest::newRow("biases, own lm_head, gains") << t;
        t = base;
        t.options.partialRotaryFactor = 0.5, t.gains = true;
        QTest::newRow("partial rotary, gains") << t;
        t = base;
        t.options.architecture = "MistralForCausalLM", t.options.slidingWindow = 140;
        QTest::newRow("sliding window") << t;
        t.options.slidingWindow = 21;
        QTest::newRow("short sliding window") << t;
        t = base;
        t.interleaved = t.gains = true;
        QTest::newRow("interleaved pairs, gains") << t;
        t = base;
        t.rope = "yarn:4:orig=64:beta_fast=8", t.reference = {Kind::Yarn, 4, 64, 8}, t.gains = true;
        QTest::newRow("yarn, m = 1.139, gains") << t;
        t = base;
        t.rope = "linear:4", t.reference = {Kind::Linear, 4}, t.firstPosition = 150;
        QTest::newRow("loss of the later half") << t;
        t = base;
        t.options.layers = 3, t.options.kvHeads = 1, t.options.vocab = 300,
        t.options.partialRotaryFactor = 0.5;
        t.rope = "yarn:4:orig=64:beta_fast=8", t.reference = {Kind::Yarn, 4, 64, 8};
        t.interleaved = t.gains = true, t.options.attentionBias = true;
        QTest::newRow("all at once, one KV head") << t;
    }
    void finiteDifferences() {
        QFETCH(GradientCase, test);
        const QTemporaryDir folder;
        const auto model = randomModel(folder, test.options, test.interleaved);
        const auto ids = randomIds(291, test.options.vocab, 3); // three tiles, the last one partial
        const Window window{0, 0, ids};
        const QkGains gains = test.gains ? randomGains(model->config(), 5) : QkGains::ones(model->config());
        const Run run = reverse(model, test.rope, std::span(&window, 1), gains, test.firstPosition);
        QVERIFY(run.status.ok());
        const QkGradient& ours = run.windows.at(0);

        ReferenceLlama reference(*model);
        reference.rope = test.reference;
        armReference(reference, gains);
        const auto first = static_cast<std::size_t>(test.firstPosition);
        QCOMPARE(ours.tokens, static_cast<long long>(ids.size() - first));
        QVERIFY(std::abs(ours.nll - referenceLoss(reference, ids, first)) < 1e-5 * ours.nll);
        const double q = worstRelative(ours.lnGainQ, reference.queryGains, reference, gainStep, ids, first);
        const double k = worstRelative(ours.lnGainK, reference.keyGains, reference, gainStep, ids, first);
        const double omega =
            worstRelative(ours.lnOmega, reference.omegaFactors, reference, omegaStep, ids, first);
        qInfo("relative to the largest slope: gQ %.1e, gK %.1e, omega %.1e", q, k, omega);
        QVERIFY2(q < 1e-4, qPrintable(QString::number(q)));
        QVERIFY2(k < 1e-4, qPrintable(QString::number(k)));
        QVERIFY2(omega < 1e-4, qPrintable(QString::number(omega)));
    }

    void trainedModels_data() {
        QTest::addColumn<QString>("path");
        QTest::newRow("stories260K") << QString::fromStdString((sharedModels / "stories260K-hf").string());
        QTest::newRow("sample") << QString::fromStdString(sampleModel.string());
    }
    void trainedModels() {
        QFETCH(QString, path);
        if (!std::filesystem::exists(path.toStdString())) QSKIP("the shared models are not here");
        const auto model = openModel(path.toStdString());
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        const ModelConfig& config = (*model)->config();
        const auto ids = randomIds(140, config.vocabSize, 21);
        const Window window{0, 0, ids};
        const QkGains gains = randomGains(config, 6);
        const Run run = reverse(*model, "linear:2", std::span(&window, 1), gains);
        ReferenceLlama reference(**model);
        reference.rope = {ReferenceRope::Kind::Linear, 2};
        armReference(reference, gains);
        const QkGradient& ours = run.windows.at(0);
        const double q = worstRelative(ours.lnGainQ, reference.queryGains, reference, gainStep, ids, 1, 3);
        const double k = worstRelative(ours.lnGainK, reference.keyGains, reference, gainStep, ids, 1, 3);
        const double omega =
            worstRelative(ours.lnOmega, reference.omegaFactors, reference, omegaStep, ids, 1, 3);
        qInfo("relative to the largest slope: gQ %.1e, gK %.1e, omega %.1e", q, k, omega);
        QVERIFY(q < 1e-4 && k < 1e-4 && omega < 1e-4);
    }

    /// Identity 5 of method.md: a logit sees only gQ gK.
    void queriesAndKeysShareTheirGradient() {
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const ModelConfig& c = model->config();
        const auto ids = randomIds(500, 64, 13);
        const Window window{0, 0, ids};
        const Run run = reverse(model, "yarn:4", std::span(&window, 1), randomGains(c, 7));
        const QkGradient& gradient = run.windows.at(0);
        const int group = c.heads / c.kvHeads;
        double largest = 0, worst = 0;
        for (int layer = 0; layer < c.layers; ++layer)
            for (int kvHead = 0; kvHead < c.kvHeads; ++kvHead)
                for (int pair = 0; pair < c.pairs(); ++pair) {
                    const double key = gradient.lnGainK[(layer * c.kvHeads + kvHead) * c.pairs() + pair];
                    double queries = 0;
                    for (int head = kvHead * group; head < (kvHead + 1) * group; ++head)
                        queries += gradient.lnGainQ[(layer * c.heads + head) * c.pairs() + pair];
                    largest = std::max(largest, std::abs(key));
                    worst = std::max(worst, std::abs(key - queries));
                }
        qInfo("relative to the largest slope: %.1e", worst / largest);
        QVERIFY(largest > 0.1);
        QVERIFY2(worst < 2e-6 * largest, qPrintable(QString::number(worst / largest)));
    }

    void windowsOfABatchDoNotSeeEachOther() {
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(600, 64, 7);
        std::vector<Window> windows;
        for (int at = 0; at < 4; ++at)
            windows.push_back({at / 2, at % 2, std::span(ids).subspan(at * 150, 150)});
        const Run together = reverse(model, "yarn:2", windows);
        QCOMPARE(together.windows.size(), windows.size());
        for (int at = 0; at < 4; ++at) {
            const Run alone = reverse(model, "yarn:2", std::span(windows).subspan(at, 1));
            for (std::size_t value = 0; value < alone.windows[0].lnGainQ.size(); ++value)
                QVERIFY(std::abs(together.windows[at].lnGainQ[value] - alone.windows[0].lnGainQ[value])
                        < 1e-4);
        }
        QkGradient sum = QkGradient::zero(model->config());
        for (const QkGradient& one : together.windows) sum.add(one, 0.5);
        QCOMPARE(sum.tokens, 4LL * 149);
        QCOMPARE(sum.lnOmega[3], 0.5
                                     * (together.windows[0].lnOmega[3] + together.windows[1].lnOmega[3]
                                        + together.windows[2].lnOmega[3] + together.windows[3].lnOmega[3]));
    }

    void recomputedActivationsAreTheSame() {
        const QTemporaryDir folder;
        RandomModelOptions options;
        options.layers = 3;
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(300, 64, 10);
        const Window window{0, 0, ids};
        const QkGradient kept = reverse(model, "yarn:2", std::span(&window, 1)).windows.at(0);
        // Floats a token: 3 residuals of 32, 100 an attention, 128 the rest of a layer. Kept: nothing, one
        // attention, all of them, all and one rest.
        for (const double floats : {0.0, 96 + 150.0, 96 + 300.0, 96 + 500.0}) {
            const Run run = reverse(model, "yarn:2", std::span(&window, 1), {}, 1, nullptr, 4 * 300 * floats);
            const QkGradient& again = run.windows.at(0);
            QVERIFY(again.lnGainQ == kept.lnGainQ && again.lnGainK == kept.lnGainK
                    && again.lnOmega == kept.lnOmega); // bit for bit
        }
    }

    /// With little memory only the streams below every few layers are kept; the rest comes again, also where
    /// the highest segment is a short one.
    void repeatedLayersAreTheSame_data() {
        QTest::addColumn<int>("layers");
        for (const int layers : {4, 7, 9, 10}) QTest::addRow("%d layers", layers) << layers;
    }
    void repeatedLayersAreTheSame() {
        QFETCH(int, layers);
        const QTemporaryDir folder;
        RandomModelOptions options;
        options.layers = layers;
        const auto model = randomModel(folder, options);
        const auto ids = randomIds(400, 64, 10);
        const std::vector<Window> windows{{0, 0, std::span(ids).first(150)},
                                          {0, 1, std::span(ids).subspan(150, 200)},
                                          {0, 2, std::span(ids).subspan(350)}};
        const Run kept = reverse(model, "yarn:2", windows);
        // Floats a token for streams of 32: none, and as many as half of the layers have.
        for (const double floats : {0.0, 32.0 * layers / 4}) {
            const Run run = reverse(model, "yarn:2", windows, {}, 1, nullptr, 4 * 200 * floats);
            QVERIFY(run.status);
            for (std::size_t at = 0; at < windows.size(); ++at) { // bit for bit
                const QkGradient &again = run.windows.at(at), &once = kept.windows.at(at);
                QVERIFY(again.lnGainQ == once.lnGainQ && again.lnGainK == once.lnGainK
                        && again.lnOmega == once.lnOmega && again.nll == once.nll);
            }
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
        for (const int threads : {1, 2, 4}) {
            omp_set_num_threads(threads);
            runs.push_back(reverse(model, "yarn:4", windows, randomGains(model->config(), 9)));
        }
        omp_set_num_threads(before);
        for (const Run& run : runs)
            for (std::size_t window = 0; window < windows.size(); ++window) { // bit for bit
                const QkGradient &a = run.windows.at(window), &b = runs.front().windows.at(window);
                QVERIFY(a.nll == b.nll);
                QVERIFY(a.lnGainQ == b.lnGainQ && a.lnGainK == b.lnGainK && a.lnOmega == b.lnOmega);
            }
    }

    void cancelStopsWithinTiles() {
        class StopAfter : public ProgressSink {
          public:
            explicit StopAfter(int asks) : left_(asks) {}
            [[nodiscard]] bool cancelled() const override { return left_.fetch_sub(1) <= 0; }

          private:
            mutable std::atomic<int> left_;
        };
        const QTemporaryDir folder;
        const auto model = randomModel(folder, {});
        const auto ids = randomIds(300, 64, 9);
        const Window window{0, 0, ids};
        for (const int asks : {0, 5, 20, 60, 100}) { // in the forward sweep, the loss, the reverse sweep
            StopAfter stop(asks);
            const Run run = reverse(model, "none", std::span(&window, 1), {}, 1, &stop);
            QVERIFY(!run.status.ok());
            QVERIFY(run.status.error().code == ErrorCode::Cancelled);
            QVERIFY(run.windows.empty());
        }
    }
};

QTEST_APPLESS_MAIN(TestReverse)
#include "test_reverse.moc"
