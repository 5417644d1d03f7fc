#include "core/inference/linear_inputs.h"

#include "core/inference/layer_steps.h"
#include "core/inference/vector_math.h"

namespace qroar {

namespace {

/// A tile's hidden units, [rows, intermediate], from the stream behind the attention.
const Panels& hiddenUnitsOf(const ModelConfig& c, const LayerWeights& weights, ConstMatrixView x,
                            TileScratch& scratch) {
    const MatrixView normed = scratch.matrix(0, x.rows, c.hiddenSize);
    rmsNorm(x, weights.feedForwardNorm, c.rmsEps, normed);
    scratch.panels(0).pack(normed);
    hiddenUnits(c, weights, scratch.panels(0), scratch.panels(1));
    return scratch.panels(1);
}

double hiddenWork(const ModelConfig& c) {
    return 4.0 * c.hiddenSize * c.intermediateSize;
}

} // namespace

void LinearInputs::attention(const LayerWeights& weights, const Residual& stream, Matrix& target,
                             WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.hiddenSize);
    forEachTile(stream.x.rows(), tokenTile, 0, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch&) {
                    rmsNorm(stream.x.view().rowsFrom(first, count), weights.attentionNorm, config_.rmsEps,
                            target.view().rowsFrom(first, count));
                });
}

void LinearInputs::output(std::shared_ptr<const LayerWeights> weights, const Residual& stream, Matrix& target,
                          WorkMeter& meter) const {
    const int layer = weights->index;
    const LayerOperands operands{std::move(weights), {}, {}};
    AttentionActivations activations;
    activations.resize(config_, stream.x.rows(), false);
    projectQkv(config_, operands, stream.x.view(), {rotations_.of(config_.ropeOf(layer)), stream.windows},
               activations, meter);
    attend(config_, layer, stream.windows, activations, meter);
    target = std::move(activations.heads);
}

void LinearInputs::addAttention(const LayerWeights& weights, ConstMatrixView heads, Residual& stream,
                                WorkMeter& meter) const {
    const double work = 2.0 * config_.hiddenSize * config_.queryDim();
    forEachTile(stream.x.rows(), tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    scratch.panels(0).pack(heads.rowsFrom(first, count));
                    joinStream(config_, weights, Projection::O, scratch.panels(0),
                               stream.x.view().rowsFrom(first, count),
                               scratch.matrix(0, count, config_.hiddenSize));
                });
}

void LinearInputs::feedForward(const LayerWeights& weights, const Residual& stream, Matrix& target,
                               WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.hiddenSize);
    forEachTile(stream.x.rows(), tokenTile, 0, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch&) {
                    rmsNorm(stream.x.view().rowsFrom(first, count), weights.feedForwardNorm, config_.rmsEps,
                            target.view().rowsFrom(first, count));
                });
}

void LinearInputs::down(const LayerWeights& weights, const Residual& stream, Matrix& target,
                        WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.intermediateSize);
    forEachTile(stream.x.rows(), tokenTile, hiddenWork(config_), meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    hiddenUnitsOf(config_, weights, stream.x.view().rowsFrom(first, count), scratch)
                        .unpack(target.view().rowsFrom(first, count));
                });
}

void LinearInputs::addFeedForward(const LayerWeights& weights, Residual& stream, WorkMeter& meter) const {
    const double work = hiddenWork(config_) + 2.0 * config_.hiddenSize * config_.intermediateSize;
    forEachTile(stream.x.rows(), tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView x = stream.x.view().rowsFrom(first, count);
                    joinStream(config_, weights, Projection::Down,
                               hiddenUnitsOf(config_, weights, x, scratch), x,
                               scratch.matrix(3, count, config_.hiddenSize));
                });
}

double LinearInputs::operations(const ModelConfig& c, int context) {
    const double tokens = context;
    const double attention = 4.0 * c.queryDim() * visiblePairs(c, context) / c.layers;
    return tokens * (2.0 * linearParameters(c) + hiddenWork(c)) + attention;
}

} // namespace qroar
