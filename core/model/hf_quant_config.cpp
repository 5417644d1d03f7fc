#include "core/model/hf_quant_config.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/model/json_keys.h"
#include "core/model/json_text.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

namespace qroar {

namespace {

constexpr std::size_t maxSideFileBytes = 4u * 1048576;
constexpr int largestGroup = 1 << 24;
constexpr const char* readable =
    "AWQ GEMM, GPTQ (gptq and gptq_v2), FP8 and compressed-tensors (pack-quantized, "
    "int-quantized, float-quantized, naive-quantized)";

/// Why a method or a format that people have is not read.
struct Refusal {
    const char* name;
    const char* reason;
};
constexpr Refusal refusals[] = {
    {"bitsandbytes", "its blocks run over the flattened weights and its scales may be quantized again"},
    {"aqlm", "its weights are sums of codebook vectors"},
    {"vptq", "its weights are codebook vectors"},
    {"quip", "its weights are rotated lattice codes"},
    {"hqq", "its zero points are floats and its groups lie along either axis"},
    {"eetq", "its codes are permuted for one kernel"},
    {"quanto", "its codes are packed tensors of PyTorch"},
    {"torchao", "its codes are packed tensors of PyTorch"},
    {"higgs", "its weights are rotated grid vectors"},
    {"spqr", "its outliers are stored apart, sparse"},
    {"bitnet", "its layers compute with ternary weights and 8-bit activations"},
    {"mxfp4", "4-bit floats with power-of-two block scales"},
    {"modelopt", "its layouts (FP8 and NVFP4) are not told apart by the tensors alone"},
    {"quark", "it quantizes activations too, with scales of its own"},
    {"marlin", "its codes and scales are permuted for one kernel"},
    {"marlin-24", "2:4 sparse weights, permuted for one kernel"},
    {"sparse-24-bitmask", "2:4 sparse weights"},
    {"sparse-bitmask", "sparse weights"},
    {"nvfp4-pack-quantized", "4-bit floats with FP8 block scales and a global one"},
    {"mxfp4-pack-quantized", "4-bit floats with power-of-two block scales"},
    {"mxfp8-quantized", "FP8 with power-of-two block scales"},
    {"gemv", "packed along the inputs for one kernel"},
    {"gemv_fast", "interleaved 16-bit words for one kernel"},
    {"gptq_p", "planar words for 5 to 7 bits"},
};

std::string reasonFor(const std::string& value) {
    for (const Refusal& refusal : refusals)
        if (value == refusal.name) return std::string(": ") + refusal.reason;
    return {};
}

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
    return Error::unsupported(keys.where() + ": key \"" + key + "\": " + quotedText(value) + " is not read"
                              + reasonFor(value) + " (read are " + readable + ")");
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
    config.method = QuantMethod::Awq;
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
    config.method = QuantMethod::Gptq;
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

constexpr const char* unquantizedActivations =
    ": activations are quantized too; here they are not: only the weights' codes are used";

/// [rows, columns] or "128x128" under `key`, when it is there.
void addBlock(const KeyReader& keys, const char* key, std::vector<BlockSize>& blocks) {
    const nlohmann::json* stored = keys.find(key);
    if (!stored) return;
    BlockSize block;
    const auto side = [](const nlohmann::json& value) {
        const bool whole = value.is_number_integer() && value >= 1 && value <= largestGroup;
        return whole ? value.get<int>() : 0;
    };
    if (stored->is_array() && stored->size() == 2) {
        block = {side((*stored)[0]), side((*stored)[1])};
    } else if (stored->is_string()) {
        const std::string text = stored->get<std::string>();
        int used = 0;
        if (text.size() > 20 || std::sscanf(text.c_str(), "%8dx%8d%n", &block.rows, &block.cols, &used) != 2
            || static_cast<std::size_t>(used) != text.size())
            block = {};
    }
    if (block.rows < 1 || block.cols < 1 || block.rows > largestGroup || block.cols > largestGroup)
        return keys.fail(key, "two sizes of 1 to " + std::to_string(largestGroup), describeJson(*stored));
    blocks.push_back(block);
}

/// Formats of compressed-tensors whose tensors are read; which of them a layer has, its tensors show.
bool isReadFormat(const std::string& format) {
    return format == "pack-quantized" || format == "int-quantized" || format == "float-quantized"
           || format == "naive-quantized";
}

/// Type, width and reach of scales of one config group.
Status readCompressedWeights(const KeyReader& weights, HfQuantConfig& config) {
    const std::string type = firstText(weights, {"type"}), strategy = firstText(weights, {"strategy"});
    const auto bits = weights.optionalInteger("num_bits", 2, 8);
    const bool floats = type == "float";
    if (!type.empty() && type != "int" && !floats) return notRead(weights, "type", type);
    if (floats && bits.value_or(8) != 8)
        return Error::unsupported(weights.where() + ": key \"type\": \"float\" of " + std::to_string(*bits)
                                  + " bits is not read: floats are read as FP8 E4M3 only");
    if (!strategy.empty() && strategy != "group" && strategy != "channel" && strategy != "tensor"
        && !(strategy == "block" && floats))
        return notRead(weights, "strategy", strategy);
    if (bits && !floats) config.bits.push_back(*bits);
    addGroup(weights, "group_size", config.groups);
    addBlock(weights, "block_structure", config.blocks);
    config.symmetric = config.symmetric || weights.optionalBool("symmetric").value_or(true);
    const nlohmann::json* order = weights.find("actorder");
    if (order && order->is_string()) {
        const std::string name = lowerCase(order->get<std::string>());
        config.actOrder = config.actOrder || name == "group" || name == "dynamic";
    }
    return Done{};
}

/// One entry of config_groups. Null or a list of targets under the name of a preset tells nothing that the
/// tensors do not.
Status readCompressedGroup(const std::string& where, const nlohmann::json& group, std::optional<Error>& error,
                           HfQuantConfig& config) {
    if (!group.is_object()) return Done{};
    const KeyReader scheme(&group, where, error);
    if (const std::string format = firstText(scheme, {"format"}); !format.empty() && !isReadFormat(format))
        return notRead(scheme, "format", format);
    if (scheme.has("input_activations") || scheme.has("output_activations"))
        config.warnings.push_back(where + unquantizedActivations);
    const nlohmann::json* stored = scheme.find("weights");
    if (!stored) return Done{};
    return readCompressedWeights(KeyReader(stored, where + ": weights", error), config);
}

/// FP8 as vLLM, transformers and DeepSeek ("fp8") or fbgemm ("fbgemm_fp8") write it.
Outcome<HfQuantConfig> readFp8(const KeyReader& keys) {
    const std::string format = firstText(keys, {"fmt"});
    if (!format.empty() && format != "e4m3") return notRead(keys, "fmt", format);
    HfQuantConfig config;
    config.method = QuantMethod::Fp8;
    addBlock(keys, "weight_block_size", config.blocks);
    config.warnings.push_back(keys.where() + unquantizedActivations);
    return config;
}

Outcome<HfQuantConfig> readCompressed(const KeyReader& keys, std::optional<Error>& error) {
    const std::string format = firstText(keys, {"format"});
    if (!isReadFormat(format) && format != "mixed-precision")
        return notRead(keys, "format", format.empty() ? "none" : format);
    if (keys.has("transform_config"))
        return Error::unsupported(keys.where() + ": key \"transform_config\": rotated weights are not read");
    if (const nlohmann::json* sparsity = keys.find("sparsity_config"); sparsity && !sparsity->empty()) {
        const KeyReader sparse(sparsity, keys.where() + ": sparsity_config", error);
        if (const std::string kind = firstText(sparse, {"format"}); !kind.empty() && kind != "dense")
            return notRead(sparse, "format", kind);
    }
    HfQuantConfig config;
    config.method = QuantMethod::CompressedTensors;
    config.symmetric = false; // until a group is
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
    config.symmetric = config.symmetric || config.bits.empty(); // nothing says how
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

const char* quantMethodName(QuantMethod method) {
    static const char* const names[] = {"AWQ", "GPTQ", "compressed-tensors", "FP8"};
    return names[static_cast<int>(method)];
}

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
    const bool fp8 = method == "fp8" || method == "fbgemm_fp8";
    if (method != "awq" && method != "gptq" && method != "compressed-tensors" && !fp8)
        return notRead(keys, "quant_method", method.empty() ? "none" : method);
    auto config = method == "awq"    ? readAwq(keys)
                  : method == "gptq" ? readGptq(keys, json)
                  : fp8              ? readFp8(keys)
                                     : readCompressed(keys, error);
    if (!config) return config;
    if (error) return *error;
    config->warnings.insert(config->warnings.begin(), warnings.begin(), warnings.end());
    return config;
}

} // namespace qroar
