#include "core/inference/layer_steps.h"

#include "core/inference/attention.h"
#include "core/inference/batches.h"
#include "core/inference/gemm.h"
#include "core/inference/vector_math.h"

#include <cmath>

namespace qroar {

namespace {

void addBias(MatrixView values, const std::vector<float>& bias) {
    if (bias.empty()) return;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token)
        for (std::ptrdiff_t column = 0; column < values.cols; ++column) values(token, column) += bias[column];
}

/// The same for a block of a panel, [rows from firstRow, 64 tokens].
void addBiasToRows(MatrixView values, const std::vector<float>& bias, std::ptrdiff_t firstRow) {
    if (bias.empty()) return;
    for (std::ptrdiff_t row = 0; row < values.rows; ++row)
        for (std::ptrdiff_t lane = 0; lane < values.cols; ++lane)
            values(row, lane) += bias[static_cast<std::size_t>(firstRow + row)];
}

} // namespace

LayerOperands takeLayer(const WeightSource& source, const QkGains& gains, const ModelConfig& config,
                        int layer) {
    LayerOperands operands{source.layer(layer), {}, {}};
    if (gains.empty()) return operands;
    operands.queryFactors = queryRowFactors(gains, config, layer);
    operands.keyFactors = keyRowFactors(gains, config, layer);
    return operands;
}

void AttentionActivations::resize(const ModelConfig& config, std::ptrdiff_t tokens, bool keepLogSumExp) {
    q.resize(tokens, config.queryDim());
    k.resize(tokens, config.keyDim());
    v.resize(tokens, config.keyDim());
    heads.resize(tokens, config.queryDim());
    logSumExp.resize(keepLogSumExp ? tokens : 0, config.heads);
}

double AttentionActivations::floatsPerToken(const ModelConfig& config, bool keepLogSumExp) {
    return 2.0 * config.queryDim() + 2.0 * config.keyDim() + (keepLogSumExp ? config.heads : 0);
}

void FeedForwardActivations::resize(const ModelConfig& config, std::ptrdiff_t tokens) {
    middle.resize(tokens, config.hiddenSize);
    gate.resize(tokens, config.intermediateSize);
    up.resize(tokens, config.intermediateSize);
}

double FeedForwardActivations::floatsPerToken(const ModelConfig& config) {
    return config.hiddenSize + 2.0 * config.intermediateSize;
}

std::vector<std::span<const Window>> cutBatches(std::span<const Window> windows, std::ptrdiff_t tokens) {
    std::vector<std::span<const Window>> batches;
    const auto length = [](const Window& window) { return window.tokens.size(); };
    if (!windows.empty() && std::all_of(windows.begin(), windows.end(), [&](const Window& window) {
            return length(window) == length(windows.front());
        })) {
        const std::size_t perBatch = BatchCut::of(tokens, static_cast<int>(length(windows.front()))).windows;
        for (std::size_t first = 0; first < windows.size(); first += perBatch)
            batches.push_back(windows.subspan(first, std::min(perBatch, windows.size() - first)));
        return batches;
    }
    std::size_t first = 0;
    std::ptrdiff_t held = 0;
    for (std::size_t at = 0; at < windows.size(); ++at) {
        const auto more = static_cast<std::ptrdiff_t>(windows[at].tokens.size());
        if (at > first && held + more > tokens) {
            batches.push_back(windows.subspan(first, at - first));
            first = at;
            held = 0;
        }
        held += more;
    }
    if (first < windows.size()) batches.push_back(windows.subspan(first));
    return batches;
}

std::vector<BatchWindow> placeWindows(std::span<const Window> windows) {
    std::vector<BatchWindow> placed;
    std::ptrdiff_t row = 0;
    for (const Window& window : windows) {
        placed.push_back({window.document, window.index, row, static_cast<int>(window.tokens.size())});
        row += static_cast<std::ptrdiff_t>(window.tokens.size());
    }
    return placed;
}

