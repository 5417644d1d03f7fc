#include "core/inference/gemm.h"

#include "core/kernels/panels.h"

#include <algorithm>

namespace qroar {

namespace {

constexpr std::ptrdiff_t rowsTogether = 512; ///< packed at a time: memory of a stretch of A, not of A

} // namespace

void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha, float beta) {
    Panels panels;
    for (std::ptrdiff_t row = 0; row < a.rows; row += rowsTogether) {
        const std::ptrdiff_t rows = std::min(rowsTogether, a.rows - row);
        panels.pack(a.rowsFrom(row, rows));
        multiplyPanels(panels, factorOf(b), c.rowsFrom(row, rows), alpha, beta);
    }
}

void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    Panels panels;
    for (std::ptrdiff_t row = 0; row < a.rows; row += rowsTogether) {
        const std::ptrdiff_t rows = std::min(rowsTogether, a.rows - row);
        panels.pack(a.rowsFrom(row, rows));
        multiplyPanels(panels, transposedFactor(b), c.rowsFrom(row, rows), 1, beta);
    }
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
