#include "core/model/json_keys.h"

#include "core/base/strings.h"
#include "core/model/json_text.h"

#include <cmath>

namespace qroar {

namespace {

/// An integer, or a floating-point number without fraction (some writers say 4096.0).
std::optional<long long> asInteger(const nlohmann::json& value) {
    if (value.is_number_unsigned()) {
        const auto number = value.get<std::uint64_t>();
        if (number > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
        return static_cast<long long>(number);
    }
    if (value.is_number_integer()) return value.get<std::int64_t>();
    if (value.is_number_float()) {
        const double number = value.get<double>();
        if (std::abs(number) < 1e15 && number == std::floor(number)) return static_cast<long long>(number);
    }
    return std::nullopt;
}

std::string numberRange(double low, double high) {
    return "a number from " + formatNumber(low) + " to " + formatNumber(high);
}

bool inRange(const nlohmann::json& value, double low, double high) {
    if (!value.is_number()) return false;
    const double number = value.get<double>();
    return number >= low && number <= high; // false for NaN
}

} // namespace

std::string describeJson(const nlohmann::json& value) {
    if (value.is_string()) return quotedText(value.get_ref<const std::string&>());
    if (value.is_array()) return "an array of " + std::to_string(value.size());
    if (value.is_object()) return "an object";
    return value.dump();
}

const nlohmann::json* KeyReader::find(const char* key) const {
    if (!object_ || !object_->is_object()) return nullptr;
    const auto found = object_->find(key);
    return found == object_->end() || found->is_null() ? nullptr : &*found;
}

void KeyReader::fail(const char* key, const std::string& expected, const std::string& found) const {
    if (*error_) return;
    *error_ = Error::bad(where_ + ": key \"" + key + "\": expected " + expected + ", found " + found);
}

void KeyReader::missing(const char* key, const std::string& expected) const {
    if (*error_) return;
    *error_ = Error::bad(where_ + ": key \"" + key + "\" is missing: expected " + expected);
}

std::optional<int> KeyReader::optionalInteger(const char* key, int low, int high) const {
    const nlohmann::json* value = find(key);
    if (!value) return std::nullopt;
    const auto number = asInteger(*value);
    if (number && *number >= low && *number <= high) return static_cast<int>(*number);
    fail(key, "an integer from " + formatCount(low) + " to " + formatCount(high), describeJson(*value));
    return low;
}

int KeyReader::integer(const char* key, int low, int high) const {
    const auto value = optionalInteger(key, low, high);
    if (!value) missing(key, "an integer from " + formatCount(low) + " to " + formatCount(high));
    return value.value_or(low);
}

std::optional<double> KeyReader::optionalNumber(const char* key, double low, double high) const {
    const nlohmann::json* value = find(key);
    if (!value) return std::nullopt;
    if (inRange(*value, low, high)) return value->get<double>();
    fail(key, numberRange(low, high), describeJson(*value));
    return low;
}

std::optional<double> KeyReader::requiredNumber(const char* key, double low, double high) const {
    auto value = optionalNumber(key, low, high);
    if (!value) missing(key, numberRange(low, high));
    return value;
}

std::optional<bool> KeyReader::optionalBool(const char* key) const {
    const nlohmann::json* value = find(key);
    if (!value) return std::nullopt;
    if (value->is_boolean()) return value->get<bool>();
    fail(key, "true or false", describeJson(*value));
    return std::nullopt;
}

std::optional<std::string> KeyReader::optionalText(const char* key) const {
    const nlohmann::json* value = find(key);
    if (!value) return std::nullopt;
    if (value->is_string()) return value->get<std::string>();
    fail(key, "a text", describeJson(*value));
    return std::nullopt;
}

std::vector<double> KeyReader::numbers(const char* key, std::size_t length, double low, double high) const {
    const std::string expected = "a list of " + std::to_string(length) + " numbers";
    const nlohmann::json* value = find(key);
    if (!value) {
        missing(key, expected);
        return {};
    }
    if (!value->is_array() || value->size() != length) {
        fail(key, expected, describeJson(*value));
        return {};
    }
    std::vector<double> list;
    for (const nlohmann::json& entry : *value) {
        if (!inRange(entry, low, high)) {
            fail(key, expected + ", each from " + formatNumber(low) + " to " + formatNumber(high),
                 describeJson(entry) + " at index " + std::to_string(list.size()));
            return {};
        }
        list.push_back(entry.get<double>());
    }
    return list;
}

} // namespace qroar
