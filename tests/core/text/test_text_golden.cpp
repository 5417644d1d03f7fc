// Real tokenizers and texts of the shared folder; skipped where it is absent.
#include "core/text/documents.h"
#include "text_fixtures.h"

#include <QElapsedTimer>
#include <QTest>

#include <filesystem>
#include <sstream>

using namespace qroar;
using namespace qroar::fixtures;

namespace {

const std::filesystem::path shared = std::filesystem::path(QROAR_SOURCE_DIR) / "../shared";

std::string contentOf(const std::filesystem::path& path) {
    std::ostringstream content;
    content << std::ifstream(path, std::ios::binary).rdbuf();
    return content.str();
}

} // namespace

class TestTextGolden : public QObject {
    Q_OBJECT
  private slots:
    void init() {
        if (!std::filesystem::exists(shared / "models")) QSKIP("the shared models and texts are not here");
    }

    void stories260k() {
        const auto tokenizer = loadTokenizerFor(shared / "models/stories260K/stories260K.bin", 512);
        QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
        const auto golden = nlohmann::json::parse(contentOf(shared / "models/stories260K/golden.json"));
        const Ids expected = golden["ids"].get<Ids>();
        const auto documents = loadDocuments({shared / "texts/tinystories.txt"}, tokenizer->get(), 512);
        QVERIFY(documents.ok());
        const Ids& tokens = documents->front().tokens;
        // The golden ids end with a cut in the text, so its last few may be merged differently.
        const auto common = static_cast<std::ptrdiff_t>(expected.size()) - 8;
        QCOMPARE(Ids(tokens.begin(), tokens.begin() + common),
                 Ids(expected.begin(), expected.begin() + common));
        const std::string prefix = (*tokenizer)->decode(expected);
        Ids again = (*tokenizer)->encode(prefix);
        again.insert(again.begin(), 1);
        QCOMPARE(again, expected);
        QVERIFY(contentOf(shared / "texts/tinystories.txt").starts_with(prefix));
    }

    void qroarNano() {
        const auto tokenizer = loadTokenizerFor(shared / "models/qroar-nano", 1024);
        QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
        QCOMPARE((*tokenizer)->vocabSize(), 1024);
        QCOMPARE((*tokenizer)->description(), std::string("byte-level BPE, 1,024 tokens"));
        for (int report = 0; report < 7; ++report) {
            const std::string text =
                contentOf(shared / ("texts/gov_report_0" + std::to_string(report) + ".txt"));
            QVERIFY(text.size() > 1000);
            const Ids ids = (*tokenizer)->encode(text);
            QCOMPARE((*tokenizer)->decode(ids), text);
            QVERIFY(ids.size() * 3 < text.size() * 2); // it does compress
        }
    }

    void oneMegabyteIsQuick() {
        const std::string text = contentOf(shared / "texts/moby_dick.txt");
        const auto nano = *loadTokenizerFor(shared / "models/qroar-nano", 1024);
        const auto stories = *loadTokenizerFor(shared / "models/stories260K/stories260K.bin", 512);
        QElapsedTimer timer;
        timer.start();
        QCOMPARE(nano->decode(nano->encode(text)), text);
        const auto wordTime = timer.restart();
        QCOMPARE(stories->decode(stories->encode(text)), text); // one word of more than a megabyte
        const auto wholeTime = timer.elapsed();
        qInfo("1.2 MB: byte-level %lld ms, llama2.c %lld ms", wordTime, wholeTime);
        QVERIFY(wordTime < 20000 && wholeTime < 20000);
    }
};

QTEST_APPLESS_MAIN(TestTextGolden)
#include "test_text_golden.moc"
