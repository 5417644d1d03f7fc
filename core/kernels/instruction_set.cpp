#include "core/kernels/instruction_set.h"

#include <initializer_list>

namespace qroar {

bool hasInstructions(InstructionSet set) {
    if (set == InstructionSet::Plain) return true;
#if defined(__x86_64__)
    const bool avx2 =
        __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (set == InstructionSet::Avx2) return avx2;
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
           && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
           && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

InstructionSet bestInstructions() {
    for (const InstructionSet set : {InstructionSet::Avx512, InstructionSet::Avx2})
        if (hasInstructions(set)) return set;
    return InstructionSet::Plain;
}

const char* nameOf(InstructionSet set) {
    switch (set) {
    case InstructionSet::Avx512:
        return "AVX-512";
    case InstructionSet::Avx2:
        return "AVX2";
    case InstructionSet::Plain:
        break;
    }
#if defined(__aarch64__)
    return "NEON";
#elif defined(__x86_64__)
    return "SSE2";
#else
    return "plain";
#endif
}

} // namespace qroar
