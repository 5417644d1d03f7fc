// What the dry run counts, against what passes really ask for: layers taken from a weight source, operations
// they report, and rates put in by hand. No clocks: what a machine can do differs.
#include "core/analysis/condition_work.h"
#include "core/analysis/damage.h"
#include "core/base/stopwatch.h"
#include "core/inference/batches.h"
#include "core/inference/reverse.h"
#include "core/session/packing_speed.h"
#include "tests/support/counting_weights.h"
#include "tests/support/safetensors_writer.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <random>

using namespace qroar;
using namespace qroar::test;

namespace {

bool near(double a, double b) {
    return std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

} // namespace

class TestConditionWork : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    AnalysisPlan plan_;
    std::vector<Window> windows_;
    ConditionKey key_;
    BandPartition bands_;

    [[nodiscard]] ConditionWork work(const AnalysisPlan& plan, const ConditionResult* held = nullptr) const {
        return conditionWork(plan, key_, held, bands_, static_cast<long long>(windows_.size()));
    }
    [[nodiscard]] double headWeights() const {
        const ModelConfig& c = plan_.model->config();
        return static_cast<double>(c.vocabSize) * c.hiddenSize;
    }

  private slots:
    void initTestCase() {
        makeRandomHfModel(folder_.path().toStdString(), RandomModelOptions{}, 5);
        plan_.model = openModel(folder_.path().toStdString()).value();
        Document document{"doc", "", "0", {}};
        std::mt19937 random(3);
        for (int token = 0; token < 5000; ++token) // three batches of the reverse pass
            document.tokens.push_back(static_cast<TokenId>(random() % 64));
        plan_.documents = std::make_shared<const std::vector<Document>>(1, document);
        plan_.ropes = {*RopeSpec::parse("none")};
        plan_.contexts = {100};
        plan_.quants = {*QuantSpec::parse("rtn:4:g16")};
        windows_ = *cutWindows(*plan_.documents, 100);
        key_ = plan_.conditions().front();
        bands_ = BandPartition::equal(2, plan_.model->config().pairs());
    }

    void forwardPassesAreCountedAsTheyRun() {
        auto source = std::make_shared<CountingWeights>(*openWeights(plan_.model, key_.quant));
        const auto table = *buildFrequencyTable(key_.rope, plan_.model->config().ropeModel(), 100);
        ForwardPass pass(plan_.model, table, source, 100);
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        NllSink nll(windows_);
        QVERIFY(pass.run(windows_, nullptr, nll, meter).ok());
        AnalysisPlan plan = plan_;
        plan.capture = false;
        const ConditionWork counted = work(plan);
        QVERIFY(near(counted.forward, meter.shareWork()));
        QVERIFY(near(counted.rounded, source->taken));
        QVERIFY(near(counted.converted, headWeights()));
        QCOMPARE(counted.reverse + counted.head + counted.compared + counted.captured, 0.0);
        plan.capture = true; // both stages, heads of q and k, every value that turns
        QVERIFY(near(work(plan).captured, 2.0 * 2 * (4 + 2) * 8 * 5000));
    }

    void reversePassesTakeEveryLayerTwiceABatch() {
        auto source = std::make_shared<CountingWeights>(*openWeights(plan_.model, key_.quant));
        const auto table = *buildFrequencyTable(key_.rope, plan_.model->config().ropeModel(), 100);
        ReversePass pass(plan_.model, table, source, 100);
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        QVERIFY(pass.run(
                        windows_, 1, [](int, const QkGradient&) {}, meter)
                    .ok());
        AnalysisPlan plan = plan_;
        plan.gradients = true;
        ConditionResult held;
        held.key = key_;
        const ConditionWork counted = work(plan, &held);
        QVERIFY(near(counted.rounded, source->taken));
        QVERIFY(source->taken
                > 5 * 2 * ForwardPass::layerBytes(plan_.model->config()) / 4); // several batches
        QVERIFY(near(counted.converted, headWeights()));
        QVERIFY(near(counted.reverse, 50 * ReversePass::operations(plan_.model->config(), 100)));
        QCOMPARE(counted.forward + counted.captured, 0.0); // that is there
        const ConditionWork both = work(plan), alone = work(plan_);
        QVERIFY(near(both.rounded, alone.rounded + counted.rounded) && near(both.reverse, counted.reverse));
    }

