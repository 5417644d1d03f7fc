#include "core/inference/weight_source.h"

#include <mutex>

namespace qroar {

namespace {

double bytesOf(const LayerWeights& layer) {
    double floats = 0;
    for (const Matrix& matrix : layer.projection)
        floats += static_cast<double>(matrix.rows()) * static_cast<double>(matrix.cols());
    return 4.0 * floats;
}

class CheckpointWeights final : public WeightSource {
  public:
    CheckpointWeights(std::shared_ptr<const Model> model, QuantSpec spec)
        : model_(std::move(model)), spec_(spec) {}
    [[nodiscard]] const QuantSpec& spec() const override { return spec_; }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        auto weights = std::make_shared<LayerWeights>();
        weights->load(*model_, layer);
        if (spec_.kind == QuantKind::Rtn)
            for (std::size_t p = 0; p < weights->projection.size(); ++p)
                weights->distortion[p] = applyRtn(spec_, weights->projection[p].view());
        return weights;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        if (spec_.kind != QuantKind::Rtn) return nullptr;
        auto result = std::make_shared<QuantizedLayer>();
        Matrix weight;
        for (const Projection p : allProjections) {
            const auto at = static_cast<std::size_t>(p);
            readMatrix(model_->weight(layer, p), weight);
            result->projection[at] = quantizeRtn(spec_, weight.view());
            result->distortion[at] = applyRtn(spec_, weight.view());
        }
        return result;
    }

  private:
    std::shared_ptr<const Model> model_;
    QuantSpec spec_;
};

class PackedWeights final : public WeightSource {
  public:
    PackedWeights(std::shared_ptr<const Model> model, QuantSpec spec,
                  std::vector<std::shared_ptr<const QuantizedLayer>> layers)
        : model_(std::move(model)), spec_(spec), layers_(std::move(layers)) {}
    [[nodiscard]] const QuantSpec& spec() const override { return spec_; }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        const QuantizedLayer& codes = *layers_.at(static_cast<std::size_t>(layer));
        auto weights = std::make_shared<LayerWeights>();
        weights->loadVectors(*model_, layer);
        for (std::size_t p = 0; p < codes.projection.size(); ++p) {
            weights->projection[p].resize(codes.projection[p].rows, codes.projection[p].cols);
            codes.projection[p].dequantize(weights->projection[p].view());
            if (!codes.bias[p].empty()) weights->bias[p] = codes.bias[p];
        }
        weights->distortion = codes.distortion;
        if (!codes.attentionNorm.empty()) weights->attentionNorm = codes.attentionNorm;
        if (!codes.feedForwardNorm.empty()) weights->feedForwardNorm = codes.feedForwardNorm;
        return weights;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return layers_.at(static_cast<std::size_t>(layer));
    }

  private:
    std::shared_ptr<const Model> model_;
    QuantSpec spec_;
    std::vector<std::shared_ptr<const QuantizedLayer>> layers_;
};

class CachedWeights final : public WeightSource {
  public:
    CachedWeights(std::shared_ptr<const WeightSource> source, double budget)
        : source_(std::move(source)), budget_(budget) {}
    [[nodiscard]] const QuantSpec& spec() const override { return source_->spec(); }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        const std::lock_guard lock(mutex_);
        const auto at = static_cast<std::size_t>(layer);
        if (at >= kept_.size()) kept_.resize(at + 1);
        if (kept_[at]) return kept_[at];
        auto weights = source_->layer(layer);
        const double bytes = bytesOf(*weights);
        if (used_ + bytes > budget_) return weights;
        used_ += bytes;
        return kept_[at] = std::move(weights);
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return source_->quantized(layer);
    }

  private:
    std::shared_ptr<const WeightSource> source_;
    double budget_;
    mutable std::mutex mutex_;
    mutable std::vector<std::shared_ptr<const LayerWeights>> kept_;
    mutable double used_ = 0;
};

} // namespace

Outcome<std::shared_ptr<const WeightSource>> openWeights(std::shared_ptr<const Model> model,
                                                         const QuantSpec& spec) {
    if (Status supported = checkQuantSupported(spec); !supported) return supported.error();
    if (spec.needsCalibration())
        return Error::unsupported("quantization '" + spec.text() + "' needs calibration text");
    return std::shared_ptr<const WeightSource>(std::make_shared<CheckpointWeights>(std::move(model), spec));
}

std::shared_ptr<const WeightSource> packedWeights(std::shared_ptr<const Model> model, const QuantSpec& spec,
                                                  std::vector<std::shared_ptr<const QuantizedLayer>> layers) {
    return std::make_shared<PackedWeights>(std::move(model), spec, std::move(layers));
}

std::shared_ptr<const WeightSource> cachedWeights(std::shared_ptr<const WeightSource> source,
                                                  double budgetBytes) {
    return std::make_shared<CachedWeights>(std::move(source), budgetBytes);
}

} // namespace qroar
