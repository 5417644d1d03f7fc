#include "core/inference/attention_reverse.h"

#include "core/inference/gemm.h"
#include "core/inference/vector_math.h"

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

/// Buffers of one worker.
struct Scratch {
    Matrix logits{reverseTile, reverseTile};   ///< then probabilities
    Matrix gradient{reverseTile, reverseTile}; ///< at the probabilities, then at the logits / scale
    float capped[reverseTile];                 ///< logits of a row, where they are capped
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
        for (int head = task.kvHead * group; head < (task.kvHead + 1) * group; ++head)
            addHead(task, head, firstQuery, queries, keys, scratch);
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
    void addHead(const Task& task, int head, int firstQuery, int queries, int keys, Scratch& scratch) const {
        const std::ptrdiff_t dim = shape_.headDim, queryRow = task.window->firstRow + firstQuery,
                             keyRow = task.window->firstRow + task.firstKey;
        const auto ofHead = [&](auto view) {
            return view.rowsFrom(queryRow, queries).colsFrom(head * dim, dim);
        };
        const auto ofKeys = [&](auto view) {
            return view.rowsFrom(keyRow, keys).colsFrom(task.kvHead * dim, dim);
        };
        const MatrixView logits(scratch.logits.data(), queries, keys, reverseTile);
        const MatrixView gradient(scratch.gradient.data(), queries, keys, reverseTile);
        multiplyTransposed(ofHead(inputs_.q), ofKeys(inputs_.k), logits, scale_);
        multiplyTransposed(ofHead(headGradient_), ofKeys(inputs_.v), gradient);
        for (int query = 0; query < queries; ++query) {
            const int distance = firstQuery + query - task.firstKey; // column of the query's own key
            const int begin = std::clamp(distance - (sight_ - 1), 0, keys);
            const int end = std::clamp(distance + 1, begin, keys);
            float* logit = logits.row(query);
            float* slope = gradient.row(query);
            for (float* row : {logit, slope}) {
                std::fill(row, row + begin, 0.0F);
                std::fill(row + end, row + keys, 0.0F);
            }
            if (shape_.cap > 0) {
                softCap(logit + begin, end - begin, shape_.cap);
                std::copy(logit + begin, logit + end, scratch.capped);
            }
            softmaxReverse(logit + begin, slope + begin, end - begin,
                           inputs_.logSumExp(queryRow + query, head),
                           rowProducts_.row(queryRow + query)[head], scale_);
            if (shape_.cap > 0) softCapReverse(scratch.capped, slope + begin, end - begin, shape_.cap);
        }
        if (target_.v.rows > 0) multiplyLeftTransposed(logits, ofHead(headGradient_), ofKeys(target_.v), 1);
        multiplyLeftTransposed(gradient, ofHead(inputs_.q), ofKeys(target_.k), 1);
        multiply(gradient, ofKeys(inputs_.k), ofHead(target_.q), 1);
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
