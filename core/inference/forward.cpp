#include "core/inference/forward.h"

#include "core/inference/attention.h"
#include "core/inference/gemm.h"
#include "core/inference/vector_math.h"

#include <omp.h>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int tokenTile = 128; ///< rows of a linear layer's tile
constexpr double activationBudget = 512.0 * 1024 * 1024;

/// target = source / rms(source) * gain, row by row (RMSNorm, Zhang & Sennrich 2019).
void rmsNorm(ConstMatrixView source, const std::vector<float>& gain, double eps, MatrixView target) {
    for (std::ptrdiff_t token = 0; token < source.rows; ++token) {
        const float* in = source.row(token);
        float* out = target.row(token);
        const double meanSquare = sumOfSquares(in, source.cols) / static_cast<double>(source.cols);
        // An overflow must show in the result, not divide it away.
        const double inverse64 = std::isfinite(meanSquare) ? 1.0 / std::sqrt(meanSquare + eps) : std::nan("");
        const auto inverse = static_cast<float>(inverse64);
        for (std::ptrdiff_t column = 0; column < source.cols; ++column)
            out[column] = in[column] * inverse * gain[column];
    }
}

void addBias(MatrixView values, const std::vector<float>& bias) {
    if (bias.empty()) return;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token)
        for (std::ptrdiff_t column = 0; column < values.cols; ++column) values(token, column) += bias[column];
}

/// A factor of a weight row is a factor of its output column.
void multiplyColumns(MatrixView values, const std::vector<float>& factors) {
    if (factors.empty()) return;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token)
        for (std::ptrdiff_t column = 0; column < values.cols; ++column)
            values(token, column) *= factors[column];
}

void linear(ConstMatrixView input, const LayerWeights& weights, Projection projection, MatrixView output,
            float beta = 0) {
    multiplyTransposed(input, weights.matrix(projection), output, 1, beta);
    addBias(output, weights.biasOf(projection));
}

/// Parameters of the seven projections of a layer.
double linearParameters(const ModelConfig& c) {
    const double h = c.hiddenSize;
    return h * (2.0 * c.queryDim() + 2.0 * c.keyDim()) + 3.0 * h * c.intermediateSize;
}

/// Runs body(tile, firstRow, rows) over fixed tiles in parallel; stops early when cancelled. Work is per row.
template<class Body>
void forEachTile(std::ptrdiff_t rows, int tile, double workPerRow, WorkMeter& meter, Body body) {
    const std::ptrdiff_t tiles = (rows + tile - 1) / tile;
#pragma omp parallel for schedule(dynamic, 1)
    for (std::ptrdiff_t at = 0; at < tiles; ++at) {
        if (meter.cancelled()) continue;
        const std::ptrdiff_t first = at * tile, count = std::min<std::ptrdiff_t>(tile, rows - first);
        body(first, count);
        meter.add(workPerRow * static_cast<double>(count));
        if (omp_get_thread_num() == 0) meter.reportNow();
    }
}

} // namespace

struct ForwardPass::Batch {
    Residual& stream;
    MatrixView x;   ///< [tokens, hidden] of the stream
    Matrix q, k, v; ///< [tokens, heads * headDim], [tokens, kvHeads * headDim] twice
    Matrix heads;   ///< [tokens, heads * headDim] attention output
};

ForwardPass::ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                         std::shared_ptr<const WeightSource> weights, int context, QkGains gains)
    : model_(std::move(model)), rotary_(table, context), source_(std::move(weights)),
      gains_(std::move(gains)) {}

ForwardPass::ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                         const QuantSpec& quant, int context)
    : ForwardPass(model, table, openWeights(model, quant).value(), context) {}

Status ForwardPass::run(std::span<const Window> windows, ActivationProbe* probe, LogitsSink& sink,
                        WorkMeter& meter) {
    std::size_t first = 0;
    while (first < windows.size()) {
        const auto limit = batchTokens(model_->config(), static_cast<int>(windows[first].tokens.size()));
        std::size_t last = first;
        std::ptrdiff_t tokens = 0;
        while (last < windows.size()) {
            const auto more = static_cast<std::ptrdiff_t>(windows[last].tokens.size());
            if (last > first && tokens + more > limit) break;
            tokens += more;
            ++last;
        }
        Residual stream = embed(windows.subspan(first, last - first));
        if (Status done = runLayers(stream, 0, model_->config().layers, probe, meter); !done) return done;
        if (Status done = streamLogits(stream, sink, static_cast<int>(first), meter); !done) return done;
        first = last;
    }
    return Done{};
}

