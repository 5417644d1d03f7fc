// Exact evaluation: against passes of its own, with and without reuse, its cost, gradients against
// differences.
#include "core/search/gain_evaluator.h"
#include "tests/core/search/search_fixture.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

GainEvaluator evaluatorOf(const SearchPlan& plan, double memoryBudget) {
    auto evaluator = GainEvaluator::make(plan.model, plan.weights, plan.rope, *plan.documents, plan.contexts,
                                         plan.maxWindows, memoryBudget);
    if (!evaluator) throw std::runtime_error(evaluator.error().message);
    return std::move(*evaluator);
}

/// Gains that differ from `from` in one layer.
QkGains changed(QkGains from, int layer, double factor) {
    for (int head = 0; head < from.heads; ++head)
        for (double& gain : from.queryGains(layer, head)) gain *= factor;
    return from;
}

/// Mean NLL of one context by a pass of its own.
double meanNll(const SearchPlan& plan, int context, const QkGains& gains) {
    double sum = 0;
    long long tokens = 0;
    for (const auto& window : plainNll(plan, *plan.documents, context, gains))
        for (const float value : window) {
            sum += value;
            ++tokens;
        }
    return sum / static_cast<double>(tokens);
}

} // namespace

class TestGainEvaluator : public QObject {
    Q_OBJECT
    TinySearch tiny_;
    ProgressSink silent_;

  private slots:
    void nllOfEveryContext() {
        auto evaluator = evaluatorOf(tiny_.plan, 0);
        WorkMeter meter(silent_, 1);
        const QkGains gains = changed(QkGains::ones(tiny_.plan.model->config()), 1, 0.7);
        const auto found = evaluator.evaluate(gains, meter);
        QVERIFY(found.ok());
        for (std::size_t at = 0; at < tiny_.plan.contexts.size(); ++at)
            QVERIFY(std::abs(found->nll[at] - meanNll(tiny_.plan, tiny_.plan.contexts[at], gains)) < 1e-12);
        QCOMPARE(found->forwardEquivalents, 1.0);
        QCOMPARE(evaluator.windowCount(), 4 * 2 + 4 * 4);
        QCOMPARE(evaluator.trainedContext(), 32.0);
    }

    void reuseChangesNothingButTheCost_data() {
        QTest::addColumn<double>("streams"); // kept below layers, for base and trial
        QTest::newRow("every layer") << 2.0;
        QTest::newRow("every second layer") << 1.0;
        QTest::newRow("none") << 0.5;
    }
    void reuseChangesNothingButTheCost() {
        QFETCH(double, streams);
        const double tokens = 4 * (2 * 64 + 4 * 32);
        auto plain = evaluatorOf(tiny_.plan, 0);
        auto reusing =
            evaluatorOf(tiny_.plan, 2 * streams * 4 * tokens * tiny_.plan.model->config().hiddenSize);
        WorkMeter meter(silent_, 1);
        QkGains base = QkGains::ones(tiny_.plan.model->config());
        double saved = 0;
        const auto compare = [&](const QkGains& gains, bool keep) {
            const auto a = plain.evaluate(gains, meter), b = reusing.evaluate(gains, meter);
            QVERIFY(a.ok() && b.ok());
            QVERIFY(a->nll == b->nll); // bit for bit
            QCOMPARE(a->forwardEquivalents, 1.0);
            QVERIFY(b->forwardEquivalents <= 1);
            saved += 1 - b->forwardEquivalents;
            if (keep) reusing.keepLast();
        };
        compare(base, true);
        int step = 0;
        for (const int layer : {2, 1, 2, 0, 1, 2, 2, 0}) {
            const QkGains trial = changed(base, layer, 1 + 0.1 * ++step);
            const bool keep = step % 2 == 1;
            compare(trial, keep);
            if (keep) base = trial;
        }
        compare(base, false); // nothing changed at all
        QVERIFY(streams < 1 ? saved == 0 : saved > 1);
    }

    void costIsTheShareOfLayersRun() {
        auto evaluator = evaluatorOf(tiny_.plan, 1e9);
        WorkMeter meter(silent_, 1);
        const ModelConfig& config = tiny_.plan.model->config();
        const QkGains ones = QkGains::ones(config);
        QVERIFY(evaluator.evaluate(ones, meter).ok());
        evaluator.keepLast();
        const auto top = evaluator.evaluate(changed(ones, 2, 1.1), meter);
        const auto bottom = evaluator.evaluate(changed(ones, 0, 1.1), meter);
        QCOMPARE(bottom->forwardEquivalents, 1.0);
        double full = 0, head = 0; // operations of a layer are a third of what the output head leaves
        for (const int context : tiny_.plan.contexts) {
            const double windows = 4 * (128 / context);
            full += windows * ForwardPass::operations(config, context);
            head += windows * 2.0 * context * config.hiddenSize * config.vocabSize;
        }
        QVERIFY(std::abs(top->forwardEquivalents - (head + (full - head) / 3) / full) < 1e-12);
    }

