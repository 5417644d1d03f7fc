#include "core/bench/fma_loops.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace qroar::bench {

namespace {

// Every accumulator becomes a * 0.75 + 0.25, which goes to 1: neither infinite nor denormal. There must be
// more of them than the latency of an operation times the operations begun in a cycle, and all must stay in
// registers.
constexpr float factor = 0.75F, addend = 0.25F;

#if defined(__x86_64__)
constexpr int accumulators512 = 24, accumulators256 = 12; // of 32 and of 16 registers

__attribute__((target("avx512f"))) float runAvx512(long long rounds) {
    __m512 sums[accumulators512];
    const __m512 factors = _mm512_set1_ps(factor), addends = _mm512_set1_ps(addend);
    for (int at = 0; at < accumulators512; ++at) sums[at] = _mm512_set1_ps(static_cast<float>(at));
    for (long long round = 0; round < rounds; ++round)
#pragma GCC unroll 24
        for (int at = 0; at < accumulators512; ++at) sums[at] = _mm512_fmadd_ps(sums[at], factors, addends);
    float total = 0, lanes[16]; // _mm512_reduce_add_ps warns in g++ 12
    for (int at = 0; at < accumulators512; ++at) {
        _mm512_storeu_ps(lanes, sums[at]);
        for (const float lane : lanes) total += lane;
    }
    return total;
}

__attribute__((target("avx2,fma"))) float runAvx2(long long rounds) {
    __m256 sums[accumulators256];
    const __m256 factors = _mm256_set1_ps(factor), addends = _mm256_set1_ps(addend);
    for (int at = 0; at < accumulators256; ++at) sums[at] = _mm256_set1_ps(static_cast<float>(at));
    for (long long round = 0; round < rounds; ++round)
#pragma GCC unroll 12
        for (int at = 0; at < accumulators256; ++at) sums[at] = _mm256_fmadd_ps(sums[at], factors, addends);
    float total = 0, lanes[8];
    for (int at = 0; at < accumulators256; ++at) {
        _mm256_storeu_ps(lanes, sums[at]);
        for (const float lane : lanes) total += lane;
    }
    return total;
}
#endif

constexpr int accumulators128 = 12;

/// Four lanes: fused where the compiler does that by itself, a multiplication and an addition elsewhere.
float runNarrow(long long rounds) {
    typedef float Lanes __attribute__((vector_size(16)));
    Lanes sums[accumulators128];
    const Lanes factors = {factor, factor, factor, factor}, addends = {addend, addend, addend, addend};
    for (int at = 0; at < accumulators128; ++at) sums[at] = addends * static_cast<float>(at);
    for (long long round = 0; round < rounds; ++round)
#pragma GCC unroll 12
        for (int at = 0; at < accumulators128; ++at) sums[at] = sums[at] * factors + addends;
    float total = 0;
    for (int at = 0; at < accumulators128; ++at)
        for (int lane = 0; lane < 4; ++lane) total += sums[at][lane];
    return total;
}

} // namespace

std::vector<FmaLoop> usableFmaLoops() {
    std::vector<FmaLoop> loops;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) loops.push_back({"AVX-512", 2 * 16 * accumulators512, runAvx512});
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        loops.push_back({"AVX2", 2 * 8 * accumulators256, runAvx2});
#endif
    loops.push_back({"128 bits", 2 * 4 * accumulators128, runNarrow});
    return loops;
}

} // namespace qroar::bench
