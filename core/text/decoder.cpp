#include "core/text/decoder.h"

#include "core/text/byte_alphabet.h"
#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/pre_tokenizer.h"

#include <nlohmann/json.hpp>

namespace qroar {

using nlohmann::json;

namespace {

using Parsed = Outcome<std::shared_ptr<const Decoder>>;
constexpr int deepestSequence = 8;
constexpr long long longestStrip = 1024;

/// Tokens of words that were split at spaces.
class JoinWithSpaces final : public Decoder {
  public:
    void apply(std::vector<DecodedToken>& tokens) const override {
        for (std::size_t index = 1; index < tokens.size(); ++index) tokens[index].text.insert(0, 1, ' ');
    }
};

class ByteLevelDecoder final : public Decoder {
  public:
    void apply(std::vector<DecodedToken>& tokens) const override {
        std::string bytes;
        for (DecodedToken& token : tokens)
            if (!token.literal && symbolsToBytes(token.text, bytes)) token.text = bytes;
    }
};

class MetaspaceDecoder final : public Decoder {
  public:
    explicit MetaspaceDecoder(const MetaspaceOptions& options)
        : mark_(options.replacement), stripsFirst_(options.prepend != MetaspaceOptions::Prepend::Never) {}
    void apply(std::vector<DecodedToken>& tokens) const override {
        for (std::size_t index = 0; index < tokens.size(); ++index) {
            std::string& text = tokens[index].text;
            if (index == 0 && stripsFirst_ && text.starts_with(mark_)) text.erase(0, mark_.size());
            for (std::size_t at = text.find(mark_); at != std::string::npos; at = text.find(mark_, at + 1))
                text.replace(at, mark_.size(), " ");
        }
    }

  private:
    std::string mark_;
    bool stripsFirst_;
};

class ReplaceDecoder final : public Decoder {
  public:
    ReplaceDecoder(Pattern pattern, std::string content)
        : pattern_(std::move(pattern)), content_(std::move(content)) {}
    void apply(std::vector<DecodedToken>& tokens) const override {
        std::vector<Stretch> stretches;
        for (DecodedToken& token : tokens) {
            pattern_.findAll(token.text, stretches);
            std::string replaced;
            for (const Stretch& stretch : stretches)
                replaced += stretch.isMatch ? content_
                                            : token.text.substr(stretch.begin, stretch.end - stretch.begin);
            token.text = std::move(replaced);
        }
    }

  private:
    Pattern pattern_;
    std::string content_;
};

class ByteFallbackDecoder final : public Decoder {
  public:
    void apply(std::vector<DecodedToken>& tokens) const override {
        for (DecodedToken& token : tokens) {
            const std::string& text = token.text;
            if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') continue;
            if (text.find_first_not_of("0123456789abcdefABCDEF", 3) != 5) continue;
            token.text = std::string(1, static_cast<char>(std::stoi(text.substr(3, 2), nullptr, 16)));
        }
    }
};

class FuseDecoder final : public Decoder {
  public:
    void apply(std::vector<DecodedToken>& tokens) const override {
        DecodedToken fused;
        for (const DecodedToken& token : tokens) fused.text += token.text;
        tokens.assign(1, fused);
    }
};

/// Takes at most `start` times `content` from the front of every token and `stop` times from its end.
class StripDecoder final : public Decoder {
  public:
    StripDecoder(std::string content, long long start, long long stop)
        : content_(std::move(content)), start_(start), stop_(stop) {}
    void apply(std::vector<DecodedToken>& tokens) const override {
        for (DecodedToken& token : tokens) {
            std::string_view text = token.text;
            for (long long count = 0; count < start_ && text.starts_with(content_); ++count)
                text.remove_prefix(content_.size());
            for (long long count = 0; count < stop_ && text.ends_with(content_); ++count)
                text.remove_suffix(content_.size());
            token.text = std::string(text);
        }
    }

  private:
    std::string content_;
    long long start_, stop_;
};

class DecoderSequence final : public Decoder {
  public:
    explicit DecoderSequence(std::vector<std::shared_ptr<const Decoder>> steps) : steps_(std::move(steps)) {}
    void apply(std::vector<DecodedToken>& tokens) const override {
        for (const auto& step : steps_) step->apply(tokens);
    }

  private:
    std::vector<std::shared_ptr<const Decoder>> steps_;
};

template<class T, class... Arguments>
Parsed make(Arguments&&... arguments) {
    return std::shared_ptr<const Decoder>(std::make_shared<T>(std::forward<Arguments>(arguments)...));
}

Parsed parseReplace(const json& description, const std::string& where) {
    const json& pattern = fieldOrNull(description, "pattern");
    if (fieldOrNull(pattern, "Regex").is_string()) // tokens may hold bytes that no expression can read
        return Error::unsupported(where + ": a regular expression is not supported here");
    auto literal = Pattern::parse(pattern, where + ": pattern");
    if (!literal) return literal.error();
    auto content = stringField(description, "content", "", where);
    if (!content) return content.error();
    return make<ReplaceDecoder>(*literal, *content);
}

Parsed parseStrip(const json& description, const std::string& where) {
    auto content = stringField(description, "content", " ", where);
    if (!content) return content.error();
    if (content->empty()) return Error::bad(where + ": \"content\": expected one character, found none");
    auto start = integerValue(fieldOrNull(description, "start"), 0, longestStrip, where + ": \"start\"");
    if (!start) return start.error();
    auto stop = integerValue(fieldOrNull(description, "stop"), 0, longestStrip, where + ": \"stop\"");
    if (!stop) return stop.error();
    return make<StripDecoder>(*content, *start, *stop);
}

Parsed parseStep(const json& description, const std::string& where, int depth);

Parsed parseSequence(const json& description, const std::string& where, int depth) {
    const json& list = fieldOrNull(description, "decoders");
    if (!list.is_array())
        return Error::bad(where + ": \"decoders\": expected an array, found " + jsonKind(list));
    if (depth >= deepestSequence) return Error::bad(where + ": sequences are nested too deeply");
    std::vector<std::shared_ptr<const Decoder>> steps;
    for (const json& entry : list) {
        auto step = parseStep(entry, where, depth + 1);
        if (!step) return step.error();
        steps.push_back(*step);
    }
    return make<DecoderSequence>(std::move(steps));
}

Parsed parseStep(const json& description, const std::string& where, int depth) {
    if (description.is_null()) return make<JoinWithSpaces>();
    if (!description.is_object())
        return Error::bad(where + ": expected an object, found " + jsonKind(description));
    auto type = stringField(description, "type", "", where);
    if (!type) return type.error();
    const std::string place = where + " " + *type;
    if (*type == "ByteLevel") return make<ByteLevelDecoder>();
    if (*type == "ByteFallback") return make<ByteFallbackDecoder>();
    if (*type == "Fuse") return make<FuseDecoder>();
    if (*type == "Replace") return parseReplace(description, place);
    if (*type == "Strip") return parseStrip(description, place);
    if (*type == "Sequence") return parseSequence(description, place, depth);
    if (*type == "Metaspace") {
        auto options = MetaspaceOptions::parse(description, place);
        if (!options) return options.error();
        return make<MetaspaceDecoder>(*options);
    }
    return Error::unsupported(where + ": type " + inQuotes(*type) + " is not supported");
}

} // namespace

Parsed parseDecoder(const json& description, const std::string& where) {
    return parseStep(description, where, 0);
}

} // namespace qroar
