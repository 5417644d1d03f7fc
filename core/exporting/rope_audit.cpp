#include "core/exporting/rope_audit.h"

#include "core/base/strings.h"

#include <cmath>

namespace qroar {

namespace {

using Json = nlohmann::ordered_json;

RopeSpec ownScaling() {
    RopeSpec spec;
    spec.kind = RopeKind::Model;
    return spec;
}

bool isOwn(const RopeSpec& spec, const ModelConfig& config) {
    return spec.kind == RopeKind::Model || spec == config.storedRope;
}

/// What the reader makes of the keys that an export writes.
RopeModel writtenModel(const RopeKeys& keys, const FrequencyTable& table, const ModelConfig& config) {
    RopeModel model = config.ropeModel();
    model.theta = keys.theta;
    model.maxPositions = keys.maxPositions;
    model.stored = {};
    model.source = {};
    model.source.architecture = config.architecture;
    model.source.outerOriginal = keys.original;
    model.originalMaxPositions = keys.original;
    if (keys.object.is_null()) return model;
    model.stored = table.spec;
    model.stored.original.reset();
    model.source.type = model.source.oldType = keys.object["rope_type"].get<std::string>();
    if (table.spec.kind == RopeKind::Yarn || table.spec.kind == RopeKind::LongRope) {
        model.stored.factor = table.factor;
        model.stored.attentionFactor = table.attentionFactor;
    }
    const auto inner = keys.object.find("original_max_position_embeddings");
    if (inner == keys.object.end()) return model;
    model.source.innerOriginal = inner->get<int>();
    model.originalMaxPositions = inner->get<int>();
    model.stored.original = inner->get<int>();
    return model;
}

/// The share that the reader turns into the same number of rotary dims.
double rotaryShare(const ModelConfig& config) {
    double share = static_cast<double>(config.rotaryDim) / config.headDim;
    while (static_cast<int>(config.headDim * share) < config.rotaryDim) share = std::nextafter(share, 2.0);
    return share;
}

Json parametersOf(const RopeKeys& keys, const ModelConfig& config) {
    Json parameters = keys.object.is_null() ? Json{{"rope_type", "default"}} : keys.object;
    parameters.erase("type");
    parameters["rope_theta"] = keys.theta;
    if (config.rotaryDim != config.headDim) parameters["partial_rotary_factor"] = rotaryShare(config);
    if (!config.localTheta) return parameters;
    return {{"full_attention", std::move(parameters)},
            {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", *config.localTheta}}}};
}

} // namespace

Outcome<RopeAudit> auditScaling(const RopeSpec& spec, const ModelConfig& config, long long context) {
    const RopeModel own = config.ropeModel();
    const auto ours = buildFrequencyTable(spec, own, context);
    if (!ours) return ours.error();
    if (isOwn(spec, config)) return auditRope(*ours, ownScaling(), own, context);
    const auto keys = ropeKeys(ours->spec, config);
    if (!keys) return keys.error();
    auto audit = auditRope(*ours, ownScaling(), writtenModel(*keys, *ours, config), context);
    if (!audit) return audit.error();
    for (const std::string& note : keys->notes) audit->warnings.push_back({"rope_scaling", note});
    return audit;
}

Outcome<RopeAudit> auditWritten(const FrequencyTable& ours, const ModelConfig& written) {
    return auditRope(ours, ownScaling(), written.ropeModel(), written.maxPositions);
}

Outcome<std::string> ropeConfigText(const RopeSpec& spec, const ModelConfig& config,
                                    ConfigSpelling spelling) {
    const bool own = isOwn(spec, config);
    auto keys = ropeKeys(own ? config.storedRope : spec, config);
    if (!keys) return keys.error();
    if (own) keys->maxPositions = config.maxPositions;
    Json block{{"max_position_embeddings", keys->maxPositions}};
    if (keys->original) block["original_max_position_embeddings"] = *keys->original;
    if (spelling == ConfigSpelling::Transformers5) {
        block["rope_parameters"] = parametersOf(*keys, config);
        return block.dump(2);
    }
    block["rope_theta"] = keys->theta;
    if (config.localTheta) block["rope_local_base_freq"] = *config.localTheta;
    if (config.rotaryDim != config.headDim) block["partial_rotary_factor"] = rotaryShare(config);
    block["rope_scaling"] = keys->object;
    return block.dump(2);
}

std::string verdictText(const LoaderVerdict& verdict, long long context) {
    const std::string name = ropeLoaderName(verdict.loaded.loader);
    const std::string why = verdict.loaded.notes.empty() ? "" : " (" + verdict.loaded.notes.front() + ")";
    if (verdict.status == LoaderStatus::Refuses) return name + " refuses" + why;
    if (verdict.status == LoaderStatus::Same) return {};
    std::string text = name + " computes something else: ";
    if (verdict.phaseError > samePhase)
        text += formatNumber(std::round(verdict.phaseError * 1e4) / 1e4) + " rad in pair "
                + std::to_string(verdict.pair) + " at position " + formatCount(context);
    if (std::abs(verdict.attentionRatio - 1) > sameAttention)
        text += std::string(verdict.phaseError > samePhase ? ", " : "") + "its attention factor is "
                + formatNumber(std::round(verdict.attentionRatio * 1e6) / 1e6) + " times ours";
    return text + why;
}

} // namespace qroar
