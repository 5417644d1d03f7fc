// Vocabularies inside GGUF files: byte-level BPE gives the ids of the tokenizer.json it came from, on hard
// strings; SentencePiece BPE those that merging by hand gives; what cannot be read is refused by its key.
#include "core/text/tokenizer.h"
#include "tests/core/model/model_test.h"
#include "tests/support/gguf_writer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <fstream>

using namespace qroar;
using namespace qroar::test;
using Ids = std::vector<TokenId>;

namespace {

const std::string mark = "\xE2\x96\x81";
const std::string hardTexts[] = {
    "",
    " ",
    "Hello world",
    "  two  spaces\n\n\n\ttab ",
    "don't WE'LL it's",
    "1234567 12 3",
    "na\xC3\xAFve \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD",
    "a\xCC\x81 combining",
    "x<|endoftext|>y",
    "\xFF\xFE broken \xE2\x82",
    "\r\n mixed \r",
    std::string("nul\0byte", 8),
    "punct...!!?  (a)[b]{c}",
    "\xC2\xA0nbsp\xE2\x80\x83wide"};

/// <unk> <s> </s>, 256 bytes, then pieces with falling scores.
struct Spm {
    std::vector<std::string> pieces{"<unk>", "<s>", "</s>"};
    std::vector<float> scores{0, 0, 0};
    std::vector<std::int32_t> kinds{2, 3, 3};
    Spm() {
        for (int byte = 0; byte < 256; ++byte) {
            char name[8];
            std::snprintf(name, sizeof name, "<0x%02X>", byte);
            add(name, 0, 6);
        }
    }
    TokenId add(const std::string& piece, float score, int kind = 1) {
        pieces.push_back(piece);
        scores.push_back(score);
        kinds.push_back(kind);
        return static_cast<TokenId>(pieces.size()) - 1;
    }
    [[nodiscard]] GgufWriter gguf() const {
        GgufWriter writer;
        writer.text("tokenizer.ggml.model", "llama");
        writer.texts("tokenizer.ggml.tokens", pieces);
        writer.floats("tokenizer.ggml.scores", scores);
        writer.integers("tokenizer.ggml.token_type", kinds);
        writer.u32("tokenizer.ggml.bos_token_id", 1);
        return writer;
    }
};

} // namespace

class TestGgufTokenizer : public QObject {
    Q_OBJECT
    Scratch scratch_;

    Outcome<std::shared_ptr<const Tokenizer>> load(const GgufWriter& gguf) const {
        gguf.write(scratch_.path("v.gguf"));
        return loadGgufTokenizer(scratch_.path("v.gguf"));
    }

