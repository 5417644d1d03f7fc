// qroar tokenize: the tokens of a text and the way back, of a model and of a tokenizer alone, in the table
// and in JSON.
#include "tests/app/cli/cli_test.h"
#include "tests/core/text/sentencepiece_models.h"

#include <QTemporaryDir>

using namespace qroar::test;
using namespace qroar::fixtures;

namespace {

const QString sample = QStringLiteral(QROAR_SOURCE_DIR "/samples/model");

std::vector<int> idsOf(const nlohmann::json& result) {
    std::vector<int> ids;
    for (const auto& token : result["tokens"]) ids.push_back(token["id"]);
    return ids;
}

} // namespace

class TestCliTokenize : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    ProgramResult run(const QStringList& arguments) const {
        return runProgram(QStringList{"tokenize"} + arguments, folder_.path());
    }

  private slots:
    void initTestCase() { writeBytes(folder_.filePath("tokenizer.model").toStdString(), smallModel()); }

    void textAndBack() {
        const QString text = "Hello, caf\u00E9\n  and\tmore";
        const auto there = run({sample, "--text", text, "--json"});
        QCOMPARE(there.code, 0);
        const auto json = there.json();
        QVERIFY(hasKeys(json, {"schema", "tokenizer", "tokens", "text", "bytes", "round_trip"}));
        QCOMPARE(json["round_trip"], nlohmann::json(true));
        QCOMPARE(json["bytes"].get<int>(), static_cast<int>(text.toUtf8().size()));
        QStringList ids;
        std::string joined;
        for (const auto& token : json["tokens"]) {
            ids << QString::number(token["id"].get<int>());
            joined += token["text"].get<std::string>();
        }
        QCOMPARE(joined.substr(joined.size() - 9), std::string("and\\tmore"));
        const auto back = run({sample, "--ids", ids.join(','), "--json"});
        QCOMPARE(back.code, 0);
        QCOMPARE(back.json()["text"], json["text"]);
        const auto table = run({sample, "--text", text});
        QVERIFY(table.out.contains("position") && !table.out.contains("note:"));
        QVERIFY(table.out.contains(ids.last().toUtf8()));
    }

    void aTokenizerAlone() {
        const std::vector<int> expected{1, 259, 262, 2, 263};
        for (const QString& model : {QStringLiteral("tokenizer.model"), QStringLiteral(".")}) {
            const auto found = run({model, "--text", "ab</s>a", "--json"});
            QCOMPARE(found.code, 0);
            QCOMPARE(idsOf(found.json()), expected);
        }
        const auto bare = run({"tokenizer.model", "--text", "ab", "--no-bos", "--json"}).json();
        QCOMPARE(idsOf(bare), (std::vector<int>{259, 262}));
        QCOMPARE(bare["tokens"][0]["text"], nlohmann::json(" "));
        const auto asText =
            run({"tokenizer.model", "--text", "</s>", "--as-text", "--no-bos", "--json"}).json();
        QCOMPARE(asText["tokens"].size(), std::size_t{5});
    }

    void bytesOfAFile() {
        writeBytes(folder_.filePath("bytes.txt").toStdString(), std::string("a\0\\", 3));
        const auto found = run({"tokenizer.model", "--file", "bytes.txt", "--no-bos", "--json"});
        QCOMPARE(found.code, 0);
        QCOMPARE(found.json()["text"], nlohmann::json("a\\x00\\\\"));
        const auto broken = run({"tokenizer.model", "--ids", "258"}); // the byte FF
        QCOMPARE(broken.code, 0);
        QVERIFY2(broken.out.contains("\\xFF"), broken.out.constData());
    }

    void wrongUse() {
        QCOMPARE(run({sample}).code, 2);
        QCOMPARE(run({sample, "--text", "a", "--ids", "1"}).code, 2);
        const auto beyond = run({"tokenizer.model", "--ids", "1,264"});
        QCOMPARE(beyond.code, 1);
        QVERIFY2(beyond.err.contains("263") && beyond.err.contains("264"), beyond.err.constData());
        const auto gone = run({"gone.model", "--text", "a"});
        QCOMPARE(gone.code, 1);
        QVERIFY(gone.err.contains("gone.model"));
    }
};

QTEST_GUILESS_MAIN(TestCliTokenize)
#include "test_cli_tokenize.moc"
