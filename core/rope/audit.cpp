#include "core/rope/audit.h"

#include "core/base/rounded.h"
#include "core/base/strings.h"
#include "core/rope/spec_rules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {

constexpr const char* originalKey = "original_max_position_embeddings";

/// "the attention factor 1.5 is not WHOSE usual 1.20794", with as many digits as tell them apart.
std::string unusualAttention(double factor, double usual, const char* whose) {
    int digits = 6;
    while (digits < 17 && formatRounded(factor, digits) == formatRounded(usual, digits)) ++digits;
    return "the attention factor " + formatRounded(factor, digits) + " is not " + whose + " usual "
           + formatRounded(usual, digits);
}

LoaderVerdict judge(LoaderTable loaded, const FrequencyTable& ours, long long context) {
    LoaderVerdict verdict;
    verdict.loaded = std::move(loaded);
    if (!verdict.loaded.table) {
        verdict.status = LoaderStatus::Refuses;
        return verdict;
    }
    const FrequencyTable& theirs = *verdict.loaded.table;
    const auto length = static_cast<double>(context);
    bool differs = theirs.omega.size() != ours.omega.size();
    for (std::size_t pair = 0; pair < std::min(ours.omega.size(), theirs.omega.size()); ++pair) {
        const double error = std::abs(theirs.omega[pair] - ours.omega[pair]) * length;
        differs = differs || (error > samePhase && error > sameRatio * ours.omega[pair] * length);
        if (error > verdict.phaseError) {
            verdict.phaseError = error;
            verdict.pair = static_cast<int>(pair);
        }
    }
    verdict.attentionRatio = theirs.attentionFactor / ours.attentionFactor;
    if (differs || std::abs(verdict.attentionRatio - 1) > sameAttention)
        verdict.status = LoaderStatus::Differs;
    return verdict;
}

/// Collects the warnings about one checkpoint.
class Linter {
  public:
    Linter(const FrequencyTable& table, const RopeModel& model, bool stored)
        : table_(table), spec_(table.spec), model_(model), stored_(stored) {}

    std::vector<RopeWarning> run() {
        if (stored_ && !model_.source.gguf) lintSpelling();
        if (stored_ && model_.source.gguf) lintGguf();
        lintLengths();
        lintAttention();
        lintKind();
        lintLayers();
        for (const std::string& warning : table_.warnings) // those of lengths are said with their keys
            if (warning.find("max_position_embeddings / ") == std::string::npos)
                warn("rope_scaling", warning);
        return std::move(warnings_);
    }

  private:
    void warn(std::string key, std::string text) { warnings_.push_back({std::move(key), std::move(text)}); }
    [[nodiscard]] bool scaledByLengths() const {
        return spec_.kind == RopeKind::Yarn || spec_.kind == RopeKind::Llama3
               || spec_.kind == RopeKind::LongRope;
    }

    void lintSpelling() {
        const RopeSource& source = model_.source;
        if (!source.type.empty() && !source.oldType.empty() && source.type != source.oldType)
            warn("rope_type", "rope_type says \"" + source.type + "\" and type says \"" + source.oldType
                                  + "\": loaders take one or the other, vLLM refuses");
        if (spec_.kind != RopeKind::None && source.type.empty() && !source.oldType.empty())
            warn("type",
                 "only the old name \"type\" is there: loaders that read \"rope_type\" alone fail with "
                 "a KeyError");
        if (spec_.kind != RopeKind::None && !source.type.empty() && source.oldType.empty())
            warn("rope_type", "only \"rope_type\" is there: transformers before 4.43, vLLM before 0.6 and "
                              "remote code that reads \"type\" fail with a KeyError");
        if (source.parametersOnly)
            warn(
                "rope_parameters",
                "written in the spelling of transformers 5: transformers 4 reads neither the scaling nor the "
                "rope_theta in it, without a message");
        if (source.innerOriginal && source.outerOriginal && *source.innerOriginal != *source.outerOriginal)
            warn(originalKey, "stands twice: " + formatCount(*source.outerOriginal)
                                  + " at the top level, which transformers 5 and vLLM take, and "
                                  + formatCount(*source.innerOriginal)
                                  + " in the scaling, which transformers 4 and llama.cpp take");
        for (const std::string& key : source.ignoredKeys)
            warn(key, "is not read by this program nor by transformers; vLLM reads attn_factor and "
                      "extrapolation_factor of yarn");
    }

    void lintGguf() {
        if (spec_.kind == RopeKind::None) return;
        warn("rope.scaling", "transformers and vLLM read rope.freq_base of a GGUF file and nothing else: a "
                             "model converted or loaded that way loses "
                                 + spec_.text());
        if (spec_.kind == RopeKind::Llama3 || spec_.kind == RopeKind::LongRope)
            warn("rope_freqs.weight", "the scaling is a tensor: --rope-scaling and --rope-scale multiply it, "
                                      "they do not replace it");
    }

