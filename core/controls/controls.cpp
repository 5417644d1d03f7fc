#include "core/controls/controls.h"

#include "core/base/strings.h"
#include "core/base/work_meter.h"
#include "core/controls/side_by_side.h"

#include <algorithm>
#include <optional>
#include <set>

namespace qroar {

namespace {

/// Indices of variants that go through the windows together; the first one is the reference.
using Group = std::vector<std::size_t>;

std::string label(const ControlVariant& variant) {
    return variant.name + " (" + variant.rope.text() + ", " + variant.weights->spec().text()
           + (variant.scales.empty() ? "" : ", scales " + variant.scales) + ")";
}

Status checkVariants(const ModelConfig& config, const std::vector<ControlVariant>& variants,
                     const std::vector<int>& contexts) {
    if (variants.empty() || contexts.empty())
        return Error::bad("controls need at least one variant and one context length");
    std::set<std::string> seen;
    for (const ControlVariant& variant : variants) {
        if (!variant.weights) return Error::bad("variant " + variant.name + ": has no weights");
        if (!variant.gains.empty() && !variant.gains.fits(config))
            return Error::bad(label(variant) + ": scales for " + std::to_string(variant.gains.layers)
                              + " layers, " + std::to_string(variant.gains.heads) + " heads, "
                              + std::to_string(variant.gains.kvHeads) + " key heads and "
                              + std::to_string(variant.gains.pairs) + " pairs do not fit the model ("
                              + std::to_string(config.layers) + ", " + std::to_string(config.heads) + ", "
                              + std::to_string(config.kvHeads) + ", " + std::to_string(config.pairs()) + ")");
        if (variant.gains.empty() != variant.scales.empty())
            return Error::bad(label(variant) + ": gains and the name of their scale set come together");
        if (!seen.insert(variant.rope.text() + "\n" + variant.name).second)
            return Error::bad(label(variant) + ": is there twice");
    }
    return Done{};
}

/// Variants of one RoPE spec together when they are compared with each other, the reference first; else each
/// alone.
std::vector<Group> groupsOf(const std::vector<ControlVariant>& variants, bool together) {
    std::vector<Group> groups;
    for (std::size_t at = 0; at < variants.size(); ++at) {
        const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
            return together && variants[group.front()].rope == variants[at].rope;
        });
        if (same == groups.end())
            groups.push_back({at});
        else
            same->push_back(at);
    }
    for (Group& group : groups) {
        const auto reference = std::find_if(group.begin(), group.end(), [&](std::size_t at) {
            return variants[at].weights->spec().kind == QuantKind::None && variants[at].gains.empty();
        });
        if (reference != group.end()) std::rotate(group.begin(), reference, reference + 1);
    }
    return groups;
}

/// Everything a run holds on to.
struct Run {
    std::shared_ptr<const Model> model;
    const std::vector<Document>& documents;
    const std::vector<ControlVariant>& variants;
    const ControlOptions& options;
    WorkMeter meter;
};

std::vector<Lane> lanesOf(const Run& run, const Group& group) {
    std::vector<Lane> lanes;
    for (const std::size_t at : group) {
        Lane lane;
        lane.weights = run.variants[at].weights;
        lane.gains = run.variants[at].gains;
        lane.tap = at == 0 ? run.options.tap : nullptr;
        lane.compare = run.options.external || (run.options.divergence && at != group.front());
        lanes.push_back(std::move(lane));
    }
    return lanes;
}

