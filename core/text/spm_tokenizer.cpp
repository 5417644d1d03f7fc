#include "core/text/spm_tokenizer.h"

#include "core/base/strings.h"
#include "core/text/bpe.h"
#include "core/text/utf8.h"

#include <array>

namespace qroar {

namespace {

constexpr std::string_view spaceMark = "\xE2\x96\x81"; // U+2581

/// "<0x0A>" for 10.
std::string byteName(unsigned byte) {
    static constexpr char digits[] = "0123456789ABCDEF";
    return {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
}

class SpmTokenizer final : public Tokenizer {
  public:
    explicit SpmTokenizer(SpmVocabulary vocabulary) : from_(std::move(vocabulary)) {
        byteIds_.fill(-1);
        for (std::size_t id = 0; id < from_.pieces.size(); ++id) {
            const auto token = static_cast<TokenId>(id);
            const PieceKind kind = from_.kinds[id];
            if (kind == PieceKind::Unknown && unknown_ < 0) unknown_ = token;
            if (kind == PieceKind::Normal || kind == PieceKind::UserDefined || kind == PieceKind::Unused)
                ids_.emplace(from_.pieces[id], token); // of equal texts the first counts
            if ((kind == PieceKind::UserDefined || kind == PieceKind::Control) && !from_.pieces[id].empty())
                whole_.emplace(from_.pieces[id], token);
            if (kind == PieceKind::Byte) bytes_.emplace(from_.pieces[id], token);
        }
        for (unsigned byte = 0; byte < 256; ++byte)
            if (const auto found = bytes_.find(byteName(byte)); found != bytes_.end()) {
                byteIds_[byte] = found->second;
                byteOf_.emplace(found->second, static_cast<char>(byte));
            }
        for (const auto& [text, id] : whole_) longestWhole_ = std::max(longestWhole_, text.size());
    }
    [[nodiscard]] bool coversBytes() const {
        return unknown_ >= 0
               || std::all_of(byteIds_.begin(), byteIds_.end(), [](TokenId id) { return id >= 0; });
    }

    [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override;
    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override;
    [[nodiscard]] int vocabSize() const override { return static_cast<int>(from_.pieces.size()); }
    [[nodiscard]] TokenId bosToAdd() const override { return from_.bos; }
    [[nodiscard]] std::string description() const override {
        return "SentencePiece BPE with byte fallback, " + formatCount(vocabSize()) + " tokens";
    }

  private:
    void encodeStretch(std::string_view text, bool prefix, std::vector<TokenId>& ids) const;
    void appendCharacter(std::string_view character, std::vector<TokenId>& symbols) const;
    /// Length of the longest control or user-defined piece that `text` begins with, and its id.
    [[nodiscard]] std::size_t wholeAt(std::string_view text, TokenId& id) const;

    SpmVocabulary from_;
    TokenMap ids_, whole_, bytes_;
    std::array<TokenId, 256> byteIds_{};
    std::unordered_map<TokenId, char> byteOf_;
    TokenId unknown_ = -1;
    std::size_t longestWhole_ = 0;
};

std::size_t SpmTokenizer::wholeAt(std::string_view text, TokenId& id) const {
    for (std::size_t length = std::min(longestWhole_, text.size()); length > 0; --length)
        if (const auto found = whole_.find(text.substr(0, length)); found != whole_.end()) {
            id = found->second;
            return length;
        }
    return 0;
}

std::vector<TokenId> SpmTokenizer::encode(std::string_view text) const {
    std::vector<TokenId> ids;
    std::size_t begin = 0;
    bool prefix = from_.spacePrefix; // at the start, and behind a control piece
    for (std::size_t at = 0; at < text.size();) {
        TokenId id = -1;
        const std::size_t length = whole_.empty() ? 0 : wholeAt(text.substr(at), id);
        if (length == 0) {
            ++at;
            continue;
        }
        encodeStretch(text.substr(begin, at - begin), prefix, ids);
        ids.push_back(id);
        prefix = from_.spacePrefix && from_.kinds[static_cast<std::size_t>(id)] == PieceKind::Control;
        begin = at += length;
    }
    encodeStretch(text.substr(begin), prefix, ids);
    return ids;
}

void SpmTokenizer::appendCharacter(std::string_view character, std::vector<TokenId>& symbols) const {
    if (const auto found = ids_.find(character); found != ids_.end()) {
        symbols.push_back(found->second);
        return;
    }
    for (const char byte : character) {
        const TokenId id = byteIds_[static_cast<unsigned char>(byte)];
        symbols.push_back(id >= 0 ? id : unknown_);
    }
}

void SpmTokenizer::encodeStretch(std::string_view text, bool prefix, std::vector<TokenId>& ids) const {
    if (text.empty()) return;
    std::vector<TokenId> symbols;
    if (prefix) appendCharacter(spaceMark, symbols);
    while (!text.empty()) {
        const std::size_t valid =
            std::max<std::size_t>(1, std::min(utf8::validPrefix(text), utf8::lengthOf(text[0])));
        const std::string_view character = text.substr(0, valid);
        appendCharacter(character == " " ? spaceMark : character, symbols);
        text.remove_prefix(valid);
    }
    PairMerger merger;
    std::string joined;
    merger.run(symbols, [&](TokenId left, TokenId right) -> PairMerger::Pair {
        if (byteOf_.contains(left) || byteOf_.contains(right))
            return {}; // bytes stand for what no piece covers
        joined = from_.pieces[static_cast<std::size_t>(left)];
        joined += from_.pieces[static_cast<std::size_t>(right)];
        const auto found = ids_.find(joined);
        if (found == ids_.end()) return {};
        return {-static_cast<double>(from_.scores[static_cast<std::size_t>(found->second)]), found->second};
    });
    ids.insert(ids.end(), symbols.begin(), symbols.end());
}

std::string SpmTokenizer::decode(const std::vector<TokenId>& ids) const {
    std::string text;
    bool atStart = from_.spacePrefix;
    for (const TokenId id : ids) {
        if (id < 0 || id >= vocabSize()) continue;
        const auto index = static_cast<std::size_t>(id);
        if (id == from_.bos) {
            atStart = from_.spacePrefix;
            continue;
        }
        if (const auto byte = byteOf_.find(id); byte != byteOf_.end()) {
            text += byte->second;
        } else {
            std::string piece = from_.pieces[index];
            for (std::size_t at = piece.find(spaceMark); at != std::string::npos;
                 at = piece.find(spaceMark, at + 1))
                piece.replace(at, spaceMark.size(), " ");
            text += atStart && piece.starts_with(' ') ? piece.substr(1) : piece;
        }
        atStart = false;
    }
    return text;
}

} // namespace

Outcome<std::shared_ptr<const Tokenizer>> makeSpmTokenizer(SpmVocabulary vocabulary,
                                                           const std::string& where) {
    const std::size_t count = vocabulary.pieces.size();
    if (count == 0 || vocabulary.scores.size() != count || vocabulary.kinds.size() != count)
        return Error::bad(where + ": expected as many scores and types as tokens (" + std::to_string(count)
                          + "), found " + std::to_string(vocabulary.scores.size()) + " and "
                          + std::to_string(vocabulary.kinds.size()));
    auto tokenizer = std::make_shared<SpmTokenizer>(std::move(vocabulary));
    if (!tokenizer->coversBytes())
        return Error::bad(where
                          + ": expected an unknown token or a token for each byte (<0x00> to <0xFF>), "
                            "found neither");
    return std::shared_ptr<const Tokenizer>(std::move(tokenizer));
}

} // namespace qroar
