#include "core/exporting/model_config.h"

#include "core/base/files.h"
#include "core/exporting/quantization_config.h"
#include "core/exporting/rope_keys.h"
#include "core/model/hf_families.h"

namespace qroar {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t maxConfigBytes = 4u * 1048576;

const char* torchName(DType type) {
    return type == DType::F16 ? "float16" : type == DType::BF16 ? "bfloat16" : "float32";
}

/// Sources that have no config.json: llama2.c and GGUF files.
bool hasNoConfig(const Model& model) {
    return model.config().architecture == "llama2.c" || model.format().starts_with("GGUF");
}

/// What configOf() can say of a model that has no config.json.
Status checkKeysOfFamily(const Model& model) {
    const std::string& architecture = model.config().architecture;
    for (const char* known : {"LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM", "llama2.c"})
        if (architecture == known) return Done{};
    return Error::unsupported("a GGUF file of the family " + architecture
                              + " is not written as a Hugging Face folder; patch it (--patch)");
}

std::filesystem::path configPath(const Model& model) {
    std::error_code ignored;
    const bool isFolder = std::filesystem::is_directory(model.path(), ignored);
    return (isFolder ? model.path() : model.path().parent_path()) / "config.json";
}

/// A header in the words of Hugging Face. Rotary pairs are written half-split.
Json configOf(const ModelConfig& config) {
    const HfFamily* known = familyOf(config.architecture);
    const HfFamily& family = known ? *known : *familyOf("LlamaForCausalLM"); // llama2.c
    return {{"architectures", Json::array({family.architecture})},
            {"model_type", family.modelType},
            {"hidden_size", config.hiddenSize},
            {"intermediate_size", config.intermediateSize},
            {"num_hidden_layers", config.layers},
            {"num_attention_heads", config.heads},
            {"num_key_value_heads", config.kvHeads},
            {"head_dim", config.headDim},
            {"vocab_size", config.vocabSize},
            {"max_position_embeddings", config.maxPositions},
            {"rms_norm_eps", config.rmsEps},
            {"rope_theta", config.ropeTheta},
            {"rope_scaling", nullptr},
            {"hidden_act", "silu"},
            {"attention_bias", config.attentionBias},
            {"mlp_bias", false},
            {"bos_token_id", config.bosId},
            {"eos_token_id", config.eosId}};
}

/// The source's config.json, keys in its order; it was checked when the model was opened.
Outcome<Json> readSourceConfig(const Model& model) {
    auto text = sourceConfigText(model);
    if (!text) return text.error();
    if (auto again = parseHfConfig(*text, configPath(model)); !again) return again.error();
    return Json::parse(*text);
}

void setType(Json& config, DType type) {
    if (config.contains("dtype")) config["dtype"] = torchName(type);
    if (config.contains("torch_dtype") || !config.contains("dtype")) config["torch_dtype"] = torchName(type);
}

std::string textOf(const Json& config) {
    return config.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

Outcome<std::string> sourceConfigText(const Model& model) {
    return readFile(configPath(model), maxConfigBytes);
}

Outcome<std::string> exportedConfig(const Model& model, const ExportLayout& layout, const RopeSpec& rope,
                                    std::vector<std::string>& notes) {
    Json config;
    if (hasNoConfig(model)) {
        if (Status known = checkKeysOfFamily(model); !known) return known.error();
        config = configOf(model.config());
        if (model.config().rotaryDim != model.config().headDim)
            config["partial_rotary_factor"] =
                static_cast<double>(model.config().rotaryDim) / model.config().headDim;
    } else {
        auto source = readSourceConfig(model);
        if (!source) return source.error();
        config = *std::move(source);
        if (!config.contains("architectures") || config["architectures"].is_null()
            || config["architectures"].empty())
            config["architectures"] = Json::array({model.config().architecture});
    }
    config["tie_word_embeddings"] = model.config().tiedEmbeddings;
    setType(config, layout.dense);
    if (Status written = writeRope(config, rope, model.config(), notes); !written) return written.error();
    config.erase("quantization_config");
    config.erase("compression_config");
    if (isPacked(layout.format)) config["quantization_config"] = quantizationConfig(layout);
    return textOf(config);
}

Outcome<std::string> patchedConfig(const Model& model, const RopeSpec& rope,
                                   std::vector<std::string>& notes) {
    if (rope == model.config().storedRope) return sourceConfigText(model);
    auto config = readSourceConfig(model);
    if (!config) return config.error();
    if (Status written = writeRope(*config, rope, model.config(), notes); !written) return written.error();
    return textOf(*config);
}

} // namespace qroar
