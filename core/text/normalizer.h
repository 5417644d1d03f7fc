// The `normalizer` of a tokenizer.json: what is done to a text before it is split into words. Unknown kinds
// are refused by name.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>

namespace qroar {

class Normalizer {
  public:
    virtual ~Normalizer() = default;
    /// `text` is well-formed UTF-8, and so is the result.
    [[nodiscard]] virtual std::string apply(std::string text) const = 0;
};

/// NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace, Sequence; null gives one that changes nothing.
Outcome<std::shared_ptr<const Normalizer>> parseNormalizer(const nlohmann::json& description,
                                                           const std::string& where);

} // namespace qroar
