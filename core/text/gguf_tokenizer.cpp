// loadGgufTokenizer: the vocabulary inside a GGUF file. "llama" is SentencePiece BPE by scores; "gpt2" is
// byte-level BPE by merges, described here as the tokenizer.json it was converted from, with the splitting
// pattern that `tokenizer.ggml.pre` names. Other models and other names are refused.
#include "core/text/tokenizer.h"

#include "core/model/gguf_file.h"
#include "core/model/json_text.h"
#include "core/text/bpe_splittings.h"
#include "core/text/hf_tokenizer.h"
#include "core/text/spm_tokenizer.h"

#include <nlohmann/json.hpp>

#include <cmath>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::uint64_t mostTokens = 1U << 24;

Error missing(const GgufFile& file, const char* key, const char* expected) {
    const GgufValue* value = file.find(key);
    return Error::bad(file.keyText(key) + ": expected " + expected + ", found "
                      + (value ? value->kind() : "no such key"));
}

bool flag(const GgufFile& file, const char* key, bool otherwise) {
    const GgufValue* value = file.find(key);
    return value ? value->boolean().value_or(otherwise) : otherwise;
}

TokenId idOf(const GgufFile& file, const char* key) {
    const GgufValue* value = file.find(key);
    const auto id = value ? value->integer() : std::nullopt;
    return id && *id >= 0 && *id <= INT32_MAX ? static_cast<TokenId>(*id) : -1;
}

struct Vocabulary {
    std::vector<std::string_view> tokens;
    std::vector<PieceKind> kinds;
};

Outcome<Vocabulary> readVocabulary(const GgufFile& file) {
    Vocabulary result;
    const GgufValue* tokens = file.find("tokenizer.ggml.tokens");
    if (tokens && tokens->count() > mostTokens)
        return missing(file, "tokenizer.ggml.tokens", "at most 16777216 strings");
    auto texts = tokens ? tokens->texts() : std::nullopt;
    if (!texts || texts->empty()) return missing(file, "tokenizer.ggml.tokens", "an array of strings");
    result.tokens = std::move(*texts);
    result.kinds.assign(result.tokens.size(), PieceKind::Normal);
    const GgufValue* types = file.find("tokenizer.ggml.token_type");
    if (!types) return result;
    const auto numbers =
        types->count() == result.tokens.size() ? types->numbers() : std::nullopt; // sizes before expansion
    if (!numbers) return missing(file, "tokenizer.ggml.token_type", "as many integers as there are tokens");
    for (std::size_t id = 0; id < numbers->size(); ++id) {
        const double kind = (*numbers)[id];
        if (!(kind >= 1 && kind <= 6))
            return Error::bad(file.keyText("tokenizer.ggml.token_type") + ": token " + std::to_string(id)
                              + ": expected a type from 1 to 6");
        result.kinds[id] = static_cast<PieceKind>(static_cast<int>(kind));
    }
    return result;
}

/// The format has no key for it; llama.cpp goes by the model's name, and so do its files.
std::vector<TokenId> rightStripOf(const GgufFile& file, const Vocabulary& vocabulary) {
    const GgufValue* value = file.find("general.name");
    std::string name(value ? value->text().value_or("") : "");
    for (char& c : name)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    std::vector<TokenId> ids;
    if (name.find("phi-3") == std::string::npos && name.find("phi3") == std::string::npos) return ids;
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
        const std::string_view token = vocabulary.tokens[id];
        const PieceKind kind = vocabulary.kinds[id];
        const bool whole = kind == PieceKind::Control || kind == PieceKind::UserDefined;
        if (whole && token != "<unk>" && token != "<s>" && token != "<|endoftext|>")
            ids.push_back(static_cast<TokenId>(id));
    }
    return ids;
}

Outcome<std::shared_ptr<const Tokenizer>> spmOf(const GgufFile& file, const Vocabulary& vocabulary) {
    const GgufValue* scores = file.find("tokenizer.ggml.scores");
    const auto numbers =
        scores && scores->count() == vocabulary.tokens.size() ? scores->numbers() : std::nullopt;
    if (!numbers) return missing(file, "tokenizer.ggml.scores", "as many numbers as there are tokens");
    SpmVocabulary pieces;
    pieces.kinds = vocabulary.kinds;
    for (std::size_t id = 0; id < numbers->size(); ++id) {
        if (!std::isfinite((*numbers)[id]))
            return Error::bad(file.keyText("tokenizer.ggml.scores") + ": token " + std::to_string(id)
                              + ": expected a finite number");
        pieces.scores.push_back(static_cast<float>((*numbers)[id]));
        pieces.pieces.emplace_back(vocabulary.tokens[id]);
    }
    pieces.spacePrefix = flag(file, "tokenizer.ggml.add_space_prefix", true);
    pieces.rightStrip = rightStripOf(file, vocabulary);
    if (flag(file, "tokenizer.ggml.add_bos_token", true))
        pieces.bos = idOf(file, "tokenizer.ggml.bos_token_id");
    return makeSpmTokenizer(std::move(pieces), file.path().string());
}

