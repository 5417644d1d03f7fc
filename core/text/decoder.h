// The `decoder` of a tokenizer.json: from tokens back to text. Unknown kinds are refused by name.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

namespace qroar {

struct DecodedToken {
    std::string text;
    bool literal = false; ///< an added token: its text is not in the byte alphabet
};

class Decoder {
  public:
    virtual ~Decoder() = default;
    virtual void apply(std::vector<DecodedToken>& tokens) const = 0;
};

/// ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip, Sequence; null joins the tokens with spaces.
/// Bytes that are not UTF-8 (a character cut by the end of the ids) are kept as they are, so that decoding
/// loses nothing.
Outcome<std::shared_ptr<const Decoder>> parseDecoder(const nlohmann::json& description,
                                                     const std::string& where);

} // namespace qroar
