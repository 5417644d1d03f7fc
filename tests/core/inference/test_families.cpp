// Every model family against an independent double-precision reference (tests/support/reference_family),
// token by token, both directions, and each feature of a family by a variation that must be noticed.
#include "core/inference/forward.h"
#include "core/inference/linear_inputs.h"
#include "core/inference/reverse.h"
#include "tests/support/family_fixtures.h"
#include "tests/support/naive_rtn.h"
#include "tests/support/reference_family.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <numeric>
#include <random>

using namespace qroar;
using qroar::test::familyFixture;
using qroar::test::FamilyFixture;
using qroar::test::familyFixtures;
using qroar::test::ReferenceFamily;
using qroar::test::ReferenceRope;
using qroar::test::writeFamily;

namespace {

constexpr int tokens = 147; // beyond a tile of queries, and longrope's original length

std::vector<TokenId> randomIds(int vocab, unsigned seed, int count = tokens) {
    std::mt19937 random(seed);
    std::vector<TokenId> ids(static_cast<std::size_t>(count));
    for (TokenId& id : ids) id = static_cast<TokenId>(random() % static_cast<unsigned>(vocab));
    return ids;
}

std::shared_ptr<const Model> opened(const QTemporaryDir& folder) {
    auto model = openModel(folder.path().toStdString());
    if (!model) qFatal("%s", model.error().message.c_str());
    return *model;
}

FrequencyTable tableOf(const Model& model, const char* rope, int context) {
    const auto table = buildFrequencyTable(*RopeSpec::parse(rope), model.config().ropeModel(), context);
    if (!table) qFatal("%s", table.error().message.c_str());
    return *table;
}

std::vector<float> nllOf(const std::shared_ptr<const Model>& model, const std::vector<TokenId>& ids,
                         const char* rope = "model", const QkGains& gains = {}, const QuantSpec& quant = {}) {
    ProgressSink silent;
    WorkMeter meter(silent, 1e9);
    const Window window{0, 0, ids};
    const int context = static_cast<int>(ids.size());
    ForwardPass pass(model, tableOf(*model, rope, context), *openWeights(model, quant), context, gains);
    NllSink nll(std::span(&window, 1));
    if (!pass.run(std::span(&window, 1), nullptr, nll, meter)) qFatal("the pass failed");
    return nll.nll().front();
}

double worst(const std::vector<float>& ours, const std::vector<double>& reference) {
    if (ours.size() != reference.size()) return INFINITY;
    double most = 0;
    for (std::size_t at = 0; at < ours.size(); ++at) {
        const double difference = std::abs(ours[at] - reference[at]);
        if (!(difference <= most)) most = std::isnan(difference) ? INFINITY : difference;
    }
    return most;
}

QkGains randomGains(const ModelConfig& config, unsigned seed) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> spread(0.7, 1.4);
    QkGains gains = QkGains::ones(config);
    for (double& gain : gains.q) gain = spread(random);
    for (double& gain : gains.k) gain = spread(random);
    return gains;
}

QkGradient gradientOf(const std::shared_ptr<const Model>& model, const std::vector<TokenId>& ids,
                      const QkGains& gains, double tapeBudget) {
    ProgressSink silent;
    WorkMeter meter(silent, 1e9);
    const Window window{0, 0, ids};
    const int context = static_cast<int>(ids.size());
    ReversePass pass(model, tableOf(*model, "model", context), *openWeights(model, {}), context, gains);
    pass.setTapeBudget(tapeBudget);
    QkGradient result;
    if (!pass.run(
            std::span(&window, 1), 1, [&](int, const QkGradient& one) { result = one; }, meter))
        qFatal("the pass failed");
    return result;
}

double lossOf(const ReferenceFamily& reference, const std::vector<TokenId>& ids) {
    const auto nll = reference.nll(ids);
    return std::accumulate(nll.begin(), nll.end(), 0.0);
}