Matrix embedTokens(const Model& model, std::span<const Window> windows) {
    const long long width = model.config().hiddenSize;
    std::ptrdiff_t row = 0;
    for (const Window& window : windows) row += static_cast<std::ptrdiff_t>(window.tokens.size());
    Matrix x(row, width);
    row = 0;
    for (const Window& window : windows)
        for (const TokenId token : window.tokens)
            model.embedding().toFloat(x.row(row++), token * width, width);
    if (const auto scale = static_cast<float>(model.config().embeddingScale); scale != 1)
        for (std::ptrdiff_t at = 0; at < row * width; ++at) x.data()[at] *= scale;
    return x;
}

RowRotation::RowRotation(const RotaryTable* rotary, std::span<const BatchWindow> windows) : table(rotary) {
    for (const BatchWindow& window : windows)
        for (int token = 0; token < window.context; ++token) positions.push_back(token);
}

void projectQkv(const ModelConfig& c, const LayerOperands& layer, ConstMatrixView x,
                const RowRotation& rotation, AttentionActivations& target, WorkMeter& meter) {
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 2.0 * c.keyDim());
    const LayerWeights& weights = *layer.weights;
    forEachTile(x.rows, tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView q = target.q.view().rowsFrom(first, count);
                    const MatrixView k = target.k.view().rowsFrom(first, count);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    rmsNorm(x.rowsFrom(first, count), weights.attentionNorm, c.rmsEps, normed);
                    Panels& input = scratch.panels(0);
                    input.pack(normed);
                    linear(input, weights, Projection::Q, q);
                    // Keys carry most of what float sums lose: they are long, and attention sees differences
                    // of their products. Summed in float, single tokens were 1.3e-4 nats off; with the keys
                    // in double they stay below 1e-4.
                    multiplyPanelsInDouble(input, factorOf(weights.matrix(Projection::K)), k);
                    addBias(k, weights.biasOf(Projection::K));
                    linear(input, weights, Projection::V, target.v.view().rowsFrom(first, count));
                    normalizeHeads(q, weights.queryNorm, c.headDim, c.rmsEps);
                    normalizeHeads(k, weights.keyNorm, c.headDim, c.rmsEps);
                    multiplyColumns(q, layer.queryFactors);
                    multiplyColumns(k, layer.keyFactors);
                    if (!rotation.table) return;
                    for (std::ptrdiff_t token = 0; token < count; ++token) {
                        const int position = rotation.positions[static_cast<std::size_t>(first + token)];
                        rotation.table->rotate(q.row(token), position, c.heads, c.headDim, c.pairLayout);
                        rotation.table->rotate(k.row(token), position, c.kvHeads, c.headDim, c.pairLayout);
                    }
                });
}

void rotateQk(const ModelConfig& c, const LayerRotations& rotations, int layer,
              std::span<const BatchWindow> windows, AttentionActivations& target) {
    const RotaryTable* rotary = rotations.of(c.ropeOf(layer));
    if (!rotary) return;
    for (const BatchWindow& window : windows) {
#pragma omp parallel for schedule(static)
        for (int token = 0; token < window.context; ++token) {
            const std::ptrdiff_t row = window.firstRow + token;
            rotary->rotate(target.q.row(row), token, c.heads, c.headDim, c.pairLayout);
            rotary->rotate(target.k.row(row), token, c.kvHeads, c.headDim, c.pairLayout);
        }
    }
}

AttentionShape attentionShape(const ModelConfig& c, int layer) {
    AttentionShape shape{c.heads, c.kvHeads, c.headDim, c.windowOf(layer)};
    shape.scale = static_cast<float>(c.attentionScale.value_or(0));
    shape.cap = static_cast<float>(c.attentionCap.value_or(0));
    return shape;
}

double visiblePairs(const ModelConfig& c, int context, int firstLayer) {
    double pairs = 0;
    for (int layer = firstLayer; layer < c.layers; ++layer)
        pairs += visibleKeys(0, context, c.windowOf(layer));
    return pairs;
}

