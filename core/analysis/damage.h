// Damage of an analysis: many passes with one part of the model quantized at a time, added to a condition
// that was run. The reference's residual streams of all windows are kept, so that a variant of layer l costs
// only the layers from l on. Not here: what the numbers are (core/session/damage.h), bands
// (core/diagnostics/damage_grid.h).
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/inference/weight_source.h"

namespace qroar {

/// Whether the plan asks for damage that the condition does not have, whole or in part; `bands` are those of
/// the session.
bool lacksDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands);

/// The condition with its damage, over all windows of the plan, going on from what it has. The reference is
/// the model as it is, under the same RoPE spec and without scales; a part that is "the condition's" has its
/// weights and its gains. When cancelled: with the layers that are complete, or an error when no new one is.
Outcome<std::shared_ptr<const ConditionResult>>
withDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands,
           std::shared_ptr<const WeightSource> weights, WorkMeter& meter);

/// The same with these weights of the reference, which are asked for in every pass.
Outcome<std::shared_ptr<const ConditionResult>>
withDamage(const AnalysisPlan& plan, const ConditionResult& condition, const BandPartition& bands,
           const std::shared_ptr<const WeightSource>& plain, std::shared_ptr<const WeightSource> weights,
           WorkMeter& meter);

/// Layers that are converted for that, from the start: the condition's own, and those of the reference of
/// which the lowest `kept` are converted once. `batches` are those of this process, `cells` the variants of a
/// layer.
struct DamageLayers {
    double own = 0, reference = 0;
};
DamageLayers damageLayers(int layers, int kept, double batches, double cells);
int damageLayersKept(const ModelConfig& config);

/// Operations, file bytes and peak memory of that, for one condition of `windows` windows from the start.
struct DamageCost {
    double operations = 0, fileBytes = 0, peakBytes = 0;
};
DamageCost damageCost(const AnalysisPlan& plan, int context, long long windows, int bands);

} // namespace qroar
