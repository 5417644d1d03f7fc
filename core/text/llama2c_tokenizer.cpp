// loadLlama2cTokenizer: the tokenizer.bin of llama2.c (formats.md 2g; source: its run.c, MIT). Merges go by
// the highest score, not by rank.
#include "core/text/tokenizer.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/text/bpe.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace qroar {

namespace {

constexpr std::size_t largestTokenizerFile = 64U << 20;
constexpr TokenId bosId = 1;
constexpr TokenId firstByteId = 3; ///< <unk>, <s>, </s>, then the 256 bytes
constexpr int fewestTokens = firstByteId + 256;

class Llama2cTokenizer final : public Tokenizer {
  public:
    Llama2cTokenizer(std::vector<std::string> tokens, std::vector<float> scores)
        : tokens_(std::move(tokens)), scores_(std::move(scores)) {
        for (std::size_t id = 0; id < tokens_.size(); ++id) // of equal texts the first counts
            ids_.emplace(tokens_[id], static_cast<TokenId>(id));
    }

    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override;
    [[nodiscard]] int vocabSize() const override { return static_cast<int>(tokens_.size()); }
    [[nodiscard]] TokenId bosToAdd() const override { return bosId; }
    [[nodiscard]] std::string description() const override {
        return "llama2.c BPE with byte fallback, " + formatCount(vocabSize()) + " tokens";
    }

  private:
    /// BOS and EOS cannot be spelled out.
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool special) const override;
    [[nodiscard]] TokenId find(std::string_view text) const {
        const auto found = ids_.find(text);
        return found == ids_.end() ? -1 : found->second;
    }

    std::vector<std::string> tokens_;
    std::vector<float> scores_;
    TokenMap ids_;
};

/// A lead byte and up to three continuation bytes, as run.c collects them.
std::size_t characterLength(std::string_view text) {
    std::size_t length = 1;
    while (length < text.size() && length < 4 && (static_cast<unsigned char>(text[length]) & 0xC0U) == 0x80U)
        ++length;
    return length;
}

std::vector<TokenId> Llama2cTokenizer::encode(std::string_view text, bool /*special*/) const {
    std::vector<TokenId> ids;
    if (text.empty()) return ids;
    ids.reserve(text.size() + 1);
    if (const TokenId space = find(" "); space >= 0)
        ids.push_back(space); // the dummy prefix of sentencepiece
    while (!text.empty()) {
        const std::string_view character = text.substr(0, characterLength(text));
        text.remove_prefix(character.size());
        if (const TokenId id = find(character); id >= 0) {
            ids.push_back(id);
        } else {
            for (const char byte : character) ids.push_back(firstByteId + static_cast<unsigned char>(byte));
        }
    }
    std::unordered_map<std::uint64_t, PairMerger::Pair> known;
    std::string joined;
    PairMerger merger;
    merger.run(ids, [&](TokenId left, TokenId right) -> PairMerger::Pair {
        const std::uint64_t key = static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
        const auto [place, isNew] = known.try_emplace(key);
        if (isNew) {
            joined = tokens_[left];
            joined += tokens_[right];
            const TokenId merged = find(joined);
            if (merged >= 0) place->second = {-static_cast<double>(scores_[merged]), merged};
        }
        return place->second;
    });
    return ids;
}

std::string Llama2cTokenizer::decode(const std::vector<TokenId>& ids) const {
    std::string text;
    bool atStart = true; // the dummy prefix comes off behind BOS, and at the start of ids without one
    for (const TokenId id : ids) {
        if (id < 0 || id >= vocabSize()) continue;
        if (id == bosId) {
            atStart = true;
            continue;
        }
        std::string_view piece = tokens_[id];
        if (atStart && piece.starts_with(' ')) piece.remove_prefix(1);
        atStart = false;
        if (id >= firstByteId && id < firstByteId + 256)
            text += static_cast<char>(id - firstByteId);
        else
            text += piece;
    }
    return text;
}

/// Reads little-endian values from the front of `bytes`.
class Reader {
  public:
    explicit Reader(std::string_view bytes) : rest_(bytes) {}
    bool word(std::uint32_t& value) {
        if (rest_.size() < 4) return false;
        value = 0;
        for (unsigned index = 0; index < 4; ++index)
            value |= std::uint32_t{static_cast<unsigned char>(rest_[index])} << (8 * index);
        rest_.remove_prefix(4);
        return true;
    }
    bool text(std::size_t length, std::string& value) {
        if (rest_.size() < length) return false;
        value = rest_.substr(0, length);
        rest_.remove_prefix(length);
        return true;
    }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }

  private:
    std::string_view rest_;
};

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> loadLlama2cTokenizer(const std::filesystem::path& tokenizerBin,
                                                               int vocabSize) {
    const std::string where = tokenizerBin.string() + ": ";
    if (vocabSize < fewestTokens)
        return Error::bad(where + "a llama2.c vocabulary has at least " + std::to_string(fewestTokens)
                          + " tokens, the model has " + std::to_string(vocabSize));
    auto content = readFile(tokenizerBin, largestTokenizerFile);
    if (!content) return content.error();
    Reader reader(*content);
    std::uint32_t longest = 0;
    if (!reader.word(longest)) return Error::bad(where + "ends inside its header");
    // Every token takes at least 8 bytes: a wrong vocabSize is found before anything is allocated for it.
    if (reader.left() / 8 < static_cast<std::size_t>(vocabSize))
        return Error::bad(where + "too short for the " + formatCount(vocabSize) + " tokens of the model");
    std::vector<std::string> tokens(static_cast<std::size_t>(vocabSize));
    std::vector<float> scores(tokens.size());
    for (std::size_t id = 0; id < tokens.size(); ++id) {
        const std::string token = where + "token " + std::to_string(id) + ": ";
        std::uint32_t score = 0, length = 0;
        if (!reader.word(score) || !reader.word(length)) return Error::bad(token + "the file ends here");
        scores[id] = std::bit_cast<float>(score);
        if (!std::isfinite(scores[id])) return Error::bad(token + "its score is not a finite number");
        if (length > longest)
            return Error::bad(token + "its length is " + std::to_string(length) + ", above the longest of "
                              + std::to_string(longest) + " that the header names");
        if (!reader.text(length, tokens[id]))
            return Error::bad(token + "expected " + std::to_string(length) + " bytes of text, found "
                              + std::to_string(reader.left()));
    }
    if (reader.left() > 0)
        return Error::bad(where + "goes on for " + std::to_string(reader.left()) + " bytes after the "
                          + formatCount(vocabSize) + " tokens of the model: it belongs to another model");
    return std::shared_ptr<const Tokenizer>(
        std::make_shared<Llama2cTokenizer>(std::move(tokens), std::move(scores)));
}

} // namespace qroar
