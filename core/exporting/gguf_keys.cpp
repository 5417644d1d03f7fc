#include "core/exporting/gguf_keys.h"

#include "core/exporting/gguf_families.h"
#include "core/exporting/rope_keys.h"

#include <cmath>

namespace qroar {

namespace {

/// Longest length that the scaling is for: what longrope's long factors are used at.
long long scaledLength(const RopeSpec& rope, const ModelConfig& config) {
    const double length = rope.factor.value_or(1) * config.trainedContext();
    return std::max<long long>({config.maxPositions, config.trainedContext() + 1LL, std::llround(length)});
}

std::vector<float> divisorsOf(const FrequencyTable& table) {
    std::vector<float> divisors;
    for (std::size_t pair = 0; pair < table.omega.size(); ++pair)
        divisors.push_back(static_cast<float>(table.plain[pair] / table.omega[pair]));
    return divisors;
}

/// Divisors of every length, or of lengths within L0 and beyond.
Status addDivisors(const RopeSpec& rope, const FrequencyTable& table, const GgufFamily& family,
                   GgufDescription& result) {
    const std::string prefix = result.architecture + ".rope.scaling.";
    const bool two = rope.kind == RopeKind::LongRope && rope.shortFactors != rope.longFactors;
    if (family.ropeTensors == RopeTensors::None)
        return Error::unsupported("RoPE scaling " + table.spec.text()
                                  + ": llama.cpp reads no frequency factors for the architecture "
                                  + result.architecture
                                  + "; linear, ntk and yarn (ramp of 32 and 1 turns, truncated) can "
                                    "be stored");
    const bool named = two || family.ropeTensors == RopeTensors::LongShort;
    result.keys.text(prefix + "type", named ? "longrope" : "none");
    if (table.attentionFactor != 1)
        result.keys.f32(prefix + "attn_factor", static_cast<float>(table.attentionFactor));
    if (!named) {
        result.divisors.emplace_back("rope_freqs.weight", divisorsOf(table));
        return Done{};
    }
    result.keys.u32(prefix + "original_context_length",
                    static_cast<std::uint32_t>(std::llround(table.trainedContext)));
    const auto factors = [](const std::vector<double>& list) {
        return std::vector<float>(list.begin(), list.end());
    };
    result.divisors.emplace_back("rope_factors_long.weight",
                                 two ? factors(rope.longFactors) : divisorsOf(table));
    result.divisors.emplace_back("rope_factors_short.weight",
                                 two ? factors(rope.shortFactors) : divisorsOf(table));
    if (two)
        result.notes.push_back("llama.cpp takes the long factors as soon as its context (-c) is longer than "
                               + std::to_string(std::llround(table.trainedContext))
                               + ", however short the text");
    return Done{};
}

/// yarn with llama.cpp's own ramp: whole ends, clamped as there. Other ends than 32 and 1 turns have keys,
/// but llama.cpp reads them for none of the architectures that are written here.
bool hasOwnYarnKeys(const RopeSpec& rope) {
    return rope.truncate.value_or(true) && rope.betaFast.value_or(32) == 32 && rope.betaSlow.value_or(1) == 1;
}

Status addYarn(const FrequencyTable& table, GgufDescription& result) {
    const std::string prefix = result.architecture + ".rope.scaling.";
    GgufKeys& keys = result.keys;
    keys.text(prefix + "type", "yarn");
    keys.f32(prefix + "factor", static_cast<float>(table.factor));
    keys.u32(prefix + "original_context_length",
             static_cast<std::uint32_t>(std::llround(table.trainedContext)));
    const double usual = 1 + 0.1 * std::log(std::max(1.0, table.factor));
    if (std::abs(table.attentionFactor / usual - 1) > 1e-7) {
        if (result.architecture == "gemma3")
            return Error::unsupported("RoPE scaling " + table.spec.text()
                                      + ": llama.cpp would give its attention factor to the layers with a "
                                        "window of gemma3, too");
        keys.f32(prefix + "attn_factor", static_cast<float>(table.attentionFactor / usual));
    }
    return Done{};
}

Status addRope(const ModelConfig& config, const RopeSpec& rope, const GgufFamily& family,
               GgufDescription& result) {
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
        if (hasOwnYarnKeys(rope)) return addYarn(*table, result);
        break;
    case RopeKind::Llama3:
    case RopeKind::LongRope:
        break;
    }
    return addDivisors(rope, *table, family, result);
}

} // namespace

Outcome<GgufDescription> describeGguf(const ModelConfig& config, const RopeSpec& rope,
                                      const std::string& name) {
    const auto family = ggufFamily(config, scaledLength(rope, config));
    if (!family) return family.error();
    GgufDescription result;
    result.architecture = family->architecture;
    result.rows = family->rows;
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
    if (Status added = family->describe(config, prefix, keys, result.notes); !added) return added.error();
    if (Status added = addRope(config, rope, *family, result); !added) return added.error();
    return result;
}

} // namespace qroar
