#include "core/rope/loaders.h"

#include "core/base/rounded.h"
#include "core/base/strings.h"
#include "core/rope/spec_rules.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr const char* originalKey = "original_max_position_embeddings";

/// What a loader makes of a checkpoint: our own formulas with its choice of lengths, keys and context.
struct Reading {
    RopeSpec spec;
    RopeModel model;
    long long context = 0;
    bool stored = false; ///< the checkpoint's own scaling, so that its spelling counts
    bool refused = false;
    std::vector<std::string> notes;

    [[nodiscard]] double trainedContext() const { return spec.original.value_or(model.trainedContext()); }
    /// original_max_position_embeddings beside max_position_embeddings, not inside the scaling.
    [[nodiscard]] std::optional<int> outerOriginal() const {
        if (model.source.outerOriginal) return model.source.outerOriginal;
        return spec.original ? std::nullopt : model.originalMaxPositions;
    }
    /// The one inside the scaling, also where ours is the other one.
    [[nodiscard]] std::optional<double> innerOriginal() const {
        if (stored && model.source.innerOriginal) return *model.source.innerOriginal;
        return spec.original;
    }
    [[nodiscard]] bool isFamily(const char* architecture) const {
        return model.source.architecture == architecture;
    }
    void note(std::string text) { notes.push_back(std::move(text)); }
    void refuse(std::string why) {
        refused = true;
        note(std::move(why));
    }
    /// Counts from `length`; says so where we do not.
    void trainedAt(double length, const std::string& what, const std::string& key) {
        const double ours = trainedContext();
        spec.original = length;
        if (ours != length)
            note(what + " counts from " + key + ", " + formatNumber(length) + ", not from "
                 + formatNumber(ours));
    }
    /// The trained length is max_position_embeddings, whatever else the checkpoint says.
    void trainedAtMaxPositions(const std::string& what) {
        trainedAt(model.maxPositions, what, "max_position_embeddings");
    }
    /// The top level counts where it names the original length, whatever the scaling says.
    void preferOuterOriginal(const std::string& what) {
        if (const auto outer = outerOriginal())
            trainedAt(*outer, what, std::string(originalKey) + " of the top level");
    }
    /// Another attention factor than yarn's usual one is asked for.
    [[nodiscard]] bool hasOwnAttention() const {
        if (spec.mscale.value_or(0) != 0 && spec.mscaleAllDim.value_or(0) != 0) return true;
        const double factor = spec.factor.value_or(1), usual = factor > 1 ? 0.1 * std::log(factor) + 1 : 1;
        return spec.attentionFactor && std::abs(*spec.attentionFactor / usual - 1) > 1e-9;
    }
    /// Keys of the attention factor that the loader does not read: what is left is 0.1 ln s + 1.
    void dropYarnAttention(const std::string& what) {
        if (hasOwnAttention()) note(what + " does not read attention_factor, mscale and mscale_all_dim");
        spec.attentionFactor.reset();
        spec.mscale.reset();
        spec.mscaleAllDim.reset();
    }
    /// No attention factor of its own: that of max_position_embeddings / L0 (longrope).
    void factorOfLengths() {
        spec.factor.reset();
        spec.attentionFactor.reset();
    }
    /// The scaling does not arrive at all.
    void lose(std::string why) {
        spec = {};
        note(std::move(why));
    }
};

void noteNtk(Reading& reading) {
    const double d = reading.model.rotaryDim;
    reading.note("has no static NTK: give it rope_theta "
                 + formatNumber(reading.model.theta * std::pow(reading.spec.factor.value_or(1), d / (d - 2)))
                 + " and no scaling");
}

/// A GGUF file opened by a program that knows config.json: theta arrives, nothing else.
void readGgufKeys(Reading& reading) {
    if (reading.spec.kind != RopeKind::None)
        reading.lose(
            "of a GGUF file it reads rope.freq_base only: neither rope.scaling nor rope_freqs.weight "
            "arrives");
}

