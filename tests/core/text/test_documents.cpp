// Documents of every kind, what is refused and how it is named, and the windows.
#include "core/text/documents.h"
#include "text_fixtures.h"

#include <QTemporaryDir>
#include <QTest>

#include <set>

using namespace qroar;
using namespace qroar::fixtures;

namespace {

/// An .npy file, built here byte by byte; `version` 1 has a 2-byte header length, later ones 4 bytes.
std::string npy(const std::string& type, const std::string& shape, const std::string& data, int version = 1,
                const std::string& order = "False") {
    std::string header =
        "{'descr': '" + type + "', 'fortran_order': " + order + ", 'shape': " + shape + ", }";
    while ((10 + header.size() + 1) % 64 != 0) header += ' ';
    header += '\n';
    std::string file = "\x93NUMPY";
    file += static_cast<char>(version);
    file += '\0';
    const std::size_t lengthBytes = version == 1 ? 2 : 4;
    for (std::size_t index = 0; index < lengthBytes; ++index)
        file += static_cast<char>(header.size() >> (8 * index) & 0xFF);
    return file + header + data;
}

std::string packed(const std::vector<long long>& values, int bytes) {
    std::string data;
    for (const long long value : values)
        for (int index = 0; index < bytes; ++index)
            data += static_cast<char>(static_cast<unsigned long long>(value) >> (8 * index) & 0xFF);
    return data;
}

} // namespace

