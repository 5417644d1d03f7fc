// What this machine can do at most, measured: single-precision operations a second, of one thread and of all
// of them, and bytes a second from and to memory. The best of several short trials: a peak is what others are
// compared with. Not here: estimates of run times (core/analysis/machine.h).
#pragma once

#include <string>

namespace qroar::bench {

struct MachineRates {
    int threads = 1;                       ///< all of them
    std::string vectors;                   ///< of the loop that was fastest: "AVX-512"
    double oneThread = 0, allThreads = 0;  ///< operations a second
    double readBytes = 0, copiedBytes = 0; ///< a second, all threads; a copied byte counts once
    double memoryTested = 0;               ///< bytes read: more than the caches hold

    /// Of so many threads: measured for one and for all, else the smaller of all and so many times one.
    [[nodiscard]] double peakOf(int count) const;
};

/// Takes about a second. `memoryBytes`: 0 = four times the last cache, at least 256 MiB, at most 1 GiB and a
/// quarter of what is free.
MachineRates measureRates(int threads, double memoryBytes = 0);
/// Only the operations: to see whether the machine has changed since.
void measureOperations(int threads, MachineRates& rates);

} // namespace qroar::bench
