// loadSentencePieceTokenizer: a tokenizer.model run by SentencePiece's own library, with the added tokens
// that lie in other files beside it. The library sees only what sentencepiece_file.h has checked.
#include "core/text/tokenizer.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/json_fields.h"
#include "core/text/sentencepiece_file.h"

#include <nlohmann/json.hpp>
#include <sentencepiece_processor.h>

#include <charconv>
#include <exception>
#include <stdexcept>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::size_t largestConfig = 64U << 20;

/// What the files beside the model say.
struct Surroundings {
    json added = json::array(); ///< as in a tokenizer.json
    std::string where;          ///< the file they are from
    bool addsBos = true;
    std::string bos;         ///< its text; empty: the model's own
    bool prefixOnce = false; ///< the space in front comes at the start only, not behind every added token
};

class SentencePieceTokenizer final : public Tokenizer {
  public:
    static Outcome<std::shared_ptr<const SentencePieceTokenizer>>
    make(SentencePieceFile file, Surroundings around, const std::string& where);
    /// Pieces and added tokens by id.
    [[nodiscard]] SpmVocabulary vocabulary() const;

    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override;
    [[nodiscard]] int vocabSize() const override { return vocabSize_; }
    [[nodiscard]] TokenId bosToAdd() const override { return bos_; }
    [[nodiscard]] std::string description() const override {
        return std::string("SentencePiece ") + (unigram_ ? "unigram" : "BPE")
               + (byteFallback_ ? " with byte fallback, " : ", ") + formatCount(vocabSize_) + " tokens";
    }

  private:
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool special) const override;
    Status load(const std::string& model, const std::string& where);
    Status addTokens(Surroundings& around, const std::string& where);
    [[nodiscard]] TokenId find(std::string_view text) const;

    sentencepiece::SentencePieceProcessor starts_, continues_; ///< with the space in front, and without
    SpmVocabulary pieces_;
    TokenMap ids_;
    AddedTokens added_;
    std::unordered_map<TokenId, std::string> texts_; ///< of the added tokens
    bool unigram_ = false, byteFallback_ = false, prefixOnce_ = false;
    int vocabSize_ = 0;
    TokenId bos_ = -1;
};

TokenId SentencePieceTokenizer::find(std::string_view text) const {
    const auto found = ids_.find(text);
    return found == ids_.end() ? -1 : found->second;
}

Status loadInto(sentencepiece::SentencePieceProcessor& processor, const std::string& model,
                const std::string& where) {
    try {
        const auto loaded = processor.LoadFromSerializedProto(model);
        if (!loaded.ok()) return Error::bad(where + ": SentencePiece: " + loaded.ToString());
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& problem) {
        return Error::bad(where + ": SentencePiece: " + problem.what());
    }
    return Done{};
}

Status SentencePieceTokenizer::load(const std::string& model, const std::string& where) {
    if (Status loaded = loadInto(starts_, model, where); !loaded) return loaded;
    // A message that is there twice is one whose later fields win: normalizer_spec { add_dummy_prefix: false
    // }.
    return loadInto(continues_, model + std::string("\x1A\x02\x18\x00", 4), where);
}

Status SentencePieceTokenizer::addTokens(Surroundings& around, const std::string& where) {
    for (std::size_t id = 0; id < pieces_.pieces.size(); ++id) ids_.emplace(pieces_.pieces[id], id);
    std::vector<bool> listed(pieces_.pieces.size());
    for (const json& token : around.added) {
        const json& id = fieldOrNull(token, "id");
        const long long known = id.is_number_integer() ? id.get<long long>() : -1;
        if (known >= 0 && known < static_cast<long long>(listed.size()))
            listed[static_cast<std::size_t>(known)] = true;
    }
    for (std::size_t id = 0; id < listed.size(); ++id)
        if (!listed[id]
            && (pieces_.kinds[id] == PieceKind::Control || pieces_.kinds[id] == PieceKind::Unknown))
            around.added.push_back({{"id", id}, {"content", pieces_.pieces[id]}, {"special", true}});
    for (json& token : around.added)
        if (token.is_object()) token["normalized"] = false; // the model normalizes what lies between them
    const auto nothing = parseNormalizer(json(), where);
    if (!nothing) return nothing.error();
    auto added = AddedTokens::parse(
        around.added, [this](std::string_view text) { return find(text); }, **nothing,
        around.where.empty() ? where : around.where);
    if (!added) return added.error();
    added_ = std::move(*added);
    vocabSize_ = static_cast<int>(pieces_.pieces.size());
    for (const AddedToken& token : added_.tokens()) {
        const bool isNew = texts_.emplace(token.id, token.content).second;
        const auto id = static_cast<std::size_t>(token.id);
        if (!isNew || (id < pieces_.pieces.size() && pieces_.pieces[id] != token.content))
            return Error::bad(around.where + ": id " + std::to_string(token.id)
                              + " is given to two tokens, one of them " + inQuotes(token.content));
        vocabSize_ = std::max(vocabSize_, token.id + 1);
    }
    return Done{};
}

