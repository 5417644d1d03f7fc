#include "core/model/json_text.h"

#include <algorithm>
#include <cstdio>
#include <set>
#include <vector>

namespace qroar {

namespace {

bool isContinuation(char byte) {
    return (static_cast<unsigned char>(byte) & 0xC0u) == 0x80u;
}

/// Bytes of the well-formed UTF-8 sequence at `at` (Unicode standard, table 3-7); 0 when there is none.
std::size_t utf8Length(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || text.size() - at < length) return 0;
    for (std::size_t offset = 1; offset < length; ++offset)
        if (!isContinuation(text[at + offset])) return 0;
    const auto second = static_cast<unsigned char>(text[at + 1]);
    const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
    const bool surrogate = lead == 0xED && second > 0x9F;
    const bool beyond = lead == 0xF4 && second > 0x8F;
    return overlong || surrogate || beyond ? 0 : length;
}

/// Remembers the keys of every open object and the first one that came twice.
class DuplicateKeys {
  public:
    void open() { objects_.emplace_back(); }
    void close() {
        if (!objects_.empty()) objects_.pop_back();
    }
    void key(const std::string& name) {
        if (!objects_.empty() && !objects_.back().insert(name).second && !first_) first_ = name;
    }
    [[nodiscard]] const std::optional<std::string>& first() const { return first_; }

  private:
    std::vector<std::set<std::string>> objects_;
    std::optional<std::string> first_;
};

} // namespace

std::string quotedText(std::string_view text) {
    constexpr std::size_t limit = 120;
    std::size_t end = std::min(text.size(), limit);
    while (end < text.size() && end > 0 && isContinuation(text[end])) --end;
    std::string result = "\"";
    for (const char byte : text.substr(0, end)) {
        const auto value = static_cast<unsigned char>(byte);
        if (value < 0x20 || value == 0x7F) {
            char buffer[8];
            std::snprintf(buffer, sizeof buffer, "\\x%02x", value);
            result += buffer;
        } else {
            result += byte;
        }
    }
    return result + (end < text.size() ? "...\"" : "\"");
}

Status checkJsonText(std::string_view text, const std::string& source, const JsonLimits& limits) {
    const auto at = [](std::size_t position) { return " at byte " + std::to_string(position); };
    std::size_t depth = 0, stringStart = 0;
    bool inString = false;
    for (std::size_t position = 0; position < text.size();) {
        const std::size_t length = utf8Length(text, position);
        if (length == 0) return Error::bad(source + ": not valid UTF-8" + at(position));
        const char byte = text[position];
        if (byte == '\0')
            return Error::bad(source + ": not valid JSON" + at(position)); // parsers may stop here
        if (inString) {
            if (byte == '"') inString = false;
            if (position - stringStart > limits.stringBytes)
                return Error::bad(source + ": a text of more than " + std::to_string(limits.stringBytes)
                                  + " bytes" + at(stringStart));
            const char next = position + 1 < text.size() ? text[position + 1] : ' ';
            position += byte == '\\' && (next == '"' || next == '\\') ? 2 : length;
            continue;
        }
        if (byte == '"') {
            inString = true;
            stringStart = position;
        } else if (byte == '{' || byte == '[') {
            if (++depth > limits.depth)
                return Error::bad(source + ": nested more than " + std::to_string(limits.depth)
                                  + " levels deep" + at(position));
        } else if ((byte == '}' || byte == ']') && depth > 0) {
            --depth;
        }
        position += length;
    }
    return Done{};
}

Outcome<nlohmann::json> parseStrictJson(std::string_view text, const std::string& source,
                                        const JsonLimits& limits) {
    if (Status checked = checkJsonText(text, source, limits); !checked) return checked.error();
    DuplicateKeys keys;
    using Event = nlohmann::json::parse_event_t;
    const auto watch = [&keys](int, Event event, nlohmann::json& parsed) {
        if (event == Event::object_start) keys.open();
        if (event == Event::object_end) keys.close();
        if (event == Event::key) keys.key(parsed.get_ref<const std::string&>());
        return true;
    };
    try {
        nlohmann::json document = nlohmann::json::parse(text.begin(), text.end(), watch);
        if (keys.first())
            return Error::bad(source + ": the key " + quotedText(*keys.first()) + " is there twice");
        return document;
    } catch (const nlohmann::json::parse_error& problem) {
        return Error::bad(source + ": not valid JSON at byte " + std::to_string(problem.byte));
    } catch (const nlohmann::json::exception&) { // a number beyond the range of a double
        return Error::bad(source + ": a number does not fit");
    }
}

} // namespace qroar