json addedTokens(const Vocabulary& vocabulary) {
    json list = json::array();
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
        if (vocabulary.kinds[id] == PieceKind::Control || vocabulary.kinds[id] == PieceKind::UserDefined)
            list.push_back({{"id", id},
                            {"content", vocabulary.tokens[id]},
                            {"single_word", false},
                            {"lstrip", false},
                            {"rstrip", false},
                            {"normalized", false},
                            {"special", vocabulary.kinds[id] == PieceKind::Control}});
    return list;
}

json preTokenizer(const BpeSplitting& splitting) {
    json steps = json::array();
    for (const char* pattern : splitting.patterns)
        steps.push_back({{"type", "Split"},
                         {"pattern", {{"Regex", pattern}}},
                         {"behavior", "Isolated"},
                         {"invert", false}});
    steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}});
    return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

Outcome<const BpeSplitting*> splittingOf(const GgufFile& file) {
    const GgufValue* pre = file.find("tokenizer.ggml.pre");
    const auto name = pre ? pre->text() : std::nullopt;
    if (!name) {
        Error unnamed = missing(file, "tokenizer.ggml.pre", "the name of how words are split");
        unnamed.message += " (files of before May 2024 have none: convert the model again, or put its "
                           "tokenizer.json beside the file)";
        return unnamed;
    }
    if (const BpeSplitting* splitting = bpeSplitting(*name)) return splitting;
    std::string known;
    for (const BpeSplitting& one : bpeSplittings())
        known += (known.empty() ? "" : ", ") + std::string(one.name);
    return Error::unsupported(file.keyText("tokenizer.ggml.pre") + ": the splitting " + quotedText(*name)
                              + " is not known (known: " + known
                              + "); put its tokenizer.json beside the file");
}

Outcome<std::shared_ptr<const Tokenizer>> bpeOf(const GgufFile& file, const Vocabulary& vocabulary) {
    const auto named = splittingOf(file);
    if (!named) return named.error();
    const BpeSplitting* splitting = *named;
    const GgufValue* merges = file.find("tokenizer.ggml.merges");
    const auto pairs = merges ? merges->texts() : std::nullopt;
    if (!pairs) return missing(file, "tokenizer.ggml.merges", "an array of strings");
    json tokens = json::object(), list = json::array();
    for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id)
        if (vocabulary.kinds[id] != PieceKind::Control && vocabulary.kinds[id] != PieceKind::UserDefined)
            tokens.emplace(std::string(vocabulary.tokens[id]), id);
    for (const std::string_view pair : *pairs) list.push_back(std::string(pair));
    json description = {{"model",
                         {{"type", "BPE"},
                          {"vocab", std::move(tokens)},
                          {"merges", std::move(list)},
                          {"ignore_merges", splitting->ignoreMerges}}},
                        {"added_tokens", addedTokens(vocabulary)},
                        {"pre_tokenizer", preTokenizer(*splitting)},
                        {"decoder", {{"type", "ByteLevel"}}}};
    if (splitting->nfc) description["normalizer"] = {{"type", "NFC"}};
    const bool adds = flag(file, "tokenizer.ggml.add_bos_token", splitting->addsBos);
    return makeHfTokenizer(description, file.path(),
                           adds ? idOf(file, "tokenizer.ggml.bos_token_id") : TokenId(-1));
}

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> loadGgufTokenizer(const std::filesystem::path& path) {
    const auto file = GgufFile::open(path);
    if (!file) return file.error();
    const GgufValue* model = file->find("tokenizer.ggml.model");
    const auto kind = model ? model->text() : std::nullopt;
    if (!kind) return missing(*file, "tokenizer.ggml.model", "a text");
    if (*kind == "none" || *kind == "no_vocab")
        return Error::notFound(path.string()
                               + ": the file has no tokenizer; put its tokenizer.json beside it, or use "
                                 "documents of token ids");
    if (*kind != "llama" && *kind != "gpt2")
        return Error::unsupported(file->keyText("tokenizer.ggml.model") + ": " + quotedText(*kind)
                                  + " is not read (llama and gpt2 are)");
    const auto vocabulary = readVocabulary(*file);
    if (!vocabulary) return vocabulary.error();
    return *kind == "llama" ? spmOf(*file, *vocabulary) : bpeOf(*file, *vocabulary);
}

} // namespace qroar
