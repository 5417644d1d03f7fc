// Views of row-major float matrices that somebody else owns, and an owning one. No arithmetic lives here.
#pragma once

#include <cassert>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace qroar {

/// [rows, cols], row r starts at data + r * stride.
template<class T>
struct BasicMatrixView {
    T* data = nullptr;
    std::ptrdiff_t rows = 0, cols = 0, stride = 0;

    BasicMatrixView() = default;
    BasicMatrixView(T* d, std::ptrdiff_t r, std::ptrdiff_t c, std::ptrdiff_t s = -1)
        : data(d), rows(r), cols(c), stride(s < 0 ? c : s) {}
    /// A view of constants from a view of variables.
    template<class U>
    requires(std::is_same_v<const U, T>) BasicMatrixView(const BasicMatrixView<U>& other)
        : data(other.data), rows(other.rows), cols(other.cols), stride(other.stride) {}

    T* row(std::ptrdiff_t r) const { return data + r * stride; }
    T& operator()(std::ptrdiff_t r, std::ptrdiff_t c) const { return data[r * stride + c]; }
    BasicMatrixView rowsFrom(std::ptrdiff_t first, std::ptrdiff_t count) const {
        assert(first >= 0 && first + count <= rows);
        return {row(first), count, cols, stride};
    }
    BasicMatrixView colsFrom(std::ptrdiff_t first, std::ptrdiff_t count) const {
        assert(first >= 0 && first + count <= cols);
        return {data + first, rows, count, stride};
    }
};
using MatrixView = BasicMatrixView<float>;
using ConstMatrixView = BasicMatrixView<const float>;

/// Owning row-major [rows, cols] float matrix; zero-initialised.
class Matrix {
  public:
    Matrix() = default;
    Matrix(std::ptrdiff_t rows, std::ptrdiff_t cols)
        : values_(static_cast<std::size_t>(rows * cols)), rows_(rows), cols_(cols) {}
    [[nodiscard]] std::ptrdiff_t rows() const { return rows_; }
    [[nodiscard]] std::ptrdiff_t cols() const { return cols_; }
    float* data() { return values_.data(); }
    [[nodiscard]] const float* data() const { return values_.data(); }
    float* row(std::ptrdiff_t r) { return data() + r * cols_; }
    [[nodiscard]] const float* row(std::ptrdiff_t r) const { return data() + r * cols_; }
    MatrixView view() { return {data(), rows_, cols_}; }
    [[nodiscard]] ConstMatrixView view() const { return {data(), rows_, cols_}; }
    /// Changes the shape; contents are unspecified. Keeps the allocation when it is large enough.
    void resize(std::ptrdiff_t rows, std::ptrdiff_t cols) {
        values_.resize(static_cast<std::size_t>(rows * cols));
        rows_ = rows;
        cols_ = cols;
    }

  private:
    std::vector<float> values_;
    std::ptrdiff_t rows_ = 0, cols_ = 0;
};

} // namespace qroar
