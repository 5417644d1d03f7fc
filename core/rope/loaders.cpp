#include "core/rope/loaders.h"

#include "core/base/strings.h"
#include "core/rope/spec_rules.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// What a loader makes of a checkpoint: our own formulas with its choice of lengths, keys and context.
struct Reading {
    RopeSpec spec;
    RopeModel model;
    long long context = 0;
    bool refused = false;
    std::vector<std::string> notes;

    [[nodiscard]] double trainedContext() const { return spec.original.value_or(model.trainedContext()); }
    void refuse(std::string why) {
        refused = true;
        notes.push_back(std::move(why));
    }
    /// The trained length is max_position_embeddings, whatever else the checkpoint says.
    void trainedAtMaxPositions(const std::string& what) {
        const double ours = trainedContext();
        spec.original = model.maxPositions;
        if (ours != model.maxPositions)
            notes.push_back(what + " counts from max_position_embeddings, " + formatCount(model.maxPositions)
                            + ", not from " + formatNumber(ours));
    }
    /// Keys of the attention factor that the loader does not read: what is left is 0.1 ln s + 1.
    void dropYarnAttention(const std::string& what) {
        if (spec.attentionFactor || spec.mscale || spec.mscaleAllDim)
            notes.push_back(what + " does not read attention_factor, mscale and mscale_all_dim");
        spec.attentionFactor.reset();
        spec.mscale.reset();
        spec.mscaleAllDim.reset();
    }
    /// No attention factor of its own: that of max_position_embeddings / L0 (longrope).
    void factorOfLengths() {
        spec.factor.reset();
        spec.attentionFactor.reset();
    }
};

void noteNtk(Reading& reading) {
    const double d = reading.model.rotaryDim;
    reading.notes.push_back(
        "has no static NTK: give it rope_theta "
        + formatNumber(reading.model.theta * std::pow(reading.spec.factor.value_or(1), d / (d - 2)))
        + " and no scaling");
}

