// AWQ and GPTQ on the sample: calibrated on the search texts, they lose less than round to nearest on the
// report texts, which they never saw.
#include "core/analysis/analysis.h"
#include "core/evaluate/perplexity.h"

#include <QtTest>

using namespace qroar;

namespace {

const std::filesystem::path samples = QROAR_SOURCE_DIR "/samples";

std::shared_ptr<const std::vector<Document>> readTexts(const Model& model, const std::string& prefix) {
    std::vector<std::filesystem::path> texts;
    for (const auto& entry : std::filesystem::directory_iterator(samples / "texts"))
        if (entry.path().filename().string().starts_with(prefix)) texts.push_back(entry.path());
    std::sort(texts.begin(), texts.end());
    const int vocab = model.config().vocabSize;
    const auto tokenizer = loadTokenizerFor(model.path(), vocab);
    if (!tokenizer) qFatal("%s", tokenizer.error().message.c_str());
    auto documents = loadDocuments(texts, tokenizer->get(), vocab);
    if (!documents) qFatal("%s", documents.error().message.c_str());
    return std::make_shared<const std::vector<Document>>(std::move(*documents));
}

} // namespace

class TestSampleQuantizers : public QObject {
    Q_OBJECT
  private slots:
    void losesLessThanRoundToNearest_data() {
        QTest::addColumn<QString>("rope");
        QTest::addColumn<int>("context");
        QTest::newRow("trained context") << "none" << 256;
        QTest::newRow("yarn:4, four times as long") << "yarn:4" << 1024;
    }
    void losesLessThanRoundToNearest() {
        QFETCH(QString, rope);
        QFETCH(int, context);
        AnalysisPlan plan;
        auto model = openModel(samples / "model");
        QVERIFY2(model.ok(), model ? "" : model.error().message.c_str());
        plan.model = *model;
        plan.documents = readTexts(**model, "report_");
        plan.calibration = readTexts(**model, "search_");
        plan.ropes = {*RopeSpec::parse(rope.toStdString())};
        plan.contexts = {context};
        plan.capture = false;
        plan.maxWindows = 4096 / context; // of each text, its first 4,096 tokens
        plan.maxCalibrationWindows = 8;
        for (const char* quant :
             {"none", "rtn:4:g64", "awq:4:g64", "gptq:4:g64", "rtn:3:g64", "awq:3:g64", "gptq:3:g64"})
            plan.quants.push_back(*QuantSpec::parse(quant));
        ProgressSink silent;
        const auto session = runAnalysis(plan, silent);
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        std::map<std::string, double> nll;
        for (const auto& condition : (*session)->conditions) {
            const NllSummary summary = summarizeNll(condition->windows, context, 256, Convention::All);
            nll[condition->key.quant.text()] = summary.nll;
            qInfo("%s: %.4f in %.1f s", condition->key.text().c_str(), summary.nll, condition->seconds);
        }
        for (const char* bits : {"4", "3"}) {
            const std::string grid = std::string(":") + bits + ":g64";
            QVERIFY(nll["none"] < nll["rtn" + grid]);
            QVERIFY(nll["awq" + grid] < nll["rtn" + grid]);
            QVERIFY(nll["gptq" + grid] < nll["rtn" + grid]);
        }
    }
};

QTEST_APPLESS_MAIN(TestSampleQuantizers)
#include "test_sample_quantizers.moc"
