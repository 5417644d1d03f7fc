#include "core/inference/attention_reverse.h"

#include "core/inference/vector_math.h"
#include "core/kernels/panels.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace qroar {

namespace {

/// One key tile of one window and key head, on the diagonal that is being visited.
struct Task {
    const BatchWindow* window;
    int kvHead, firstKey;
};

/// Buffers of one worker. A panel holds 64 queries, or 64 columns of what is summed over queries.
struct Scratch {
    Panels queries;                  ///< [64 queries, headDim] times the logits' scale
    Panels slopes;                   ///< [64 queries, headDim] gradient at the head's output
    Panels queryRows, slopeRows;     ///< the same turned round: [headDim columns, queries], not scaled
    Panels logits, gradient, capped; ///< [64 queries, reverseTile]
    Panels queryGradient;            ///< [64 queries, headDim]
    Panels keyGradient,
        valueGradient; ///< [headDim columns, reverseTile]: sums over queries and heads of a group
    alignas(64) float logSumExp[panelWidth], rowProducts[panelWidth];
};

class AttentionReverse {
  public:
    AttentionReverse(const AttentionShape& shape, const AttentionInputs& inputs, ConstMatrixView headGradient,
                     const AttentionGradients& target)
        : shape_(shape), inputs_(inputs), headGradient_(headGradient), target_(target),
          rowProducts_(inputs.q.rows, shape.heads), scale_(shape.factor()),
          sight_(shape.slidingWindow > 0 ? shape.slidingWindow : std::numeric_limits<int>::max()) {}

    /// rowProducts = sum over columns of headGradient * heads, which is sum p g of each softmax row; clears
    /// the targets.
    void prepare(std::ptrdiff_t token) {
        for (int head = 0; head < shape_.heads; ++head) {
            const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(head) * shape_.headDim;
            rowProducts_.row(token)[head] = static_cast<float>(
                sumOfProducts(inputs_.heads.row(token) + at, headGradient_.row(token) + at, shape_.headDim));
        }
        for (const MatrixView& view : {target_.q, target_.k, target_.v})
            if (view.rows > 0) std::fill_n(view.row(token), view.cols, 0.0F);
    }

    /// Adds what the queries [firstQuery, + reverseTile) of all heads of a group and the keys of the task do
    /// to each other. Returns the operations.
    double addTile(const Task& task, int firstQuery, Scratch& scratch) const {
        const int context = task.window->context;
        const int queries = std::min(reverseTile, context - firstQuery);
        const int keys = std::min(reverseTile, context - task.firstKey);
        const int group = shape_.heads / shape_.kvHeads;
        for (Panels* sums : {&scratch.keyGradient, &scratch.valueGradient}) {
            sums->resize(shape_.headDim, reverseTile);
            std::fill_n(sums->panel(0), sums->count() * reverseTile * panelWidth, 0.0F);
        }
        for (int head = task.kvHead * group; head < (task.kvHead + 1) * group; ++head)
            for (int first = firstQuery; first < firstQuery + queries; first += panelWidth)
                addPanel(task, head, first, std::min(panelWidth, firstQuery + queries - first), keys,
                         scratch);
        addColumns(scratch.keyGradient, ofKeys(target_.k, task, keys));
        if (target_.v.rows > 0) addColumns(scratch.valueGradient, ofKeys(target_.v, task, keys));
        const int products = target_.v.rows > 0 ? 5 : 4;
        return 2.0 * products * group * shape_.headDim * queries * keys;
    }

    /// Diagonals that hold visible keys: key tile = query tile - diagonal.
    [[nodiscard]] int diagonals(int context) const {
        const int tiles = (context + reverseTile - 1) / reverseTile;
        const int seen = (std::min(sight_, context) - 1 + reverseTile - 1) / reverseTile + 1;
        return std::min(tiles, seen);
    }

  private:
    /// The rows of a task's keys, in the columns of its head.
    template<class View>
    [[nodiscard]] View ofKeys(View view, const Task& task, int keys) const {
        return view.rowsFrom(task.window->firstRow + task.firstKey, keys)
            .colsFrom(static_cast<std::ptrdiff_t>(task.kvHead) * shape_.headDim, shape_.headDim);
    }

    /// A panel of queries of one head meets the task's keys.
    void addPanel(const Task& task, int head, int firstQuery, int queries, int keys, Scratch& scratch) const {
        keys = std::min(keys, firstQuery + queries - task.firstKey); // the others are behind all queries
        if (keys <= 0 || firstQuery - (task.firstKey + keys - 1) >= sight_) return;
        const PanelKernels& kernels = panelKernels();
        const std::ptrdiff_t dim = shape_.headDim, row = task.window->firstRow + firstQuery;
        const auto ofHead = [&](auto view) { return view.rowsFrom(row, queries).colsFrom(head * dim, dim); };
        scratch.queries.pack(ofHead(inputs_.q), scale_);
        scratch.slopes.pack(ofHead(headGradient_));
        float* logits = clear(scratch.logits, reverseTile);
        float* gradient = clear(scratch.gradient, reverseTile);
        const ConstMatrixView tileKeys = ofKeys(inputs_.k, task, keys);
        kernels.addProduct(factorOf(tileKeys), scratch.queries.panel(0), logits);
        kernels.addProduct(factorOf(ofKeys(inputs_.v, task, keys)), scratch.slopes.panel(0), gradient);
        softmaxReverse(task, head, firstQuery, queries, keys, scratch);

        float* queryGradient = clear(scratch.queryGradient, dim);
        kernels.addProduct(transposedFactor(tileKeys), gradient, queryGradient);
        unpack(queryGradient, ofHead(target_.q), 1, 1);
        addOverQueries(gradient, keys, ofHead(inputs_.q), scratch.queryRows, scratch.keyGradient);
        if (target_.v.rows > 0)
            addOverQueries(logits, keys, ofHead(headGradient_), scratch.slopeRows, scratch.valueGradient);
    }

