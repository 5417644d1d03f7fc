// The vector instructions this program can use on the processor it runs on. Chosen once, at run time: one
// binary is fast where it can be and runs everywhere.
#pragma once

namespace qroar {

enum class InstructionSet {
    Plain, ///< what every processor of the architecture has: SSE2 on x86-64, NEON on arm64
    Avx2,  ///< x86-64-v3: AVX2 and FMA
    Avx512 ///< x86-64-v4: AVX-512 F, BW, CD, DQ, VL
};

/// Whether this processor (and its operating system) has it.
bool hasInstructions(InstructionSet set);
/// The widest that it has.
InstructionSet bestInstructions();
const char* nameOf(InstructionSet set);

} // namespace qroar
