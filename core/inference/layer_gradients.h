// The steps of layer_steps.h backwards: each turns the gradient of the NLL behind a step into the one before
// it (chain rule; standard), recomputing cheap activations from what the forward sweep kept. Gradients of
// weights are not computed. All arrays have one row a token of the batch. Private to this room. Not here: the
// order of the steps (reverse.cpp), attention (attention_reverse.h).
#pragma once

#include "core/inference/attention_reverse.h"
#include "core/inference/layer_steps.h"

#include <functional>

namespace qroar {

/// target += d NLL / d x of y = norm(x), from `gradient` = d NLL / d y, which is overwritten. With r = 1 /
/// rms(x) and u = gain * gradient: r u - x r^3 (u . x) / columns.
void rmsNormReverse(ConstMatrixView x, const std::vector<float>& gain, double eps, MatrixView gradient,
                    MatrixView target);

/// Cross-entropy, classifier and final norm of one window: nll[row] = -ln p(tokens[row + 1]) of the rows
/// [firstRow, tokens - 1), 0 elsewhere, and target[row] = d sum nll / d x (other rows are left alone). Logits
/// are made a tile at a time. x and target: rows of the window.
void lossReverse(const ModelConfig& config, const OutputHead& head, std::span<const TokenId> tokens,
                 int firstRow, ConstMatrixView x, std::vector<double>& nll, MatrixView target,
                 WorkMeter& meter);

/// Backwards through finishLayer: `gradient` behind the layer becomes that behind its attention; headGradient
/// = d NLL / d heads. `x` is the stream below the layer; `kept` what finishLayer kept (overwritten), or null:
/// then it is computed again.
void finishLayerReverse(const ModelConfig& config, const LayerOperands& layer, ConstMatrixView x,
                        ConstMatrixView heads, FeedForwardActivations* kept, MatrixView gradient,
                        MatrixView headGradient, WorkMeter& meter);

/// Backwards through rotateQk and projectQkv (of the layer whose weights these are): adds to `gradient`
/// (behind the attention) what flows through q, k and v; these are overwritten.
void projectQkvReverse(const ModelConfig& config, const LayerRotations& rotations, const LayerOperands& layer,
                       std::span<const BatchWindow> windows, ConstMatrixView x, const AttentionGradients& qkv,
                       MatrixView gradient, WorkMeter& meter);

/// Sums over the tokens of one head of one window, values and gradients after RoPE [tokens, headDim], in
/// double. Per pair (x, y): lnGain += dx x + dy y; lnAngle += position (dy x - dx y), which times omega' is
/// the derivative by ln omega' (method.md section 5; ours). Both hold for any attention factor m.
void addPairSums(const ModelConfig& config, ConstMatrixView values, ConstMatrixView gradients,
                 std::span<double> lnGain, std::span<double> lnAngle);

} // namespace qroar
