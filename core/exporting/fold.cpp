#include "core/exporting/fold.h"

#include "core/base/strings.h"
#include "core/model/hf_names.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

namespace qroar {

const std::vector<float>& gainsOf(const LayerWeights& weights, Norm norm) {
    switch (norm) {
    case Norm::Attention:
        return weights.attentionNorm;
    case Norm::FeedForward:
        return weights.feedForwardNorm;
    case Norm::AfterAttention:
        return weights.afterAttentionNorm;
    case Norm::AfterFeedForward:
        return weights.afterFeedForwardNorm;
    case Norm::Query:
        return weights.queryNorm;
    case Norm::Key:
        break;
    }
    return weights.keyNorm;
}

namespace {

bool isQueryOrKey(Projection p) {
    return p == Projection::Q || p == Projection::K;
}

std::vector<float>& gainsOf(LayerWeights& weights, Norm norm) {
    return const_cast<std::vector<float>&>(gainsOf(std::as_const(weights), norm));
}

/// Row factors of a projection; empty when gains do not touch it.
std::vector<float> factorsOf(const FoldTask& task, int layer, Projection p) {
    if (task.gains.isIdentity() || !isQueryOrKey(p) || task.model->config().qkNorms) return {};
    return p == Projection::Q ? queryRowFactors(task.gains, task.model->config(), layer)
                              : keyRowFactors(task.gains, task.model->config(), layer);
}

Error tooLarge(int layer, const char* what, DType type) {
    return Error::unsupported("layer " + std::to_string(layer) + " " + what + ": a number is larger than "
                              + dtypeName(type)
                              + " can hold; export with a wider --dtype, or use smaller gains");
}

/// Type a vector is stored in.
DType vectorType(const FoldTask& task, const TensorView* stored) {
    return task.dense ? *task.dense : stored ? stored->type : DType::F32;
}

/// Multiplies the scales of a matrix, in the type they are stored in.
RoundingTally foldCodes(QuantizedMatrix& matrix, const std::vector<float>& factors, ScaleType type) {
    RoundingTally tally;
    tally.values = static_cast<long long>(matrix.scales.size());
    if (factors.empty() && type == matrix.scaleType) return tally;
    const DType stored = dtypeOf(type);
    const std::vector<float> before = matrix.scales;
    matrix.scaleType = type;
    const std::vector<float> ones(static_cast<std::size_t>(matrix.rows), 1.0F);
    const std::vector<float>& rows = factors.empty() ? ones : factors;
    foldRowFactors(matrix, rows);
    tally.values = 0;
    for (std::ptrdiff_t row = 0; row < matrix.rows; ++row)
        for (std::ptrdiff_t group = 0; group < matrix.groups; ++group) {
            const auto at = static_cast<std::size_t>(row * matrix.groups + group);
            tally.count(static_cast<double>(before[at])
                            * static_cast<double>(rows[static_cast<std::size_t>(row)]),
                        matrix.scales[at], stored);
        }
    return tally;
}

/// Whether a projection of a layer is there as codes.
bool hasCodes(const QuantizedLayer* codes, Projection p) {
    return codes && codes->projection[static_cast<std::size_t>(p)].rows > 0;
}

/// A norm as it is stored (less 1, in models that store it so), rounded, with gains in those of queries and
/// keys.
Status foldNorm(const FoldTask& task, int layer, Norm which, std::vector<float>& norm, FoldedLayer& result) {
    const TensorView& stored = task.model->norm(layer, which);
    const DType type = vectorType(task, &stored);
    const std::vector<float> factors = normFactors(task.gains, task.model->config(), layer, which);
    const double offset = task.model->config().offsetNorms ? 1 : 0;
    const auto count = static_cast<std::size_t>(stored.count());
    const std::vector<float> was = stored.toFloat(), gains = task.model->normGains(stored);
    RoundingTally tally;
    for (std::size_t at = 0; at < norm.size(); ++at) {
        const float factor = factors.empty() ? 1.0F : factors[at % count];
        const double exact = norm[at] == gains[at % count] && factor == 1.0F
                                 ? static_cast<double>(was[at % count])
                                 : static_cast<double>(norm[at]) * static_cast<double>(factor) - offset;
        const float rounded = roundToType(exact, type);
        if (at < count) tally.count(exact, rounded, type); // once a number
        norm[at] = static_cast<float>(static_cast<double>(rounded) + offset);
    }
    if (tally.overflowed > 0) return tooLarge(layer, "norm", type);
    (factors.empty() ? result.narrowed : result.scaled).add(tally);
    return Done{};
}

/// Biases and norms, rounded, gains in the biases of q and k or in their norms.
Status foldVectors(const FoldTask& task, int layer, LayerWeights& weights, FoldedLayer& result) {
    for (const Projection p : allProjections) {
        std::vector<float>& bias = weights.bias[static_cast<std::size_t>(p)];
        if (bias.empty()) continue;
        const DType type = vectorType(task, task.model->bias(layer, p));
        const std::vector<float> factors = factorsOf(task, layer, p);
        RoundingTally tally;
        scaleAndRoundRows(MatrixView(bias.data(), static_cast<std::ptrdiff_t>(bias.size()), 1), factors, type,
                          tally);
        if (tally.overflowed > 0)
            return tooLarge(layer, (std::string(projectionName(p)) + " bias").c_str(), type);
        result.narrowed.add(tally);
    }
    for (const Norm norm : normsOf(task.model->config()))
        if (Status done = foldNorm(task, layer, norm, gainsOf(weights, norm), result); !done) return done;
    return Done{};
}

/// Type that a projection's dense weights are stored in.
DType weightType(const FoldTask& task, int layer, Projection p) {
    return task.dense ? *task.dense : task.model->weight(layer, p).type;
}

/// FP8 weights whose scales take the factors, as a patch stores them: rounded to the scales' type.
void foldScales(const TensorView& weight, const std::vector<float>& factors, MatrixView target,
                RoundingTally& tally) {
    auto grid = std::make_shared<ScaleGrid>(*weight.scaleGrid); // a scale a row: foldability.h
    const DType type = grid->stored->type;
    for (std::size_t row = 0; row < factors.size(); ++row) {
        const auto first =
            static_cast<std::size_t>((weight.gridRow + static_cast<long long>(row)) * grid->gridCols);
        scaleAndRound({grid->values.data() + first, static_cast<std::size_t>(grid->gridCols)}, factors[row],
                      type, tally);
    }
    TensorView scaled = weight;
    scaled.scaleGrid = std::move(grid);
    for (std::ptrdiff_t row = 0; row < target.rows; ++row)
        scaled.toFloat(target.row(row), row * target.cols, target.cols);
}

/// One projection: codes folded and dequantized, or weights scaled and rounded.
Status foldProjection(const FoldTask& task, int layer, Projection p, QuantizedMatrix* matrix,
                      LayerWeights& weights, FoldedLayer& result) {
    const std::vector<float> factors = factorsOf(task, layer, p);
    const auto view = weights.projection[static_cast<std::size_t>(p)].view();
    if (matrix) {
        const ScaleType type = task.scales.value_or(matrix->scaleType);
        const bool unchanged = factors.empty() && type == matrix->scaleType;
        const RoundingTally tally = foldCodes(*matrix, factors, type);
        if (tally.overflowed > 0)
            return tooLarge(layer, (std::string(projectionName(p)) + " scales").c_str(), dtypeOf(type));
        if (!unchanged) matrix->dequantize(view);
        result.scaled.add(tally);
        return Done{};
    }
    if (!task.dense && factors.empty()) return Done{};
    const DType type = weightType(task, layer, p);
    RoundingTally tally;
    if (!task.dense && task.model->weight(layer, p).isScaled()) {
        const TensorView& weight = task.model->weight(layer, p);
        foldScales(weight, factors, view, tally);
        if (tally.overflowed > 0)
            return tooLarge(layer, (std::string(projectionName(p)) + " scales").c_str(),
                            weight.scaleGrid->stored->type);
        result.scaled.add(tally);
        return Done{};
    }
    scaleAndRoundRows(view, factors, type, tally);
    if (tally.overflowed > 0) return tooLarge(layer, projectionName(p), type);
    (isQueryOrKey(p) ? result.scaled : result.narrowed).add(tally);
    return Done{};
}

class FoldedWeights final : public WeightSource {
  public:
    explicit FoldedWeights(FoldTask task) : task_(std::move(task)) {}
    [[nodiscard]] const QuantSpec& spec() const override { return task_.weights->spec(); }
    [[nodiscard]] std::shared_ptr<const LayerWeights> layer(int layer) const override {
        return fold(layer).weights;
    }
    [[nodiscard]] std::shared_ptr<const QuantizedLayer> quantized(int layer) const override {
        return fold(layer).codes;
    }