// The layers, top to bottom.
Status ForwardPass::runLayers(Residual& stream, int first, int end, ActivationProbe* probe,
                              WorkMeter& meter) {
    const ModelConfig& config = model_->config();
    const std::ptrdiff_t tokens = stream.x.rows();
    Batch batch{stream,
                stream.x.view(),
                Matrix(tokens, config.queryDim()),
                Matrix(tokens, config.keyDim()),
                Matrix(tokens, config.keyDim()),
                Matrix(tokens, config.queryDim())};
    for (int layer = first; layer < end && !meter.cancelled(); ++layer) {
        useLayer(layer);
        projectQkv(batch, meter); // q, k, v = W norm(x), q and k times their gains
        if (meter.cancelled()) break;
        observe(batch, layer, RopeStage::Pre, probe);
        rotate(batch); // q, k turned by position * omega'
        observe(batch, layer, RopeStage::Post, probe);
        attend(batch, meter);      // heads = softmax(q k^T / sqrt(headDim)) v
        finishLayer(batch, meter); // x += W_O heads; x += W_down (silu(W_gate norm(x)) * W_up norm(x))
    }
    if (meter.cancelled()) return Error::cancelled();
    return Done{};
}

void ForwardPass::useLayer(int layer) {
    weights_ = source_->layer(layer);
    if (source_->spec().kind != QuantKind::None && static_cast<int>(distortions_.size()) == layer)
        distortions_.push_back(weights_->distortion);
    if (gains_.empty()) return;
    queryFactors_ = queryRowFactors(gains_, model_->config(), layer);
    keyFactors_ = keyRowFactors(gains_, model_->config(), layer);
}

Residual ForwardPass::embed(std::span<const Window> windows) const {
    const long long width = model_->config().hiddenSize;
    Residual stream;
    std::ptrdiff_t rows = 0;
    for (const Window& window : windows) {
        stream.windows.push_back(
            {window.document, window.index, rows, static_cast<int>(window.tokens.size())});
        rows += static_cast<std::ptrdiff_t>(window.tokens.size());
    }
    stream.x.resize(rows, width);
    for (std::size_t at = 0; at < windows.size(); ++at)
        for (int token = 0; token < stream.windows[at].context; ++token)
            model_->embedding().toFloat(stream.x.row(stream.windows[at].firstRow + token),
                                        windows[at].tokens[static_cast<std::size_t>(token)] * width, width);
    return stream;
}

void ForwardPass::projectQkv(Batch& batch, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 2.0 * c.keyDim());
    forEachTile(batch.x.rows, tokenTile, work, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        Matrix normed(count, c.hiddenSize);
        rmsNorm(batch.x.rowsFrom(first, count), weights_->attentionNorm, c.rmsEps, normed.view());
        linear(normed.view(), *weights_, Projection::Q, batch.q.view().rowsFrom(first, count));
        linear(normed.view(), *weights_, Projection::K, batch.k.view().rowsFrom(first, count));
        linear(normed.view(), *weights_, Projection::V, batch.v.view().rowsFrom(first, count));
        multiplyColumns(batch.q.view().rowsFrom(first, count), queryFactors_);
        multiplyColumns(batch.k.view().rowsFrom(first, count), keyFactors_);
    });
}

void ForwardPass::observe(const Batch& batch, int layer, RopeStage stage, ActivationProbe* probe) const {
    if (!probe) return;
    const ModelConfig& c = model_->config();
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K}) {
        if (!probe->wants(layer, tensor, stage)) continue;
        const bool query = tensor == QkTensor::Q;
        probe->deliver({layer, tensor, stage, query ? batch.q.view() : batch.k.view(),
                        query ? c.heads : c.kvHeads, c.headDim, c.rotaryDim, c.pairLayout,
                        batch.stream.windows});
    }
}

void ForwardPass::rotate(Batch& batch) const {
    const ModelConfig& c = model_->config();
    for (const BatchWindow& window : batch.stream.windows) {
#pragma omp parallel for schedule(static)
        for (int token = 0; token < window.context; ++token) {
            rotary_.rotate(batch.q.row(window.firstRow + token), token, c.heads, c.headDim, c.pairLayout);
            rotary_.rotate(batch.k.row(window.firstRow + token), token, c.kvHeads, c.headDim, c.pairLayout);
        }
    }
}

void ForwardPass::attend(Batch& batch, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const AttentionShape shape{c.heads, c.kvHeads, c.headDim, c.slidingWindow.value_or(0)};
    struct Task {
        const BatchWindow* window;
        int head, firstQuery;
    };
    std::vector<Task> tasks; // the long ones first, so that the threads finish together
    for (const BatchWindow& window : batch.stream.windows)
        for (int first = (window.context - 1) / queryTile * queryTile; first >= 0; first -= queryTile)
            for (int head = 0; head < c.heads; ++head) tasks.push_back({&window, head, first});
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Task& a, const Task& b) { return a.firstQuery > b.firstQuery; });

#pragma omp parallel
    {
        AttentionScratch scratch;
#pragma omp for schedule(dynamic, 1)
        for (std::size_t at = 0; at < tasks.size(); ++at) {
            if (meter.cancelled()) continue;
            const auto [window, head, first] = tasks[at];
            const int count = std::min(queryTile, window->context - first);
            const std::ptrdiff_t row = window->firstRow, rows = window->context;
            attendTile(shape, head, first, count, batch.q.view().rowsFrom(row, rows),
                       batch.k.view().rowsFrom(row, rows), batch.v.view().rowsFrom(row, rows),
                       batch.heads.view().rowsFrom(row, rows), scratch);
            meter.add(4.0 * c.headDim * count * (first + 0.5 * (count + 1)));
            if (omp_get_thread_num() == 0) meter.reportNow();
        }
    }
}

