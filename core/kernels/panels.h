// Matrices as panels of 64 rows (panel_kernels.h), and products of a factor with them. One thread does each
// call; callers divide the work among threads, and nothing depends on how.
#pragma once

#include "core/base/matrix.h"
#include "core/kernels/panel_kernels.h"

#include <algorithm>
#include <cstddef>
#include <memory>

namespace qroar {

/// A matrix [rows, depth] as panels: element (r, k) at panel(r / 64)[k * 64 + r % 64]. Lanes beyond `rows`
/// are zero or results of zeros; memory is kept from use to use.
class Panels {
  public:
    /// Changes the shape; contents are unspecified.
    void resize(std::ptrdiff_t rows, std::ptrdiff_t depth);
    [[nodiscard]] std::ptrdiff_t rows() const { return rows_; }
    [[nodiscard]] std::ptrdiff_t depth() const { return depth_; }
    [[nodiscard]] std::ptrdiff_t count() const { return (rows_ + panelWidth - 1) / panelWidth; }
    float* panel(std::ptrdiff_t at) { return values_.get() + at * depth_ * panelWidth; }
    [[nodiscard]] const float* panel(std::ptrdiff_t at) const {
        return values_.get() + at * depth_ * panelWidth;
    }

    /// Takes `scale` times the rows of a matrix.
    void pack(ConstMatrixView matrix, float scale = 1);
    /// Takes the transpose of a matrix: its columns become rows.
    void packColumns(ConstMatrixView matrix);
    /// All lanes become 0, those beyond the rows included.
    void clear();
    /// target = the rows, [rows, depth].
    void unpack(MatrixView target) const;

  private:
    struct Free {
        void operator()(float* values) const { ::operator delete[](values, std::align_val_t{64}); }
    };
    std::unique_ptr<float[], Free> values_;
    std::ptrdiff_t rows_ = 0, depth_ = 0, capacity_ = 0;
};

/// Some panels of a matrix that somebody else owns.
struct PanelsView {
    const float* data = nullptr;
    std::ptrdiff_t rows = 0, depth = 0;
    PanelsView(const float* panels, std::ptrdiff_t r, std::ptrdiff_t d) : data(panels), rows(r), depth(d) {}
    PanelsView(const Panels& all)
        : PanelsView(all.panel(0), all.rows(), all.depth()) {} // NOLINT: a view of all of them
    [[nodiscard]] std::ptrdiff_t count() const { return (rows + panelWidth - 1) / panelWidth; }
    [[nodiscard]] const float* panel(std::ptrdiff_t at) const { return data + at * depth * panelWidth; }
};

/// W as it lies in memory, and its transpose.
inline Factor factorOf(ConstMatrixView w) {
    return {w.data, w.rows, w.cols, w.stride, 1};
}
inline Factor transposedFactor(ConstMatrixView w) {
    return {w.data, w.cols, w.rows, 1, w.stride};
}

/// target = scale x W^T + beta target: x [rows, depth], W [n, depth], target [rows, n].
void multiplyPanels(PanelsView x, const Factor& w, MatrixView target, float scale = 1, float beta = 0);
/// sums += x W^T as panels: x [rows, depth], W [n, depth], sums [rows, n]. For deep products, whose panels no
/// cache holds: a stretch of the depth goes through many rows of W before the next one, so that x is read
/// once or a few times instead of once for every block (a vocabulary of 49,152: up to 2.7 times as fast, most
/// where memory is busy). The sums of one product grow in the same order as those of multiplyPanels.
void addDeepProduct(PanelsView x, const Factor& w, Panels& sums);
/// target = x W^T, summed in double and rounded once.
void multiplyPanelsInDouble(PanelsView x, const Factor& w, MatrixView target);
/// A block of a product W x: some rows of W times some panels of x.
struct ProductBlock {
    std::ptrdiff_t firstPanel = 0,
                   panels = 0; ///< at most panelsTogether: a row of W is read once for all of them
    std::ptrdiff_t firstRow = 0, rows = 0; ///< at most productRows
};
inline constexpr std::ptrdiff_t panelsTogether = 2, productRows = 48;
/// Floats of a panel of a block's result, and of all of it.
inline constexpr std::ptrdiff_t blockStride = productRows * panelWidth,
                                blockFloats = panelsTogether * blockStride;

/// Calls body(block) for every block of a product of `rows` rows and `panels` panels, in order.
template<class Body>
void forEachBlock(std::ptrdiff_t panels, std::ptrdiff_t rows, Body body) {
    for (std::ptrdiff_t panel = 0; panel < panels; panel += panelsTogether)
        for (std::ptrdiff_t row = 0; row < rows; row += productRows)
            body(ProductBlock{panel, std::min(panelsTogether, panels - panel), row,
                              std::min(productRows, rows - row)});
}

/// Rows of a block's result, [rows][64], of its panel `at` at target + at * blockStride; for callers that go
/// on with panels.
void multiplyBlock(PanelsView x, const Factor& w, const ProductBlock& block, float* target);

/// target(r, c) = scale panel[c][r] + beta target(r, c) for r < target.rows <= 64, c < target.cols.
void unpack(const float* panel, MatrixView target, float scale = 1, float beta = 0);

} // namespace qroar
