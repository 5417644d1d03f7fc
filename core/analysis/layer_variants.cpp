#include "core/analysis/layer_variants.h"

#include <cmath>
#include <cstdint>
#include <numbers>

namespace qroar {

namespace {

class ExchangedLayers final : public WeightSource {
  public:
    ExchangedLayers(std::shared_ptr<const WeightSource> source, std::function<SharedLayer(int)> exchanged)
        : source_(std::move(source)), exchanged_(std::move(exchanged)) {}
    [[nodiscard]] const QuantSpec& spec() const override { return source_->spec(); }
    [[nodiscard]] SharedLayer layer(int layer) const override {
        SharedLayer own = exchanged_(layer);
        return own ? own : source_->layer(layer);
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return source_->quantized(layer);
    }

  private:
    std::shared_ptr<const WeightSource> source_;
    std::function<SharedLayer(int)> exchanged_;
};

void multiplyRows(LayerWeights& weights, Projection projection, const std::vector<float>& factors) {
    const auto at = static_cast<std::size_t>(projection);
    Matrix& matrix = weights.projection[at];
    for (std::ptrdiff_t row = 0; row < matrix.rows(); ++row)
        for (std::ptrdiff_t column = 0; column < matrix.cols(); ++column)
            matrix.row(row)[column] *= factors[static_cast<std::size_t>(row)];
    for (std::size_t row = 0; row < weights.bias[at].size(); ++row) weights.bias[at][row] *= factors[row];
}

void multiplyNorm(std::vector<float>& norm, const std::vector<float>& factors) {
    for (std::size_t row = 0; row < norm.size(); ++row) norm[row] *= factors[row];
}

/// SplitMix64 (Steele, Lea & Flood 2014): one number for each counter, whatever was asked for before.
std::uint64_t mixed(std::uint64_t counter) {
    counter += 0x9e3779b97f4a7c15ULL;
    counter = (counter ^ (counter >> 30)) * 0xbf58476d1ce4e5b9ULL;
    counter = (counter ^ (counter >> 27)) * 0x94d049bb133111ebULL;
    return counter ^ (counter >> 31);
}

/// A standard normal number (Box & Muller 1958).
double normal(std::uint64_t counter) {
    constexpr double unit = 1.0 / 9007199254740992.0; // 2^-53
    const double radius = (static_cast<double>(mixed(2 * counter) >> 11) + 1) * unit;
    const double angle = static_cast<double>(mixed(2 * counter + 1) >> 11) * unit;
    return std::sqrt(-2 * std::log(radius)) * std::cos(2 * std::numbers::pi * angle);
}

/// row = was + random direction, as long as row - was.
void randomizeError(const float* was, float* row, std::ptrdiff_t columns, std::uint64_t seed,
                    std::vector<double>& direction) {
    double error = 0, length = 0;
    for (std::ptrdiff_t column = 0; column < columns; ++column) {
        const double difference = static_cast<double>(row[column]) - was[column];
        error += difference * difference;
    }
    if (!(error > 0)) return;
    direction.resize(static_cast<std::size_t>(columns));
    for (std::size_t column = 0; column < direction.size(); ++column) {
        direction[column] = normal(seed + column);
        length += direction[column] * direction[column];
    }
    const double scale = std::sqrt(error / length);
    for (std::size_t column = 0; column < direction.size(); ++column)
        row[column] = static_cast<float>(was[column] + scale * direction[column]);
}

} // namespace

std::shared_ptr<const WeightSource> withLayers(std::shared_ptr<const WeightSource> source,
                                               std::function<SharedLayer(int layer)> exchanged) {
    return std::make_shared<ExchangedLayers>(std::move(source), std::move(exchanged));
}

SharedLayer foldedLayer(const WeightSource& condition, const QkGains& gains, const ModelConfig& config,
                        int layer) {
    SharedLayer own = condition.layer(layer);
    if (gains.empty()) return own;
    auto folded = std::make_shared<LayerWeights>(*own);
    const auto queries = queryRowFactors(gains, config, layer), keys = keyRowFactors(gains, config, layer);
    if (config.qkNorms) { // behind the norms, which would undo a factor of the rows
        multiplyNorm(folded->queryNorm, queries);
        multiplyNorm(folded->keyNorm, keys);
        return folded;
    }
    multiplyRows(*folded, Projection::Q, queries);
    multiplyRows(*folded, Projection::K, keys);
    return folded;
}

SharedLayer withBandRows(const LayerWeights& reference, const LayerWeights& condition,
                         const ModelConfig& config, Projection projection, int firstPair, int endPair) {
    auto weights = std::make_shared<LayerWeights>(reference);
    const auto at = static_cast<std::size_t>(projection);
    const bool query = projection == Projection::Q;
    std::vector<float>& norm = query ? weights->queryNorm : weights->keyNorm;
    const std::vector<float>& otherNorm = query ? condition.queryNorm : condition.keyNorm;
    Matrix& target = weights->projection[at];
    std::vector<float> columns(static_cast<std::size_t>(target.cols()), 1.0F);
    if (condition.attentionNorm != reference.attentionNorm)
        for (std::size_t column = 0; column < columns.size(); ++column)
            columns[column] = reference.attentionNorm[column] == 0
                                  ? 0.0F
                                  : condition.attentionNorm[column] / reference.attentionNorm[column];
    for (std::ptrdiff_t head = 0; head < target.rows() / config.headDim; ++head)
        for (int pair = firstPair; pair < endPair; ++pair) {
            const PairRows rows = pairRows(config, pair);
            for (const int inHead : {rows.x, rows.y}) {
                const std::ptrdiff_t row = head * config.headDim + inHead;
                const float* from = condition.projection[at].row(row);
                float* to = target.row(row);
                for (std::size_t column = 0; column < columns.size(); ++column)
                    to[column] = from[column] * columns[column];
                if (!norm.empty())
                    norm[static_cast<std::size_t>(row)] = otherNorm[static_cast<std::size_t>(row)];
                if (!condition.bias[at].empty() && !weights->bias[at].empty())
                    weights->bias[at][static_cast<std::size_t>(row)] =
                        condition.bias[at][static_cast<std::size_t>(row)];
            }
        }
    return weights;
}

SharedLayer withRandomErrors(const LayerWeights& reference, const LayerWeights& condition, int layer) {
    if (condition.attentionNorm != reference.attentionNorm
        || condition.feedForwardNorm != reference.feedForwardNorm)
        return nullptr;
    auto weights = std::make_shared<LayerWeights>(reference);
    for (const Projection projection : allProjections) {
        const auto at = static_cast<std::size_t>(projection);
        Matrix& target = weights->projection[at];
        const Matrix& own = condition.projection[at];
#pragma omp parallel
        {
            std::vector<double> direction;
#pragma omp for schedule(static)
            for (std::ptrdiff_t row = 0; row < target.rows(); ++row) {
                const std::uint64_t place = static_cast<std::uint64_t>(layer) * 8 + at;
                const std::uint64_t seed = (place << 40) + (static_cast<std::uint64_t>(row) << 18);
                std::copy_n(own.row(row), target.cols(), target.row(row));
                randomizeError(reference.projection[at].row(row), target.row(row), target.cols(), seed,
                               direction);
            }
        }
    }
    return weights;
}

} // namespace qroar
