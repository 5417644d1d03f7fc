// tokenizer.json files of each kind, with ids computed by hand.
#include "core/text/bpe.h"
#include "core/text/normalizer.h"
#include "core/text/tokenizer.h"
#include "text_fixtures.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QTest>

using namespace qroar;
using namespace qroar::fixtures;
using nlohmann::json;

namespace {
const std::string mark = "\xE2\x96\x81"; // U+2581
constexpr TokenId firstByte = 3;         // of metaspaceFile()
} // namespace

class TestHfTokenizer : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    [[nodiscard]] std::filesystem::path path(const char* name = "tokenizer.json") const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    Outcome<std::shared_ptr<const Tokenizer>> load(const json& file) const {
        writeFile(path(), file.dump());
        return loadHfTokenizer(path());
    }
    std::shared_ptr<const Tokenizer> loaded(const json& file) const {
        auto tokenizer = load(file);
        if (!tokenizer) qFatal("%s", tokenizer.error().message.c_str());
        return *tokenizer;
    }
    std::string refusal(const json& file) const {
        auto tokenizer = load(file);
        return tokenizer ? "loaded" : tokenizer.error().message;
    }
    static json hello() { return byteLevelFile({"h e", "l l", "he ll", "hell o", "\xC4\xA0 w"}); }

  private slots:
    void cleanup() { std::filesystem::remove(path("tokenizer_config.json")); }

    void byteLevel() {
        const auto tokenizer = loaded(hello());
        QCOMPARE(tokenizer->encode("hello"), Ids{259});
        QCOMPARE(tokenizer->encode("hell"), Ids{258});
        QCOMPARE(tokenizer->encode("helo"), (Ids{256, 'l', 'o'}));
        QCOMPARE(tokenizer->encode("lll"), (Ids{257, 'l'}));
        QCOMPARE(tokenizer->encode("hello  w w\n"), (Ids{259, ' ', 260, 260, '\n'}));
        QCOMPARE(tokenizer->encode("\xC3\xA9"), (Ids{0xC3, 0xA9}));
        QCOMPARE(tokenizer->encode(""), Ids{});
        QCOMPARE(tokenizer->vocabSize(), 261);
        QCOMPARE(tokenizer->bosToAdd(), TokenId{-1});
        QCOMPARE(tokenizer->description(), std::string("byte-level BPE, 261 tokens"));
        QCOMPARE(tokenizer->decode({259, 260, 0xC3, 0xA9, 99999, -5}), std::string("hello w\xC3\xA9"));
        QCOMPARE(tokenizer->decode({0xC3}), std::string("\xC3")); // half a character is kept
    }

    void mergesAsPairs() {
        json file = hello();
        file["model"]["merges"] = json::parse(R"([["h","e"],["l","l"],["he","ll"],["hell","o"]])");
        QCOMPARE(loaded(file)->encode("hello"), Ids{259});
    }

    void earlyFilesWithoutType() { // GPT-2's own file: no type, empty strings for what it does not have
        json file = hello();
        file["model"].erase("type");
        for (const char* key : {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"})
            file["model"][key] = "";
        QCOMPARE(loaded(file)->encode("hello"), Ids{259});
    }

    void ignoreMerges() {
        json file = byteLevelFile({"h e"});
        file["model"]["vocab"]["hey"] = 300;
        QCOMPARE(loaded(file)->encode("hey"), (Ids{256, 'y'}));
        file["model"]["ignore_merges"] = true;
        QCOMPARE(loaded(file)->encode("hey"), Ids{300});
        QCOMPARE(loaded(file)->encode("heyy"), (Ids{256, 'y', 'y'}));
        QCOMPARE(loaded(file)->vocabSize(), 301);
    }

    void llama3Kind() {
        json file = byteLevelFile({"1 2", "12 3", "3 4", "123 4"});
        file["pre_tokenizer"] = splitThenBytes(llama3Pattern);
        file["added_tokens"] = json::array({addedToken(300, "<|begin|>"), addedToken(301, "<|begin|>x")});
        file["post_processor"] = {{"type", "Sequence"},
                                  {"processors",
                                   {{{"type", "ByteLevel"}},
                                    {{"type", "TemplateProcessing"},
                                     {"single",
                                      {{{"SpecialToken", {{"id", "<|begin|>"}, {"type_id", 0}}}},
                                       {{"Sequence", {{"id", "A"}}}},
                                       {{"SpecialToken", {{"id", "<|begin|>x"}, {"type_id", 0}}}}}},
                                     {"special_tokens",
                                      {{"<|begin|>", {{"id", "<|begin|>"}, {"ids", {300}}}},
                                       {"<|begin|>x", {{"id", "<|begin|>x"}, {"ids", {301}}}}}}}}}};
        const auto tokenizer = loaded(file);
        QCOMPARE(tokenizer->bosToAdd(), TokenId{300});
        QCOMPARE(tokenizer->encode("1234"), (Ids{257, '4'})); // 123|4: no merge across words
        QCOMPARE(tokenizer->encode("a<|begin|>12"), (Ids{'a', 300, 256}));
        QCOMPARE(tokenizer->encode("<|begin|>x<|begin|"), (Ids{301, '<', '|', 'b', 'e', 'g', 'i', 'n', '|'}));
    }

    void qwen2Kind() {
        json file = byteLevelFile({"1 2", "\xC3\x83 \xC2\xA9"}); // bytes C3 A9 of U+00E9
        file["pre_tokenizer"] = splitThenBytes(qwen2Pattern);
        file["normalizer"] = {{"type", "NFC"}};
        const auto tokenizer = loaded(file);
        QCOMPARE(tokenizer->encode("12"), (Ids{'1', '2'}));
        QCOMPARE(tokenizer->encode("e\xCC\x81"), Ids{257});
        QCOMPARE(tokenizer->encode("\xC3\xA9"), Ids{257});
        QCOMPARE(tokenizer->encode("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB"),
                 (Ids{0xED, 0x95, 0x9C})); // Hangul
    }

    void metaspaceByNormalizer() {
        const auto tokenizer = loaded(metaspaceFile());
        QCOMPARE(tokenizer->bosToAdd(), TokenId{1});
        QCOMPARE(tokenizer->description(), std::string("BPE with byte fallback, 265 tokens"));
        QCOMPARE(tokenizer->encode("hi hi"), (Ids{263, 263}));
        QCOMPARE(tokenizer->encode(" hi"), (Ids{259, 263}));
        QCOMPARE(tokenizer->encode("\xC3\xA9h"), (Ids{259, firstByte + 0xC3, firstByte + 0xA9, 260}));
        QCOMPARE(tokenizer->encode("<s>hi"), (Ids{1, 263}));
        QCOMPARE(tokenizer->encode("hi<s>"), (Ids{263, 1}));
        QCOMPARE(tokenizer->encode(""), Ids{});
        for (const char* text : {"hi hi", "h  i", " hi", "\xF0\x9F\x98\x80 hi\n", "<0x41>"})
            QCOMPARE(tokenizer->decode(tokenizer->encode(text)), std::string(text));
    }

    void metaspaceByPreTokenizer() {
        json file = metaspaceFile();
        file["normalizer"] = nullptr;
        file["pre_tokenizer"] = {
            {"type", "Metaspace"}, {"replacement", mark}, {"prepend_scheme", "first"}, {"split", false}};
        file["decoder"] = file["pre_tokenizer"];
        auto tokenizer = loaded(file);
        QCOMPARE(tokenizer->encode("hi hi"), (Ids{263, 263}));
        QCOMPARE(tokenizer->encode(" hi"), Ids{263}); // there already is one
        QCOMPARE(tokenizer->encode("<s>hi"), (Ids{1, 264}));
        QCOMPARE(tokenizer->decode({263, 263}), std::string("hi hi"));
        file["pre_tokenizer"]["prepend_scheme"] = "always";
        QCOMPARE(loaded(file)->encode("<s>hi"), (Ids{1, 263}));
        file["pre_tokenizer"]["prepend_scheme"] = "never";
        QCOMPARE(loaded(file)->encode("hi hi"), (Ids{264, 263}));
        file["pre_tokenizer"] = {{"type", "Metaspace"}, {"replacement", mark}, {"add_prefix_space", false}};
        QCOMPARE(loaded(file)->encode("hi hi"), (Ids{264, 263}));
        file["pre_tokenizer"]["add_prefix_space"] = true;
        QCOMPARE(loaded(file)->encode("hi hi"), (Ids{263, 263}));
        file["pre_tokenizer"]["prepend_scheme"] = "sometimes";
        QVERIFY(QString::fromStdString(refusal(file)).contains("sometimes"));
    }

    void metaspaceSplits() { // with split, "hi" + U+2581 cannot merge across the word border
        json file = metaspaceFile();
        file["normalizer"] = nullptr;
        file["model"]["vocab"]["i" + mark] = 265;
        file["model"]["merges"] = json::array({"i " + mark});
        file["pre_tokenizer"] = {{"type", "Metaspace"}, {"prepend_scheme", "never"}, {"split", true}};
        QCOMPARE(loaded(file)->encode("i i"), (Ids{261, 259, 261}));
        file["pre_tokenizer"]["split"] = false;
        QCOMPARE(loaded(file)->encode("i i"), (Ids{265, 261}));
    }

    void unknownTokens() {
        json file = metaspaceFile();
        file["model"]["byte_fallback"] = false;
        QCOMPARE(loaded(file)->encode("h\xC3\xA9\xC3\xA9i"), (Ids{262, 0, 261}));
        file["model"]["fuse_unk"] = false;
        QCOMPARE(loaded(file)->encode("h\xC3\xA9\xC3\xA9i"), (Ids{262, 0, 0, 261}));
        file["model"]["unk_token"] = nullptr;
        QCOMPARE(loaded(file)->encode("h\xC3\xA9i"), Ids{263}); // left out, as in the reference
        file["model"]["unk_token"] = "<none>";
        QVERIFY(QString::fromStdString(refusal(file)).contains("unk_token \"<none>\""));
    }

    void oneMegabyteWithoutWords() {
        const auto tokenizer = loaded(metaspaceFile());
        std::string text;
        while (text.size() < (1U << 20)) text += "hi hh \xC3\xA9 ii ";
        QElapsedTimer timer;
        timer.start();
        const Ids ids = tokenizer->encode(text);
        QVERIFY(timer.elapsed() < 15000);
        QCOMPARE(tokenizer->decode(ids), text);
        QCOMPARE(ids[0], TokenId{263});
    }

    void addedTokenFlags() {
        json file = hello();
        json strip = addedToken(300, "<L>"), right = addedToken(301, "<R>"), word = addedToken(302, "cat");
        strip["lstrip"] = true;
        right["rstrip"] = true;
        word["single_word"] = true;
        file["added_tokens"] = {strip, right, word};
        const auto tokenizer = loaded(file);
        QCOMPARE(tokenizer->encode("a \n<L> b"), (Ids{'a', 300, ' ', 'b'}));
        QCOMPARE(tokenizer->encode("a <R>\xE3\x80\x80 b"), (Ids{'a', ' ', 301, 'b'}));
        QCOMPARE(tokenizer->encode("<R>  <L>"), (Ids{301, 300}));
        QCOMPARE(tokenizer->encode("cat cats,cat"), (Ids{302, ' ', 'c', 'a', 't', 's', ',', 302}));
        QCOMPARE(tokenizer->encode("\xC3\xA9"
                                   "cat"),
                 (Ids{0xC3, 0xA9, 'c', 'a', 't'}));
    }

    void normalizedAddedTokens() {
        json file = hello();
        file["normalizer"] = {{"type", "Lowercase"}};
        json token = addedToken(300, "[Day]");
        file["added_tokens"] = json::array({token});
        QCOMPARE(loaded(file)->encode("[DAY][Day]"), (Ids{'[', 'd', 'a', 'y', ']', 300}));
        token["normalized"] = true;
        file["added_tokens"] = json::array({token});
        QCOMPARE(loaded(file)->encode("[DAY][Day]"), (Ids{300, 300}));
        token.erase("normalized"); // the default is the opposite of special
        token["special"] = false;
        file["added_tokens"] = json::array({token});
        QCOMPARE(loaded(file)->encode("[DAY]"), Ids{300});
    }

    void addedTokensKeepTheirText() {
        json file = hello();
        file["added_tokens"] = json::array({addedToken(300, "caf\xC3\xA9 \xE4\xBD\xA0")});
        const auto tokenizer = loaded(file);
        const std::string text = "a caf\xC3\xA9 \xE4\xBD\xA0!";
        QCOMPARE(tokenizer->encode(text), (Ids{'a', ' ', 300, '!'}));
        QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
    }

    void normalizers_data() {
        QTest::addColumn<QByteArray>("description");
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("expected");
        const auto row = [](const char* name, const char* description, const char* text,
                            const char* expected) {
            QTest::newRow(name) << QByteArray(description) << QByteArray(text) << QByteArray(expected);
        };
        row("null", "null", "A ", "A ");
        row("NFC", R"({"type":"NFC"})", "e\xCC\x81\xEF\xAC\x81", "\xC3\xA9\xEF\xAC\x81");
        row("NFD", R"({"type":"NFD"})", "\xC3\xA9", "e\xCC\x81");
        row("NFKC", R"({"type":"NFKC"})", "\xEF\xAC\x81\xC2\xB2", "fi2");
        row("NFKD", R"({"type":"NFKD"})", "\xEF\xAC\x81\xC3\xA9", "fie\xCC\x81");
        row("order of marks", R"({"type":"NFC"})", "a\xCC\xA3\xCC\x82\xCC\xA3", "\xE1\xBA\xAD\xCC\xA3");
        row("Lowercase", R"({"type":"Lowercase"})", "\xC4\xB0\xCE\xA3S", "i\xCC\x87\xCF\x83s");
        row("Strip", R"({"type":"Strip"})",
            " \xC2\xA0"
            "a b\n",
            "a b");
        row("Strip left", R"({"type":"Strip","strip_left":true,"strip_right":false})", " a ", "a ");
        row("Strip all", R"({"type":"Strip"})", "  ", "");
        row("Prepend", R"({"type":"Prepend","prepend":"_"})", "a", "_a");
        row("Prepend nothing", R"({"type":"Prepend","prepend":"_"})", "", "");
        row("Replace", R"({"type":"Replace","pattern":{"String":"aa"},"content":"b"})", "aaa", "ba");
        row("Replace regex", R"({"type":"Replace","pattern":{"Regex":" {2,}"},"content":"."})", "a   b c",
            "a.b c");
        row("Sequence", R"({"type":"Sequence","normalizers":[{"type":"NFD"},{"type":"Lowercase"}]})",
            "\xC3\x89", "e\xCC\x81");
    }
    void normalizers() {
        QFETCH(QByteArray, description);
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, expected);
        auto normalizer = parseNormalizer(json::parse(description.toStdString()), "test");
        QVERIFY(normalizer.ok());
        QCOMPARE(QByteArray::fromStdString((*normalizer)->apply(text.toStdString())), expected);
    }

    void bosFromTokenizerConfig() {
        json file = hello();
        file["added_tokens"] = json::array({addedToken(300, "<s>")});
        writeFile(path("tokenizer_config.json"), R"({"add_bos_token": true, "bos_token": "<s>"})");
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{300});
        writeFile(path("tokenizer_config.json"),
                  R"({"add_bos_token": true, "bos_token": {"content": "<s>"}})");
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{300});
        writeFile(path("tokenizer_config.json"), R"({"add_bos_token": false, "bos_token": "<s>"})");
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{-1});
        writeFile(path("tokenizer_config.json"), R"({"bos_token": "<s>"})");
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{-1});
        writeFile(path("tokenizer_config.json"), R"({"add_bos_token": true, "bos_token": "<nope>"})");
        QVERIFY(QString::fromStdString(refusal(file)).contains("<nope>"));
        writeFile(path("tokenizer_config.json"), "{");
        QVERIFY(QString::fromStdString(refusal(file)).contains("tokenizer_config.json: not valid JSON"));
        writeFile(path("tokenizer_config.json"), R"({"add_bos_token": true, "bos_token": "<s>"})");
        file["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"h", 104}}, {"cls", {"a", 97}}};
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{97}); // the tokenizer.json's own word counts
    }

    void eosIsNotAdded() {
        json file = metaspaceFile();
        file["post_processor"]["single"] = {{{"Sequence", {{"id", "A"}}}},
                                            {{"SpecialToken", {{"id", "<s>"}}}}};
        QCOMPARE(loaded(file)->bosToAdd(), TokenId{-1});
        file["post_processor"]["single"] = {{{"SpecialToken", {{"id", "<s>"}}}},
                                            {{"SpecialToken", {{"id", "<s>"}}}},
                                            {{"Sequence", {{"id", "A"}}}}};
        QVERIFY(QString::fromStdString(refusal(file)).contains("more than one token"));
    }

    void invalidUtf8() {
        const auto bytes = loaded(hello());
        QCOMPARE(bytes->encode("h\xFFhe\xE2\x82"), (Ids{'h', 0xFF, 256, 0xE2, 0x82}));
        const auto fallback = loaded(metaspaceFile());
        QCOMPARE(fallback->encode("hi\xFF"), (Ids{263, firstByte + 0xFF}));
        json file = metaspaceFile();
        file["model"]["byte_fallback"] = false;
        file["model"]["vocab"]["\xEF\xBF\xBD"] = 300;
        QCOMPARE(loaded(file)->encode("hi\xFF"), (Ids{263, 300}));
    }

    void byteLevelRoundTrips() {
        json file = hello();
        file["added_tokens"] = {addedToken(300, "\xE4\xBD\xA0"
                                                "a"),
                                addedToken(301, "\n")};
        std::mt19937 random(5);
        for (const char* pattern : {llama3Pattern, qwen2Pattern, ""}) {
            if (*pattern)
                file["pre_tokenizer"] = splitThenBytes(pattern);
            else
                file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
            const auto tokenizer = loaded(file);
            for (int trial = 0; trial < 200; ++trial) {
                std::string text = randomText(random, static_cast<int>(random() % 60));
                QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
                for (char& byte : text) // now bytes that are not UTF-8
                    if (random() % 4 == 0) byte = static_cast<char>(random());
                QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
            }
        }
    }

    void fallbackRoundTrips() {
        const auto tokenizer = loaded(metaspaceFile());
        std::mt19937 random(6);
        for (int trial = 0; trial < 200; ++trial) {
            const std::string text = randomText(random, static_cast<int>(random() % 60));
            QCOMPARE(tokenizer->decode(tokenizer->encode(text)), text);
        }
    }

    void noDecoderJoinsWithSpaces() {
        json file = hello();
        file["decoder"] = nullptr;
        QCOMPARE(loaded(file)->decode({259, 'x'}), std::string("hello x"));
    }

    void refusals_data() {
        QTest::addColumn<QByteArray>("pointer");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<QByteArray>("named");
        const auto row = [](const char* pointer, const char* value, const char* named) {
            QTest::newRow((std::string(pointer) + " " + value).c_str())
                << QByteArray(pointer) << QByteArray(value) << QByteArray(named);
        };
        row("/model/type", R"("Unigram")", R"(model: type "Unigram")");
        row("/model/type", R"("WordPiece")", "WordPiece");
        row("/model/type", "3", "\"type\": expected a string, found a number");
        row("/model", "[]", "model: expected an object, found an array");
        row("/model/vocab", "[]", "vocab: expected an object");
        row("/model/vocab", "{}", "no tokens");
        row("/model/vocab/h", "-1", "vocab: \"h\": expected 0");
        row("/model/vocab/h", "1.5", "expected an integer");
        row("/model/vocab/h", "99999999999", "found 99999999999");
        row("/model/vocab/h", "18446744073709551615", "vocab: \"h\"");
        row("/model/vocab/h", "105", "id 105 is given to both");
        row("/model/merges", "{}", "merges: expected an array");
        row("/model/merges/0", R"("he")", "entry 0");
        row("/model/merges/0", R"("h e l")", "entry 0");
        row("/model/merges/0", R"(["h"])", "entry 0");
        row("/model/merges/0", R"("h q")", "\"hq\" is not in the vocabulary");
        row("/model/merges/0", R"(["h", "  "])", "\"  \" is not in the vocabulary");
        row("/model/end_of_word_suffix", R"("</w>")", "</w>");
        row("/model/continuing_subword_prefix", R"("##")", "##");
        row("/model/byte_fallback", "1", "byte_fallback");
        row("/normalizer", R"({"type":"Precompiled"})", "normalizer: type \"Precompiled\"");
        row("/normalizer", R"({"type":"Replace","pattern":{"Regex":"*"},"content":"x"})",
            "regular expression");
        row("/normalizer", R"({"type":"Replace","pattern":{"String":""},"content":"x"})", "empty");
        row("/pre_tokenizer", R"({"type":"BertPreTokenizer"})", "pre_tokenizer: type \"BertPreTokenizer\"");
        row("/decoder", R"({"type":"WordPiece"})", "decoder: type \"WordPiece\"");
        row("/decoder", R"({"type":"Strip","content":"","start":1,"stop":0})", "content");
        row("/decoder", R"({"type":"Strip","content":" ","start":-1,"stop":0})", "start");
        row("/post_processor", R"({"type":"Odd"})", "post_processor: type \"Odd\"");
        row("/post_processor", R"({"type":"TemplateProcessing","single":[]})", "no Sequence");
        row("/post_processor", R"({"type":"BertProcessing","cls":["x",777]})", "777");
        row("/added_tokens", R"([{"id":-1,"content":"x"}])", "added_tokens: entry 0: \"id\"");
        row("/added_tokens", R"([{"id":5,"content":"h"}])", "\"h\" has id 5, but 104 in the vocabulary");
        row("/added_tokens", R"([{"id":5,"content":"<x>"}])", "id 5 is given to both");
        row("/added_tokens", R"([7])", "entry 0: expected an object");
        row("/added_tokens", R"({})", "added_tokens: expected an array");
    }
    void refusals() {
        QFETCH(QByteArray, pointer);
        QFETCH(QByteArray, value);
        QFETCH(QByteArray, named);
        json file = hello();
        file[json::json_pointer(pointer.toStdString())] = json::parse(value.toStdString());
        const std::string message = refusal(file);
        QVERIFY2(QByteArray::fromStdString(message).contains(named), message.c_str());
        QVERIFY2(message.starts_with(path().string() + ": "), message.c_str());
    }

    void brokenFiles() {
        writeFile(path(), "{\"model\": ");
        QVERIFY(QString::fromStdString(loadHfTokenizer(path()).error().message).contains("not valid JSON"));
        writeFile(path(), "[]");
        QVERIFY(!loadHfTokenizer(path()));
        QCOMPARE(loadHfTokenizer(path("none.json")).error().code, ErrorCode::NotFound);
        json deep = {{"type", "NFC"}};
        for (int level = 0; level < 1000; ++level)
            deep = {{"type", "Sequence"}, {"normalizers", json::array({std::move(deep)})}};
        json file = hello();
        file["normalizer"] = std::move(deep);
        QVERIFY(QString::fromStdString(refusal(file)).contains("too deeply"));
    }
};

QTEST_APPLESS_MAIN(TestHfTokenizer)
#include "test_hf_tokenizer.moc"
