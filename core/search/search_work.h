// What a search consists of, counted before it runs: for estimates of its time. Not here: rates
// (core/analysis/machine.h), memory (search.cpp), the report.
#pragma once

#include "core/search/search.h"

namespace qroar {

/// Of `forwardEquivalents` in trials; one gradient is `gradientCost` of them.
SearchWork searchWork(const SearchPlan& plan, double forwardEquivalents, double gradientCost);

/// Layers that are kept as floats from trial to trial: the lowest ones.
int searchLayersKept(const SearchPlan& plan);

} // namespace qroar
