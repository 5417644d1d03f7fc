#include "core/inference/attention.h"

#include "core/inference/gemm.h"
#include "core/inference/vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

/// Turns one row of scores into exp(score - max) over the visible keys [begin, end) and zero elsewhere. The
/// running maximum and sum are carried on; returns the factor that earlier tiles' results must be scaled
/// with.
float softmaxRow(float* scores, int columns, int begin, int end, float& rowMax, double& rowSum) {
    std::fill(scores, scores + begin, 0.0F);
    std::fill(scores + end, scores + columns, 0.0F);
    float* visible = scores + begin;
    const std::ptrdiff_t count = end - begin;
    const float newMax = std::max(rowMax, maximum(visible, count));
    const float correction = std::exp(rowMax - newMax); // 0 for the first tile: rowMax is -infinity
    exponentials(visible, count, newMax);
    rowSum = rowSum * static_cast<double>(correction) + sum(visible, count);
    rowMax = newMax;
    return correction;
}

} // namespace

void attendTile(const AttentionShape& shape, int head, int firstQuery, int count, ConstMatrixView q,
                ConstMatrixView k, ConstMatrixView v, MatrixView out, AttentionScratch& scratch) {
    const std::ptrdiff_t dim = shape.headDim;
    const int kvHead = head / (shape.heads / shape.kvHeads);
    const ConstMatrixView queries =
        q.rowsFrom(firstQuery, count).colsFrom(head * dim, dim);                         // [count, headDim]
    const ConstMatrixView keys = k.colsFrom(kvHead * dim, dim);                          // [context, headDim]
    const ConstMatrixView values = v.colsFrom(kvHead * dim, dim);                        // [context, headDim]
    const MatrixView result = out.rowsFrom(firstQuery, count).colsFrom(head * dim, dim); // [count, headDim]

    scratch.scores.resize(queryTile, keyTile);
    scratch.rowMax.assign(static_cast<std::size_t>(count), -std::numeric_limits<float>::infinity());
    scratch.rowSum.assign(static_cast<std::size_t>(count), 0.0);
    for (int query = 0; query < count; ++query) std::fill_n(result.row(query), dim, 0.0F);

    const int sight = shape.slidingWindow > 0 ? shape.slidingWindow : std::numeric_limits<int>::max();
    const int firstKey = std::max(0, firstQuery - (sight - 1)) / keyTile * keyTile;
    for (int key = firstKey; key < firstQuery + count; key += keyTile) {
        const int columns = std::min(keyTile, firstQuery + count - key);
        const MatrixView scores(scratch.scores.data(), count, columns, keyTile);
        multiplyTransposed(queries, keys.rowsFrom(key, columns), scores, shape.factor());
        for (int query = 0; query < count; ++query) {
            const int position = firstQuery + query;
            const int begin = std::clamp(position - (sight - 1) - key, 0, columns);
            const int end = std::clamp(position + 1 - key, 0, columns);
            if (begin >= end) {
                std::fill_n(scores.row(query), columns, 0.0F);
                continue;
            }
            if (shape.cap > 0) softCap(scores.row(query) + begin, end - begin, shape.cap);
            const auto at = static_cast<std::size_t>(query);
            const float correction =
                softmaxRow(scores.row(query), columns, begin, end, scratch.rowMax[at], scratch.rowSum[at]);
            if (correction != 1.0F)
                for (std::ptrdiff_t column = 0; column < dim; ++column) result(query, column) *= correction;
        }
        multiply(scores, values.rowsFrom(key, columns), result, 1);
    }
    for (int query = 0; query < count; ++query) {
        const float inverse = static_cast<float>(1.0 / scratch.rowSum[static_cast<std::size_t>(query)]);
        for (std::ptrdiff_t column = 0; column < dim; ++column) result(query, column) *= inverse;
    }
}

} // namespace qroar
