#include "core/inference/gemm.h"

#include <algorithm>
#include <vector>

#ifdef QROAR_OPENBLAS
extern "C" {
void cblas_sgemm(int order, int transA, int transB, int m, int n, int k, float alpha, const float* a, int lda,
                 const float* b, int ldb, float beta, float* c, int ldc);
void cblas_dgemm(int order, int transA, int transB, int m, int n, int k, double alpha, const double* a,
                 int lda, const double* b, int ldb, double beta, double* c, int ldc);
}
#else
#include <Eigen/Core>
#endif

namespace qroar {

#ifdef QROAR_OPENBLAS

// Called inside our parallel regions, where the OpenMP build of OpenBLAS runs on the calling thread alone.
namespace {
constexpr int rowMajor = 101, noTranspose = 111, transpose = 112;

void sgemm(int transA, int transB, ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha,
           float beta) {
    cblas_sgemm(rowMajor, transA, transB, static_cast<int>(c.rows), static_cast<int>(c.cols),
                static_cast<int>(transA == transpose ? a.rows : a.cols), alpha, a.data,
                static_cast<int>(a.stride), b.data, static_cast<int>(b.stride), beta, c.data,
                static_cast<int>(c.stride));
}

/// C = A B^T, all without gaps: A [m, k], B [n, k], C [m, n].
void dgemmTransposed(const double* a, const double* b, double* c, std::ptrdiff_t m, std::ptrdiff_t n,
                     std::ptrdiff_t k) {
    const int rows = static_cast<int>(m), columns = static_cast<int>(n), inner = static_cast<int>(k);
    cblas_dgemm(rowMajor, noTranspose, transpose, rows, columns, inner, 1, a, inner, b, inner, 0, c, columns);
}
} // namespace

void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha, float beta) {
    sgemm(noTranspose, transpose, a, b, c, alpha, beta);
}
void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    sgemm(noTranspose, noTranspose, a, b, c, 1, beta);
}
void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    sgemm(transpose, noTranspose, a, b, c, 1, beta);
}

#else

namespace {
using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Stride = Eigen::OuterStride<>;
Eigen::Map<const RowMajor, 0, Stride> map(ConstMatrixView m) {
    return {m.data, m.rows, m.cols, Stride(m.stride)};
}
Eigen::Map<RowMajor, 0, Stride> map(MatrixView m) {
    return {m.data, m.rows, m.cols, Stride(m.stride)};
}

void scale(MatrixView c, float beta) {
    if (beta == 0)
        map(c).setZero();
    else if (beta != 1)
        map(c) *= beta;
}

/// C = A B^T, all without gaps: A [m, k], B [n, k], C [m, n].
void dgemmTransposed(const double* a, const double* b, double* c, std::ptrdiff_t m, std::ptrdiff_t n,
                     std::ptrdiff_t k) {
    using Doubles = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    Eigen::Map<Doubles>(c, m, n).noalias() =
        Eigen::Map<const Doubles>(a, m, k) * Eigen::Map<const Doubles>(b, n, k).transpose();
}
} // namespace

void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha, float beta) {
    scale(c, beta);
    map(c).noalias() += alpha * map(a) * map(b).transpose();
}
void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    scale(c, beta);
    map(c).noalias() += map(a) * map(b);
}
void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta) {
    scale(c, beta);
    map(c).noalias() += map(a).transpose() * map(b);
}

#endif

void multiplyTransposedInDouble(ConstMatrixView a, ConstMatrixView b, MatrixView c) {
    constexpr std::ptrdiff_t block =
        64; // rows of B that are doubles at a time: memory of one block, not of B
    const auto toDouble = [](ConstMatrixView source, std::vector<double>& target) {
        target.resize(static_cast<std::size_t>(source.rows * source.cols));
        for (std::ptrdiff_t row = 0; row < source.rows; ++row)
            std::copy_n(source.row(row), source.cols, target.data() + row * source.cols);
    };
    std::vector<double> left, right, product;
    toDouble(a, left);
    for (std::ptrdiff_t first = 0; first < b.rows; first += block) {
        const std::ptrdiff_t count = std::min(block, b.rows - first);
        toDouble(b.rowsFrom(first, count), right);
        product.resize(static_cast<std::size_t>(a.rows * count));
        dgemmTransposed(left.data(), right.data(), product.data(), a.rows, count, a.cols);
        for (std::ptrdiff_t row = 0; row < a.rows; ++row)
            for (std::ptrdiff_t column = 0; column < count; ++column)
                c(row, first + column) =
                    static_cast<float>(product[static_cast<std::size_t>(row * count + column)]);
    }
}

} // namespace qroar
