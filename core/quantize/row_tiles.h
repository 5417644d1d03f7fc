// Work over the rows of a weight matrix in tiles of fixed size. Private to this room.
#pragma once

#include "core/base/matrix.h"
#include "core/base/work_meter.h"

#include <omp.h>

#include <algorithm>

namespace qroar {

inline constexpr std::ptrdiff_t rowTile = 128;

inline std::size_t rowTiles(std::ptrdiff_t rows) {
    return static_cast<std::size_t>((rows + rowTile - 1) / rowTile);
}

/// Runs body(tile, firstRow, rows) in parallel; stops early when cancelled.
template<class Body>
void forEachRowTile(std::ptrdiff_t rows, WorkMeter& meter, Body body) {
    const auto tiles = static_cast<std::ptrdiff_t>(rowTiles(rows));
#pragma omp parallel for schedule(dynamic, 1)
    for (std::ptrdiff_t tile = 0; tile < tiles; ++tile) {
        if (meter.cancelled()) continue;
        body(static_cast<std::size_t>(tile), tile * rowTile, std::min(rowTile, rows - tile * rowTile));
        if (omp_get_thread_num() == 0) meter.reportNow();
    }
}

/// sum of a * b over two matrices of the same shape, in double.
inline double sumOfProducts(ConstMatrixView a, ConstMatrixView b) {
    double sum = 0;
    for (std::ptrdiff_t row = 0; row < a.rows; ++row)
        for (std::ptrdiff_t column = 0; column < a.cols; ++column)
            sum += static_cast<double>(a(row, column)) * static_cast<double>(b(row, column));
    return sum;
}

} // namespace qroar
