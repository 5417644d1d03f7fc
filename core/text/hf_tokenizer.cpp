// loadHfTokenizer: the parts of a tokenizer.json put together, in the order of the reference implementation:
// added tokens, normalizer, added tokens of the normalized text, pre-tokenizer, BPE.
#include "core/text/hf_tokenizer.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/text/added_tokens.h"
#include "core/text/bpe.h"
#include "core/text/byte_alphabet.h"
#include "core/text/decoder.h"
#include "core/text/json_fields.h"
#include "core/text/normalizer.h"
#include "core/text/post_processor.h"
#include "core/text/pre_tokenizer.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

#include <optional>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::size_t largestTokenizerFile = 256U << 20;
constexpr std::string_view replacementCharacter = "\xEF\xBF\xBD"; // U+FFFD

class HfTokenizer final : public Tokenizer {
  public:
    static Outcome<std::shared_ptr<const Tokenizer>>
    parse(const json& file, const std::filesystem::path& path, std::optional<TokenId> knownBos = {});

    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override;
    [[nodiscard]] int vocabSize() const override { return vocabSize_; }
    [[nodiscard]] TokenId bosToAdd() const override { return bos_; }
    [[nodiscard]] std::string description() const override {
        const char* kind = byteLevel()             ? "byte-level BPE"
                           : model_.byteFallback() ? "BPE with byte fallback"
                                                   : "BPE";
        return std::string(kind) + ", " + formatCount(static_cast<long long>(tokens_.size())) + " tokens"
               + note_;
    }

  private:
    [[nodiscard]] bool byteLevel() const { return preTokenizer_->isByteLevel(); }
    [[nodiscard]] TokenId find(std::string_view token) const;
    Status index(const std::string& where);
    /// One call of encode.
    struct Run {
        bool special; ///< look for control tokens
        PairMerger merger;
        std::vector<TokenId> ids;
    };
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool special) const override;
    void encodeValid(std::string_view text, bool atStart, Run& run) const;
    void encodeNormalized(std::string_view text, bool atStart, Run& run) const;
    void encodeInvalidByte(char byte, Run& run) const;

    BpeModel model_;
    std::shared_ptr<const Normalizer> normalizer_;
    std::shared_ptr<const PreTokenizer> preTokenizer_;
    std::shared_ptr<const Decoder> decoder_;
    AddedTokens added_;
    std::unordered_map<TokenId, DecodedToken> tokens_;
    int vocabSize_ = 0;
    TokenId bos_ = -1;
    std::string note_; ///< what else was there and is not read
};

Outcome<std::shared_ptr<const Tokenizer>>
HfTokenizer::parse(const json& file, const std::filesystem::path& path, std::optional<TokenId> knownBos) {
    const std::string where = path.string() + ": ";
    if (!file.is_object()) return Error::bad(where + "expected an object, found " + jsonKind(file));
    auto tokenizer = std::make_shared<HfTokenizer>();
    auto model = BpeModel::parse(fieldOrNull(file, "model"), where + "model");
    if (!model) return model.error();
    tokenizer->model_ = std::move(*model);
    auto normalizer = parseNormalizer(fieldOrNull(file, "normalizer"), where + "normalizer");
    if (!normalizer) return normalizer.error();
    tokenizer->normalizer_ = *normalizer;
    auto preTokenizer = parsePreTokenizer(fieldOrNull(file, "pre_tokenizer"), where + "pre_tokenizer");
    if (!preTokenizer) return preTokenizer.error();
    tokenizer->preTokenizer_ = *preTokenizer;
    auto decoder = parseDecoder(fieldOrNull(file, "decoder"), where + "decoder");
    if (!decoder) return decoder.error();
    tokenizer->decoder_ = *decoder;
    auto added = AddedTokens::parse(
        fieldOrNull(file, "added_tokens"),
        [&](std::string_view token) { return tokenizer->model_.find(token); }, *tokenizer->normalizer_,
        where + "added_tokens");
    if (!added) return added.error();
    tokenizer->added_ = std::move(*added);
    if (auto indexed = tokenizer->index(where + "added_tokens"); !indexed) return indexed.error();

    auto bos = knownBos ? Outcome<TokenId>(*knownBos)
                        : parseBos(fieldOrNull(file, "post_processor"), where + "post_processor");
    if (bos && *bos < 0 && !knownBos)
        bos = bosOfTokenizerConfig(path.parent_path() / "tokenizer_config.json",
                                   [&](std::string_view token) { return tokenizer->find(token); });
    if (!bos) return bos.error();
    if (*bos >= 0 && !tokenizer->tokens_.contains(*bos))
        return Error::bad(where + "post_processor: id " + std::to_string(*bos) + " is not a token");
    tokenizer->bos_ = *bos;
    std::error_code ignored;
    if (path.filename() == "tokenizer.json"
        && std::filesystem::exists(path.parent_path() / "tokenizer.model", ignored))
        tokenizer->note_ = " (of tokenizer.json; the tokenizer.model beside it is not read)";
    return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
}

