// A weight source that counts what is asked of it: what estimates of work are held against.
#pragma once

#include "core/inference/weight_source.h"

#include <memory>
#include <utility>

namespace qroar::test {

/// Counts the weights of the layers that it is asked for.
class CountingWeights final : public WeightSource {
  public:
    explicit CountingWeights(std::shared_ptr<const WeightSource> source) : source_(std::move(source)) {}
    [[nodiscard]] const QuantSpec& spec() const override { return source_->spec(); }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        auto weights = source_->layer(layer);
        for (const Matrix& matrix : weights->projection)
            taken += static_cast<double>(matrix.rows() * matrix.cols());
        return weights;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return source_->quantized(layer);
    }
    mutable double taken = 0;

  private:
    std::shared_ptr<const WeightSource> source_;
};

} // namespace qroar::test
