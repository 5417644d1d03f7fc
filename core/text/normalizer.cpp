#include "core/text/normalizer.h"

#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>
#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <vector>

namespace qroar {

using nlohmann::json;

namespace {

using Parsed = Outcome<std::shared_ptr<const Normalizer>>;
constexpr int deepestSequence = 8;

class NothingNormalizer final : public Normalizer {
  public:
    [[nodiscard]] std::string apply(std::string text) const override { return text; }
};

/// The normal forms of Unicode standard annex 15.
class UnicodeForm final : public Normalizer {
  public:
    explicit UnicodeForm(int options) : options_(options | UTF8PROC_STABLE) {}
    [[nodiscard]] std::string apply(std::string text) const override {
        const auto isAscii = [](char byte) { return static_cast<unsigned char>(byte) < 0x80; };
        if (std::all_of(text.begin(), text.end(), isAscii)) return text;
        utf8proc_uint8_t* mapped = nullptr;
        const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                   static_cast<utf8proc_ssize_t>(text.size()), &mapped,
                                                   static_cast<utf8proc_option_t>(options_));
        const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
        if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
        if (size < 0)
            throw std::runtime_error(std::string("Unicode normalization: ") + utf8proc_errmsg(size));
        return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
    }

  private:
    int options_;
};

/// Character by character, without context; only U+0130 has two characters as its lower case.
class Lowercase final : public Normalizer {
  public:
    [[nodiscard]] std::string apply(std::string text) const override {
        std::string lower;
        lower.reserve(text.size());
        for (std::size_t at = 0; at < text.size(); at += utf8::lengthOf(text[at])) {
            const char32_t c = utf8::decodeAt(text, at);
            utf8::append(lower, c == 0x130 ? U'i'
                                           : static_cast<char32_t>(
                                               utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
            if (c == 0x130) utf8::append(lower, 0x307);
        }
        return lower;
    }
};

class StripSpace final : public Normalizer {
  public:
    StripSpace(bool left, bool right) : left_(left), right_(right) {}
    [[nodiscard]] std::string apply(std::string text) const override {
        std::size_t begin = 0, end = text.size();
        while (left_ && begin < end && utf8::isWhitespace(utf8::decodeAt(text, begin)))
            begin += utf8::lengthOf(text[begin]);
        while (right_ && end > begin) {
            const std::size_t last = utf8::previous(text, end);
            if (!utf8::isWhitespace(utf8::decodeAt(text, last))) break;
            end = last;
        }
        return text.substr(begin, end - begin);
    }

  private:
    bool left_, right_;
};

class PrependText final : public Normalizer {
  public:
    explicit PrependText(std::string prefix) : prefix_(std::move(prefix)) {}
    [[nodiscard]] std::string apply(std::string text) const override {
        return text.empty() ? text : prefix_ + text;
    }

  private:
    std::string prefix_;
};

class ReplaceText final : public Normalizer {
  public:
    ReplaceText(Pattern pattern, std::string content)
        : pattern_(std::move(pattern)), content_(std::move(content)) {}
    [[nodiscard]] std::string apply(std::string text) const override {
        std::vector<Stretch> stretches;
        pattern_.findAll(text, stretches);
        std::string replaced;
        replaced.reserve(text.size());
        for (const Stretch& stretch : stretches) {
            if (stretch.isMatch)
                replaced += content_;
            else
                replaced.append(text, stretch.begin, stretch.end - stretch.begin);
        }
        return replaced;
    }

  private:
    Pattern pattern_;
    std::string content_;
};

class NormalizerSequence final : public Normalizer {
  public:
    explicit NormalizerSequence(std::vector<std::shared_ptr<const Normalizer>> steps)
        : steps_(std::move(steps)) {}
    [[nodiscard]] std::string apply(std::string text) const override {
        for (const auto& step : steps_) text = step->apply(std::move(text));
        return text;
    }

  private:
    std::vector<std::shared_ptr<const Normalizer>> steps_;
};

template<class T, class... Arguments>
Parsed make(Arguments&&... arguments) {
    return std::shared_ptr<const Normalizer>(std::make_shared<T>(std::forward<Arguments>(arguments)...));
}

Parsed parseStrip(const json& description, const std::string& where) {
    auto left = boolField(description, "strip_left", true, where);
    if (!left) return left.error();
    auto right = boolField(description, "strip_right", true, where);
    if (!right) return right.error();
    return make<StripSpace>(*left, *right);
}

Parsed parseReplace(const json& description, const std::string& where) {
    auto pattern = Pattern::parse(fieldOrNull(description, "pattern"), where + ": pattern");
    if (!pattern) return pattern.error();
    auto content = stringField(description, "content", "", where);
    if (!content) return content.error();
    return make<ReplaceText>(*pattern, *content);
}

Parsed parseStep(const json& description, const std::string& where, int depth);

Parsed parseSequence(const json& description, const std::string& where, int depth) {
    const json& list = fieldOrNull(description, "normalizers");
    if (!list.is_array())
        return Error::bad(where + ": \"normalizers\": expected an array, found " + jsonKind(list));
    if (depth >= deepestSequence) return Error::bad(where + ": sequences are nested too deeply");
    std::vector<std::shared_ptr<const Normalizer>> steps;
    for (const json& entry : list) {
        auto step = parseStep(entry, where, depth + 1);
        if (!step) return step.error();
        steps.push_back(*step);
    }
    return make<NormalizerSequence>(std::move(steps));
}

Parsed parseStep(const json& description, const std::string& where, int depth) {
    if (description.is_null()) return make<NothingNormalizer>();
    if (!description.is_object())
        return Error::bad(where + ": expected an object, found " + jsonKind(description));
    auto type = stringField(description, "type", "", where);
    if (!type) return type.error();
    const std::string place = where + " " + *type;
    if (*type == "NFC") return make<UnicodeForm>(UTF8PROC_COMPOSE);
    if (*type == "NFD") return make<UnicodeForm>(UTF8PROC_DECOMPOSE);
    if (*type == "NFKC") return make<UnicodeForm>(UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
    if (*type == "NFKD") return make<UnicodeForm>(UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT);
    if (*type == "Lowercase") return make<Lowercase>();
    if (*type == "Strip") return parseStrip(description, place);
    if (*type == "Replace") return parseReplace(description, place);
    if (*type == "Sequence") return parseSequence(description, place, depth);
    if (*type == "Prepend") {
        auto prefix = stringField(description, "prepend", "", place);
        if (!prefix) return prefix.error();
        return make<PrependText>(*prefix);
    }
    return Error::unsupported(where + ": type " + inQuotes(*type) + " is not supported");
}

} // namespace

Parsed parseNormalizer(const json& description, const std::string& where) {
    return parseStep(description, where, 0);
}

} // namespace qroar
