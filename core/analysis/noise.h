// Quantization noise of an analysis: the reference and the condition go through the layers beside each other,
// without the output head, and what differs is added to a condition that was run. Not here: what is recorded
// (core/capture/noise_statistics.h), metrics (core/diagnostics/noise_grid.h).
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/inference/weight_source.h"

namespace qroar {

/// Whether the condition has a reference to differ from: quantized where the model is not, or with scales.
bool hasReference(const AnalysisPlan& plan, const ConditionKey& key);
/// Whether the plan asks for noise that the condition does not have.
bool lacksNoise(const AnalysisPlan& plan, const ConditionResult& condition);

/// The condition with its noise, over all windows of the plan. The reference is the model as it is, under the
/// same RoPE spec and without scales. Errors: cancelled, errors that are not numbers.
Outcome<std::shared_ptr<const ConditionResult>> withNoise(const AnalysisPlan& plan,
                                                          const ConditionResult& condition,
                                                          std::shared_ptr<const WeightSource> weights,
                                                          WorkMeter& meter);

/// Operations, file bytes and peak memory of that, for one condition of `windows` windows.
struct NoiseCost {
    double operations = 0, fileBytes = 0, peakBytes = 0;
};
NoiseCost noiseCost(const AnalysisPlan& plan, int context, long long windows);

} // namespace qroar
