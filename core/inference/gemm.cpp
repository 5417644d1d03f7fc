#include "core/inference/gemm.h"

#include "core/kernels/panels.h"

#include <algorithm>

namespace qroar {

namespace {

constexpr std::ptrdiff_t rowsTogether = 512; ///< packed at a time: memory of a stretch of A, not of A

/// C = scale A W^T + beta C.
void multiplyRows(ConstMatrixView a, const Factor& w, MatrixView c, float scale, float beta) {
    Panels panels;
    for (std::ptrdiff_t row = 0; row < a.rows; row += rowsTogether) {
        const std::ptrdiff_t rows = std::min(rowsTogether, a.rows - row);
        panels.pack(a.rowsFrom(row, rows));
        multiplyPanels(panels, w, c.rowsFrom(row, rows), scale, beta);
    }
}

} // namespace

void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha, float beta) {
    multiplyRows(a, factorOf(b), c, alpha, beta);
}

void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    multiplyRows(a, transposedFactor(b), c, 1, beta);
}

void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    Panels panels;
    for (std::ptrdiff_t column = 0; column < a.cols; column += rowsTogether) {
        const std::ptrdiff_t columns = std::min(rowsTogether, a.cols - column);
        panels.packColumns(a.colsFrom(column, columns));
        multiplyPanels(panels, transposedFactor(b), c.rowsFrom(column, columns), 1, beta);
    }
}

} // namespace qroar
