#include "core/text/pre_tokenizer.h"

#include "core/text/byte_alphabet.h"
#include "core/text/json_fields.h"
#include "core/text/pattern.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <optional>

namespace qroar {

using nlohmann::json;

namespace {

using Parsed = Outcome<std::shared_ptr<const PreTokenizer>>;
constexpr int deepestSequence = 8;

/// The word pattern of GPT-2, as published with its encoder.
constexpr const char* gpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

/// What becomes of the matches of a pattern (the names of the tokenizer.json format).
enum class Behavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

/// From stretches that cover a text to the ones to keep, in place.
void applyBehavior(Behavior behavior, std::vector<Stretch>& stretches) {
    std::vector<Stretch> kept;
    kept.reserve(stretches.size());
    bool previousMatched = false;
    const auto fold = [&](const Stretch& stretch, bool joins, bool backwards) {
        if (joins && !kept.empty()) {
            (backwards ? kept.back().begin : kept.back().end) = backwards ? stretch.begin : stretch.end;
        } else {
            kept.push_back(stretch);
        }
        previousMatched = stretch.isMatch;
    };
    switch (behavior) {
    case Behavior::Isolated:
        return;
    case Behavior::Removed:
        std::erase_if(stretches, [](const Stretch& stretch) { return stretch.isMatch; });
        return;
    case Behavior::Contiguous:
        for (const Stretch& stretch : stretches) fold(stretch, stretch.isMatch == previousMatched, false);
        break;
    case Behavior::MergedWithPrevious:
        for (const Stretch& stretch : stretches) fold(stretch, stretch.isMatch && !previousMatched, false);
        break;
    case Behavior::MergedWithNext:
        for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch)
            fold(*stretch, stretch->isMatch && !previousMatched, true);
        std::reverse(kept.begin(), kept.end());
        break;
    }
    stretches = std::move(kept);
}

/// Cuts every piece at the stretches that `find(text, stretches)` gives for it.
template<class Find>
void cutPieces(std::vector<Piece>& pieces, Behavior behavior, const Find& find) {
    std::vector<Piece> cut;
    std::vector<Stretch> stretches;
    for (const Piece& piece : pieces) {
        find(piece.text, stretches);
        applyBehavior(behavior, stretches);
        for (const Stretch& stretch : stretches)
            if (stretch.end > stretch.begin)
                cut.push_back({piece.text.substr(stretch.begin, stretch.end - stretch.begin),
                               piece.atStart && stretch.begin == 0});
    }
    pieces = std::move(cut);
}

/// Every character for which `isMatch(code point)` holds is a match of its own.
template<class IsMatch>
void findCharacters(std::string_view text, std::vector<Stretch>& stretches, const IsMatch& isMatch) {
    stretches.clear();
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = at + utf8::lengthOf(text[at]);
        const bool matches = isMatch(utf8::decodeAt(text, at));
        if (!matches && !stretches.empty() && !stretches.back().isMatch)
            stretches.back().end = end;
        else
            stretches.push_back({at, end, matches});
        at = end;
    }
}

class WholeText final : public PreTokenizer {
  public:
    void apply(std::vector<Piece>&) const override {}
};

class ByteLevel final : public PreTokenizer {
  public:
    ByteLevel(bool addPrefixSpace, std::optional<Regex> words)
        : addPrefixSpace_(addPrefixSpace), words_(std::move(words)) {}
    void apply(std::vector<Piece>& pieces) const override {
        if (addPrefixSpace_)
            for (Piece& piece : pieces)
                if (!piece.text.starts_with(' ')) piece.text.insert(0, 1, ' ');
        if (words_)
            cutPieces(pieces, Behavior::Isolated,
                      [&](std::string_view text, std::vector<Stretch>& stretches) {
                          words_->findAll(text, stretches);
                      });
        for (Piece& piece : pieces) piece.text = bytesToSymbols(piece.text);
    }
    [[nodiscard]] bool isByteLevel() const override { return true; }

  private:
    bool addPrefixSpace_;
    std::optional<Regex> words_;
};

class Split final : public PreTokenizer {
  public:
    Split(Pattern pattern, Behavior behavior, bool invert)
        : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
    void apply(std::vector<Piece>& pieces) const override {
        cutPieces(pieces, behavior_, [&](std::string_view text, std::vector<Stretch>& stretches) {
            pattern_.findAll(text, stretches);
            if (invert_)
                for (Stretch& stretch : stretches) stretch.isMatch = !stretch.isMatch;
        });
    }

