#include "core/quantize/importance_weights.h"

#include "core/quantize/awq_parts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace qroar {

namespace {

/// One group of a row, whose winning grid goes into the matrix.
bool quantizeGroup(const QuantSpec& spec, const float* weights, const float* importance, std::ptrdiff_t count,
                   float& scale, std::uint8_t& zero, std::uint8_t* codes) {
    const int shift = spec.symmetric ? 1 << (spec.bits - 1) : 0;
    float largest = 0;
    for (std::ptrdiff_t at = 0; at < count; ++at) largest = std::max(largest, std::abs(weights[at]));
    std::vector<float> limited(static_cast<std::size_t>(count));
    double least = std::numeric_limits<double>::infinity();
    int best = 0;
    RtnGrid winner;
    for (int step = 0; step < awqClipSteps; ++step) {
        const auto limit = static_cast<float>((1 - step / 20.0) * static_cast<double>(largest));
        for (std::ptrdiff_t at = 0; at < count; ++at)
            limited[static_cast<std::size_t>(at)] = std::clamp(weights[at], -limit, limit);
        const RtnGrid grid = rtnGrid(spec, limited.data(), count);
        double error = 0;
        for (std::ptrdiff_t at = 0; at < count; ++at) {
            const int code = rtnCode(grid, limited[static_cast<std::size_t>(at)]);
            const double off = static_cast<double>(weights[at])
                               - static_cast<double>(static_cast<float>(code - grid.zero) * grid.scale);
            error += static_cast<double>(importance[at]) * off * off;
        }
        if (!(error < least)) continue;
        least = error;
        best = step;
        winner = grid;
    }
    const auto limit = static_cast<float>((1 - best / 20.0) * static_cast<double>(largest));
    scale = winner.scale;
    zero = static_cast<std::uint8_t>(winner.zero + shift);
    for (std::ptrdiff_t at = 0; at < count; ++at)
        codes[at] =
            static_cast<std::uint8_t>(rtnCode(winner, std::clamp(weights[at], -limit, limit)) + shift);
    return best > 0;
}

/// sum of importance[c] (changed - weight)^2.
double weightedError(ConstMatrixView weight, ConstMatrixView changed, std::span<const float> importance) {
    std::vector<double> rows(static_cast<std::size_t>(weight.rows));
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row) {
        double sum = 0;
        for (std::ptrdiff_t column = 0; column < weight.cols; ++column) {
            const double off =
                static_cast<double>(changed(row, column)) - static_cast<double>(weight(row, column));
            sum += static_cast<double>(importance[static_cast<std::size_t>(column)]) * off * off;
        }
        rows[static_cast<std::size_t>(row)] = sum;
    }
    return std::accumulate(rows.begin(), rows.end(), 0.0);
}

std::vector<double> rootsOf(const std::vector<float>& meanSquares) {
    std::vector<double> roots;
    for (const float value : meanSquares) roots.push_back(std::sqrt(static_cast<double>(value)));
    return roots;
}

/// What a projection reads; fits() has said that it is there.
std::vector<float> importanceOf(const ImportanceMatrix& matrix, const ModelConfig& config, int layer,
                                Projection projection) {
    auto found = matrix.of(config, layer, projection);
    return found
               ? std::move(*found)
               : std::vector<float>(static_cast<std::size_t>(inputWidth(config, inputOf(projection))), 1.0F);
}

struct Search {
    std::vector<float> AwqScales::*scales;
    const TensorView* norm; ///< null: the scales' inverse goes into the rows of a projection
    std::vector<Projection> projections;
};

AwqScales searchScales(const Model& model, int layer, const QuantSpec& spec, const LayerWeights& weights,
                       const ImportanceMatrix& matrix) {
    const ModelConfig& config = model.config();
    const Search searches[] = {
        {&AwqScales::attention,
         &model.norm(layer, Norm::Attention),
         {Projection::Q, Projection::K, Projection::V}},
        {&AwqScales::output, nullptr, {Projection::O}},
        {&AwqScales::feedForward, &model.norm(layer, Norm::FeedForward), {Projection::Gate, Projection::Up}},
        {&AwqScales::down, nullptr, {Projection::Down}},
    };
    AwqScales best = AwqScales::ones(config);
    for (const Search& search : searches) {
        const Projection first = search.projections.front();
        const std::vector<float> importance = importanceOf(matrix, config, layer, first);
        std::vector<double> roots = rootsOf(importance);
        if (first == Projection::O) roots = meanOverSharedHeads(config, roots);
        double least = std::numeric_limits<double>::infinity();
        for (int step = 0; step < awqAlphaSteps; ++step) {
            const double alpha = static_cast<double>(step) / awqAlphaSteps;
            AwqScales tried = best;
            tried.*search.scales = awqScales(roots, alpha);
            if (search.norm) tried.*search.scales = storableScales(model, *search.norm, tried.*search.scales);
            const std::vector<float> columns = tried.columnsOf(config, first);
            double error = 0;
            for (const Projection projection : search.projections) {
                Matrix changed = weights.projection[static_cast<std::size_t>(projection)];
                roundScaled(spec.roundToNearest(), columns, changed.view());
                error += weightedError(weights.matrix(projection), changed.view(), importance);
            }
            if (!(error < least)) continue;
            least = error;
            best = std::move(tried);
            best.alpha[static_cast<std::size_t>(inputOf(first))] = alpha;
        }
    }
    return best;
}

