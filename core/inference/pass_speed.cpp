#include "core/inference/pass_speed.h"

#include "core/base/stopwatch.h"
#include "core/inference/attention_reverse.h"
#include "core/inference/forward.h"
#include "core/inference/layer_gradients.h"
#include "core/inference/layer_steps.h"
#include "core/inference/reverse.h"
#include "core/inference/vector_math.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int probedContext = 1024;

/// One layer of the same proportions, small enough to be made in a moment.
ModelConfig cut(ModelConfig config) {
    const int group = std::max(1, config.heads / std::max(1, config.kvHeads));
    config.layers = 1;
    config.kvHeads = std::clamp(1024 / std::max(1, config.headDim * group), 1, config.kvHeads);
    config.heads = config.kvHeads * group;
    config.hiddenSize = std::min(config.hiddenSize, 1024);
    config.intermediateSize = std::min(config.intermediateSize, 2816);
    config.vocabSize = std::min(config.vocabSize, 16384);
    config.windowedLayers.clear();
    config.unrotatedLayers.clear();
    config.slidingWindow.reset();
    return config;
}

/// Numbers of both signs and the size that activations and weights have: what is 0 can be faster.
void fill(Matrix& matrix, std::ptrdiff_t rows, std::ptrdiff_t cols, float size) {
    matrix.resize(rows, cols);
    for (std::ptrdiff_t at = 0; at < rows * cols; ++at)
        matrix.data()[at] = size * (static_cast<float>(at % 97) / 48.0F - 1.0F);
}

std::shared_ptr<const LayerWeights> layerOf(const ModelConfig& c) {
    auto weights = std::make_shared<LayerWeights>();
    const auto make = [&](Projection projection, int rows, int cols) {
        fill(weights->projection[static_cast<std::size_t>(projection)], rows, cols,
             1.0F / std::sqrt(static_cast<float>(cols)));
    };
    make(Projection::Q, c.queryDim(), c.hiddenSize);
    make(Projection::K, c.keyDim(), c.hiddenSize);
    make(Projection::V, c.keyDim(), c.hiddenSize);
    make(Projection::O, c.hiddenSize, c.queryDim());
    make(Projection::Gate, c.intermediateSize, c.hiddenSize);
    make(Projection::Up, c.intermediateSize, c.hiddenSize);
    make(Projection::Down, c.hiddenSize, c.intermediateSize);
    weights->attentionNorm.assign(static_cast<std::size_t>(c.hiddenSize), 1.0F);
    weights->feedForwardNorm = weights->attentionNorm;
    return weights;
}

OutputHead headOf(const ModelConfig& c) {
    OutputHead head;
    fill(head.weights, c.vocabSize, c.hiddenSize, 1.0F / std::sqrt(static_cast<float>(c.hiddenSize)));
    head.norm.assign(static_cast<std::size_t>(c.hiddenSize), 1.0F);
    return head;
}

/// Pairs of a query and a key that are computed, in all layers: tiles on the diagonal as a whole, and those
/// where a sliding window begins.
double computedPairs(const ModelConfig& c, int context) {
    double pairs = visiblePairs(c, context);
    for (int layer = 0; layer < c.layers; ++layer) {
        const int sight = c.windowOf(layer);
        pairs += (sight > 0 && sight < context ? 1.0 : 0.5) * context * queryTile;
    }
    return pairs;
}

double headSpeed(const ModelConfig& c, int threads, WorkMeter& meter) {
    const int tile = logitsTile(c);
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(tile) * threads;
    const OutputHead head = headOf(c);
    Matrix x;
    fill(x, rows, c.hiddenSize, 1);
    const double seconds = typicalSeconds([&] {
        forEachTile(
            rows, tile, 0, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                const MatrixView logits = scratch.matrix(1, count, c.vocabSize);
                rmsNorm(x.view().rowsFrom(first, count), head.norm, c.rmsEps, normed);
                logitsOf(c, head, normed, logits);
                for (std::ptrdiff_t row = 0; row < count; ++row)
                    logits(row, 0) = static_cast<float>(logSumOfExponentials(logits.row(row), c.vocabSize));
            });
    });
    return 2.0 * static_cast<double>(rows) * c.hiddenSize * c.vocabSize / seconds;
}

double headBackSpeed(const ModelConfig& c, int threads, WorkMeter& meter) {
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(logitsTile(c)) * threads;
    const OutputHead head = headOf(c);
    const std::vector<TokenId> tokens(static_cast<std::size_t>(rows) + 1, 0);
    Matrix x, gradient;
    std::vector<double> nll;
    fill(x, rows + 1, c.hiddenSize, 1);
    const double seconds = typicalSeconds([&] {
        fill(gradient, rows + 1, c.hiddenSize, 1);
        lossReverse(c, head, tokens, 0, x.view(), nll, gradient.view(), meter);
    });
    return 4.0 * static_cast<double>(rows) * c.hiddenSize * c.vocabSize / seconds;
}

