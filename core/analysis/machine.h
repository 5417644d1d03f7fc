// What this machine can do: memory that is free, the processor's name, and a short measurement of its speed.
#pragma once

#include "core/base/outcome.h"
#include "core/inference/pass_speed.h"
#include "core/model/config.h"

#include <string>

namespace qroar {

/// Bytes that can be used without swapping and within the limit of the address space; 0 when unknown.
double availableMemory();
/// An error that says both figures when `bytes` are not available for `what`.
Status checkMemory(double bytes, const std::string& what);
/// "AMD EPYC 9354", or "unknown processor".
std::string processorName();
/// What an analysis can expect of this machine on all threads, measured on small pieces of its own work.
struct MachineSpeed {
    PassSpeed pass;
    double captured = 0;  ///< values of q and k a second that statistics take up
    double compared = 0;  ///< logits a second that are compared with a reference's; 0: not measured
    double converted = 0; ///< weights a second that become floats
    double rounded = 0;   ///< and that are quantized by rounding as well
};
/// Steps that not every analysis has.
struct RareSteps {
    bool comparisons = false, reverse = false;
};
/// In about half a second, for a model of this shape; longer with rare steps.
MachineSpeed measureMachine(const ModelConfig& config, RareSteps rare);

} // namespace qroar
