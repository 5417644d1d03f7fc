// How byte-level BPE splits words, by the names that GGUF files have for it (tokenizer.ggml.pre). One table
// for reading and writing. Sources: the patterns published with the models (formats.md 2f).
#pragma once

#include <span>
#include <string_view>

namespace qroar {

struct BpeSplitting {
    const char* name;
    /// In this order: each pattern isolates its matches in what those before it left, matches included.
    std::span<const char* const> patterns;
    bool ignoreMerges = false; ///< a word that is a token is taken whole
    bool nfc = false;          ///< text is normalized first
    bool addsBos = false;      ///< where the file does not say (tokenizer.ggml.add_bos_token)
};
std::span<const BpeSplitting> bpeSplittings();
const BpeSplitting* bpeSplitting(std::string_view name); ///< null when it is not known

} // namespace qroar
