// Searches on trained models, with budgets that a test can afford: what the gains do on documents the search
// never saw, document by document, and what gradients and the grid reach for how many forward passes. Bounds
// leave room for other machines' rounding, none for luck: nearly every held-out document has to gain.
#include "core/search/gradient_estimate.h"
#include "core/search/search.h"
#include "tests/core/search/faulty_keys.h"
#include "tests/core/search/search_fixture.h"

#include <QtTest>

#include <cmath>
#include <fstream>
#include <numeric>
#include <sstream>

using namespace qroar;
using qroar::test::plainNll;

namespace {

const std::filesystem::path root = QROAR_SOURCE_DIR, shared = root / "../shared";

std::shared_ptr<const Model> modelAt(const std::filesystem::path& path) {
    auto model = openModel(path);
    if (!model) throw std::runtime_error(model.error().message);
    return *model;
}

/// Consecutive stretches of a text, each a document of at least `least` characters that ends with a
/// paragraph.
std::vector<std::string> stretches(const std::filesystem::path& path, std::size_t least, std::size_t count) {
    std::ifstream in(path);
    std::stringstream all;
    all << in.rdbuf();
    const std::string text = all.str();
    std::vector<std::string> pieces;
    std::size_t first = 0;
    while (pieces.size() < count && first + least < text.size()) {
        const std::size_t end = std::min(text.find("\n\n", first + least), text.size());
        pieces.push_back(text.substr(first, end - first));
        first = end + 2;
    }
    return pieces;
}

Document documentOf(const Tokenizer& tokenizer, const std::string& text, const std::string& name) {
    Document document;
    document.name = document.fingerprint = name;
    document.tokens = tokenizer.encode(text);
    if (tokenizer.bosToAdd() >= 0) document.tokens.insert(document.tokens.begin(), tokenizer.bosToAdd());
    return document;
}

/// Mean NLL of every window.
std::vector<double> windowNll(const SearchPlan& plan, const std::vector<Document>& documents,
                              const QkGains& gains) {
    std::vector<double> means;
    for (const auto& window : plainNll(plan, documents, plan.contexts.front(), gains)) {
        double sum = 0;
        for (const float value : window) sum += value;
        means.push_back(sum / static_cast<double>(window.size()));
    }
    return means;
}

struct HeldOut {
    double mean = 0; ///< Q+g minus Q, nats
    int better = 0, windows = 0;
};
HeldOut heldOut(const SearchPlan& plan, const std::vector<Document>& documents, const QkGains& gains) {
    const auto before = windowNll(plan, documents, {}), after = windowNll(plan, documents, gains);
    HeldOut result;
    result.windows = static_cast<int>(before.size());
    for (std::size_t at = 0; at < before.size(); ++at) {
        result.mean += (after[at] - before[at]) / static_cast<double>(before.size());
        if (after[at] < before[at]) ++result.better;
    }
    return result;
}

SearchRecord search(const SearchPlan& plan) {
    ProgressSink silent;
    auto record = runSearch(plan, silent);
    if (!record) throw std::runtime_error(record.error().message);
    return std::move(*record);
}

/// stories260K under yarn:2 at 1,024 tokens; documents [first, first + count) of tinystories.txt.
struct Stories {
    SearchPlan plan;
    std::vector<Document> documents; ///< 21 of at least 1,024 tokens

    explicit Stories(const char* quant) {
        plan.model = modelAt(shared / "models/stories260K/stories260K.bin");
        const auto tokenizer = *loadTokenizerFor(plan.model->path(), plan.model->config().vocabSize);
        for (const std::string& text : stretches(shared / "texts/tinystories.txt", 3500, 21))
            documents.push_back(
                documentOf(*tokenizer, text, "tinystories " + std::to_string(documents.size())));
        plan.weights = *openWeights(plan.model, *QuantSpec::parse(quant));
        plan.rope = *RopeSpec::parse("yarn:2");
        plan.contexts = {1024};
        plan.maxWindows = 1;
        plan.bands = BandPartition::equal(4, plan.model->config().pairs());
        plan.scope = SearchScope::Head;
        plan.name = "000";
        searchOn(0, 6);
    }
    void searchOn(std::ptrdiff_t first, std::ptrdiff_t count) {
        plan.documents = std::make_shared<const std::vector<Document>>(documents.begin() + first,
                                                                       documents.begin() + first + count);
    }
    [[nodiscard]] std::vector<Document> from(std::ptrdiff_t first) const {
        return {documents.begin() + first, documents.end()};
    }
    static bool present() { return std::filesystem::exists(shared / "models/stories260K/stories260K.bin"); }
};

/// The sample model and its texts, four windows of each, under yarn:4 and rtn:4:g64.
struct Sample {
    SearchPlan plan;
    std::vector<Document> report;

    Sample() {
        plan.model = modelAt(root / "samples/model");
        const int vocabulary = plan.model->config().vocabSize;
        const auto tokenizer = *loadTokenizerFor(plan.model->path(), vocabulary);
        std::vector<std::filesystem::path> dev, others;
        for (const auto& entry : std::filesystem::directory_iterator(root / "samples/texts")) {
            const std::string name = entry.path().filename().string();
            if (name.rfind("search_", 0) == 0) dev.push_back(entry.path());
            if (name.rfind("report_", 0) == 0) others.push_back(entry.path());
        }
        std::sort(dev.begin(), dev.end());
        std::sort(others.begin(), others.end());
        plan.documents =
            std::make_shared<const std::vector<Document>>(*loadDocuments(dev, tokenizer.get(), vocabulary));
        report = *loadDocuments(others, tokenizer.get(), vocabulary);
        plan.weights = *openWeights(plan.model, *QuantSpec::parse("rtn:4:g64"));
        plan.rope = *RopeSpec::parse("yarn:4");
        plan.contexts = {1024};
        plan.maxWindows = 4;
        plan.name = "000";
    }
};

} // namespace

