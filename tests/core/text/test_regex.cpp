// The word patterns of tokenizer files: published patterns on hand-split texts, and what Oniguruma reads
// differently from PCRE2.
#include "core/text/pattern.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/regex.h"
#include "text_fixtures.h"

#include <QTest>

using namespace qroar;
using nlohmann::json;
using Strings = std::vector<std::string>;
Q_DECLARE_METATYPE(Strings)

namespace {

Strings pieces(const json& description, const std::string& text) {
    auto preTokenizer = parsePreTokenizer(description, "test");
    if (!preTokenizer) return {"error: " + preTokenizer.error().message};
    std::vector<Piece> parts{{text, true}};
    (*preTokenizer)->apply(parts);
    Strings texts;
    for (const Piece& part : parts) texts.push_back(part.text);
    return texts;
}

Strings matches(const std::string& pattern, const std::string& text) {
    auto regex = Regex::compile(pattern, "test");
    if (!regex) return {"error: " + regex.error().message};
    std::vector<Stretch> stretches;
    regex->findAll(text, stretches);
    Strings found;
    for (const Stretch& stretch : stretches)
        if (stretch.isMatch) found.push_back(text.substr(stretch.begin, stretch.end - stretch.begin));
    return found;
}

json behaviorStep(const char* behavior, bool invert) {
    return {{"type", "Split"}, {"pattern", {{"String", "-"}}}, {"behavior", behavior}, {"invert", invert}};
}

void row(const char* name, const char* pattern, const std::string& text, const Strings& expected) {
    QTest::newRow(name) << QByteArray(pattern) << QByteArray::fromStdString(text) << expected;
}

} // namespace

class TestRegex : public QObject {
    Q_OBJECT
  private slots:
    void publishedPatterns_data() {
        QTest::addColumn<QByteArray>("pattern");
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<Strings>("expected");
        const char* const llama = fixtures::llama3Pattern;
        const char* const qwen = fixtures::qwen2Pattern;
        row("contraction", llama, "I'll go", {"I", "'ll", " go"});
        row("capital contraction", llama, "I'LL", {"I", "'LL"});
        row("not", llama, "don't stop", {"don", "'t", " stop"});
        row("leading spaces", llama, "  leading", {" ", " leading"});
        row("digits by three", llama, "12345678", {"123", "456", "78"});
        row("decimal", llama, "3.14", {"3", ".", "14"});
        row("ideographs", llama, "\xE4\xBD\xA0\xE5\xA5\xBD,\xE4\xB8\x96\xE7\x95\x8C",
            {"\xE4\xBD\xA0\xE5\xA5\xBD", ",\xE4\xB8\x96\xE7\x95\x8C"});
        row("newlines", llama, "a\n\nb", {"a", "\n\n", "b"});
        row("space before newline", llama, "a \n b", {"a", " \n", " b"});
        row("newlines after punctuation", llama, "hello!!\n\nbye", {"hello", "!!\n\n", "bye"});
        row("carriage return", llama, "a\r\nb", {"a", "\r\n", "b"});
        row("trailing spaces", llama, "end   ", {"end", "   "});
        row("inner spaces", llama, "x   y", {"x", "  ", " y"});
        row("tabs", llama, "\t\tfoo", {"\t", "\tfoo"});
        row("combining mark", llama, "cafe\xCC\x81!", {"cafe", "\xCC\x81!"});
        row("no-break space", llama,
            "a\xC2\xA0"
            "b",
            {"a", "\xC2\xA0"
                  "b"});
        row("ideographic space runs", llama,
            "a\xE3\x80\x80\xE3\x80\x80"
            "b",
            {"a", "\xE3\x80\x80",
             "\xE3\x80\x80"
             "b"});
        row("emoji", llama, "hi \xF0\x9F\x98\x80\xF0\x9F\x98\x80 x",
            {"hi", " \xF0\x9F\x98\x80\xF0\x9F\x98\x80", " x"});
        row("U+180E is no space", llama, "x\xE1\xA0\x8E!", {"x", "\xE1\xA0\x8E!"});
        row("U+0085 is a space", llama, "x \xC2\x85 !", {"x", " \xC2\x85", " !"});
        row("long s in a contraction", llama, "it'\xC5\xBF", {"it", "'\xC5\xBF"});
        row("number letters", llama,
            "\xE2\x85\xA3\xC2\xBD\xD9\xA3"
            "4",
            {"\xE2\x85\xA3\xC2\xBD\xD9\xA3", "4"});
        row("Qwen digits", qwen, " 123", {" ", "1", "2", "3"});
        row("Qwen words", qwen, "I've 2 cats.\n", {"I", "'ve", " ", "2", " cats", ".\n"});
    }
    void publishedPatterns() {
        QFETCH(QByteArray, pattern);
        QFETCH(QByteArray, text);
        QFETCH(Strings, expected);
        QCOMPARE(pieces(fixtures::splitStep(pattern.toStdString()), text.toStdString()), expected);
    }