  private:
    [[nodiscard]] FoldedLayer fold(int layer) const {
        auto folded = foldLayer(task_, layer, nullptr);
        if (!folded) throw std::logic_error("foldedWeights: " + folded.error().message);
        return *std::move(folded);
    }
    FoldTask task_;
};

/// The norms of queries and keys are shared by the heads of a layer, so the gains must be.
Status checkSharedGains(const QkGains& gains, const ModelConfig& config) {
    for (int layer = 0; layer < gains.layers; ++layer)
        for (const bool query : {true, false})
            for (int head = 1; head < (query ? gains.heads : gains.kvHeads); ++head) {
                const auto own = query ? gains.queryGains(layer, head) : gains.keyGains(layer, head);
                const auto first = query ? gains.queryGains(layer, 0) : gains.keyGains(layer, 0);
                if (std::equal(own.begin(), own.end(), first.begin())) continue;
                return Error::unsupported(
                    config.architecture
                    + " normalises every head of queries and keys, so gains fold into its "
                    + "q_norm and k_norm, which all heads of a layer share; these differ between "
                    + (query ? "query" : "key") + " heads 0 and " + std::to_string(head) + " of layer "
                    + std::to_string(layer) + ": search with the scope layer or model");
            }
    return Done{};
}

} // namespace

Status checkGains(const QkGains& gains, const ModelConfig& config) {
    if (gains.empty()) return Done{};
    if (!gains.fits(config))
        return Error::bad("the scales are for " + std::to_string(gains.layers) + " layers, "
                          + std::to_string(gains.heads) + " query and " + std::to_string(gains.kvHeads)
                          + " key heads and " + std::to_string(gains.pairs) + " pairs; the model has "
                          + std::to_string(config.layers) + ", " + std::to_string(config.heads) + ", "
                          + std::to_string(config.kvHeads) + " and " + std::to_string(config.pairs()));
    for (int layer = 0; layer < gains.layers; ++layer)
        for (const bool query : {true, false})
            for (int head = 0; head < (query ? gains.heads : gains.kvHeads); ++head) {
                const auto pairs = query ? gains.queryGains(layer, head) : gains.keyGains(layer, head);
                for (std::size_t pair = 0; pair < pairs.size(); ++pair) {
                    const auto stored = static_cast<float>(pairs[pair]);
                    if (stored > 0 && std::isfinite(stored)) continue;
                    return Error::bad("scale of " + std::string(query ? "query" : "key") + " head "
                                      + std::to_string(head) + ", layer " + std::to_string(layer) + ", pair "
                                      + std::to_string(pair) + ": expected a positive number, found "
                                      + formatNumber(pairs[pair]));
                }
            }
    return config.qkNorms ? checkSharedGains(gains, config) : Status(Done{});
}

std::vector<float> normFactors(const QkGains& gains, const ModelConfig& config, int layer, Norm norm) {
    if (!config.qkNorms || gains.isIdentity() || (norm != Norm::Query && norm != Norm::Key)) return {};
    std::vector<float> factors =
        norm == Norm::Query ? queryRowFactors(gains, config, layer) : keyRowFactors(gains, config, layer);
    factors.resize(static_cast<std::size_t>(config.headDim)); // every head's are the same: checkGains
    return factors;
}

std::vector<float> storedNorm(const Model& model, const LayerWeights& weights, Norm norm, DType type) {
    std::vector<float> values = gainsOf(weights, norm);
    values.resize(static_cast<std::size_t>(normWidth(model.config(), norm)));
    if (!model.config().offsetNorms) return values;
    const TensorView& tensor = model.norm(weights.index, norm);
    const std::vector<float> stored = tensor.toFloat(), gains = model.normGains(tensor);
    for (std::size_t at = 0; at < values.size(); ++at) {
        const double less = values[at] == gains[at] ? stored[at] : static_cast<double>(values[at]) - 1.0;
        values[at] = roundToType(less, type);
    }
    return values;
}

QkGains snapToPowersOfTwo(const QkGains& gains) {
    QkGains snapped = gains;
    for (std::vector<double>* values : {&snapped.q, &snapped.k})
        for (double& value : *values) value = std::exp2(std::round(std::log2(value)));
    return snapped;
}

Outcome<FoldedLayer> foldLayer(const FoldTask& task, int layer, WorkMeter* meter) {
    const auto cancelled = [meter] { return meter && meter->cancelled(); };
    FoldedLayer result;
    // Dense exports fold the dequantized numbers: they are what the source computes with.
    const bool keepsCodes = task.scales || !task.dense;
    const auto codes = keepsCodes ? task.weights->quantized(layer) : nullptr;
    if (task.scales && !codes) throw std::logic_error("foldLayer: codes asked of weights that have none");
    std::shared_ptr<QuantizedLayer> folded;
    if (codes) folded = std::make_shared<QuantizedLayer>(*codes);
    if (cancelled()) return Error::cancelled();
    auto weights = std::make_shared<LayerWeights>(*task.weights->layer(layer));
    for (const Projection p : allProjections) {
        if (cancelled()) return Error::cancelled();
        QuantizedMatrix* matrix = nullptr;
        if (folded && hasCodes(folded.get(), p)) matrix = &folded->projection[static_cast<std::size_t>(p)];
        if (matrix && task.writeZeros) matrix->symmetric = false;
        if (Status done = foldProjection(task, layer, p, matrix, *weights, result); !done)
            return done.error();
    }
    if (Status done = foldVectors(task, layer, *weights, result); !done) return done.error();
    result.codes = std::move(folded);
    result.weights = std::move(weights);
    return result;
}

std::shared_ptr<const WeightSource> foldedWeights(FoldTask task) {
    return std::make_shared<FoldedWeights>(std::move(task));
}

} // namespace qroar
