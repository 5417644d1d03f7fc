#include "core/model/hf_config.h"

#include "core/base/strings.h"
#include "core/model/hf_families.h"
#include "core/model/hf_rope_config.h"
#include "core/model/json_keys.h"
#include "core/model/json_text.h"

namespace qroar {

namespace {

/// architectures[0]; for files without it, what model_type stands for.
Outcome<const HfFamily*> readFamily(const nlohmann::json& config, const KeyReader& keys) {
    const auto unsupported = [&](const std::string& name) {
        return Error::unsupported(keys.where() + ": architecture " + name
                                  + " is not supported (supported: " + supportedArchitectures() + ")");
    };
    if (keys.has("text_config"))
        return Error::unsupported(
            keys.where() + ": key \"text_config\": multimodal checkpoints are not supported (supported: "
            + supportedArchitectures() + ")");
    const nlohmann::json* list = keys.find("architectures");
    const auto type = config.find("model_type");
    if (!list || (list->is_array() && list->empty())) {
        if (type != config.end() && type->is_string())
            if (const HfFamily* family = familyOfType(type->get<std::string>())) return family;
        if (type != config.end()) return unsupported(describeJson(*type));
        return Error::bad(keys.where() + ": key \"architectures\" is missing: expected one of "
                          + supportedArchitectures());
    }
    if (!list->is_array() || !list->front().is_string())
        return Error::bad(keys.where() + ": key \"architectures\": expected a list of names, found "
                          + describeJson(*list));
    const auto& name = list->front().get_ref<const std::string&>();
    const HfFamily* family = familyOf(name);
    return family ? Outcome<const HfFamily*>(family) : unsupported(quotedText(name));
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

void readShape(const KeyReader& keys, const HfFamily& family, ModelConfig& config) {
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
    const auto explicitDim = keys.optionalInteger("head_dim", 2, ConfigLimits::headDim);
    if (explicitDim || family.headDim) {
        config.headDim = explicitDim ? *explicitDim : *family.headDim;
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

void readActivation(const KeyReader& keys, const HfFamily& family, ModelConfig& config) {
    config.activation = family.activation;
    const std::string usual = family.activation == Activation::Silu ? "silu" : "gelu_pytorch_tanh";
    const auto name = keys.optionalText(family.activationKey);
    if (name && *name != usual) keys.fail(family.activationKey, quotedText(usual), quotedText(*name));
}

} // namespace

Outcome<HfConfig> readHfConfig(const std::string& text, const std::filesystem::path& path) {
    const std::string source = path.string();
    const auto json = parseStrictJson(text, source);
    if (!json) return json.error();
    if (!json->is_object()) return Error::bad(source + ": expected an object, found " + describeJson(*json));
    std::optional<Error> error;
    const KeyReader keys(&*json, source, error);
    const auto family = readFamily(*json, keys);
    if (!family) return family.error();

    HfConfig result;
    for (const char* key : {"compression_config", "quantization_config"})
        if (const nlohmann::json* value = keys.find(key)) result.quantization = *value;
    ModelConfig& config = result.config;
    config.architecture = (*family)->architecture;
    readShape(keys, **family, config);
    config.rmsEps = keys.optionalNumber("rms_norm_eps", 0.0, 1.0).value_or((*family)->rmsEps);
    config.attentionBias = keys.optionalBool("attention_bias").value_or(false);
    config.mlpBias = keys.optionalBool("mlp_bias").value_or(false);
    result.tie = keys.optionalBool("tie_word_embeddings");
    config.tiedEmbeddings = result.tie.value_or(false);
    readActivation(keys, **family, config);
    if ((*family)->read) (*family)->read(keys, config);
    if (error) return *error; // before anything that computes with these numbers

    HfRope rope =
        readHfRope(*json, source, config.headDim, (*family)->theta, config.localTheta.has_value(), error);
    config.ropeTheta = rope.theta;
    if (rope.localTheta) config.localTheta = rope.localTheta;
    config.rotaryDim = rope.rotaryDim;
    config.originalMaxPositions = rope.original;
    config.storedRope = std::move(rope.spec);
    config.ropeSource = std::move(rope.source);
    config.bosId = readTokenId(keys, "bos_token_id", result);
    config.eosId = readTokenId(keys, "eos_token_id", result);
    if (error) return *error;
    return result;
}

} // namespace qroar
