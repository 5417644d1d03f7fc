#include "core/kernels/panels.h"

#include <algorithm>
#include <cassert>
#include <new>

namespace qroar {

namespace {

using Four [[gnu::vector_size(16)]] = float;

Four loadFour(const float* from) {
    Four value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}
void storeFour(Four value, float* to) {
    __builtin_memcpy(to, &value, sizeof value);
}

/// Rows become columns.
void transpose(Four (&m)[4]) {
    const Four low01 = __builtin_shufflevector(m[0], m[1], 0, 4, 1, 5);
    const Four high01 = __builtin_shufflevector(m[0], m[1], 2, 6, 3, 7);
    const Four low23 = __builtin_shufflevector(m[2], m[3], 0, 4, 1, 5);
    const Four high23 = __builtin_shufflevector(m[2], m[3], 2, 6, 3, 7);
    m[0] = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
    m[1] = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
    m[2] = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
    m[3] = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

/// A block of a transposed factor to read number by number: as it lies, or a copy where its steps lie so far
/// apart that they would drive each other out of the first-level cache (4,096 columns: 75 of 160 GFLOP/s
/// without, 106 with it).
Factor closeBlock(const Factor& f, float* copy) {
    constexpr std::ptrdiff_t farApart = 1024; // floats: steps a page apart share their cache sets
    if (f.rowStride != 1 || f.stepStride < farApart) return f;
    for (std::ptrdiff_t k = 0; k < f.depth; ++k)
        std::copy_n(f.data + k * f.stepStride, f.rows, copy + k * f.rows);
    return {copy, f.rows, f.depth, 1, f.rows};
}

/// Up to 64 rows of a matrix into one panel.
void packPanel(ConstMatrixView rows, float scale, float* panel) {
    constexpr std::ptrdiff_t stretch = 64; // columns at a time: what is written stays in the cache
    for (std::ptrdiff_t start = 0; start < rows.cols; start += stretch) {
        const std::ptrdiff_t end = std::min(start + stretch, rows.cols);
        std::ptrdiff_t row = 0;
        for (; row + 4 <= rows.rows; row += 4) {
            std::ptrdiff_t column = start;
            for (; column + 4 <= end; column += 4) {
                Four block[4];
                for (int at = 0; at < 4; ++at) block[at] = loadFour(rows.row(row + at) + column);
                transpose(block);
                for (int at = 0; at < 4; ++at)
                    storeFour(block[at] * scale, panel + (column + at) * panelWidth + row);
            }
            for (; column < end; ++column)
                for (int at = 0; at < 4; ++at)
                    panel[column * panelWidth + row + at] = rows(row + at, column) * scale;
        }
        for (; row < panelWidth; ++row)
            for (std::ptrdiff_t column = start; column < end; ++column)
                panel[column * panelWidth + row] = row < rows.rows ? rows(row, column) * scale : 0.0F;
    }
}

} // namespace

void Panels::resize(std::ptrdiff_t rows, std::ptrdiff_t depth) {
    rows_ = rows;
    depth_ = depth;
    const std::ptrdiff_t wanted = count() * panelWidth * depth;
    if (wanted <= capacity_) return;
    values_.reset(); // before there is a second one
    capacity_ = 0;
    const auto bytes = static_cast<std::size_t>(wanted) * sizeof(float);
    values_.reset(static_cast<float*>(::operator new[](bytes, std::align_val_t{64})));
    capacity_ = wanted;
}

void Panels::pack(ConstMatrixView matrix, float scale) {
    resize(matrix.rows, matrix.cols);
    for (std::ptrdiff_t at = 0; at < count(); ++at) {
        const std::ptrdiff_t first = at * panelWidth;
        packPanel(matrix.rowsFrom(first, std::min<std::ptrdiff_t>(panelWidth, matrix.rows - first)), scale,
                  panel(at));
    }
}

void Panels::packColumns(ConstMatrixView matrix) {
    resize(matrix.cols, matrix.rows);
    for (std::ptrdiff_t at = 0; at < count(); ++at) {
        const std::ptrdiff_t first = at * panelWidth;
        const std::ptrdiff_t columns = std::min<std::ptrdiff_t>(panelWidth, matrix.cols - first);
        for (std::ptrdiff_t row = 0; row < matrix.rows; ++row) {
            float* target = panel(at) + row * panelWidth;
            std::copy_n(matrix.row(row) + first, columns, target);
            std::fill(target + columns, target + panelWidth, 0.0F);
        }
    }
}

void unpack(const float* panel, MatrixView target, float scale, float beta) {
    const auto put = [&](std::ptrdiff_t row, std::ptrdiff_t column) {
        const float value = panel[column * panelWidth + row] * scale;
        target(row, column) = beta == 0 ? value : value + beta * target(row, column);
    };
    std::ptrdiff_t row = 0;
    for (; row + 4 <= target.rows; row += 4) {
        std::ptrdiff_t column = 0;
        for (; column + 4 <= target.cols; column += 4) {
            Four block[4];
            for (int at = 0; at < 4; ++at) block[at] = loadFour(panel + (column + at) * panelWidth + row);
            transpose(block);
            for (int at = 0; at < 4; ++at) {
                float* to = target.row(row + at) + column;
                storeFour(beta == 0 ? block[at] * scale : block[at] * scale + beta * loadFour(to), to);
            }
        }
        for (; column < target.cols; ++column)
            for (int at = 0; at < 4; ++at) put(row + at, column);
    }
    for (; row < target.rows; ++row)
        for (std::ptrdiff_t column = 0; column < target.cols; ++column) put(row, column);
}

void Panels::clear() {
    std::fill_n(values_.get(), count() * panelWidth * depth_, 0.0F);
}

void Panels::unpack(MatrixView target) const {
    for (std::ptrdiff_t at = 0; at < count(); ++at) {
        const std::ptrdiff_t first = at * panelWidth;
        qroar::unpack(panel(at), target.rowsFrom(first, std::min<std::ptrdiff_t>(panelWidth, rows_ - first)));
    }
}

namespace {

/// A block's sums (of its panel `at` at sums + at * stride) grow by the products of a stretch of the depth.
void addStretch(PanelsView x, const Factor& w, const ProductBlock& block, std::ptrdiff_t start, float* sums,
                std::ptrdiff_t stride) {
    alignas(64) float copy[productRows * panelDepth];
    const Factor part = closeBlock({w.data + block.firstRow * w.rowStride + start * w.stepStride, block.rows,
                                    std::min(panelDepth, w.depth - start), w.rowStride, w.stepStride},
                                   copy);
    for (std::ptrdiff_t at = 0; at < block.panels; ++at)
        panelKernels().addProduct(part, x.panel(block.firstPanel + at) + start * panelWidth,
                                  sums + at * stride);
}

} // namespace

void multiplyBlock(PanelsView x, const Factor& w, const ProductBlock& block, float* target) {
    assert(w.depth == x.depth && block.rows <= productRows && block.panels <= panelsTogether);
    std::fill_n(target, block.panels * blockStride, 0.0F);
    for (std::ptrdiff_t start = 0; start < w.depth; start += panelDepth)
        addStretch(x, w, block, start, target, blockStride);
}

void addDeepProduct(PanelsView x, const Factor& w, Panels& sums) {
    assert(w.depth == x.depth && sums.rows() == x.rows && sums.depth() == w.rows);
    constexpr std::ptrdiff_t rowsAtOnce = 16 * productRows; // their sums stay in the second-level cache
    const auto addRows = [&](std::ptrdiff_t panel, std::ptrdiff_t first, std::ptrdiff_t end,
                             std::ptrdiff_t start) {
        for (std::ptrdiff_t row = first; row < end; row += productRows) {
            const ProductBlock block{panel, std::min(panelsTogether, x.count() - panel), row,
                                     std::min(productRows, end - row)};
            addStretch(x, w, block, start, sums.panel(panel) + row * panelWidth, w.rows * panelWidth);
        }
    };
    for (std::ptrdiff_t panel = 0; panel < x.count(); panel += panelsTogether)
        for (std::ptrdiff_t first = 0; first < w.rows; first += rowsAtOnce)
            for (std::ptrdiff_t start = 0; start < w.depth; start += panelDepth)
                addRows(panel, first, std::min(first + rowsAtOnce, w.rows), start);
}

void multiplyPanels(PanelsView x, const Factor& w, MatrixView target, float scale, float beta) {
    assert(target.rows == x.rows && target.cols == w.rows);
    alignas(64) float sums[blockFloats];
    forEachBlock(x.count(), w.rows, [&](const ProductBlock& block) {
        multiplyBlock(x, w, block, sums);
        for (std::ptrdiff_t at = 0; at < block.panels; ++at) {
            const std::ptrdiff_t token = (block.firstPanel + at) * panelWidth;
            unpack(sums + at * blockStride,
                   target.rowsFrom(token, std::min<std::ptrdiff_t>(panelWidth, x.rows - token))
                       .colsFrom(block.firstRow, block.rows),
                   scale, beta);
        }
    });
}

void multiplyPanelsInDouble(PanelsView x, const Factor& w, MatrixView target) {
    assert(target.rows == x.rows && target.cols == w.rows);
    alignas(64) double sums[blockStride];
    alignas(64) float rounded[blockStride];
    for (std::ptrdiff_t panel = 0; panel < x.count(); ++panel) {
        const std::ptrdiff_t token = panel * panelWidth;
        const MatrixView rows = target.rowsFrom(token, std::min<std::ptrdiff_t>(panelWidth, x.rows - token));
        for (std::ptrdiff_t row = 0; row < w.rows; row += productRows) {
            const std::ptrdiff_t count = std::min(productRows, w.rows - row);
            std::fill_n(sums, blockStride, 0.0);
            panelKernels().addProductInDouble(
                {w.data + row * w.rowStride, count, w.depth, w.rowStride, w.stepStride}, x.panel(panel),
                sums);
            std::copy_n(sums, count * panelWidth, rounded);
            unpack(rounded, rows.colsFrom(row, count));
        }
    }
}

} // namespace qroar