void attend(const ModelConfig& c, int layer, std::span<const BatchWindow> windows,
            AttentionActivations& target, WorkMeter& meter) {
    const AttentionShape shape = attentionShape(c, layer);
    struct Task {
        const BatchWindow* window;
        int head, firstQuery;
    };
    std::vector<Task> tasks; // the long ones first, so that the threads finish together
    for (const BatchWindow& window : windows)
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
            attendTile(shape, head, first, count, target.q.view().rowsFrom(row, rows),
                       target.k.view().rowsFrom(row, rows), target.v.view().rowsFrom(row, rows),
                       target.heads.view().rowsFrom(row, rows), scratch);
            if (target.logSumExp.rows() > 0)
                for (int query = 0; query < count; ++query)
                    target.logSumExp.row(row + first + query)[head] =
                        static_cast<float>(scratch.logSumExp(query));
            meter.add(4.0 * c.headDim * visibleKeys(first, count, shape.slidingWindow));
            if (omp_get_thread_num() == 0) meter.reportNow();
        }
    }
}

void hiddenUnits(const ModelConfig& c, const LayerWeights& weights, const Panels& normed, Panels& hidden,
                 Panels* keptGate, Panels* keptUp, std::ptrdiff_t keptPanel) {
    alignas(64) float gate[blockFloats], up[blockFloats];
    const auto put = [](ConstMatrixView rows, Panels& panels, std::ptrdiff_t panel, std::ptrdiff_t firstRow) {
        copyRows(rows, {panels.panel(panel) + firstRow * panelWidth, rows.rows, panelWidth});
    };
    hidden.resize(normed.rows(), c.intermediateSize);
    forEachBlock(normed.count(), c.intermediateSize, [&](const ProductBlock& block) {
        multiplyBlock(normed, factorOf(weights.matrix(Projection::Gate)), block, gate);
        multiplyBlock(normed, factorOf(weights.matrix(Projection::Up)), block, up);
        for (std::ptrdiff_t at = 0; at < block.panels; ++at) {
            const MatrixView own(gate + at * blockStride, block.rows, panelWidth);
            const MatrixView other(up + at * blockStride, block.rows, panelWidth);
            const std::ptrdiff_t panel = block.firstPanel + at;
            addBiasToRows(own, weights.biasOf(Projection::Gate), block.firstRow);
            addBiasToRows(other, weights.biasOf(Projection::Up), block.firstRow);
            if (keptGate) put(own, *keptGate, keptPanel + panel, block.firstRow);
            if (keptUp) put(other, *keptUp, keptPanel + panel, block.firstRow);
            activate(c, own, other);
            put(own, hidden, panel, block.firstRow);
        }
    });
}

void activate(const ModelConfig& c, MatrixView gate, ConstMatrixView up) {
    if (c.activation == Activation::GeluTanh)
        geluTimes(gate.data, up.data, gate.rows * gate.cols);
    else
        siluTimes(gate.data, up.data, gate.rows * gate.cols);
}

const std::vector<float>& outputNorm(const LayerWeights& weights, Projection projection) {
    return projection == Projection::O ? weights.afterAttentionNorm : weights.afterFeedForwardNorm;
}

void joinStream(const ModelConfig& c, const LayerWeights& weights, Projection projection, const Panels& input,
                MatrixView x, MatrixView buffer) {
    const std::vector<float>& norm = outputNorm(weights, projection);
    if (norm.empty() && c.residualScale == 1) return linear(input, weights, projection, x, 1);
    linear(input, weights, projection, buffer);
    if (!norm.empty()) rmsNorm(buffer, norm, c.rmsEps, buffer);
    const auto scale = static_cast<float>(c.residualScale);
    for (std::ptrdiff_t token = 0; token < x.rows; ++token)
        for (std::ptrdiff_t column = 0; column < x.cols; ++column)
            x(token, column) += scale * buffer(token, column);
}

