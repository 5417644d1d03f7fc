// Names of conditions, look-ups, and the synthetic session that other tests lean on.
#include "core/session/condition_name.h"
#include "core/session/session.h"
#include "tests/support/synthetic_session.h"

#include <QElapsedTimer>
#include <QTest>

#include <cmath>
#include <set>

using namespace qroar;

namespace {
ConditionKey key(const char* rope, int context, const char* quant) {
    return {RopeSpec::parse(rope).value(), context, QuantSpec::parse(quant).value()};
}
} // namespace

class TestSession : public QObject {
    Q_OBJECT
  private slots:
    void textOfKey() {
        QCOMPARE(key("yarn:4", 1024, "rtn:4:g64").text(),
                 std::string("yarn:4 \xc2\xb7 1024 \xc2\xb7 rtn:4:g64"));
        QCOMPARE(key("none", 256, "none").text(), std::string("none \xc2\xb7 256 \xc2\xb7 none"));
    }

    void namesThatPeopleType() {
        Session session = *test::makeSyntheticSession();
        const auto named = [&](const char* text) {
            const auto index = conditionNamed(session, text);
            return index ? session.conditions[static_cast<std::size_t>(*index)]->key.text()
                         : "no: " + index.error().message;
        };
        const std::string full = key("yarn:4", 1024, "none").text();
        for (const char* text :
             {"yarn:4 \u00b7 1024 \u00b7 none", "yarn:4 . 1024 . none", "yarn:4\u00b71,024\u00b7FP",
              "yarn:4 \u00b7 1,024 \u00b7 FP", " yarn:4 .  1,024 . fp "})
            QCOMPARE(named(text), full);
        QCOMPARE(named("yarn:4 . 4,096 . rtn:4:g64"), key("yarn:4", 4096, "rtn:4:g64").text());
        QVERIFY(QByteArray(named("FP").c_str()).startsWith("no: expected what only one condition is called"));
        QVERIFY(QByteArray(named("FP").c_str()).contains("yarn:4"));
        QVERIFY(QByteArray(named("yarn:9").c_str()).contains("found \"yarn:9\""));
        QVERIFY(!namesCondition(key("none", 256, "rtn:4:g64"), "FP")); // "none" is its RoPE
        QVERIFY(namesCondition(key("yarn:4", 1024, "rtn:4:g64"), "yarn"));

        auto scaled = std::make_shared<ConditionResult>(*session.find(key("yarn:4", 1024, "none")));
        scaled->key.scales = "g1";
        session.conditions.push_back(scaled);
        QCOMPARE(named("yarn:4 . 1,024 . FP"), full); // the whole name goes before a part
        QCOMPARE(named("FP . g1"), scaled->key.text());

        auto exact = std::make_shared<ConditionResult>(*session.find(key("yarn:4", 1024, "none")));
        exact->key = key("yarn:2:orig=256:attn=1.07:beta_fast=16:beta_slow=2", 1024, "gptq:4:g64:sym:act");
        session.conditions.push_back(exact); // the order of options, and those of the default, mean nothing
        for (const char* text :
             {"yarn:2:beta_slow=2:beta_fast=16:attn=1.07:orig=256 . 1024 . gptq:4:g64:act:sym",
              "yarn:2:attn=1.070:orig=256:beta_fast=16.0:beta_slow=2 . 1,024", "1024 . gptq:4:g64:act:sym"})
            QCOMPARE(QString::fromStdString(named(text)), QString::fromStdString(exact->key.text()));
    }

    void findsExactlyTheKey() {
        const auto session = test::makeSyntheticSession();
        for (const auto& condition : session->conditions) QCOMPARE(session->find(condition->key), condition);
        QVERIFY(!session->find(key("yarn:8", 1024, "none")));
        QVERIFY(!session->find(key("yarn:4", 512, "none")));
        QVERIFY(!session->find(key("yarn:4", 1024, "rtn:3:g64")));
    }

    void shortReferencePrefersTheSameQuantization() {
        const auto session = test::makeSyntheticSession();
        const auto reference = [&](const char* rope, int context, const char* quant) {
            const auto found = session->shortReference(*session->find(key(rope, context, quant)));
            return found ? found->key.text() : std::string("none found");
        };
        QCOMPARE(reference("yarn:4", 4096, "rtn:4:g64"), key("none", 256, "rtn:4:g64").text());
        QCOMPARE(reference("yarn:4", 4096, "none"), key("none", 256, "none").text());
        QCOMPARE(reference("none", 1024, "none"), key("none", 256, "none").text());
    }

    void shortReferenceIsWithoutScales() {
        Session session = *test::makeSyntheticSession();
        for (const char* rope : {"none", "yarn:4"}) {
            auto scaled = std::make_shared<ConditionResult>(*session.find(key(rope, 256, "rtn:4:g64")));
            scaled->key.scales = "g1";
            session.conditions.insert(session.conditions.begin(), scaled);
        }
        QCOMPARE(session.shortReference(*session.conditions.front())->key.text(),
                 key("none", 256, "rtn:4:g64").text());
    }

