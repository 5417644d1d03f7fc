// How far one predicted distribution is from another, from two rows of logits. In double, so that identical
// rows give exactly zero and small divergences keep their digits. Definitions: core/evaluate/divergence.h.
// Not here: where the rows come from (side_by_side.h), statistics over tokens (core/evaluate).
#pragma once

#include <cstddef>
#include <vector>

namespace qroar {

struct RowDivergence {
    double kl = 0;     ///< KL(reference || own), nats
    double deltaP = 0; ///< p(correct) of own minus that of the reference
    bool sameTop = false;
};
/// Both rows are [vocab] logits (any additive constant); `scratch` is resized as needed.
RowDivergence compareRows(const float* reference, const float* own, std::ptrdiff_t vocab,
                          std::ptrdiff_t correct, std::vector<double>& scratch);

/// ln p of a row: the index of its largest logit (the first of equals) and ln sum exp.
struct RowNormalizer {
    std::ptrdiff_t top = 0;
    double logSumExp = 0;
};
RowNormalizer normalizerOf(const float* logits, std::ptrdiff_t vocab);

} // namespace qroar