/// Largest difference of `count` slopes from central differences, over the largest slope.
double worstSlope(const std::vector<double>& ours, std::vector<double>& values,
                  const ReferenceFamily& reference, const std::vector<TokenId>& ids, std::size_t count = 14) {
    if (ours.size() != values.size()) return INFINITY;
    constexpr double step = 1e-5;
    double largest = 1e-3, most = 0;
    for (const double value : ours) largest = std::max(largest, std::abs(value));
    const std::size_t stride = std::max<std::size_t>(1, ours.size() / count);
    for (std::size_t at = 0; at < ours.size(); at += stride) {
        const double before = values[at];
        values[at] = before * std::exp(step);
        const double above = lossOf(reference, ids);
        values[at] = before * std::exp(-step);
        const double slope = (above - lossOf(reference, ids)) / (2 * step);
        values[at] = before;
        const double difference = std::abs(ours[at] - slope);
        if (!(difference <= most)) most = std::isnan(difference) ? INFINITY : difference;
    }
    return most / largest;
}

void addFixtures() {
    QTest::addColumn<QString>("name");
    for (const FamilyFixture& fixture : familyFixtures())
        QTest::newRow(fixture.name.c_str()) << QString::fromStdString(fixture.name);
}

} // namespace

class TestFamilies : public QObject {
    Q_OBJECT
  private slots:
    void lossIsTheReferences_data() { addFixtures(); }
    void lossIsTheReferences() {
        QFETCH(QString, name);
        const FamilyFixture& fixture = familyFixture(name.toStdString());
        const QTemporaryDir folder;
        writeFamily(folder.path().toStdString(), fixture.config);
        const auto model = opened(folder);
        const auto ids = randomIds(model->config().vocabSize, 3);
        ReferenceFamily reference(folder.path().toStdString());
        const double difference = worst(nllOf(model, ids), reference.nll(ids));
        QVERIFY2(difference < 1e-5, qPrintable(QString::number(difference)));
        reference.rope = ReferenceRope{ReferenceRope::Kind::Linear, 3};
        const double scaled = worst(nllOf(model, ids, "linear:3"), reference.nll(ids));
        QVERIFY2(scaled < 1e-5, qPrintable(QString::number(scaled)));
    }

    /// Each feature: the reference agrees, and the loss is another one than without it.
    void everyFeatureIsNoticed_data() { addFixtures(); }
    void everyFeatureIsNoticed() {
        QFETCH(QString, name);
        const FamilyFixture& fixture = familyFixture(name.toStdString());
        const QTemporaryDir folder;
        writeFamily(folder.path().toStdString(), fixture.config);
        const auto ids = randomIds(64, 4);
        const auto plain = ReferenceFamily(folder.path().toStdString()).nll(ids);
        for (const auto& variation : fixture.variations) {
            nlohmann::json config = fixture.config;
            config.update(variation.change);
            const QTemporaryDir changed;
            writeFamily(changed.path().toStdString(), config);
            const auto ours = nllOf(opened(changed), ids);
            const double same = worst(ours, ReferenceFamily(changed.path().toStdString()).nll(ids));
            QVERIFY2(same < 1e-5,
                     qPrintable(QString::fromStdString(variation.name) + ": " + QString::number(same)));
            QVERIFY2(worst(ours, plain) > 1e-3, variation.name.c_str());
        }
    }

