#include "core/inference/layer_weights.h"

#include <stdexcept>

namespace qroar {

Status checkQuantSupported(const QuantSpec& quant, const Model& model) {
    const bool stored = quant.kind == QuantKind::Stored;
    if (stored && !model.isQuantized())
        return Error::unsupported(
            "quantization 'stored': this model's weights are not quantized; use none or rtn:BITS:gSIZE");
    if (!stored && model.isQuantized())
        return Error::unsupported("quantization '" + quant.text()
                                  + "': this checkpoint stores quantized weights: use --quant stored");
    return Done{};
}

QuantSpec plainQuant(const Model& model) {
    QuantSpec spec;
    spec.kind = model.isQuantized() ? QuantKind::Stored : QuantKind::None;
    return spec;
}

void readMatrix(const TensorView& tensor, Matrix& target) {
    const auto rows = static_cast<std::ptrdiff_t>(tensor.shape.at(0));
    const auto cols = static_cast<std::ptrdiff_t>(tensor.shape.at(1));
    target.resize(rows, cols);
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < rows; ++row) tensor.toFloat(target.row(row), row * cols, cols);
}

QuantizedMatrix readCodes(const StoredQuant& stored) {
    auto codes = stored.read();
    if (!codes) throw std::runtime_error("the model's file has changed: " + codes.error().message);
    return std::move(*codes);
}

void readProjection(const Model& model, int layer, Projection projection, Matrix& target) {
    const StoredQuant* stored = model.stored(layer, projection);
    if (!stored) return readMatrix(model.weight(layer, projection), target);
    const QuantizedMatrix codes = readCodes(*stored);
    target.resize(codes.rows, codes.cols);
    codes.dequantize(target.view());
}

void LayerWeights::loadVectors(const Model& model, int layer) {
    for (const Projection p : allProjections) {
        const TensorView* stored = model.bias(layer, p);
        bias[static_cast<std::size_t>(p)] = stored ? stored->toFloat() : std::vector<float>{};
    }
    const ModelConfig& config = model.config();
    const auto gains = [&](Norm norm, int copies) {
        const TensorView& stored = model.norm(layer, norm);
        std::vector<float> all;
        if (!stored) return all;
        const std::vector<float> one = model.normGains(stored);
        for (int copy = 0; copy < copies; ++copy) all.insert(all.end(), one.begin(), one.end());
        return all;
    };
    index = layer;
    attentionNorm = gains(Norm::Attention, 1);
    feedForwardNorm = gains(Norm::FeedForward, 1);
    afterAttentionNorm = gains(Norm::AfterAttention, 1);
    afterFeedForwardNorm = gains(Norm::AfterFeedForward, 1);
    queryNorm = gains(Norm::Query, config.heads);
    keyNorm = gains(Norm::Key, config.kvHeads);
}

void LayerWeights::copyVectors(const LayerWeights& other) {
    index = other.index;
    bias = other.bias;
    attentionNorm = other.attentionNorm;
    feedForwardNorm = other.feedForwardNorm;
    afterAttentionNorm = other.afterAttentionNorm;
    afterFeedForwardNorm = other.afterFeedForwardNorm;
    queryNorm = other.queryNorm;
    keyNorm = other.keyNorm;
}

void LayerWeights::load(const Model& model, int layer) {
    loadVectors(model, layer);
    for (const Projection p : allProjections)
        readProjection(model, layer, p, projection[static_cast<std::size_t>(p)]);
}

void OutputHead::load(const Model& model) {
    if (weights.rows() > 0) return;
    readMatrix(model.head(), weights);
    norm = model.normGains(model.finalNorm());
}

} // namespace qroar
