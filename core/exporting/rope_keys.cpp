#include "core/exporting/rope_keys.h"

#include "core/base/strings.h"

#include <cmath>

namespace qroar {

namespace {

using Json = nlohmann::ordered_json;

constexpr double mostPositions = 1 << 30;
constexpr const char *originalKey = "original_max_position_embeddings", *maxKey = "max_position_embeddings";

Outcome<int> wholeLength(double length, const char* key) {
    if (!(length >= 1) || length > mostPositions)
        return Error::bad(std::string("config.json: \"") + key + "\": expected 1 to "
                          + formatCount(static_cast<long long>(mostPositions)) + ", it would be "
                          + formatNumber(length));
    return static_cast<int>(std::llround(length));
}

void put(Json& object, const char* key, const std::optional<double>& value) {
    if (value) object[key] = *value; // 32.0, not 32: transformers wants a float
}

void addYarn(const RopeSpec& spec, const FrequencyTable& table, RopeKeys& keys) {
    put(keys.object, "beta_fast", spec.betaFast);
    put(keys.object, "beta_slow", spec.betaSlow);
    put(keys.object, "mscale", spec.mscale);
    put(keys.object, "mscale_all_dim", spec.mscaleAllDim);
    if (spec.truncate) keys.object["truncate"] = *spec.truncate;
    keys.object["attention_factor"] = table.attentionFactor;
    const double usual = table.factor > 1 ? 0.1 * std::log(table.factor) + 1 : 1;
    if (std::abs(table.attentionFactor - usual) > 1e-12)
        keys.notes.push_back(
            "yarn's attention factor " + formatNumber(table.attentionFactor) + " is not the usual "
            + formatNumber(usual)
            + ": config.json says so, but older vLLM versions do not read \"attention_factor\"");
    if (spec.truncate && !*spec.truncate)
        keys.notes.push_back("yarn without rounded ramp ends (truncate=0): older loaders do not know the key "
                             "\"truncate\" and round them");
}

/// The object of a scaled kind, with the names of the type in front.
void fillObject(const RopeSpec& spec, const FrequencyTable& table, int original, RopeKeys& keys) {
    const auto begin = [&](const char* type) { keys.object = Json{{"rope_type", type}, {"type", type}}; };
    switch (spec.kind) {
    case RopeKind::Linear:
    case RopeKind::Dynamic:
        begin(spec.kind == RopeKind::Linear ? "linear" : "dynamic");
        keys.object["factor"] = *spec.factor;
        break;
    case RopeKind::Yarn:
        begin("yarn");
        keys.object["factor"] = table.factor;
        keys.object[originalKey] = original;
        addYarn(spec, table, keys);
        break;
    case RopeKind::Llama3:
        begin("llama3");
        keys.object["factor"] = *spec.factor;
        keys.object["low_freq_factor"] = spec.lowFreqFactor.value_or(1);
        keys.object["high_freq_factor"] = spec.highFreqFactor.value_or(4);
        keys.object[originalKey] = original;
        break;
    case RopeKind::LongRope:
        begin("longrope");
        keys.object["factor"] = table.factor;
        keys.object[originalKey] = original;
        keys.object["attention_factor"] = table.attentionFactor;
        keys.object["short_factor"] = spec.shortFactors;
        keys.object["long_factor"] = spec.longFactors;
        break;
    case RopeKind::None:
    case RopeKind::Model:
    case RopeKind::Ntk:
        break;
    }
}

/// max_position_embeddings and the original beside it, by the policy of ropeKeys().
Status fillLengths(const RopeSpec& spec, const FrequencyTable& table, RopeKeys& keys) {
    const bool unstretched =
        spec.kind == RopeKind::None || spec.kind == RopeKind::Linear || spec.kind == RopeKind::Dynamic;
    const double stretch = unstretched ? 1 : std::max(1.0, table.factor);
    const auto most = wholeLength(stretch * table.trainedContext, maxKey);
    if (!most) return most.error();
    keys.maxPositions = *most;
    const bool named = spec.kind == RopeKind::Ntk || spec.kind == RopeKind::LongRope;
    if (named && *most != static_cast<int>(table.trainedContext))
        keys.original = static_cast<int>(table.trainedContext);
    return Done{};
}

void addNotes(const RopeSpec& spec, const ModelConfig& model, RopeKeys& keys) {
    if (spec.kind == RopeKind::Ntk)
        keys.notes.push_back("ntk is written as rope_theta " + formatNumber(keys.theta) + " (was "
                             + formatNumber(model.ropeTheta) + "): config.json has no other word for it");
    if (spec.kind == RopeKind::Dynamic)
        keys.notes.push_back(
            "dynamic: transformers grows the base with the length of the text, vLLM uses one "
            "base, that of the longest length, for all");
}

/// The object gets the second name of its type. "su", the first name of longrope, is written as longrope:
/// loaders that translate it look at one of the two names only.
void nameTypeTwice(Json& object) {
    if (!object.is_object()) return;
    for (const char* key : {"type", "rope_type"})
        if (object.contains(key) && object[key] == "su") object[key] = "longrope";
    if (!object.contains("rope_type") && object.contains("type")) object["rope_type"] = object["type"];
    if (!object.contains("type") && object.contains("rope_type")) object["type"] = object["rope_type"];
}

/// rope_parameters of one layer type (or of all): only the names of transformers 5.
Json parametersOf(const RopeKeys& keys, const Json& old) {
    Json parameters = keys.object.is_null() ? Json{{"rope_type", "default"}} : keys.object;
    parameters.erase("type");
    parameters["rope_theta"] = keys.theta;
    if (old.contains("partial_rotary_factor"))
        parameters["partial_rotary_factor"] = old["partial_rotary_factor"];
    return parameters;
}

} // namespace

Outcome<RopeKeys> ropeKeys(const RopeSpec& spec, const ModelConfig& model) {
    // At the trained context dynamic NTK has not grown and longrope uses its short list: what is written does
    // not depend on a context.
    const auto table = buildFrequencyTable(spec, model.ropeModel(), 1);
    if (!table) return table.error();
    RopeKeys keys;
    keys.theta = model.ropeTheta;
    const double trained = table->trainedContext;
    if (trained != std::floor(trained))
        return Error::bad("RoPE " + spec.text()
                          + ": config.json needs a whole number as trained context, found "
                          + formatNumber(trained));
    const auto original = wholeLength(trained, originalKey);
    if (!original) return original.error();
    if (spec.kind == RopeKind::Ntk) {
        const double d = model.rotaryDim;
        keys.theta = model.ropeTheta * std::pow(*spec.factor, d / (d - 2));
    }
    fillObject(table->spec, *table, *original, keys);
    if (Status lengths = fillLengths(table->spec, *table, keys); !lengths) return lengths.error();
    addNotes(spec, model, keys);
    return keys;
}

Status writeRope(Json& config, const RopeSpec& spec, const ModelConfig& model,
                 std::vector<std::string>& notes) {
    const auto objectAt = [&config](const char* key) {
        const auto found = config.find(key);
        return found != config.end() && found->is_object();
    };
    if (spec == model.storedRope) {
        if (objectAt("rope_scaling")) nameTypeTwice(config["rope_scaling"]);
        return Done{};
    }
    const auto keys = ropeKeys(spec, model);
    if (!keys) return keys.error();
    notes.insert(notes.end(), keys->notes.begin(), keys->notes.end());
    config[maxKey] = keys->maxPositions;
    config.erase(originalKey);
    if (keys->original) config[originalKey] = *keys->original;
    if (!objectAt("rope_parameters")) {
        config["rope_theta"] = keys->theta;
        config["rope_scaling"] = keys->object;
        return Done{};
    }
    Json& parameters = config["rope_parameters"];
    bool nested = false;
    for (auto& [layerType, value] : parameters.items()) {
        if (!value.is_object()) continue;
        nested = true;
        if (model.localTheta && layerType == "sliding_attention") continue; // never scaled
        value = parametersOf(*keys, value);
    }
    if (!nested) parameters = parametersOf(*keys, parameters);
    if (config.contains("rope_theta")) config["rope_theta"] = keys->theta;
    config.erase("rope_scaling"); // an alias that would say something else
    return Done{};
}

} // namespace qroar
