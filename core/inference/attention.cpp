#include "core/inference/attention.h"

#include "core/inference/vector_math.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr float unseen = -std::numeric_limits<float>::infinity();

/// A tile of keys or values to read number by number: as it lies, or a copy where its rows lie so far apart
/// that they would drive each other out of the first-level cache.
ConstMatrixView closeRows(ConstMatrixView tile, Matrix& copy) {
    constexpr std::ptrdiff_t farApart = 1024; // floats: rows a page apart share their cache sets
    if (tile.stride < farApart) return tile;
    copy.resize(tile.rows, tile.cols);
    for (std::ptrdiff_t row = 0; row < tile.rows; ++row) std::copy_n(tile.row(row), tile.cols, copy.row(row));
    return copy.view();
}

/// What a panel of queries meets: positions, and the keys' numbers.
struct Meeting {
    int panel, firstQuery, lastQuery, firstKey, sight;
    ConstMatrixView keys, values; ///< [keys, headDim] from firstKey on
};

/// The panel's softmax and sums move on.
void addKeys(const AttentionShape& shape, const Meeting& with, AttentionScratch& scratch) {
    const PanelKernels& kernels = panelKernels();
    const auto count = static_cast<int>(with.keys.rows);
    float* logits = scratch.logits.panel(0);
    SoftmaxState& softmax = scratch.softmax[static_cast<std::size_t>(with.panel)];
    float* outputs = scratch.outputs.panel(with.panel);
    std::fill_n(logits, count * panelWidth, 0.0F);
    kernels.addProduct(factorOf(with.keys), scratch.queries.panel(with.panel), logits);
    if (shape.cap > 0) softCap(logits, static_cast<std::ptrdiff_t>(count) * panelWidth, shape.cap);
    if (with.firstKey + count - 1 > with.firstQuery || with.lastQuery - with.firstKey >= with.sight)
        hideUnseen(logits, with.firstKey, count, with.firstQuery, with.sight);
    kernels.softmax(logits, count, softmax);
    if (std::any_of(softmax.correction, softmax.correction + panelWidth, [](float by) { return by != 1; }))
        kernels.scaleLanes(outputs, shape.headDim, softmax.correction);
    kernels.addProduct(transposedFactor(with.values), logits, outputs);
}

} // namespace

double visibleKeys(int firstQuery, int count, int slidingWindow) {
    const auto before = [&](double queries) { // those of the first queries
        const double growing = slidingWindow > 0 ? std::min<double>(queries, slidingWindow) : queries;
        return growing * (growing + 1) / 2 + (queries - growing) * growing;
    };
    return before(firstQuery + count) - before(firstQuery);
}

void hideUnseen(float* logits, int firstKey, int keys, int firstQuery, int sight) {
    for (int key = 0; key < keys; ++key) {
        float* row = logits + static_cast<std::ptrdiff_t>(key) * panelWidth;
        const int lane = firstKey + key - firstQuery; // of the query at the key's own position
        std::fill(row, row + std::clamp(lane, 0, panelWidth), unseen);
        const long long blind = static_cast<long long>(lane) + sight; // the first query that sees it no more
        std::fill(row + std::clamp<long long>(blind, 0, panelWidth), row + panelWidth, unseen);
    }
}

double AttentionScratch::logSumExp(int query) const {
    const SoftmaxState& state = softmax[static_cast<std::size_t>(query / panelWidth)];
    return static_cast<double>(state.maximum[query % panelWidth]) + std::log(state.sum[query % panelWidth]);
}

void attendTile(const AttentionShape& shape, int head, int firstQuery, int count, ConstMatrixView q,
                ConstMatrixView k, ConstMatrixView v, MatrixView out, AttentionScratch& scratch) {
    const std::ptrdiff_t dim = shape.headDim;
    const int kvHead = head / (shape.heads / shape.kvHeads);
    const ConstMatrixView keys = k.colsFrom(kvHead * dim, dim);                          // [context, headDim]
    const ConstMatrixView values = v.colsFrom(kvHead * dim, dim);                        // [context, headDim]
    const MatrixView result = out.rowsFrom(firstQuery, count).colsFrom(head * dim, dim); // [count, headDim]

    scratch.queries.pack(q.rowsFrom(firstQuery, count).colsFrom(head * dim, dim), shape.factor());
    scratch.logits.resize(panelWidth, keyTile);
    scratch.outputs.resize(count, dim);
    const auto panels = static_cast<int>(scratch.queries.count());
    std::fill_n(scratch.outputs.panel(0), panels * dim * panelWidth, 0.0F);
    scratch.softmax.resize(static_cast<std::size_t>(panels));
    for (SoftmaxState& state : scratch.softmax) {
        std::fill_n(state.maximum, panelWidth, unseen);
        std::fill_n(state.sum, panelWidth, 0.0);
    }

    const int sight = shape.slidingWindow > 0 ? shape.slidingWindow : std::numeric_limits<int>::max();
    for (int key = std::max(0, firstQuery - (sight - 1)) / keyTile * keyTile; key < firstQuery + count;
         key += keyTile) {
        const int columns = std::min(keyTile, firstQuery + count - key);
        const ConstMatrixView tileKeys = closeRows(keys.rowsFrom(key, columns), scratch.keys);
        const ConstMatrixView tileValues = closeRows(values.rowsFrom(key, columns), scratch.values);
        for (int panel = 0; panel < panels; ++panel) {
            const int first = firstQuery + panel * panelWidth;
            const int last = std::min(first + panelWidth, firstQuery + count) - 1;
            if (key > last || first - (key + columns - 1) >= sight) continue; // nothing here is seen
            const int seen = std::min(columns, last + 1 - key);
            addKeys(
                shape,
                {panel, first, last, key, sight, tileKeys.rowsFrom(0, seen), tileValues.rowsFrom(0, seen)},
                scratch);
        }
    }
    for (int panel = 0; panel < panels; ++panel) {
        SoftmaxState& state = scratch.softmax[static_cast<std::size_t>(panel)];
        for (int lane = 0; lane < panelWidth; ++lane)
            state.correction[lane] = static_cast<float>(1.0 / state.sum[lane]);
        panelKernels().scaleLanes(scratch.outputs.panel(panel), dim, state.correction);
        const int first = panel * panelWidth;
        unpack(scratch.outputs.panel(panel), result.rowsFrom(first, std::min(panelWidth, count - first)));
    }
}

} // namespace qroar
