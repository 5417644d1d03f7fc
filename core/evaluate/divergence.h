// Divergence of a variant's predictions from a reference's, from stored per-token values: the statistics of
// llama-perplexity under the names it prints. Definitions, for one predicted token with the reference's
// distribution p and the variant's q over the vocabulary [std]:
//     KL       sum_i p_i ln(p_i / q_i), nats
//     delta p  q(correct token) - p(correct token)
//     same top the most probable token of both is the same one (the first of equals)
// Not here: how they are computed from logits (core/controls).
#pragma once

#include "core/evaluate/perplexity.h"

namespace qroar {

struct DivergenceBucket {
    int from = 0, to = 0; ///< positions of the predicted token: from <= position < to
    long long tokens = 0;
    double kl = 0;      ///< mean
    double sameTop = 0; ///< share, 0..1
};

struct DivergenceSummary {
    long long tokens = 0;                                   ///< that have a reference
    int windows = 0, documents = 0, blocks = 0;             ///< that contributed
    double mean = 0, median = 0, p90 = 0, p99 = 0, max = 0; ///< of KL; NaN without tokens
    std::optional<double> ciLow, ciHigh;   ///< 95 % of the mean; same bootstrap as NllSummary
    double sameTop = 0;                    ///< share, 0..1
    double meanDeltaP = 0, rmsDeltaP = 0;  ///< of probabilities, 0..1
    std::vector<DivergenceBucket> buckets; ///< edges of positionBuckets(), empty ones left out
};
/// Tokens whose KL is NaN have no reference and are left out.
DivergenceSummary summarizeDivergence(const std::vector<WindowDivergence>& windows, int context,
                                      int trainedContext, Convention convention, int draws = 1000);

} // namespace qroar
