#include "core/model/hf_families.h"

#include "core/model/hf_config.h"
#include "core/model/json_text.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr double leastFactor = 1e-9, mostFactor = 1e9;

std::size_t layersOf(const ModelConfig& config) {
    return static_cast<std::size_t>(config.layers);
}

/// "layer_types": which layers have a window; empty when the key is absent.
std::vector<bool> layerTypes(const KeyReader& keys, const ModelConfig& config) {
    const nlohmann::json* list = keys.find("layer_types");
    if (!list) return {};
    if (!list->is_array() || list->size() != layersOf(config)) {
        keys.fail("layer_types", "a list of " + std::to_string(config.layers) + " names",
                  list->is_array() ? std::to_string(list->size()) + " entries" : describeJson(*list));
        return {};
    }
    std::vector<bool> windowed;
    for (const nlohmann::json& type : *list) {
        const std::string name = type.is_string() ? type.get<std::string>() : std::string();
        if (name != "full_attention" && name != "sliding_attention") {
            keys.fail("layer_types", "\"full_attention\" or \"sliding_attention\"",
                      type.is_string() ? quotedText(name) : describeJson(type));
            return {};
        }
        windowed.push_back(name == "sliding_attention");
    }
    return windowed;
}

/// The window and the layers that have it: those that layer_types names, else `usual`.
void setWindow(const KeyReader& keys, std::optional<int> window, const std::vector<bool>& usual,
               ModelConfig& config) {
    std::vector<bool> windowed = layerTypes(keys, config);
    if (windowed.empty()) windowed = usual;
    const bool any = std::find(windowed.begin(), windowed.end(), true) != windowed.end();
    if (!any || !window) return;
    config.slidingWindow = window;
    config.windowedLayers = std::move(windowed);
}

std::optional<int> windowKey(const KeyReader& keys) {
    return keys.optionalInteger("sliding_window", 1, ConfigLimits::positions);
}

void readMistral(const KeyReader& keys, ModelConfig& config) {
    config.slidingWindow = windowKey(keys);
}

/// use_sliding_window: layers from max_window_layers on have the window.
void readQwenWindow(const KeyReader& keys, ModelConfig& config) {
    if (!keys.optionalBool("use_sliding_window").value_or(false)) return;
    const auto first = keys.optionalInteger("max_window_layers", 0, ConfigLimits::layers).value_or(28);
    std::vector<bool> usual(layersOf(config));
    for (std::size_t layer = static_cast<std::size_t>(first); layer < usual.size(); ++layer)
        usual[layer] = true;
    setWindow(keys, windowKey(keys).value_or(4096), usual, config);
}

void readQwen2(const KeyReader& keys, ModelConfig& config) {
    config.attentionBias = config.mlpBias = false; // its biases are not a choice
    readQwenWindow(keys, config);
}

void readQwen3(const KeyReader& keys, ModelConfig& config) {
    config.mlpBias = false;
    config.qkNorms = true;
    readQwenWindow(keys, config);
}

void readPhi3(const KeyReader& keys, ModelConfig& config) {
    config.fusedProjections = true;
    config.attentionBias = config.mlpBias = false;
    config.slidingWindow = windowKey(keys);
}

/// What both Gemmas have. Their embedding is multiplied by sqrt(hidden_size), exactly (transformers rounds
/// the factor to the type it runs in).
void readGemma(const KeyReader& keys, ModelConfig& config) {
    config.outputNorms = config.offsetNorms = true;
    config.mlpBias = false;
    config.embeddingScale = std::sqrt(static_cast<double>(config.hiddenSize));
    config.attentionScale =
        1 / std::sqrt(keys.optionalNumber("query_pre_attn_scalar", leastFactor, mostFactor).value_or(256));
    if (keys.optionalBool("use_bidirectional_attention").value_or(false))
        keys.fail("use_bidirectional_attention", "false", "true");
}

/// A cap: absent in the file, a default; null or 0, none.
std::optional<double> capOf(const KeyReader& keys, const nlohmann::json& object, const char* key,
                            std::optional<double> whenAbsent) {
    if (!object.contains(key)) return whenAbsent;
    const auto cap = keys.optionalNumber(key, 0, mostFactor);
    return cap && *cap > 0 ? cap : std::nullopt;
}

void readGemma2(const KeyReader& keys, ModelConfig& config) {
    readGemma(keys, config);
    config.attentionCap = capOf(keys, *keys.object(), "attn_logit_softcapping", 50.0);
    config.logitCap = capOf(keys, *keys.object(), "final_logit_softcapping", 30.0);
    std::vector<bool> usual;
    for (int layer = 0; layer < config.layers; ++layer) usual.push_back(layer % 2 == 0);
    setWindow(keys, windowKey(keys).value_or(4096), usual, config);
}

