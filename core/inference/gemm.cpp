#include "core/inference/gemm.h"

#ifdef QROAR_OPENBLAS
extern "C" {
void cblas_sgemm(int order, int transA, int transB, int m, int n, int k, float alpha, const float* a, int lda,
                 const float* b, int ldb, float beta, float* c, int ldc);
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

} // namespace qroar
