// What the session lacks of a condition, counted before it runs, and how long that takes on this machine.
// Private to this room. Not here: the rates (machine.h), memory and file size (analysis.cpp).
#pragma once

#include "core/analysis/analysis.h"
#include "core/analysis/machine.h"

namespace qroar {

/// In the units of MachineSpeed's rates.
struct ConditionWork {
    double forward = 0;   ///< operations of forward passes
    double reverse = 0;   ///< of reverse passes
    double head = 0;      ///< of output heads beside them
    double compared = 0;  ///< logits that are compared with a reference's
    double captured = 0;  ///< values of q and k that statistics take up
    double converted = 0; ///< weights that become floats
    double rounded = 0;   ///< weights that do and are rounded as well
};

/// Of `windows` windows of the condition, those of one process: each makes the layers of its own batches and
/// the whole head, however many others there are. `held` (null: nothing) is what the session has of it. Not
/// counted: random numbers of damage's controls, what noise does beside its passes, and waiting for files.
ConditionWork conditionWork(const AnalysisPlan& plan, const ConditionKey& key, const ConditionResult* held,
                            const BandPartition& bands, long long windows);

double secondsOf(const ConditionWork& work, const ModelConfig& config, int context,
                 const MachineSpeed& speed);

} // namespace qroar
