#include "core/text/spm_tokenizer.h"

#include "core/base/strings.h"
#include "core/text/bpe.h"
#include "core/text/prefix_tree.h"
#include "core/text/utf8.h"

#include <array>

namespace qroar {

namespace {

bool isAsciiSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// A space behind another character.
bool marksAWordInside(std::string_view piece) {
    for (std::size_t at = piece.find(spaceMark, 1); at != std::string_view::npos;
         at = piece.find(spaceMark, at + 1))
        if (at < spaceMark.size() || piece.substr(at - spaceMark.size(), spaceMark.size()) != spaceMark)
            return true;
    return false;
}

class SpmTokenizer final : public Tokenizer {
  public:
    explicit SpmTokenizer(SpmVocabulary vocabulary);
    [[nodiscard]] bool coversBytes() const {
        return unknown_ >= 0
               || std::all_of(byteIds_.begin(), byteIds_.end(), [](TokenId id) { return id >= 0; });
    }

    [[nodiscard]] std::string decode(const std::vector<TokenId>& ids) const override;
    [[nodiscard]] int vocabSize() const override { return static_cast<int>(from_.pieces.size()); }
    [[nodiscard]] TokenId bosToAdd() const override { return from_.bos; }
    [[nodiscard]] std::string description() const override {
        return "SentencePiece BPE with byte fallback, " + formatCount(vocabSize()) + " tokens";
    }

  private:
    /// One call of encode, with buffers that live as long.
    struct Run {
        std::vector<TokenId> ids;
        PairMerger merger;
        std::string marked, joined;
        std::vector<TokenId> symbols;
        std::size_t stretchBegin = 0;            ///< where its ids begin
        std::vector<std::string_view> strangers; ///< characters without a piece: ids behind the vocabulary
    };
    [[nodiscard]] std::vector<TokenId> encode(std::string_view text, bool special) const override;
    void encodeStretch(std::string_view text, bool prefix, Run& run) const;
    void encodeWord(std::string_view word, Run& run) const;
    void appendStranger(std::string_view character, Run& run) const;
    [[nodiscard]] PieceKind kind(TokenId id) const { return from_.kinds[static_cast<std::size_t>(id)]; }

