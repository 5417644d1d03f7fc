#include "core/bench/fma_loops.h"

namespace qroar::bench {

namespace {

// Every accumulator becomes a * 0.75 + 0.25, which goes to 1: neither infinite nor denormal. There must be
// more of them than the latency of an operation times the operations begun in a cycle, and all must stay in
// registers.
constexpr float factor = 0.75F, addend = 0.25F;

/// Fused where the instruction set does that, a multiplication and an addition elsewhere. Inlined into the
/// functions that name the set.
template<int lanes, int accumulators>
[[gnu::always_inline]] inline float multiplyAndAdd(long long rounds) {
    using Lanes [[gnu::vector_size(lanes * sizeof(float))]] = float;
    Lanes sums[accumulators];
    for (int at = 0; at < accumulators; ++at) sums[at] = Lanes{} + static_cast<float>(at);
    for (long long round = 0; round < rounds; ++round)
#pragma GCC unroll 24
        for (int at = 0; at < accumulators; ++at) sums[at] = sums[at] * factor + addend;
    float total = 0;
    for (int at = 0; at < accumulators; ++at)
        for (int lane = 0; lane < lanes; ++lane) total += sums[at][lane];
    return total;
}

constexpr int many = 24, few = 12; ///< accumulators, of 32 and of 16 registers

#if defined(__x86_64__)
#if defined(__clang__) // knows no preference
[[gnu::target("arch=x86-64-v4")]]
#else
[[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]]
#endif
float runAvx512(long long rounds) {
    return multiplyAndAdd<16, many>(rounds);
}
[[gnu::target("arch=x86-64-v3")]] float runAvx2(long long rounds) {
    return multiplyAndAdd<8, few>(rounds);
}
#endif
float runPlain(long long rounds) {
    return multiplyAndAdd<4, few>(rounds);
}

} // namespace

std::vector<FmaLoop> usableFmaLoops() {
    std::vector<FmaLoop> loops;
    const auto add = [&loops](InstructionSet set, int lanes, int accumulators, float (*run)(long long)) {
        if (hasInstructions(set)) loops.push_back({nameOf(set), 2 * lanes * accumulators, run});
    };
#if defined(__x86_64__)
    add(InstructionSet::Avx512, 16, many, runAvx512);
    add(InstructionSet::Avx2, 8, few, runAvx2);
#endif
    add(InstructionSet::Plain, 4, few, runPlain);
    return loops;
}

} // namespace qroar::bench