    void gradientsAreTheReferences_data() { addFixtures(); }
    void gradientsAreTheReferences() {
        QFETCH(QString, name);
        const QTemporaryDir folder;
        writeFamily(folder.path().toStdString(), familyFixture(name.toStdString()).config, 8);
        const auto model = opened(folder);
        const ModelConfig& config = model->config();
        const auto ids = randomIds(config.vocabSize, 6, 71);
        const QkGains gains = randomGains(config, 9);
        ReferenceFamily reference(folder.path().toStdString());
        reference.queryGains = gains.q;
        reference.keyGains = gains.k;
        reference.omegaFactors.assign(
            static_cast<std::size_t>(config.layers) * static_cast<std::size_t>(config.pairs()), 1.0);
        QVERIFY(worst(nllOf(model, ids, "model", gains), reference.nll(ids)) < 1e-5);
        for (const double budget : {ReversePass::defaultTapeBudget, 0.0}) { // kept, and computed again
            const QkGradient ours = gradientOf(model, ids, gains, budget);
            QVERIFY(std::abs(ours.nll - lossOf(reference, ids)) < 1e-3);
            const double q = worstSlope(ours.lnGainQ, reference.queryGains, reference, ids);
            const double k = worstSlope(ours.lnGainK, reference.keyGains, reference, ids);
            const double omega = worstSlope(ours.lnOmega, reference.omegaFactors, reference, ids);
            QVERIFY2(q < 1e-3 && k < 1e-3 && omega < 1e-3,
                     qPrintable(QString("%1 %2 %3").arg(q).arg(k).arg(omega)));
        }
    }

    /// The steps that quantizers take are those of the pass.
    void linearInputsAreThoseOfThePass_data() { addFixtures(); }
    void linearInputsAreThoseOfThePass() {
        QFETCH(QString, name);
        const QTemporaryDir folder;
        writeFamily(folder.path().toStdString(), familyFixture(name.toStdString()).config);
        const auto model = opened(folder);
        const auto ids = randomIds(model->config().vocabSize, 7);
        const Window window{0, 0, ids};
        ProgressSink silent;
        WorkMeter meter(silent, 1e9);
        const FrequencyTable table = tableOf(*model, "model", tokens);
        ForwardPass pass(model, table, QuantSpec{}, tokens);
        Residual stepped = pass.embed(std::span(&window, 1)), whole = pass.embed(std::span(&window, 1));
        const LinearInputs inputs(model->config(), table, tokens);
        for (int layer = 0; layer < model->config().layers; ++layer) {
            auto weights = std::make_shared<LayerWeights>();
            weights->load(*model, layer);
            Matrix heads;
            inputs.output(weights, stepped, heads, meter);
            inputs.addAttention(*weights, heads.view(), stepped, meter);
            inputs.addFeedForward(*weights, stepped, meter);
            QVERIFY(pass.runLayers(whole, layer, layer + 1, nullptr, meter).ok());
            for (std::ptrdiff_t at = 0; at < whole.x.rows() * whole.x.cols(); ++at)
                QCOMPARE(stepped.x.data()[at], whole.x.data()[at]);
        }
    }

    /// Fused projections are rounded as the projections they hold.
    void roundedWeightsAreTheReferences_data() { addFixtures(); }
    void roundedWeightsAreTheReferences() {
        QFETCH(QString, name);
        const QTemporaryDir folder;
        writeFamily(folder.path().toStdString(), familyFixture(name.toStdString()).config);
        const auto model = opened(folder);
        const auto ids = randomIds(model->config().vocabSize, 7);
        ReferenceFamily reference(folder.path().toStdString());
        reference.transform = [](const std::string& stem, std::vector<double>& weights, int out, int in) {
            if (stem.find("_proj") == std::string::npos) return;
            const std::vector<float> stored(weights.begin(), weights.end());
            weights = naive::quantize(stored, out, in, 8, 8, false).values;
        };
        const double difference =
            worst(nllOf(model, ids, "model", {}, *QuantSpec::parse("rtn:8:g8")), reference.nll(ids));
        QVERIFY2(difference < 1e-4, qPrintable(QString::number(difference)));
    }

    void halfPrecisionIsRead() {
        for (const char* name : {"gemma3", "phi4-mini longrope"}) {
            const QTemporaryDir folder;
            writeFamily(folder.path().toStdString(), familyFixture(name).config, 5, "BF16");
            const auto ids = randomIds(64, 3);
            QVERIFY(worst(nllOf(opened(folder), ids), ReferenceFamily(folder.path().toStdString()).nll(ids))
                    < 1e-5);
        }
    }
};

QTEST_APPLESS_MAIN(TestFamilies)
#include "test_families.moc"
