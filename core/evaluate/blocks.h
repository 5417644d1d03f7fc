// Blocks of the bootstrap: how sums over windows become blocks that are resampled as a whole, and the
// interval of their token-weighted mean. Shared by NLL, differences of NLL and divergences. Not here: what is
// summed (perplexity.cpp, divergence.cpp).
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace qroar {

/// A sum over tokens and their number.
struct TokenSum {
    double sum = 0;
    long long tokens = 0;
    void add(double value) {
        sum += value;
        ++tokens;
    }
    void add(const TokenSum& other) {
        sum += other.sum;
        tokens += other.tokens;
    }
    [[nodiscard]] double mean() const; ///< NaN without tokens
};

/// One window's share, and where it belongs.
struct WindowSum {
    int document = 0;
    TokenSum values;
};

/// Blocks are documents when at least this many contribute: with fewer, a percentile interval over documents
/// covers far less than the 95 % it promises.
inline constexpr int leastDocumentBlocks = 6;
/// Otherwise blocks are contiguous runs of windows inside a document, about this many in all. Their interval
/// speaks about these documents, not about others.
inline constexpr int wantedRunBlocks = 20;

/// Which block each window belongs to, from 0; -1 for windows without tokens. Blocks are numbered by
/// document.
std::vector<int> blockOfWindows(const std::vector<WindowSum>& windows);
/// Windows in their order (grouped by document); those without tokens are left out.
std::vector<TokenSum> makeBlocks(const std::vector<WindowSum>& windows);

/// Means of `draws` resamples of the blocks with replacement, sorted. Fixed seed: the same number of blocks
/// gives the same draws, so that series over the same windows are resampled together. Empty with fewer than
/// two blocks or a block that is not finite.
std::vector<double> resampledMeans(const std::vector<TokenSum>& blocks, int draws);

/// Quantiles of the same resamples, in the order of the draws: in each the smallest candidate with at least
/// the share p of the resampled values at or below it. Candidates are all values, or 2048 order statistics at
/// equal distances of more. `blocks` are sorted values, `merged` is what mergedBlocks() makes of them. Empty
/// with fewer than two blocks or without values.
std::vector<double> resampledQuantiles(const std::vector<std::vector<float>>& blocks, double p, int draws,
                                       const std::vector<float>& merged);

/// All values of sorted blocks, sorted.
std::vector<float> mergedBlocks(const std::vector<std::vector<float>>& blocks);

/// Value below which the share p of the sorted values lies, linear between neighbours (R's type 7, numpy's
/// default, llama-perplexity's). `sorted` must not be empty.
double percentile(const std::vector<double>& sorted, double p);

struct Pooled {
    TokenSum all;
    int windows = 0, documents = 0, blocks = 0; ///< that contributed
    std::optional<double> low, high;            ///< 95 % percentile interval of the mean (Efron 1979)
};
Pooled poolWindows(const std::vector<WindowSum>& windows, int draws);

} // namespace qroar
