// KeyReader: typed, range-checked access to the keys of a JSON object, with messages that name file and key.
// The first problem sticks in an error slot that several readers may share, so that callers check once at the
// end. Internal to core/model.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace qroar {

class KeyReader {
  public:
    /// `object` may be null: then no key is there. `where` opens every message ("config.json: rope_scaling").
    KeyReader(const nlohmann::json* object, std::string where, std::optional<Error>& error)
        : object_(object), where_(std::move(where)), error_(&error) {}

    /// The value, or null when the key is absent or its value is null.
    [[nodiscard]] const nlohmann::json* find(const char* key) const;
    [[nodiscard]] bool has(const char* key) const { return find(key) != nullptr; }
    [[nodiscard]] const std::string& where() const { return where_; }
    [[nodiscard]] const nlohmann::json* object() const { return object_; } ///< may be null

    /// A required integer in [low, high]; `low` after a failure, so that callers may go on.
    int integer(const char* key, int low, int high) const;
    std::optional<int> optionalInteger(const char* key, int low, int high) const;
    /// A finite number in [low, high].
    std::optional<double> optionalNumber(const char* key, double low, double high) const;
    /// The same; an error that names the key when it is absent.
    std::optional<double> requiredNumber(const char* key, double low, double high) const;
    std::optional<bool> optionalBool(const char* key) const;
    std::optional<std::string> optionalText(const char* key) const;
    /// Exactly `length` numbers in [low, high].
    std::vector<double> numbers(const char* key, std::size_t length, double low, double high) const;

    void fail(const char* key, const std::string& expected, const std::string& found) const;
    void missing(const char* key, const std::string& expected) const;

  private:
    const nlohmann::json* object_;
    std::string where_;
    std::optional<Error>* error_;
};

/// A value for a message: text and numbers as they are (shortened), "an array", "an object".
std::string describeJson(const nlohmann::json& value);

} // namespace qroar
