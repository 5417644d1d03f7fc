// RoPE frequency tables a second time, from the formulas of method.md section 3, for tests to compare with.
// Deliberately shares no code with core/rope. Covers every kind of core/rope.
#pragma once

#include <vector>

namespace qroar::test {

struct ReferenceRope {
    enum class Kind { None, Linear, Ntk, Dynamic, Yarn, Llama3, LongRope };
    Kind kind = Kind::None;
    double factor = 1;         ///< s
    double trainedContext = 0; ///< L0; needed by dynamic, yarn, llama3 and longrope
    double betaFast = 32, betaSlow = 1;
    double lowFreqFactor = 1, highFreqFactor = 4;
    std::vector<double> shortFactors{}, longFactors{}; ///< [d/2] divisors of longrope: up to L0, beyond
};

struct ReferenceRopeTable {
    std::vector<double> omega;  ///< [d/2] radians per position
    double attentionFactor = 1; ///< multiplies cos and sin
};

/// d = rotaryDim; `context` = L, for dynamic and longrope.
ReferenceRopeTable referenceRopeTable(const ReferenceRope& rope, int rotaryDim, double theta, double context);

} // namespace qroar::test