Outcome<std::shared_ptr<const SentencePieceTokenizer>>
SentencePieceTokenizer::make(SentencePieceFile file, Surroundings around, const std::string& where) {
    auto tokenizer = std::make_shared<SentencePieceTokenizer>();
    tokenizer->pieces_ = std::move(file.vocabulary);
    tokenizer->unigram_ = file.unigram;
    tokenizer->byteFallback_ = file.byteFallback;
    tokenizer->prefixOnce_ = around.prefixOnce;
    if (Status loaded = tokenizer->load(file.model, where); !loaded) return loaded.error();
    if (Status added = tokenizer->addTokens(around, where); !added) return added.error();
    if (around.addsBos) tokenizer->bos_ = tokenizer->pieces_.bos;
    if (around.addsBos && !around.bos.empty()) {
        const TokenId extra = tokenizer->added_.find(around.bos);
        tokenizer->bos_ = extra >= 0 ? extra : tokenizer->find(around.bos);
        if (tokenizer->bos_ < 0)
            return Error::bad(around.where + ": bos_token " + inQuotes(around.bos)
                              + " is no token of the tokenizer.model beside it");
    }
    return std::shared_ptr<const SentencePieceTokenizer>(std::move(tokenizer));
}

SpmVocabulary SentencePieceTokenizer::vocabulary() const {
    SpmVocabulary all = pieces_;
    const auto count = static_cast<std::size_t>(vocabSize_);
    all.pieces.resize(count);
    all.scores.resize(count, 0);
    all.kinds.resize(count, PieceKind::Unused);
    for (const AddedToken& token : added_.tokens()) {
        const auto id = static_cast<std::size_t>(token.id);
        if (id < pieces_.pieces.size()) continue;
        all.pieces[id] = token.content;
        all.kinds[id] = token.special ? PieceKind::Control : PieceKind::UserDefined;
    }
    all.bos = bos_;
    return all;
}

std::vector<TokenId> SentencePieceTokenizer::encode(std::string_view text, bool special) const {
    std::vector<TokenId> ids;
    std::vector<int> part;
    for (const AddedTokens::Segment& segment : added_.split(text, false, special)) {
        if (segment.id >= 0) {
            ids.push_back(segment.id);
            continue;
        }
        const auto& processor = segment.begin == 0 || !prefixOnce_ ? starts_ : continues_;
        const auto done = processor.Encode(text.substr(segment.begin, segment.end - segment.begin), &part);
        if (!done.ok()) throw std::runtime_error("SentencePiece: " + done.ToString());
        ids.insert(ids.end(), part.begin(), part.end());
    }
    return ids;
}

std::string SentencePieceTokenizer::decode(const std::vector<TokenId>& ids) const {
    std::string text;
    bool atStart = pieces_.spacePrefix;
    for (const TokenId id : ids) {
        if (const auto added = texts_.find(id); added != texts_.end()) {
            if (id != bos_) text += added->second;
            atStart = pieces_.spacePrefix && (!prefixOnce_ || (id == bos_ && text.empty()));
            continue;
        }
        if (id < 0 || id >= static_cast<TokenId>(pieces_.pieces.size())) continue;
        const auto index = static_cast<std::size_t>(id);
        const int byte = pieces_.kinds[index] == PieceKind::Byte ? namedByte(pieces_.pieces[index]) : -1;
        const std::string piece =
            byte >= 0 ? std::string(1, static_cast<char>(byte)) : withSpaces(pieces_.pieces[index]);
        text += atStart && byte < 0 && piece.starts_with(' ') ? piece.substr(1) : piece;
        atStart = false;
    }
    return text;
}

