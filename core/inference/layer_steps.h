// The steps of a transformer layer, each over all rows of a batch of windows, shared by ForwardPass and
// ReversePass: tiles of fixed size run in parallel, so that nothing depends on the number of threads. Private
// to this room. Not here: the order of the steps (forward.cpp, reverse.cpp), gradients (layer_gradients.h).
#pragma once

#include "core/base/work_meter.h"
#include "core/inference/attention.h"
#include "core/inference/layer_weights.h"
#include "core/inference/probe.h"
#include "core/inference/rotary.h"
#include "core/inference/weight_source.h"
#include "core/kernels/panels.h"
#include "core/scales/qk_gains.h"
#include "core/text/documents.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <vector>

namespace qroar {

inline constexpr int tokenTile = 2 * panelWidth; ///< rows of a linear layer's tile: whole panels

/// What a thread keeps of a tile of either half of a layer: rows and panels of the stream, heads and hidden
/// units.
double tileBytes(const ModelConfig& config);
/// The same of a tile of attention: panels of queries and results, a tile of keys and values, logits.
double attentionTileBytes(const ModelConfig& config);

/// A layer's weights and the factors of its rows.
struct LayerOperands {
    std::shared_ptr<const LayerWeights> weights;
    std::vector<float> queryFactors, keyFactors; ///< [heads * headDim], [kvHeads * headDim]; empty: no gains
};
LayerOperands takeLayer(const WeightSource& source, const QkGains& gains, const ModelConfig& config,
                        int layer);

/// What a layer's attention makes of the residual stream.
struct AttentionActivations {
    Matrix q, k, v;   ///< [tokens, heads * headDim], [tokens, kvHeads * headDim] twice
    Matrix heads;     ///< [tokens, heads * headDim] softmax of the logits (attention.h), times v
    Matrix logSumExp; ///< [tokens, heads] of the logits; not filled when it has no rows
    void resize(const ModelConfig& config, std::ptrdiff_t tokens, bool keepLogSumExp);
    static double floatsPerToken(const ModelConfig& config, bool keepLogSumExp);
};

/// What a layer's second half computes on its way, kept for the reverse sweep.
struct FeedForwardActivations {
    Matrix middle;   ///< [tokens, hidden] the stream behind the attention
    Panels gate, up; ///< [tokens, intermediate]
    void resize(const ModelConfig& config, std::ptrdiff_t tokens);
    static double floatsPerToken(const ModelConfig& config);
};

/// Windows of a run in batches of at most `tokens` tokens, but at least one window each, in order.
std::vector<std::span<const Window>> cutBatches(std::span<const Window> windows, std::ptrdiff_t tokens);
/// Where the rows of each window lie in a batch.
std::vector<BatchWindow> placeWindows(std::span<const Window> windows);
/// x = E[token] times the config's factor, [tokens of all windows, hidden].
Matrix embedTokens(const Model& model, std::span<const Window> windows);

/// The rotation of each row of a batch: rows of a window are its positions from 0.
struct RowRotation {
    RowRotation() = default; ///< none
    RowRotation(const RotaryTable* rotary, std::span<const BatchWindow> windows);
    const RotaryTable* table = nullptr;
    std::vector<int> positions; ///< [rows]
};
/// q, k, v = W norm(x) + b; q and k normalised head by head where the model does that, then times their
/// gains; then turned by position * omega' (and times m), while they are in the cache, unless somebody wants
/// to see them before.
void projectQkv(const ModelConfig& config, const LayerOperands& layer, ConstMatrixView x,
                const RowRotation& rotation, AttentionActivations& target, WorkMeter& meter);
/// q, k turned by position * omega' (and times m), as this layer's RoPE has it: what projectQkv did not do.
void rotateQk(const ModelConfig& config, const LayerRotations& rotations, int layer,
              std::span<const BatchWindow> windows, AttentionActivations& target);
/// heads from q, k, v; logSumExp when it has rows.
void attend(const ModelConfig& config, int layer, std::span<const BatchWindow> windows,
            AttentionActivations& target, WorkMeter& meter);
/// What attention in a layer looks like.
AttentionShape attentionShape(const ModelConfig& config, int layer);
/// Pairs of a query and a key that it sees in a window, summed over the layers from the first one given:
/// fewer where windows slide.
double visiblePairs(const ModelConfig& config, int context, int firstLayer = 0);
/// x joins W_O heads; x joins W_down (act(W_gate norm(x)) * W_up norm(x)). `kept`, when given, has the
/// batch's rows.
void finishLayer(const ModelConfig& config, const LayerOperands& layer, ConstMatrixView heads, MatrixView x,
                 WorkMeter& meter, FeedForwardActivations* kept = nullptr);
/// act(gate) * up from the normed stream behind the attention, block by block. gate and up themselves are
/// written out only where `keptGate` and `keptUp` are given: their panels from keptPanel on.
void hiddenUnits(const ModelConfig& config, const LayerWeights& weights, const Panels& normed, Panels& hidden,
                 Panels* keptGate = nullptr, Panels* keptUp = nullptr, std::ptrdiff_t keptPanel = 0);

/// gate becomes act(gate) * up.
void activate(const ModelConfig& config, MatrixView gate, ConstMatrixView up);
/// The end of either half of a layer: x += residualScale norm(W input + b) with O or Down, the norm where
/// the model has one there. `buffer` has x's shape; it is not used in models without either.
void joinStream(const ModelConfig& config, const LayerWeights& weights, Projection projection,
                const Panels& input, MatrixView x, MatrixView buffer);
/// The norm behind O or Down; empty when there is none.
const std::vector<float>& outputNorm(const LayerWeights& weights, Projection projection);
/// Every head of every row to head / rms(head) * gain, in place; gain [heads * headDim].
void normalizeHeads(MatrixView values, const std::vector<float>& gain, int headDim, double eps);

/// Logits [rows, vocab] of the normed stream above the last layer, scaled and capped.
void logitsOf(const ModelConfig& config, const OutputHead& head, ConstMatrixView normed, MatrixView logits);
/// Positions of a tile of logits: two panels, or one where the vocabulary is large.
int logitsTile(const ModelConfig& config);

/// target = source / rms(source) * gain, row by row (RMSNorm, Zhang & Sennrich 2019).
void rmsNorm(ConstMatrixView source, const std::vector<float>& gain, double eps, MatrixView target);
void copyRows(ConstMatrixView source, MatrixView target);
/// output = input W^T + b + beta output.
void linear(const Panels& input, const LayerWeights& weights, Projection projection, MatrixView output,
            float beta = 0);
/// values[token, column] *= factors[column]; nothing when there are none.
void multiplyColumns(MatrixView values, const std::vector<float>& factors);
/// Parameters of the seven projections of a layer.
double linearParameters(const ModelConfig& config);

/// Buffers of one worker, reused from tile to tile; contents are unspecified.
class TileScratch {
  public:
    /// `which` names the buffer within a body: 0, 1, ...
    MatrixView matrix(std::size_t which, std::ptrdiff_t rows, std::ptrdiff_t cols) {
        buffers_.at(which).resize(rows, cols);
        return buffers_[which].view();
    }
    Panels& panels(std::size_t which) { return panels_.at(which); }

  private:
    std::array<Matrix, 9> buffers_;
    std::array<Panels, 4> panels_;
};

/// Runs body(firstRow, rows, scratch) over fixed tiles in parallel; stops early when cancelled. Work is per
/// row.
template<class Body>
void forEachTile(std::ptrdiff_t rows, int tile, double workPerRow, WorkMeter& meter, Body body) {
    const std::ptrdiff_t tiles = (rows + tile - 1) / tile;
#pragma omp parallel
    {
        TileScratch scratch;
#pragma omp for schedule(dynamic, 1)
        for (std::ptrdiff_t at = 0; at < tiles; ++at) {
            if (meter.cancelled()) continue;
            const std::ptrdiff_t first = at * tile, count = std::min<std::ptrdiff_t>(tile, rows - first);
            body(first, count, scratch);
            meter.add(workPerRow * static_cast<double>(count));
            if (omp_get_thread_num() == 0) meter.reportNow();
        }
    }
}

} // namespace qroar