void readGemma3(const KeyReader& keys, ModelConfig& config) {
    readGemma(keys, config);
    config.qkNorms = true;
    config.attentionCap = capOf(keys, *keys.object(), "attn_logit_softcapping", std::nullopt);
    config.logitCap = capOf(keys, *keys.object(), "final_logit_softcapping", std::nullopt);
    const char* const pattern =
        keys.has("sliding_window_pattern") ? "sliding_window_pattern" : "_sliding_window_pattern";
    const int every = keys.optionalInteger(pattern, 1, ConfigLimits::layers).value_or(6);
    std::vector<bool> usual;
    for (int layer = 0; layer < config.layers; ++layer) usual.push_back((layer + 1) % every != 0);
    setWindow(keys, windowKey(keys).value_or(4096), usual, config);
    config.localTheta = keys.optionalNumber("rope_local_base_freq", 1.0 + 1e-6, 1e18).value_or(10000.0);
}

void readGranite(const KeyReader& keys, ModelConfig& config) {
    const auto multiplier = [&keys](const char* key) {
        return keys.optionalNumber(key, leastFactor, mostFactor).value_or(1);
    };
    config.embeddingScale = multiplier("embedding_multiplier");
    config.residualScale = multiplier("residual_multiplier");
    config.attentionScale = multiplier("attention_multiplier");
    config.logitScale = 1 / multiplier("logits_scaling");
}

/// no_rope_layers: 1 for a layer that has RoPE, 0 for one that has none.
void readSmolLm3(const KeyReader& keys, ModelConfig& config) {
    const int every = keys.optionalInteger("no_rope_layer_interval", 1, ConfigLimits::layers).value_or(4);
    std::vector<bool> unrotated;
    if (const nlohmann::json* list = keys.find("no_rope_layers")) {
        const bool fits = list->is_array() && list->size() >= layersOf(config);
        for (std::size_t layer = 0; fits && layer < layersOf(config); ++layer)
            if (const nlohmann::json& rotated = (*list)[layer]; rotated.is_number_unsigned()) {
                const auto value = rotated.get<std::uint64_t>();
                if (value <= 1) unrotated.push_back(value == 0);
            }
        if (unrotated.size() != layersOf(config))
            keys.fail("no_rope_layers",
                      "a list of 0 or 1 for each of " + std::to_string(config.layers) + " layers",
                      describeJson(*list));
    } else {
        for (int layer = 0; layer < config.layers; ++layer) unrotated.push_back((layer + 1) % every == 0);
    }
    config.unrotatedLayers = unrotated;
    if (keys.optionalBool("use_sliding_window").value_or(false))
        setWindow(keys, windowKey(keys), unrotated, config);
}

constexpr const char* gemmaKey = "hidden_activation";
constexpr HfFamily families[] = {
    {"LlamaForCausalLM", "llama"},
    {.architecture = "MistralForCausalLM", .modelType = "mistral", .read = readMistral},
    {.architecture = "Qwen2ForCausalLM", .modelType = "qwen2", .read = readQwen2},
    {.architecture = "Qwen3ForCausalLM", .modelType = "qwen3", .headDim = 128, .read = readQwen3},
    {.architecture = "Phi3ForCausalLM", .modelType = "phi3", .rmsEps = 1e-5, .read = readPhi3},
    {.architecture = "Gemma2ForCausalLM",
     .modelType = "gemma2",
     .activationKey = gemmaKey,
     .activation = Activation::GeluTanh,
     .headDim = 256,
     .read = readGemma2},
    {.architecture = "Gemma3ForCausalLM",
     .modelType = "gemma3_text",
     .activationKey = gemmaKey,
     .activation = Activation::GeluTanh,
     .headDim = 256,
     .theta = 1e6,
     .read = readGemma3},
    {.architecture = "GraniteForCausalLM", .modelType = "granite", .read = readGranite},
    {.architecture = "SmolLM3ForCausalLM", .modelType = "smollm3", .theta = 2e6, .read = readSmolLm3},
};

} // namespace

const HfFamily* familyOf(const std::string& architecture) {
    for (const HfFamily& family : families)
        if (architecture == family.architecture) return &family;
    return nullptr;
}

const HfFamily* familyOfType(const std::string& modelType) {
    for (const HfFamily& family : families)
        if (modelType == family.modelType) return &family;
    return nullptr;
}

std::string supportedArchitectures() {
    std::string names;
    for (const HfFamily& family : families)
        names += (names.empty() ? "" : ", ") + std::string(family.architecture);
    return names;
}

} // namespace qroar