void finishLayer(const ModelConfig& c, const LayerOperands& layer, ConstMatrixView heads, MatrixView stream,
                 WorkMeter& meter, FeedForwardActivations* kept) {
    const double work = 2.0 * c.hiddenSize * (c.queryDim() + 3.0 * c.intermediateSize);
    const LayerWeights& weights = *layer.weights;
    forEachTile(stream.rows, tokenTile, work, meter,
                [&](std::ptrdiff_t first, std::ptrdiff_t count, TileScratch& scratch) {
                    const MatrixView x = stream.rowsFrom(first, count);
                    const MatrixView buffer = scratch.matrix(3, count, c.hiddenSize);
                    Panels& input = scratch.panels(0);
                    Panels& hidden = scratch.panels(1);
                    input.pack(heads.rowsFrom(first, count));
                    joinStream(c, weights, Projection::O, input, x, buffer);
                    const MatrixView normed = scratch.matrix(0, count, c.hiddenSize);
                    rmsNorm(x, weights.feedForwardNorm, c.rmsEps, normed);
                    input.pack(normed);
                    if (kept) copyRows(x, kept->middle.view().rowsFrom(first, count));
                    hiddenUnits(c, weights, input, hidden, kept ? &kept->gate : nullptr,
                                kept ? &kept->up : nullptr, first / panelWidth);
                    joinStream(c, weights, Projection::Down, hidden, x, buffer);
                });
}

double tileBytes(const ModelConfig& c) {
    const double widest = std::max(c.hiddenSize, c.queryDim());
    return 4.0 * tokenTile * (2.0 * c.hiddenSize + widest + c.intermediateSize);
}

double attentionTileBytes(const ModelConfig& c) {
    return 4.0 * (2.0 * queryTile * c.headDim + 2.0 * keyTile * c.headDim + panelWidth * keyTile);
}

int logitsTile(const ModelConfig& config) {
    return config.vocabSize > (1 << 23) / tokenTile ? panelWidth : tokenTile;
}

void rmsNorm(ConstMatrixView source, const std::vector<float>& gain, double eps, MatrixView target) {
    for (std::ptrdiff_t token = 0; token < source.rows; ++token) {
        const float* in = source.row(token);
        float* out = target.row(token);
        const auto inverse = static_cast<float>(inverseRms(in, source.cols, eps));
        for (std::ptrdiff_t column = 0; column < source.cols; ++column)
            out[column] = in[column] * inverse * gain[column];
    }
}

void normalizeHeads(MatrixView values, const std::vector<float>& gain, int headDim, double eps) {
    if (gain.empty()) return;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token)
        for (std::ptrdiff_t first = 0; first < values.cols; first += headDim) {
            float* head = values.row(token) + first;
            const auto inverse = static_cast<float>(inverseRms(head, headDim, eps));
            for (int at = 0; at < headDim; ++at)
                head[at] *= inverse * gain[static_cast<std::size_t>(first + at)];
        }
}

void logitsOf(const ModelConfig& c, const OutputHead& head, ConstMatrixView normed, MatrixView logits) {
    multiplyTransposed(normed, head.weights.view(), logits, static_cast<float>(c.logitScale));
    if (!c.logitCap) return;
    for (std::ptrdiff_t row = 0; row < logits.rows; ++row)
        softCap(logits.row(row), logits.cols, static_cast<float>(*c.logitCap));
}

void copyRows(ConstMatrixView source, MatrixView target) {
    for (std::ptrdiff_t token = 0; token < source.rows; ++token)
        std::copy_n(source.row(token), source.cols, target.row(token));
}

void linear(const Panels& input, const LayerWeights& weights, Projection projection, MatrixView output,
            float beta) {
    multiplyPanels(input, factorOf(weights.matrix(projection)), output, 1, beta);
    addBias(output, weights.biasOf(projection));
}

void multiplyColumns(MatrixView values, const std::vector<float>& factors) {
    if (factors.empty()) return;
    for (std::ptrdiff_t token = 0; token < values.rows; ++token)
        for (std::ptrdiff_t column = 0; column < values.cols; ++column)
            values(token, column) *= factors[column];
}

double linearParameters(const ModelConfig& c) {
    const double h = c.hiddenSize;
    return h * (2.0 * c.queryDim() + 2.0 * c.keyDim()) + 3.0 * h * c.intermediateSize;
}

} // namespace qroar
