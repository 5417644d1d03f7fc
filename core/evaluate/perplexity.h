// Perplexity from stored per-token NLL: means, position buckets, block bootstrap intervals (blocks.h), paired
// differences and contrasts, and the four-way split with its interaction term (method.md sections 6 and 8).
// Natural logarithms throughout. Not here: the forward pass that made the NLL, KL between conditions, tables
// (nll_table.h).
#pragma once

#include "core/session/session.h"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qroar {

enum class Convention {
    All,      ///< every predicted token of a window
    LastHalf, ///< llama-perplexity's: tokens predicted from positions context/2 .. context-2
};
const char* conventionName(Convention convention); ///< "all", "last-half"

/// The predictions a convention takes of a window: [first, end) into its nll.
struct TokenRange {
    std::size_t first = 0, end = 0;
};
TokenRange countedTokens(std::size_t predictions, int context, Convention convention);

struct NllBucket {
    int from = 0, to = 0; ///< positions of the predicted token: from <= position < to
    long long tokens = 0;
    double nll = 0; ///< mean
};

struct NllSummary {
    long long tokens = 0;
    int windows = 0, documents = 0;      ///< that contributed
    int blocks = 0;                      ///< that were resampled
    double nll = 0, perplexity = 0;      ///< token-weighted mean and its exponential; NaN without tokens
    std::optional<double> ciLow, ciHigh; ///< 95 % of nll; absent when there is only one block to resample
    std::vector<NllBucket> buckets;      ///< edges of positionBuckets(), empty ones left out
};
/// Blocks of the bootstrap are documents; with fewer than six, contiguous runs of their windows (blocks.h).
/// Percentile interval of the token-weighted mean (Efron; the block form is standard), fixed seed. A
/// non-finite NLL makes the means non-finite and leaves the interval out.
NllSummary summarizeNll(const std::vector<WindowNll>& windows, int context, int trainedContext,
                        Convention convention, int draws = 1000);

/// How much worse `changed` predicts the tokens that `base` predicts too: mean over tokens of
/// nll(changed) - nll(base), in nats; negative: it predicts better. Only windows that both hold are compared.
struct PairedDifference {
    long long tokens = 0;
    int windows = 0, documents = 0;      ///< compared
    double mean = 0;                     ///< NaN without tokens
    std::optional<double> ciLow, ciHigh; ///< 95 %, same bootstrap as NllSummary
    int blocks = 0;                      ///< that were resampled
};
PairedDifference pairedDifference(const std::vector<WindowNll>& changed, const std::vector<WindowNll>& base,
                                  int context, Convention convention, int draws = 1000);

/// The same for a weighted sum over several runs, as sum of weight * nll: differences of differences are
/// {1, a}, {-1, b}, {-1, c}, {1, d}. Only windows that all of them hold are compared.
struct ContrastTerm {
    double weight = 0;
    const std::vector<WindowNll>* windows = nullptr;
};
PairedDifference pairedContrast(std::span<const ContrastTerm> terms, int context, Convention convention,
                                int draws = 1000);

/// ln PPL(Q+PI) - ln PPL(Q) - ln PPL(PI) + ln PPL(FP) at one context length; positive: they hurt each other.
struct Interaction {
    std::string rope, quant; ///< canonical spec texts of PI and Q
    int context = 0;
    double fp = 0, pi = 0, q = 0, qpi = 0; ///< mean NLL of the four
    double value = 0;
};
/// For every (rope, quant, context) whose four conditions are all present with the same windows, in the order
/// of `conditions`; rope none (also `model` when it stores no scaling) and quant none are the corners.
std::vector<Interaction> interactions(const std::vector<std::shared_ptr<const ConditionResult>>& conditions,
                                      Convention convention);

} // namespace qroar