    void gpt2Words() {
        const json byteLevel = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
        QCOMPARE(pieces(byteLevel, "I'll don't 123abc"), (Strings{"I", "'ll",
                                                                  "\xC4\xA0"
                                                                  "don",
                                                                  "'t",
                                                                  "\xC4\xA0"
                                                                  "123",
                                                                  "abc"}));
        QCOMPARE(pieces(byteLevel, "a  b  "), (Strings{"a", "\xC4\xA0",
                                                       "\xC4\xA0"
                                                       "b",
                                                       "\xC4\xA0\xC4\xA0"}));
        QCOMPARE(pieces(byteLevel, "I'LL"), (Strings{"I", "'", "LL"}));
        const json prefixed = {{"type", "ByteLevel"}, {"add_prefix_space", true}};
        QCOMPARE(pieces(prefixed, "x y"), (Strings{"\xC4\xA0x", "\xC4\xA0y"}));
        QCOMPARE(pieces(prefixed, " x"), (Strings{"\xC4\xA0x"}));
    }

    // Expected pieces from the tests of the format's documentation ("the-final--countdown").
    void splitBehaviors() {
        const std::string text = "the-final--countdown";
        QCOMPARE(pieces(behaviorStep("Removed", false), text), (Strings{"the", "final", "countdown"}));
        QCOMPARE(pieces(behaviorStep("Isolated", false), text),
                 (Strings{"the", "-", "final", "-", "-", "countdown"}));
        QCOMPARE(pieces(behaviorStep("MergedWithPrevious", false), text),
                 (Strings{"the-", "final-", "-", "countdown"}));
        QCOMPARE(pieces(behaviorStep("MergedWithNext", false), text),
                 (Strings{"the", "-final", "-", "-countdown"}));
        QCOMPARE(pieces(behaviorStep("Contiguous", false), text),
                 (Strings{"the", "-", "final", "--", "countdown"}));
        QCOMPARE(pieces(behaviorStep("Removed", true), text), (Strings{"-", "-", "-"}));
    }

    void otherPreTokenizers() {
        const json single = {{"type", "Digits"}, {"individual_digits", true}};
        const json runs = {{"type", "Digits"}, {"individual_digits", false}};
        QCOMPARE(pieces(single, "ab12 3"), (Strings{"ab", "1", "2", " ", "3"}));
        QCOMPARE(pieces(runs, "Hey 123 friend!"), (Strings{"Hey ", "123", " friend!"}));
        QCOMPARE(pieces({{"type", "Whitespace"}}, "Hey  man_1!? \xC3\xA9t\xC3\xA9"),
                 (Strings{"Hey", "man_1", "!?", "\xC3\xA9t\xC3\xA9"}));
        QCOMPARE(pieces({{"type", "WhitespaceSplit"}}, " Hey\tyou \n!"), (Strings{"Hey", "you", "!"}));
        QCOMPARE(pieces({{"type", "Punctuation"}}, "a,+b"), (Strings{"a", ",", "+", "b"}));
        QCOMPARE(pieces({{"type", "CharDelimiterSplit"}, {"delimiter", "|"}}, "a|b||c"),
                 (Strings{"a", "b", "c"}));
        const json smol = {{"type", "Sequence"},
                           {"pretokenizers", {single, {{"type", "ByteLevel"}, {"add_prefix_space", false}}}}};
        QCOMPARE(pieces(smol, "in 2024"), (Strings{"in", "\xC4\xA0", "2", "0", "2", "4"}));
    }

