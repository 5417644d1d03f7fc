// How byte-level BPE splits words, by the names that GGUF files have for it (tokenizer.ggml.pre). One table
// for reading and writing. Sources: the patterns published with the models (formats.md 2f).
#pragma once

#include <span>
#include <string_view>

namespace qroar {

struct BpeSplitting {
    const char* name;
    const char* pattern;
    bool singleDigits; ///< digits are split from each other before anything else
    bool ignoreMerges; ///< a word that is a token is taken whole
    bool nfc;          ///< text is normalized first
};
std::span<const BpeSplitting> bpeSplittings();
const BpeSplitting* bpeSplitting(std::string_view name); ///< null when it is not known

} // namespace qroar
