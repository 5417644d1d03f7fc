#include "core/exporting/gguf_keys.h"

#include "core/exporting/rope_keys.h"

#include <cmath>

namespace qroar {

namespace {

/// Longest length that the scaling is for: what longrope's long factors are used at.
long long scaledLength(const RopeSpec& rope, const ModelConfig& config) {
    const double length = rope.factor.value_or(1) * config.trainedContext();
    return std::max<long long>({config.maxPositions, config.trainedContext() + 1LL, std::llround(length)});
}

Status addDivisors(const FrequencyTable& table, GgufDescription& result) {
    if (result.architecture != "llama")
        return Error::unsupported(
            "RoPE scaling " + table.spec.text()
            + ": llama.cpp reads frequency factors for the architecture llama only, not "
            + result.architecture
            + "; linear, ntk and yarn (ramp of 32 and 1 turns, truncated) can be stored");
    for (std::size_t pair = 0; pair < table.omega.size(); ++pair)
        result.divisors.push_back(static_cast<float>(table.plain[pair] / table.omega[pair]));
    return Done{};
}

/// yarn with llama.cpp's own ramp: whole ends, clamped as there. Other ends than 32 and 1 turns have keys,
/// but llama.cpp reads them for none of the architectures that are written here.
bool hasOwnYarnKeys(const RopeSpec& rope) {
    return rope.truncate.value_or(true) && rope.betaFast.value_or(32) == 32 && rope.betaSlow.value_or(1) == 1;
}

void addYarn(const FrequencyTable& table, GgufDescription& result) {
    const std::string prefix = result.architecture + ".rope.scaling.";
    GgufKeys& keys = result.keys;
    keys.text(prefix + "type", "yarn");
    keys.f32(prefix + "factor", static_cast<float>(table.factor));
    keys.u32(prefix + "original_context_length",
             static_cast<std::uint32_t>(std::llround(table.trainedContext)));
    const double usual = 1 + 0.1 * std::log(std::max(1.0, table.factor));
    if (std::abs(table.attentionFactor / usual - 1) > 1e-7)
        keys.f32(prefix + "attn_factor", static_cast<float>(table.attentionFactor / usual));
}

Status addRope(const ModelConfig& config, const RopeSpec& rope, GgufDescription& result) {
    const std::string prefix = result.architecture + ".rope.";
    const auto stored = ropeKeys(rope, config);
    if (!stored) return stored.error();
    result.keys.u32(result.architecture + ".context_length",
                    static_cast<std::uint32_t>(stored->maxPositions));
    result.keys.u32(prefix + "dimension_count", static_cast<std::uint32_t>(config.rotaryDim));
    result.keys.f32(prefix + "freq_base", static_cast<float>(stored->theta));
    const auto table = buildFrequencyTable(rope, config.ropeModel(), scaledLength(rope, config));
    if (!table) return table.error();
    switch (rope.kind) {
    case RopeKind::None:
    case RopeKind::Model:
    case RopeKind::Ntk:
        return Done{};
    case RopeKind::Linear:
        result.keys.text(prefix + "scaling.type", "linear");
        result.keys.f32(prefix + "scaling.factor", static_cast<float>(table->factor));
        return Done{};
    case RopeKind::Dynamic:
        return Error::unsupported(
            "RoPE scaling " + rope.text()
            + " changes with the length, which a GGUF file cannot say; use ntk with the factor "
              "of the length you serve");
    case RopeKind::Yarn:
        if (hasOwnYarnKeys(rope)) {
            addYarn(*table, result);
            return Done{};
        }
        break;
    case RopeKind::Llama3:
    case RopeKind::LongRope:
        break;
    }
    if (rope.kind == RopeKind::LongRope && rope.shortFactors != rope.longFactors)
        return Error::unsupported(
            "longrope with other factors for short contexts: llama.cpp has one list for the "
            "architecture "
            + result.architecture);
    if (table->attentionFactor != 1) {
        result.keys.text(prefix + "scaling.type", "none");
        result.keys.f32(prefix + "scaling.attn_factor", static_cast<float>(table->attentionFactor));
    }
    return addDivisors(*table, result);
}

} // namespace

Outcome<GgufDescription> describeGguf(const ModelConfig& config, const RopeSpec& rope,
                                      const std::string& name) {
    GgufDescription result;
    const bool llama = config.architecture == "LlamaForCausalLM"
                       || config.architecture == "MistralForCausalLM" || config.architecture == "llama2.c";
    const bool qwen = config.architecture == "Qwen2ForCausalLM";
    if (!llama && !qwen && config.architecture != "Qwen3ForCausalLM")
        return Error::unsupported("models of the family " + config.architecture + " are not written as GGUF");
    result.architecture = llama ? "llama" : qwen ? "qwen2" : "qwen3";
    result.rows = llama ? PairLayout::Interleaved : PairLayout::HalfSplit;
    if (llama && config.rotaryDim != config.headDim)
        return Error::unsupported("partial rotary dims (" + std::to_string(config.rotaryDim) + " of "
                                  + std::to_string(config.headDim)
                                  + "): the architecture llama of GGUF rotates whole heads");
    if (config.slidingWindow)
        return Error::unsupported("a sliding window of " + std::to_string(*config.slidingWindow)
                                  + " positions: llama.cpp ignores it for the architecture "
                                  + result.architecture + " and would compute something else");
    GgufKeys& keys = result.keys;
    const std::string prefix = result.architecture + ".";
    const auto number = [&](const char* key, int value) {
        keys.u32(prefix + key, static_cast<std::uint32_t>(value));
    };
    keys.text("general.architecture", result.architecture);
    keys.text("general.name", name);
    number("embedding_length", config.hiddenSize);
    number("block_count", config.layers);
    number("feed_forward_length", config.intermediateSize);
    number("attention.head_count", config.heads);
    number("attention.head_count_kv", config.kvHeads);
    number("attention.key_length", config.headDim);
    number("attention.value_length", config.headDim);
    number("vocab_size", config.vocabSize);
    keys.f32(prefix + "attention.layer_norm_rms_epsilon", static_cast<float>(config.rmsEps));
    if (Status added = addRope(config, rope, result); !added) return added.error();
    return result;
}

} // namespace qroar
