#include "core/text/post_processor.h"

#include "core/base/files.h"
#include "core/text/bpe.h"
#include "core/text/json_fields.h"

#include <nlohmann/json.hpp>

namespace qroar {

using nlohmann::json;

namespace {

constexpr int deepestSequence = 8;
constexpr std::size_t largestConfig = 64U << 20;

Outcome<TokenId> onlyId(const json& value, const std::string& where) {
    auto id = integerValue(value, 0, largestTokenId, where);
    if (!id) return id.error();
    return static_cast<TokenId>(*id);
}

Outcome<TokenId> bosOfTemplate(const json& description, const std::string& where) {
    const json& single = fieldOrNull(description, "single");
    if (!single.is_array())
        return Error::bad(where + ": \"single\": expected an array, found " + jsonKind(single));
    TokenId bos = -1;
    bool hasText = false;
    for (const json& part : single) {
        hasText = fieldOrNull(part, "Sequence").is_object();
        if (hasText) break;
        auto name = stringField(fieldOrNull(part, "SpecialToken"), "id", "", where + ": single");
        if (!name) return name.error();
        const json& token = fieldOrNull(fieldOrNull(description, "special_tokens"), name->c_str());
        const json& ids = fieldOrNull(token, "ids");
        if (!ids.is_array() || ids.empty())
            return Error::bad(where + ": special_tokens: " + inQuotes(*name) + ": expected ids");
        if (ids.size() > 1 || bos >= 0)
            return Error::unsupported(where + ": more than one token in front of a text is not supported");
        auto id = onlyId(ids[0], where + ": special_tokens: " + inQuotes(*name));
        if (!id) return id.error();
        bos = *id;
    }
    if (!hasText) return Error::bad(where + ": \"single\": holds no Sequence");
    return bos;
}

/// BertProcessing and RobertaProcessing: "cls": ["<s>", 0].
Outcome<TokenId> bosOfPair(const json& description, const std::string& where) {
    const json& pair = fieldOrNull(description, "cls");
    if (!pair.is_array() || pair.size() != 2)
        return Error::bad(where + ": \"cls\": expected [token, id], found " + jsonKind(pair));
    return onlyId(pair[1], where + ": \"cls\"");
}

Outcome<TokenId> bosOfStep(const json& description, const std::string& where, int depth);

Outcome<TokenId> bosOfSequence(const json& description, const std::string& where, int depth) {
    const json& list = fieldOrNull(description, "processors");
    if (!list.is_array())
        return Error::bad(where + ": \"processors\": expected an array, found " + jsonKind(list));
    if (depth >= deepestSequence) return Error::bad(where + ": sequences are nested too deeply");
    TokenId bos = -1;
    for (const json& entry : list) {
        auto step = bosOfStep(entry, where, depth + 1);
        if (!step) return step.error();
        if (*step >= 0 && bos >= 0)
            return Error::unsupported(where + ": more than one token in front of a text is not supported");
        if (*step >= 0) bos = *step;
    }
    return bos;
}

Outcome<TokenId> bosOfStep(const json& description, const std::string& where, int depth) {
    if (description.is_null()) return TokenId{-1};
    if (!description.is_object())
        return Error::bad(where + ": expected an object, found " + jsonKind(description));
    auto type = stringField(description, "type", "", where);
    if (!type) return type.error();
    const std::string place = where + " " + *type;
    if (*type == "ByteLevel") return TokenId{-1}; // only moves offsets
    if (*type == "TemplateProcessing") return bosOfTemplate(description, place);
    if (*type == "BertProcessing" || *type == "RobertaProcessing") return bosOfPair(description, place);
    if (*type == "Sequence") return bosOfSequence(description, place, depth);
    return Error::unsupported(where + ": type " + inQuotes(*type) + " is not supported");
}

} // namespace

Outcome<TokenId> parseBos(const json& postProcessor, const std::string& where) {
    return bosOfStep(postProcessor, where, 0);
}

Outcome<TokenId> bosOfTokenizerConfig(const std::filesystem::path& file,
                                      const std::function<TokenId(std::string_view)>& find) {
    auto text = readFile(file, largestConfig);
    if (!text) {
        if (text.error().code == ErrorCode::NotFound) return TokenId{-1};
        return text.error();
    }
    auto config = parseJson(*text, file.string());
    if (!config) return config.error();
    auto adds = boolField(*config, "add_bos_token", false, file.string());
    if (!adds) return adds.error();
    if (!*adds) return TokenId{-1};
    const json& bos = fieldOrNull(*config, "bos_token");
    const json& name = bos.is_object() ? fieldOrNull(bos, "content") : bos;
    if (!name.is_string())
        return Error::bad(file.string() + ": add_bos_token is true, but \"bos_token\" is " + jsonKind(name));
    const TokenId id = find(name.get_ref<const std::string&>());
    if (id < 0)
        return Error::bad(file.string() + ": bos_token " + inQuotes(name.get<std::string>())
                          + " is not a token of the tokenizer.json beside it");
    return id;
}

} // namespace qroar
