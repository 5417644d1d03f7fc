// tokenizer.model: what SentencePiece's library says of models trained here, our own BPE on their pieces, the
// files beside the model, and files that are broken.
#include "core/text/sentencepiece_file.h"
#include "core/text/tokenizer.h"
#include "hard_strings.h"
#include "sentencepiece_models.h"
#include "tests/core/model/model_test.h"

#include <nlohmann/json.hpp>
#include <sentencepiece_processor.h>

#include <QElapsedTimer>

#include <algorithm>
#include <random>

using namespace qroar;
using namespace qroar::test;
using namespace qroar::fixtures;
using Ids = std::vector<TokenId>;

namespace {

const std::string llamaLike = "--normalization_rule_name=identity --remove_extra_whitespaces=false "
                              "--split_digits=true --allow_whitespace_only_pieces=true ";

Ids of(const sentencepiece::SentencePieceProcessor& library, const std::string& text) {
    return library.EncodeAsIds(text);
}

/// The tokenizer.json that a BPE model is converted to (Llama 2: with a space in front; Gemma: without):
/// merges are all ways to put a piece together from two others, by its score.
nlohmann::json asTokenizerJson(const SpmVocabulary& all) {
    const std::string mark(spaceMark);
    nlohmann::json vocab = nlohmann::json::object(), merges = nlohmann::json::array();
    for (std::size_t id = 0; id < all.pieces.size(); ++id) vocab[all.pieces[id]] = id;
    std::vector<std::pair<float, nlohmann::json>> pairs;
    for (std::size_t id = 0; id < all.pieces.size(); ++id) {
        const std::string& piece = all.pieces[id];
        if (all.kinds[id] != PieceKind::Normal) continue;
        for (std::size_t cut = 1; cut < piece.size(); ++cut) {
            if ((static_cast<unsigned char>(piece[cut]) & 0xC0) == 0x80) continue;
            const std::string left = piece.substr(0, cut), right = piece.substr(cut);
            if (vocab.contains(left) && vocab.contains(right))
                pairs.push_back({all.scores[id], nlohmann::json::array({left, right})});
        }
    }
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (auto& pair : pairs) merges.push_back(std::move(pair.second));
    const nlohmann::json replace = {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}};
    nlohmann::json normalizer = replace;
    if (all.spacePrefix)
        normalizer = {{"type", "Sequence"},
                      {"normalizers", {{{"type", "Prepend"}, {"prepend", mark}}, replace}}};
    return {{"normalizer", normalizer},
            {"model",
             {{"type", "BPE"},
              {"unk_token", "<unk>"},
              {"fuse_unk", true},
              {"byte_fallback", true},
              {"vocab", vocab},
              {"merges", merges}}}};
}

/// A table for the normalizer with one trie unit per word.
std::string characterMap(const std::vector<std::uint32_t>& units, const std::string& replacements) {
    std::string out;
    const auto word = [&out](std::uint32_t value) {
        for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
    };
    word(static_cast<std::uint32_t>(4 * units.size()));
    for (const std::uint32_t unit : units) word(unit);
    return out + replacements;
}

} // namespace

class TestSentencePiece : public QObject {
    Q_OBJECT
    Scratch scratch_;
    int folders_ = 0;

    Outcome<std::shared_ptr<const Tokenizer>> load(const std::string& model, const std::string& config = {},
                                                   const std::string& added = {}) {
        const std::string folder = std::to_string(++folders_) + "/";
        if (!config.empty()) (void)scratch_.file(folder + "tokenizer_config.json", config);
        if (!added.empty()) (void)scratch_.file(folder + "added_tokens.json", added);
        return loadSentencePieceTokenizer(scratch_.file(folder + "tokenizer.model", model));
    }

