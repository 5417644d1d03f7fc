// The evaluate command of the handbook's first example on a real small model: stories260K on TinyStories, at
// and beyond its trained context, every condition against the double-precision reference. Needs ../shared.
#include "core/analysis/analysis.h"
#include "core/evaluate/perplexity.h"
#include "tests/support/reference_llama.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using qroar::test::ReferenceRope;

namespace {

const std::filesystem::path shared = QROAR_SOURCE_DIR "/../shared";

ReferenceRope referenceOf(const RopeSpec& spec) {
    if (spec.kind == RopeKind::Ntk) return {ReferenceRope::Kind::Ntk, 3};
    if (spec.kind == RopeKind::Yarn) return {ReferenceRope::Kind::Yarn, 3, 512};
    return {};
}

} // namespace

class TestSharedEvaluate : public QObject {
    Q_OBJECT
  private slots:
    void everyConditionAgreesWithTheReference() {
        const auto file = shared / "models/stories260K/stories260K.bin";
        const auto text = shared / "texts/tinystories.txt";
        if (!std::filesystem::exists(file) || !std::filesystem::exists(text))
            QSKIP("the shared model and texts are not here");
        AnalysisPlan plan;
        plan.model = *openModel(file);
        const int vocab = plan.model->config().vocabSize;
        const auto tokenizer = loadTokenizerFor(file, vocab);
        QVERIFY2(tokenizer.ok(), tokenizer ? "" : tokenizer.error().message.c_str());
        plan.documents =
            std::make_shared<const std::vector<Document>>(*loadDocuments({text}, tokenizer->get(), vocab));
        plan.contexts = {512, 1536};
        plan.ropes = {*RopeSpec::parse("none"), *RopeSpec::parse("ntk:3"), *RopeSpec::parse("yarn:3")};
        plan.quants = {*QuantSpec::parse("none"), *QuantSpec::parse("rtn:4:g64")};
        plan.maxWindows = 2;
        plan.capture = false;
        ProgressSink silent;
        const auto session = runAnalysis(plan, silent);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->conditions.size(), std::size_t{12});
        double worst = 0;
        for (const auto& condition : (*session)->conditions) {
            const ConditionKey& key = condition->key;
            qroar::test::ReferenceLlama reference(*plan.model, key.quant.kind == QuantKind::None
                                                                   ? qroar::test::WeightTransform{}
                                                                   : qroar::test::referenceRtn(4, 64, false));
            reference.rope = referenceOf(key.rope);
            double sum = 0, tokens = 0;
            const auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
            for (const Window& window : *windows)
                for (const double nll : reference.nll({window.tokens.begin(), window.tokens.end()})) {
                    sum += nll;
                    ++tokens;
                }
            const NllSummary ours = summarizeNll(condition->windows, key.context, 512, Convention::All);
            QCOMPARE(static_cast<double>(ours.tokens), tokens);
            const double difference = std::abs(ours.nll - sum / tokens);
            worst = std::max(worst, difference);
            QVERIFY2(difference < 1e-3,
                     qPrintable(QString::fromStdString(key.text()) + ": " + QString::number(difference)));
        }
        qInfo("worst difference of a condition's mean NLL: %.2e nats", worst);
    }
};

QTEST_APPLESS_MAIN(TestSharedEvaluate)
#include "test_shared_evaluate.moc"
