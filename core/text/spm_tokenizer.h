// SentencePiece-style BPE from a list of pieces with scores: the "llama" vocabulary of a GGUF file. Merges go
// by the highest score of the merged piece, spaces are U+2581, characters without a piece become their bytes.
// Not here: byte-level BPE (bpe.h), SentencePiece's own files (sentencepiece_file.h).
#pragma once

#include "core/base/outcome.h"
#include "core/text/tokenizer.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

enum class PieceKind { Normal = 1, Unknown = 2, Control = 3, UserDefined = 4, Unused = 5, Byte = 6 };

struct SpmVocabulary {
    std::vector<std::string> pieces;
    std::vector<float> scores;    ///< as many
    std::vector<PieceKind> kinds; ///< as many
    TokenId bos = -1;             ///< to put in front; -1: none
    bool spacePrefix = true;      ///< a space in front of a text, which decoding takes off again
    std::vector<TokenId>
        rightStrip; ///< control and user-defined pieces that take ASCII white space behind along
};
/// Errors name `where`: lengths that differ, bytes without a piece and no unknown piece.
Outcome<std::shared_ptr<const Tokenizer>> makeSpmTokenizer(SpmVocabulary vocabulary,
                                                           const std::string& where);

constexpr std::string_view spaceMark = "\xE2\x96\x81"; ///< U+2581, a space inside a piece
/// The byte that a piece like "<0x0A>" names; -1 for another text.
int namedByte(std::string_view piece);
/// With spaces for their marks.
std::string withSpaces(std::string piece);

} // namespace qroar
