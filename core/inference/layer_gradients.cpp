#include "core/inference/layer_gradients.h"

#include "core/base/vectorized.h"
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

namespace {

/// From the gradient at act(gate) * up those at gate and up, in place: `count` numbers of each.
void activateReverse(const ModelConfig& c, float* gate, float* up, const float* gradient,
                     std::ptrdiff_t count) {
    if (c.activation == Activation::GeluTanh)
        geluTimesReverse(gate, up, gradient, count);
    else
        siluTimesReverse(gate, up, gradient, count);
}

} // namespace

void lossReverse(const ModelConfig& c, const OutputHead& head, std::span<const TokenId> tokens, int firstRow,
                 ConstMatrixView x, std::vector<double>& nll, MatrixView target, WorkMeter& meter) {
    nll.assign(tokens.size(), 0.0);
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(tokens.size()) - 1 - firstRow;
    const double work = 4.0 * c.hiddenSize * c.vocabSize;
    forEachTile(
        rows, logitsTile(c), work, meter,
        [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
            const ConstMatrixView stream = x.rowsFrom(firstRow + first, count);
            const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
            const MatrixView logits = scratch.matrix(1, count, c.vocabSize);
            rmsNorm(stream, head.norm, c.rmsEps, normed);
            logitsOf(c, head, normed, logits);
            for (std::ptrdiff_t row = 0; row < count; ++row) {
                const auto token = static_cast<std::size_t>(firstRow + first + row);
                float* values = logits.row(row);
                std::vector<float> capped;
                if (c.logitCap) capped.assign(values, values + c.vocabSize);
                const double logSum = logSumOfExponentials(values, c.vocabSize);
                nll[token] = logSum - values[tokens[token + 1]];
                exponentials(values, c.vocabSize, static_cast<float>(logSum));
                values[tokens[token + 1]] -= 1; // now probabilities minus truth
                if (c.logitCap)
                    softCapReverse(capped.data(), values, c.vocabSize, static_cast<float>(*c.logitCap));
                if (c.logitScale != 1)
                    for (int at = 0; at < c.vocabSize; ++at) values[at] *= static_cast<float>(c.logitScale);
            }
            scratch.panels(0).pack(logits);
            Panels& sums = scratch.panels(1);
            sums.resize(count, c.hiddenSize);
            sums.clear();
            addDeepProduct(scratch.panels(0), transposedFactor(head.weights.view()), sums);
            sums.unpack(normed);
            rmsNormReverse(stream, head.norm, c.rmsEps, normed, target.rowsFrom(firstRow + first, count));
        });
}

