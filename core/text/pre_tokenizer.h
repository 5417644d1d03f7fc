// The `pre_tokenizer` of a tokenizer.json: cuts a normalized text into the words that BPE works on. Unknown
// kinds are refused by name.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

namespace qroar {

struct Piece {
    std::string text;     ///< well-formed UTF-8
    bool atStart = false; ///< whether it begins where the whole text begins
};

class PreTokenizer {
  public:
    virtual ~PreTokenizer() = default;
    /// Replaces the pieces by smaller ones, in order. Pieces without text are left out.
    virtual void apply(std::vector<Piece>& pieces) const = 0;
    /// Whether it writes words in the GPT-2 byte alphabet.
    [[nodiscard]] virtual bool isByteLevel() const { return false; }
};

/// ByteLevel, Split, Digits, Metaspace, Whitespace, WhitespaceSplit, Punctuation, CharDelimiterSplit,
/// Sequence; null gives one that leaves the text whole.
Outcome<std::shared_ptr<const PreTokenizer>> parsePreTokenizer(const nlohmann::json& description,
                                                               const std::string& where);

/// Metaspace, as pre-tokenizer and decoder: replacement (one character, U+2581 by default) and when a word
/// gets one in front.
struct MetaspaceOptions {
    enum class Prepend { First, Always, Never };
    std::string replacement;
    Prepend prepend = Prepend::Always;
    bool split = true;
    static Outcome<MetaspaceOptions> parse(const nlohmann::json& description, const std::string& where);
};

} // namespace qroar