TokenId HfTokenizer::find(std::string_view token) const {
    const TokenId id = added_.find(token);
    return id >= 0 ? id : model_.find(token);
}

/// Fills tokens_ and vocabSize_.
Status HfTokenizer::index(const std::string& where) {
    TokenId largest = -1;
    for (const auto& [text, id] : model_.vocabulary()) {
        tokens_[id] = {text, false};
        largest = std::max(largest, id);
    }
    for (const AddedToken& token : added_.tokens()) {
        const auto [place, isNew] = tokens_.try_emplace(token.id, DecodedToken{token.content, true});
        if (!isNew && place->second.text != token.content)
            return Error::bad(where + ": id " + std::to_string(token.id) + " is given to both "
                              + inQuotes(place->second.text) + " and " + inQuotes(token.content));
        place->second.literal = true;
        largest = std::max(largest, token.id);
    }
    vocabSize_ = largest + 1;
    return Done{};
}

std::vector<TokenId> HfTokenizer::encode(std::string_view text, bool special) const {
    Run run{special, {}, {}};
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t valid = utf8::validPrefix(text.substr(at));
        if (valid > 0) encodeValid(text.substr(at, valid), at == 0, run);
        at += valid;
        if (at < text.size()) encodeInvalidByte(text[at++], run);
    }
    return std::move(run.ids);
}

void HfTokenizer::encodeInvalidByte(char byte, Run& run) const {
    const TokenId id = byteLevel() ? model_.find(bytesToSymbols({&byte, 1}))
                                   : model_.byteToken(static_cast<unsigned char>(byte));
    if (id >= 0)
        run.ids.push_back(id);
    else
        model_.encodeWord(byteLevel() ? bytesToSymbols(replacementCharacter)
                                      : std::string(replacementCharacter),
                          run.merger, run.ids);
}

void HfTokenizer::encodeValid(std::string_view text, bool atStart, Run& run) const {
    for (const AddedTokens::Segment& segment : added_.split(text, false, run.special)) {
        if (segment.id >= 0) {
            run.ids.push_back(segment.id);
            continue;
        }
        std::string part(text.substr(segment.begin, segment.end - segment.begin));
        encodeNormalized(normalizer_->apply(std::move(part)), atStart && segment.begin == 0, run);
    }
}

void HfTokenizer::encodeNormalized(std::string_view text, bool atStart, Run& run) const {
    for (const AddedTokens::Segment& segment : added_.split(text, true, run.special)) {
        if (segment.id >= 0) {
            run.ids.push_back(segment.id);
            continue;
        }
        std::vector<Piece> pieces(1);
        pieces[0].text = text.substr(segment.begin, segment.end - segment.begin);
        pieces[0].atStart = atStart && segment.begin == 0;
        preTokenizer_->apply(pieces);
        for (const Piece& piece : pieces) model_.encodeWord(piece.text, run.merger, run.ids);
    }
}

std::string HfTokenizer::decode(const std::vector<TokenId>& ids) const {
    std::vector<DecodedToken> tokens;
    tokens.reserve(ids.size());
    for (const TokenId id : ids)
        if (const auto found = tokens_.find(id); found != tokens_.end()) tokens.push_back(found->second);
    decoder_->apply(tokens);
    std::string text;
    for (const DecodedToken& token : tokens) text += token.text;
    return text;
}

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> loadHfTokenizer(const std::filesystem::path& tokenizerJson) {
    auto text = readFile(tokenizerJson, largestTokenizerFile);
    if (!text) return text.error();
    auto file = parseJson(*text, tokenizerJson.string());
    if (!file) return file.error();
    return HfTokenizer::parse(*file, tokenizerJson);
}

Outcome<std::shared_ptr<const Tokenizer>> makeHfTokenizer(const json& description,
                                                          const std::filesystem::path& source, TokenId bos) {
    return HfTokenizer::parse(description, source, bos);
}

} // namespace qroar
