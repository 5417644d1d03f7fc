// Gradients of causal attention over the windows of a batch (FlashAttention-2, Dao 2023): probabilities are
// recomputed tile by tile from the logarithm of each row's sum of exponentials, so memory stays linear in the
// tokens. Tiles of a window are visited along diagonals: all (query tile, key tile) pairs of one diagonal
// touch different rows, so they run in parallel without locks, and every sum grows in the same order for any
// number of threads. Private to this room. Not here: the forward pass (attention.h).
#pragma once

#include "core/base/work_meter.h"
#include "core/inference/attention.h"
#include "core/inference/probe.h"

#include <span>

namespace qroar {

inline constexpr int reverseTile = 128; ///< queries and keys of a tile

/// What the forward pass left; rows are the tokens of the batch.
struct AttentionInputs {
    ConstMatrixView q, heads;  ///< [tokens, heads * headDim]; q after RoPE
    ConstMatrixView k, v;      ///< [tokens, kvHeads * headDim]; k after RoPE
    ConstMatrixView logSumExp; ///< [tokens, heads]
};

struct AttentionGradients {
    MatrixView q; ///< [tokens, heads * headDim], at the rotated queries
    MatrixView k; ///< [tokens, kvHeads * headDim], at the rotated keys; sums over the heads of a group
    MatrixView v; ///< [tokens, kvHeads * headDim]; not computed when it has no rows
};

/// d NLL / d q, k, v from `headGradient` = d NLL / d heads [tokens, heads * headDim]. Targets need not be
/// cleared. Incomplete when the meter is cancelled.
void attendReverse(const AttentionShape& shape, std::span<const BatchWindow> windows,
                   const AttentionInputs& inputs, ConstMatrixView headGradient,
                   const AttentionGradients& target, WorkMeter& meter);

} // namespace qroar
