#include "core/quantize/block_errors.h"

#include "core/inference/gemm.h"
#include "core/inference/layer_steps.h"
#include "core/quantize/row_tiles.h"

#include <numeric>

namespace qroar {

namespace {

/// sum over rows of ||W (changed - original)||^2, in tiles merged in their order.
double squaredDifference(ConstMatrixView changed, ConstMatrixView original, ConstMatrixView weight,
                         WorkMeter& meter) {
    std::vector<double> sums(rowTiles(changed.rows));
    forEachRowTile(changed.rows, meter, [&](std::size_t tile, std::ptrdiff_t first, std::ptrdiff_t rows) {
        Matrix difference(rows, changed.cols), output(rows, weight.rows);
        for (std::ptrdiff_t row = 0; row < rows; ++row)
            for (std::ptrdiff_t column = 0; column < changed.cols; ++column)
                difference.row(row)[column] = changed(first + row, column) - original(first + row, column);
        multiplyTransposed(difference.view(), weight, output.view());
        sums[tile] = sumOfProducts(output.view(), output.view());
        meter.add(2.0 * static_cast<double>(rows * changed.cols) * static_cast<double>(weight.rows));
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

} // namespace

BlockErrors::BlockErrors(const ModelConfig& config, const LinearInputs& inputs,
                         std::shared_ptr<const LayerWeights> weights, std::vector<Residual> streams,
                         WorkMeter& meter)
    : config_(config), inputs_(inputs), weights_(std::move(weights)) {
    for (Residual& stream : streams) {
        Sample sample;
        sample.below = std::move(stream);
        inputs_.output(weights_, sample.below, sample.heads, meter);
        sample.middle = sample.below;
        inputs_.addAttention(*weights_, sample.heads.view(), sample.middle, meter);
        inputs_.down(*weights_, sample.middle, sample.hidden, meter);
        samples_.push_back(std::move(sample));
    }
}

double BlockErrors::attention(const std::shared_ptr<const LayerWeights>& changed, WorkMeter& meter) const {
    double sum = 0;
    Matrix heads;
    for (const Sample& sample : samples_) {
        if (meter.cancelled()) break;
        inputs_.output(changed, sample.below, heads, meter);
        sum += squaredDifference(heads.view(), sample.heads.view(), weights_->matrix(Projection::O), meter);
    }
    return sum;
}

double BlockErrors::feedForward(const LayerWeights& changed, WorkMeter& meter) const {
    double sum = 0;
    Matrix hidden;
    for (const Sample& sample : samples_) {
        if (meter.cancelled()) break;
        inputs_.down(changed, sample.middle, hidden, meter);
        sum +=
            squaredDifference(hidden.view(), sample.hidden.view(), weights_->matrix(Projection::Down), meter);
    }
    return sum;
}

double BlockErrors::attentionOperations(const ModelConfig& c, int context) {
    const double tokens = context;
    return tokens * 2.0 * c.hiddenSize * (2.0 * c.queryDim() + 2.0 * c.keyDim())
           + 4.0 * c.queryDim() * visiblePairs(c, context) / c.layers;
}

double BlockErrors::feedForwardOperations(const ModelConfig& c, int context) {
    return 6.0 * context * c.hiddenSize * static_cast<double>(c.intermediateSize);
}

} // namespace qroar