  private:
    Pattern pattern_;
    Behavior behavior_;
    bool invert_;
};

/// Digits and Punctuation: characters of one class.
class CharacterSplit final : public PreTokenizer {
  public:
    CharacterSplit(bool (*isMatch)(char32_t), Behavior behavior) : isMatch_(isMatch), behavior_(behavior) {}
    void apply(std::vector<Piece>& pieces) const override {
        cutPieces(pieces, behavior_, [&](std::string_view text, std::vector<Stretch>& stretches) {
            findCharacters(text, stretches, isMatch_);
        });
    }

  private:
    bool (*isMatch_)(char32_t);
    Behavior behavior_;
};

class Metaspace final : public PreTokenizer {
  public:
    explicit Metaspace(MetaspaceOptions options)
        : options_(std::move(options)), mark_(Pattern::literal(options_.replacement)) {}
    void apply(std::vector<Piece>& pieces) const override {
        for (Piece& piece : pieces) {
            piece.text = marked(piece.text);
            const bool wanted = options_.prepend == MetaspaceOptions::Prepend::Always
                                || (options_.prepend == MetaspaceOptions::Prepend::First && piece.atStart);
            if (wanted && !piece.text.starts_with(options_.replacement))
                piece.text.insert(0, options_.replacement);
        }
        if (options_.split)
            cutPieces(pieces, Behavior::MergedWithNext,
                      [&](std::string_view text, std::vector<Stretch>& stretches) {
                          mark_.findAll(text, stretches);
                      });
    }

  private:
    [[nodiscard]] std::string marked(std::string_view text) const {
        std::string result;
        result.reserve(text.size() + text.size() / 4);
        for (const char byte : text) {
            if (byte == ' ')
                result += options_.replacement;
            else
                result += byte;
        }
        return result;
    }

    MetaspaceOptions options_;
    Pattern mark_;
};

class PreTokenizerSequence final : public PreTokenizer {
  public:
    explicit PreTokenizerSequence(std::vector<std::shared_ptr<const PreTokenizer>> steps)
        : steps_(std::move(steps)) {}
    void apply(std::vector<Piece>& pieces) const override {
        for (const auto& step : steps_) step->apply(pieces);
    }
    [[nodiscard]] bool isByteLevel() const override {
        return std::any_of(steps_.begin(), steps_.end(),
                           [](const auto& step) { return step->isByteLevel(); });
    }

  private:
    std::vector<std::shared_ptr<const PreTokenizer>> steps_;
};

template<class T, class... Arguments>
Parsed make(Arguments&&... arguments) {
    return std::shared_ptr<const PreTokenizer>(std::make_shared<T>(std::forward<Arguments>(arguments)...));
}

Outcome<Behavior> parseBehavior(const json& description, const char* fallback, const std::string& where) {
    auto name = stringField(description, "behavior", fallback, where);
    if (!name) return name.error();
    if (*name == "Removed") return Behavior::Removed;
    if (*name == "Isolated") return Behavior::Isolated;
    if (*name == "MergedWithPrevious") return Behavior::MergedWithPrevious;
    if (*name == "MergedWithNext") return Behavior::MergedWithNext;
    if (*name == "Contiguous") return Behavior::Contiguous;
    return Error::unsupported(where + ": behavior " + inQuotes(*name) + " is not supported");
}

Parsed parseByteLevel(const json& description, const std::string& where) {
    auto prefix = boolField(description, "add_prefix_space", true, where);
    if (!prefix) return prefix.error();
    auto useRegex = boolField(description, "use_regex", true, where);
    if (!useRegex) return useRegex.error();
    std::optional<Regex> words;
    if (*useRegex) {
        auto regex = Regex::compile(gpt2Pattern, where);
        if (!regex) return regex.error();
        words = *regex;
    }
    return make<ByteLevel>(*prefix, std::move(words));
}

Parsed parseSplit(const json& description, const std::string& where) {
    auto pattern = Pattern::parse(fieldOrNull(description, "pattern"), where + ": pattern");
    if (!pattern) return pattern.error();
    auto behavior = parseBehavior(description, "", where);
    if (!behavior) return behavior.error();
    auto invert = boolField(description, "invert", false, where);
    if (!invert) return invert.error();
    return make<Split>(*pattern, *behavior, *invert);
}

Parsed parseDigits(const json& description, const std::string& where) {
    auto individual = boolField(description, "individual_digits", false, where);
    if (!individual) return individual.error();
    return make<CharacterSplit>(&utf8::isNumber, *individual ? Behavior::Isolated : Behavior::Contiguous);
}

