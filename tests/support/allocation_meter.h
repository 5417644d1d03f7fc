// Counts what a test program allocates with operator new: include in exactly one source of a test. The peak
// is of bytes asked for and not given back, so that a reader that trusts a number in a file shows before the
// memory is touched.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <malloc.h>
#include <new>

namespace qroar::test {

inline std::atomic<long long> liveBytes{0}, peakBytes{0};

inline void* meteredAllocation(std::size_t bytes) {
    void* memory = std::malloc(bytes > 0 ? bytes : 1);
    const long long live =
        liveBytes.fetch_add(static_cast<long long>(memory ? malloc_usable_size(memory) : bytes))
        + static_cast<long long>(bytes);
    long long peak = peakBytes.load();
    while (live > peak && !peakBytes.compare_exchange_weak(peak, live)) {
    }
    if (!memory) throw std::bad_alloc();
    return memory;
}

inline void meteredRelease(void* memory) {
    if (memory) liveBytes.fetch_sub(static_cast<long long>(malloc_usable_size(memory)));
    std::free(memory);
}

/// Peak of bytes allocated while `work` ran, beyond what was there before.
template<class Work>
long long peakOf(Work work) {
    const long long before = liveBytes.load();
    peakBytes.store(before);
    work();
    return peakBytes.load() - before;
}

} // namespace qroar::test

void* operator new(std::size_t bytes) {
    return qroar::test::meteredAllocation(bytes);
}
void* operator new[](std::size_t bytes) {
    return qroar::test::meteredAllocation(bytes);
}
void operator delete(void* memory) noexcept {
    qroar::test::meteredRelease(memory);
}
void operator delete[](void* memory) noexcept {
    qroar::test::meteredRelease(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    qroar::test::meteredRelease(memory);
}
void operator delete[](void* memory, std::size_t) noexcept {
    qroar::test::meteredRelease(memory);
}
