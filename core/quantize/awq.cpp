#include "core/quantize/awq.h"

#include "core/base/half.h"
#include "core/inference/gemm.h"
#include "core/quantize/awq_parts.h"
#include "core/quantize/row_tiles.h"

#include <cmath>
#include <numeric>

namespace qroar {

namespace {

constexpr int alphaSteps = awqAlphaSteps;
constexpr int clipSteps = awqClipSteps;
constexpr double leastScale = 1e-4; ///< before the division by sqrt(max min)

float roundTo(DType type, double value) {
    const auto near = static_cast<float>(value);
    if (type == DType::F16) return roundToF16(near);
    if (type == DType::BF16) return bf16ToFloat(floatToBf16(near));
    return near;
}

/// A gain of a norm that is stored less `offset`, as the stored number can have it.
float roundNorm(DType type, double gain, double offset) {
    return static_cast<float>(static_cast<double>(roundTo(type, gain - offset)) + offset);
}

std::size_t atChannel(const ModelConfig& c, int head, int dim) {
    return static_cast<std::size_t>(head) * static_cast<std::size_t>(c.headDim)
           + static_cast<std::size_t>(dim);
}

/// A channel of v for every column of o.
std::vector<float> forQueryHeads(const ModelConfig& c, const std::vector<float>& ofKeyHeads) {
    std::vector<float> columns(static_cast<std::size_t>(c.queryDim()));
    const int sharing = c.heads / c.kvHeads;
    for (int head = 0; head < c.heads; ++head)
        for (int dim = 0; dim < c.headDim; ++dim)
            columns[atChannel(c, head, dim)] = ofKeyHeads[atChannel(c, head / sharing, dim)];
    return columns;
}

} // namespace

std::vector<float> storableScales(const Model& model, const TensorView& norm,
                                  const std::vector<float>& scales) {
    const std::vector<float> gains = model.normGains(norm);
    const double offset = model.config().offsetNorms ? 1 : 0;
    std::vector<float> result(scales.size(), 1.0F);
    for (std::size_t channel = 0; channel < scales.size(); ++channel) {
        const double gain = gains[channel];
        const float divided = roundNorm(norm.type, gain / static_cast<double>(scales[channel]), offset);
        const auto scale = static_cast<float>(gain / static_cast<double>(divided));
        if (gain != 0 && divided != 0 && std::isfinite(divided) && std::isfinite(scale))
            result[channel] = scale;
    }
    return result;
}

std::vector<double> meanOverSharedHeads(const ModelConfig& c, const std::vector<double>& meanAbsolute) {
    std::vector<double> mean(static_cast<std::size_t>(c.keyDim()));
    const int sharing = c.heads / c.kvHeads;
    for (int head = 0; head < c.heads; ++head)
        for (int dim = 0; dim < c.headDim; ++dim)
            mean[atChannel(c, head / sharing, dim)] += meanAbsolute[atChannel(c, head, dim)] / sharing;
    return mean;
}

void roundScaled(const QuantSpec& grid, const std::vector<float>& scales, MatrixView weight) {
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t column = 0; column < weight.cols; ++column)
            weight(row, column) *= scales[static_cast<std::size_t>(column)];
    applyRtn(grid, weight);
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t column = 0; column < weight.cols; ++column)
            weight(row, column) /= scales[static_cast<std::size_t>(column)];
}

