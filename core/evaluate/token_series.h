// TokenSeries: one number per predicted token of a run's windows (loss, KL, same first token), and what views
// plot of it: a mean or a quantile with its 95 % interval, over all tokens or by position, of one run or as
// the paired difference of two runs over the same windows, of one session or of two. Not here: what the
// numbers mean (perplexity.h, divergence.h), how blocks are drawn (blocks.h).
#pragma once

#include "core/evaluate/perplexity.h"

#include <limits>
#include <optional>
#include <vector>

namespace qroar {

enum class TokenMeasure { Nll, Kl, SameTop }; ///< nats, nats, 0 or 1
enum class TokenStatistic { Mean, Median, P99 };

struct TokenSeries {
    struct Window {
        int document = 0, index = 0;
        std::vector<float>
            values; ///< [context - 1], of the token at position t + 1; NaN of a KL: no reference
    };
    TokenMeasure measure = TokenMeasure::Nll;
    std::vector<Window> windows;
};
/// For every document of `from` the index of the same one (equal token ids) in `to`; -1: it is not there.
std::vector<int> sameDocuments(const Session& to, const Session& from);
/// `documents`: what each document is to be called, -1: left out; empty: all of them, as they are.
TokenSeries tokenSeries(const ConditionResult& condition, TokenMeasure measure,
                        const std::vector<int>& documents = {});

struct TokenQuestion {
    int context = 0, trainedContext = 0;
    Convention convention = Convention::All;
    TokenStatistic statistic = TokenStatistic::Mean;
    int draws = 1000;
};
struct TokenEstimate {
    int from = 0, to = std::numeric_limits<int>::max(); ///< positions of the predicted token: from <= p < to
    long long tokens = 0;
    int windows = 0, documents = 0;    ///< that contributed
    double value = 0;                  ///< NaN without tokens
    std::optional<double> low, high{}; ///< 95 %, same bootstrap as NllSummary
};
TokenEstimate estimateTokens(const TokenSeries& series, const TokenQuestion& question);
/// By the edges of positionBuckets(); empty buckets are left out.
std::vector<TokenEstimate> estimateByPosition(const TokenSeries& series, const TokenQuestion& question);

/// a - b over the tokens that both have: the mean of the differences, or the difference of the quantiles.
/// Blocks are resampled together. Only windows that both hold (document, index) are compared.
TokenEstimate estimateDifference(const TokenSeries& a, const TokenSeries& b, const TokenQuestion& question);
std::vector<TokenEstimate> differenceByPosition(const TokenSeries& a, const TokenSeries& b,
                                                const TokenQuestion& question);

} // namespace qroar
