// A tokenizer from the value of a tokenizer.json, for readers that have it from somewhere else than a file.
// Files: loadHfTokenizer (tokenizer.h).
#pragma once

#include "core/base/outcome.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <memory>

namespace qroar {

/// Messages begin with `source`. `bos` is put in front of texts (-1: nothing), whatever the description's
/// post_processor says.
Outcome<std::shared_ptr<const Tokenizer>> makeHfTokenizer(const nlohmann::json& description,
                                                          const std::filesystem::path& source, TokenId bos);

} // namespace qroar