Parsed parsePunctuation(const json& description, const std::string& where) {
    auto behavior = parseBehavior(description, "Isolated", where);
    if (!behavior) return behavior.error();
    return make<CharacterSplit>(&utf8::isPunctuation, *behavior);
}

Parsed parseDelimiter(const json& description, const std::string& where) {
    auto delimiter = stringField(description, "delimiter", "", where);
    if (!delimiter) return delimiter.error();
    if (delimiter->empty()) return Error::bad(where + ": \"delimiter\": expected one character, found none");
    return make<Split>(Pattern::literal(*delimiter), Behavior::Removed, false);
}

/// Words and runs of other visible characters, the spaces between them removed.
Parsed parseWhitespace(const std::string& where) {
    auto regex = Regex::compile(R"(\w+|[^\w\s]+)", where);
    if (!regex) return regex.error();
    return make<Split>(Pattern::regex(*regex), Behavior::Removed, true);
}

Parsed parseStep(const json& description, const std::string& where, int depth);

Parsed parseSequence(const json& description, const std::string& where, int depth) {
    const json& list = fieldOrNull(description, "pretokenizers");
    if (!list.is_array())
        return Error::bad(where + ": \"pretokenizers\": expected an array, found " + jsonKind(list));
    if (depth >= deepestSequence) return Error::bad(where + ": sequences are nested too deeply");
    std::vector<std::shared_ptr<const PreTokenizer>> steps;
    for (const json& entry : list) {
        auto step = parseStep(entry, where, depth + 1);
        if (!step) return step.error();
        if (!steps.empty() && steps.back()->isByteLevel())
            return Error::unsupported(where + ": a step after ByteLevel is not supported");
        steps.push_back(*step);
    }
    return make<PreTokenizerSequence>(std::move(steps));
}

Parsed parseStep(const json& description, const std::string& where, int depth) {
    if (description.is_null()) return make<WholeText>();
    if (!description.is_object())
        return Error::bad(where + ": expected an object, found " + jsonKind(description));
    auto type = stringField(description, "type", "", where);
    if (!type) return type.error();
    const std::string place = where + " " + *type;
    if (*type == "ByteLevel") return parseByteLevel(description, place);
    if (*type == "Split") return parseSplit(description, place);
    if (*type == "Digits") return parseDigits(description, place);
    if (*type == "Punctuation") return parsePunctuation(description, place);
    if (*type == "Whitespace") return parseWhitespace(place);
    if (*type == "WhitespaceSplit") return make<CharacterSplit>(&utf8::isWhitespace, Behavior::Removed);
    if (*type == "CharDelimiterSplit") return parseDelimiter(description, place);
    if (*type == "Sequence") return parseSequence(description, place, depth);
    if (*type == "Metaspace") {
        auto options = MetaspaceOptions::parse(description, place);
        if (!options) return options.error();
        return make<Metaspace>(*options);
    }
    return Error::unsupported(where + ": type " + inQuotes(*type) + " is not supported");
}

} // namespace

Outcome<MetaspaceOptions> MetaspaceOptions::parse(const json& description, const std::string& where) {
    MetaspaceOptions options;
    auto replacement = stringField(description, "replacement", "\xE2\x96\x81", where);
    if (!replacement) return replacement.error();
    if (replacement->empty() || utf8::lengthOf((*replacement)[0]) != replacement->size())
        return Error::bad(where + ": \"replacement\": expected one character");
    options.replacement = *replacement;
    auto addPrefix = boolField(description, "add_prefix_space", true, where); // files before prepend_scheme
    if (!addPrefix) return addPrefix.error();
    auto scheme = stringField(description, "prepend_scheme", *addPrefix ? "always" : "never", where);
    if (!scheme) return scheme.error();
    if (*scheme == "first")
        options.prepend = Prepend::First;
    else if (*scheme == "always")
        options.prepend = Prepend::Always;
    else if (*scheme == "never")
        options.prepend = Prepend::Never;
    else
        return Error::unsupported(where + ": prepend_scheme " + inQuotes(*scheme) + " is not supported");
    if (!*addPrefix && options.prepend != Prepend::Never)
        return Error::bad(where + ": add_prefix_space is false, but prepend_scheme is " + inQuotes(*scheme)
                          + "");
    auto split = boolField(description, "split", true, where);
    if (!split) return split.error();
    options.split = *split;
    return options;
}

Parsed parsePreTokenizer(const json& description, const std::string& where) {
    return parseStep(description, where, 0);
}

} // namespace qroar