    SpmVocabulary from_;
    TokenMap ids_; ///< what text is made of
    PrefixTree whole_;
    std::vector<bool> rightStrip_;
    std::array<TokenId, 256> byteIds_{};
    TokenId unknown_ = -1;
    bool wordsStandAlone_ = true; ///< no piece reaches over the beginning of a word
};

SpmTokenizer::SpmTokenizer(SpmVocabulary vocabulary) : from_(std::move(vocabulary)) {
    byteIds_.fill(-1);
    rightStrip_.resize(from_.pieces.size());
    for (const TokenId id : from_.rightStrip) rightStrip_[static_cast<std::size_t>(id)] = true;
    for (std::size_t index = 0; index < from_.pieces.size(); ++index) {
        const auto id = static_cast<TokenId>(index);
        const std::string& piece = from_.pieces[index];
        const PieceKind kind = from_.kinds[index];
        if (kind == PieceKind::Unknown && unknown_ < 0) unknown_ = id;
        if (kind == PieceKind::Normal || kind == PieceKind::Unused) {
            ids_.emplace(piece, id); // of equal texts the first counts
            wordsStandAlone_ = wordsStandAlone_ && !marksAWordInside(piece);
        } else if (kind == PieceKind::Byte) {
            if (const int byte = namedByte(piece); byte >= 0 && byteIds_[byte] < 0) byteIds_[byte] = id;
        } else {
            whole_.add(piece, id);
        }
    }
}

std::vector<TokenId> SpmTokenizer::encode(std::string_view text, bool special) const {
    Run run;
    std::size_t begin = 0;
    bool prefix = from_.spacePrefix; // at the start, and behind a piece that was found whole
    const auto accepts = [&](TokenId id) { return special || kind(id) == PieceKind::UserDefined; };
    for (std::size_t at = 0; at < text.size() && !whole_.empty();) {
        std::size_t end = 0;
        const TokenId id = whole_.longestAt(text, at, end, accepts);
        if (id < 0) {
            ++at;
            continue;
        }
        encodeStretch(text.substr(begin, at - begin), prefix, run);
        run.ids.push_back(id);
        while (rightStrip_[static_cast<std::size_t>(id)] && end < text.size() && isAsciiSpace(text[end]))
            ++end;
        prefix = from_.spacePrefix;
        begin = at = end;
    }
    encodeStretch(text.substr(begin), prefix, run);
    return std::move(run.ids);
}

void SpmTokenizer::encodeStretch(std::string_view text, bool prefix, Run& run) const {
    if (text.empty()) return;
    run.stretchBegin = run.ids.size();
    run.marked.assign(prefix ? spaceMark : std::string_view());
    for (const char byte : text)
        if (byte == ' ')
            run.marked += spaceMark;
        else
            run.marked += byte;
    const std::string_view marked = run.marked;
    std::size_t begin = 0;
    if (wordsStandAlone_)
        for (std::size_t at = marked.find(spaceMark, 1); at != std::string_view::npos;
             at = marked.find(spaceMark, at + spaceMark.size())) {
            const bool continues = at >= begin + spaceMark.size()
                                   && marked.substr(at - spaceMark.size(), spaceMark.size()) == spaceMark;
            if (continues) continue; // a run of spaces is one word with what follows it
            encodeWord(marked.substr(begin, at - begin), run);
            begin = at;
        }
    encodeWord(marked.substr(begin), run);
}

void SpmTokenizer::appendStranger(std::string_view character, Run& run) const {
    const auto idOf = [this](char byte) { return byteIds_[static_cast<unsigned char>(byte)]; };
    if (std::all_of(character.begin(), character.end(), [&](char byte) { return idOf(byte) >= 0; })) {
        for (const char byte : character) run.ids.push_back(idOf(byte));
    } else if (unknown_ >= 0 && (run.ids.size() == run.stretchBegin || run.ids.back() != unknown_)) {
        run.ids.push_back(unknown_); // one for a run of them, as SentencePiece
    }
}

void SpmTokenizer::encodeWord(std::string_view word, Run& run) const {
    if (const auto whole = ids_.find(word); whole != ids_.end() && word.size() <= spaceMark.size()) {
        run.ids.push_back(whole->second);
        return;
    }
    run.symbols.clear();
    run.strangers.clear();
    const auto count = static_cast<TokenId>(from_.pieces.size());
    while (!word.empty()) {
        const std::size_t length = utf8::lengthOf(word[0]);
        const bool valid = utf8::validPrefix(word.substr(0, length)) == length;
        const std::string_view character = word.substr(0, valid ? length : 1);
        if (const auto found = ids_.find(character); found != ids_.end()) {
            run.symbols.push_back(found->second);
        } else {
            run.symbols.push_back(count + static_cast<TokenId>(run.strangers.size()));
            run.strangers.push_back(character);
        }
        word.remove_prefix(character.size());
    }
    const auto textOf = [&](TokenId id) {
        return id < count ? std::string_view(from_.pieces[static_cast<std::size_t>(id)])
                          : run.strangers[static_cast<std::size_t>(id - count)];
    };
    run.merger.run(run.symbols, [&](TokenId left, TokenId right) -> PairMerger::Pair {
        run.joined = textOf(left);
        run.joined += textOf(right);
        const auto found = ids_.find(run.joined);
        if (found == ids_.end()) return {};
        return {-static_cast<double>(from_.scores[static_cast<std::size_t>(found->second)]), found->second};
    });
    for (const TokenId id : run.symbols)
        if (id < count)
            run.ids.push_back(id);
        else
            appendStranger(textOf(id), run);
}

std::string SpmTokenizer::decode(const std::vector<TokenId>& ids) const {
    std::string text;
    bool atStart = from_.spacePrefix;
    for (const TokenId id : ids) {
        if (id < 0 || id >= vocabSize()) continue;
        const PieceKind kind = this->kind(id);
        const std::string& piece = from_.pieces[static_cast<std::size_t>(id)];
        const int byte = kind == PieceKind::Byte ? namedByte(piece) : -1;
        const bool whole = kind == PieceKind::Control || kind == PieceKind::UserDefined;
        if (byte >= 0) {
            text += static_cast<char>(byte);
        } else if (whole) {
            if (id != from_.bos) text += piece;
        } else {
            const std::string spaced = withSpaces(piece);
            text += atStart && spaced.starts_with(' ') ? spaced.substr(1) : spaced;
        }
        atStart = whole && from_.spacePrefix;
    }
    return text;
}

} // namespace

int namedByte(std::string_view piece) {
    if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
    const auto digit = [](char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    };
    const int high = digit(piece[3]), low = digit(piece[4]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

std::string withSpaces(std::string piece) {
    for (std::size_t at = piece.find(spaceMark); at != std::string::npos; at = piece.find(spaceMark, at + 1))
        piece.replace(at, spaceMark.size(), " ");
    return piece;
}

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