    void shortReferenceFallsBack() {
        test::SyntheticOptions options;
        options.contexts = {64, 128, 1024}; // L0 = 256 itself was not run: the longest below it
        auto session = *test::makeSyntheticSession(options);
        const auto longOne = session.find(key("yarn:4", 1024, "rtn:4:g64"));
        QCOMPARE(session.shortReference(*longOne)->key.text(), key("none", 128, "rtn:4:g64").text());
        // Without a quantized one: full precision.
        std::erase_if(session.conditions, [](const auto& condition) {
            return condition->key.quant.kind == QuantKind::Rtn && condition->key.rope.kind == RopeKind::None;
        });
        QCOMPARE(session.shortReference(*longOne)->key.text(), key("none", 128, "none").text());
        // Only scaled or long ones: nothing to compare with.
        std::erase_if(session.conditions, [](const auto& condition) {
            return condition->key.rope.kind == RopeKind::None && condition->key.context <= 256;
        });
        QVERIFY(!session.shortReference(*longOne));
    }

    void shortReferenceTakesModelWithoutStoredScaling() {
        test::SyntheticOptions options;
        options.ropes = {"model", "yarn:4"};
        auto session = *test::makeSyntheticSession(options);
        const auto longOne = session.find(key("yarn:4", 1024, "none"));
        QCOMPARE(session.shortReference(*longOne)->key.text(), key("model", 256, "none").text());
        session.model.storedRope = RopeSpec::parse("linear:4").value();
        QVERIFY(!session.shortReference(*longOne)); // now `model` scales too
    }

    void syntheticSessionIsPlausible() {
        const auto session = test::makeSyntheticSession();
        QCOMPARE(session->conditions.size(), std::size_t{18});
        std::set<std::string> names;
        for (const auto& condition : session->conditions) {
            names.insert(condition->key.text());
            QCOMPARE(condition->windows.size(), std::size_t{8});
            QCOMPARE(condition->byDocument.size(), std::size_t{4});
            QCOMPARE(condition->distortions.empty(), condition->key.quant.kind == QuantKind::None);
            const auto& statistics = condition->statistics;
            QCOMPARE(statistics.shape().bucketEdges.back(), condition->key.context);
            for (std::size_t cell = 0; cell < statistics.cells(); ++cell) {
                const PairMoments& moments = statistics.moments(cell);
                const LogHistogram& histogram = statistics.histogram(cell);
                QCOMPARE(static_cast<double>(histogram.total()), 2 * moments.count);
                QVERIFY(moments.sumXX + moments.sumYY <= 2 * moments.count * moments.maxAbs * moments.maxAbs);
                QVERIFY(moments.sumXY * moments.sumXY <= moments.sumXX * moments.sumYY);
                const double rms = std::sqrt((moments.sumXX + moments.sumYY) / (2 * moments.count));
                QVERIFY(rms > histogram.quantile(0.2) && rms < histogram.quantile(0.99));
            }
        }
        QCOMPARE(names.size(), session->conditions.size());
    }

    void syntheticTailsGrowWithPosition() {
        const auto session = test::makeSyntheticSession();
        const auto& statistics = session->find(key("yarn:4", 4096, "none"))->statistics;
        const int last = statistics.shape().buckets() - 1;
        const auto tail = [&](int layer, int bucket) {
            return statistics.histogram(statistics.cell(layer, QkTensor::K, RopeStage::Pre, 0, 11, bucket))
                .quantile(0.999);
        };
        QVERIFY(tail(5, last) > 1.5 * tail(5, 3));
        QVERIFY(tail(0, last) < 1.2 * tail(0, 3)); // layer 0 before RoPE does not depend on position
    }

    void syntheticSessionIsReproducibleAndCheap() {
        test::SyntheticOptions options;
        options.layers = 32;
        options.pairs = 64;
        options.contexts = {256, 1024, 4096};
        options.ropes = {"none", "yarn:4"};
        options.quants = {"none"};
        QElapsedTimer timer;
        timer.start();
        const auto first = test::makeSyntheticSession(options);
        qInfo() << "32 layers x 64 pairs x 6 conditions:" << timer.elapsed() << "ms";
        options.layers = 2;
        options.pairs = 8;
        const auto second = test::makeSyntheticSession(options), third = test::makeSyntheticSession(options);
        QCOMPARE(second->conditions[5]->statistics, third->conditions[5]->statistics);
        QCOMPARE(second->conditions[5]->windows, third->conditions[5]->windows);
        options.seed = 2;
        const auto other = test::makeSyntheticSession(options);
        QVERIFY(!(other->conditions[5]->windows == second->conditions[5]->windows));
    }
};

QTEST_APPLESS_MAIN(TestSession)
#include "test_session.moc"