class TestDocuments : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    std::shared_ptr<const Tokenizer> bytes_, withBos_;

    [[nodiscard]] std::filesystem::path path(const std::string& name) const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    std::filesystem::path written(const std::string& name, const std::string& content) const {
        writeFile(path(name), content);
        return path(name);
    }
    QString refusal(const std::string& name, const std::string& content,
                    const DocumentOptions& options = {}) const {
        auto documents = loadDocuments({written(name, content)}, bytes_.get(), 300, options);
        if (documents) return "loaded";
        const QString message = QString::fromStdString(documents.error().message);
        return message.startsWith(QString::fromStdString(path(name).string())) ? message
                                                                               : "unnamed: " + message;
    }

  private slots:
    void initTestCase() {
        writeFile(path("tokenizer.json"), byteLevelFile({}).dump());
        bytes_ = *loadHfTokenizer(path("tokenizer.json"));
        nlohmann::json file = byteLevelFile({});
        file["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"b", 98}}, {"cls", {"a", 97}}};
        writeFile(path("tokenizer.json"), file.dump());
        withBos_ = *loadHfTokenizer(path("tokenizer.json"));
    }

    void text() {
        auto documents = loadDocuments({written("a.txt", "\xEF\xBB\xBFhi\r\n"), written("b.md", "x")},
                                       withBos_.get(), 300);
        QVERIFY(documents.ok());
        QCOMPARE(documents->size(), std::size_t{2});
        const Document& first = (*documents)[0];
        QCOMPARE(first.tokens, (Ids{97, 'h', 'i', '\r', '\n'})); // mark gone, BOS in front, CRLF kept
        QCOMPARE(first.name, std::string("a.txt"));
        QCOMPARE(first.path, path("a.txt").string());
        QCOMPARE((*documents)[1].tokens, (Ids{97, 'x'}));
        QCOMPARE(loadDocuments({path("b.md")}, bytes_.get(), 300)->front().tokens, Ids{'x'});
    }

    void fingerprints() { // of the ids, wherever they come from
        const auto documents =
            *loadDocuments({written("a.txt", "hi"), written("a.u16", packed({'h', 'i'}, 2)),
                            written("b.u16", packed({'h', 'j'}, 2))},
                           bytes_.get(), 300);
        QCOMPARE(documents[0].fingerprint.size(), std::size_t{32});
        QCOMPARE(documents[0].fingerprint, documents[1].fingerprint);
        QVERIFY(documents[0].fingerprint != documents[2].fingerprint);
    }

    void badText() {
        QVERIFY(refusal("a.txt", "ok \xC3(").contains("not UTF-8: byte 0xC3 at offset 3"));
        QVERIFY(refusal("a.txt", "\xEF\xBB\xBF\xFF").contains("byte 0xFF at offset 3"));
        QVERIFY(refusal("a.txt", "").contains("empty"));
        QVERIFY(refusal("a.txt", "\xEF\xBB\xBF").contains("empty"));
        QVERIFY(refusal("a.docx", "x").contains("\".docx\""));
        auto noTokenizer = loadDocuments({written("a.txt", "x")}, nullptr, 300);
        QVERIFY(noTokenizer.error().message.find("no tokenizer") != std::string::npos);
        auto tooSmall = loadDocuments({written("a.txt", "Ax")}, bytes_.get(), 100);
        QVERIFY2(tooSmall.error().message.find("a.txt: position 1: the tokenizer gives id 120")
                     != std::string::npos,
                 tooSmall.error().message.c_str());
        QCOMPARE(loadDocuments({path("none.txt")}, bytes_.get(), 300).error().code, ErrorCode::NotFound);
        QVERIFY(!loadDocuments({}, bytes_.get(), 300));
        QVERIFY(!loadDocuments({path("a.txt")}, bytes_.get(), 0));
        QVERIFY(!loadDocuments({std::filesystem::path(folder_.path().toStdString())}, bytes_.get(), 300));
    }

    void jsonLines() {
        const std::string lines =
            "{\"text\": \"ab\", \"id\": 1}\n\n  \r\n{\"text\":\"\\u0063\\n\"}\r\n{\"text\":\"d\"}";
        const auto documents = *loadDocuments({written("a.jsonl", lines)}, withBos_.get(), 300);
        QCOMPARE(documents.size(), std::size_t{3});
        QCOMPARE(documents[0].name, std::string("a.jsonl#1"));
        QCOMPARE(documents[1].name, std::string("a.jsonl#4"));
        QCOMPARE(documents[0].tokens, (Ids{97, 'a', 'b'}));
        QCOMPARE(documents[1].tokens, (Ids{97, 'c', '\n'}));
        QCOMPARE(documents[2].tokens, (Ids{97, 'd'}));
        const auto other =
            *loadDocuments({written("a.jsonl", "{\"body\":\"x\"}\n")}, bytes_.get(), 300, {"body"});
        QCOMPARE(other[0].tokens, Ids{'x'});
    }

    void badJsonLines() {
        QVERIFY(
            refusal("a.jsonl", "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n").contains("line 2: no key \"text\""));
        QVERIFY(refusal("a.jsonl", "{\"text\":7}")
                    .contains("line 1: \"text\": expected a string, found a number"));
        QVERIFY(refusal("a.jsonl", "[1]").contains("line 1: expected an object, found an array"));
        QVERIFY(refusal("a.jsonl", "{\"text\":\"a\"}\n{oops").contains("line 2: not valid JSON"));
        QVERIFY(refusal("a.jsonl", "{\"text\":\"\"}").contains("line 1: \"text\": the document is empty"));
        QVERIFY(refusal("a.jsonl", "{\"text\":\"\\ud800\"}").contains("line 1: not valid JSON"));
        QVERIFY(refusal("a.jsonl", "{\"text\":\"\xFF\"}").contains("not UTF-8"));
        QVERIFY(refusal("a.jsonl", " \n\n").contains("no documents"));
        QVERIFY(refusal("a.jsonl", "{\"text\":\"a\"}", {"body"}).contains("no key \"body\""));
        QVERIFY(refusal("a.jsonl", std::string(200000, '[')).contains("not valid JSON"));
    }

    void idArrays_data() {
        QTest::addColumn<QByteArray>("type");
        QTest::addColumn<int>("bytes");
        for (const auto& [type, bytes] : {std::pair{"|u1", 1},
                                          {"<u1", 1},
                                          {"<u2", 2},
                                          {"<u4", 4},
                                          {"<u8", 8},
                                          {"<i2", 2},
                                          {"<i4", 4},
                                          {"<i8", 8}})
            QTest::newRow(type) << QByteArray(type) << bytes;
    }
    void idArrays() {
        QFETCH(QByteArray, type);
        QFETCH(int, bytes);
        for (const int version : {1, 2, 3}) {
            const auto file = npy(type.toStdString(), "(4,)", packed({0, 7, 255, 128}, bytes), version);
            auto documents = loadDocuments({written("a.npy", file)}, nullptr, 256);
            QVERIFY2(documents.ok(), documents.ok() ? "" : documents.error().message.c_str());
            QCOMPARE(documents->front().tokens, (Ids{0, 7, 255, 128})); // nothing added
        }
        const QString large =
            refusal("a.npy", npy(type.toStdString(), "(2,)", packed({1, bytes == 1 ? 255 : 300}, bytes)));
        if (bytes > 1)
            QVERIFY2(large.contains("position 1: id 300 is outside the vocabulary of 300"),
                     qPrintable(large));
        if (type.contains('i')) {
            const QString negative = refusal("a.npy", npy(type.toStdString(), "(1,)", packed({-2}, bytes)));
            QVERIFY2(negative.contains("position 0: id -2"), qPrintable(negative));
        }
    }

    void badIdArrays() {
        const std::string data = packed({1, 2}, 2);
        QVERIFY(refusal("a.npy", npy(">u2", "(2,)", data)).contains("big-endian"));
        QVERIFY(refusal("a.npy", npy("<f4", "(1,)", data)).contains("'<f4'"));
        QVERIFY(refusal("a.npy", npy("|i1", "(4,)", data)).contains("'|i1'"));
        QVERIFY(refusal("a.npy", npy("=u2", "(2,)", data)).contains("'=u2'"));
        QVERIFY(refusal("a.npy", npy("<u2", "(1, 2)", data)).contains("shape: expected one dimension"));
        QVERIFY(refusal("a.npy", npy("<u2", "()", data)).contains("shape"));
        QVERIFY(refusal("a.npy", npy("<u2", "(-2,)", data)).contains("shape"));
        QVERIFY(refusal("a.npy", npy("<u2", "(99999999999999999999,)", data)).contains("shape"));
        QVERIFY(refusal("a.npy", npy("<u2", "(9223372036854775807,)", data)).contains("4 bytes follow"));
        QVERIFY(refusal("a.npy", npy("<u2", "(3,)", data)).contains("4 bytes follow"));
        QVERIFY(refusal("a.npy", npy("<u2", "(1,)", data)).contains("4 bytes follow"));
        QVERIFY(refusal("a.npy", npy("<u2", "(2,)", data, 1, "True")).contains("fortran_order"));
        QVERIFY(refusal("a.npy", npy("<u2", "(2,)", data, 4)).contains("version 4"));
        QVERIFY(refusal("a.npy", npy("<u2", "(0,)", "")).contains("empty"));
        QVERIFY(refusal("a.npy", "no array at all").contains("not an .npy file"));
        QVERIFY(refusal("a.npy", "").contains("not an .npy file"));
        const std::string good = npy("<u2", "(2,)", data, 2);
        for (std::size_t size = 0; size < good.size(); ++size)
            QVERIFY(refusal("a.npy", good.substr(0, size)) != "loaded");
        std::string huge = good;
        for (std::size_t at = 8; at < 12; ++at) huge[at] = '\xFF';
        QVERIFY(refusal("a.npy", huge).contains("4294967295"));
    }

    void rawIds() {
        QCOMPARE(loadDocuments({written("a.u16", packed({1, 299}, 2))}, nullptr, 300)->front().tokens,
                 (Ids{1, 299}));
        QCOMPARE(loadDocuments({written("a.u32", packed({299, 2}, 4))}, nullptr, 300)->front().tokens,
                 (Ids{299, 2}));
        QVERIFY(refusal("a.u16", packed({1, 300}, 2)).contains("position 1: id 300"));
        QVERIFY(refusal("a.u32", packed({4294967295LL}, 4)).contains("position 0: id 4294967295"));
        QVERIFY(refusal("a.u16", "abc").contains("3 bytes are not a whole number of 2-byte ids"));
        QVERIFY(refusal("a.u32", "").contains("empty"));
    }

    void tooManyIdsAreRefusedBeforeMemoryIsTaken() {
        // Files of holes: they take no room on disk, but say that they are large.
        constexpr std::uintmax_t most = std::uintmax_t{1} << 28;
        const auto says = [&](const char* name, const std::string& head, std::uintmax_t bytes) {
            const auto file = written(name, head);
            std::filesystem::resize_file(file, head.size() + bytes);
            const auto loaded = loadDocuments({file}, nullptr, 300);
            std::filesystem::remove(file);
            return loaded ? QString("loaded") : QString::fromStdString(loaded.error().message);
        };
        const QString expected = "expected at most 268,435,456 token ids in a file, found 268,435,457";
        QVERIFY(says("a.u16", "", 2 * (most + 1)).contains(expected));
        QVERIFY(says("a.u32", "", 4 * (most + 1)).contains(expected));
        QVERIFY(says("a.u16", "", std::uintmax_t{1} << 36).contains("found 34,359,738,368"));
        QVERIFY(says("a.npy", npy("|u1", "(268435457,)", ""), most + 1).contains(expected));
        QVERIFY(says("a.npy", npy("<u8", "(268435457,)", ""), most + 1).contains("bytes follow"));
    }

    void hostilePatternIsAnError() { // a pattern that explodes on a text must not end the program
        nlohmann::json file = byteLevelFile({});
        file["pre_tokenizer"] = splitThenBytes("(?:a|aa)+$");
        writeFile(path("tokenizer.json"), file.dump());
        const auto tokenizer = *loadHfTokenizer(path("tokenizer.json"));
        std::string text(300, 'a');
        text += 'b';
        auto documents = loadDocuments({written("a.txt", text)}, tokenizer.get(), 300);
        QVERIFY(!documents);
        QVERIFY(documents.error().message.find("a.txt: cannot be tokenized") != std::string::npos);
    }

    void mutatedArraysNeverCrash() {
        const std::string good = npy("<u2", "(2,)", packed({1, 2}, 2), 1);
        std::mt19937 random(4);
        for (int trial = 0; trial < 500; ++trial) {
            std::string file = good;
            for (unsigned change = 0; change < 1 + random() % 5; ++change)
                file[random() % file.size()] =
                    static_cast<char>(random() % 2 ? random() : "()[],'<>:{} 0129"[random() % 16]);
            (void)refusal("a.npy", file);
        }
    }

    void windows() {
        std::vector<Document> documents(3);
        documents[0].tokens = {0, 1, 2, 3, 4, 5, 6};
        documents[1].tokens = {7, 8};
        documents[2].tokens = {9, 10, 11, 12, 13, 14};
        const auto windows = *cutWindows(documents, 3);
        QCOMPARE(windows.size(), std::size_t{4}); // the last token of the first and the whole second dropped
        const std::vector<std::array<int, 3>> expected{{0, 0, 0}, {0, 1, 3}, {2, 0, 9}, {2, 1, 12}};
        for (std::size_t index = 0; index < windows.size(); ++index) {
            QCOMPARE(windows[index].document, expected[index][0]);
            QCOMPARE(windows[index].index, expected[index][1]);
            QCOMPARE(windows[index].tokens.size(), std::size_t{3});
            QCOMPARE(windows[index].tokens.front(), TokenId{expected[index][2]});
        }
        QCOMPARE(windows[0].tokens.data(), static_cast<const TokenId*>(documents[0].tokens.data()));
        QCOMPARE(cutWindows(documents, 3, 1)->size(), std::size_t{2});
        QCOMPARE(cutWindows(documents, 7)->size(), std::size_t{1});
        documents[0].name = "long.txt";
        auto none = cutWindows(documents, 8);
        QCOMPARE(none.error().message,
                 std::string("no document has the 8 tokens of a window; the longest, long.txt, has 7"));
        QVERIFY(!cutWindows(documents, 1));
        QVERIFY(!cutWindows(documents, 0));
        QVERIFY(!cutWindows(documents, -4));
        QVERIFY(!cutWindows(documents, 3, -1));
        QVERIFY(!cutWindows({}, 3));
    }
};

QTEST_APPLESS_MAIN(TestDocuments)
#include "test_documents.moc"
