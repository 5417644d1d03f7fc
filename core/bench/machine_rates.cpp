#include "core/bench/machine_rates.h"

#include "core/analysis/machine.h"
#include "core/bench/fma_loops.h"
#include "core/bench/measure.h"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>

namespace qroar::bench {

namespace {

constexpr int trials = 5;

/// Seconds from the moment at which all threads are there to that at which the last one is done.
double together(int threads, const std::function<void(int thread)>& body) {
    double start = 0, end = 0;
#pragma omp parallel num_threads(threads)
    {
#pragma omp barrier
#pragma omp master
        start = wallClock();
#pragma omp barrier
        body(omp_get_thread_num());
#pragma omp barrier
#pragma omp master
        end = wallClock();
    }
    return end - start;
}

/// Operations a second of a loop on so many threads.
double rateOf(const FmaLoop& loop, int threads) {
    constexpr double enough = 0.02; // seconds of a trial
    volatile float sink = 0;
    const auto run = [&](long long rounds) {
        return together(threads, [&](int) { sink = loop.run(rounds); });
    };
    long long rounds = 1 << 16;
    while (run(rounds) < enough && rounds < (1LL << 40)) rounds *= 2;
    double best = 0;
    for (int trial = 0; trial < trials; ++trial)
        best = std::max(best, static_cast<double>(rounds) * loop.operationsPerRound * threads / run(rounds));
    return best;
}

double memoryToTest() {
    constexpr double mebi = 1024.0 * 1024;
    const long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
    const double wanted = std::clamp(4.0 * static_cast<double>(std::max(cache, 0L)), 256 * mebi, 1024 * mebi),
                 available = availableMemory();
    return available > 0 ? std::max(mebi, std::min(wanted, available / 4)) : wanted;
}

/// The same slice for a thread every time, so that its memory is near it.
struct Slice {
    std::size_t first, count;
};
Slice sliceOf(std::size_t words, int thread, int threads) {
    const std::size_t each = words / static_cast<std::size_t>(threads);
    return {each * static_cast<std::size_t>(thread), each};
}

std::uint64_t sumOf(const std::uint64_t* words, std::size_t count) {
    std::uint64_t total = 0;
    for (std::size_t at = 0; at < count; ++at) total += words[at];
    return total;
}

void measureMemory(int threads, double bytes, MachineRates& rates) {
    const std::size_t words = static_cast<std::size_t>(bytes / 8) / static_cast<std::size_t>(threads)
                              * static_cast<std::size_t>(threads);
    const std::unique_ptr<std::uint64_t[]> memory(new std::uint64_t[words]); // touched first by its thread
    rates.memoryTested = 8.0 * static_cast<double>(words);
    together(threads, [&](int thread) {
        const Slice slice = sliceOf(words, thread, threads);
        std::fill_n(memory.get() + slice.first, slice.count, std::uint64_t{1});
    });
    volatile std::uint64_t sink = 0;
    for (int trial = 0; trial < trials; ++trial) {
        const double read = together(threads, [&](int thread) {
            const Slice slice = sliceOf(words, thread, threads);
            sink = sumOf(memory.get() + slice.first, slice.count);
        });
        const double copied = together(threads, [&](int thread) {
            const Slice slice = sliceOf(words, thread, threads);
            std::memcpy(memory.get() + slice.first, memory.get() + slice.first + slice.count / 2,
                        slice.count / 2 * 8);
        });
        rates.readBytes = std::max(rates.readBytes, rates.memoryTested / read);
        rates.copiedBytes = std::max(rates.copiedBytes, rates.memoryTested / 2 / copied);
    }
}

} // namespace

double MachineRates::peakOf(int count) const {
    if (count <= 1) return oneThread;
    return count >= threads ? allThreads : std::min(allThreads, count * oneThread);
}

void measureOperations(int threads, MachineRates& rates) {
    rates.threads = threads;
    rates.oneThread = rates.allThreads = 0;
    for (const FmaLoop& loop : usableFmaLoops()) {
        const double one = rateOf(loop, 1), all = threads > 1 ? rateOf(loop, threads) : one;
        if (all > rates.allThreads) rates.vectors = loop.name;
        rates.oneThread = std::max(rates.oneThread, one);
        rates.allThreads = std::max(rates.allThreads, all);
    }
}

MachineRates measureRates(int threads, double memoryBytes) {
    MachineRates rates;
    measureOperations(threads, rates);
    measureMemory(threads, memoryBytes > 0 ? memoryBytes : memoryToTest(), rates);
    return rates;
}

} // namespace qroar::bench
