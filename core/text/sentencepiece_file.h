// SentencePiece's model file ("tokenizer.model"): its pieces, and the checks that the library, which runs the
// model, does not make itself. Not here: encoding (sentencepiece_tokenizer.cpp).
#pragma once

#include "core/base/outcome.h"
#include "core/text/spm_tokenizer.h"

#include <filesystem>
#include <string>

namespace qroar {

struct SentencePieceFile {
    bool unigram = true; ///< else BPE
    SpmVocabulary
        vocabulary; ///< with bos when it is a control piece; whether to add it, the file does not say
    bool byteFallback = false;
    bool mapsCharacters = false;
    bool removesExtraSpaces = true; ///< at the ends, and all but one inside
    std::string model;              ///< for the library: the checked parts of the file, nothing else
};

/// Anything that the library could not take, or might fall over, is an error that names the file.
Outcome<SentencePieceFile> readSentencePieceFile(const std::filesystem::path& file);

/// Pieces and added tokens of a BPE model that takes text as it is, by id; ids that nothing has are empty and
/// unused. An error says why there are none: another kind of model, or a normalizer that pieces and scores do
/// not hold.
Outcome<SpmVocabulary> readSentencePieceBpe(const std::filesystem::path& file);

/// The table of a normalizer ("precompiled_charsmap"): a trie of 32-bit units behind its size, and the
/// replacements, each ended by a zero. Empty when every path through it stays inside; else what is wrong.
/// Empty tables are fine.
std::string characterMapProblem(std::string_view table);

} // namespace qroar
