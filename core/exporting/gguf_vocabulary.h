// The tokenizer of a model as metadata of a GGUF file: from the tokenizer.json, tokenizer.bin or GGUF file it
// has. Not here: reading it back (core/text/gguf_tokenizer.cpp).
#pragma once

#include "core/exporting/gguf_writer.h"
#include "core/model/model.h"

#include <string>
#include <vector>

namespace qroar {

struct GgufVocabulary {
    GgufKeys keys; ///< none: the model has no tokenizer, or one that GGUF cannot say
    std::vector<std::string> notes;
};

/// Byte-level BPE whose splitting has a name in GGUF files becomes "gpt2"; BPE with byte fallback and
/// llama2.c vocabularies become "llama" (scores are the ranks of the merges); that of a GGUF file is taken as
/// it is. Anything else is a note, and the file has no tokenizer. Missing ids up to vocab_size are filled
/// with unused tokens.
GgufVocabulary ggufVocabulary(const Model& model);

} // namespace qroar