  private slots:
    void equalsTheLibrary_data() {
        QTest::addColumn<QString>("options");
        QTest::newRow("BPE, byte fallback")
            << "--model_type=bpe --byte_fallback=true " + QString::fromStdString(llamaLike);
        QTest::newRow("BPE, NFKC") << "--model_type=bpe --normalization_rule_name=nmt_nfkc";
        QTest::newRow("unigram, NFKC") << "--model_type=unigram --normalization_rule_name=nmt_nfkc";
        QTest::newRow("unigram, byte fallback")
            << "--model_type=unigram --byte_fallback=true --user_defined_symbols=<sep>,ing "
                   + QString::fromStdString(llamaLike);
        QTest::newRow("no space in front")
            << "--model_type=bpe --byte_fallback=true --add_dummy_prefix=false "
                   + QString::fromStdString(llamaLike);
    }
    void equalsTheLibrary() {
        QFETCH(QString, options);
        const std::string model = trainSentencePiece(options.toStdString());
        QVERIFY(!model.empty());
        sentencepiece::SentencePieceProcessor library;
        QVERIFY(library.LoadFromSerializedProto(model).ok());
        const auto tokenizer = load(model);
        QROAR_OPENED(tokenizer);
        QCOMPARE((*tokenizer)->vocabSize(), library.GetPieceSize());
        QCOMPARE((*tokenizer)->bosToAdd(), library.bos_id());
        QVERIFY((*tokenizer)->description().find(options.contains("unigram") ? "unigram" : "BPE")
                != std::string::npos);
        std::vector<std::string> texts = hardTexts();
        for (const std::string& text : brokenTexts()) texts.push_back(text);
        for (const std::string& text : texts) {
            const Ids ids = (*tokenizer)->encodeAsText(text);
            QCOMPARE(ids, of(library, text));
            const bool known = std::count(ids.begin(), ids.end(), library.unk_id()) == 0;
            if (known) QCOMPARE((*tokenizer)->decode(ids), library.DecodeIds(ids));
        }
    }

    /// The BPE that GGUF files are read with, on the same pieces.
    void ourOwnBpeEqualsTheLibrary_data() {
        QTest::addColumn<QString>("options");
        QTest::newRow("byte fallback") << "--byte_fallback=true";
        QTest::newRow("unknown characters") << "";
        QTest::newRow("few merges") << "--byte_fallback=true --vocab_size=320";
        QTest::newRow("pieces across spaces") << "--byte_fallback=true --split_by_whitespace=false";
        QTest::newRow("no space in front") << "--byte_fallback=true --add_dummy_prefix=false";
    }
    void ourOwnBpeEqualsTheLibrary() {
        QFETCH(QString, options);
        const std::string model = trainSentencePiece("--model_type=bpe " + llamaLike + options.toStdString());
        QVERIFY(!model.empty());
        sentencepiece::SentencePieceProcessor library;
        QVERIFY(library.LoadFromSerializedProto(model).ok());
        const auto file = readSentencePieceFile(scratch_.file("m.model", model));
        QROAR_OPENED(file);
        QVERIFY(!file->unigram && !file->mapsCharacters && !file->removesExtraSpaces);
        const auto own = makeSpmTokenizer(file->vocabulary, "pieces");
        QROAR_OPENED(own);
        std::mt19937 random(11);
        std::vector<std::string> texts = hardTexts();
        for (int count = 0; count < 500; ++count) { // joined at random: other neighbours
            const std::size_t known = hardTexts().size();
            texts.push_back(texts[random() % known] + texts[random() % known] + texts[random() % known]);
        }
        for (const std::string& text : texts) {
            const Ids ids = (*own)->encodeAsText(text);
            QCOMPARE(ids, of(library, text));
            // U+2581 in a text comes back as the space that it stands for
            if (options.contains("byte")) QCOMPARE((*own)->decode(ids), withSpaces(text));
        }
    }

