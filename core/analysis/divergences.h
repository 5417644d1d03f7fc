// Divergence of an analysis from full precision: the reference runs beside the condition, and what its
// predictions differ by is kept (or added to a condition that was run without). Not here: the lanes
// themselves (core/controls/side_by_side.h), what the numbers mean (core/evaluate/divergence.h).
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/controls/side_by_side.h"

namespace qroar {

/// Whether the plan asks for a divergence of this condition, which has a reference.
bool isCompared(const AnalysisPlan& plan, const ConditionKey& key);
/// Whether the plan asks for a divergence that the condition does not have.
bool lacksDivergence(const AnalysisPlan& plan, const ConditionResult& condition);

/// The condition itself, last; the reference in front of it where it is compared with one.
Outcome<std::vector<Lane>> lanesOf(const AnalysisPlan& plan, const ConditionKey& key,
                                   std::shared_ptr<const WeightSource> weights, ActivationProbe* probe);
/// What `divergence` of the plan's conditions is measured against, as ConditionResult::reference names it.
const char* referenceName(const AnalysisPlan& plan);

/// The condition with its divergence, over all windows of the plan. Errors: cancelled, predictions that are
/// not numbers.
Outcome<std::shared_ptr<const ConditionResult>> withDivergence(const AnalysisPlan& plan,
                                                               const ConditionResult& condition,
                                                               std::shared_ptr<const WeightSource> weights,
                                                               WorkMeter& meter);

/// Operations, file bytes and peak memory of that, for one condition of `windows` windows.
struct DivergenceCost {
    double operations = 0, fileBytes = 0, peakBytes = 0;
};
DivergenceCost divergenceCost(const AnalysisPlan& plan, int context, long long windows);
/// Bytes beyond the mapped file while a compared condition of `tokens` tokens runs beside its reference,
/// without statistics and results.
double comparedBytes(const AnalysisPlan& plan, int context, long long tokens);

} // namespace qroar