/// modeling_rope_utils of 4.45 .. 4.5x.
void readTransformers4(Reading& reading) {
    RopeSpec& spec = reading.spec;
    if (spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (spec.kind == RopeKind::Dynamic) reading.trainedAtMaxPositions("dynamic");
    if (spec.kind == RopeKind::Yarn) {
        if (!spec.factor) reading.refuse("needs a factor in rope_scaling");
        const double ratio = reading.model.maxPositions / reading.trainedContext();
        if (spec.factor && ratio != *spec.factor)
            reading.notes.push_back("some 4.4x releases replace the factor " + formatNumber(*spec.factor)
                                    + " by max_position_embeddings / original_max_position_embeddings = "
                                    + formatNumber(ratio));
        reading.trainedAtMaxPositions("the ramp");
        if (spec.mscale || spec.mscaleAllDim)
            reading.notes.emplace_back("does not read mscale and mscale_all_dim");
        spec.mscale.reset();
        spec.mscaleAllDim.reset();
        if (spec.truncate == false) reading.notes.emplace_back("does not read truncate: it always truncates");
        spec.truncate.reset();
    }
    if (spec.kind == RopeKind::LongRope) {
        if (reading.model.originalMaxPositions && !spec.original) {
            spec.factor.reset(); // max_position_embeddings / original, whatever the factor
        } else {
            reading.trainedAtMaxPositions("longrope without a top-level original_max_position_embeddings");
            if (!spec.factor) spec.factor = 1.0;
        }
    }
}

/// modeling_rope_utils of 5.x.
void readTransformers5(Reading& reading) {
    if (reading.spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (reading.spec.kind == RopeKind::Dynamic) reading.trainedAtMaxPositions("dynamic");
}

/// The GGUF keys a converter writes, and ggml_rope_ext.
void readLlamaCpp(Reading& reading) {
    RopeSpec& spec = reading.spec;
    if (spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (spec.kind == RopeKind::Dynamic) {
        const double d = reading.model.rotaryDim, original = reading.trainedContext(), s = *spec.factor;
        const double stretch = std::max(1.0, s * static_cast<double>(reading.context) / original - (s - 1));
        reading.notes.push_back("has no dynamic NTK: a converter writes no scaling; --rope-freq-base "
                                + formatNumber(reading.model.theta * std::pow(stretch, d / (d - 2)))
                                + " is the same at " + formatCount(reading.context) + " tokens");
        spec = {};
    }
    if (spec.kind == RopeKind::Yarn) {
        if (!spec.factor) reading.notes.emplace_back("a converter needs the factor in config.json");
        reading.dropYarnAttention("a converter");
        if (spec.truncate == false) reading.notes.emplace_back("always truncates the ends of the ramp");
        spec.truncate.reset();
        if (spec.betaFast || spec.betaSlow)
            reading.notes.emplace_back(
                "beta_fast and beta_slow reach it by --yarn-beta-fast and --yarn-beta-slow "
                "(older converters do not write them)");
    }
    if (spec.kind == RopeKind::Llama3) {
        if (reading.trainedContext() != 8192 && !reading.model.originalMaxPositions)
            reading.notes.emplace_back("converters of early 2025 take 8,192 unless "
                                       "original_max_position_embeddings stands at the top level");
        reading.notes.emplace_back(
            "written as the tensor rope_freqs.weight; no rope.scaling key stands for it");
    }
    if (spec.kind == RopeKind::LongRope) reading.factorOfLengths();
}

/// vLLM's get_rope.
void readVllm(Reading& reading) {
    RopeSpec& spec = reading.spec;
    if (spec.kind == RopeKind::Ntk) noteNtk(reading);
    if (spec.kind == RopeKind::Dynamic) {
        reading.trainedAtMaxPositions("dynamic");
        const auto longest = static_cast<long long>(std::llround(*spec.factor * reading.model.maxPositions));
        reading.notes.push_back("dynamic is static here: as if every context had factor * "
                                "max_position_embeddings = "
                                + formatCount(longest) + " tokens");
        reading.context = longest;
    }
    if (spec.kind == RopeKind::Yarn) {
        if (!spec.factor) reading.refuse("needs a factor in rope_scaling");
        if (!spec.original && !reading.model.originalMaxPositions)
            reading.notes.emplace_back("needs original_max_position_embeddings in rope_scaling");
        reading.dropYarnAttention("type yarn");
    }
    if (spec.kind == RopeKind::LongRope) {
        reading.factorOfLengths();
        reading.notes.emplace_back(
            "the long factors count for every position once max_model_len is above the "
            "trained length");
    }
}

} // namespace

const char* ropeLoaderName(RopeLoader loader) {
    switch (loader) {
    case RopeLoader::Qroar:
        return "qroar";
    case RopeLoader::Transformers4:
        return "transformers 4.4x";
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
    static const std::vector<RopeLoader> all{RopeLoader::Qroar, RopeLoader::Transformers4,
                                             RopeLoader::Transformers5, RopeLoader::LlamaCpp,
                                             RopeLoader::Vllm};
    return all;
}

double phaseDifference(const FrequencyTable& a, const FrequencyTable& b, long long context) {
    double largest = 0;
    for (std::size_t pair = 0; pair < a.omega.size(); ++pair)
        largest = std::max(largest, std::abs(a.omega[pair] - b.omega[pair]));
    return largest * static_cast<double>(context);
}

Outcome<LoaderTable> buildLoaderTable(RopeLoader loader, const RopeSpec& spec, const RopeModel& model,
                                      long long context) {
    Outcome<FrequencyTable> ours = buildFrequencyTable(spec, model, context);
    if (!ours) return ours.error();
    Reading reading{ours->spec, model, context, false, {}};
    switch (loader) {
    case RopeLoader::Qroar:
        break;
    case RopeLoader::Transformers4:
        readTransformers4(reading);
        break;
    case RopeLoader::Transformers5:
        readTransformers5(reading);
        break;
    case RopeLoader::LlamaCpp:
        readLlamaCpp(reading);
        break;
    case RopeLoader::Vllm:
        readVllm(reading);
        break;
    }
    LoaderTable result{loader, std::nullopt, std::move(reading.notes)};
    if (reading.refused) return result;
    Outcome<FrequencyTable> table = buildFrequencyTable(reading.spec, reading.model, reading.context);
    if (!table) return table.error();
    result.table = std::move(*table);
    return result;
}

} // namespace qroar