    /// Its parts are those of the forward sweep, 1 of each product but the head's, and of the way back.
    void reverseWorkHasParts() {
        const ModelConfig& c = plan_.model->config();
        const ReverseWork counted = ReversePass::work(c, 100);
        const double weights = 32 * (32 + 2 * 16) + 32 * 32 + 3 * 32 * 48; // of a layer
        const double product = 2.0 * 32 * 100 * 101 / 2;
        QVERIFY(near(counted.linear, 2 * 2.0 * 100 * weights));
        QVERIFY(near(counted.attention, 2 * 2 * product));
        QVERIFY(near(counted.linearBack, 2 * 2.0 * 100 * weights - 2.0 * 100 * 32 * (32 + 2 * 16)));
        QVERIFY(near(counted.attentionBack, (2 * 5 - 1) * product));
        QVERIFY(near(counted.headBack, 4.0 * 100 * 32 * 64));
        QVERIFY(near(counted.all(), ReversePass::operations(c, 100)));
    }

    void comparedConditionsRunTheirReferenceAndThreeHeads() {
        AnalysisPlan plan = plan_;
        plan.divergence = true;
        const ConditionWork alone = work(plan_), counted = work(plan);
        QVERIFY(near(counted.forward, 2 * alone.forward));
        QVERIFY(near(counted.compared, 5000.0 * 64));
        QVERIFY(near(counted.head, 2.0 * 5000 * headWeights())); // the reference's, once more
        QVERIFY(near(counted.rounded, alone.rounded));
        QVERIFY(near(counted.converted, alone.converted + alone.rounded)); // the reference's layers
        ConditionResult held; // the same, but for statistics, when it is added later
        held.key = key_;
        const ConditionWork later = work(plan, &held);
        QVERIFY(near(later.forward, counted.forward) && near(later.compared, counted.compared));
        QCOMPARE(later.captured, 0.0);
        key_.quant = *QuantSpec::parse("none"); // its own reference
        const ConditionWork plain = work(plan);
        key_.quant = plan_.quants.front();
        QCOMPARE(plain.compared + plain.head + plain.rounded, 0.0);
    }

    void damageIsComparedInEveryPass() {
        AnalysisPlan plan = plan_;
        plan.damage = DamageScope::Layers;
        const ConditionWork alone = work(plan_), layers = work(plan);
        const double passes = 2 * (1 + 2); // all layers and each of two, and a control of each
        QVERIFY(near(layers.head, passes * 2.0 * 5000 * headWeights()));
        QVERIFY(near(layers.compared, 1.8 * passes * 5000 * 64));
        QVERIFY(near(layers.forward, alone.forward + damageCost(plan, 100, 50, 2).operations));
        plan.damage = DamageScope::Bands; // and two bands of Q and of K in every layer
        QVERIFY(near(work(plan).compared, layers.compared * (1 + 2 * 5) / (1 + 2)));
    }

    /// However the ranks share the windows, each makes the layers of its own batches and the whole head.
    void everyRankMakesItsOwnLayers() {
        AnalysisPlan plan = plan_;
        plan.divergence = plan.noise = plan.gradients = true;
        plan.damage = DamageScope::Layers;
        const auto of = [&](const AnalysisPlan& asked, long long windows) {
            return conditionWork(asked, key_, nullptr, bands_, windows);
        };
        const ConditionWork half = of(plan_, 25), whole = of(plan_, 50); // one batch either way
        QVERIFY(near(whole.forward, 2 * half.forward) && near(whole.captured, 2 * half.captured));
        QVERIFY(near(whole.rounded, half.rounded) && near(whole.converted, half.converted));
        const double layer = ForwardPass::layerBytes(plan_.model->config()) / 4;
        QVERIFY(near(of(plan, 50).converted, of(plan, 25).converted));
        // A reverse pass has three batches of 50 windows and two of 25: of two layers, up and down.
        QVERIFY(near(of(plan, 50).rounded - of(plan, 25).rounded, 2 * 2 * layer));
    }

