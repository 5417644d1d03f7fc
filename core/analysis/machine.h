// What this machine can do: memory that is free, the processor's name, and a short measurement of its speed.
#pragma once

#include "core/model/config.h"

#include <string>

namespace qroar {

/// Bytes that can be used without swapping; 0 when unknown.
double availableMemory();
/// "AMD EPYC 9354", or "unknown processor".
std::string processorName();
/// Operations a second that a forward pass of this shape may expect on all threads: matrix products of its
/// own sizes, timed for about 50 ms, times the share of them that whole passes were measured to reach.
double measuredOperationsPerSecond(const ModelConfig& config);

} // namespace qroar