class TestSearchModels : public QObject {
    Q_OBJECT
  private slots:
    /// The whole search with its defaults; the handbook reports -0.182 and -0.034, the limits are the
    /// project's targets.
    void storiesGainOnOtherDocuments_data() {
        QTest::addColumn<QString>("quant");
        QTest::addColumn<double>("most");
        QTest::newRow("W3") << "rtn:3:g64" << -0.13;
        QTest::newRow("W4") << "rtn:4:g64" << -0.020;
    }
    void storiesGainOnOtherDocuments() {
        QFETCH(QString, quant);
        QFETCH(double, most);
        if (!Stories::present()) QSKIP("the shared models are not here");
        Stories stories(quant.toUtf8());
        const SearchRecord record = search(stories.plan);
        const HeldOut result = heldOut(stories.plan, stories.from(6), record.scales.gains);
        QCOMPARE(result.windows, 15);
        QVERIFY2(result.mean <= most && result.better >= 13,
                 qPrintable(QString("%1, better in %2 of 15").arg(result.mean).arg(result.better)));
        QVERIFY(record.finished && record.forwardEquivalents() < 80);
    }

    /// The sample model, as qroar search would run it, with a third of the text: the target, and that with
    /// the gains it predicts better than the full-precision model without.
    void sampleGainsOnOtherDocuments() {
        Sample sample;
        SearchPlan& plan = sample.plan;
        const std::vector<Document>& others = sample.report;
        plan.bands = BandPartition::equal(16, plan.model->config().pairs());
        plan.scope = SearchScope::Head;
        plan.steps = 12;
        const SearchRecord record = search(plan);
        const HeldOut result = heldOut(plan, others, record.scales.gains);
        QVERIFY2(
            result.mean <= -0.05 && result.better >= result.windows - 2,
            qPrintable(
                QString("%1, better in %2 of %3").arg(result.mean).arg(result.better).arg(result.windows)));
        const auto quantized = windowNll(plan, others, record.scales.gains);
        plan.weights = *openWeights(plan.model, {});
        const auto full = windowNll(plan, others, {});
        QVERIFY(std::accumulate(quantized.begin(), quantized.end(), 0.0)
                < std::accumulate(full.begin(), full.end(), 0.0) - 0.02 * static_cast<double>(full.size()));
    }

    /// A fault in a trained model, with its two dev texts: one band of W_K in one layer, four times as large.
    /// The first reverse pass names it, with the right sign.
    void plantedFaultInTheSampleIsRankedFirst_data() {
        QTest::addColumn<int>("layer");
        QTest::addColumn<int>("band");
        for (const auto& [layer, band] : std::vector<std::pair<int, int>>{{1, 2}, {2, 6}, {3, 3}, {4, 5}})
            QTest::addRow("layer %d, band %d", layer, band) << layer << band;
    }
    void plantedFaultInTheSampleIsRankedFirst() {
        QFETCH(int, layer);
        QFETCH(int, band);
        SearchPlan plan = Sample().plan;
        plan.rope = {};
        plan.contexts = {256};
        plan.maxWindows = 0;
        plan.bands = BandPartition::equal(8, plan.model->config().pairs());
        plan.scope = SearchScope::Layer;
        plan.weights = std::make_shared<qroar::test::FaultyKeys>(plan.model, layer, plan.bands.begin(band),
                                                                 plan.bands.end(band), 4.0F);
        plan.budget = 0.5; // the start only
        const SearchRecord record = search(plan);
        const auto ranked = suspects(record.trials.front());
        QVERIFY(!ranked.empty());
        QString first;
        for (std::size_t at = 0; at < 3; ++at)
            first += QString(" %1,%2: %3")
                         .arg(ranked[at].coordinate / 8)
                         .arg(ranked[at].coordinate % 8)
                         .arg(ranked[at].certainty);
        QVERIFY2(ranked.front().coordinate == layer * 8 + band && ranked.front().certainty > 3,
                 qPrintable(first));
    }

    /// Layer scope: the gradient reaches the dev objective of the grid with a tenth of its forward passes.
    void gradientNeedsATenthOfTheGrid() {
        if (!Stories::present()) QSKIP("the shared models are not here");
        Stories stories("rtn:4:g64");
        stories.searchOn(0, 3);
        stories.plan.scope = SearchScope::Layer;
        stories.plan.method = SearchMethod::Grid;
        stories.plan.steps = 2;
        stories.plan.windowOptions.most = 1.6; // spacing 0.16 and 0.08: kinder to the grid than the default
        const SearchRecord grid = search(stories.plan);
        stories.plan.method = SearchMethod::Gradient;
        stories.plan.steps = 0;
        stories.plan.budget = grid.forwardEquivalents() / 10;
        const SearchRecord gradient = search(stories.plan);
        QVERIFY(gradient.forwardEquivalents() <= grid.forwardEquivalents() / 10);
        QVERIFY2(gradient.best()->objective <= grid.best()->objective,
                 qPrintable(QString("grid %1 with %2, gradient %3 with %4")
                                .arg(grid.best()->objective)
                                .arg(grid.forwardEquivalents())
                                .arg(gradient.best()->objective)
                                .arg(gradient.forwardEquivalents())));
    }
};

QTEST_APPLESS_MAIN(TestSearchModels)
#include "test_search_models.moc"