    /// Against runs, of one batch and of two, that keep both of the reference's layers, one, and none.
    void damageTakesLayersAsItRuns_data() {
        QTest::addColumn<int>("batches");
        QTest::addColumn<int>("kept");
        for (const int kept : {2, 1, 0}) QTest::addRow("one batch, %d kept", kept) << 1 << kept;
        QTest::newRow("two batches, one kept") << 2 << 1;
    }
    void damageTakesLayersAsItRuns() {
        QFETCH(int, batches);
        QFETCH(int, kept);
        RandomModelOptions shape; // whose batches have few tokens
        shape.layers = 2;
        shape.hidden = shape.intermediate = 16;
        shape.heads = 128;
        shape.kvHeads = 1;
        shape.headDim = 64;
        const QTemporaryDir folder;
        makeRandomHfModel(folder.path().toStdString(), shape, 6);
        AnalysisPlan plan = plan_;
        plan.model = openModel(folder.path().toStdString()).value();
        plan.capture = false;
        plan.contexts = {32};
        plan.damage = DamageScope::Layers;
        const ModelConfig& c = plan.model->config();
        const std::size_t batch = BatchCut::of(ForwardPass::batchTokens(c, 32), 32).windows;
        const std::size_t windows = batches == 1 ? 2 : batch + 1;
        Document document{"doc", "", "0", {}};
        std::mt19937 random(4);
        for (std::size_t token = 0; token < 32 * windows; ++token)
            document.tokens.push_back(static_cast<TokenId>(random() % 64));
        plan.documents = std::make_shared<const std::vector<Document>>(1, document);
        ConditionResult held;
        held.key = plan.conditions().front();
        held.table = *buildFrequencyTable(held.key.rope, c.ropeModel(), 32);
        const double layer = ForwardPass::layerBytes(c) / 4;
        auto plain = std::make_shared<CountingWeights>(*openWeights(plan.model, *QuantSpec::parse("none")));
        auto own = std::make_shared<CountingWeights>(*openWeights(plan.model, held.key.quant));
        ProgressSink silent;
        WorkMeter meter(silent, 1);
        const auto cached = cachedWeights(plain, (kept + 0.5) * 4 * layer);
        QVERIFY(withDamage(plan, held, bands_, cached, own, meter).ok());
        const DamageLayers taken = damageLayers(c.layers, kept, batches, 1);
        QCOMPARE(taken.own, own->taken / layer);
        QCOMPARE(taken.reference, plain->taken / layer);
        held.divergence.resize(windows); // nothing but the damage is missing
        const ConditionWork counted =
            conditionWork(plan, held.key, &held, bands_, static_cast<long long>(windows));
        QVERIFY(near(counted.rounded, own->taken));
        const double head = static_cast<double>(c.vocabSize) * c.hiddenSize;
        QVERIFY(near(counted.converted, damageLayers(c.layers, 2, batches, 1).reference * layer + head));
    }

    void secondsAreWorkOverRates() {
        MachineSpeed speed;
        speed.pass = {1e9, 1e9, 2e9, 3e9, 3e9, 3e9};
        speed.captured = 10;
        speed.compared = 20;
        speed.converted = 40;
        speed.rounded = 50;
        const ModelConfig& c = plan_.model->config();
        ConditionWork some;
        some.captured = 10;
        some.compared = 40;
        some.converted = 120;
        some.rounded = 200;
        some.head = 10e9;
        QVERIFY(near(secondsOf(some, c, 100, speed), 1 + 2 + 3 + 4 + 5));
        some = {};
        some.reverse = 7e9;
        QVERIFY(near(secondsOf(some, c, 100, speed), speed.pass.reverseSeconds(c, 100, 7e9)));
    }

    void everyPartOfAReversePassTakesItsTime() {
        const ModelConfig& c = plan_.model->config();
        const ReverseWork all = ReversePass::work(c, 100);
        const auto only = [&](double PassSpeed::*rate) { // the others are infinitely fast
            PassSpeed speed{1e300, 1e300, 1e300, 1e300, 1e300, 1e300};
            speed.*rate = 1;
            return speed.reverseSeconds(c, 100, all.all());
        };
        QVERIFY(near(only(&PassSpeed::linear), all.linear));
        QVERIFY(near(only(&PassSpeed::linearBack), all.linearBack));
        QVERIFY(near(only(&PassSpeed::headBack), all.headBack));
        QVERIFY(only(&PassSpeed::attention) > all.attention); // tiles on the diagonal are computed as a whole
        QVERIFY(only(&PassSpeed::attentionBack) > all.attentionBack);
        QVERIFY(only(&PassSpeed::head) < 1e-100); // its logits count with the way back
    }

    void ratesAreMeasuredWhereTheyAreWanted() {
        const ModelConfig& c = plan_.model->config();
        const MachineSpeed all = measureMachine(c, {true, true}), few = measureMachine(c, {});
        for (const double rate :
             {all.pass.linear, all.pass.attention, all.pass.head, all.pass.linearBack, all.pass.attentionBack,
              all.pass.headBack, all.compared, all.captured, all.converted, all.rounded, packingSpeed()})
            QVERIFY(rate > 1 && std::isfinite(rate));
        QCOMPARE(few.pass.linearBack + few.pass.attentionBack + few.pass.headBack + few.compared, 0.0);
    }

    void shortMeasurementsAreRepeated() {
        int runs = 0;
        QVERIFY(typicalSeconds([&runs] { ++runs; }) > 0);
        QVERIFY(runs >= 4 && runs <= 8); // fewer where one takes long
    }
};

QTEST_GUILESS_MAIN(TestConditionWork)
#include "test_condition_work.moc"
