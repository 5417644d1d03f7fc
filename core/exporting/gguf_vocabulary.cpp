#include "core/exporting/gguf_vocabulary.h"

#include "core/base/files.h"
#include "core/exporting/side_files.h"
#include "core/model/gguf_file.h"
#include "core/text/bpe_splittings.h"
#include "core/text/sentencepiece_file.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::size_t largestTokenizerFile = 256U << 20;
enum Kind { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

struct Tokens {
    std::vector<std::string> texts;
    std::vector<std::int32_t> kinds;
    std::vector<float> scores;

    explicit Tokens(int count)
        : texts(static_cast<std::size_t>(count)), kinds(texts.size(), Unused), scores(texts.size(), 0) {
        for (std::size_t id = 0; id < texts.size(); ++id) texts[id] = "[unused" + std::to_string(id) + "]";
    }
    bool set(long long id, const std::string& text, int kind) {
        if (id < 0 || id >= static_cast<long long>(texts.size())) return false;
        texts[static_cast<std::size_t>(id)] = text;
        kinds[static_cast<std::size_t>(id)] = kind;
        return true;
    }
};

bool isByteToken(const std::string& text) {
    return text.size() == 6 && text.starts_with("<0x") && text.back() == '>';
}

/// The kinds of splitting in a pre_tokenizer, flattened.
void collect(const json& step, std::vector<json>& steps) {
    if (!step.is_object()) return;
    if (step.value("type", "") == "Sequence")
        for (const json& part : step.value("pretokenizers", json::array())) collect(part, steps);
    else
        steps.push_back(step);
}

/// The patterns that a byte-level pre_tokenizer isolates, in order; nothing when it does something else.
std::optional<std::vector<std::string>> patternsOf(const json& preTokenizer) {
    std::vector<json> steps;
    collect(preTokenizer, steps);
    std::vector<std::string> patterns;
    for (const json& step : steps) {
        const std::string type = step.value("type", "");
        if (type == "Digits")
            patterns.push_back(step.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
        else if (type == "Split" && step.value("behavior", "") == "Isolated" && !step.value("invert", false)
                 && step.contains("pattern"))
            patterns.push_back(step["pattern"].value("Regex", ""));
        else if (type == "ByteLevel" && !step.value("add_prefix_space", true)) {
            if (step.value("use_regex", true)) patterns.push_back(bpeSplitting("gpt-2")->patterns[0]);
        } else
            return std::nullopt;
    }
    return patterns;
}

/// Name of the way a byte-level tokenizer.json splits words; null when there is none.
const BpeSplitting* splittingOf(const json& file) {
    const auto patterns = patternsOf(file.value("pre_tokenizer", json()));
    const json normalizer = file.value("normalizer", json());
    const bool nfc = normalizer.is_object() && normalizer.value("type", "") == "NFC";
    if (!patterns || (!normalizer.is_null() && !nfc)) return nullptr;
    const bool ignores = file["model"].value("ignore_merges", false);
    for (const BpeSplitting& one : bpeSplittings())
        if (std::equal(patterns->begin(), patterns->end(), one.patterns.begin(), one.patterns.end())
            && ignores == one.ignoreMerges && nfc == one.nfc)
            return &one;
    return nullptr;
}

std::vector<std::string> mergesOf(const json& model) {
    std::vector<std::string> merges;
    for (const json& merge : model.value("merges", json::array()))
        merges.push_back(merge.is_string()
                             ? merge.get<std::string>()
                             : merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>());
    return merges;
}

/// Merged tokens get minus their rank: the merge of the highest score is then the one of the lowest rank.
void scoreByRank(const std::vector<std::string>& merges, Tokens& tokens) {
    std::unordered_map<std::string, float> ranks;
    for (std::size_t rank = 0; rank < merges.size(); ++rank) {
        std::string joined = merges[rank];
        joined.erase(std::min(joined.find(' '), joined.size() - 1), 1);
        ranks.emplace(joined, -static_cast<float>(rank) - 1);
    }
    for (std::size_t id = 0; id < tokens.texts.size(); ++id)
        if (const auto found = ranks.find(tokens.texts[id]); found != ranks.end())
            tokens.scores[id] = found->second;
}

void addTokens(const Tokens& tokens, bool scores, GgufKeys& keys) {
    keys.texts("tokenizer.ggml.tokens", tokens.texts);
    if (scores) keys.floats("tokenizer.ggml.scores", tokens.scores);
    keys.integers("tokenizer.ggml.token_type", tokens.kinds);
}

void addIds(const Model& model, int bosToAdd, GgufKeys& keys) {
    const ModelConfig& config = model.config();
    const int bos = bosToAdd >= 0 ? bosToAdd : config.bosId;
    if (bos >= 0) keys.u32("tokenizer.ggml.bos_token_id", static_cast<std::uint32_t>(bos));
    if (config.eosId >= 0) keys.u32("tokenizer.ggml.eos_token_id", static_cast<std::uint32_t>(config.eosId));
    keys.boolean("tokenizer.ggml.add_bos_token", bosToAdd >= 0);
}

/// Empty, or why this tokenizer.json has no counterpart.
std::string fromJson(const json& file, const Model& model, int bosToAdd, GgufKeys& keys) {
    const json& bpe = file.at("model");
    if (bpe.value("type", "") != "BPE") return "its model is not BPE";
    const bool fallback = bpe.value("byte_fallback", false);
    const BpeSplitting* splitting = fallback ? nullptr : splittingOf(file);
    if (!fallback && !splitting) return "its way of splitting words has no name in GGUF files";
    Tokens tokens(model.config().vocabSize);
    const std::string unknown =
        bpe.contains("unk_token") && bpe["unk_token"].is_string() ? bpe["unk_token"] : "";
    for (const auto& [text, id] : bpe.at("vocab").items())
        if (!tokens.set(id.get<long long>(), text,
                        fallback && isByteToken(text) ? Byte
                        : fallback && text == unknown ? Unknown
                                                      : Normal))
            return "a token has an id beyond the model's vocabulary";
    for (const json& added : file.value("added_tokens", json::array())) {
        const std::string text = added.at("content");
        if (fallback && text == unknown) continue;
        if (!tokens.set(added.at("id").get<long long>(), text,
                        added.value("special", false) ? Control : UserDefined))
            return "an added token has an id beyond the model's vocabulary";
    }
    const auto merges = mergesOf(bpe);
    keys.text("tokenizer.ggml.model", fallback ? "llama" : "gpt2");
    keys.text("tokenizer.ggml.pre", fallback ? "default" : splitting->name);
    if (fallback) scoreByRank(merges, tokens);
    addTokens(tokens, fallback, keys);
    if (!fallback) keys.texts("tokenizer.ggml.merges", merges);
    if (fallback) { // sentencepiece's dummy prefix: Prepend, or Metaspace that prepends
        const std::string text =
            file.value("normalizer", json()).dump() + file.value("pre_tokenizer", json()).dump();
        const bool never = text.find("\"never\"") != std::string::npos;
        keys.boolean("tokenizer.ggml.add_space_prefix", !never && text.find("epend") != std::string::npos);
    }
    addIds(model, bosToAdd, keys);
    return {};
}

/// tokenizer.bin of llama2.c, read again for its texts and scores.
void fromLlama2c(const std::string& bytes, const Model& model, GgufKeys& keys) {
    Tokens tokens(model.config().vocabSize);
    std::size_t at = 4;
    for (std::size_t id = 0; id < tokens.texts.size(); ++id) {
        std::uint32_t length = 0;
        std::memcpy(&tokens.scores[id], bytes.data() + at, 4);
        std::memcpy(&length, bytes.data() + at + 4, 4);
        std::string text = bytes.substr(at + 8, length);
        at += 8 + length;
        for (std::size_t space = text.find(' '); space != std::string::npos; space = text.find(' ', space))
            text.replace(space, 1, "\xE2\x96\x81");
        const int kind = id == 0 ? Unknown : id < 3 ? Control : id < 259 ? Byte : Normal;
        static const char* const special[] = {"<unk>", "<s>", "</s>"};
        tokens.set(static_cast<long long>(id), id < 3 ? special[id] : text, kind);
    }
    keys.text("tokenizer.ggml.model", "llama");
    keys.text("tokenizer.ggml.pre", "default");
    addTokens(tokens, true, keys);
    addIds(model, 1, keys);
    keys.boolean("tokenizer.ggml.add_space_prefix", true);
}

/// Empty, or why this tokenizer.model has no counterpart.
std::string fromSentencePiece(const std::filesystem::path& file, const Model& model, int bosToAdd,
                              GgufKeys& keys) {
    const auto read = readSentencePieceBpe(file);
    if (!read) return read.error().message;
    Tokens tokens(model.config().vocabSize);
    for (std::size_t id = 0; id < read->pieces.size(); ++id) {
        if (read->pieces[id].empty()) continue;
        const bool whole = read->kinds[id] == PieceKind::UserDefined; // its text is looked for as it is
        tokens.set(static_cast<long long>(id), whole ? withSpaces(read->pieces[id]) : read->pieces[id],
                   static_cast<int>(read->kinds[id]));
        tokens.scores[id] = read->scores[id];
    }
    keys.text("tokenizer.ggml.model", "llama");
    keys.text("tokenizer.ggml.pre", "default");
    addTokens(tokens, true, keys);
    addIds(model, bosToAdd, keys);
    keys.boolean("tokenizer.ggml.add_space_prefix", read->spacePrefix);
    return {};
}

Status fromGguf(const std::filesystem::path& path, GgufKeys& keys) {
    const auto file = GgufFile::open(path);
    if (!file) return file.error();
    for (const auto& [key, value] : file->metadata())
        if (key.starts_with("tokenizer."))
            keys.raw(key, static_cast<std::uint32_t>(value.type()), value.payload());
    return Done{};
}

} // namespace

GgufVocabulary ggufVocabulary(const Model& model) {
    GgufVocabulary result;
    const auto tokenizer = loadTokenizerFor(model.path(), model.config().vocabSize);
    const auto without = [&](const std::string& why) {
        result.keys = {};
        result.keys.text("tokenizer.ggml.model", "none"); // without it llama.cpp opens no file
        addIds(model, -1, result.keys);
        result.notes.push_back("the file has no tokenizer and takes token ids only: " + why);
        return result;
    };
    if (!tokenizer) return without(tokenizer.error().message);
    if (model.path().extension() == ".gguf") {
        if (Status read = fromGguf(model.path(), result.keys); !read) return without(read.error().message);
        return result;
    }
    const auto folder = modelFolder(model);
    std::error_code ignored;
    const bool hasJson = std::filesystem::exists(folder / "tokenizer.json", ignored);
    if (!hasJson && model.path().extension() != ".bin"
        && std::filesystem::exists(folder / "tokenizer.model", ignored)) {
        const std::string why =
            fromSentencePiece(folder / "tokenizer.model", model, (*tokenizer)->bosToAdd(), result.keys);
        return why.empty() ? result : without(why);
    }
    for (const std::string& name :
         {"tok" + std::to_string(model.config().vocabSize) + ".bin", std::string("tokenizer.bin")})
        if (const auto bytes = readFile(folder / name, largestTokenizerFile);
            bytes && (model.path().extension() == ".bin" || !hasJson)) {
            fromLlama2c(*bytes, model, result.keys);
            return result;
        }
    const auto text = readFile(folder / "tokenizer.json", largestTokenizerFile);
    if (!text) return without(text.error().message);
    const json file = json::parse(*text, nullptr, false);
    try { // the loader has checked the shape; what it does not look at may still be of another type
        if (const std::string why = fromJson(file, model, (*tokenizer)->bosToAdd(), result.keys);
            !why.empty())
            return without((folder / "tokenizer.json").string() + ": " + why);
    } catch (const json::exception& wrong) {
        return without((folder / "tokenizer.json").string() + ": " + wrong.what());
    }
    return result;
}

} // namespace qroar
