#include "core/inference/linear_inputs.h"

#include "core/inference/layer_steps.h"
#include "core/inference/vector_math.h"

namespace qroar {

namespace {

/// A tile's hidden units, [rows, intermediate], from the stream behind the attention.
void hiddenUnits(const ModelConfig& c, const LayerWeights& weights, ConstMatrixView x, MatrixView target) {
    Matrix normed(x.rows, c.hiddenSize), up(x.rows, c.intermediateSize);
    rmsNorm(x, weights.feedForwardNorm, c.rmsEps, normed.view());
    linear(normed.view(), weights, Projection::Gate, target);
    linear(normed.view(), weights, Projection::Up, up.view());
    siluTimes(target.data, up.data(), target.rows * target.cols);
}

double hiddenWork(const ModelConfig& c) {
    return 4.0 * c.hiddenSize * c.intermediateSize;
}

} // namespace

void LinearInputs::attention(const LayerWeights& weights, const Residual& stream, Matrix& target,
                             WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.hiddenSize);
    forEachTile(stream.x.rows(), tokenTile, 0, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        rmsNorm(stream.x.view().rowsFrom(first, count), weights.attentionNorm, config_.rmsEps,
                target.view().rowsFrom(first, count));
    });
}

void LinearInputs::output(std::shared_ptr<const LayerWeights> weights, const Residual& stream, Matrix& target,
                          WorkMeter& meter) const {
    const LayerOperands operands{std::move(weights), {}, {}};
    AttentionActivations activations;
    activations.resize(config_, stream.x.rows(), false);
    projectQkv(config_, operands, stream.x.view(), activations, meter);
    rotateQk(config_, rotary_, stream.windows, activations);
    attend(config_, stream.windows, activations, meter);
    target = std::move(activations.heads);
}

void LinearInputs::addAttention(const LayerWeights& weights, ConstMatrixView heads, Residual& stream,
                                WorkMeter& meter) const {
    const double work = 2.0 * config_.hiddenSize * config_.queryDim();
    forEachTile(stream.x.rows(), tokenTile, work, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        linear(heads.rowsFrom(first, count), weights, Projection::O, stream.x.view().rowsFrom(first, count),
               1);
    });
}

void LinearInputs::feedForward(const LayerWeights& weights, const Residual& stream, Matrix& target,
                               WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.hiddenSize);
    forEachTile(stream.x.rows(), tokenTile, 0, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        rmsNorm(stream.x.view().rowsFrom(first, count), weights.feedForwardNorm, config_.rmsEps,
                target.view().rowsFrom(first, count));
    });
}

void LinearInputs::down(const LayerWeights& weights, const Residual& stream, Matrix& target,
                        WorkMeter& meter) const {
    target.resize(stream.x.rows(), config_.intermediateSize);
    forEachTile(stream.x.rows(), tokenTile, hiddenWork(config_), meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count) {
                    hiddenUnits(config_, weights, stream.x.view().rowsFrom(first, count),
                                target.view().rowsFrom(first, count));
                });
}

void LinearInputs::addFeedForward(const LayerWeights& weights, Residual& stream, WorkMeter& meter) const {
    const double work = hiddenWork(config_) + 2.0 * config_.hiddenSize * config_.intermediateSize;
    forEachTile(stream.x.rows(), tokenTile, work, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        const MatrixView x = stream.x.view().rowsFrom(first, count);
        Matrix hidden(count, config_.intermediateSize);
        hiddenUnits(config_, weights, x, hidden.view());
        linear(hidden.view(), weights, Projection::Down, x, 1);
    });
}

double LinearInputs::operations(const ModelConfig& c, int context) {
    const double tokens = context;
    const double attention = 4.0 * c.queryDim() * tokens * (tokens + 1) / 2;
    return tokens * (2.0 * linearParameters(c) + hiddenWork(c)) + attention;
}

} // namespace qroar
