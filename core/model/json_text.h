// Untrusted JSON text, checked before and while it is parsed: UTF-8, nesting, length of strings, duplicate
// keys. Internal to core/model. Not a JSON library: parsing itself is nlohmann's.
#pragma once

#include "core/base/outcome.h"

#include <nlohmann/json.hpp>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace qroar {

struct JsonLimits {
    std::size_t depth = 32;                  ///< open objects and arrays
    std::size_t stringBytes = 16u * 1048576; ///< a single string or key, as written
};

/// `text` in double quotes for a message: control characters escaped, shortened to about 120 bytes.
std::string quotedText(std::string_view text);

/// One pass without allocation: well-formed UTF-8, nesting and string length within the limits. Errors start
/// with `source` and give the byte position.
Status checkJsonText(std::string_view text, const std::string& source, const JsonLimits& limits = {});

/// The whole text as a document; refuses duplicate keys in any object, trailing text, numbers that do not
/// fit.
Outcome<nlohmann::json> parseStrictJson(std::string_view text, const std::string& source,
                                        const JsonLimits& limits = {});

/// A SAX handler that refuses every event; readers override the ones their format has. The first error
/// sticks.
class StrictJsonHandler : public nlohmann::json_sax<nlohmann::json> {
  public:
    explicit StrictJsonHandler(std::string source) : source_(std::move(source)) {}
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

    bool null() override { return unexpected("null"); }
    bool boolean(bool) override { return unexpected("a boolean"); }
    bool number_integer(number_integer_t) override { return unexpected("a negative number"); }
    bool number_unsigned(number_unsigned_t) override { return unexpected("a number"); }
    bool number_float(number_float_t, const string_t&) override {
        return unexpected("a number that is not an integer or too large");
    }
    bool string(string_t& text) override { return unexpected("the text " + quotedText(text)); }
    bool binary(binary_t&) override { return unexpected("binary data"); }
    bool start_object(std::size_t) override { return unexpected("an object"); }
    bool key(string_t& name) override { return unexpected("the key " + quotedText(name)); }
    bool end_object() override { return unexpected("the end of an object"); }
    bool start_array(std::size_t) override { return unexpected("an array"); }
    bool end_array() override { return unexpected("the end of an array"); }
    bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) override {
        return fail("not valid JSON at byte " + std::to_string(position));
    }

  protected:
    /// Records "source: text" unless an error is already known; always false, which stops the parser.
    bool fail(const std::string& text) {
        if (!error_) error_ = Error::bad(source_ + ": " + text);
        return false;
    }
    /// What stands here is not what the format wants; says where by default.
    virtual bool unexpected(const std::string& found) { return fail("unexpected " + found); }

  private:
    std::string source_;
    std::optional<Error> error_;
};

} // namespace qroar
