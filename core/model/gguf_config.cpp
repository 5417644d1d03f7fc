#include "core/model/gguf_config.h"

#include "core/base/strings.h"
#include "core/model/hf_config.h"
#include "core/model/json_text.h"

#include <cmath>
#include <optional>
#include <utility>

namespace qroar {

namespace {

/// Looks up "ARCH.name", remembers the first problem.
class Keys {
  public:
    Keys(const GgufFile& file, std::string architecture)
        : file_(file), prefix_(std::move(architecture) + ".") {}

    [[nodiscard]] const GgufValue* find(const std::string& name) const { return file_.find(prefix_ + name); }
    void fail(const std::string& name, const std::string& text) {
        if (!error_) error_ = Error::bad(file_.keyText(prefix_ + name) + ": " + text);
    }
    std::optional<int> optionalInteger(const std::string& name, int low, int high) {
        const GgufValue* value = find(name);
        if (!value) return std::nullopt;
        std::optional<long long> found = value->integer();
        if (value->type() == GgufType::Array && value->count() > ConfigLimits::layers) {
            fail(name, "expected at most one for each layer, found " + value->kind());
            return std::nullopt;
        }
        if (const auto list = value->numbers()) found = sameForAll(name, *list); // one per layer
        if (!found || *found < low || *found > high) {
            fail(name, "expected an integer from " + formatCount(low) + " to " + formatCount(high)
                           + ", found " + (found ? formatCount(*found) : value->kind()));
            return std::nullopt;
        }
        return static_cast<int>(*found);
    }
    int integer(const std::string& name, int low, int high) {
        if (!find(name)) fail(name, "is missing");
        return optionalInteger(name, low, high).value_or(low);
    }
    std::optional<double> optionalNumber(const std::string& name, double low, double high) {
        const GgufValue* value = find(name);
        if (!value) return std::nullopt;
        const auto found = value->number();
        if (!found || !(*found >= low && *found <= high)) {
            fail(name, "expected a number from " + formatNumber(low) + " to " + formatNumber(high)
                           + ", found " + (found ? formatNumber(*found) : value->kind()));
            return std::nullopt;
        }
        return found;
    }
    std::optional<std::string> optionalText(const std::string& name) {
        const GgufValue* value = find(name);
        if (!value) return std::nullopt;
        if (const auto text = value->text()) return std::string(*text);
        fail(name, "expected a text, found " + value->kind());
        return std::nullopt;
    }
    [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  private:
    std::optional<long long> sameForAll(const std::string& name, const std::vector<double>& list) {
        for (const double value : list)
            if (value != list.front()) {
                fail(name, "differs from layer to layer, which is not supported");
                return std::nullopt;
            }
        return list.empty() ? std::nullopt : std::optional(static_cast<long long>(list.front()));
    }
    const GgufFile& file_;
    std::string prefix_;
    std::optional<Error> error_;
};

void readShape(Keys& keys, ModelConfig& config) {
    config.hiddenSize = keys.integer("embedding_length", 1, ConfigLimits::width);
    config.intermediateSize = keys.integer("feed_forward_length", 1, ConfigLimits::intermediate);
    config.layers = keys.integer("block_count", 1, ConfigLimits::layers);
    config.heads = keys.integer("attention.head_count", 1, ConfigLimits::heads);
    config.kvHeads =
        keys.optionalInteger("attention.head_count_kv", 1, ConfigLimits::heads).value_or(config.heads);
    config.maxPositions = keys.integer("context_length", 1, ConfigLimits::positions);
    if (keys.error()) return;
    if (config.heads % config.kvHeads != 0)
        keys.fail("attention.head_count_kv", "expected a divisor of " + std::to_string(config.heads)
                                                 + ", found " + std::to_string(config.kvHeads));
    const auto keyLength = keys.optionalInteger("attention.key_length", 2, ConfigLimits::headDim);
    const auto valueLength = keys.optionalInteger("attention.value_length", 2, ConfigLimits::headDim);
    if (!keyLength && config.hiddenSize % config.heads != 0)
        keys.fail("embedding_length",
                  "expected a multiple of attention.head_count = " + std::to_string(config.heads) + ", found "
                      + std::to_string(config.hiddenSize));
    config.headDim = keyLength.value_or(config.hiddenSize / config.heads);
    if (valueLength.value_or(config.headDim) != config.headDim)
        keys.fail("attention.value_length",
                  "expected attention.key_length = " + std::to_string(config.headDim) + ", found "
                      + std::to_string(*valueLength));
    if (static_cast<long long>(config.heads) * config.headDim > ConfigLimits::width)
        keys.fail("attention.key_length", "expected at most " + formatCount(ConfigLimits::width)
                                              + " for all heads together, found "
                                              + std::to_string(config.headDim));
    config.rotaryDim =
        keys.optionalInteger("rope.dimension_count", 2, config.headDim).value_or(config.headDim);
    if (config.rotaryDim % 2 != 0)
        keys.fail("rope.dimension_count",
                  "expected an even number, found " + std::to_string(config.rotaryDim));
    config.rmsEps = keys.optionalNumber("attention.layer_norm_rms_epsilon", 0.0, 1.0).value_or(1e-5);
}

void refuseExperts(Keys& keys) {
    if (const auto experts = keys.optionalInteger("expert_count", 0, 1 << 20); experts.value_or(0) > 0)
        keys.fail("expert_count",
                  "mixtures of experts are not supported (" + std::to_string(*experts) + " experts)");
}

/// What would change the arithmetic of a family that has no such thing.
void refuseScale(Keys& keys, const ModelConfig& config) {
    const auto scale = keys.optionalNumber("attention.scale", -1e30, 1e30);
    if (scale && *scale != 0 && std::abs(*scale * std::sqrt(config.headDim) - 1) > 1e-5)
        keys.fail("attention.scale",
                  "expected 1/sqrt(" + std::to_string(config.headDim) + "), found " + formatNumber(*scale));
}
void refuseFactors(Keys& keys) {
    for (const char* name : {"logit_scale", "embedding_scale", "residual_scale"})
        if (const auto factor = keys.optionalNumber(name, -1e30, 1e30);
            factor && *factor != 0 && *factor != 1)
            keys.fail(name, "expected none (1), found " + formatNumber(*factor));
}
void refuseCaps(Keys& keys) {
    for (const char* name : {"attn_logit_softcapping", "final_logit_softcapping"})
        if (const auto cap = keys.optionalNumber(name, -1e30, 1e30); cap && *cap != 0)
            keys.fail(name, "expected none, found " + formatNumber(*cap));
}

void readPlain(Keys& keys, ModelConfig& config) {
    refuseScale(keys, config);
    refuseFactors(keys);
    refuseCaps(keys);
    config.qkNorms = config.architecture == "Qwen3ForCausalLM";
}

void readPhi3(Keys& keys, ModelConfig& config) {
    readPlain(keys, config);
    config.fusedProjections = true;
}

void readGranite(Keys& keys, ModelConfig& config) {
    refuseCaps(keys);
    if (const GgufValue* rotated = keys.find("rope.scaling.finetuned");
        rotated && !rotated->boolean().value_or(true))
        keys.fail("rope.scaling.finetuned", "granite without RoPE is not supported");
    const auto factor = [&keys](const char* name) {
        const double found = keys.optionalNumber(name, -1e30, 1e30).value_or(0);
        return found == 0 ? 1 : found; // llama.cpp: 0 is none
    };
    config.embeddingScale = factor("embedding_scale");
    config.residualScale = factor("residual_scale");
    config.logitScale = 1 / factor("logit_scale");
    if (const auto scale = keys.optionalNumber("attention.scale", -1e30, 1e30); scale && *scale != 0)
        config.attentionScale = scale;
}

/// llama.cpp knows by itself that every fourth layer does not turn.
void readSmolLm3(Keys& keys, ModelConfig& config) {
    refuseFactors(keys);
    refuseCaps(keys);
    if (const auto scale = keys.optionalNumber("attention.scale", -1e30, 1e30); scale && *scale != 0)
        config.attentionScale = scale;
    for (int layer = 0; layer < config.layers; ++layer)
        config.unrotatedLayers.push_back((layer + 1) % 4 == 0);
}

/// attention.sliding_window_pattern: whether each layer has the window, or every how many layers one has
/// none.
void readWindowPattern(Keys& keys, ModelConfig& config, int usual) {
    const char* name = "attention.sliding_window_pattern";
    const GgufValue* stored = keys.find(name);
    if (const auto flags = stored ? stored->flags() : std::nullopt) {
        if (static_cast<int>(flags->size()) < config.layers)
            keys.fail(name, "expected one for each of " + std::to_string(config.layers) + " layers, found "
                                + std::to_string(flags->size()));
        else
            config.windowedLayers.assign(flags->begin(), flags->begin() + config.layers);
        return;
    }
    // 0: no layer has one; else the last of so many has none
    const int every = keys.optionalInteger(name, 0, ConfigLimits::layers).value_or(usual);
    for (int layer = 0; layer < config.layers; ++layer)
        config.windowedLayers.push_back(every == 0 || layer % every < every - 1);
}

/// Norms have their 1 added in the file; the scale of q k is not in it: llama.cpp knows it by the number of
/// layers of the largest model of the family.
void readGemma(Keys& keys, ModelConfig& config, int layersOfLargest) {
    refuseFactors(keys);
    config.outputNorms = true;
    config.activation = Activation::GeluTanh;
    config.embeddingScale = std::sqrt(static_cast<double>(config.hiddenSize));
    const int squared = config.layers == layersOfLargest ? config.hiddenSize / config.heads : config.headDim;
    config.attentionScale = 1 / std::sqrt(static_cast<double>(squared));
}

void readGemma2(Keys& keys, ModelConfig& config) {
    readGemma(keys, config, 46);
    const auto cap = [&keys](const char* name, double usual) {
        const double found = keys.optionalNumber(name, 0, 1e9).value_or(usual);
        return found > 0 ? std::optional(found) : std::nullopt;
    };
    config.attentionCap = cap("attn_logit_softcapping", 50);
    config.logitCap = cap("final_logit_softcapping", 30);
    config.slidingWindow =
        keys.optionalInteger("attention.sliding_window", 1, ConfigLimits::positions).value_or(4096);
    readWindowPattern(keys, config, 2);
    const double base = keys.optionalNumber("rope.freq_base", 1e-3, 1e15).value_or(10000.0);
    const double local = keys.optionalNumber("rope.freq_base_swa", 1e-3, 1e15).value_or(base);
    if (local != base)
        keys.fail("rope.freq_base_swa",
                  "expected " + formatNumber(base) + ", that of all layers, found " + formatNumber(local));
}

void readGemma3(Keys& keys, ModelConfig& config) {
    readGemma(keys, config, 62);
    if (const auto cap = keys.optionalNumber("attn_logit_softcapping", -1e30, 1e30); cap && *cap != 0)
        keys.fail("attn_logit_softcapping", "expected none, found " + formatNumber(*cap));
    if (const double cap = keys.optionalNumber("final_logit_softcapping", 0, 1e9).value_or(0); cap > 0)
        config.logitCap = cap;
    config.qkNorms = true;
    if (keys.optionalNumber("rope.scaling.attn_factor", 0, 1e6).value_or(1) != 1)
        keys.fail("rope.scaling.attn_factor", "expected 1 of gemma3"); // it would reach unscaled layers, too
    const int window =
        keys.optionalInteger("attention.sliding_window", 0, ConfigLimits::positions).value_or(0);
    if (window == 0) return; // every layer sees all and turns as scaled
    config.slidingWindow = window;
    readWindowPattern(keys, config, 6);
    config.localTheta = keys.optionalNumber("rope.freq_base_swa", 1.0 + 1e-6, 1e15).value_or(10000.0);
}

struct Architecture {
    const char* name;      ///< general.architecture
    const char* hfName;    ///< what the same model is called in a config.json
    PairLayout pairLayout; ///< whether the converter permuted query and key rows (formats.md 2e)
    void (*read)(Keys& keys, ModelConfig& config);
};
constexpr Architecture architectures[] = {
    {"llama", "LlamaForCausalLM", PairLayout::Interleaved, readPlain},
    {"qwen2", "Qwen2ForCausalLM", PairLayout::HalfSplit, readPlain},
    {"qwen3", "Qwen3ForCausalLM", PairLayout::HalfSplit, readPlain},
    {"smollm3", "SmolLM3ForCausalLM", PairLayout::Interleaved, readSmolLm3},
    {"phi3", "Phi3ForCausalLM", PairLayout::HalfSplit, readPhi3},
    {"gemma2", "Gemma2ForCausalLM", PairLayout::HalfSplit, readGemma2},
    {"gemma3", "Gemma3ForCausalLM", PairLayout::HalfSplit, readGemma3},
    {"granite", "GraniteForCausalLM", PairLayout::Interleaved, readGranite}};

/// ARCH.rope.scaling.*; a missing type means linear, as llama.cpp reads it.
RopeSpec readScaling(Keys& keys, ModelConfig& config) {
    RopeSpec spec;
    const std::string type = keys.optionalText("rope.scaling.type").value_or("linear");
    auto factor = keys.optionalNumber("rope.scaling.factor", 0, 1e6);
    if (!factor || *factor == 0) factor = keys.optionalNumber("rope.scale_linear", 0, 1e6);
    if (factor && *factor == 0) factor.reset(); // llama.cpp: 0 is none
    if (const auto original =
            keys.optionalInteger("rope.scaling.original_context_length", 0, ConfigLimits::positions);
        original.value_or(0) > 0)
        config.originalMaxPositions = *original;
    const double attention = keys.optionalNumber("rope.scaling.attn_factor", 0, 1e6).value_or(1);
    if (type == "none" || type == "linear") {
        if (attention != 1) spec.attentionFactor = attention; // with the factors of gguf_model.cpp
        if (type == "linear" && factor && *factor != 1) {
            if (attention != 1)
                keys.fail("rope.scaling.attn_factor",
                          "expected 1 with linear scaling, found " + formatNumber(attention));
            spec.kind = RopeKind::Linear;
            spec.factor = factor;
        }
        return spec;
    }
    if (type == "yarn") {
        spec.kind = RopeKind::Yarn;
        spec.factor = factor;
        if (!factor)
            keys.fail("rope.scaling.factor", "is missing: yarn needs it");
        else if (attention != 1)
            spec.attentionFactor = attention * (1 + 0.1 * std::log(std::max(1.0, *factor)));
        const auto extrapolation = keys.optionalNumber("rope.scaling.yarn_ext_factor", -1, 1e6);
        if (extrapolation && *extrapolation >= 0 && *extrapolation != 1)
            keys.fail("rope.scaling.yarn_ext_factor",
                      "expected 1 or none, found " + formatNumber(*extrapolation));
        return spec;
    }
    if (type == "longrope") { // its factors are tensors: gguf_model.cpp
        spec.kind = RopeKind::LongRope;
        if (attention != 1) spec.attentionFactor = attention;
        return spec;
    }
    keys.fail("rope.scaling.type", "expected none, linear, yarn or longrope, found " + quotedText(type));
    return spec;
}

/// One of tokenizer.ggml.*_token_id, -1 when it is missing or outside the vocabulary.
int readTokenId(const GgufFile& file, const char* key, int vocabulary, std::vector<std::string>& warnings) {
    const GgufValue* value = file.find(key);
    const auto id = value ? value->integer() : std::nullopt;
    if (!id) return -1;
    if (*id >= 0 && *id < vocabulary) return static_cast<int>(*id);
    warnings.push_back(file.keyText(key) + ": " + std::to_string(*id)
                       + " is outside the vocabulary and ignored");
    return -1;
}

Outcome<Architecture> architectureOf(const GgufFile& file) {
    const GgufValue* name = file.find("general.architecture");
    const auto text = name ? name->text() : std::nullopt;
    if (!text)
        return Error::bad(file.keyText("general.architecture") + ": expected a text, found "
                          + (name ? name->kind() : "no such key"));
    std::string known;
    for (const Architecture& architecture : architectures) {
        if (*text == architecture.name) return architecture;
        known += (known.empty() ? "" : ", ") + std::string(architecture.name);
    }
    return Error::unsupported(file.path().string() + ": architecture " + quotedText(*text)
                              + " is not supported in GGUF (supported: " + known + ")");
}

} // namespace

Outcome<GgufConfig> readGgufConfig(const GgufFile& file) {
    const auto architecture = architectureOf(file);
    if (!architecture) return architecture.error();
    const TensorView* embedding = file.tensor("token_embd.weight");
    if (!embedding || embedding->shape.size() != 2)
        return Error::bad(file.path().string() + ": tensor \"token_embd.weight\": expected a matrix, found "
                          + (embedding ? formatShape(embedding->shape) : "no such tensor"));
    GgufConfig result;
    ModelConfig& config = result.config;
    config.architecture = architecture->hfName;
    config.pairLayout = architecture->pairLayout;
    config.ropeSource.gguf = true;
    Keys keys(file, architecture->name);
    readShape(keys, config);
    refuseExperts(keys);
    if (!keys.error()) architecture->read(keys, config);
    config.ropeTheta = keys.optionalNumber("rope.freq_base", 1e-3, 1e15).value_or(10000.0);
    config.storedRope = readScaling(keys, config);
    for (const auto& [name, usual] :
         {std::pair{"rope.scaling.yarn_beta_fast", 32.0}, std::pair{"rope.scaling.yarn_beta_slow", 1.0}})
        if (const auto beta = keys.optionalNumber(name, 0, 1e6); beta && *beta != usual)
            result.warnings.push_back(file.keyText(std::string(architecture->name) + "." + name) + ": "
                                      + formatNumber(*beta) + " is ignored (" + formatNumber(usual)
                                      + " counts), as llama.cpp does for this architecture");
    if (keys.error()) return *keys.error();
    if (embedding->shape[0] > ConfigLimits::vocabulary)
        return Error::bad(file.path().string() + ": tensor \"token_embd.weight\": expected at most "
                          + formatCount(ConfigLimits::vocabulary) + " rows, found "
                          + formatCount(embedding->shape[0]));
    config.vocabSize = static_cast<int>(embedding->shape[0]);
    config.tiedEmbeddings = file.tensor("output.weight") == nullptr;
    config.bosId = readTokenId(file, "tokenizer.ggml.bos_token_id", config.vocabSize, result.warnings);
    config.eosId = readTokenId(file, "tokenizer.ggml.eos_token_id", config.vocabSize, result.warnings);
    if (const auto window = keys.optionalInteger("attention.sliding_window", 0, ConfigLimits::positions);
        window.value_or(0) > 0 && !config.slidingWindow)
        result.warnings.push_back(file.keyText(std::string(architecture->name) + ".attention.sliding_window")
                                  + ": " + formatCount(*window)
                                  + " is ignored, as llama.cpp does for this architecture");
    if (keys.error()) return *keys.error();
    return result;
}

} // namespace qroar
