#include "core/inference/forward.h"

#include "core/inference/attention.h"
#include "core/inference/gemm.h"
#include "core/inference/layer_steps.h"
#include "core/inference/vector_math.h"

#include <cmath>

namespace qroar {

namespace {

constexpr double activationBudget = 512.0 * 1024 * 1024;

double activationBytesPerToken(const ModelConfig& c) {
    return 4.0 * (c.hiddenSize + AttentionActivations::floatsPerToken(c, false));
}

} // namespace

ForwardPass::ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                         std::shared_ptr<const WeightSource> weights, int context, QkGains gains)
    : model_(std::move(model)), rotations_(model_->config(), table, context), source_(std::move(weights)),
      gains_(std::move(gains)) {}

ForwardPass::ForwardPass(std::shared_ptr<const Model> model, const FrequencyTable& table,
                         const QuantSpec& quant, int context)
    : ForwardPass(model, table, openWeights(model, quant).value(), context) {}

Status ForwardPass::run(std::span<const Window> windows, ActivationProbe* probe, LogitsSink& sink,
                        WorkMeter& meter) {
    int first = 0;
    for (const auto& batch : cutBatches(windows, batchTokens(model_->config(), 1))) {
        Residual stream = embed(batch);
        if (Status done = runLayers(stream, 0, model_->config().layers, probe, meter); !done) return done;
        if (Status done = streamLogits(stream, sink, first, meter); !done) return done;
        first += static_cast<int>(batch.size());
    }
    return Done{};
}

// The layers, top to bottom.
Status ForwardPass::runLayers(Residual& stream, int first, int end, ActivationProbe* probe,
                              WorkMeter& meter) {
    const ModelConfig& config = model_->config();
    AttentionActivations activations;
    activations.resize(config, stream.x.rows(), false);
    for (int layer = first; layer < end && !meter.cancelled(); ++layer) {
        const LayerOperands operands = useLayer(layer);
        const RotaryTable* rotary = probe ? nullptr : rotations_.of(config.ropeOf(layer));
        projectQkv(config, operands, stream.x.view(), {rotary, stream.windows}, activations, meter);
        if (meter.cancelled()) break;
        if (probe) { // sees them before and after
            observe(stream, activations, layer, RopeStage::Pre, probe);
            rotateQk(config, rotations_, layer, stream.windows, activations);
            observe(stream, activations, layer, RopeStage::Post, probe);
        }
        attend(config, layer, stream.windows, activations, meter);
        finishLayer(config, operands, activations.heads.view(), stream.x.view(), meter);
    }
    if (meter.cancelled()) return Error::cancelled();
    return Done{};
}

LayerOperands ForwardPass::useLayer(int layer) {
    LayerOperands operands = takeLayer(*source_, gains_, model_->config(), layer);
    const QuantKind kind = source_->spec().kind;
    if (kind != QuantKind::None && kind != QuantKind::Stored
        && static_cast<int>(distortions_.size()) == layer)
        distortions_.push_back(operands.weights->distortion);
    return operands;
}

Residual ForwardPass::embed(std::span<const Window> windows) const {
    return {placeWindows(windows), embedTokens(*model_, windows)};
}

void ForwardPass::observe(const Residual& stream, const AttentionActivations& activations, int layer,
                          RopeStage stage, ActivationProbe* probe) const {
    const ModelConfig& c = model_->config();
    for (const QkTensor tensor : {QkTensor::Q, QkTensor::K}) {
        if (!probe->wants(layer, tensor, stage)) continue;
        const bool query = tensor == QkTensor::Q;
        probe->deliver({layer, tensor, stage, query ? activations.q.view() : activations.k.view(),
                        query ? c.heads : c.kvHeads, c.headDim, c.rotaryDim, c.pairLayout, stream.windows});
    }
}

Status ForwardPass::streamLogits(const Residual& stream, LogitsSink& sink, int firstWindow,
                                 WorkMeter& meter) {
    const ModelConfig& c = model_->config();
    head_.load(*model_);
    for (std::size_t at = 0; at < stream.windows.size(); ++at) {
        const BatchWindow& window = stream.windows[at];
        forEachTile(window.context, logitsTile(c), 2.0 * c.hiddenSize * c.vocabSize, meter,
                    [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                        const MatrixView logits = scratch.matrix(1, count, c.vocabSize);
                        applyHead(stream.x.view().rowsFrom(window.firstRow + first, count),
                                  scratch.matrix(0, count, c.hiddenSize), logits);
                        sink.deliver(firstWindow + static_cast<int>(at), static_cast<int>(first), logits);
                    });
    }
    if (meter.cancelled()) return Error::cancelled();
    return Done{};
}

