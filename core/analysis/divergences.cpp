#include "core/analysis/divergences.h"

#include "core/analysis/addition.h"
#include "core/analysis/noise.h"
#include "core/analysis/shared_ranks.h"
#include "core/controls/controls.h"
#include "core/inference/forward.h"

#include <omp.h>

#include <algorithm>

namespace qroar {

bool isCompared(const AnalysisPlan& plan, const ConditionKey& key) {
    return plan.divergence && hasReference(plan, key);
}

bool lacksDivergence(const AnalysisPlan& plan, const ConditionResult& condition) {
    return condition.divergence.empty() && isCompared(plan, condition.key);
}

const char* referenceName(const AnalysisPlan& plan) {
    return plan.model->isQuantized() ? controlQ : controlFp;
}

Outcome<std::vector<Lane>> lanesOf(const AnalysisPlan& plan, const ConditionKey& key,
                                   std::shared_ptr<const WeightSource> weights, ActivationProbe* probe) {
    std::vector<Lane> lanes;
    if (isCompared(plan, key)) {
        auto plain = openWeights(plan.model, plainQuant(*plan.model));
        if (!plain) return plain.error();
        lanes.emplace_back().weights = std::move(*plain);
    }
    Lane& lane = lanes.emplace_back();
    lane.weights = std::move(weights);
    lane.gains = plan.gainsOf(key);
    lane.probe = probe;
    lane.compare = lanes.size() > 1;
    return lanes;
}

Outcome<std::shared_ptr<const ConditionResult>> withDivergence(const AnalysisPlan& plan,
                                                               const ConditionResult& condition,
                                                               std::shared_ptr<const WeightSource> weights,
                                                               WorkMeter& meter) {
    const auto add = [&](const std::vector<Window>& windows, ConditionResult& result) -> Status {
        auto lanes = lanesOf(plan, result.key, std::move(weights), nullptr);
        if (!lanes) return lanes.error();
        ForwardPass pass(plan.model, result.table, lanes->front().weights, result.key.context);
        const SharedRanks ranks(plan);
        if (Status ran = shareSideBySide(*ranks, result.key.text() + ", divergence", pass,
                                         plan.model->config(), windows, *lanes, nullptr, meter);
            !ran)
            return ran;
        if (Status finite = checkFinite(lanes->back().windows, *plan.documents, result.key.text()); !finite)
            return finite;
        result.divergence = std::move(lanes->back().divergence);
        result.reference = referenceName(plan);
        return Done{};
    };
    return withAddition(plan, condition, meter, add);
}

double comparedBytes(const AnalysisPlan& plan, int context, long long tokens) {
    const ModelConfig& config = plan.model->config();
    const int threads = omp_get_max_threads();
    const double reference = ForwardPass::streamBytes(config, context, tokens);
    PassMemory memory =
        ForwardPass::batchMemory(config, context, reference / (4.0 * config.hiddenSize), threads);
    memory.layers += ForwardPass::headBytes(config);            // the second lane finds it there
    memory.logits += ForwardPass::logitsBytes(config, threads); // and makes the reference's, to compare
    return memory.peak() + reference;
}

DivergenceCost divergenceCost(const AnalysisPlan& plan, int context, long long windows) {
    const ModelConfig& config = plan.model->config();
    const long long tokens = windows * context;
    DivergenceCost cost;
    cost.operations = 2.0 * static_cast<double>(windows) * ForwardPass::operations(config, context);
    cost.fileBytes = 8.0 * static_cast<double>(tokens) / 1.2; // of noise that hardly compresses
    cost.peakBytes = comparedBytes(plan, context, tokens) + 13.0 * static_cast<double>(tokens);
    return cost;
}

} // namespace qroar
