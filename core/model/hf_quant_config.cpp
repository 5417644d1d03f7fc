#include "core/model/hf_quant_config.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/json_keys.h"
#include "core/model/json_text.h"

#include <algorithm>
#include <cctype>

namespace qroar {

namespace {

constexpr std::size_t maxSideFileBytes = 4u * 1048576;
constexpr int largestGroup = 1 << 24;
constexpr const char* readable = "AWQ GEMM, GPTQ (gptq and gptq_v2) and compressed-tensors pack-quantized";

std::string lowerCase(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// The first of these keys that holds a text, in lower case; empty when none does.
std::string firstText(const KeyReader& keys, std::initializer_list<const char*> names) {
    for (const char* name : names)
        if (const auto text = keys.optionalText(name)) return lowerCase(*text);
    return {};
}

Error notRead(const KeyReader& keys, const char* key, const std::string& value) {
    return Error::unsupported(keys.where() + ": key \"" + key + "\": " + quotedText(value)
                              + " is not read (read are " + readable + ")");
}

/// -1 and null are whole rows.
void addGroup(const KeyReader& keys, const char* key, std::vector<int>& groups) {
    if (const auto size = keys.optionalInteger(key, -1, largestGroup)) groups.push_back(std::max(0, *size));
}

/// Whether "meta": {"quantizer": "gptqmodel:.." or a list with such a text}.
bool writtenByGptqModel(const nlohmann::json& config) {
    const auto meta = config.find("meta");
    if (meta == config.end() || !meta->is_object()) return false;
    const auto quantizer = meta->find("quantizer");
    if (quantizer == meta->end()) return false;
    const auto isGptqModel = [](const nlohmann::json& name) {
        return name.is_string() && startsWith(lowerCase(name.get<std::string>()), "gptqmodel");
    };
    return quantizer->is_array() ? std::any_of(quantizer->begin(), quantizer->end(), isGptqModel)
                                 : isGptqModel(*quantizer);
}

Outcome<HfQuantConfig> readAwq(const KeyReader& keys) {
    for (const char* key : {"version", "checkpoint_format", "format"})
        if (const std::string version = firstText(keys, {key}); !version.empty() && version != "gemm")
            return notRead(keys, key, version);
    if (const std::string backend = firstText(keys, {"backend"}); backend == "llm-awq")
        return notRead(keys, "backend", backend);
    HfQuantConfig config;
    config.format = StoredFormat::AwqGemm;
    for (const char* key : {"bits", "w_bit"})
        if (const nlohmann::json* bits = keys.find(key)) {
            if (*bits != 4)
                return Error::unsupported(keys.where() + ": key \"" + key
                                          + "\": AWQ GEMM stores 4 bits, found " + describeJson(*bits));
            config.bits = {4};
        }
    addGroup(keys, "group_size", config.groups);
    addGroup(keys, "q_group_size", config.groups);
    return config;
}

Outcome<HfQuantConfig> readGptq(const KeyReader& keys, const nlohmann::json& json) {
    std::string version;
    for (const char* key : {"checkpoint_format", "format"}) {
        const std::string text = firstText(keys, {key});
        if (!text.empty() && text != "gptq" && text != "gptq_v2") return notRead(keys, key, text);
        if (version.empty()) version = text;
    }
    if (keys.optionalBool("is_marlin_format").value_or(false))
        return notRead(keys, "is_marlin_format", "true");
    if (const std::string type = firstText(keys, {"pack_dtype"}); !type.empty() && type != "int32")
        return notRead(keys, "pack_dtype", type);
    HfQuantConfig config;
    config.format = StoredFormat::Gptq;
    if (const auto bits = keys.optionalInteger("bits", 2, 8)) {
        if (*bits != 2 && *bits != 3 && *bits != 4 && *bits != 8)
            return Error::unsupported(keys.where()
                                      + ": key \"bits\": GPTQ is read with 2, 3, 4 or 8 bits, found "
                                      + std::to_string(*bits));
        config.bits = {*bits};
    }
    addGroup(keys, "group_size", config.groups);
    config.symmetric = keys.optionalBool("sym").value_or(true);
    config.actOrder = keys.optionalBool("desc_act").value_or(false);
    config.zeros = version == "gptq_v2"       ? GptqZeros::V2
                   : writtenByGptqModel(json) ? GptqZeros::V1Packed
                                              : GptqZeros::V1;
    return config;
}

/// One entry of config_groups. Null or a list of targets under the name of a preset tells nothing that the
/// tensors do not.
Status readCompressedGroup(const std::string& where, const nlohmann::json& group, std::optional<Error>& error,
                           HfQuantConfig& config) {
    if (!group.is_object()) return Done{};
    const KeyReader scheme(&group, where, error);
    if (const std::string format = firstText(scheme, {"format"});
        !format.empty() && format != "pack-quantized")
        return notRead(scheme, "format", format);
    if (scheme.has("input_activations") || scheme.has("output_activations"))
        config.warnings.push_back(where
                                  + ": activations are quantized too; here they are not: only the "
                                    "weights' codes are used");
    const nlohmann::json* stored = scheme.find("weights");
    if (!stored) return Done{};
    const KeyReader weights(stored, where + ": weights", error);
    if (const std::string type = firstText(weights, {"type"}); !type.empty() && type != "int")
        return notRead(weights, "type", type);
    const std::string strategy = firstText(weights, {"strategy"});
    if (!strategy.empty() && strategy != "group" && strategy != "channel")
        return notRead(weights, "strategy", strategy);
    if (const auto bits = weights.optionalInteger("num_bits", 2, 8)) config.bits.push_back(*bits);
    addGroup(weights, "group_size", config.groups);
    const nlohmann::json* order = weights.find("actorder");
    if (order && order->is_string()) {
        const std::string name = lowerCase(order->get<std::string>());
        config.actOrder = config.actOrder || name == "group" || name == "dynamic";
    }
    return Done{};
}

Outcome<HfQuantConfig> readCompressed(const KeyReader& keys, std::optional<Error>& error) {
    const std::string format = firstText(keys, {"format"});
    if (format != "pack-quantized" && format != "mixed-precision")
        return notRead(keys, "format", format.empty() ? "none" : format);
    if (keys.has("transform_config"))
        return Error::unsupported(keys.where() + ": key \"transform_config\": rotated weights are not read");
    if (const nlohmann::json* sparsity = keys.find("sparsity_config"); sparsity && !sparsity->empty()) {
        const KeyReader sparse(sparsity, keys.where() + ": sparsity_config", error);
        if (const std::string kind = firstText(sparse, {"format"}); !kind.empty() && kind != "dense")
            return notRead(sparse, "format", kind);
    }
    HfQuantConfig config;
    config.format = StoredFormat::CompressedPack;
    if (keys.has("kv_cache_scheme"))
        config.warnings.push_back(keys.where() + ": the key/value cache is quantized too; here it is not");
    const nlohmann::json* groups = keys.find("config_groups");
    if (!groups || !groups->is_object()) {
        keys.fail("config_groups", "an object", groups ? describeJson(*groups) : "none");
        return config;
    }
    for (const auto& [name, group] : groups->items())
        if (Status read = readCompressedGroup(keys.where() + ": " + quotedText(name), group, error, config);
            !read)
            return read.error();
    return config;
}

/// The method under its many names; empty when nothing says.
std::string methodOf(const KeyReader& keys) {
    std::string method = firstText(keys, {"quant_method", "method"});
    if (method == "auto-round" || method == "auto_round") {
        const std::string packing = firstText(keys, {"packing_format"});
        if (packing == "auto_round:auto_gptq") return "gptq";
        if (packing == "auto_round:auto_awq") return "awq";
        return method + " with packing_format " + (packing.empty() ? "unknown" : packing);
    }
    if (!method.empty()) return method;
    if (keys.has("config_groups")) return "compressed-tensors";
    if (keys.has("w_bit") || firstText(keys, {"version", "checkpoint_format"}) == "gemm") return "awq";
    if (keys.has("bits") && (keys.has("group_size") || keys.has("desc_act"))) return "gptq";
    return {};
}

struct SideFile {
    std::string name; ///< empty when there is none
    nlohmann::json json;
};

Outcome<SideFile> readSideFile(const std::filesystem::path& folder) {
    for (const char* name : {"quantize_config.json", "quant_config.json"}) {
        std::error_code ignored;
        const auto path = folder / name;
        if (!std::filesystem::exists(path, ignored)) continue;
        const auto text = readFile(path, maxSideFileBytes);
        if (!text) return text.error();
        auto json = parseStrictJson(*text, path.string());
        if (!json) return json.error();
        if (!json->is_object())
            return Error::bad(path.string() + ": expected an object, found " + describeJson(*json));
        return SideFile{name, std::move(*json)};
    }
    return SideFile{};
}

/// Keys of the side file that config.json lacks; says where the two differ.
void complete(nlohmann::json& json, const SideFile& side, const std::string& where,
              std::vector<std::string>& warnings) {
    for (const auto& [key, value] : side.json.items()) {
        const auto known = json.find(key);
        if (known == json.end() || known->is_null()) {
            json[key] = value;
            continue;
        }
        const bool matters =
            key == "bits" || key == "group_size" || key == "sym" || key == "checkpoint_format";
        if (matters && *known != value && !value.is_null())
            warnings.push_back(where + ": " + key + " is " + describeJson(*known) + ", " + side.name
                               + " says " + describeJson(value) + ": the former is used");
    }
}

} // namespace

Outcome<HfQuantConfig> readHfQuantConfig(const nlohmann::json& stored, const std::filesystem::path& folder) {
    std::string where = (folder / "config.json").string() + ": quantization_config";
    if (!stored.is_null() && !stored.is_object())
        return Error::bad(where + ": expected an object, found " + describeJson(stored));
    const auto side = readSideFile(folder);
    if (!side) return side.error();
    if (stored.is_null() && side->name.empty())
        return Error::bad(folder.string()
                          + ": the tensors are quantized, but neither config.json (quantization_config) nor "
                            "quantize_config.json nor quant_config.json says how");
    nlohmann::json json = stored.is_null() ? side->json : stored;
    std::vector<std::string> warnings;
    if (stored.is_null())
        where = (folder / side->name).string();
    else if (!side->name.empty())
        complete(json, *side, where, warnings);

    std::optional<Error> error;
    const KeyReader keys(&json, where, error);
    const std::string method = methodOf(keys);
    if (error) return *error;
    if (method != "awq" && method != "gptq" && method != "compressed-tensors")
        return notRead(keys, "quant_method", method.empty() ? "none" : method);
    auto config = method == "awq"    ? readAwq(keys)
                  : method == "gptq" ? readGptq(keys, json)
                                     : readCompressed(keys, error);
    if (!config) return config;
    if (error) return *error;
    config->warnings.insert(config->warnings.begin(), warnings.begin(), warnings.end());
    return config;
}

} // namespace qroar