    void theTokenizerJsonOfItEqualsTheLibrary_data() {
        QTest::addColumn<QString>("options");
        QTest::newRow("Llama 2") << "";
        QTest::newRow("Gemma") << "--add_dummy_prefix=false";
    }
    void theTokenizerJsonOfItEqualsTheLibrary() {
        QFETCH(QString, options);
        const std::string model =
            trainSentencePiece("--model_type=bpe --byte_fallback=true " + llamaLike + options.toStdString());
        const auto file = readSentencePieceFile(scratch_.file("m.model", model));
        QROAR_OPENED(file);
        const std::string json = asTokenizerJson(file->vocabulary).dump();
        const auto converted = loadHfTokenizer(scratch_.file("tokenizer.json", json));
        QROAR_OPENED(converted);
        sentencepiece::SentencePieceProcessor library;
        QVERIFY(library.LoadFromSerializedProto(model).ok());
        for (const std::string& text : hardTexts()) QCOMPARE((*converted)->encode(text), of(library, text));
    }

    void controlAndAddedTokens() {
        const char* config = "{\"added_tokens_decoder\": {"
                             "\"1\": {\"content\": \"<s>\", \"special\": true},"
                             "\"264\": {\"content\": \"<|end|>\", \"special\": true, \"rstrip\": true},"
                             "\"265\": {\"content\": \"<tool>\", \"special\": false}}}";
        const auto tokenizer = load(smallModel(), config);
        QROAR_OPENED(tokenizer);
        const Tokenizer& t = **tokenizer;
        QCOMPARE(t.vocabSize(), 266);
        QCOMPARE(t.bosToAdd(), 1);
        QCOMPARE(t.encode("ab"), (Ids{259, 262}));
        QCOMPARE(t.encode("<|end|>\n a"),
                 (Ids{264, 263})); // takes the white space, and the model puts its own
        QCOMPARE(t.encode("a</s>b<unk>"), (Ids{263, 2, 259, 261, 0}));
        QCOMPARE(t.encode("<tool>a"), (Ids{265, 263}));
        QCOMPARE(t.encodeAsText("<tool>a"), (Ids{265, 263})); // no control token: found all the same
        QVERIFY(t.encodeAsText("</s>") != Ids{2});
        QCOMPARE(t.decode(t.encodeAsText("</s> ab\xFF")),
                 std::string("</s> ab\xEF\xBF\xBD")); // the library's reading
        QCOMPARE(t.decode({1, 263, 264, 263, 265}), std::string("a<|end|>a<tool>"));
        QCOMPARE(t.decode({3 + 0xC3, 3 + 0xA9, 999, -4}), std::string("\xC3\xA9"));
    }

    void filesBesideIt() {
        const auto once = load(smallModel(), "{\"legacy\": false, \"add_bos_token\": false}");
        QROAR_OPENED(once);
        QCOMPARE((*once)->bosToAdd(), -1);
        QCOMPARE((*once)->encode("a</s>a"), (Ids{263, 2, 260})); // the space in front comes once
        QCOMPARE((*once)->decode({263, 2, 260}), std::string("a</s>a"));
        const auto listed = load(smallModel(), {}, "{\"<x>\": 264}");
        QROAR_OPENED(listed);
        QCOMPARE((*listed)->encode("<x>"), Ids{264});
        const auto named = load(smallModel(), "{\"bos_token\": \"</s>\"}");
        QROAR_OPENED(named);
        QCOMPARE((*named)->bosToAdd(), 2);
        const auto none = load(smallModel(wireBytes(46, "<other>")));
        QROAR_OPENED(none);
        QCOMPARE((*none)->bosToAdd(), -1);
        QROAR_REFUSED(load(smallModel(), "{\"bos_token\": \"<bos>\"}"), "tokenizer_config.json", "<bos>");
        QROAR_REFUSED(load(smallModel(), "{\"added_tokens_decoder\": {\"7x\": {}}}"), "added_tokens_decoder",
                      "7x");
        QROAR_REFUSED(load(smallModel(), "{\"added_tokens_decoder\": {\"5\": {\"content\": \"<n>\"}}}"),
                      "added_tokens_decoder", "id 5", "<n>");
        QROAR_REFUSED(load(smallModel(), {}, "{\"a\": 7}"), "added_tokens.json", "\"a\"", "260");
        QROAR_REFUSED(load(smallModel(), "[1]"), "tokenizer_config.json", "expected an object");
    }