namespace {

/// sum over tokens of ||(Q(W diag s) diag(s)^-1 - W) x||^2.
double scaledError(const QuantSpec& grid, ConstMatrixView weight, const std::vector<float>& scales,
                   ConstMatrixView gram, WorkMeter& meter) {
    std::vector<double> sums(rowTiles(weight.rows));
    forEachRowTile(weight.rows, meter, [&](std::size_t tile, std::ptrdiff_t first, std::ptrdiff_t rows) {
        const ConstMatrixView w = weight.rowsFrom(first, rows);
        Matrix error(rows, weight.cols), product(rows, weight.cols);
        for (std::ptrdiff_t row = 0; row < rows; ++row) std::copy_n(w.row(row), w.cols, error.row(row));
        roundScaled(grid, scales, error.view());
        for (std::ptrdiff_t row = 0; row < rows; ++row)
            for (std::ptrdiff_t column = 0; column < w.cols; ++column)
                error.row(row)[column] -= w(row, column);
        multiply(error.view(), gram, product.view());
        sums[tile] = sumOfProducts(product.view(), error.view());
        meter.add(2.0 * static_cast<double>(rows * weight.cols) * static_cast<double>(weight.cols));
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

/// The moments of inputs divided by `scales`.
Matrix scaledGram(const InputMoments& moments, const std::vector<float>& scales) {
    Matrix gram = moments.gram();
    for (std::ptrdiff_t row = 0; row < gram.rows(); ++row)
        for (std::ptrdiff_t column = 0; column < gram.cols(); ++column)
            gram.row(row)[column] /=
                scales[static_cast<std::size_t>(row)] * scales[static_cast<std::size_t>(column)];
    return gram;
}

} // namespace

AwqScales AwqScales::ones(const ModelConfig& c) {
    const auto count = [](int size) { return std::vector<float>(static_cast<std::size_t>(size), 1.0F); };
    return {count(c.hiddenSize), count(c.keyDim()), count(c.hiddenSize), count(c.intermediateSize), {}};
}

std::vector<float> AwqScales::columnsOf(const ModelConfig& config, Projection projection) const {
    switch (inputOf(projection)) {
    case LinearInput::Attention:
        return attention;
    case LinearInput::Output:
        return forQueryHeads(config, output);
    case LinearInput::FeedForward:
        return feedForward;
    case LinearInput::Down:
        break;
    }
    return down;
}

std::vector<float> AwqScales::rowsOf(Projection projection) const {
    if (projection == Projection::V) return output;
    if (projection == Projection::Up) return down;
    return {};
}

std::vector<float> awqScales(const std::vector<double>& meanAbsolute, double alpha) {
    std::vector<float> scales(meanAbsolute.size(), 1.0F);
    double least = 0, most = 0;
    const auto power = [alpha](double mean) { return std::max(std::pow(mean, alpha), leastScale); };
    for (const double mean : meanAbsolute) {
        if (!(mean > 0)) continue;
        least = most == 0 ? power(mean) : std::min(least, power(mean));
        most = std::max(most, power(mean));
    }
    const double middle = std::sqrt(least) * std::sqrt(most);
    for (std::size_t channel = 0; channel < scales.size(); ++channel)
        if (meanAbsolute[channel] > 0)
            scales[channel] = static_cast<float>(power(meanAbsolute[channel]) / middle);
    return scales;
}

namespace {

/// One input of a layer, the scales that are searched for it, and what reads it.
struct ScaleSearch {
    LinearInput input;
    std::vector<float> AwqScales::*scales;
    const TensorView* norm; ///< null: the scales' inverse goes into the rows of a projection
    std::vector<Projection> projections;
};

} // namespace

AwqScales searchAwqScales(const Model& model, int layer, const QuantSpec& spec,
                          const std::shared_ptr<const LayerWeights>& weights, const LayerMoments& moments,
                          const BlockErrors& blocks, const AwqOptions& options, WorkMeter& meter) {
    const ModelConfig& config = model.config();
    AwqScales best = AwqScales::ones(config);
    const auto errorOf = [&](const ScaleSearch& search, const std::vector<float>& columns,
                             ConstMatrixView gram) {
        if (search.input == LinearInput::Output || search.input == LinearInput::Down)
            return scaledError(spec.roundToNearest(), weights->matrix(search.projections.front()), columns,
                               gram, meter);
        auto changed = std::make_shared<LayerWeights>(); // with what the block needs
        changed->copyVectors(*weights);
        for (const Projection projection : search.projections) {
            if (meter.cancelled()) return 0.0; // nobody looks at it any more
            const auto at = static_cast<std::size_t>(projection);
            changed->projection[at] = weights->projection[at];
            roundScaled(spec.roundToNearest(), columns, changed->projection[at].view());
        }
        return search.input == LinearInput::Attention ? blocks.attention(changed, meter)
                                                      : blocks.feedForward(*changed, meter);
    };
    const ScaleSearch searches[] = {
        {LinearInput::Attention,
         &AwqScales::attention,
         &model.norm(layer, Norm::Attention),
         {Projection::Q, Projection::K, Projection::V}},
        {LinearInput::Output, &AwqScales::output, nullptr, {Projection::O}},
        {LinearInput::FeedForward,
         &AwqScales::feedForward,
         &model.norm(layer, Norm::FeedForward),
         {Projection::Gate, Projection::Up}},
        {LinearInput::Down, &AwqScales::down, nullptr, {Projection::Down}},
    };
    for (const ScaleSearch& search : searches) {
        const Matrix gram = moments.of(search.input).gram();
        std::vector<double> mean = moments.of(search.input).meanAbsolute();
        if (search.input == LinearInput::Output) mean = meanOverSharedHeads(config, mean);
        double least = std::numeric_limits<double>::infinity();
        for (int step = 0; step < (options.alpha ? 1 : alphaSteps) && !meter.cancelled(); ++step) {
            const double alpha = options.alpha.value_or(static_cast<double>(step) / alphaSteps);
            AwqScales tried = best;
            tried.*search.scales = awqScales(mean, alpha);
            if (search.norm) tried.*search.scales = storableScales(model, *search.norm, tried.*search.scales);
            const double error =
                errorOf(search, tried.columnsOf(config, search.projections.front()), gram.view());
            if (!(error < least)) continue;
            least = error;
            best = std::move(tried);
            best.alpha[static_cast<std::size_t>(search.input)] = alpha;
        }
    }
    return best;
}

void foldAwqScales(const Model& model, int layer, const AwqScales& scales, LayerWeights& weights) {
    const auto divide = [](std::vector<float>& values, const std::vector<float>& by, DType type,
                           double offset) {
        for (std::size_t at = 0; at < values.size(); ++at)
            values[at] =
                roundNorm(type, static_cast<double>(values[at]) / static_cast<double>(by[at]), offset);
    };
    const double offset = model.config().offsetNorms ? 1 : 0;
    divide(weights.attentionNorm, scales.attention, model.norm(layer, Norm::Attention).type, offset);
    divide(weights.feedForwardNorm, scales.feedForward, model.norm(layer, Norm::FeedForward).type, offset);
    for (const Projection projection : allProjections) {
        const auto at = static_cast<std::size_t>(projection);
        const std::vector<float> columns = scales.columnsOf(model.config(), projection);
        const std::vector<float> rows = scales.rowsOf(projection);
        const MatrixView weight = weights.projection[at].view();
        for (std::ptrdiff_t row = 0; row < weight.rows; ++row) {
            const float divisor = rows.empty() ? 1.0F : rows[static_cast<std::size_t>(row)];
            for (std::ptrdiff_t column = 0; column < weight.cols; ++column)
                weight(row, column) =
                    weight(row, column) * columns[static_cast<std::size_t>(column)] / divisor;
        }
        if (!rows.empty() && !weights.bias[at].empty())
            divide(weights.bias[at], rows, model.bias(layer, projection)->type, 0);
    }
}

namespace {

/// The winning limit of every group of some rows.
struct ClipTile {
    Matrix least; ///< [rows, groups] squared error so far
    Matrix limit; ///< [rows, groups]
};

/// Limits the groups of `weight` to `share` of their largest |w|.
void limitGroups(ConstMatrixView weight, std::ptrdiff_t groupSize, double share, MatrixView target,
                 MatrixView limits) {
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t start = 0; start < weight.cols; start += groupSize) {
            const std::ptrdiff_t end = std::min(weight.cols, start + groupSize);
            float largest = 0;
            for (std::ptrdiff_t column = start; column < end; ++column)
                largest = std::max(largest, std::abs(weight(row, column)));
            const auto limit = static_cast<float>(share * static_cast<double>(largest));
            limits(row, start / groupSize) = limit;
            for (std::ptrdiff_t column = start; column < end; ++column)
                target(row, column) = std::clamp(weight(row, column), -limit, limit);
        }
}

void tryShare(const QuantSpec& grid, ConstMatrixView gram, ConstMatrixView weight, std::ptrdiff_t groupSize,
              int step, ClipTile& tile, WorkMeter& meter) {
    Matrix error(weight.rows, weight.cols), limits(weight.rows, tile.limit.cols()), product;
    limitGroups(weight, groupSize, 1 - static_cast<double>(step) / alphaSteps, error.view(), limits.view());
    applyRtn(grid, error.view());
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t column = 0; column < weight.cols; ++column)
            error.row(row)[column] -= weight(row, column);
    for (std::ptrdiff_t start = 0; start < weight.cols; start += groupSize) {
        const std::ptrdiff_t size = std::min(groupSize, weight.cols - start), group = start / groupSize;
        const ConstMatrixView own = error.view().colsFrom(start, size);
        product.resize(weight.rows, size);
        multiply(own, gram.rowsFrom(start, size).colsFrom(start, size), product.view());
        for (std::ptrdiff_t row = 0; row < weight.rows; ++row) {
            const auto squared =
                static_cast<float>(sumOfProducts(product.view().rowsFrom(row, 1), own.rowsFrom(row, 1)));
            if (step > 0 && !(squared < tile.least.row(row)[group])) continue;
            tile.least.row(row)[group] = squared;
            tile.limit.row(row)[group] = limits.row(row)[group];
        }
        meter.add(2.0 * static_cast<double>(weight.rows * size) * static_cast<double>(size));
    }
}

} // namespace

long long clipAwqGroups(const QuantSpec& spec, ConstMatrixView gram, MatrixView weight, WorkMeter& meter) {
    const std::ptrdiff_t groupSize =
        spec.groupSize > 0 ? spec.groupSize : std::max<std::ptrdiff_t>(1, weight.cols);
    const std::ptrdiff_t groups = (weight.cols + groupSize - 1) / groupSize;
    std::vector<long long> limited(rowTiles(weight.rows));
    forEachRowTile(weight.rows, meter, [&](std::size_t at, std::ptrdiff_t first, std::ptrdiff_t rows) {
        const MatrixView w = weight.rowsFrom(first, rows);
        ClipTile tile{Matrix(rows, groups), Matrix(rows, groups)};
        for (int step = 0; step < clipSteps && !meter.cancelled(); ++step)
            tryShare(spec.roundToNearest(), gram, w, groupSize, step, tile, meter);
        for (std::ptrdiff_t row = 0; row < rows; ++row)
            for (std::ptrdiff_t column = 0; column < w.cols; ++column) {
                const float limit = tile.limit.row(row)[column / groupSize];
                limited[at] += std::abs(w(row, column)) > limit ? 1 : 0;
                w(row, column) = std::clamp(w(row, column), -limit, limit);
            }
    });
    return std::accumulate(limited.begin(), limited.end(), 0LL);
}

QuantizedLayer quantizeAwq(const Model& model, int layer, const QuantSpec& spec,
                           const std::shared_ptr<const LayerWeights>& weights, const LayerMoments& moments,
                           const BlockErrors& blocks, const AwqOptions& options, WorkMeter& meter) {
    const AwqScales scales = searchAwqScales(model, layer, spec, weights, moments, blocks, options, meter);
    LayerWeights folded = *weights;
    foldAwqScales(model, layer, scales, folded);
    QuantizedLayer result;
    result.attentionNorm = folded.attentionNorm;
    result.feedForwardNorm = folded.feedForwardNorm;
    for (const Projection projection : allProjections) {
        const auto at = static_cast<std::size_t>(projection);
        const std::vector<float> columns = scales.columnsOf(model.config(), projection);
        const std::vector<float> rows = scales.rowsOf(projection);
        if (!rows.empty()) result.bias[at] = folded.bias[at];
        const InputMoments& seen = moments.of(projection);
        Matrix limited = folded.projection[at];
        long long clipped = 0;
        if (options.clip && projection != Projection::Q && projection != Projection::K)
            clipped = clipAwqGroups(spec, scaledGram(seen, columns).view(), limited.view(), meter);
        result.projection[at] = quantizeRtn(spec.roundToNearest(), limited.view());
        result.projection[at].dequantize(limited.view());
        result.distortion[at] = distortionBetween(folded.projection[at].view(), limited.view());
        result.distortion[at].clipped = clipped;
        for (std::ptrdiff_t row = 0; row < limited.rows(); ++row) // unfolded, to compare with what was there
            for (std::ptrdiff_t column = 0; column < limited.cols(); ++column)
                limited.row(row)[column] *= (rows.empty() ? 1.0F : rows[static_cast<std::size_t>(row)])
                                            / columns[static_cast<std::size_t>(column)];
        result.outputDistortion[at] = outputDistortion(weights->matrix(projection), limited.view(),
                                                       seen.gram().view(), seen.tokens(), meter);
    }
    return result;
}

double awqOperations(const ModelConfig& c, const QuantSpec& spec, long long blockWindows, int context) {
    const double query = c.queryDim(), key = c.keyDim(), hidden = c.hiddenSize, inner = c.intermediateSize;
    const auto clip = [&spec](double rows, double inputs) {
        const double group = spec.groupSize > 0 ? std::min<double>(spec.groupSize, inputs) : inputs;
        return 2.0 * clipSteps * rows * inputs * group;
    };
    const double blocks =
        BlockErrors::attentionOperations(c, context) + BlockErrors::feedForwardOperations(c, context);
    const double alone = 2 * alphaSteps * hidden * (query * query + inner * inner); // o, down
    const double outputs =
        4 * ((query + 2 * key + 2 * inner) * hidden * hidden + hidden * (query * query + inner * inner));
    return static_cast<double>(blockWindows) * (alphaSteps + 1) * blocks + alone + outputs + clip(key, hidden)
           + clip(hidden, query) + clip(2 * inner, hidden) + clip(hidden, inner);
}

} // namespace qroar