Outcome<std::vector<VariantResult>> runGroup(Run& run, const Group& group, int context) {
    const double start = run.meter.secondsElapsed();
    const ControlVariant& first = run.variants[group.front()];
    auto table = buildFrequencyTable(first.rope, run.model->config().ropeModel(), context);
    if (!table) return table.error();
    const auto documents = run.options.firstToken < 0
                               ? run.documents
                               : startingWith(run.options.firstToken, run.documents, context);
    auto windows = cutWindows(documents, context, run.options.maxWindows);
    if (!windows) return windows.error();
    run.meter.setStage(first.rope.text() + " at " + formatCount(context));
    std::vector<Lane> lanes = lanesOf(run, group);
    ForwardPass pass(run.model, *table, first.weights, context, first.gains);
    Ranks alone;
    std::string names;
    for (const std::size_t at : group) names += label(run.variants[at]) + ", ";
    names += "at " + formatCount(context);
    if (Status ran = shareSideBySide(run.options.ranks ? *run.options.ranks : alone, names, pass,
                                     run.model->config(), *windows, lanes, run.options.external, run.meter);
        !ran)
        return ran.error();
    std::vector<VariantResult> results;
    for (std::size_t at = 0; at < group.size(); ++at) {
        const ControlVariant& variant = run.variants[group[at]];
        Lane& lane = lanes[at];
        const std::string what = label(variant) + " at " + formatCount(context);
        if (Status finite = checkFinite(lane.windows, documents, what); !finite) return finite.error();
        auto condition = std::make_shared<ConditionResult>();
        condition->key = {variant.rope, context, variant.weights->spec(), variant.scales};
        condition->table = *table;
        condition->windows = std::move(lane.windows);
        condition->divergence = std::move(lane.divergence);
        condition->distortions = std::move(lane.distortions);
        if (lane.compare) condition->reference = run.options.external ? run.options.externalName : first.name;
        condition->seconds =
            (run.meter.secondsElapsed() - start) / static_cast<double>(group.size()); // they ran together
        results.push_back({variant.name, std::move(condition)});
    }
    return results;
}

double totalWork(const ModelConfig& config, const std::vector<Document>& documents,
                 const std::vector<int>& contexts, std::size_t variants, int maxWindows) {
    double work = 0;
    for (const int context : contexts)
        if (auto windows = cutWindows(documents, context, maxWindows))
            work +=
                static_cast<double>(windows->size() * variants) * ForwardPass::operations(config, context);
    return work;
}

} // namespace

std::vector<Document> startingWith(TokenId token, std::vector<Document> documents, int context) {
    for (Document& document : documents)
        for (std::size_t at = 0; at < document.tokens.size(); at += static_cast<std::size_t>(context))
            document.tokens[at] = token;
    return documents;
}

Outcome<std::vector<VariantResult>>
runControls(std::shared_ptr<const Model> model, const std::vector<Document>& documents,
            const std::vector<int>& contexts, const std::vector<ControlVariant>& variants,
            const ControlOptions& options, ProgressSink& sink, const VariantCallback& onResult) {
    const ModelConfig& config = model->config();
    if (Status fine = checkVariants(config, variants, contexts); !fine) return fine.error();
    for (const int context : contexts)
        if (auto windows = cutWindows(documents, context, options.maxWindows); !windows)
            return windows.error();
    Run run{model, documents, variants, options,
            WorkMeter(sink, totalWork(config, documents, contexts, variants.size(), options.maxWindows))};
    std::vector<std::optional<VariantResult>> grid(variants.size() * contexts.size());
    for (std::size_t context = 0; context < contexts.size() && !run.meter.cancelled(); ++context)
        for (const Group& group : groupsOf(variants, options.divergence)) {
            auto results = runGroup(run, group, contexts[context]);
            if (!results && results.error().code == ErrorCode::Cancelled) break;
            if (!results) return results.error();
            for (std::size_t at = 0; at < group.size(); ++at) {
                if (onResult) onResult((*results)[at]);
                grid[group[at] * contexts.size() + context] = std::move((*results)[at]);
            }
        }
    std::vector<VariantResult> all;
    for (auto& result : grid)
        if (result) all.push_back(std::move(*result));
    return all;
}

std::vector<ControlVariant> controlVariants(const ModelConfig& config, const RopeSpec& rope,
                                            std::shared_ptr<const WeightSource> full,
                                            std::shared_ptr<const WeightSource> quantized,
                                            const QkGains& gains, const std::string& scales) {
    std::vector<RopeSpec> ropes{rope};
    const bool plain = rope.kind == RopeKind::None
                       || (rope.kind == RopeKind::Model && config.ropeModel().stored.kind == RopeKind::None);
    if (!plain) ropes.emplace_back();
    std::vector<ControlVariant> variants;
    for (const RopeSpec& spec : ropes) {
        variants.push_back({controlFp, spec, full});
        if (quantized) variants.push_back({controlQ, spec, quantized});
        variants.push_back({controlFpScaled, spec, full, gains, scales});
        if (quantized) variants.push_back({controlQScaled, spec, quantized, gains, scales});
    }
    return variants;
}

} // namespace qroar
