#include "core/inference/layer_weights.h"

namespace qroar {

Status checkQuantSupported(const QuantSpec& quant) {
    if (quant.kind == QuantKind::Stored)
        return Error::unsupported(
            "quantization 'stored': this model's weights are not quantized; use none or rtn:BITS:gSIZE");
    return Done{};
}

void readMatrix(const TensorView& tensor, Matrix& target) {
    const auto rows = static_cast<std::ptrdiff_t>(tensor.shape.at(0));
    const auto cols = static_cast<std::ptrdiff_t>(tensor.shape.at(1));
    target.resize(rows, cols);
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < rows; ++row) tensor.toFloat(target.row(row), row * cols, cols);
}

void LayerWeights::loadVectors(const Model& model, int layer) {
    for (const Projection p : allProjections) {
        const TensorView* stored = model.bias(layer, p);
        bias[static_cast<std::size_t>(p)] = stored ? stored->toFloat() : std::vector<float>{};
    }
    attentionNorm = model.norm(layer, Norm::Attention).toFloat();
    feedForwardNorm = model.norm(layer, Norm::FeedForward).toFloat();
}

void LayerWeights::load(const Model& model, int layer) {
    loadVectors(model, layer);
    for (const Projection p : allProjections)
        readMatrix(model.weight(layer, p), projection[static_cast<std::size_t>(p)]);
}

void OutputHead::load(const Model& model) {
    if (weights.rows() > 0) return;
    readMatrix(model.head(), weights);
    norm = model.finalNorm().toFloat();
}

} // namespace qroar
