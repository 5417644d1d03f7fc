// The merge loop against a naive one, the GPT-2 byte alphabet, UTF-8.
#include "core/text/bpe.h"
#include "core/text/byte_alphabet.h"
#include "core/text/utf8.h"
#include "text_fixtures.h"

#include <QElapsedTimer>
#include <QTest>

#include <map>

using namespace qroar;
using fixtures::Ids;
using nlohmann::json;

namespace {

using Ranks = std::map<std::pair<TokenId, TokenId>, std::pair<int, TokenId>>; ///< pair -> rank, merged id

/// The definition: the adjacent pair of lowest rank, the leftmost of equals, until there is none.
Ids naiveMerge(Ids symbols, const Ranks& ranks) {
    while (true) {
        int best = -1;
        auto bestPair = ranks.end();
        for (int position = 0; position + 1 < static_cast<int>(symbols.size()); ++position) {
            const auto found = ranks.find({symbols[position], symbols[position + 1]});
            if (found == ranks.end()) continue;
            if (bestPair == ranks.end() || found->second.first < bestPair->second.first) {
                best = position;
                bestPair = found;
            }
        }
        if (best < 0) return symbols;
        symbols[best] = bestPair->second.second;
        symbols.erase(symbols.begin() + best + 1);
    }
}

Ids fastMerge(Ids symbols, const Ranks& ranks) {
    PairMerger merger;
    merger.run(symbols, [&](TokenId left, TokenId right) -> PairMerger::Pair {
        const auto found = ranks.find({left, right});
        if (found == ranks.end()) return {};
        return {static_cast<double>(found->second.first), found->second.second};
    });
    return symbols;
}

struct RandomVocabulary {
    std::vector<std::string> tokens{"a", "b", "c"};
    Ranks ranks;
    std::vector<std::string> merges;
};

/// Tokens that grow by joining two earlier ones; one text may be reached by several merges.
RandomVocabulary randomVocabulary(std::mt19937& random, int mergeCount) {
    RandomVocabulary vocabulary;
    for (int rank = 0; rank < mergeCount; ++rank) {
        const auto left = static_cast<TokenId>(random() % vocabulary.tokens.size());
        const auto right = static_cast<TokenId>(random() % vocabulary.tokens.size());
        const std::string joined = vocabulary.tokens[left] + vocabulary.tokens[right];
        if (joined.size() > 12 || vocabulary.ranks.contains({left, right})) continue;
        auto known = std::find(vocabulary.tokens.begin(), vocabulary.tokens.end(), joined);
        const auto id = static_cast<TokenId>(known - vocabulary.tokens.begin());
        if (known == vocabulary.tokens.end()) vocabulary.tokens.push_back(joined);
        vocabulary.ranks[{left, right}] = {static_cast<int>(vocabulary.merges.size()), id};
        vocabulary.merges.push_back(vocabulary.tokens[left] + " " + vocabulary.tokens[right]);
    }
    return vocabulary;
}

} // namespace

class TestBpe : public QObject {
    Q_OBJECT
  private slots:
    void fastEqualsNaive() {
        std::mt19937 random(7);
        for (int trial = 0; trial < 300; ++trial) {
            const RandomVocabulary vocabulary = randomVocabulary(random, 1 + static_cast<int>(random() % 40));
            Ids word(random() % 120);
            for (TokenId& symbol : word) symbol = static_cast<TokenId>(random() % 3);
            QCOMPARE(fastMerge(word, vocabulary.ranks), naiveMerge(word, vocabulary.ranks));
        }
    }