/// A projection's codes with what they cost.
void place(QuantizedLayer& layer, Projection projection, QuantizedMatrix codes, ConstMatrixView original,
           long long clipped) {
    const auto at = static_cast<std::size_t>(projection);
    Matrix floats(codes.rows, codes.cols);
    codes.dequantize(floats.view());
    layer.distortion[at] = distortionBetween(original, floats.view());
    layer.distortion[at].clipped = clipped;
    layer.projection[at] = std::move(codes);
}

QuantizedLayer quantizeRtnByImportance(const Model& model, int layer, const QuantSpec& spec,
                                       const LayerWeights& weights, const ImportanceMatrix& matrix) {
    QuantizedLayer result;
    for (const Projection projection : allProjections) {
        long long clipped = 0;
        auto codes = quantizeByImportance(spec, weights.matrix(projection),
                                          importanceOf(matrix, model.config(), layer, projection), &clipped);
        place(result, projection, std::move(codes), weights.matrix(projection), clipped);
    }
    return result;
}

} // namespace

QuantizedMatrix quantizeByImportance(const QuantSpec& spec, ConstMatrixView weight,
                                     std::span<const float> importance, long long* clipped) {
    const QuantSpec grid = spec.roundToNearest();
    const std::ptrdiff_t size =
        grid.groupSize > 0 ? grid.groupSize : std::max<std::ptrdiff_t>(1, weight.cols);
    QuantizedMatrix result = emptyMatrix(grid, weight.rows, weight.cols);
    long long limited = 0;
#pragma omp parallel for schedule(static) reduction(+ : limited)
    for (std::ptrdiff_t row = 0; row < weight.rows; ++row)
        for (std::ptrdiff_t group = 0; group < result.groups; ++group) {
            const std::ptrdiff_t first = group * size, count = std::min(size, weight.cols - first);
            const auto at = static_cast<std::size_t>(row * result.groups + group);
            limited += quantizeGroup(grid, weight.row(row) + first, importance.data() + first, count,
                                     result.scales[at], result.zeros[at],
                                     result.codes.data() + row * weight.cols + first)
                           ? 1
                           : 0;
        }
    if (clipped) *clipped = limited;
    return result;
}

QuantizedLayer quantizeAwqByImportance(const Model& model, int layer, const QuantSpec& spec,
                                       const LayerWeights& weights, const ImportanceMatrix& matrix) {
    const ModelConfig& config = model.config();
    const AwqScales scales = searchScales(model, layer, spec, weights, matrix);
    LayerWeights folded = weights;
    foldAwqScales(model, layer, scales, folded);
    QuantizedLayer result;
    result.attentionNorm = folded.attentionNorm;
    result.feedForwardNorm = folded.feedForwardNorm;
    for (const Projection projection : allProjections) {
        if (!scales.rowsOf(projection).empty())
            result.bias[static_cast<std::size_t>(projection)] =
                folded.bias[static_cast<std::size_t>(projection)];
        std::vector<float> importance = importanceOf(matrix, config, layer, projection);
        const std::vector<float> columns = scales.columnsOf(config, projection);
        for (std::size_t channel = 0; channel < importance.size(); ++channel)
            importance[channel] /= columns[channel] * columns[channel];
        const bool limited = projection != Projection::Q && projection != Projection::K;
        long long clipped = 0;
        auto codes = limited ? quantizeByImportance(spec, folded.matrix(projection), importance, &clipped)
                             : quantizeRtn(spec.roundToNearest(), folded.matrix(projection));
        place(result, projection, std::move(codes), folded.matrix(projection), clipped);
    }
    return result;
}

Outcome<std::shared_ptr<const WeightSource>> importanceWeights(std::shared_ptr<const Model> model,
                                                               const QuantSpec& spec,
                                                               const ImportanceMatrix& matrix,
                                                               WorkMeter& meter) {
    if (!usesImportance(spec))
        return Error::bad("quantization '" + spec.text()
                          + "' does not use an importance matrix: rtn and awq do");
    if (Status supported = checkQuantSupported(spec, *model); !supported) return supported.error();
    if (Status fits = matrix.fits(model->config()); !fits) return fits.error();
    const int count = model->config().layers;
    const double work = importanceOperations(model->config(), spec) / count;
    std::vector<std::shared_ptr<const QuantizedLayer>> layers;
    for (int layer = 0; layer < count; ++layer) {
        meter.setStage(spec.text() + " layer " + std::to_string(layer + 1) + "/" + std::to_string(count));
        LayerWeights weights;
        weights.load(*model, layer);
        layers.push_back(std::make_shared<const QuantizedLayer>(
            spec.kind == QuantKind::Awq ? quantizeAwqByImportance(*model, layer, spec, weights, matrix)
                                        : quantizeRtnByImportance(*model, layer, spec, weights, matrix)));
        if (!meter.add(work)) return Error::cancelled();
        meter.reportNow();
    }
    return packedWeights(std::move(model), spec, std::move(layers));
}

double importanceOperations(const ModelConfig& config, const QuantSpec& spec) {
    if (!usesImportance(spec)) return 0;
    constexpr double perWeight = 12; // of a step of a grid
    const double steps = awqClipSteps + (spec.kind == QuantKind::Awq ? awqAlphaSteps : 0);
    return perWeight * steps * static_cast<double>(config.parameterCount());
}

} // namespace qroar