    void whichFileIsRead() {
        (void)scratch_.file("both/tokenizer.model", smallModel());
        const auto alone = loadTokenizerFor(scratch_.path("both"), 264);
        QROAR_OPENED(alone);
        QCOMPARE((*alone)->description(), std::string("SentencePiece BPE with byte fallback, 264 tokens"));
        QROAR_REFUSED(loadTokenizerFor(scratch_.path("both"), 200), "tokenizer.model", "another model");
        const std::string json = "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}";
        (void)scratch_.file("both/tokenizer.json", json);
        const auto both = loadTokenizerFor(scratch_.path("both"), 264);
        QROAR_OPENED(both);
        QCOMPARE((*both)->encode("a"), Ids{0});
        QCOMPARE((*both)->description(),
                 std::string("BPE, 1 tokens (of tokenizer.json; the tokenizer.model beside it is not read)"));
        (void)scratch_.file("both/tokenizer.json", "{\"model\": {\"type\": \"WordPiece\"}}");
        QROAR_REFUSED(loadTokenizerFor(scratch_.path("both"), 264), "tokenizer.json", "WordPiece",
                      "tokenizer.model beside it");
    }

    void refusals() {
        const std::string start = wirePiece("<unk>", 0, 2);
        const std::string bpe = wireBytes(2, wireField(3, 2));
        const std::string name = "tokenizer.model";
        QROAR_REFUSED(load("version https://git-lfs"), name);
        QROAR_REFUSED(load("\x08"), name, "broken");
        QROAR_REFUSED(load(wireBytes(9, "x")), name, "no pieces");
        QROAR_REFUSED(load(bpe + wirePiece("a", 0)), name, "unknown, found 0");
        QROAR_REFUSED(load(start + wirePiece("a", 0) + wirePiece("a", 0)), name, "\"a\" is there twice");
        QROAR_REFUSED(load(start + wirePiece("", 0)), name, "piece 1", "found 0");
        QROAR_REFUSED(load(start + wirePiece(std::string("a\0b", 3), 0)), name, "piece 1", "zero byte");
        QROAR_REFUSED(load(start + wirePiece("a", NAN)), name, "piece 1", "finite");
        QROAR_REFUSED(load(start + wirePiece("a", 0, 9)), name, "piece 1", "found 9");
        QROAR_REFUSED(load(start + wirePiece("<0xZZ>", 0, 6)), name, "name of a byte");
        QROAR_REFUSED(load(start + wireBytes(2, wireField(35, 1))), name, "byte_fallback is on", "0 pieces");
        QROAR_REFUSED(load(start + bpe + bytePieces()), name, "byte_fallback is off", "256 pieces");
        QROAR_REFUSED(load(start + wireBytes(2, wireField(3, 3))), name, "model_type 3");
        QROAR_REFUSED(load(smallModel(wireField(24, 1))), name, "treat_whitespace_as_suffix");
        QROAR_REFUSED(load(smallModel({}, wireField(5, 0))), name, "escape_whitespaces");
        QROAR_REFUSED(load(smallModel() + wireBytes(5, wireBytes(2, "x"))), name, "denormalizer_spec");
    }

