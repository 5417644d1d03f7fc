// What is measured of a condition that was run already, over the plan's windows, and added to a copy of it:
// noise (noise.h), divergence (divergences.h). Not here: what is measured.
#pragma once

#include "core/analysis/analysis.h"
#include "core/base/work_meter.h"
#include "core/text/documents.h"

#include <memory>
#include <utility>
#include <vector>

namespace qroar {

/// A copy of the condition with what `add(windows, copy)` puts into it (a Status), and the time that took.
template<class Add>
Outcome<std::shared_ptr<const ConditionResult>>
withAddition(const AnalysisPlan& plan, const ConditionResult& condition, WorkMeter& meter, Add add) {
    const double start = meter.secondsElapsed();
    const auto windows = cutWindows(*plan.documents, condition.key.context, plan.maxWindows);
    if (!windows) return windows.error();
    auto result = std::make_shared<ConditionResult>(condition);
    if (Status added = add(*windows, *result); !added) return added.error();
    result->seconds += meter.secondsElapsed() - start;
    return std::shared_ptr<const ConditionResult>(std::move(result));
}

} // namespace qroar