  private slots:
    void byteLevelEqualsTheTokenizerJson_data() {
        QTest::addColumn<QString>("pre");
        QTest::addColumn<QString>("pattern");
        QTest::newRow("gpt-2")
            << "gpt-2"
            << R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
        QTest::newRow("llama-bpe")
            << "llama-bpe"
            << R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
        QTest::newRow("qwen2")
            << "qwen2"
            << R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
    }
    /// The sample's own vocabulary, under each way of splitting.
    void byteLevelEqualsTheTokenizerJson() {
        QFETCH(QString, pre);
        QFETCH(QString, pattern);
        std::ifstream stream(QROAR_SOURCE_DIR "/samples/model/tokenizer.json");
        nlohmann::json file = nlohmann::json::parse(stream);
        file["pre_tokenizer"] = {
            {"type", "Sequence"},
            {"pretokenizers",
             {{{"type", "Split"},
               {"pattern", {{"Regex", pattern.toStdString()}}},
               {"behavior", "Isolated"},
               {"invert", false}},
              {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
        if (pre == "qwen2") file["normalizer"] = {{"type", "NFC"}};
        file["model"]["ignore_merges"] = pre == "llama-bpe";
        std::vector<std::string> tokens;
        std::vector<std::int32_t> kinds;
        for (const auto& [text, id] : file["model"]["vocab"].items()) {
            const auto at = id.get<std::size_t>();
            if (tokens.size() <= at) tokens.resize(at + 1);
            tokens[at] = text;
        }
        kinds.assign(tokens.size(), 1);
        for (const auto& added : file["added_tokens"]) {
            const auto at = added["id"].get<std::size_t>();
            if (tokens.size() <= at) tokens.resize(at + 1), kinds.resize(at + 1, 1);
            tokens[at] = added["content"].get<std::string>();
            kinds[at] = 3;
        }
        std::vector<std::string> merges;
        for (const auto& merge : file["model"]["merges"])
            merges.push_back(merge.is_string()
                                 ? merge.get<std::string>()
                                 : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
        GgufWriter gguf;
        gguf.text("tokenizer.ggml.model", "gpt2");
        gguf.text("tokenizer.ggml.pre", pre.toStdString());
        gguf.texts("tokenizer.ggml.tokens", tokens);
        gguf.integers("tokenizer.ggml.token_type", kinds);
        gguf.texts("tokenizer.ggml.merges", merges);
        const auto inside = load(gguf);
        QROAR_OPENED(inside);
        const auto json = loadHfTokenizer(scratch_.file("tokenizer.json", file.dump()));
        QROAR_OPENED(json);
        std::ifstream sample(QROAR_SOURCE_DIR "/README.md");
        const std::string readme((std::istreambuf_iterator<char>(sample)), {});
        std::vector<std::string> texts(std::begin(hardTexts), std::end(hardTexts));
        texts.push_back(readme);
        for (const std::string& text : texts) {
            const Ids ids = (*inside)->encode(text);
            QCOMPARE(ids, (*json)->encode(text));
            QCOMPARE((*inside)->decode(ids), (*json)->decode(ids));
        }
    }

    void piecesMergeByScore() {
        Spm spm;
        const TokenId space = spm.add(mark, -1), a = spm.add("a", -2), b = spm.add("b", -3),
                      c = spm.add("c", -4);
        const TokenId ab = spm.add("ab", -20), bc = spm.add("bc", -10), spaceA = spm.add(mark + "a", -30);
        const auto tokenizer = load(spm.gguf());
        QROAR_OPENED(tokenizer);
        const auto& t = **tokenizer;
        QCOMPARE(t.bosToAdd(), 1);
        QCOMPARE(t.encode("abc"),
                 (Ids{spaceA, bc})); // bc first: its score is highest; then the space joins a
        QCOMPARE(t.encode("ab b"), (Ids{space, ab, space, b}));
        QCOMPARE(t.encode("cab"), (Ids{space, c, ab}));
        QCOMPARE(t.encode("\xC3\xA9"), (Ids{space, 3 + 0xC3, 3 + 0xA9})); // no piece: bytes
        QCOMPARE(t.encode("\xFF"), (Ids{space, 3 + 0xFF}));
        QCOMPARE(t.encode(""), Ids{});
        QCOMPARE(t.encode("</s>a"), (Ids{2, spaceA}));
        QCOMPARE(t.encode("a<unk>"), (Ids{spaceA, 0}));
        QCOMPARE(t.encodeAsText("</s>"), (Ids{space, 3 + '<', 3 + '/', 3 + 's', 3 + '>'}));
        QCOMPARE(t.decode(t.encode("a</s>a <unk>")), std::string("a</s>a <unk>"));
        QCOMPARE(t.decode(t.encode("ab b")), std::string("ab b"));
        QCOMPARE(t.decode({1, spaceA, 3 + 0xC3, 3 + 0xA9, a}), std::string("a\xC3\xA9"
                                                                           "a"));
    }

    void keysChangeWhatIsAdded() {
        Spm spm;
        spm.add(mark, -1);
        const TokenId a = spm.add("a", -2);
        GgufWriter gguf = spm.gguf();
        gguf.boolean("tokenizer.ggml.add_space_prefix", false);
        gguf.boolean("tokenizer.ggml.add_bos_token", false);
        const auto tokenizer = load(gguf);
        QROAR_OPENED(tokenizer);
        QCOMPARE((*tokenizer)->encode("a"), Ids{a});
        QCOMPARE((*tokenizer)->bosToAdd(), -1);
        QCOMPARE((*tokenizer)->decode({a, a}), std::string("aa"));
    }

    /// Characters that have no piece of their own may still be part of one.
    void strangersMerge() {
        Spm spm;
        spm.add(mark, -1);
        const TokenId xy = spm.add("xy", -2), both = spm.add("xy" + mark + "xy", -1);
        GgufWriter gguf = spm.gguf();
        gguf.boolean("tokenizer.ggml.add_space_prefix", false);
        const auto tokenizer = load(gguf);
        QROAR_OPENED(tokenizer);
        QCOMPARE((*tokenizer)->encode("xy"), Ids{xy});
        QCOMPARE((*tokenizer)->encode("xyx"), (Ids{xy, 3 + 'x'}));
        QCOMPARE((*tokenizer)->encode("xy xy"), (Ids{xy, both - 2, xy})); // no way to it in steps of two
        spm.add("xy" + mark, -1);
        GgufWriter bridged = spm.gguf();
        bridged.boolean("tokenizer.ggml.add_space_prefix", false);
        const auto whole = load(bridged);
        QROAR_OPENED(whole);
        QCOMPARE((*whole)->encode("xy xy"), Ids{both}); // a piece that reaches over the space
    }

    /// User-defined pieces count in every text; those of Phi-3, by its name, take white space along.
    void wholePieces() {
        Spm spm;
        spm.add(mark, -1);
        const TokenId a = spm.add("a", -2), spaceA = spm.add(mark + "a", -1),
                      user = spm.add("<|user|>", 0, 4), end = spm.add("<|end|>", 0, 3);
        const auto plain = load(spm.gguf());
        QROAR_OPENED(plain);
        QCOMPARE((*plain)->encode("<|user|>a a"), (Ids{user, spaceA, spaceA}));
        QCOMPARE((*plain)->encodeAsText("<|user|>a"), (Ids{user, spaceA}));
        QCOMPARE((*plain)->encode("<|user|>\na"), (Ids{user, a - 1, 3 + '\n', a}));
        GgufWriter named = spm.gguf();
        named.text("general.name", "Phi-3 mini");
        const auto phi = load(named);
        QROAR_OPENED(phi);
        QCOMPARE((*phi)->encode("<|user|>\n a<|end|> \t<s> a"), (Ids{user, spaceA, end, 1, a - 1, spaceA}));
    }

    void refusals() {
        Spm spm;
        GgufWriter none;
        none.text("general.architecture", "llama");
        QROAR_REFUSED(load(none), "tokenizer.ggml.model", "no such key");
        GgufWriter unigram = none;
        unigram.text("tokenizer.ggml.model", "t5");
        QROAR_REFUSED(load(unigram), "\"t5\"", "llama and gpt2");
        spm.scores.pop_back();
        QROAR_REFUSED(load(spm.gguf()), "tokenizer.ggml.scores", "as many");
        spm.scores.push_back(0);
        spm.kinds[5] = 9;
        QROAR_REFUSED(load(spm.gguf()), "token_type", "token 5");
        GgufWriter bpe;
        bpe.text("tokenizer.ggml.model", "gpt2");
        bpe.texts("tokenizer.ggml.tokens", {"a", "b"});
        QROAR_REFUSED(load(bpe), "tokenizer.ggml.pre", "no such key", "tokenizer.json beside");
        bpe.text("tokenizer.ggml.pre", "unheard-of");
        QROAR_REFUSED(load(bpe), "tokenizer.ggml.pre", "unheard-of", "llama-bpe");
    }
};

QTEST_APPLESS_MAIN(TestGgufTokenizer)
#include "test_gguf_tokenizer.moc"
