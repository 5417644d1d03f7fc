// Workloads of core/bench as benchmarks of Google Benchmark.
#pragma once

#include "core/bench/measure.h"

#include <benchmark/benchmark.h>
#include <omp.h>

namespace qroar::bench {

/// Rates are those of one part of a call: iterations may do several.
inline void registerWorkload(const Workload& work) {
    const std::string name = work.what + (work.model.empty() ? "" : ", " + work.model) + ", " + work.shape
                             + ", threads:" + std::to_string(work.threads);
    benchmark::RegisterBenchmark(name.c_str(), [work](benchmark::State& state) {
        omp_set_num_threads(work.threads);
        WorkDone sum;
        sum.count = 0;
        for (auto _ : state) {
            const auto done = work.run();
            if (!done) {
                state.SkipWithError(done.error().message.c_str());
                return;
            }
            sum.operations += done->operations * done->count;
            sum.bytes += done->bytes * done->count;
            sum.tokens += done->tokens * done->count;
            sum.count += done->count;
        }
        const auto rate = [&](const char* unit, double amount) {
            if (amount > 0) state.counters[unit] = {amount, benchmark::Counter::kIsRate};
        };
        rate("FLOP/s", sum.operations);
        rate("bytes/s", sum.bytes);
        rate("tokens/s", sum.tokens);
        rate("times/s", sum.count);
    })->UseRealTime();
}

} // namespace qroar::bench