namespace {

/// Backwards through joinStream: from `slope` = d NLL / d x behind it, d NLL / d (W input + b). In models
/// without norm and scale that is the slope itself; else it lies in buffers 6 to 8.
ConstMatrixView joinStreamReverse(const ModelConfig& c, const LayerWeights& weights, Projection projection,
                                  const Panels& input, ConstMatrixView slope, TileScratch& scratch) {
    const std::vector<float>& norm = outputNorm(weights, projection);
    if (norm.empty() && c.residualScale == 1) return slope;
    const MatrixView scaled = scratch.matrix(6, slope.rows, slope.cols);
    const auto scale = static_cast<float>(c.residualScale);
    for (std::ptrdiff_t token = 0; token < slope.rows; ++token)
        for (std::ptrdiff_t column = 0; column < slope.cols; ++column)
            scaled(token, column) = scale * slope(token, column);
    if (norm.empty()) return scaled;
    const MatrixView output = scratch.matrix(7, slope.rows, slope.cols);
    const MatrixView result = scratch.matrix(8, slope.rows, slope.cols);
    linear(input, weights, projection, output);
    for (std::ptrdiff_t token = 0; token < result.rows; ++token)
        std::fill_n(result.row(token), result.cols, 0.0F);
    rmsNormReverse(output, norm, c.rmsEps, scaled, result);
    return result;
}

/// What finishLayer computed on its way, in a tile: panels of gate and up from firstPanel on.
struct FeedForwardTile {
    MatrixView middle;
    Panels *gate, *up;
    std::ptrdiff_t firstPanel;
};
FeedForwardTile feedForwardTile(const ModelConfig& c, const LayerWeights& weights, ConstMatrixView x,
                                ConstMatrixView heads, FeedForwardActivations* kept, std::ptrdiff_t first,
                                std::ptrdiff_t count, TileScratch& scratch) {
    if (kept) return {kept->middle.view().rowsFrom(first, count), &kept->gate, &kept->up, first / panelWidth};
    const FeedForwardTile tile{scratch.matrix(2, count, c.hiddenSize), &scratch.panels(2), &scratch.panels(3),
                               0};
    for (Panels* panels : {tile.gate, tile.up}) panels->resize(count, c.intermediateSize);
    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
    Panels& input = scratch.panels(0);
    copyRows(x.rowsFrom(first, count), tile.middle);
    input.pack(heads.rowsFrom(first, count));
    joinStream(c, weights, Projection::O, input, tile.middle, normed);
    rmsNorm(tile.middle, weights.feedForwardNorm, c.rmsEps, normed);
    input.pack(normed);
    hiddenUnits(c, weights, input, scratch.panels(1), tile.gate, tile.up);
    return tile;
}

/// act(gate) * up of a tile, where something behind Down wants it.
const Panels& unitsBehind(const ModelConfig& c, const LayerWeights& weights, const FeedForwardTile& tile,
                          std::ptrdiff_t rows, TileScratch& scratch) {
    Panels& units = scratch.panels(1);
    units.resize(rows, c.intermediateSize);
    if (weights.afterFeedForwardNorm.empty()) return units; // nobody reads them
    const std::ptrdiff_t floats = units.count() * units.depth();
    std::copy_n(tile.gate->panel(tile.firstPanel), floats * panelWidth, units.panel(0));
    activate(c, {units.panel(0), floats, panelWidth}, {tile.up->panel(tile.firstPanel), floats, panelWidth});
    return units;
}

/// Gate and up of a tile become d NLL / d gate and up, from `slope` = d NLL / d (W_down units), block by
/// block.
void gateAndUpReverse(const ModelConfig& c, const LayerWeights& weights, const Panels& slope,
                      const FeedForwardTile& tile) {
    alignas(64) float units[blockFloats];
    const Factor down = transposedFactor(weights.matrix(Projection::Down));
    forEachBlock(slope.count(), c.intermediateSize, [&](const ProductBlock& block) {
        multiplyBlock(slope, down, block, units);
        for (std::ptrdiff_t at = 0; at < block.panels; ++at) {
            const std::ptrdiff_t panel = tile.firstPanel + block.firstPanel + at;
            activateReverse(c, tile.gate->panel(panel) + block.firstRow * panelWidth,
                            tile.up->panel(panel) + block.firstRow * panelWidth, units + at * blockStride,
                            block.rows * panelWidth);
        }
    });
}

} // namespace

void finishLayerReverse(const ModelConfig& c, const LayerOperands& layer, ConstMatrixView x,
                        ConstMatrixView heads, FeedForwardActivations* kept, MatrixView gradient,
                        MatrixView headGradient, WorkMeter& meter) {
    const double work =
        2.0 * c.hiddenSize
        * (c.queryDim() + 3.0 * c.intermediateSize + (kept ? 0.0 : c.queryDim() + 2.0 * c.intermediateSize));
    const LayerWeights& weights = *layer.weights;
    const auto body = [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
        const MatrixView slope = gradient.rowsFrom(first, count);
        const FeedForwardTile tile = feedForwardTile(c, weights, x, heads, kept, first, count, scratch);
        const Panels& units = unitsBehind(c, weights, tile, count, scratch);
        Panels& behind = scratch.panels(0);
        behind.pack(joinStreamReverse(c, weights, Projection::Down, units, slope, scratch));
        gateAndUpReverse(c, weights, behind, tile);
        const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
        const auto ofTile = [&](const Panels& panels) {
            return PanelsView(panels.panel(tile.firstPanel), count, c.intermediateSize);
        };
        Panels& sums = scratch.panels(1);
        sums.resize(count, c.hiddenSize);
        sums.clear();
        addDeepProduct(ofTile(*tile.gate), transposedFactor(weights.matrix(Projection::Gate)), sums);
        addDeepProduct(ofTile(*tile.up), transposedFactor(weights.matrix(Projection::Up)), sums);
        sums.unpack(normed);
        rmsNormReverse(tile.middle, weights.feedForwardNorm, c.rmsEps, normed, slope);
        Panels& input = scratch.panels(1);
        if (!weights.afterAttentionNorm.empty()) input.pack(heads.rowsFrom(first, count));
        behind.pack(joinStreamReverse(c, weights, Projection::O, input, slope, scratch));
        multiplyPanels(behind, transposedFactor(weights.matrix(Projection::O)),
                       headGradient.rowsFrom(first, count));
    };
    forEachTile(x.rows, tokenTile, work, meter, body);
}

