#include "core/bench/measure.h"

#include <omp.h>

#include <algorithm>
#include <chrono>

namespace qroar::bench {

namespace {

/// OpenMP's number of threads for a while.
class ThreadCount {
  public:
    explicit ThreadCount(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
    ~ThreadCount() { omp_set_num_threads(before_); }
    ThreadCount(const ThreadCount&) = delete;
    ThreadCount& operator=(const ThreadCount&) = delete;

  private:
    int before_;
};

Status measureOnce(const Workload& work, Measured* into) {
    const ThreadCount threads(work.threads);
    const double start = wallClock();
    auto done = work.run();
    const double took = wallClock() - start;
    if (!done) return done.error();
    if (!into) return Done{};
    const double grows = std::max(0.0, took - done->fixedSeconds);
    into->seconds.push_back(took / done->count);
    into->whole.push_back((took + grows * (work.layerScale - 1)) / done->count);
    into->done = *done;
    return Done{};
}

} // namespace

double wallClock() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Spread spreadOf(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const std::size_t middle = values.size() / 2;
    const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
    return {median, values.front(), values.back()};
}

Outcome<std::vector<Measured>> alternate(const std::vector<Workload>& work, int repeats, bool warmUp,
                                         const ProgressSink& sink) {
    std::vector<Measured> all(work.size());
    for (int repeat = warmUp ? -1 : 0; repeat < repeats; ++repeat)
        for (std::size_t at = 0; at < work.size(); ++at) {
            if (sink.cancelled()) return Error::cancelled();
            if (Status done = measureOnce(work[at], repeat < 0 ? nullptr : &all[at]); !done)
                return done.error();
        }
    return all;
}

} // namespace qroar::bench
