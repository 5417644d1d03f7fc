// FaultyKeys: a model with one corrupted band of keys in one layer, for tests of what finds and repairs it.
#pragma once

#include "core/inference/weight_source.h"
#include "core/model/model.h"

#include <cmath>
#include <random>

namespace qroar::test {

/// The checkpoint's weights with the rows of one band of W_K of one layer multiplied: a fault to be found.
class FaultyKeys final : public WeightSource {
  public:
    FaultyKeys(const std::shared_ptr<const Model>& model, int layer, int firstPair, int endPair, float factor,
               float noise = 0)
        : model_(model), source_(*openWeights(model, {})), layer_(layer), first_(firstPair), end_(endPair),
          factor_(factor), noise_(noise) {}
    [[nodiscard]] const QuantSpec& spec() const override { return source_->spec(); }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        auto weights = std::make_shared<LayerWeights>(*source_->layer(layer));
        if (layer != layer_) return weights;
        const ModelConfig& c = model_->config();
        std::mt19937 random(77);
        Matrix& keys = weights->projection[static_cast<std::size_t>(Projection::K)];
        for (int head = 0; head < c.kvHeads; ++head)
            for (int pair = first_; pair < end_; ++pair)
                for (const int row : {pairRows(c, pair).x, pairRows(c, pair).y})
                    spoil(keys.row(head * c.headDim + row), keys.cols(), random);
        return weights;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int) const override { return nullptr; }

  private:
    /// Noise as large as `noise_` times the root mean square of what the factor leaves.
    void spoil(float* row, std::ptrdiff_t columns, std::mt19937& random) const {
        double squares = 0;
        for (std::ptrdiff_t column = 0; column < columns; ++column) {
            row[column] *= factor_;
            squares += static_cast<double>(row[column]) * row[column];
        }
        if (noise_ == 0) return;
        std::normal_distribution<double> draw(0, noise_ * std::sqrt(squares / static_cast<double>(columns)));
        for (std::ptrdiff_t column = 0; column < columns; ++column)
            row[column] += static_cast<float>(draw(random));
    }
    std::shared_ptr<const Model> model_;
    std::shared_ptr<const WeightSource> source_;
    int layer_, first_, end_;
    float factor_, noise_;
};

} // namespace qroar::test