    /// Tables that lead the library's own search beyond their end.
    void characterMaps() {
        const auto wrong = [](const std::string& table, const char* why) {
            return QString::fromStdString(characterMapProblem(table)).contains(QLatin1String(why));
        };
        std::vector<std::uint32_t> units(512, 0xFFFFFFFF); // a label that no byte has
        QCOMPARE(characterMapProblem({}), std::string());
        units[0] = 256U << 10;
        const std::string end("x\0", 2);
        QCOMPARE(characterMapProblem(characterMap(units, end)), std::string());
        QVERIFY(wrong("abc", "too short"));
        QVERIFY(wrong(std::string("\xFF\xFF\xFF\x7F", 4) + end, "size of its trie"));
        QVERIFY(wrong(characterMap(units, "x"), "no end"));
        QVERIFY(wrong(characterMap({256U << 10}, end), "leaves it"));
        std::vector<std::uint32_t> half(300, 0xFFFFFFFF); // ends inside the 256 units that a byte may lead to
        half[0] = 256U << 10;
        QVERIFY(wrong(characterMap(half, end), "leaves it"));
        units[0] = 512U << 10;
        QVERIFY(wrong(characterMap(units, end), "leaves it"));
        units[0] = 256U << 10;
        units[256 + 'a'] = 'a' | 0x100U | static_cast<std::uint32_t>('a') << 10; // its value lies in unit 256
        units[256] = 0x80000001U;                                                // replacement at byte 1
        QCOMPARE(characterMapProblem(characterMap(units, end)), std::string());
        units[256] = 0x80000002U;
        QVERIFY(wrong(characterMap(units, end), "replacement lies beyond"));
        units[256 + 'a'] = 'a' | 4096U << 10;
        QVERIFY(wrong(characterMap(units, end), "leaves it"));
        QROAR_REFUSED(load(smallModel({}, wireBytes(2, characterMap(units, end)))), "tokenizer.model",
                      "precompiled_charsmap", "leaves it");
    }

    void brokenFiles() {
        const std::string whole =
            trainSentencePiece("--model_type=unigram --normalization_rule_name=nmt_nfkc --vocab_size=120");
        QVERIFY(!whole.empty());
        const auto check = [&](const std::string& bytes) {
            const auto tokenizer = load(bytes);
            if (!tokenizer)
                QVERIFY2(tokenizer.error().message.find("tokenizer.model") != std::string::npos,
                         tokenizer.error().message.c_str());
            else
                for (const char* text : {"walking the \xEF\xAC\x81 caf\xC3\xA9", "<s> 12"})
                    (void)(*tokenizer)->decode((*tokenizer)->encode(text));
        };
        std::mt19937 random(3);
        for (int count = 0; count < 150; ++count) check(whole.substr(0, random() % whole.size()));
        for (int count = 0; count < 850; ++count) {
            std::string bytes = whole;
            for (int change = 0; change < 1 + count % 3; ++change) {
                // the pieces stand in front and are small; the normalizer's table is most of the file
                const std::size_t reach = count % 2 == 0 ? bytes.size() : 4000;
                bytes[bytes.size() <= reach ? random() % bytes.size() : random() % reach] =
                    static_cast<char>(random());
            }
            check(bytes);
        }
    }

    /// Long runs without a space are where a quadratic tokenizer shows.
    void longRuns() {
        const std::string model = trainSentencePiece("--model_type=bpe --byte_fallback=true " + llamaLike);
        const auto file = readSentencePieceFile(scratch_.file("long.model", model));
        QROAR_OPENED(file);
        const auto own = makeSpmTokenizer(file->vocabulary, "pieces");
        QROAR_OPENED(own);
        const auto library = load(model);
        QROAR_OPENED(library);
        QElapsedTimer timer;
        timer.start();
        for (const char* run : {"a", "ab", "\n", " ", "\xE4\xBD\xA0"}) {
            std::string text;
            while (text.size() < 1000000) text += run;
            QCOMPARE((*own)->decode((*own)->encode(text)), text);
            QVERIFY(!(*library)->encode(text).empty());
        }
        QVERIFY2(timer.elapsed() < 60000, qPrintable(QString::number(timer.elapsed())));
    }
};

QTEST_APPLESS_MAIN(TestSentencePiece)
#include "test_sentencepiece.moc"
