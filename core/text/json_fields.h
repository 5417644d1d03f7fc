// Typed access to the fields of a JSON object of an untrusted file, with errors that name the file and the
// key.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace qroar {

/// Text of an untrusted file for a message: in quotes, cut after 100 bytes (between characters).
std::string inQuotes(std::string_view text);
/// "a string", "an object", ... for messages.
std::string jsonKind(const nlohmann::json& value);
/// Parses a whole text; the error says `where` and what is wrong with it.
Outcome<nlohmann::json> parseJson(std::string_view text, const std::string& where);

/// The field `key`; `fallback` when it is absent or null. An error names `where`, the key and the kind found.
Outcome<bool> boolField(const nlohmann::json& object, const char* key, bool fallback,
                        const std::string& where);
Outcome<std::string> stringField(const nlohmann::json& object, const char* key, const std::string& fallback,
                                 const std::string& where);
/// `value` as an integer in [low, high]; the error starts with `where`.
Outcome<long long> integerValue(const nlohmann::json& value, long long low, long long high,
                                const std::string& where);
/// The value of `key`, or null (the JSON value) when `object` is not an object or has no such key.
const nlohmann::json& fieldOrNull(const nlohmann::json& object, const char* key);

} // namespace qroar