    /// Logits become probabilities, the gradient at probabilities that at q k.
    void softmaxReverse(const Task& task, int head, int firstQuery, int queries, int keys,
                        Scratch& scratch) const {
        float* logits = scratch.logits.panel(0);
        float* gradient = scratch.gradient.panel(0);
        const std::ptrdiff_t row = task.window->firstRow + firstQuery,
                             count = static_cast<std::ptrdiff_t>(keys) * panelWidth;
        std::fill_n(scratch.logSumExp, panelWidth, 0.0F);
        std::fill_n(scratch.rowProducts, panelWidth, 0.0F);
        for (int query = 0; query < queries; ++query) {
            scratch.logSumExp[query] = inputs_.logSumExp(row + query, head);
            scratch.rowProducts[query] = rowProducts_.row(row + query)[head];
        }
        if (shape_.cap > 0) {
            softCap(logits, count, shape_.cap);
            scratch.capped.resize(panelWidth, reverseTile);
            std::copy_n(logits, count, scratch.capped.panel(0));
        }
        hideUnseen(logits, task.firstKey, keys, firstQuery, sight_);
        panelKernels().softmaxReverse(logits, gradient, keys, scratch.logSumExp, scratch.rowProducts, scale_);
        if (shape_.cap > 0) softCapReverse(scratch.capped.panel(0), gradient, count, shape_.cap);
    }

    /// target [columns][keys] += sum over queries of weights [keys][64 queries] times rows [queries,
    /// columns].
    static void addOverQueries(const float* weights, int keys, ConstMatrixView rows, Panels& turned,
                               Panels& target) {
        turned.packColumns(rows);
        for (std::ptrdiff_t at = 0; at < turned.count(); ++at)
            panelKernels().addProduct({weights, keys, rows.rows, panelWidth, 1}, turned.panel(at),
                                      target.panel(at));
    }

    /// target += columns [headDim columns, keys].
    static void addColumns(const Panels& columns, MatrixView target) {
        for (std::ptrdiff_t at = 0; at < columns.count(); ++at) {
            const std::ptrdiff_t first = at * panelWidth,
                                 count = std::min<std::ptrdiff_t>(panelWidth, target.cols - first);
            for (std::ptrdiff_t row = 0; row < target.rows; ++row)
                for (std::ptrdiff_t column = 0; column < count; ++column)
                    target(row, first + column) += columns.panel(at)[row * panelWidth + column];
        }
    }

    /// One panel of `depth`, zero.
    static float* clear(Panels& panels, std::ptrdiff_t depth) {
        panels.resize(panelWidth, depth);
        std::fill_n(panels.panel(0), depth * panelWidth, 0.0F);
        return panels.panel(0);
    }

    AttentionShape shape_;
    AttentionInputs inputs_;
    ConstMatrixView headGradient_;
    AttentionGradients target_;
    Matrix rowProducts_; ///< [tokens, heads]
    float scale_;        ///< of the logits
    int sight_;          ///< positions a query sees, itself included
};

/// Tasks of every diagonal, [diagonal][..]: the batch's windows, key heads and key tiles in order.
std::vector<std::vector<Task>> planDiagonals(const AttentionReverse& attention, int kvHeads,
                                             std::span<const BatchWindow> windows) {
    std::vector<std::vector<Task>> diagonals;
    for (const BatchWindow& window : windows) {
        const auto count = static_cast<std::size_t>(attention.diagonals(window.context));
        if (diagonals.size() < count) diagonals.resize(count);
        for (std::size_t diagonal = 0; diagonal < count; ++diagonal)
            for (int kvHead = 0; kvHead < kvHeads; ++kvHead)
                for (int key = 0; key + static_cast<int>(diagonal) * reverseTile < window.context;
                     key += reverseTile)
                    diagonals[diagonal].push_back({&window, kvHead, key});
    }
    return diagonals;
}

} // namespace

void attendReverse(const AttentionShape& shape, std::span<const BatchWindow> windows,
                   const AttentionInputs& inputs, ConstMatrixView headGradient,
                   const AttentionGradients& target, WorkMeter& meter) {
    AttentionReverse attention(shape, inputs, headGradient, target);
    const auto diagonals = planDiagonals(attention, shape.kvHeads, windows);
#pragma omp parallel
    {
        Scratch scratch;
#pragma omp for schedule(static)
        for (std::ptrdiff_t token = 0; token < inputs.q.rows; ++token) attention.prepare(token);
        for (std::size_t diagonal = 0; diagonal < diagonals.size(); ++diagonal) {
            // A diagonal ends before the next one begins: the loop's barrier keeps the order of the sums.
#pragma omp for schedule(dynamic, 1)
            for (std::size_t at = 0; at < diagonals[diagonal].size(); ++at) {
                if (meter.cancelled()) continue;
                const Task& task = diagonals[diagonal][at];
                const int firstQuery = task.firstKey + static_cast<int>(diagonal) * reverseTile;
                meter.add(attention.addTile(task, firstQuery, scratch));
                if (omp_get_thread_num() == 0) meter.reportNow();
            }
        }
    }
}

} // namespace qroar