    void modelEqualsNaive() {
        std::mt19937 random(11);
        PairMerger merger;
        for (int trial = 0; trial < 100; ++trial) {
            const RandomVocabulary vocabulary = randomVocabulary(random, 30);
            json vocab = json::object();
            for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) vocab[vocabulary.tokens[id]] = id;
            auto model =
                BpeModel::parse({{"type", "BPE"}, {"vocab", vocab}, {"merges", vocabulary.merges}}, "test");
            QVERIFY2(model.ok(), model.ok() ? "" : model.error().message.c_str());
            std::string word;
            Ids symbols, ids;
            for (int letter = 0; letter < 60; ++letter) {
                symbols.push_back(static_cast<TokenId>(random() % 3));
                word += vocabulary.tokens[symbols.back()];
            }
            model->encodeWord(word, merger, ids);
            QCOMPARE(ids, naiveMerge(symbols, vocabulary.ranks));
        }
    }

    void leftmostOfEquals() {
        QCOMPARE(fastMerge({0, 0, 0}, {{{0, 0}, {0, 1}}}), (Ids{1, 0}));
        QCOMPARE(fastMerge({0, 0, 0, 0, 0}, {{{0, 0}, {0, 1}}, {{1, 1}, {1, 2}}}), (Ids{2, 0}));
        QCOMPARE(fastMerge({0, 0, 0}, {{{0, 0}, {0, 1}}, {{1, 0}, {1, 2}}}), (Ids{2}));
        QCOMPARE(fastMerge({}, {}), Ids{});
        QCOMPARE(fastMerge({4}, {{{4, 4}, {0, 5}}}), Ids{4});
    }

    void oneMegabyteWord() {
        std::mt19937 random(3);
        const RandomVocabulary vocabulary = randomVocabulary(random, 400);
        Ids word(1 << 20);
        for (TokenId& symbol : word) symbol = static_cast<TokenId>(random() % 3);
        QElapsedTimer timer;
        timer.start();
        const Ids merged = fastMerge(word, vocabulary.ranks);
        QVERIFY(merged.size() < word.size());
        QVERIFY2(timer.elapsed() < 10000, "a word of 1 MB must not need quadratic time");
        const Ids equal = fastMerge(Ids(1 << 20, 0), {{{0, 0}, {0, 1}}, {{1, 1}, {1, 2}}, {{2, 2}, {2, 3}}});
        QCOMPARE(equal, Ids(1 << 17, 3));
    }

    void byteAlphabet() {
        std::map<std::string, int> seen;
        for (int byte = 0; byte < 256; ++byte) {
            const std::string symbol = bytesToSymbols(std::string(1, static_cast<char>(byte)));
            QCOMPARE(symbol, fixtures::symbolOf(byte));
            QVERIFY(seen.emplace(symbol, byte).second);
            std::string back;
            QVERIFY(symbolsToBytes(symbol, back));
            QCOMPARE(back, std::string(1, static_cast<char>(byte)));
        }
        QCOMPARE(bytesToSymbols(" \n\t"), std::string("\xC4\xA0\xC4\x8A\xC4\x89")); // U+0120, U+010A, U+0109
        std::string bytes;
        QVERIFY(!symbolsToBytes("a b", bytes));      // a space is not in the alphabet
        QVERIFY(!symbolsToBytes("\xC5\x84", bytes)); // U+0144: one past the last symbol
        QVERIFY(!symbolsToBytes("\xF0", bytes));     // not UTF-8
    }

    void utf8() {
        // Every code point round trips; surrogates and anything above U+10FFFF are not well-formed.
        for (char32_t codePoint = 0; codePoint <= 0x110000; codePoint += codePoint < 0x3000 ? 1 : 61) {
            std::string text;
            utf8::append(text, codePoint);
            const bool allowed = codePoint < 0xD800 || (codePoint > 0xDFFF && codePoint <= 0x10FFFF);
            QCOMPARE(utf8::validPrefix(text) == text.size(), allowed);
            QCOMPARE(utf8::decodeAt(text, 0), codePoint);
            QCOMPARE(utf8::lengthOf(text[0]), text.size());
            QCOMPARE(utf8::previous("x" + text, 1 + text.size()), std::size_t{1});
        }
        for (const std::string bad :
             {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
              "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xF0\x9F\x98"})
            QCOMPARE(utf8::validPrefix("ok" + bad), std::size_t{2});
        QVERIFY(utf8::isWhitespace(0x3000) && !utf8::isWhitespace(0x200B) && !utf8::isWhitespace(0x180E));
        QVERIFY(utf8::isWord(U'_') && utf8::isWord(0x24B6) && !utf8::isWord(U'-'));
        QVERIFY(utf8::isNumber(0xBD) && utf8::isNumber(0x2163) && !utf8::isNumber(U'a'));
        QVERIFY(utf8::isPunctuation(U'+') && utf8::isPunctuation(0x3001) && !utf8::isPunctuation(0x20AC));
    }
};

QTEST_APPLESS_MAIN(TestBpe)
#include "test_bpe.moc"
