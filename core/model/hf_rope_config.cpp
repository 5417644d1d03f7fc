#include "core/model/hf_rope_config.h"

#include "core/model/hf_config.h"
#include "core/model/json_keys.h"
#include "core/model/json_text.h"

#include <algorithm>
#include <array>

namespace qroar {

namespace {

constexpr double smallest = 1e-12, largestFactor = 1e9;
constexpr const char* originalKey = "original_max_position_embeddings";

/// The three places where a RoPE key may stand.
struct RopeSources {
    KeyReader parameters, scaling, top;

    /// The RoPE object that has the key; rope_scaling when none has, so that messages name it.
    [[nodiscard]] const KeyReader& scoped(const char* key) const {
        return parameters.has(key) || (!scaling.has(key) && parameters.has("rope_type")) ? parameters
                                                                                         : scaling;
    }
    /// The same with the top level as the last place.
    [[nodiscard]] const KeyReader& anywhere(const char* key) const {
        const KeyReader& inner = scoped(key);
        return inner.has(key) ? inner : top;
    }
};

/// rope_parameters or rope_scaling: null when absent. Nested per layer type ({"full_attention": {..}, ..}) it
/// is that one object when all layer types agree, and with `perLayerType` that of full_attention.
const nlohmann::json* ropeObject(const char* key, const KeyReader& top, bool perLayerType) {
    const nlohmann::json* object = top.find(key);
    if (!object) return nullptr;
    if (!object->is_object()) {
        top.fail(key, "an object or null", describeJson(*object));
        return nullptr;
    }
    const auto isObject = [](const nlohmann::json& value) { return value.is_object(); };
    if (std::none_of(object->begin(), object->end(), isObject)) return object;
    if (perLayerType) {
        const auto full = object->find("full_attention");
        if (full != object->end() && full->is_object()) return &*full;
        top.fail(key, "an object \"full_attention\" in it", "none");
        return nullptr;
    }
    const nlohmann::json& first = *object->begin();
    const auto sameAsFirst = [&first](const nlohmann::json& value) { return value == first; };
    if (!std::all_of(object->begin(), object->end(), sameAsFirst))
        top.fail(key, "the same RoPE for every layer type", "different ones, which is not supported");
    return &first;
}

/// Base of the layers with a window out of a nested rope_parameters; nothing when there is none.
std::optional<double> localTheta(const nlohmann::json& config, const std::string& source,
                                 std::optional<Error>& error) {
    const auto parameters = config.find("rope_parameters");
    if (parameters == config.end() || !parameters->is_object()) return std::nullopt;
    const auto local = parameters->find("sliding_attention");
    if (local == parameters->end() || !local->is_object()) return std::nullopt;
    const KeyReader keys(&*local, source + ": rope_parameters: sliding_attention", error);
    const std::string type = keys.optionalText("rope_type").value_or("default");
    if (type != "default")
        keys.fail("rope_type", "\"default\" (a scaled RoPE of layers with a window is not supported)",
                  quotedText(type));
    return keys.optionalNumber("rope_theta", 1.0 + 1e-6, 1e18);
}

/// "rope_type", the old "type", or what the absence of both means.
std::string ropeType(const RopeSources& sources) {
    for (const KeyReader* place : {&sources.parameters, &sources.scaling})
        for (const char* key : {"rope_type", "type"})
            if (place->has(key)) return place->optionalText(key).value_or("default");
    for (const char* key : {"factor", "short_factor", "long_factor", "low_freq_factor"}) {
        const KeyReader& place = sources.scoped(key);
        if (place.has(key))
            place.missing("rope_type", "a RoPE scaling type, as \"factor\" and the like are there");
    }
    return "default";
}

std::optional<double> positive(const RopeSources& sources, const char* key) {
    return sources.scoped(key).optionalNumber(key, smallest, largestFactor);
}

std::optional<double> requiredPositive(const RopeSources& sources, const char* key) {
    return sources.scoped(key).requiredNumber(key, smallest, largestFactor);
}

void readYarn(const RopeSources& sources, bool originalKnown, RopeSpec& spec) {
    spec.kind = RopeKind::Yarn;
    spec.factor = originalKnown ? positive(sources, "factor") : requiredPositive(sources, "factor");
    spec.betaFast = positive(sources, "beta_fast");
    spec.betaSlow = positive(sources, "beta_slow");
    spec.attentionFactor = positive(sources, "attention_factor");
    spec.mscale = sources.scoped("mscale").optionalNumber("mscale", 0, largestFactor);
    spec.mscaleAllDim = sources.scoped("mscale_all_dim").optionalNumber("mscale_all_dim", 0, largestFactor);
    spec.truncate = sources.scoped("truncate").optionalBool("truncate");
}

void readLlama3(const RopeSources& sources, bool originalKnown, RopeSpec& spec) {
    spec.kind = RopeKind::Llama3;
    spec.factor = requiredPositive(sources, "factor");
    spec.lowFreqFactor = requiredPositive(sources, "low_freq_factor");
    spec.highFreqFactor = requiredPositive(sources, "high_freq_factor");
    if (!originalKnown) sources.scoped(originalKey).missing(originalKey, "the trained context length");
    if (spec.lowFreqFactor && spec.highFreqFactor && !(*spec.lowFreqFactor < *spec.highFreqFactor))
        sources.scoped("high_freq_factor")
            .fail("high_freq_factor", "more than low_freq_factor",
                  std::to_string(*spec.highFreqFactor) + " and " + std::to_string(*spec.lowFreqFactor));
}

void readLongRope(const RopeSources& sources, std::size_t pairs, RopeSpec& spec) {
    spec.kind = RopeKind::LongRope;
    spec.factor = positive(sources, "factor");
    spec.attentionFactor = positive(sources, "attention_factor");
    spec.shortFactors =
        sources.scoped("short_factor").numbers("short_factor", pairs, smallest, largestFactor);
    spec.longFactors = sources.scoped("long_factor").numbers("long_factor", pairs, smallest, largestFactor);
}

/// Keys of a scaling that are read here, or that no loader computes with.
bool isKnownKey(const std::string& key) {
    static const std::array known{
        "rope_type",      "type",      "rope_theta",      "partial_rotary_factor", "factor",
        originalKey,      "beta_fast", "beta_slow",       "attention_factor",      "mscale",
        "mscale_all_dim", "truncate",  "low_freq_factor", "high_freq_factor",      "short_factor",
        "long_factor",    "finetuned"};
    return std::find(known.begin(), known.end(), key) != known.end();
}

/// The spelling, for the audit of what other loaders make of it.
RopeSource readSource(const RopeSources& sources, std::optional<int> inner, std::optional<int> outer) {
    RopeSource source;
    const KeyReader& object = sources.parameters.object() ? sources.parameters : sources.scaling;
    source.type = object.optionalText("rope_type").value_or("");
    source.oldType = object.optionalText("type").value_or("");
    source.parametersOnly = sources.parameters.object() && !sources.scaling.object();
    source.outerTheta = sources.top.optionalNumber("rope_theta", 1.0 + 1e-6, 1e18);
    source.innerOriginal = inner;
    source.outerOriginal = outer;
    if (object.object())
        for (const auto& [key, value] : object.object()->items())
            if (!isKnownKey(key) && !value.is_null()) source.ignoredKeys.push_back(key);
    return source;
}

} // namespace

HfRope readHfRope(const nlohmann::json& config, const std::string& source, int headDim, double defaultTheta,
                  bool perLayerType, std::optional<Error>& error) {
    const KeyReader top(&config, source, error);
    const RopeSources sources{
        KeyReader(ropeObject("rope_parameters", top, perLayerType), source + ": rope_parameters", error),
        KeyReader(ropeObject("rope_scaling", top, perLayerType), source + ": rope_scaling", error), top};
    HfRope rope;
    // Yarn and llama3 divide by ln(theta): a base of 1 or less has no meaning.
    rope.theta =
        sources.anywhere("rope_theta").optionalNumber("rope_theta", 1.0 + 1e-6, 1e18).value_or(defaultTheta);
    if (perLayerType) rope.localTheta = localTheta(config, source, error);
    const KeyReader& partial = sources.anywhere("partial_rotary_factor");
    const double share = partial.optionalNumber("partial_rotary_factor", 0.0, 1.0).value_or(1.0);
    rope.rotaryDim = static_cast<int>(headDim * share);
    if (rope.rotaryDim < 2 || rope.rotaryDim % 2 != 0)
        partial.fail(partial.has("partial_rotary_factor") ? "partial_rotary_factor" : "head_dim",
                     "an even number of rotary dims, at least 2", std::to_string(rope.rotaryDim));

    const std::string type = ropeType(sources);
    const bool longRope = type == "longrope" || type == "su";
    const auto inner = sources.scoped(originalKey).optionalInteger(originalKey, 1, ConfigLimits::positions);
    const auto outer = top.optionalInteger(originalKey, 1, ConfigLimits::positions);
    rope.original = longRope && outer ? outer : inner ? inner : outer;
    rope.source = readSource(sources, inner, outer);
    if (inner && rope.original == inner) rope.spec.original = *inner;

    if (type == "linear" || type == "dynamic") {
        rope.spec.kind = type == "linear" ? RopeKind::Linear : RopeKind::Dynamic;
        rope.spec.factor = requiredPositive(sources, "factor");
    } else if (type == "yarn") {
        readYarn(sources, rope.original.has_value(), rope.spec);
    } else if (type == "llama3") {
        readLlama3(sources, rope.original.has_value(), rope.spec);
    } else if (longRope) {
        readLongRope(sources, static_cast<std::size_t>(rope.rotaryDim / 2), rope.spec);
    } else if (type == "default") {
        rope.spec = {};
    } else {
        sources.scoped("rope_type")
            .fail("rope_type", "default, linear, dynamic, yarn, llama3 or longrope", quotedText(type));
    }
    return rope;
}

} // namespace qroar