void ForwardPass::applyHead(ConstMatrixView x, MatrixView normed, MatrixView logits) const {
    rmsNorm(x, head_.norm, model_->config().rmsEps, normed);
    qroar::logitsOf(model_->config(), head_, normed, logits);
}

void ForwardPass::logitsOf(const Residual& stream, int at, int first, MatrixView logits) const {
    const std::ptrdiff_t row = stream.windows[static_cast<std::size_t>(at)].firstRow + first;
    Matrix normed(logits.rows, model_->config().hiddenSize);
    applyHead(stream.x.view().rowsFrom(row, logits.rows), normed.view(), logits);
}

Matrix ForwardPass::lastLogits(const Residual& stream) {
    const ModelConfig& c = model_->config();
    head_.load(*model_);
    const auto windows = static_cast<std::ptrdiff_t>(stream.windows.size());
    Matrix last(windows, c.hiddenSize), logits(windows, c.vocabSize);
    for (std::ptrdiff_t at = 0; at < windows; ++at) {
        const BatchWindow& window = stream.windows[static_cast<std::size_t>(at)];
        rmsNorm(stream.x.view().rowsFrom(window.firstRow + window.context - 1, 1), head_.norm, c.rmsEps,
                last.view().rowsFrom(at, 1));
    }
    // Few rows: each weight is read once, and that is what it costs.
#pragma omp parallel for schedule(static)
    for (std::ptrdiff_t id = 0; id < c.vocabSize; ++id)
        for (std::ptrdiff_t at = 0; at < windows; ++at)
            logits.row(at)[id] = static_cast<float>(
                c.logitScale * sumOfProducts(last.row(at), head_.weights.row(id), c.hiddenSize));
    for (std::ptrdiff_t at = 0; c.logitCap && at < windows; ++at)
        softCap(logits.row(at), c.vocabSize, static_cast<float>(*c.logitCap));
    return logits;
}

void ForwardPass::use(std::shared_ptr<const WeightSource> weights, QkGains gains) {
    source_ = std::move(weights);
    gains_ = std::move(gains);
    distortions_.clear();
}

double ForwardPass::operations(const ModelConfig& c, int context, int firstLayer) {
    const double tokens = context;
    return (c.layers - firstLayer) * 2.0 * tokens * linearParameters(c)
           + 4.0 * c.queryDim() * visiblePairs(c, context, firstLayer)
           + 2.0 * tokens * c.hiddenSize * c.vocabSize;
}

std::ptrdiff_t ForwardPass::batchTokens(const ModelConfig& config, int context) {
    return std::max<std::ptrdiff_t>(
        context, static_cast<std::ptrdiff_t>(activationBudget / activationBytesPerToken(config)));
}

double ForwardPass::layerBytes(const ModelConfig& c) {
    return 4.0 * linearParameters(c);
}

double ForwardPass::headBytes(const ModelConfig& c) {
    return 4.0 * c.vocabSize * static_cast<double>(c.hiddenSize);
}

double ForwardPass::logitsBytes(const ModelConfig& c, int threads) {
    return threads * 4.0 * logitsTile(c) * (2.0 * c.hiddenSize + c.vocabSize); // rows, their panels, logits
}

double ForwardPass::streamBytes(const ModelConfig& c, int context, long long tokens) {
    return 4.0 * c.hiddenSize * static_cast<double>(std::min<long long>(tokens, batchTokens(c, context)));
}

PassMemory ForwardPass::batchMemory(const ModelConfig& c, int context, double tokens, int threads) {
    const double stream = 4.0 * c.hiddenSize * tokens + 4.0 * context * c.rotaryDim;
    PassMemory memory;
    memory.layers = stream + tokens * (activationBytesPerToken(c) - 4.0 * c.hiddenSize) + layerBytes(c)
                    + threads * std::max(tileBytes(c), attentionTileBytes(c));
    memory.logits = stream + headBytes(c) + logitsBytes(c, threads);
    return memory;
}

double ForwardPass::peakBytes(const ModelConfig& c, int context, long long tokens, int threads) {
    const long long batch = std::min<long long>(tokens, batchTokens(c, context));
    PassMemory memory = batchMemory(c, context, static_cast<double>(batch), threads);
    if (batch < tokens) memory.layers += headBytes(c); // the second batch finds it there
    return memory.peak() + 4.0 * static_cast<double>(tokens);
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
        const double logSum = logSumOfExponentials(values, logits.cols);
        nll_[at][position] = static_cast<float>(logSum - values[windows_[at].tokens[position + 1]]);
    }
}

} // namespace qroar