void ForwardPass::finishLayer(Batch& batch, WorkMeter& meter) const {
    const ModelConfig& c = model_->config();
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 3.0 * c.intermediateSize);
    forEachTile(batch.x.rows, tokenTile, work, meter, [&](std::ptrdiff_t first, std::ptrdiff_t count) {
        const MatrixView x = batch.x.rowsFrom(first, count);
        linear(batch.heads.view().rowsFrom(first, count), *weights_, Projection::O, x, 1);
        Matrix normed(count, c.hiddenSize), gate(count, c.intermediateSize), up(count, c.intermediateSize);
        rmsNorm(x, weights_->feedForwardNorm, c.rmsEps, normed.view());
        linear(normed.view(), *weights_, Projection::Gate, gate.view());
        linear(normed.view(), *weights_, Projection::Up, up.view());
        siluTimes(gate.data(), up.data(), count * c.intermediateSize);
        linear(gate.view(), *weights_, Projection::Down, x, 1);
    });
}

Status ForwardPass::streamLogits(const Residual& stream, LogitsSink& sink, int firstWindow,
                                 WorkMeter& meter) {
    const ModelConfig& c = model_->config();
    if (head_.rows() == 0) {
        readMatrix(model_->head(), head_);
        finalNorm_ = model_->finalNorm().toFloat();
    }
    const int tile = std::clamp((1 << 22) / c.vocabSize, 8, tokenTile);
    for (std::size_t at = 0; at < stream.windows.size(); ++at) {
        const BatchWindow& window = stream.windows[at];
        forEachTile(window.context, tile, 2.0 * c.hiddenSize * c.vocabSize, meter,
                    [&](std::ptrdiff_t first, std::ptrdiff_t count) {
                        Matrix normed(count, c.hiddenSize), logits(count, c.vocabSize);
                        rmsNorm(stream.x.view().rowsFrom(window.firstRow + first, count), finalNorm_,
                                c.rmsEps, normed.view());
                        multiplyTransposed(normed.view(), head_.view(), logits.view());
                        sink.deliver(firstWindow + static_cast<int>(at), static_cast<int>(first),
                                     logits.view());
                    });
    }
    if (meter.cancelled()) return Error::cancelled();
    return Done{};
}

double ForwardPass::operations(const ModelConfig& c, int context) {
    const double tokens = context;
    const double attention = 4.0 * c.queryDim() * tokens * (tokens + 1) / 2;
    return c.layers * (2.0 * tokens * linearParameters(c) + attention)
           + 2.0 * tokens * c.hiddenSize * c.vocabSize;
}

namespace {
double activationBytesPerToken(const ModelConfig& c) {
    return 4.0 * (c.hiddenSize + 2.0 * c.queryDim() + 2.0 * c.keyDim());
}
} // namespace

std::ptrdiff_t ForwardPass::batchTokens(const ModelConfig& config, int context) {
    return std::max<std::ptrdiff_t>(
        context, static_cast<std::ptrdiff_t>(activationBudget / activationBytesPerToken(config)));
}

double ForwardPass::peakBytes(const ModelConfig& c, int context, long long tokens, int threads) {
    const double batch = static_cast<double>(std::min<long long>(tokens, batchTokens(c, context)));
    const double tileBytes =
        4.0
        * std::max(tokenTile * (c.hiddenSize + 2.0 * c.intermediateSize),
                   std::clamp((1 << 22) / c.vocabSize, 8, tokenTile) * static_cast<double>(c.vocabSize));
    return batch * activationBytesPerToken(c) + 4.0 * linearParameters(c)
           + 4.0 * c.vocabSize * static_cast<double>(c.hiddenSize) + 4.0 * context * c.rotaryDim
           + threads * (tileBytes + 4.0 * queryTile * keyTile) + 4.0 * static_cast<double>(tokens);
}

NllSink::NllSink(std::span<const Window> windows) : windows_(windows), nll_(windows.size()) {
    for (std::size_t at = 0; at < windows.size(); ++at) nll_[at].resize(windows[at].tokens.size() - 1);
}

void NllSink::deliver(int window, int firstPosition, ConstMatrixView logits) {
    const auto at = static_cast<std::size_t>(window);
    for (std::ptrdiff_t row = 0; row < logits.rows; ++row) {
        const auto position = static_cast<std::size_t>(firstPosition + row);
        if (position + 1 >= windows_[at].tokens.size()) continue; // the last token predicts nothing we know
        const float* values = logits.row(row);
        const float top = maximum(values, logits.cols);
        const double logSum = std::log(sumOfExponentials(values, logits.cols, top));
        nll_[at][position] = static_cast<float>(logSum + top - values[windows_[at].tokens[position + 1]]);
    }
}

} // namespace qroar