/// {"32000": {"content": "<|end|>", "lstrip": false, ...}, ...} as the list of a tokenizer.json.
Status readAddedDecoder(const json& decoder, const std::string& where, json& list) {
    if (!decoder.is_object())
        return Error::bad(where + ": expected an object of id to token, found " + jsonKind(decoder));
    for (const auto& [key, value] : decoder.items()) {
        long long id = -1;
        const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
        if (error != std::errc() || end != key.data() + key.size() || !value.is_object())
            return Error::bad(where + ": " + inQuotes(key) + ": expected an id and an object");
        json token = value;
        token["id"] = id;
        list.push_back(std::move(token));
    }
    return Done{};
}

/// tokenizer_config.json, and added_tokens.json where that does not list the added tokens.
Outcome<Surroundings> readSurroundings(const std::filesystem::path& folder) {
    Surroundings around;
    const auto configFile = folder / "tokenizer_config.json", addedFile = folder / "added_tokens.json";
    const auto read = [](const std::filesystem::path& file) -> Outcome<json> {
        const auto text = readFile(file, largestConfig);
        if (!text && text.error().code == ErrorCode::NotFound) return json();
        if (!text) return text.error();
        auto value = parseJson(*text, file.string());
        if (value && !value->is_object())
            return Error::bad(file.string() + ": expected an object, found " + jsonKind(*value));
        return value;
    };
    const auto config = read(configFile);
    if (!config) return config.error();
    around.where = configFile.string();
    const auto adds = boolField(*config, "add_bos_token", true, around.where);
    if (!adds) return adds.error();
    around.addsBos = *adds;
    const auto legacy = boolField(*config, "legacy", true, around.where);
    if (!legacy) return legacy.error();
    around.prefixOnce = !*legacy;
    const json& bos = fieldOrNull(*config, "bos_token");
    const json& name = bos.is_object() ? fieldOrNull(bos, "content") : bos;
    if (name.is_string()) around.bos = name.get<std::string>();
    if (const json& decoder = fieldOrNull(*config, "added_tokens_decoder"); !decoder.is_null()) {
        around.where += ": added_tokens_decoder";
        if (Status listed = readAddedDecoder(decoder, around.where, around.added); !listed)
            return listed.error();
        return around;
    }
    const auto added = read(addedFile);
    if (!added) return added.error();
    if (!added->is_null()) around.where = addedFile.string();
    for (const auto& [content, id] : added->items())
        around.added.push_back({{"id", id}, {"content", content}});
    return around;
}

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> loadSentencePieceTokenizer(const std::filesystem::path& path) {
    auto file = readSentencePieceFile(path);
    if (!file) return file.error();
    auto around = readSurroundings(path.parent_path());
    if (!around) return around.error();
    auto tokenizer = SentencePieceTokenizer::make(std::move(*file), std::move(*around), path.string());
    if (!tokenizer) return tokenizer.error();
    return std::shared_ptr<const Tokenizer>(std::move(*tokenizer));
}

Outcome<SpmVocabulary> readSentencePieceBpe(const std::filesystem::path& path) {
    auto file = readSentencePieceFile(path);
    if (!file) return file.error();
    const char* const other = file->unigram              ? "its model is unigram, not BPE"
                              : file->mapsCharacters     ? "its normalizer changes characters"
                              : file->removesExtraSpaces ? "its normalizer removes extra spaces"
                                                         : nullptr;
    if (other) return Error::unsupported(path.string() + ": " + other);
    auto around = readSurroundings(path.parent_path());
    if (!around) return around.error();
    auto tokenizer = SentencePieceTokenizer::make(std::move(*file), std::move(*around), path.string());
    if (!tokenizer) return tokenizer.error();
    return (*tokenizer)->vocabulary();
}

} // namespace qroar
