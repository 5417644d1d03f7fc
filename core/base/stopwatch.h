// How long a piece of work typically takes: short measurements of this machine, from which the time of long
// ones is predicted. Not here: benchmarks, which report how times vary (core/bench).
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace qroar {

/// Seconds of the median of some runs of `step` (the lower one of two), the first of which is not counted:
/// memory is fresh and threads are asleep. A long job has slow moments as well as fast ones, so the best of
/// its runs would promise too much. At least four runs; no more than eight, nor any after 0.1 s. Never 0.
template<class Step>
double typicalSeconds(const Step& step) {
    using Clock = std::chrono::steady_clock;
    std::vector<double> counted;
    double all = 0;
    for (int run = 0; run < 8 && (run < 4 || all < 0.1); ++run) {
        const auto start = Clock::now();
        step();
        const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
        all += seconds;
        if (run > 0) counted.push_back(seconds);
    }
    const auto middle = counted.begin() + (static_cast<std::ptrdiff_t>(counted.size()) - 1) / 2;
    std::nth_element(counted.begin(), middle, counted.end());
    return std::max(*middle, 1e-9);
}

} // namespace qroar
