#include "core/text/added_tokens.h"

#include "core/text/bpe.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

namespace qroar {

using nlohmann::json;

namespace {

constexpr std::size_t longestContent = 4096; // keeps the search linear in the text for any file

bool wordBefore(std::string_view text, std::size_t at) {
    return at > 0 && utf8::isWord(utf8::decodeAt(text, utf8::previous(text, at)));
}

bool wordAfter(std::string_view text, std::size_t at) {
    return at < text.size() && utf8::isWord(utf8::decodeAt(text, at));
}

std::size_t spaceStartsBefore(std::string_view text, std::size_t at) {
    while (at > 0) {
        const std::size_t last = utf8::previous(text, at);
        if (!utf8::isWhitespace(utf8::decodeAt(text, last))) break;
        at = last;
    }
    return at;
}

std::size_t spaceEndsAfter(std::string_view text, std::size_t at) {
    while (at < text.size() && utf8::isWhitespace(utf8::decodeAt(text, at))) at += utf8::lengthOf(text[at]);
    return at;
}

Outcome<AddedToken> parseToken(const json& entry, const std::string& where) {
    if (!entry.is_object()) return Error::bad(where + ": expected an object, found " + jsonKind(entry));
    AddedToken token;
    auto id = integerValue(fieldOrNull(entry, "id"), 0, largestTokenId, where + ": \"id\"");
    if (!id) return id.error();
    token.id = static_cast<TokenId>(*id);
    auto content = stringField(entry, "content", "", where);
    if (!content) return content.error();
    if (content->size() > longestContent)
        return Error::bad(where + ": \"content\": expected at most " + std::to_string(longestContent)
                          + " bytes, found " + std::to_string(content->size()));
    token.content = *content;
    auto special = boolField(entry, "special", false, where);
    if (!special) return special.error();
    token.special = *special;
    struct Flag {
        const char* key;
        bool* target;
        bool fallback;
    };
    for (const Flag& flag : {Flag{"single_word", &token.singleWord, false},
                             {"lstrip", &token.leftStrip, false},
                             {"rstrip", &token.rightStrip, false},
                             {"normalized", &token.normalized, !*special}}) {
        auto value = boolField(entry, flag.key, flag.fallback, where);
        if (!value) return value.error();
        *flag.target = *value;
    }
    return token;
}

} // namespace

Outcome<AddedTokens> AddedTokens::parse(const json& list,
                                        const std::function<TokenId(std::string_view)>& find,
                                        const Normalizer& normalizer, const std::string& where) {
    AddedTokens added;
    if (list.is_null()) return added;
    if (!list.is_array()) return Error::bad(where + ": expected an array, found " + jsonKind(list));
    for (const json& entry : list) {
        const std::string place = where + ": entry " + std::to_string(added.tokens_.size());
        auto token = parseToken(entry, place);
        if (!token) return token.error();
        const TokenId known = find(token->content);
        if (known >= 0 && known != token->id)
            return Error::bad(place + ": " + inQuotes(token->content) + " has id " + std::to_string(token->id)
                              + ", but " + std::to_string(known) + " in the vocabulary");
        const auto index = static_cast<int>(added.tokens_.size());
        if (token->normalized)
            added.normalized_.add(normalizer.apply(token->content), index);
        else
            added.raw_.add(token->content, index);
        added.tokens_.push_back(std::move(*token));
    }
    return added;
}

std::vector<AddedTokens::Segment> AddedTokens::split(std::string_view text, bool normalized,
                                                     bool special) const {
    const PrefixTree& tree = normalized ? normalized_ : raw_;
    const auto accepts = [&](int index) {
        return special || !tokens_[static_cast<std::size_t>(index)].special;
    };
    std::vector<Segment> segments;
    std::size_t covered = 0;
    for (std::size_t at = 0; at < text.size() && !tree.empty();) {
        std::size_t end = 0;
        const int index = tree.longestAt(text, at, end, accepts);
        if (index < 0) {
            at += utf8::lengthOf(text[at]);
            continue;
        }
        const AddedToken& token = tokens_[static_cast<std::size_t>(index)];
        std::size_t begin = at;
        at = end;
        if (token.singleWord && (wordBefore(text, begin) || wordAfter(text, end))) continue;
        if (begin < covered) continue; // inside white space that the token before took along
        if (token.leftStrip) begin = std::max(covered, spaceStartsBefore(text, begin));
        if (token.rightStrip) end = spaceEndsAfter(text, end);
        if (begin > covered) segments.push_back({-1, covered, begin});
        segments.push_back({token.id, begin, end});
        covered = end;
    }
    if (covered < text.size()) segments.push_back({-1, covered, text.size()});
    return segments;
}

TokenId AddedTokens::find(std::string_view content) const {
    for (const AddedToken& token : tokens_)
        if (token.content == content) return token.id;
    return -1;
}

} // namespace qroar