namespace {

/// Backwards through normalizeHeads: `gradient` behind it becomes the one before it; `values` before it.
void normalizeHeadsReverse(ConstMatrixView values, const std::vector<float>& gain, int headDim, double eps,
                           MatrixView gradient) {
    Matrix before(gradient.rows, headDim);
    for (std::ptrdiff_t first = 0; first < values.cols; first += headDim) {
        const std::vector<float> own(gain.begin() + first, gain.begin() + first + headDim);
        std::fill_n(before.data(), gradient.rows * headDim, 0.0F);
        const MatrixView slope = gradient.colsFrom(first, headDim);
        rmsNormReverse(values.colsFrom(first, headDim), own, eps, slope, before.view());
        copyRows(before.view(), slope);
    }
}

/// Both heads' norms of a tile: q and k are computed again, without their norms.
void headNormsReverse(const ModelConfig& c, const LayerWeights& weights, ConstMatrixView x, MatrixView q,
                      MatrixView k, TileScratch& scratch) {
    if (weights.queryNorm.empty()) return;
    const MatrixView normed = scratch.matrix(0, x.rows, c.hiddenSize);
    const MatrixView query = scratch.matrix(1, x.rows, c.queryDim());
    const MatrixView key = scratch.matrix(2, x.rows, c.keyDim());
    rmsNorm(x, weights.attentionNorm, c.rmsEps, normed);
    Panels& input = scratch.panels(0);
    input.pack(normed);
    linear(input, weights, Projection::Q, query);
    linear(input, weights, Projection::K, key);
    normalizeHeadsReverse(query, weights.queryNorm, c.headDim, c.rmsEps, q);
    normalizeHeadsReverse(key, weights.keyNorm, c.headDim, c.rmsEps, k);
}

} // namespace

void projectQkvReverse(const ModelConfig& c, const LayerRotations& rotations, const LayerOperands& layer,
                       std::span<const BatchWindow> windows, ConstMatrixView x, const AttentionGradients& qkv,
                       MatrixView gradient, WorkMeter& meter) {
    const RotaryTable* rotary = rotations.of(c.ropeOf(layer.weights->index));
    for (const BatchWindow& window : windows) {
        if (!rotary) break;
#pragma omp parallel for schedule(static)
        for (int token = 0; token < window.context; ++token) {
            const std::ptrdiff_t row = window.firstRow + token;
            rotary->rotateBack(qkv.q.row(row), token, c.heads, c.headDim, c.pairLayout);
            rotary->rotateBack(qkv.k.row(row), token, c.kvHeads, c.headDim, c.pairLayout);
        }
    }
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 2.0 * c.keyDim());
    const LayerWeights& weights = *layer.weights;
    forEachTile(x.rows, tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView q = qkv.q.rowsFrom(first, count), k = qkv.k.rowsFrom(first, count);
                    multiplyColumns(q, layer.queryFactors);
                    multiplyColumns(k, layer.keyFactors);
                    headNormsReverse(c, weights, x.rowsFrom(first, count), q, k, scratch);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    multiply(q, weights.matrix(Projection::Q), normed);
                    multiply(k, weights.matrix(Projection::K), normed, 1);
                    multiply(qkv.v.rowsFrom(first, count), weights.matrix(Projection::V), normed, 1);
                    rmsNormReverse(x.rowsFrom(first, count), weights.attentionNorm, c.rmsEps, normed,
                                   gradient.rowsFrom(first, count));
                });
}

QROAR_VECTORIZED void addPairSums(const ModelConfig& c, ConstMatrixView values, ConstMatrixView gradients,
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
