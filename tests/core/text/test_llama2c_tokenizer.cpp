// llama2.c tokenizer.bin: against the algorithm as published, by hand, and with damaged files.
#include "core/text/tokenizer.h"
#include "text_fixtures.h"

#include <QTemporaryDir>
#include <QTest>

#include <map>

using namespace qroar;
using namespace qroar::fixtures;

namespace {

using Tokens = std::vector<std::pair<std::string, float>>;

/// run.c of llama2.c, retold: code points or bytes, then the best-scoring adjacent pair again and again.
Ids naiveEncode(const Tokens& tokens, const std::string& text) {
    std::map<std::string, TokenId> lookup;
    for (std::size_t id = 0; id < tokens.size(); ++id)
        lookup.emplace(tokens[id].first, static_cast<TokenId>(id));
    Ids ids;
    if (!text.empty()) ids.push_back(lookup.at(" "));
    for (std::size_t at = 0; at < text.size();) {
        std::size_t end = at + 1;
        while (end < text.size() && (text[end] & 0xC0) == 0x80 && end - at < 4) ++end;
        const auto whole = lookup.find(text.substr(at, end - at));
        if (whole != lookup.end())
            ids.push_back(whole->second);
        else
            for (; at < end; ++at) ids.push_back(3 + static_cast<unsigned char>(text[at]));
        at = end;
    }
    while (true) {
        float bestScore = -1e10F;
        std::ptrdiff_t best = -1;
        TokenId merged = -1;
        for (std::size_t position = 0; position + 1 < ids.size(); ++position) {
            const auto pair = lookup.find(tokens[ids[position]].first + tokens[ids[position + 1]].first);
            if (pair == lookup.end() || tokens[pair->second].second <= bestScore) continue;
            bestScore = tokens[pair->second].second;
            best = static_cast<std::ptrdiff_t>(position);
            merged = pair->second;
        }
        if (best < 0) return ids;
        ids[best] = merged;
        ids.erase(ids.begin() + best + 1);
    }
}

} // namespace