    /// A layer that sees few keys costs less than one that sees all of them.
    void layersWithSlidingWindowsCostLess() {
        ModelConfig config = tiny_.plan.model->config();
        config.slidingWindow = 8;
        config.windowedLayers = {true, false, true};
        const auto pairs = [](double keys) { return 4.0 * 4 * 8 * keys; }; // 4 heads of 8, q k and p v
        const double sliding = pairs(8 * 64 - 28), whole = pairs(64 * 65 / 2);
        const auto from = [&](int layer) { return ForwardPass::operations(config, 64, layer); };
        QCOMPARE((from(1) - from(2)) - (from(0) - from(1)), whole - sliding);
        QCOMPARE(from(0) - from(1), from(2) - from(3));
        QCOMPARE(from(3), 2.0 * 64 * config.hiddenSize * config.vocabSize); // the head alone
        QCOMPARE(from(0), ForwardPass::operations(config, 64));
    }

    void gradientAgainstDifferences() {
        const auto space = *SearchSpace::make(tiny_.plan.model->config(), SearchVariant::Shared,
                                              SearchScope::Head, tiny_.plan.bands);
        auto evaluator = evaluatorOf(tiny_.plan, 0);
        WorkMeter meter(silent_, 1);
        std::vector<double> theta(static_cast<std::size_t>(space.dimension()));
        for (std::size_t at = 0; at < theta.size(); ++at)
            theta[at] = 0.2 * std::sin(1.0 + static_cast<double>(at));
        const auto gradient = evaluator.gradient(space, theta, meter);
        QVERIFY(gradient.ok());
        const auto value = evaluator.evaluate(space.toGains(theta), meter);
        for (std::size_t context = 0; context < 2; ++context)
            QVERIFY(std::abs(gradient->value.nll[context] - value->nll[context]) < 1e-6);
        double largest = 0;
        for (std::size_t at = 0; at < theta.size(); at += 3) {
            auto more = theta, less = theta;
            more[at] += 0.005;
            less[at] -= 0.005;
            const auto high = evaluator.evaluate(space.toGains(more), meter);
            const auto low = evaluator.evaluate(space.toGains(less), meter);
            for (std::size_t context = 0; context < 2; ++context) {
                double mean = 0;
                for (const WindowGradient& window : gradient->windows)
                    if (window.context == static_cast<int>(context))
                        mean += window.sums[at] / static_cast<double>(gradient->tokens[context]);
                const double slope = (high->nll[context] - low->nll[context]) / 0.01;
                QVERIFY2(std::abs(mean - slope) < 2e-3 + 0.02 * std::abs(slope),
                         qPrintable(QString("%1: %2 and %3").arg(at).arg(mean).arg(slope)));
                largest = std::max(largest, std::abs(slope));
            }
        }
        QVERIFY(largest > 0.005); // else nothing was tested
    }

    void whatCannotBeEvaluated() {
        SearchPlan plan = tiny_.plan;
        plan.contexts = {400};
        const auto tooLong =
            GainEvaluator::make(plan.model, plan.weights, plan.rope, *plan.documents, plan.contexts, 0, 0);
        QVERIFY(!tooLong.ok() && tooLong.error().message.find("400") != std::string::npos);
        auto evaluator = evaluatorOf(tiny_.plan, 0);
        WorkMeter meter(silent_, 1);
        const QkGains ones = QkGains::ones(tiny_.plan.model->config());
        const auto overflow = evaluator.evaluate(changed(changed(ones, 1, 1e30), 1, 1e30), meter);
        QVERIFY(overflow.ok() && overflow->overflow.find("not a number") != std::string::npos);
        QVERIFY(overflow->forwardEquivalents > 0 && overflow->forwardEquivalents <= 1);
        for (const double nll : overflow->nll) QVERIFY(std::isinf(nll) && nll > 0);
        class Stop : public ProgressSink {
            [[nodiscard]] bool cancelled() const override { return true; }
        } stop;
        WorkMeter stopped(stop, 1);
        QVERIFY(evaluator.evaluate(ones, stopped).error().code == ErrorCode::Cancelled);
    }
};

QTEST_APPLESS_MAIN(TestGainEvaluator)
#include "test_gain_evaluator.moc"
