// What this machine can do: memory that is free, the processor's name, and a short measurement of its speed.
#pragma once

#include "core/base/outcome.h"
#include "core/model/config.h"

#include <string>

namespace qroar {

/// Bytes that can be used without swapping and within the limit of the address space; 0 when unknown.
double availableMemory();
/// An error that says both figures when `bytes` are not available for `what`.
Status checkMemory(double bytes, const std::string& what);
/// "AMD EPYC 9354", or "unknown processor".
std::string processorName();
/// Operations a second that a forward pass of this shape may expect on all threads: matrix products of its
/// own sizes, timed for about 50 ms, times the share of them that whole passes were measured to reach.
double measuredOperationsPerSecond(const ModelConfig& config);

} // namespace qroar