    void lintLengths() {
        const bool named = spec_.original || model_.originalMaxPositions;
        if (scaledByLengths() && !named)
            warn(originalKey, "is missing: the ramp counts from max_position_embeddings "
                                  + formatCount(model_.maxPositions)
                                  + ", older vLLM and llama.cpp's converter refuse");
        if (spec_.kind == RopeKind::Yarn && !spec_.factor)
            warn("factor", "is missing: transformers 4 and vLLM refuse, llama.cpp's converter drops the "
                           "scaling");
        const double ratio = model_.maxPositions / table_.trainedContext;
        if (spec_.factor && named && spec_.kind != RopeKind::LongRope && scaledByLengths()
            && std::abs(*spec_.factor / ratio - 1) > 1e-6)
            warn("factor", ropeKindName(spec_.kind) + std::string(": ") + formatNumber(*spec_.factor)
                               + " differs from max_position_embeddings / original_max_position_embeddings = "
                               + formatRounded(ratio) + "; loaders disagree on which counts"
                               + (spec_.kind == RopeKind::Llama3 ? " (usual for Llama 3.1)" : ""));
        if (spec_.kind == RopeKind::LongRope && spec_.factor && std::abs(*spec_.factor / ratio - 1) > 1e-6)
            warn("factor", "longrope: transformers 5 computes the attention factor from "
                               + formatNumber(*spec_.factor)
                               + ", the others from the lengths: " + formatRounded(ratio));
    }

    void lintAttention() {
        const double usual = table_.factor > 1 ? 0.1 * std::log(table_.factor) + 1 : 1;
        if (spec_.kind != RopeKind::Yarn) return;
        if (spec_.mscale.value_or(0) != 0 && spec_.mscaleAllDim.value_or(0) == 0)
            warn("mscale", "counts only together with mscale_all_dim: nobody reads it alone");
        if (std::abs(table_.attentionFactor / usual - 1) > 1e-9 && !(stored_ && model_.source.gguf))
            warn(spec_.attentionFactor ? "attention_factor" : "mscale",
                 unusualAttention(table_.attentionFactor, usual, "yarn's")
                     + ": llama.cpp, older vLLM and (mscale) transformers before 4.48 compute the usual one");
        if ((spec_.betaFast && *spec_.betaFast != yarnBetaFast)
            || (spec_.betaSlow && *spec_.betaSlow != yarnBetaSlow))
            warn("beta_fast", "another ramp than 32 and 1: llama.cpp takes it from its command line only");
        if (spec_.truncate == false)
            warn("truncate", "false is read by transformers from 4.56 and newer vLLM; the others round the "
                             "ends of the ramp");
    }

    void lintKind() {
        if (spec_.kind == RopeKind::Dynamic)
            warn("rope_type",
                 "dynamic: transformers grows the base with the text, vLLM uses one base for all "
                 "lengths, llama.cpp has none; keys already cached keep the old base");
        if (spec_.kind == RopeKind::Llama3 && !model_.source.gguf)
            warn("rope_type", "llama3 has no key in GGUF: the converter writes the tensor rope_freqs.weight "
                              "for llama, mistral and granite, and nothing for the others");
        if (spec_.kind == RopeKind::LongRope && spec_.shortFactors != spec_.longFactors)
            warn("long_factor",
                 "transformers takes the long factors once a text is longer than "
                     + formatNumber(table_.trainedContext)
                     + ", llama.cpp and vLLM for every text once the context they serve is: short texts "
                       "differ by up to "
                     + formatRounded(shortLongPhase(), 4) + " rad at that length");
        if (spec_.kind == RopeKind::Ntk)
            warn("rope_theta", "static NTK is written as a larger rope_theta: no loader has a name for it");
    }

    /// Phase between the short and the long factors at the trained length.
    [[nodiscard]] double shortLongPhase() const {
        double most = 0;
        for (std::size_t pair = 0; pair < table_.plain.size() && pair < spec_.shortFactors.size()
                                   && pair < spec_.longFactors.size();
             ++pair)
            most = std::max(most, std::abs(table_.plain[pair] / spec_.shortFactors[pair]
                                           - table_.plain[pair] / spec_.longFactors[pair]));
        return most * table_.trainedContext;
    }

    void lintLayers() {
        if (model_.rotaryDim != model_.headDim && model_.headDim > 0)
            warn("partial_rotary_factor",
                 std::to_string(model_.rotaryDim) + " of " + std::to_string(model_.headDim)
                     + " dims turn: llama.cpp's converter writes that for phi3 only, transformers' llama "
                       "cannot compute it");
        const std::size_t plainLayers = model_.unscaledLayers.size();
        if (plainLayers == 0) return;
        if (model_.source.architecture == "SmolLM3ForCausalLM") {
            if (!everyFourth())
                warn("no_rope_layers", "llama.cpp leaves out RoPE in every fourth layer, whatever is written "
                                       "here: these layers differ");
        } else if (spec_.kind != RopeKind::None) {
            warn("rope_local_base_freq",
                 std::to_string(plainLayers)
                     + " layers turn at frequencies of their own; the scaling is that of the others. Loaders "
                       "that know one RoPE for all layers scale them too");
        }
    }

