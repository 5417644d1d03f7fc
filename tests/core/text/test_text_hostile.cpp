// Damaged tokenizer.json files: whatever is in them, loading and using them ends with a result or an error.
#include "core/text/tokenizer.h"
#include "text_fixtures.h"

#include <QTemporaryDir>
#include <QTest>

using namespace qroar;
using namespace qroar::fixtures;
using nlohmann::json;

namespace {

/// A kind of file for each trial in turn.
json original(int trial) {
    if (trial % 4 == 0) return metaspaceFile();
    json file = byteLevelFile({"h e", "l l", "he ll"});
    file["added_tokens"] = json::array({addedToken(300, "<s>"), addedToken(301, "</s>")});
    if (trial % 4 == 1) return file;
    file["normalizer"] = {{"type", "NFC"}};
    file["pre_tokenizer"] = splitThenBytes(trial % 4 == 2 ? llama3Pattern : qwen2Pattern);
    return file;
}

std::string pick(const std::vector<std::string>& values, std::mt19937& random) {
    return values[random() % values.size()];
}

/// A value of the same kind, so that most files still load and the damage reaches the encoder.
void mutateLeaf(json& leaf, std::mt19937& random) {
    static const std::vector<std::string> numbers{"0",   "1",  "2",     "97",         "104",
                                                  "300", "-1", "1e300", "99999999999"};
    static const std::vector<std::string> names{"Removed",
                                                "Contiguous",
                                                "MergedWithNext",
                                                "MergedWithPrevious",
                                                "NFD",
                                                "NFKC",
                                                "Lowercase",
                                                "Strip",
                                                "ByteFallback",
                                                "Fuse",
                                                "Metaspace",
                                                "h",
                                                "first",
                                                "never",
                                                "ByteLevel",
                                                "Whitespace",
                                                "Digits",
                                                "(?=.)",
                                                "\\s*",
                                                "<s>",
                                                ""};
    static const std::vector<std::string> steps{
        R"({"type":"NFD"})",          R"({"type":"Metaspace"})",
        R"({"type":"ByteFallback"})", R"({"type":"Strip"})",
        R"({"type":"Fuse"})",         R"({"type":"Punctuation"})",
        R"({"type":"ByteLevel"})",    R"({"type":"Replace","pattern":{"String":"e"},"content":"x"})"};
    if (leaf.is_boolean()) {
        leaf = !leaf.get<bool>();
    } else if (leaf.is_number()) {
        leaf = json::parse(pick(numbers, random));
    } else if (leaf.is_null()) {
        leaf = json::parse(pick(steps, random));
    } else if (leaf.is_string() && random() % 2 == 0) {
        leaf = pick(names, random);
    } else if (leaf.is_string()) {
        auto text = leaf.get<std::string>();
        if (!text.empty()) text[random() % text.size()] = "()[]{}?+*|\\&ph<0x"[random() % 17];
        leaf = text;
    }
}

/// Changes one value at a random place of the file, mostly in the parts that decide how text is treated.
void mutate(json& file, std::mt19937& random) {
    static const std::vector<std::string> parts{"normalizer", "pre_tokenizer", "decoder", "post_processor",
                                                "added_tokens"};
    static const std::vector<std::string> others{"null", "true", "0",    R"("")",
                                                 "[]",   "{}",   "[[]]", R"(["h","e"])"};
    json* at = &file;
    while (at->is_structured() && !at->empty() && random() % 32 != 0) {
        if (at == &file && file.is_object() && random() % 4 != 0) {
            at = &file[pick(parts, random)];
            continue;
        }
        auto child = at->begin();
        std::advance(child, static_cast<std::ptrdiff_t>(random() % at->size()));
        at = &*child;
    }
    if (random() % 8 == 0)
        *at = json::parse(pick(others, random));
    else if (at->is_structured() && !at->empty())
        at->erase(at->begin());
    else
        mutateLeaf(*at, random);
}

void use(const Tokenizer& tokenizer, const std::string& text) {
    try {
        Ids ids = tokenizer.encode(text);
        for (TokenId id = -2; id < 320; ++id) ids.push_back(id);
        (void)tokenizer.decode(ids);
        (void)tokenizer.description();
    } catch (const std::runtime_error&) { // a pattern that is too expensive
    }
}

} // namespace

class TestTextHostile : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    const std::filesystem::path path_ =
        std::filesystem::path(folder_.path().toStdString()) / "tokenizer.json";
    const std::string text_ = "hello <s>hi\xC3\xA9 12345\n\n e\xCC\x81 \xF0\x9F\x98\x80  x\xFF\xE2\x82";

  private slots:
    void mutatedValues() {
        std::mt19937 random(17);
        int loadedCount = 0;
        for (int trial = 0; trial < 800; ++trial) {
            json file = original(trial);
            for (unsigned change = 0; change < 1 + random() % 3; ++change) mutate(file, random);
            writeFile(path_, file.dump(-1, ' ', false, json::error_handler_t::replace));
            auto tokenizer = loadHfTokenizer(path_);
            if (!tokenizer) {
                QVERIFY(!tokenizer.error().message.empty());
                continue;
            }
            ++loadedCount;
            use(**tokenizer, text_);
        }
        qInfo("%d of 800 files still load", loadedCount);
        QVERIFY2(loadedCount > 100, "the mutations are too rough to reach the encoder");
    }

    void mutatedBytes() {
        std::mt19937 random(18);
        for (int trial = 0; trial < 500; ++trial) {
            std::string bytes = original(trial).dump();
            for (unsigned change = 0; change < 1 + random() % 4; ++change)
                bytes[random() % bytes.size()] =
                    static_cast<char>(random() % 3 ? "{}[]\",:0"[random() % 8] : random());
            if (random() % 5 == 0) bytes.resize(random() % bytes.size());
            writeFile(path_, bytes);
            if (auto tokenizer = loadHfTokenizer(path_)) use(**tokenizer, text_);
        }
    }

    void oneTinyFileAllocatesLittle() { // ids near the limit do not make tables of that size
        json file = byteLevelFile({});
        file["model"]["vocab"]["big"] = (1 << 24) - 1;
        writeFile(path_, file.dump());
        auto tokenizer = loadHfTokenizer(path_);
        QVERIFY(tokenizer.ok());
        QCOMPARE((*tokenizer)->vocabSize(), 1 << 24);
        QCOMPARE((*tokenizer)->decode({(1 << 24) - 1}), std::string("big"));
        file["model"]["vocab"]["big"] = 1 << 24;
        writeFile(path_, file.dump());
        QVERIFY(!loadHfTokenizer(path_));
    }
};

QTEST_APPLESS_MAIN(TestTextHostile)
#include "test_text_hostile.moc"
