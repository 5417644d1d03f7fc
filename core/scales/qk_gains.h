// QkGains: the scales of Q-ROAR, one factor per (layer, query head, pair) on the rows of W_Q and one per
// (layer, key head, pair) on those of W_K. Bands, scopes and variants are views of it: a search over bands
// fills every pair of a band with the same number. A factor multiplies both rows of its pair (identity 1 of
// method.md section 7) and the biases of these rows; rows without a pair (partial rotary) keep factor 1.
// Not here: how gains are found (core/search), how they are written into files (core/exporting).
#pragma once

#include "core/model/config.h"

#include <cstddef>
#include <span>
#include <vector>

namespace qroar {

struct QkGains {
    int layers = 0, heads = 0, kvHeads = 0, pairs = 0;
    std::vector<double> q; ///< [layers, heads, pairs]
    std::vector<double> k; ///< [layers, kvHeads, pairs]

    /// All ones, of the shape of a model.
    static QkGains ones(const ModelConfig& config);
    [[nodiscard]] bool empty() const { return layers == 0; } ///< no gains at all: the same as all ones
    [[nodiscard]] bool isIdentity() const;                   ///< empty, or every factor is exactly 1
    [[nodiscard]] bool fits(const ModelConfig& config) const;

    [[nodiscard]] std::span<double> queryGains(int layer, int head); ///< [pairs]
    [[nodiscard]] std::span<double> keyGains(int layer, int kvHead); ///< [pairs]
    [[nodiscard]] std::span<const double> queryGains(int layer, int head) const;
    [[nodiscard]] std::span<const double> keyGains(int layer, int kvHead) const;
    /// gQ gK of a query head's pair: what its attention logits are multiplied with (identity 5).
    [[nodiscard]] double effective(int layer, int head, int pair) const;
    bool operator==(const QkGains&) const = default;
};

/// Factors of the rows of one layer's W_Q [heads * headDim] (and of its bias), under the checkpoint's layout.
std::vector<float> queryRowFactors(const QkGains& gains, const ModelConfig& config, int layer);
/// The same for W_K, [kvHeads * headDim].
std::vector<float> keyRowFactors(const QkGains& gains, const ModelConfig& config, int layer);

/// The row of a head's pair: first row (x) and its partner (y), counted within the head.
struct PairRows {
    int x = 0, y = 0;
};
PairRows pairRows(const ModelConfig& config, int pair);

} // namespace qroar