    [[nodiscard]] bool everyFourth() const {
        for (const int layer : model_.unscaledLayers)
            if (layer % 4 != 3) return false;
        return true;
    }

    const FrequencyTable& table_;
    const RopeSpec& spec_;
    const RopeModel& model_;
    bool stored_;
    std::vector<RopeWarning> warnings_;
};

} // namespace

const LoaderVerdict& RopeAudit::of(RopeLoader loader) const {
    return *std::find_if(loaders.begin(), loaders.end(),
                         [loader](const LoaderVerdict& one) { return one.loaded.loader == loader; });
}

Outcome<RopeAudit> auditRope(const FrequencyTable& ours, const RopeSpec& spec, const RopeModel& model,
                             long long context) {
    RopeAudit audit;
    audit.ours = ours;
    audit.context = context;
    audit.gguf = model.source.gguf && spec.kind == RopeKind::Model;
    for (const RopeLoader loader : ropeLoaders()) {
        if (loader == RopeLoader::Qroar) continue;
        auto loaded = buildLoaderTable(loader, spec, model, context);
        if (!loaded) return loaded.error();
        audit.loaders.push_back(judge(std::move(*loaded), ours, context));
    }
    audit.warnings = Linter(ours, model, spec.kind == RopeKind::Model).run();
    return audit;
}

std::vector<double> phaseErrors(const RopeAudit& audit, const LoaderVerdict& verdict) {
    std::vector<double> errors;
    if (!verdict.loaded.table) return errors;
    for (std::size_t pair = 0; pair < std::min(audit.ours.omega.size(), verdict.loaded.table->omega.size());
         ++pair)
        errors.push_back(std::abs(verdict.loaded.table->omega[pair] - audit.ours.omega[pair])
                         * static_cast<double>(audit.context));
    return errors;
}

namespace {

std::string flag(const char* name, double value) {
    return std::string(" ") + name + " " + formatNumber(value);
}

std::string yarnFlags(const FrequencyTable& table) {
    const RopeSpec& spec = table.spec;
    std::string flags = "--rope-scaling yarn" + flag("--rope-scale", table.factor)
                        + flag("--yarn-orig-ctx", table.trainedContext) + flag("--yarn-ext-factor", 1);
    if (spec.betaFast) flags += flag("--yarn-beta-fast", *spec.betaFast);
    if (spec.betaSlow) flags += flag("--yarn-beta-slow", *spec.betaSlow);
    return flags;
}

} // namespace

Outcome<std::string> llamaCppFlags(const FrequencyTable& table, const RopeModel& model, long long context) {
    const RopeSpec& spec = table.spec;
    const std::string what = "RoPE " + spec.text() + ": no flags of llama.cpp can say it: ";
    const double d = model.rotaryDim;
    const bool tensors = model.stored.kind == RopeKind::Llama3 || model.stored.kind == RopeKind::LongRope;
    if (tensors && spec != model.stored)
        return Error::unsupported(what + "the file's own " + model.stored.text()
                                  + " is a tensor that multiplies whatever flags ask for");
    switch (spec.kind) {
    case RopeKind::None:
    case RopeKind::Model:
        return std::string("--rope-scaling none");
    case RopeKind::Linear:
        return "--rope-scaling linear" + flag("--rope-scale", table.factor);
    case RopeKind::Ntk:
    case RopeKind::Dynamic:
        return "--rope-scaling none"
               + flag("--rope-freq-base", model.theta * std::pow(table.factor, d / (d - 2)))
               + (spec.kind == RopeKind::Dynamic ? " -c " + std::to_string(context) : "");
    case RopeKind::Yarn: {
        if (spec.truncate == false)
            return Error::unsupported(what + "it always rounds the ends of the ramp (truncate)");
        if (table.trainedContext != std::floor(table.trainedContext))
            return Error::unsupported(what + "--yarn-orig-ctx takes a whole number, not "
                                      + formatNumber(table.trainedContext));
        const double usual = table.factor > 1 ? 0.1 * std::log(table.factor) + 1 : 1;
        if (std::abs(table.attentionFactor / usual - 1) > sameAttention)
            return Error::unsupported(what + unusualAttention(table.attentionFactor, usual, "the")
                                      + ", and --yarn-attn-factor is overwritten while yarn is on; the key "
                                        "rope.scaling.attn_factor of the file can say it");
        return yarnFlags(table);
    }
    case RopeKind::Llama3:
        return Error::unsupported(what
                                  + "llama3's divisors are the tensor rope_freqs.weight of the file, no "
                                    "flag replaces them");
    case RopeKind::LongRope:
        return Error::unsupported(what + "longrope's factors are tensors of the file");
    }
    return Error::bad("unknown kind");
}

} // namespace qroar