/// The three ways of yarn in transformers 4.
void readYarn4(Reading& reading, RopeLoader loader) {
    RopeSpec& spec = reading.spec;
    if (!spec.factor) return reading.refuse("needs a factor in rope_scaling");
    const auto inner = reading.innerOriginal();
    if (loader == RopeLoader::Transformers4) {
        reading.trainedAtMaxPositions("the ramp");
        if (spec.mscale || spec.mscaleAllDim) reading.note("does not read mscale and mscale_all_dim");
        spec.mscale.reset();
        spec.mscaleAllDim.reset();
    } else if (!inner) {
        reading.trainedAtMaxPositions(std::string("the ramp, without ") + originalKey + " in rope_scaling,");
    } else {
        reading.trainedAt(*inner, "the ramp", std::string(originalKey) + " in rope_scaling");
        const double ratio = reading.model.maxPositions / *inner;
        if (loader == RopeLoader::Transformers48 && ratio != *spec.factor) {
            reading.note("replaces the factor " + formatNumber(*spec.factor)
                         + " by max_position_embeddings / original_max_position_embeddings = "
                         + formatRounded(ratio));
            spec.factor = ratio;
        }
    }
    if (loader == RopeLoader::Transformers457) return;
    if (spec.truncate == false) reading.note("does not read truncate: it always truncates");
    spec.truncate.reset();
}

