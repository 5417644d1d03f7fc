#include "core/exporting/gguf_families.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

using Notes = std::vector<std::string>;

Status describePlain(const ModelConfig&, const std::string&, GgufKeys&, Notes&) {
    return Done{};
}

/// llama.cpp leaves every fourth layer unturned, whatever a file says.
Status describeSmolLm3(const ModelConfig& config, const std::string&, GgufKeys&, Notes&) {
    for (int layer = 0; layer < config.layers; ++layer)
        if ((config.ropeOf(layer) == LayerRope::None) != ((layer + 1) % 4 == 0))
            return Error::unsupported("layer " + std::to_string(layer)
                                      + ": llama.cpp turns all layers of smollm3 but every fourth");
    return Done{};
}

Status describeSquare(const ModelConfig& config, const std::string& prefix, GgufKeys&, Notes&) {
    if (config.hiddenSize != config.queryDim())
        return Error::unsupported(std::to_string(config.queryDim()) + " rows of queries for a width of "
                                  + std::to_string(config.hiddenSize)
                                  + ": llama.cpp wants them equal for the architecture "
                                  + prefix.substr(0, prefix.size() - 1));
    return Done{};
}

Status describeGranite(const ModelConfig& config, const std::string& prefix, GgufKeys& keys, Notes&) {
    keys.f32(prefix + "attention.scale", static_cast<float>(config.attentionFactor()));
    keys.f32(prefix + "embedding_scale", static_cast<float>(config.embeddingScale));
    keys.f32(prefix + "residual_scale", static_cast<float>(config.residualScale));
    keys.f32(prefix + "logit_scale", static_cast<float>(1 / config.logitScale)); // it divides
    return Done{};
}

/// The scale of q k is not in a file: llama.cpp knows it by the number of layers of the largest model.
Status checkGemmaScale(const ModelConfig& config, int layersOfLargest) {
    const int squared = config.layers == layersOfLargest ? config.hiddenSize / config.heads : config.headDim;
    if (std::abs(config.attentionFactor() * std::sqrt(static_cast<double>(squared)) - 1) > 1e-6)
        return Error::unsupported(
            "query_pre_attn_scalar is "
            + formatNumber(std::round(1e6 / std::pow(config.attentionFactor(), 2)) / 1e6)
            + ": llama.cpp computes with " + std::to_string(squared)
            + " for a model of this shape, which no key changes");
    if (std::abs(config.embeddingScale / std::sqrt(static_cast<double>(config.hiddenSize)) - 1) > 1e-6)
        return Error::unsupported("an embedding factor of " + formatNumber(config.embeddingScale)
                                  + ": llama.cpp computes with the square root of the width");
    return Done{};
}

/// Windows in the layers where llama.cpp puts them without being told, else one flag per layer.
void describeWindows(const ModelConfig& config, int usual, const std::string& prefix, GgufKeys& keys,
                     Notes& notes) {
    keys.u32(prefix + "attention.sliding_window", static_cast<std::uint32_t>(*config.slidingWindow));
    std::vector<bool> windowed;
    bool same = true;
    for (int layer = 0; layer < config.layers; ++layer) {
        windowed.push_back(config.windowOf(layer) > 0);
        same = same && windowed.back() == (layer % usual < usual - 1);
    }
    if (same) return;
    keys.booleans(prefix + "attention.sliding_window_pattern", windowed);
    notes.push_back("windows in other layers than usual: only recent llama.cpp reads them from the file");
}

Status describeGemma2(const ModelConfig& config, const std::string& prefix, GgufKeys& keys, Notes& notes) {
    if (Status fine = checkGemmaScale(config, 46); !fine) return fine;
    if (!config.tiedEmbeddings)
        return Error::unsupported("gemma2 with a head of its own: llama.cpp uses the embedding");
    keys.f32(prefix + "attn_logit_softcapping", static_cast<float>(config.attentionCap.value_or(0)));
    keys.f32(prefix + "final_logit_softcapping", static_cast<float>(config.logitCap.value_or(0)));
    if (!config.attentionCap || !config.logitCap)
        return Error::unsupported("gemma2 without caps of the logits: llama.cpp always caps");
    if (!config.slidingWindow)
        return Error::unsupported("gemma2 without a sliding window: llama.cpp always has one");
    describeWindows(config, 2, prefix, keys, notes);
    return Done{};
}