/// The way back through a layer without its attention, of activations that the forward sweep kept.
double linearBackSpeed(const ModelConfig& c, const LayerOperands& operands, std::ptrdiff_t rows,
                       WorkMeter& meter) {
    const LayerRotations none(c, FrequencyTable{}, 0);
    Matrix x, heads, gradient, headGradient(rows, c.queryDim()), q, k, v;
    fill(x, rows, c.hiddenSize, 1);
    fill(heads, rows, c.queryDim(), 1);
    fill(q, rows, c.queryDim(), 1);
    fill(k, rows, c.keyDim(), 1);
    fill(v, rows, c.keyDim(), 1);
    Matrix stream = x; // that finishLayer moves
    FeedForwardActivations computed, kept;
    for (FeedForwardActivations* one : {&computed, &kept}) one->resize(c, rows);
    finishLayer(c, operands, heads.view(), stream.view(), meter, &computed);
    const std::ptrdiff_t units = computed.gate.count() * panelWidth * c.intermediateSize;
    const double seconds = typicalSeconds([&] {
        fill(gradient, rows, c.hiddenSize, 1);
        copyRows(computed.middle.view(), kept.middle.view());
        std::copy_n(computed.gate.panel(0), units, kept.gate.panel(0)); // overwritten on the way
        std::copy_n(computed.up.panel(0), units, kept.up.panel(0));
        finishLayerReverse(c, operands, x.view(), heads.view(), &kept, gradient.view(), headGradient.view(),
                           meter);
        projectQkvReverse(c, none, operands, {}, x.view(), {q.view(), k.view(), v.view()}, gradient.view(),
                          meter);
    });
    return 2.0 * static_cast<double>(rows) * linearParameters(c) / seconds;
}

double attentionBackSpeed(const ModelConfig& c, const std::vector<BatchWindow>& window,
                          AttentionActivations& forward, WorkMeter& meter) {
    const std::ptrdiff_t rows = forward.q.rows();
    Matrix slope, q(rows, c.queryDim()), k(rows, c.keyDim()), v(rows, c.keyDim());
    fill(slope, rows, c.queryDim(), 1);
    const double seconds = typicalSeconds([&] {
        attendReverse(attentionShape(c, 0), window,
                      {forward.q.view(), forward.heads.view(), forward.k.view(), forward.v.view(),
                       forward.logSumExp.view()},
                      slope.view(), {q.view(), k.view(), v.view()}, meter);
    });
    return 10.0 * c.queryDim() * computedPairs(c, probedContext) / seconds;
}

} // namespace

PassSpeed measurePassSpeed(const ModelConfig& config, bool wayBack) {
    const ModelConfig c = cut(config);
    const int threads = omp_get_max_threads();
    const std::ptrdiff_t rows = static_cast<std::ptrdiff_t>(tokenTile) * threads;
    ProgressSink silent;
    WorkMeter meter(silent, 1);
    const LayerOperands operands{layerOf(c), {}, {}};
    AttentionActivations activations;
    activations.resize(c, rows, false);
    fill(activations.heads, rows, c.queryDim(), 1);
    Matrix x;
    PassSpeed speed;
    const double linear = typicalSeconds([&] {
        fill(x, rows, c.hiddenSize, 1);
        projectQkv(c, operands, x.view(), {}, activations, meter);
        finishLayer(c, operands, activations.heads.view(), x.view(), meter);
    });
    speed.linear = 2.0 * static_cast<double>(rows) * linearParameters(c) / linear;
    const std::vector<BatchWindow> window{{0, 0, 0, probedContext}};
    activations.resize(c, probedContext, wayBack);
    for (Matrix* values : {&activations.q, &activations.k, &activations.v})
        fill(*values, probedContext, values->cols(), 1);
    const double attention = typicalSeconds([&] { attend(c, 0, window, activations, meter); });
    speed.attention = 4.0 * c.queryDim() * computedPairs(c, probedContext) / attention;
    speed.head = headSpeed(c, threads, meter);
    if (!wayBack) return speed;
    speed.linearBack = linearBackSpeed(c, operands, rows, meter);
    speed.attentionBack = attentionBackSpeed(c, window, activations, meter);
    speed.headBack = headBackSpeed(c, threads, meter);
    return speed;
}

double PassSpeed::seconds(const ModelConfig& c, int context, double operations) const {
    const double tokens = context;
    const double pass = c.layers * 2.0 * tokens * linearParameters(c) / linear
                        + 4.0 * c.queryDim() * computedPairs(c, context) / attention
                        + 2.0 * tokens * c.hiddenSize * c.vocabSize / head;
    return operations * pass / ForwardPass::operations(c, context);
}

double PassSpeed::reverseSeconds(const ModelConfig& c, int context, double operations) const {
    const ReverseWork work = ReversePass::work(c, context);
    const double computed = computedPairs(c, context) / visiblePairs(c, context);
    const double pass = work.linear / linear + work.linearBack / linearBack
                        + computed * (work.attention / attention + work.attentionBack / attentionBack)
                        + work.headBack / headBack;
    return operations * pass / work.all();
}

} // namespace qroar
