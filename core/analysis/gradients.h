// The reverse pass of an analysis: the sensitivity of a condition's loss to gains and frequencies, added to a
// condition that was run. Not here: the pass itself (core/inference/reverse.h), bands (core/diagnostics).
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/inference/weight_source.h"

namespace qroar {

/// Whether the plan asks for gradients that the condition does not have.
bool lacksSensitivity(const AnalysisPlan& plan, const ConditionResult& condition);

/// The condition with its sensitivity: mean over the predicted tokens of all windows of the plan (convention
/// `all`), with the condition's `weights`, under its scales and frequencies. Errors: cancelled, a gradient
/// that is not a number (names the document).
Outcome<std::shared_ptr<const ConditionResult>> withSensitivity(const AnalysisPlan& plan,
                                                                const ConditionResult& condition,
                                                                std::shared_ptr<const WeightSource> weights,
                                                                WorkMeter& meter);

/// Operations, file bytes and peak memory of that, for one condition of `windows` windows.
struct SensitivityCost {
    double operations = 0, fileBytes = 0, peakBytes = 0;
};
SensitivityCost sensitivityCost(const ModelConfig& config, int context, long long windows);

} // namespace qroar
