#include "core/analysis/condition_work.h"

#include "core/analysis/damage.h"
#include "core/analysis/divergences.h"
#include "core/analysis/gradients.h"
#include "core/analysis/noise.h"
#include "core/inference/batches.h"
#include "core/inference/reverse.h"

#include <cmath>

namespace qroar {

namespace {

double layerWeights(const ModelConfig& c) {
    return ForwardPass::layerBytes(c) / sizeof(float);
}
double headWeights(const ModelConfig& c) {
    return ForwardPass::headBytes(c) / sizeof(float);
}

double batchesOf(long long windows, std::ptrdiff_t batchTokens, int context) {
    return std::ceil(static_cast<double>(windows)
                     / static_cast<double>(BatchCut::of(batchTokens, context).windows));
}

/// So many layers of the condition's own weights.
void addOwnLayers(ConditionWork& work, const ModelConfig& c, const ConditionKey& key, double layers) {
    (key.quant.kind == QuantKind::Rtn ? work.rounded : work.converted) += layers * layerWeights(c);
}

/// Forward passes of the condition, and where it is compared of its reference: both have logits, and beside
/// the condition's those of the reference are made once more.
void addPasses(ConditionWork& work, const AnalysisPlan& plan, const ConditionKey& key, long long windows) {
    const ModelConfig& c = plan.model->config();
    const auto tokens = static_cast<double>(windows * key.context);
    const double pass = static_cast<double>(windows) * ForwardPass::operations(c, key.context);
    const double layers =
        c.layers * batchesOf(windows, ForwardPass::batchTokens(c, key.context), key.context);
    work.forward += pass;
    work.converted += headWeights(c);
    addOwnLayers(work, c, key, layers);
    if (!isCompared(plan, key)) return;
    work.forward += pass;
    work.converted += layers * layerWeights(c);
    work.head += 2.0 * tokens * c.hiddenSize * c.vocabSize;
    work.compared += tokens * c.vocabSize;
}

void addReverse(ConditionWork& work, const ModelConfig& c, const ConditionKey& key, long long windows) {
    work.reverse += sensitivityCost(c, key.context, windows).operations;
    work.converted += headWeights(c);
    addOwnLayers(work, c, key,
                 ReversePass::layersTaken(c, key.context)
                     * batchesOf(windows, ReversePass::batchTokens(c), key.context));
}

/// Beside the passes that damageCost() counts, every one of them is compared with the reference, whose logits
/// are made anew, and the NLL of both comes from another look at the two rows.
void addDamage(ConditionWork& work, const AnalysisPlan& plan, const ConditionKey& key, long long windows,
               int bands) {
    constexpr double comparisons = 1.8; // of a row: its divergence, and two more sums of exponentials
    const ModelConfig& c = plan.model->config();
    const double cells = plan.damage == DamageScope::Bands ? 1 + 2.0 * bands : 1;
    const double rows =
        2 * (1 + c.layers * cells) * static_cast<double>(windows * key.context); // with the controls'
    work.forward += damageCost(plan, key.context, windows, bands).operations;
    work.head += 2 * rows * c.hiddenSize * c.vocabSize;
    work.compared += comparisons * rows * c.vocabSize;
    const DamageLayers taken =
        damageLayers(c.layers, damageLayersKept(c),
                     batchesOf(windows, ForwardPass::batchTokens(c, key.context), key.context), cells);
    work.converted += headWeights(c) + taken.reference * layerWeights(c);
    addOwnLayers(work, c, key, taken.own);
}

} // namespace

ConditionWork conditionWork(const AnalysisPlan& plan, const ConditionKey& key, const ConditionResult* held,
                            const BandPartition& bands, long long windows) {
    const ModelConfig& c = plan.model->config();
    ConditionResult nothing;
    nothing.key = key;
    const ConditionResult& have = held ? *held : nothing;
    ConditionWork work;
    if (!held || lacksDivergence(plan, have)) addPasses(work, plan, key, windows);
    if (!held && plan.capture)
        work.captured +=
            2.0 * c.layers * (c.heads + c.kvHeads) * c.rotaryDim * static_cast<double>(windows * key.context);
    if (lacksSensitivity(plan, have)) addReverse(work, c, key, windows);
    if (lacksNoise(plan, have)) {
        const double layers =
            c.layers * batchesOf(windows, ForwardPass::batchTokens(c, key.context) / 2, key.context);
        work.forward += noiseCost(plan, key.context, windows).operations;
        work.converted += layers * layerWeights(c);
        addOwnLayers(work, c, key, layers);
    }
    if (lacksDamage(plan, have, bands)) addDamage(work, plan, key, windows, bands.count());
    return work;
}

double secondsOf(const ConditionWork& work, const ModelConfig& config, int context,
                 const MachineSpeed& speed) {
    double seconds = speed.pass.seconds(config, context, work.forward);
    const auto add = [&](double amount, double rate) {
        if (amount > 0) seconds += amount / rate;
    };
    if (work.reverse > 0) seconds += speed.pass.reverseSeconds(config, context, work.reverse);
    add(work.head, speed.pass.head);
    add(work.compared, speed.compared);
    add(work.captured, speed.captured);
    add(work.converted, speed.converted);
    add(work.rounded, speed.rounded);
    return seconds;
}

} // namespace qroar