    void unknownKindsAreRefusedByName_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("name");
        QTest::newRow("type") << QByteArray(R"({"type":"BertPreTokenizer"})")
                              << QByteArray("BertPreTokenizer");
        QTest::newRow("nested") << QByteArray(
            R"({"type":"Sequence","pretokenizers":[{"type":"UnicodeScripts"}]})")
                                << QByteArray("UnicodeScripts");
        QTest::newRow("behavior") << QByteArray(
            R"({"type":"Split","pattern":{"String":"a"},"behavior":"Odd"})")
                                  << QByteArray("Odd");
        QTest::newRow("number") << QByteArray("7") << QByteArray("a number");
        QTest::newRow("no pattern") << QByteArray(R"({"type":"Split","behavior":"Removed"})")
                                    << QByteArray("pattern");
        QTest::newRow("after bytes") << QByteArray(
            R"({"type":"Sequence","pretokenizers":[{"type":"ByteLevel"},{"type":"Whitespace"}]})")
                                     << QByteArray("after ByteLevel");
    }
    void unknownKindsAreRefusedByName() {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, name);
        auto parsed = parsePreTokenizer(json::parse(text.toStdString()), "file: pre_tokenizer");
        QVERIFY(!parsed);
        QVERIFY2(QByteArray::fromStdString(parsed.error().message).contains(name),
                 parsed.error().message.c_str());
        QVERIFY(parsed.error().message.starts_with("file: pre_tokenizer"));
    }

    void rubyReadings() {
        QCOMPARE(matches("a{2}+", "aaaaa"), (Strings{"aaaa"}));          // (?:a{2})+, not possessive
        QCOMPARE(matches("(b|a){2}?c", "c bac"), (Strings{"c", "bac"})); // (?:(b|a){2})?c, not lazy
        QCOMPARE(matches("x{,2}y", "xxxy"), (Strings{"xxy"}));           // 0 to 2
        QCOMPARE(matches("a++b", "aab"), (Strings{"aab"}));              // possessive in both
        QCOMPARE(matches("\\h+", "xBEEF g"), (Strings{"BEEF"}));         // a hexadecimal digit
        QCOMPARE(matches("[\\h]", " 9"), (Strings{"9"}));
        QCOMPARE(matches("\\u00e9", "\xC3\xA9"), (Strings{"\xC3\xA9"}));
        QCOMPARE(matches("^b$", "a\nb\nc"), (Strings{"b"}));      // lines, always
        QCOMPARE(matches("a.c", "a\nc a\rc"), (Strings{"a\rc"})); // . stops at \n only
        QCOMPARE(matches("\\p{Han}+", "\xE4\xBD\xA0\xE3\x80\x81\xE4\xBD\xA0"),
                 (Strings{"\xE4\xBD\xA0", "\xE4\xBD\xA0"})); // script, not script extensions
        QCOMPARE(matches("\\w+", "a\xCC\x81_9-\xE2\x80\xBF"), (Strings{"a\xCC\x81_9", "\xE2\x80\xBF"}));
        QCOMPARE(matches("\\p{^L}+", "ab12"), (Strings{"12"}));
        QCOMPARE(matches("[!-/\\[\\]{}]+", "a[{b"), (Strings{"[{"}));
        QCOMPARE(matches("a{x", "a{x"), (Strings{"a{x"})); // no quantifier, so literal
    }

    void emptyMatchesAreCuts() {
        QCOMPARE(pieces(fixtures::splitStep("(?=[A-Z])"), "aBcD"), (Strings{"a", "Bc", "D"}));
        QCOMPARE(matches("x*", "axb"), (Strings{"", "x", ""})); // not again right behind a match
    }

    void refusedPatterns_data() {
        QTest::addColumn<QByteArray>("pattern");
        for (const char* pattern :
             {"[a&&b]", "[a[b]]", "[[:alpha:]]", "\\1",           "(?<x>a)", "(?~a)", "(*FAIL)", "\\R",
              "\\bx",   "(?m:a)", "[\\W]",       "\\p{Nonsense}", "\\pL",    "(",     ")",       "[a",
              "a\\",    "*",      "\\u12",       "[]a]",          "\\p{L",   "a{3,2}"})
            QTest::newRow(pattern) << QByteArray(pattern);
    }
    void refusedPatterns() {
        QFETCH(QByteArray, pattern);
        auto regex = Regex::compile(pattern.toStdString(), "file: Split: pattern");
        QVERIFY(!regex);
        QVERIFY2(regex.error().message.starts_with("file: Split: pattern: regular expression"),
                 regex.error().message.c_str());
    }

    void explodingPatternsThrow() {
        auto regex = Regex::compile("(?:a|aa|a.)+$", "test");
        QVERIFY(regex.ok());
        std::vector<Stretch> stretches;
        QVERIFY_EXCEPTION_THROWN(regex->findAll(std::string(200, 'a') + "b\r", stretches),
                                 std::runtime_error);
    }

    void longTextsAreCheap() {
        std::string text(1'000'000, ' ');
        text += "x";
        const Strings parts = pieces(fixtures::splitStep(fixtures::llama3Pattern), text);
        QCOMPARE(parts.size(), std::size_t{2});
        QCOMPARE(parts[1], std::string(" x"));
    }
};

QTEST_APPLESS_MAIN(TestRegex)
#include "test_regex.moc"
