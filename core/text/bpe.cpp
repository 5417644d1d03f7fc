#include "core/text/bpe.h"

#include "core/base/strings.h"
#include "core/text/json_fields.h"
#include "core/text/utf8.h"

#include <nlohmann/json.hpp>

#include <cstdio>

namespace qroar {

using nlohmann::json;

namespace {

std::string byteName(unsigned byte) {
    char buffer[8];
    std::snprintf(buffer, sizeof buffer, "<0x%02X>", byte);
    return buffer;
}

/// "a b" or ["a", "b"].
bool readMerge(const json& entry, std::string& left, std::string& right) {
    if (entry.is_string()) {
        const auto& text = entry.get_ref<const std::string&>();
        const std::size_t space = text.find(' ');
        if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos) return false;
        left = text.substr(0, space);
        right = text.substr(space + 1);
        return true;
    }
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_string())
        return false;
    left = entry[0].get<std::string>();
    right = entry[1].get<std::string>();
    return true;
}

} // namespace

Outcome<BpeModel> BpeModel::parse(const json& model, const std::string& where) {
    if (!model.is_object()) return Error::bad(where + ": expected an object, found " + jsonKind(model));
    auto type = stringField(model, "type", "BPE", where); // early files do not say; merges tell BPE apart
    if (!type) return type.error();
    if (*type != "BPE")
        return Error::unsupported(where + ": type " + inQuotes(*type) + " is not supported, only \"BPE\" is");
    BpeModel bpe;
    if (auto read = bpe.parseVocabulary(fieldOrNull(model, "vocab"), where + ": vocab"); !read)
        return read.error();
    if (auto read = bpe.parseOptions(model, where); !read) return read.error();
    if (auto read = bpe.parseMerges(fieldOrNull(model, "merges"), where + ": merges"); !read)
        return read.error();
    return bpe;
}

Status BpeModel::parseVocabulary(const json& vocabulary, const std::string& where) {
    if (!vocabulary.is_object())
        return Error::bad(where + ": expected an object of token to id, found " + jsonKind(vocabulary));
    if (vocabulary.empty()) return Error::bad(where + ": holds no tokens");
    vocabulary_.reserve(vocabulary.size());
    std::unordered_map<TokenId, std::string_view> seen;
    seen.reserve(vocabulary.size());
    for (const auto& [token, value] : vocabulary.items()) {
        auto id = integerValue(value, 0, largestTokenId, where + ": " + inQuotes(token));
        if (!id) return id.error();
        const auto [other, isNew] = seen.emplace(static_cast<TokenId>(*id), token);
        if (!isNew)
            return Error::bad(where + ": id " + std::to_string(*id) + " is given to both "
                              + inQuotes(other->second) + " and " + inQuotes(token));
        vocabulary_.emplace(token, static_cast<TokenId>(*id));
    }
    return Done{};
}

Status BpeModel::parseOptions(const json& model, const std::string& where) {
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
        auto affix = stringField(model, key, "", where);
        if (!affix) return affix.error();
        if (!affix->empty())
            return Error::unsupported(where + ": " + key + " " + inQuotes(*affix) + " is not supported");
    }
    for (const auto& [key, target] : {std::pair{"fuse_unk", &fuseUnknown_},
                                      {"byte_fallback", &byteFallback_},
                                      {"ignore_merges", &ignoreMerges_}}) {
        auto flag = boolField(model, key, false, where);
        if (!flag) return flag.error();
        *target = *flag;
    }
    auto unknown = stringField(model, "unk_token", "", where);
    if (!unknown) return unknown.error();
    if (!unknown->empty()) {
        unknown_ = find(*unknown);
        if (unknown_ < 0)
            return Error::bad(where + ": unk_token " + inQuotes(*unknown) + " is not in the vocabulary");
    }
    byteTokens_.fill(-1);
    for (unsigned byte = 0; byteFallback_ && byte < 256; ++byte) byteTokens_[byte] = find(byteName(byte));
    return Done{};
}

Status BpeModel::parseMerges(const json& merges, const std::string& where) {
    if (!merges.is_array())
        return Error::bad(where + ": expected an array of pairs, found " + jsonKind(merges));
    merges_.reserve(merges.size());
    std::string left, right;
    std::int32_t rank = 0;
    for (const json& entry : merges) {
        const std::string place = where + ": entry " + std::to_string(rank);
        if (!readMerge(entry, left, right))
            return Error::bad(place + ": expected \"a b\" or [\"a\", \"b\"], found " + jsonKind(entry));
        const TokenId first = find(left), second = find(right), merged = find(left + right);
        if (first < 0 || second < 0 || merged < 0)
            return Error::bad(place + ": "
                              + inQuotes(first < 0    ? left
                                         : second < 0 ? right
                                                      : left + right)
                              + " is not in the vocabulary");
        merges_[key(first, second)] = {rank, merged};
        ++rank;
    }
    return Done{};
}

TokenId BpeModel::find(std::string_view token) const {
    const auto found = vocabulary_.find(token);
    return found == vocabulary_.end() ? -1 : found->second;
}

void BpeModel::appendUnknown(std::string_view character, bool& previousUnknown,
                             std::vector<TokenId>& symbols) const {
    const auto hasByte = [&](char byte) { return byteToken(static_cast<unsigned char>(byte)) >= 0; };
    if (std::all_of(character.begin(), character.end(), hasByte)) {
        for (const char byte : character) symbols.push_back(byteToken(static_cast<unsigned char>(byte)));
        previousUnknown = false;
    } else if (unknown_ >= 0) {
        if (!(previousUnknown && fuseUnknown_)) symbols.push_back(unknown_);
        previousUnknown = true;
    }
}

void BpeModel::encodeWord(std::string_view word, PairMerger& merger, std::vector<TokenId>& ids) const {
    if (ignoreMerges_) {
        if (const TokenId whole = find(word); whole >= 0) {
            ids.push_back(whole);
            return;
        }
    }
    std::vector<TokenId> symbols;
    symbols.reserve(word.size());
    bool previousUnknown = false;
    for (std::size_t at = 0; at < word.size();) {
        const std::string_view character = word.substr(at, utf8::lengthOf(word[at]));
        at += character.size();
        if (const TokenId id = find(character); id >= 0) {
            symbols.push_back(id);
            previousUnknown = false;
        } else {
            appendUnknown(character, previousUnknown, symbols);
        }
    }
    merger.run(symbols, [this](TokenId left, TokenId right) -> PairMerger::Pair {
        const auto found = merges_.find(key(left, right));
        if (found == merges_.end()) return {};
        return {static_cast<double>(found->second.rank), found->second.merged};
    });
    ids.insert(ids.end(), symbols.begin(), symbols.end());
}

} // namespace qroar
