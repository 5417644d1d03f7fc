#include "core/text/json_fields.h"

#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

#include <limits>

namespace qroar {

using nlohmann::json;

std::string inQuotes(std::string_view text) {
    constexpr std::size_t longest = 100;
    const std::string_view shown = text.substr(0, longest);
    const bool cut = text.size() > longest;
    return "\"" + std::string(cut ? shown.substr(0, utf8::validPrefix(shown)) : shown)
           + (cut ? "...\"" : "\"");
}

std::string jsonKind(const json& value) {
    switch (value.type()) {
    case json::value_t::null:
        return "null";
    case json::value_t::object:
        return "an object";
    case json::value_t::array:
        return "an array";
    case json::value_t::string:
        return "a string";
    case json::value_t::boolean:
        return "true or false";
    case json::value_t::number_integer:
    case json::value_t::number_unsigned:
    case json::value_t::number_float:
        return "a number";
    default:
        return "something else";
    }
}

Outcome<json> parseJson(std::string_view text, const std::string& where) {
    try {
        return json::parse(text);
    } catch (const json::exception& problem) {
        std::string reason = problem.what();
        const std::size_t bracket = reason.find("] ");
        if (bracket != std::string::npos) reason.erase(0, bracket + 2);
        return Error::bad(where + ": not valid JSON: " + reason);
    }
}

const json& fieldOrNull(const json& object, const char* key) {
    static const json null;
    if (!object.is_object()) return null;
    const auto found = object.find(key);
    return found == object.end() ? null : *found;
}

namespace {

Error wrongKind(const std::string& where, const char* key, const char* expected, const json& found) {
    return Error::bad(where + ": \"" + key + "\": expected " + expected + ", found " + jsonKind(found));
}

} // namespace

Outcome<bool> boolField(const json& object, const char* key, bool fallback, const std::string& where) {
    const json& value = fieldOrNull(object, key);
    if (value.is_null()) return fallback;
    if (!value.is_boolean()) return wrongKind(where, key, "true or false", value);
    return value.get<bool>();
}

Outcome<std::string> stringField(const json& object, const char* key, const std::string& fallback,
                                 const std::string& where) {
    const json& value = fieldOrNull(object, key);
    if (value.is_null()) return fallback;
    if (!value.is_string()) return wrongKind(where, key, "a string", value);
    return value.get<std::string>();
}

Outcome<long long> integerValue(const json& value, long long low, long long high, const std::string& where) {
    if (!value.is_number_integer())
        return Error::bad(where + ": expected an integer, found " + jsonKind(value));
    constexpr long long largest = std::numeric_limits<long long>::max();
    const bool huge = value.is_number_unsigned()
                      && value.get<unsigned long long>() > static_cast<unsigned long long>(largest);
    const long long number = huge ? largest : value.get<long long>();
    if (number < low || number > high)
        return Error::bad(where + ": expected " + std::to_string(low) + " to " + std::to_string(high)
                          + ", found " + value.dump());
    return number;
}

} // namespace qroar