/// modeling_rope_utils of 4.45 .. 4.57.
void readTransformers4(Reading& reading, RopeLoader loader) {
    if (reading.stored && reading.model.source.parametersOnly) {
        constexpr double defaultTheta = 10000;
        const double theta = reading.model.source.outerTheta.value_or(defaultTheta);
        if (reading.spec.kind != RopeKind::None || theta != reading.model.theta)
            reading.lose("does not read rope_parameters: no scaling, and rope_theta " + formatNumber(theta)
                         + (reading.model.source.outerTheta ? "" : " (its default)"));
        reading.model.theta = theta;
    }
    RopeSpec& spec = reading.spec;
    if (spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (spec.kind == RopeKind::Dynamic) reading.trainedAtMaxPositions("dynamic");
    if (spec.kind == RopeKind::Yarn) readYarn4(reading, loader);
    if (spec.kind == RopeKind::Llama3 && reading.stored && !reading.innerOriginal())
        reading.refuse(std::string("llama3 needs ") + originalKey + " in rope_scaling");
    if (spec.kind == RopeKind::LongRope) {
        if (const auto outer = reading.outerOriginal()) {
            reading.trainedAt(*outer, "longrope", std::string(originalKey) + " of the top level");
            spec.factor = static_cast<double>(reading.model.maxPositions) / *outer; // whatever the factor
        } else {
            reading.trainedAtMaxPositions("longrope without a top-level original_max_position_embeddings");
            if (!spec.factor) spec.factor = 1.0;
        }
    }
}

/// modeling_rope_utils of 5.x.
void readTransformers5(Reading& reading) {
    const RopeKind kind = reading.spec.kind;
    if (kind == RopeKind::Ntk) noteNtk(reading);
    if (kind == RopeKind::Dynamic) reading.trainedAtMaxPositions("dynamic");
    if (kind == RopeKind::Yarn || kind == RopeKind::Llama3 || kind == RopeKind::LongRope)
        reading.preferOuterOriginal(ropeKindName(kind));
    if (kind == RopeKind::Yarn && !reading.spec.factor)
        reading.note("the key factor must be there; null is allowed and means the ratio of the lengths");
}

/// Families whose converter class writes llama3's divisors.
bool isLlamaLike(const Reading& reading) {
    const std::string& name = reading.model.source.architecture;
    return name.empty() || name == "llama2.c" || name == "LlamaForCausalLM" || name == "MistralForCausalLM"
           || name == "GraniteForCausalLM";
}

void convertYarn(Reading& reading) {
    RopeSpec& spec = reading.spec;
    if (!spec.factor)
        return reading.lose(
            "a converter needs the factor in config.json: without it, the scaling is dropped");
    if (reading.stored && !reading.innerOriginal() && !reading.outerOriginal())
        return reading.refuse(std::string("a converter needs ") + originalKey);
    reading.dropYarnAttention("llama.cpp");
    if (spec.truncate == false) reading.note("always truncates the ends of the ramp");
    spec.truncate.reset();
    if (spec.betaFast.value_or(yarnBetaFast) != yarnBetaFast
        || spec.betaSlow.value_or(yarnBetaSlow) != yarnBetaSlow)
        reading.note(
            "beta_fast and beta_slow reach it by --yarn-beta-fast and --yarn-beta-slow only: it does "
            "not read the keys that a converter writes");
    spec.betaFast.reset();
    spec.betaSlow.reset();
}

void convertLlama3(Reading& reading) {
    if (reading.isFamily("SmolLM3ForCausalLM"))
        return reading.refuse("a converter writes rope_freqs.weight, which the architecture smollm3 has no "
                              "place for: the file does not load");
    if (!isLlamaLike(reading))
        return reading.lose("a converter writes llama3's divisors for llama, mistral and granite only: the "
                            "scaling is dropped");
    if (reading.trainedContext() != 8192 && !reading.outerOriginal())
        reading.note("converters of early 2025 take 8,192 unless original_max_position_embeddings stands at "
                     "the top level");
    reading.note("written as the tensor rope_freqs.weight; no rope.scaling key stands for it");
}

void convertDynamic(Reading& reading) {
    const double d = reading.model.rotaryDim, original = reading.trainedContext();
    const double s = reading.spec.factor.value_or(1);
    const double stretch = std::max(1.0, s * static_cast<double>(reading.context) / original - (s - 1));
    reading.lose("has no dynamic NTK: a converter writes no scaling; --rope-freq-base "
                 + formatNumber(reading.model.theta * std::pow(stretch, d / (d - 2))) + " is the same at "
                 + formatCount(reading.context) + " tokens");
}

void convertLongRope(Reading& reading) {
    if (!reading.model.source.architecture.empty() && !reading.isFamily("Phi3ForCausalLM"))
        return reading.lose("a converter writes longrope's factors for phi3 only: the scaling is dropped");
    reading.factorOfLengths();
    reading.note("the long factors count for every position once the context (-c, per sequence) is above the "
                 "trained length");
}

/// The GGUF keys a converter writes, and ggml_rope_ext.
void readLlamaCpp(Reading& reading) {
    if (reading.model.source.gguf && reading.stored) return; // what our reader of GGUF does
    const RopeModel& model = reading.model;
    if (model.rotaryDim != model.headDim && !model.source.architecture.empty()
        && !reading.isFamily("Phi3ForCausalLM"))
        return reading.refuse("a converter writes partial_rotary_factor for phi3 only: it would rotate all "
                              + std::to_string(model.headDim) + " dims, not "
                              + std::to_string(model.rotaryDim));
    switch (reading.spec.kind) {
    case RopeKind::Ntk:
        return noteNtk(reading);
    case RopeKind::Dynamic:
        return convertDynamic(reading);
    case RopeKind::Yarn:
        return convertYarn(reading);
    case RopeKind::Llama3:
        return convertLlama3(reading);
    case RopeKind::LongRope:
        return convertLongRope(reading);
    case RopeKind::None:
    case RopeKind::Model:
    case RopeKind::Linear:
        return;
    }
}

void readVllmDynamic(Reading& reading) {
    reading.trainedAtMaxPositions("dynamic");
    const auto longest =
        static_cast<long long>(std::llround(*reading.spec.factor * reading.model.maxPositions));
    reading.note("dynamic is static here: as if every context had factor * max_position_embeddings = "
                 + formatCount(longest) + " tokens (the newest releases: max_model_len)");
    reading.context = longest;
}

/// vLLM's get_rope, and what it does to the config before.
void readVllm(Reading& reading) {
    RopeSpec& spec = reading.spec;
    const RopeSource& source = reading.model.source;
    if (reading.stored && !source.type.empty() && !source.oldType.empty() && source.type != source.oldType
        && !(source.type == "longrope" && source.oldType == "su"))
        return reading.refuse("refuses rope_type \"" + source.type + "\" beside type \"" + source.oldType
                              + "\"");
    if (spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (spec.kind == RopeKind::Dynamic) return readVllmDynamic(reading);
    const bool named = reading.innerOriginal() || reading.outerOriginal();
    const bool scaled =
        spec.kind == RopeKind::Yarn || spec.kind == RopeKind::Llama3 || spec.kind == RopeKind::LongRope;
    if (scaled) reading.preferOuterOriginal(ropeKindName(spec.kind));
    if (spec.kind == RopeKind::Yarn) {
        if (!spec.factor) reading.refuse("needs a factor in rope_scaling");
        if (!named)
            reading.note("needs original_max_position_embeddings in rope_scaling (releases that use "
                         "transformers 5 take max_position_embeddings)");
        if (reading.hasOwnAttention())
            reading.note("the newest releases read attention_factor and mscale; older ones do not, and are "
                         "shown");
        reading.dropYarnAttention("type yarn");
        if (spec.truncate == false) reading.note("truncate is read since late 2025");
    }
    if (spec.kind == RopeKind::LongRope) {
        reading.factorOfLengths();
        reading.note("the long factors count for every position once max_model_len is above the trained "
                     "length");
    }
}

void readAs(RopeLoader loader, Reading& reading) {
    const bool fromGguf = reading.model.source.gguf && reading.stored;
    switch (loader) {
    case RopeLoader::Qroar:
        return;
    case RopeLoader::LlamaCpp:
        return readLlamaCpp(reading);
    case RopeLoader::Transformers4:
    case RopeLoader::Transformers48:
    case RopeLoader::Transformers457:
        return fromGguf ? readGgufKeys(reading) : readTransformers4(reading, loader);
    case RopeLoader::Transformers5:
        return fromGguf ? readGgufKeys(reading) : readTransformers5(reading);
    case RopeLoader::Vllm:
        return fromGguf ? readGgufKeys(reading) : readVllm(reading);
    }
}

} // namespace

const char* ropeLoaderName(RopeLoader loader) {
    switch (loader) {
    case RopeLoader::Qroar:
        return "qroar";
    case RopeLoader::Transformers4:
        return "transformers 4.4x";
    case RopeLoader::Transformers48:
        return "transformers 4.48";
    case RopeLoader::Transformers457:
        return "transformers 4.57";
    case RopeLoader::Transformers5:
        return "transformers 5";
    case RopeLoader::LlamaCpp:
        return "llama.cpp";
    case RopeLoader::Vllm:
        return "vllm";
    }
    return "?";
}

const std::vector<RopeLoader>& ropeLoaders() {
    static const std::vector<RopeLoader> all{RopeLoader::Qroar,
                                             RopeLoader::Transformers4,
                                             RopeLoader::Transformers48,
                                             RopeLoader::Transformers457,
                                             RopeLoader::Transformers5,
                                             RopeLoader::LlamaCpp,
                                             RopeLoader::Vllm};
    return all;
}

double phaseDifference(const FrequencyTable& a, const FrequencyTable& b, long long context) {
    double largest = 0;
    for (std::size_t pair = 0; pair < std::min(a.omega.size(), b.omega.size()); ++pair)
        largest = std::max(largest, std::abs(a.omega[pair] - b.omega[pair]));
    return largest * static_cast<double>(context);
}

Outcome<LoaderTable> buildLoaderTable(RopeLoader loader, const RopeSpec& spec, const RopeModel& model,
                                      long long context) {
    Outcome<FrequencyTable> ours = buildFrequencyTable(spec, model, context);
    if (!ours) return ours.error();
    Reading reading{ours->spec, model, context, spec.kind == RopeKind::Model, false, {}};
    readAs(loader, reading);
    LoaderTable result{loader, std::nullopt, std::move(reading.notes)};
    if (reading.refused) return result;
    Outcome<FrequencyTable> table = buildFrequencyTable(reading.spec, reading.model, reading.context);
    if (!table) return table.error();
    result.table = std::move(*table);
    return result;
}

} // namespace qroar
