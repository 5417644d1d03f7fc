// Which token a tokenizer.json (or the tokenizer_config.json beside it) puts in front of a text. The rest of
// the `post_processor` (pairs of texts, a token at the end) is of no use here and is not applied.
#pragma once

#include "core/base/outcome.h"
#include "core/text/tokenizer.h"

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <string>

namespace qroar {

/// The id that TemplateProcessing, BertProcessing or RobertaProcessing (alone or in a Sequence) puts in front
/// of a single text; -1 when there is none. Unknown kinds are refused by name, and so is more than one token
/// in front.
Outcome<TokenId> parseBos(const nlohmann::json& postProcessor, const std::string& where);

/// The id of `bos_token` when the file exists and says add_bos_token: true; else -1. `find` gives the id of a
/// token, -1 when there is no such token.
Outcome<TokenId> bosOfTokenizerConfig(const std::filesystem::path& file,
                                      const std::function<TokenId(std::string_view)>& find);

} // namespace qroar
