#include "core/analysis/gradients.h"

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

/// Means over the predicted tokens.
Sensitivity meanOf(QkGradient sums) {
    Sensitivity mean{sums.layers,
                     sums.heads,
                     sums.kvHeads,
                     sums.pairs,
                     sums.tokens,
                     std::move(sums.lnGainQ),
                     std::move(sums.lnGainK),
                     std::move(sums.lnOmega)};
    for (std::vector<double>* values : {&mean.lnGainQ, &mean.lnGainK, &mean.lnOmega})
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
    int spoiled = -1;
    const auto add = [&](int window, const QkGradient& gradient) {
        if (spoiled < 0 && !allFinite(gradient)) spoiled = window;
        sums.add(gradient);
    };
    if (Status ran = pass.run(*windows, 1, add, meter); !ran) return ran.error();
    if (spoiled >= 0) {
        const Window& window = (*windows)[static_cast<std::size_t>(spoiled)];
        return Error::bad(key.text() + ": the gradient is not a number in "
                          + (*plan.documents)[static_cast<std::size_t>(window.document)].name + ", window "
                          + std::to_string(window.index) + ": its activations overflow on the way back");
    }
    auto result = std::make_shared<ConditionResult>(condition);
    result->sensitivity = meanOf(std::move(sums));
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

SensitivityCost sensitivityCost(const ModelConfig& config, int context, long long windows) {
    SensitivityCost cost;
    cost.operations = static_cast<double>(windows) * ReversePass::operations(config, context);
    cost.fileBytes = 8.0 * config.layers * config.pairs() * (config.heads + config.kvHeads + 1.0);
    cost.peakBytes = ReversePass::peakBytes(config, context, windows * context, omp_get_max_threads());
    return cost;
}

} // namespace qroar