class TestLlama2cTokenizer : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    [[nodiscard]] std::filesystem::path path(const char* name = "tokenizer.bin") const {
        return std::filesystem::path(folder_.path().toStdString()) / name;
    }
    Outcome<std::shared_ptr<const Tokenizer>> load(const std::string& bytes, int vocabSize) const {
        writeFile(path(), bytes);
        return loadLlama2cTokenizer(path(), vocabSize);
    }
    static Tokens small() { // ids from 259 on
        return llama2cTokens({{" ", -1.F},
                              {"a", -2.F},
                              {"b", -3.F},
                              {"ab", -10.F},
                              {" a", -20.F},
                              {" ab", -15.F},
                              {"ba", -12.F},
                              {"\xC3\xA9", -30.F}});
    }

  private slots:
    void byHand() {
        auto tokenizer = load(llama2cFile(small()), 267);
        QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().message.c_str());
        const Tokenizer& t = **tokenizer;
        QCOMPARE(t.vocabSize(), 267);
        QCOMPARE(t.bosToAdd(), TokenId{1});
        QCOMPARE(t.encode("ab"), Ids{264});         // " " a b -> " " ab (-10) -> " ab" (-15)
        QCOMPARE(t.encode("aba"), (Ids{264, 260})); // ab before ba, then " ab"
        QCOMPARE(t.encode("ba"), (Ids{259, 265}));
        QCOMPARE(t.encode("\xC3\xA9x"), (Ids{259, 266, 3 + 'x'}));
        QCOMPARE(t.encode("\xF0\x9F\x98\x80"), (Ids{259, 3 + 0xF0, 3 + 0x9F, 3 + 0x98, 3 + 0x80}));
        QCOMPARE(t.encode("\xFF\n"), (Ids{259, 3 + 0xFF, 3 + '\n'}));
        QCOMPARE(t.encode(""), Ids{});
        QCOMPARE(t.decode({1, 264, 266, 3 + '\n', 260}), std::string("ab\xC3\xA9\na"));
        QCOMPARE(t.decode({1, 259, 264}), std::string(" ab"));
        QCOMPARE(t.decode({-1, 5000, 264}), std::string("ab"));
    }

    void equalsThePublishedLoop() {
        std::mt19937 random(9);
        for (int trial = 0; trial < 60; ++trial) {
            Tokens extra{{" ", -1.F}, {"a", -1.F}, {"b", -1.F}, {"e", -1.F}, {"t", -1.F}};
            for (int index = 0; index < 40; ++index) {
                const std::string joined =
                    extra[random() % extra.size()].first + extra[random() % extra.size()].first;
                if (joined.size() < 9)
                    extra.emplace_back(joined, -static_cast<float>(random() % 12)); // many ties
            }
            const Tokens tokens = llama2cTokens(extra);
            auto tokenizer = load(llama2cFile(tokens), static_cast<int>(tokens.size()));
            QVERIFY(tokenizer.ok());
            std::string text = randomText(random, 40);
            for (int index = 0; index < 40; ++index) text += "abet "[random() % 5];
            QCOMPARE((*tokenizer)->encode(text), naiveEncode(tokens, text));
            QCOMPARE((*tokenizer)->decode((*tokenizer)->encode(text)), text);
        }
    }

    void damagedFiles() {
        const std::string good = llama2cFile(small());
        const auto message = [&](const std::string& bytes, int vocabSize) {
            auto tokenizer = load(bytes, vocabSize);
            return QString::fromStdString(tokenizer ? "loaded" : tokenizer.error().message);
        };
        for (std::size_t size = 0; size < good.size(); size += 7) // truncated anywhere
            QVERIFY(message(good.substr(0, size), 267).startsWith(QString::fromStdString(path().string())));
        QVERIFY(message(good, 266).contains("another model"));
        QVERIFY(message(good, 268).contains("token 267"));
        QVERIFY(message(good, 2'000'000'000).contains("too short")); // and nothing is allocated for them
        QVERIFY(message(good, 100).contains("at least 259"));
        std::string huge = good;
        for (std::size_t at = 8; at < 12; ++at) huge[at] = '\xFF'; // length of token 0
        QVERIFY(message(huge, 267).contains("token 0: its length is 4294967295"));
        for (std::size_t at = 0; at < 4; ++at) huge[at] = '\xFF';
        QVERIFY(message(huge, 267).contains("token 0: expected 4294967295 bytes"));
        Tokens nan = small();
        nan[4].second = std::numeric_limits<float>::quiet_NaN();
        QVERIFY(message(llama2cFile(nan), 267).contains("token 4"));
        QCOMPARE(loadLlama2cTokenizer(path("none.bin"), 267).error().code, ErrorCode::NotFound);
    }

    void mutatedFilesNeverCrash() {
        const std::string good = llama2cFile(small());
        std::mt19937 random(21);
        for (int trial = 0; trial < 500; ++trial) {
            std::string bytes = good;
            for (unsigned change = 0; change < 1 + random() % 6; ++change)
                bytes[random() % bytes.size()] = static_cast<char>(random());
            if (random() % 4 == 0) bytes.resize(random() % bytes.size());
            auto tokenizer = load(bytes, 267);
            if (tokenizer) (*tokenizer)->decode((*tokenizer)->encode("ab ba \xC3\xA9\xFF\n"));
        }
    }

    void besideAModel() {
        namespace fs = std::filesystem;
        const fs::path models = path("models");
        fs::create_directories(models);
        const fs::path model = models / "model.bin";
        auto none = loadTokenizerFor(model, 267);
        QCOMPARE(none.error().code, ErrorCode::NotFound);
        QVERIFY(none.error().message.find("tok267.bin, tokenizer.bin, tokenizer.json") != std::string::npos);
        writeFile(models / "tokenizer.json", byteLevelFile({}).dump());
        QCOMPARE((*loadTokenizerFor(model, 267))->description(), std::string("byte-level BPE, 256 tokens"));
        QVERIFY(loadTokenizerFor(models / "model.gguf", 267).ok());
        writeFile(models / "tokenizer.bin", "broken");
        QVERIFY(loadTokenizerFor(model, 267).error().message.find("tokenizer.bin") != std::string::npos);
        writeFile(models / "tok267.bin", llama2cFile(small()));
        QCOMPARE((*loadTokenizerFor(model, 267))->bosToAdd(), TokenId{1});
        QCOMPARE((*loadTokenizerFor(models, 267))->vocabSize(), 256); // a folder: tokenizer.json first
        QCOMPARE((*loadTokenizerFor(models / "config.json", 267))->vocabSize(), 256);
        fs::remove(models / "tokenizer.json");
        QCOMPARE((*loadTokenizerFor(models, 267))->vocabSize(), 267);
        QVERIFY(!loadTokenizerFor(models / "model.gguf", 267));
    }
};

QTEST_APPLESS_MAIN(TestLlama2cTokenizer)
#include "test_llama2c_tokenizer.moc"
