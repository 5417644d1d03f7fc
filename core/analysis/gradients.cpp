#include "core/analysis/gradients.h"

#include "core/evaluate/blocks.h"
#include "core/evaluate/gradient_blocks.h"
#include "core/inference/reverse.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

bool allFinite(const QkGradient& gradient) {
    const auto finite = [](const std::vector<double>& values) {
        return std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
    };
    return finite(gradient.lnGainQ) && finite(gradient.lnGainK) && finite(gradient.lnOmega);
}

/// Which block every window belongs to.
std::vector<int> blocksOf(std::span<const Window> windows) {
    std::vector<WindowPlace> places;
    for (const Window& window : windows) places.push_back({window.document, window.index});
    return gradientBlocks(places);
}

/// Adds a window's sums over heads to its block's.
void addToBlock(std::vector<double>& sums, int block, const QkGradient& gradient) {
    const std::size_t pairs = static_cast<std::size_t>(gradient.pairs);
    const std::size_t cells = static_cast<std::size_t>(gradient.layers) * pairs;
    if (sums.size() < (static_cast<std::size_t>(block) + 1) * cells)
        sums.resize((static_cast<std::size_t>(block) + 1) * cells, 0.0);
    double* into = sums.data() + static_cast<std::size_t>(block) * cells;
    for (std::size_t row = 0; row * pairs < gradient.lnGainQ.size(); ++row) // layer, head
        for (std::size_t pair = 0; pair < pairs; ++pair)
            into[row / static_cast<std::size_t>(gradient.heads) * pairs + pair] +=
                gradient.lnGainQ[row * pairs + pair];
}

/// Means over the predicted tokens; `blocks` are the sums of addToBlock().
Sensitivity meanOf(QkGradient sums, std::vector<double> blocks) {
    Sensitivity mean{sums.layers,
                     sums.heads,
                     sums.kvHeads,
                     sums.pairs,
                     sums.tokens,
                     std::move(sums.lnGainQ),
                     std::move(sums.lnGainK),
                     std::move(sums.lnOmega),
                     static_cast<int>(blocks.size() / static_cast<std::size_t>(sums.layers * sums.pairs)),
                     std::move(blocks)};
    for (std::vector<double>* values : {&mean.lnGainQ, &mean.lnGainK, &mean.lnOmega, &mean.blockGain})
        for (double& value : *values) value /= static_cast<double>(mean.tokens);
    return mean;
}

} // namespace

bool lacksSensitivity(const AnalysisPlan& plan, const ConditionResult& condition) {
    return plan.gradients && condition.sensitivity.empty();
}

Outcome<std::shared_ptr<const ConditionResult>> withSensitivity(const AnalysisPlan& plan,
                                                                const ConditionResult& condition,
                                                                std::shared_ptr<const WeightSource> weights,
                                                                WorkMeter& meter) {
    const double start = meter.secondsElapsed();
    const ConditionKey& key = condition.key;
    auto windows = cutWindows(*plan.documents, key.context, plan.maxWindows);
    if (!windows) return windows.error();
    ReversePass pass(plan.model, condition.table, std::move(weights), key.context, plan.gainsOf(key));
    QkGradient sums = QkGradient::zero(plan.model->config());
    const std::vector<int> blocks = blocksOf(*windows);
    std::vector<double> blockSums;
    int spoiled = -1;
    const auto add = [&](int window, const QkGradient& gradient) {
        if (spoiled < 0 && !allFinite(gradient)) spoiled = window;
        sums.add(gradient);
        addToBlock(blockSums, blocks[static_cast<std::size_t>(window)], gradient);
    };
    if (Status ran = pass.run(*windows, 1, add, meter); !ran) return ran.error();
    if (spoiled >= 0) {
        const Window& window = (*windows)[static_cast<std::size_t>(spoiled)];
        return Error::bad(key.text() + ": the gradient is not a number in "
                          + (*plan.documents)[static_cast<std::size_t>(window.document)].name + ", window "
                          + std::to_string(window.index) + ": its activations overflow on the way back");
    }
    auto result = std::make_shared<ConditionResult>(condition);
    result->sensitivity = meanOf(std::move(sums), std::move(blockSums));
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

SensitivityCost sensitivityCost(const ModelConfig& config, int context, long long windows) {
    SensitivityCost cost;
    cost.operations = static_cast<double>(windows) * ReversePass::operations(config, context);
    cost.fileBytes =
        8.0 * config.layers * config.pairs() * (config.heads + config.kvHeads + 1.0 + wantedRunBlocks);
    cost.peakBytes = ReversePass::peakBytes(config, context, windows * context, omp_get_max_threads());
    return cost;
}

} // namespace qroar
