// The sample model on the sample texts: the numbers of samples/expected, and the effects the sample is there
// to show.
#include "core/analysis/analysis.h"
#include "core/diagnostics/tails.h"
#include "core/evaluate/perplexity.h"
#include "tests/support/reference_llama.h"

#include <QtTest>

#include <nlohmann/json.hpp>

#include <cmath>
#include <fstream>

using namespace qroar;

namespace {
const std::filesystem::path samples = QROAR_SOURCE_DIR "/samples";

AnalysisPlan samplePlan() {
    AnalysisPlan plan;
    auto model = openModel(samples / "model");
    if (!model) qFatal("%s", model.error().message.c_str());
    plan.model = *model;
    const int vocab = plan.model->config().vocabSize;
    auto tokenizer = loadTokenizerFor(plan.model->path(), vocab);
    if (!tokenizer) qFatal("%s", tokenizer.error().message.c_str());
    std::vector<std::filesystem::path> texts;
    for (const auto& entry : std::filesystem::directory_iterator(samples / "texts"))
        if (entry.path().filename().string().starts_with("report_")) texts.push_back(entry.path());
    std::sort(texts.begin(), texts.end());
    auto documents = loadDocuments(texts, tokenizer->get(), vocab);
    if (!documents) qFatal("%s", documents.error().message.c_str());
    plan.documents = std::make_shared<const std::vector<Document>>(std::move(*documents));
    plan.contexts = {256, 1024};
    plan.ropes = {*RopeSpec::parse("none"), *RopeSpec::parse("yarn:4")};
    plan.quants = {*QuantSpec::parse("none"), *QuantSpec::parse("rtn:3:g64")};
    return plan;
}
} // namespace

class TestSample : public QObject {
    Q_OBJECT
    AnalysisPlan plan_;
    std::shared_ptr<const Session> session_;

    double nll(const char* rope, const char* quant, int context) const {
        const auto condition = session_->find({*RopeSpec::parse(rope), context, *QuantSpec::parse(quant)});
        return summarizeNll(condition->windows, context, 256, Convention::All).nll;
    }

  private slots:
    void initTestCase() {
        plan_ = samplePlan();
        ProgressSink silent;
        auto session = runAnalysis(plan_, silent);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        session_ = *session;
    }

    void numbersAreThoseOfTheSampleFolder() {
        const auto expected = nlohmann::json::parse(std::ifstream(samples / "expected/evaluate.json"));
        QCOMPARE(expected["results"].size(), session_->conditions.size());
        for (const auto& row : expected["results"]) {
            const double ours = nll(row["rope"].get<std::string>().c_str(),
                                    row["quant"].get<std::string>().c_str(), row["context"]);
            QVERIFY2(std::abs(ours - row["nll"].get<double>()) < 1e-4, row.dump().c_str());
        }
    }

    void oneWindowAgreesWithTheReference() {
        qroar::test::ReferenceLlama reference(*plan_.model, qroar::test::referenceRtn(3, 64, false));
        reference.rope = {qroar::test::ReferenceRope::Kind::Yarn, 4, 256};
        const auto condition = session_->find({plan_.ropes[1], 1024, plan_.quants[1]});
        const auto& window = condition->windows.at(2);
        const auto& tokens = (*plan_.documents)[static_cast<std::size_t>(window.document)].tokens;
        const auto first = tokens.begin() + window.index * 1024;
        const auto expected = reference.nll({first, first + 1024});
        for (std::size_t token = 0; token < expected.size(); ++token)
            QVERIFY2(std::abs(window.nll[token] - expected[token]) < 2e-4,
                     qPrintable(QString::number(token)));
    }

    void itShowsTheEffects() {
        // Beyond the trained length the model collapses without scaling and holds with it; 3 bits cost
        // something.
        QVERIFY(nll("none", "none", 1024) > nll("yarn:4", "none", 1024) + 0.5);
        QVERIFY(nll("yarn:4", "rtn:3:g64", 1024) > nll("yarn:4", "none", 1024) + 0.05);
        const auto split = interactions(session_->conditions, Convention::All);
        QCOMPARE(split.size(), std::size_t{2});
        // Tails after RoPE grow at least by the attention factor of yarn:4 in some band.
        const auto longer = session_->find({plan_.ropes[1], 1024, plan_.quants[0]});
        const auto shorter = session_->shortReference(*longer);
        QVERIFY(shorter && shorter->key.context == 256);
        const BandGrid tir = tailInflation(*longer, *shorter, session_->bands, {});
        QVERIFY(*std::max_element(tir.values.begin(), tir.values.end()) > 1.05);
    }
};

QTEST_APPLESS_MAIN(TestSample)
#include "test_sample.moc"
