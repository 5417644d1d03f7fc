#include "core/inference/layer_gradients.h"

#include "core/inference/gemm.h"
#include "core/inference/vector_math.h"

#include <cmath>

namespace qroar {

void rmsNormReverse(ConstMatrixView x, const std::vector<float>& gain, double eps, MatrixView gradient,
                    MatrixView target) {
    for (std::ptrdiff_t token = 0; token < x.rows; ++token) {
        const float* in = x.row(token);
        float* slope = gradient.row(token);
        float* out = target.row(token);
        for (std::ptrdiff_t column = 0; column < x.cols; ++column) slope[column] *= gain[column];
        const double inverse = inverseRms(in, x.cols, eps);
        const double along = sumOfProducts(slope, in, x.cols) / static_cast<double>(x.cols);
        const auto straight = static_cast<float>(inverse);
        const auto radial = static_cast<float>(inverse * inverse * inverse * along);
        for (std::ptrdiff_t column = 0; column < x.cols; ++column)
            out[column] += straight * slope[column] - radial * in[column];
    }
}

void lossReverse(const ModelConfig& c, const OutputHead& head, std::span<const TokenId> tokens, int firstRow,
                 ConstMatrixView x, std::vector<double>& nll, MatrixView target, WorkMeter& meter) {
    nll.assign(tokens.size(), 0.0);
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(tokens.size()) - 1 - firstRow;
    const double work = 4.0 * c.hiddenSize * c.vocabSize;
    forEachTile(rows, logitsTile(c), work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const ConstMatrixView stream = x.rowsFrom(firstRow + first, count);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    const MatrixView logits = scratch.matrix(1, count, c.vocabSize);
                    rmsNorm(stream, head.norm, c.rmsEps, normed);
                    multiplyTransposed(normed, head.weights.view(), logits);
                    for (std::ptrdiff_t row = 0; row < count; ++row) {
                        const auto token = static_cast<std::size_t>(firstRow + first + row);
                        float* values = logits.row(row);
                        const double logSum = logSumOfExponentials(values, c.vocabSize);
                        nll[token] = logSum - values[tokens[token + 1]];
                        exponentials(values, c.vocabSize, static_cast<float>(logSum));
                        values[tokens[token + 1]] -= 1; // now probabilities minus truth
                    }
                    multiply(logits, head.weights.view(), normed);
                    rmsNormReverse(stream, head.norm, c.rmsEps, normed,
                                   target.rowsFrom(firstRow + first, count));
                });
}

void finishLayerReverse(const ModelConfig& c, const LayerOperands& layer, ConstMatrixView x,
                        ConstMatrixView heads, FeedForwardActivations* kept, MatrixView gradient,
                        MatrixView headGradient, WorkMeter& meter) {
    const double work =
        2.0 * c.hiddenSize
        * (c.queryDim() + 3.0 * c.intermediateSize + (kept ? 0.0 : c.queryDim() + 2.0 * c.intermediateSize));
    const LayerWeights& weights = *layer.weights;
    forEachTile(x.rows, tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView slope = gradient.rowsFrom(first, count);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    const MatrixView hidden = scratch.matrix(1, count, c.intermediateSize);
                    MatrixView middle, gate, up;
                    if (kept) {
                        middle = kept->middle.view().rowsFrom(first, count);
                        gate = kept->gate.view().rowsFrom(first, count);
                        up = kept->up.view().rowsFrom(first, count);
                    } else {
                        middle = scratch.matrix(2, count, c.hiddenSize);
                        gate = scratch.matrix(3, count, c.intermediateSize);
                        up = scratch.matrix(4, count, c.intermediateSize);
                        copyRows(x.rowsFrom(first, count), middle);
                        linear(heads.rowsFrom(first, count), weights, Projection::O, middle, 1);
                        gateAndUp(c, weights, middle, normed, gate, up);
                    }
                    multiply(slope, weights.matrix(Projection::Down), hidden);
                    siluTimesReverse(gate.data, up.data, hidden.data, count * c.intermediateSize);
                    multiply(gate, weights.matrix(Projection::Gate), normed);
                    multiply(up, weights.matrix(Projection::Up), normed, 1);
                    rmsNormReverse(middle, weights.feedForwardNorm, c.rmsEps, normed, slope);
                    multiply(slope, weights.matrix(Projection::O), headGradient.rowsFrom(first, count));
                });
}

void projectQkvReverse(const ModelConfig& c, const RotaryTable& rotary, const LayerOperands& layer,
                       std::span<const BatchWindow> windows, ConstMatrixView x, const AttentionGradients& qkv,
                       MatrixView gradient, WorkMeter& meter) {
    for (const BatchWindow& window : windows) {
#pragma omp parallel for schedule(static)
        for (int token = 0; token < window.context; ++token) {
            const std::ptrdiff_t row = window.firstRow + token;
            rotary.rotateBack(qkv.q.row(row), token, c.heads, c.headDim, c.pairLayout);
            rotary.rotateBack(qkv.k.row(row), token, c.kvHeads, c.headDim, c.pairLayout);
        }
    }
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 2.0 * c.keyDim());
    const LayerWeights& weights = *layer.weights;
    forEachTile(x.rows, tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView q = qkv.q.rowsFrom(first, count), k = qkv.k.rowsFrom(first, count);
                    multiplyColumns(q, layer.queryFactors);
                    multiplyColumns(k, layer.keyFactors);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    multiply(q, weights.matrix(Projection::Q), normed);
                    multiply(k, weights.matrix(Projection::K), normed, 1);
                    multiply(qkv.v.rowsFrom(first, count), weights.matrix(Projection::V), normed, 1);
                    rmsNormReverse(x.rowsFrom(first, count), weights.attentionNorm, c.rmsEps, normed,
                                   gradient.rowsFrom(first, count));
                });
}

void addPairSums(const ModelConfig& c, ConstMatrixView values, ConstMatrixView gradients,
                 std::span<double> lnGain, std::span<double> lnAngle) {
    const int step = pairRows(c, 1).x - pairRows(c, 0).x, partner = pairRows(c, 0).y;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token) {
        const float* value = values.row(token);
        const float* slope = gradients.row(token);
        const auto position = static_cast<double>(token);
        for (std::size_t pair = 0; pair < lnGain.size(); ++pair) {
            const std::size_t at = pair * static_cast<std::size_t>(step);
            const double x = value[at], y = value[at + partner], dx = slope[at], dy = slope[at + partner];
            lnGain[pair] += dx * x + dy * y;
            lnAngle[pair] += position * (dy * x - dx * y);
        }
    }
}

} // namespace qroar
