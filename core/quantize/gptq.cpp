#include "core/quantize/gptq.h"

#include "core/inference/gemm.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {

constexpr std::ptrdiff_t columnBlock = 128; ///< columns between updates of all that follow
constexpr std::ptrdiff_t workerRows = 32;   ///< rows that a worker quantizes together

/// Rows of a weight matrix on their way: [rows, in] in the order of processing.
struct RowTile {
    Matrix weights;             ///< what is left to round, updated as errors are passed on
    Matrix errors;              ///< [rows, columnBlock] minus (w - w_hat) / U_cc of the block's columns
    std::vector<RtnGrid> grids; ///< [rows] of the group in hand
    long long clipped = 0;
};

struct Target {
    QuantizedMatrix& matrix;
    const GptqFactor& factor;
    QuantSpec grid; ///< round to nearest
    std::ptrdiff_t groupSize;
    std::ptrdiff_t firstRow;
};

void enterGroup(const Target& target, RowTile& tile, std::ptrdiff_t column) {
    QuantizedMatrix& m = target.matrix;
    const std::ptrdiff_t count = std::min(target.groupSize, m.cols - column),
                         group = column / target.groupSize;
    const int shift = m.symmetric ? 1 << (m.bits - 1) : 0;
    for (std::ptrdiff_t row = 0; row < tile.weights.rows(); ++row) {
        const RtnGrid grid = rtnGrid(target.grid, tile.weights.row(row) + column, count);
        const auto at = static_cast<std::size_t>((target.firstRow + row) * m.groups + group);
        m.scales[at] = grid.scale;
        m.zeros[at] = static_cast<std::uint8_t>(grid.zero + shift);
        tile.grids[static_cast<std::size_t>(row)] = grid;
    }
}

/// Rounds one column of the tile and passes its errors on to the block's later columns.
void roundColumn(const Target& target, RowTile& tile, std::ptrdiff_t blockStart, std::ptrdiff_t blockEnd,
                 std::ptrdiff_t column) {
    QuantizedMatrix& m = target.matrix;
    const float* upper = target.factor.upper.row(column);
    const std::ptrdiff_t input = target.factor.order[static_cast<std::size_t>(column)];
    const int shift = m.symmetric ? 1 << (m.bits - 1) : 0;
    for (std::ptrdiff_t row = 0; row < tile.weights.rows(); ++row) {
        const RtnGrid& grid = tile.grids[static_cast<std::size_t>(row)];
        float* weights = tile.weights.row(row);
        const int code = rtnCode(grid, weights[column]);
        if (grid.scale > 0) {
            const double wanted =
                std::round(static_cast<double>(weights[column]) / static_cast<double>(grid.scale));
            tile.clipped += wanted + grid.zero != code ? 1 : 0;
        }
        m.codes[static_cast<std::size_t>((target.firstRow + row) * m.cols + input)] =
            static_cast<std::uint8_t>(code + shift);
        const float rounded = static_cast<float>(code - grid.zero) * grid.scale;
        const float error = (weights[column] - rounded) / upper[column];
        tile.errors.row(row)[column - blockStart] = -error;
        for (std::ptrdiff_t later = column + 1; later < blockEnd; ++later)
            weights[later] -= error * upper[later];
    }
}

/// Where the block that begins at `start` ends: within a group, or at the end of whole groups.
std::ptrdiff_t blockEnd(std::ptrdiff_t start, std::ptrdiff_t groupSize, std::ptrdiff_t columns) {
    if (groupSize <= columnBlock) return std::min(columns, start + columnBlock / groupSize * groupSize);
    const std::ptrdiff_t groupEnd = (start / groupSize + 1) * groupSize;
    return std::min({columns, groupEnd, start + columnBlock});
}

void quantizeTile(const Target& target, ConstMatrixView weight, RowTile& tile, WorkMeter& meter) {
    const std::ptrdiff_t columns = weight.cols, rows = weight.rows;
    tile.weights.resize(rows, columns);
    tile.grids.assign(static_cast<std::size_t>(rows), {});
    for (std::ptrdiff_t row = 0; row < rows; ++row)
        for (std::ptrdiff_t column = 0; column < columns; ++column)
            tile.weights.row(row)[column] =
                weight(row, target.factor.order[static_cast<std::size_t>(column)]);
    for (std::ptrdiff_t start = 0, end = 0; start < columns && !meter.cancelled(); start = end) {
        end = blockEnd(start, target.groupSize, columns);
        tile.errors.resize(rows, end - start);
        for (std::ptrdiff_t column = start; column < end; ++column) {
            if (column % target.groupSize == 0) enterGroup(target, tile, column);
            roundColumn(target, tile, start, end, column);
        }
        if (end == columns) continue;
        const ConstMatrixView upper = target.factor.upper.view();
        multiply(tile.errors.view(), upper.rowsFrom(start, end - start).colsFrom(end, columns - end),
                 tile.weights.view().colsFrom(end, columns - end), 1);
    }
}

} // namespace

QuantizedMatrix quantizeGptq(const QuantSpec& spec, ConstMatrixView weight, const GptqFactor& factor,
                             WorkMeter& meter, long long* clipped) {
    const std::ptrdiff_t groupSize =
        spec.groupSize > 0 ? spec.groupSize : std::max<std::ptrdiff_t>(1, weight.cols);
    QuantizedMatrix matrix = emptyMatrix(spec, weight.rows, weight.cols);
    if (matrix.groups > 1 && !std::is_sorted(factor.order.begin(), factor.order.end())) {
        matrix.groupOf.resize(static_cast<std::size_t>(weight.cols));
        for (std::size_t column = 0; column < factor.order.size(); ++column)
            matrix.groupOf[static_cast<std::size_t>(factor.order[column])] =
                static_cast<std::int32_t>(static_cast<std::ptrdiff_t>(column) / groupSize);
    }
    const std::ptrdiff_t tiles = (weight.rows + workerRows - 1) / workerRows;
    std::vector<long long> clippedOf(static_cast<std::size_t>(tiles));
#pragma omp parallel for schedule(dynamic, 1)
    for (std::ptrdiff_t at = 0; at < tiles; ++at) {
        if (meter.cancelled()) continue;
        const std::ptrdiff_t first = at * workerRows, rows = std::min(workerRows, weight.rows - first);
        RowTile tile;
        quantizeTile({matrix, factor, spec.roundToNearest(), groupSize, first}, weight.rowsFrom(first, rows),
                     tile, meter);
        clippedOf[static_cast<std::size_t>(at)] = tile.clipped;
        meter.add(gptqOperations(rows, weight.cols));
        if (omp_get_thread_num() == 0) meter.reportNow();
    }
    if (clipped) *clipped = std::accumulate(clippedOf.begin(), clippedOf.end(), 0LL);
    return matrix;
}

double gptqOperations(std::ptrdiff_t rows, std::ptrdiff_t inputs) {
    return static_cast<double>(rows) * static_cast<double>(inputs) * static_cast<double>(inputs);
}

} // namespace qroar
