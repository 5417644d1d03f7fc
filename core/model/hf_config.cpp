#include "core/model/hf_config.h"

#include "core/base/strings.h"
#include "core/model/hf_rope_config.h"
#include "core/model/json_keys.h"
#include "core/model/json_text.h"

namespace qroar {

namespace {

constexpr const char* supported = "LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM";

/// architectures[0]; for files without it, what model_type stands for.
Outcome<std::string> readArchitecture(const nlohmann::json& config, const KeyReader& keys) {
    const auto unsupported = [&](const std::string& name) {
        return Error::unsupported(keys.where() + ": architecture " + name
                                  + " is not supported (supported: " + supported + ")");
    };
    if (keys.has("text_config"))
        return Error::unsupported(
            keys.where() + ": key \"text_config\": multimodal checkpoints are not supported (supported: "
            + supported + ")");
    const nlohmann::json* list = keys.find("architectures");
    const auto type = config.find("model_type");
    if (!list || (list->is_array() && list->empty())) {
        if (type != config.end() && *type == "llama") return std::string("LlamaForCausalLM");
        if (type != config.end() && *type == "mistral") return std::string("MistralForCausalLM");
        if (type != config.end() && *type == "qwen2") return std::string("Qwen2ForCausalLM");
        if (type != config.end()) return unsupported(describeJson(*type));
        return Error::bad(keys.where() + ": key \"architectures\" is missing: expected one of " + supported);
    }
    if (!list->is_array() || !list->front().is_string())
        return Error::bad(keys.where() + ": key \"architectures\": expected a list of names, found "
                          + describeJson(*list));
    const auto& name = list->front().get_ref<const std::string&>();
    if (name != "LlamaForCausalLM" && name != "MistralForCausalLM" && name != "Qwen2ForCausalLM")
        return unsupported(quotedText(name));
    return name;
}

/// bos_token_id or eos_token_id: a number, the first of a list, or -1; an id outside the vocabulary is only a
/// warning.
int readTokenId(const KeyReader& keys, const char* key, HfConfig& result) {
    const nlohmann::json* value = keys.find(key);
    if (value && value->is_array()) value = value->empty() ? nullptr : &value->front();
    if (!value) return -1;
    if (!value->is_number_integer()) {
        keys.fail(key, "a token id, a list of them or null", describeJson(*value));
        return -1;
    }
    const bool inside = value->is_number_unsigned()
                        && value->get<std::uint64_t>() < static_cast<std::uint64_t>(result.config.vocabSize);
    if (inside) return value->get<int>();
    if (*value != -1)
        result.warnings.push_back(keys.where() + ": key \"" + key + "\": " + value->dump()
                                  + " is outside the vocabulary and ignored");
    return -1;
}

void readShape(const KeyReader& keys, ModelConfig& config) {
    config.hiddenSize = keys.integer("hidden_size", 1, ConfigLimits::width);
    config.intermediateSize = keys.integer("intermediate_size", 1, ConfigLimits::intermediate);
    config.layers = keys.integer("num_hidden_layers", 1, ConfigLimits::layers);
    config.heads = keys.integer("num_attention_heads", 1, ConfigLimits::heads);
    config.kvHeads =
        keys.optionalInteger("num_key_value_heads", 1, ConfigLimits::heads).value_or(config.heads);
    config.vocabSize = keys.integer("vocab_size", 1, ConfigLimits::vocabulary);
    config.maxPositions = keys.integer("max_position_embeddings", 1, ConfigLimits::positions);
    if (config.heads % config.kvHeads != 0)
        keys.fail("num_key_value_heads", "a divisor of num_attention_heads = " + std::to_string(config.heads),
                  std::to_string(config.kvHeads));
    if (const auto explicitDim = keys.optionalInteger("head_dim", 2, ConfigLimits::headDim)) {
        config.headDim = *explicitDim;
    } else {
        config.headDim = config.hiddenSize / config.heads;
        if (config.hiddenSize % config.heads != 0)
            keys.fail("hidden_size", "a multiple of num_attention_heads = " + std::to_string(config.heads),
                      std::to_string(config.hiddenSize) + " without a head_dim");
    }
    if (static_cast<long long>(config.heads) * config.headDim > ConfigLimits::width)
        keys.fail("head_dim", "at most " + formatCount(ConfigLimits::width) + " for all heads together",
                  std::to_string(config.headDim));
}

} // namespace

Outcome<HfConfig> readHfConfig(const std::string& text, const std::filesystem::path& path) {
    const std::string source = path.string();
    const auto json = parseStrictJson(text, source);
    if (!json) return json.error();
    if (!json->is_object()) return Error::bad(source + ": expected an object, found " + describeJson(*json));
    std::optional<Error> error;
    const KeyReader keys(&*json, source, error);
    const auto architecture = readArchitecture(*json, keys);
    if (!architecture) return architecture.error();

    HfConfig result;
    for (const char* key : {"compression_config", "quantization_config"})
        if (const nlohmann::json* value = keys.find(key)) result.quantization = *value;
    ModelConfig& config = result.config;
    config.architecture = *architecture;
    readShape(keys, config);
    config.rmsEps = keys.optionalNumber("rms_norm_eps", 0.0, 1.0).value_or(1e-6); // transformers' default
    config.attentionBias = keys.optionalBool("attention_bias").value_or(false);
    config.mlpBias = keys.optionalBool("mlp_bias").value_or(false);
    result.tie = keys.optionalBool("tie_word_embeddings");
    config.tiedEmbeddings = result.tie.value_or(false);
    if (const auto activation = keys.optionalText("hidden_act"); activation && *activation != "silu")
        keys.fail("hidden_act", "\"silu\"", quotedText(*activation));
    if (config.architecture == "MistralForCausalLM")
        config.slidingWindow = keys.optionalInteger("sliding_window", 1, ConfigLimits::positions);
    if (config.architecture == "Qwen2ForCausalLM") {
        config.attentionBias = config.mlpBias = false; // its biases are not a choice
        if (keys.optionalBool("use_sliding_window").value_or(false))
            keys.fail("use_sliding_window", "false (windows in some layers only are not supported)", "true");
    }
    if (error) return *error; // before anything that computes with these numbers

    HfRope rope = readHfRope(*json, source, config.headDim, error);
    config.ropeTheta = rope.theta;
    config.rotaryDim = rope.rotaryDim;
    config.originalMaxPositions = rope.original;
    config.storedRope = std::move(rope.spec);
    config.bosId = readTokenId(keys, "bos_token_id", result);
    config.eosId = readTokenId(keys, "eos_token_id", result);
    if (error) return *error;
    return result;
}

} // namespace qroar
