// How long a piece of work takes at its best: short measurements of this machine, from which the time of long
// ones is predicted. Not here: benchmarks, which report how times vary (core/bench).
#pragma once

#include <algorithm>
#include <chrono>

namespace qroar {

/// Seconds of the fastest of some runs of `step`, the first of which is not counted: memory is fresh and
/// threads are asleep. At least three runs; no more than six, nor any after 0.1 s. Never 0.
template<class Step>
double fastestSeconds(const Step& step) {
    using Clock = std::chrono::steady_clock;
    double best = 1e9, all = 0;
    for (int run = 0; run < 6 && (run < 3 || all < 0.1); ++run) {
        const auto start = Clock::now();
        step();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        all += seconds;
        if (run > 0) best = std::min(best, seconds);
    }
    return std::max(best, 1e-9);
}

} // namespace qroar
