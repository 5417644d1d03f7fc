// Causal attention over one window: softmax over the visible keys of the logits scale q k^T, each capped as
// cap tanh(logit / cap) where the model does that. Tiled with a running softmax (Milakov & Gimelshein 2018;
// FlashAttention, Dao et al. 2022): memory grows with the tile, never with context x context. Grouped queries
// share keys and values in place.
#pragma once

#include "core/base/matrix.h"
#include "core/kernels/panels.h"

#include <cmath>
#include <vector>

namespace qroar {

struct AttentionShape {
    int heads = 0, kvHeads = 0, headDim = 0;
    int slidingWindow =
        0;           ///< a query sees itself and slidingWindow - 1 positions before it; 0 = all before it
    float scale = 0; ///< of q k^T; 0 = 1 / sqrt(headDim)
    float cap = 0;   ///< of the logits; 0 = none
    [[nodiscard]] float factor() const {
        return scale != 0 ? scale : 1.0F / std::sqrt(static_cast<float>(headDim));
    }
};

/// Buffers of one worker, reused from tile to tile.
struct AttentionScratch {
    Panels queries;                    ///< [queryTile, headDim] times the logits' scale
    Matrix keys, values;               ///< [keyTile, headDim]: a tile without gaps, where rows lie far apart
    Panels logits;                     ///< [panelWidth queries, keyTile], then probabilities
    Panels outputs;                    ///< [queryTile, headDim] sums of probabilities times values
    std::vector<SoftmaxState> softmax; ///< of each panel of queries
    [[nodiscard]] double logSumExp(int query) const;
};

inline constexpr int queryTile = 128;
inline constexpr int keyTile = 128;

/// Keys that the queries [firstQuery, firstQuery + count) of one window see, added up: what attention's
/// operations are counted by.
double visibleKeys(int firstQuery, int count, int slidingWindow);

/// Of a panel of logits, [keys][64 queries]: -infinity where a query does not see a key. Keys from firstKey
/// on, queries from firstQuery on; a query sees `sight` positions, itself included.
void hideUnseen(float* logits, int firstKey, int keys, int firstQuery, int sight);

/// One head's output for queries [firstQuery, firstQuery + count): softmax(logits) v.
/// q and out are [context, heads * headDim], k and v [context, kvHeads * headDim]: all rows of one window.
void attendTile(const AttentionShape& shape, int head, int firstQuery, int count, ConstMatrixView q,
                ConstMatrixView k, ConstMatrixView v, MatrixView out, AttentionScratch& scratch);

} // namespace qroar