Status describeGemma3(const ModelConfig& config, const std::string& prefix, GgufKeys& keys, Notes& notes) {
    if (Status fine = checkGemmaScale(config, 62); !fine) return fine;
    if (config.attentionCap)
        return Error::unsupported("gemma3 with a cap of " + formatNumber(*config.attentionCap)
                                  + " on attention logits: llama.cpp has none");
    if (config.logitCap) keys.f32(prefix + "final_logit_softcapping", static_cast<float>(*config.logitCap));
    if (!config.slidingWindow) return Done{}; // every layer sees all and turns as scaled
    describeWindows(config, 6, prefix, keys, notes);
    keys.f32(prefix + "rope.freq_base_swa", static_cast<float>(config.localTheta.value_or(config.ropeTheta)));
    return Done{};
}

constexpr auto interleaved = PairLayout::Interleaved, halfSplit = PairLayout::HalfSplit;
constexpr GgufFamily families[] = {
    {"LlamaForCausalLM", "llama", interleaved, RopeTensors::Any, true, false, describePlain},
    {"MistralForCausalLM", "llama", interleaved, RopeTensors::Any, true, false, describePlain},
    {"llama2.c", "llama", interleaved, RopeTensors::Any, true, false, describePlain},
    {"Qwen2ForCausalLM", "qwen2", halfSplit, RopeTensors::None, false, false, describeSquare},
    {"Qwen3ForCausalLM", "qwen3", halfSplit, RopeTensors::None, false, false, describePlain},
    {"SmolLM3ForCausalLM", "smollm3", interleaved, RopeTensors::None, false, false, describeSmolLm3},
    {"Phi3ForCausalLM", "phi3", halfSplit, RopeTensors::LongShort, false, false, describeSquare},
    {"Gemma2ForCausalLM", "gemma2", halfSplit, RopeTensors::None, false, true, describeGemma2},
    {"Gemma3ForCausalLM", "gemma3", halfSplit, RopeTensors::None, false, true, describeGemma3},
    {"GraniteForCausalLM", "granite", interleaved, RopeTensors::Any, true, false, describeGranite}};

} // namespace

Outcome<GgufFamily> ggufFamily(const ModelConfig& config, long long longest) {
    const auto found = std::find_if(std::begin(families), std::end(families),
                                    [&](const GgufFamily& one) { return one.hfName == config.architecture; });
    if (found == std::end(families))
        return Error::unsupported("models of the family " + config.architecture + " are not written as GGUF");
    const std::string name = found->architecture;
    if (found->rows == interleaved && config.rotaryDim != config.headDim)
        return Error::unsupported("partial rotary dims (" + std::to_string(config.rotaryDim) + " of "
                                  + std::to_string(config.headDim) + "): the architecture " + name
                                  + " of GGUF rotates whole heads");
    if (config.slidingWindow && !found->hasWindows && *config.slidingWindow < longest)
        return Error::unsupported("a sliding window of " + std::to_string(*config.slidingWindow)
                                  + " positions: llama.cpp ignores it for the architecture " + name
                                  + " and would compute something else");
    const bool outputBias = config.attentionBias && config.architecture != "Qwen2ForCausalLM";
    if (!found->hasOutputBiases && (outputBias || config.mlpBias))
        return Error::unsupported(std::string("biases ")
                                  + (config.mlpBias ? "in the MLP" : "behind attention")
                                  + ": llama.cpp has none for the architecture " + name);
    return *found;
}

} // namespace qroar
