// The ways of splitting words that GGUF files name: what each makes of short texts, written down by hand from
// the published patterns.
#include "core/text/bpe_splittings.h"
#include "core/text/pre_tokenizer.h"
#include "hard_strings.h"

#include <nlohmann/json.hpp>

#include <QTest>

#include <set>

using namespace qroar;

namespace {

using Words = std::vector<std::string>;

Words split(const char* name, const std::string& text) {
    const BpeSplitting* splitting = bpeSplitting(name);
    if (!splitting) return {"no such splitting"};
    nlohmann::json steps = nlohmann::json::array();
    for (const char* pattern : splitting->patterns)
        steps.push_back({{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}});
    const auto made = parsePreTokenizer({{"type", "Sequence"}, {"pretokenizers", steps}}, name);
    if (!made) return {made.error().message};
    std::vector<Piece> pieces{{text, true}};
    (*made)->apply(pieces);
    Words words;
    for (const Piece& piece : pieces) words.push_back(piece.text);
    return words;
}

std::string shown(const Words& words) {
    std::string text;
    for (const std::string& word : words) text += "[" + word + "]";
    return text;
}

} // namespace

#define SPLITS(name, text, ...) QCOMPARE(shown(split(name, text)), shown(Words{__VA_ARGS__}))

class TestBpeSplittings : public QObject {
    Q_OBJECT
  private slots:
    void everyOneKeepsEveryByte() {
        std::set<std::string> names;
        for (const BpeSplitting& one : bpeSplittings()) {
            QVERIFY2(names.insert(one.name).second, one.name);
            QCOMPARE(bpeSplitting(one.name), &one);
            for (const std::string& text : fixtures::hardTexts()) {
                std::string joined;
                for (const std::string& word : split(one.name, text)) joined += word;
                QCOMPARE(joined, text);
            }
        }
        QCOMPARE(bpeSplitting("unheard-of"), nullptr);
    }

    void gpt2() {
        SPLITS("gpt-2", "I'll go  now!!", "I", "'ll", " go", " ", " now", "!!");
        SPLITS("gpt-2", "WE'LL", "WE", "'", "LL"); // contractions in lower case only
        SPLITS("gpt-2", "a1234 b", "a", "1234", " b");
        SPLITS("gpt-2", "x\n\n  y", "x", "\n\n ", " y");
        SPLITS("gpt-2", "e\xCC\x81!", "e", "\xCC\x81!"); // a mark is no letter
        SPLITS("phi-2", "a  b", "a", " ", " b");
    }

    void digitsOneByOne() {
        for (const char* name : {"smollm", "starcoder", "refact", "command-r"})
            SPLITS(name, "in 2024!", "in", " ", "2", "0", "2", "4", "!");
    }

    void llama3() {
        SPLITS("llama-bpe", "WE'LL", "WE", "'LL");
        SPLITS("llama-bpe", "12345678", "123", "456", "78");
        SPLITS("llama-bpe", "a\n \nb", "a", "\n \n", "b");
        SPLITS("llama-bpe", "(abc) !\n", "(abc", ")", " !\n");
        SPLITS("dbrx", "12345", "123", "45");
        QVERIFY(bpeSplitting("llama-bpe")->ignoreMerges && bpeSplitting("llama-bpe")->addsBos);
        QVERIFY(!bpeSplitting("dbrx")->ignoreMerges && !bpeSplitting("dbrx")->addsBos);
    }

    void qwen() {
        SPLITS("qwen2", "12 ab", "1", "2", " ab");
        SPLITS("qwen2",
               "e\xCC\x81"
               "a",
               "e",
               "\xCC\x81"
               "a");                               // the mark stands in front of a word
        QCOMPARE(bpeSplitting("qwen35"), nullptr); // whether it normalizes is not known here
        QVERIFY(bpeSplitting("qwen2")->nfc);
    }

    void byCase() {
        SPLITS("gpt-4o", "camelCase HTTPServer", "camel", "Case", " HTTPServer");
        SPLITS("gpt-4o", "it's 1234", "it's", " ", "123", "4");
        SPLITS("tekken", "it's 123", "it", "'s", " ", "1", "2", "3");
        SPLITS("tekken", "\xC3\xA9T\xC3\x89 a/b", "\xC3\xA9", "T\xC3\x89", " a", "/b");
    }

    void deepseek() {
        SPLITS("deepseek-llm", "a\r\nb", "a", "\r", "\n", "b");
        SPLITS("deepseek-llm", "ab12 c!", "ab", "12", " c", "!");
        SPLITS("deepseek-coder", "x += 10", "x", " += ", "1", "0");
        SPLITS("deepseek-v3", "12345 a", "123", "45", " a");
        SPLITS("deepseek-v3",
               "a\xE4\xBD\xA0\xE5\xA5\xBD"
               "b",
               "a", "\xE4\xBD\xA0\xE5\xA5\xBD", "b");
        SPLITS("deepseek-v3", ".foo !\n", ".foo", " !\n");
    }

    void falcon() {
        SPLITS("falcon", "a, b", "a", ",", " b");
        SPLITS("falcon", "12345", "123", "45");
        SPLITS("default", "12345", "123", "45");
        SPLITS("default", "x`y", "x", "`", "y");
    }
};

QTEST_APPLESS_MAIN(TestBpeSplittings)
#include "test_bpe_splittings.moc"
