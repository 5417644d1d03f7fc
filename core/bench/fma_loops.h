// Loops that do nothing but multiply and add in registers, one for every width of vectors this program knows:
// what the processor can do at most. Not here: timing (machine_rates.h).
#pragma once

#include "core/kernels/instruction_set.h"

#include <vector>

namespace qroar::bench {

struct FmaLoop {
    const char* name = "";      ///< of the instruction set
    int operationsPerRound = 0; ///< a multiplication and an addition of every lane of every accumulator
    float (*run)(long long rounds) = nullptr; ///< the sum of all lanes, so that nothing is left out
};
/// Those that this processor can run, the widest first; never empty.
std::vector<FmaLoop> usableFmaLoops();

} // namespace qroar::bench
