// Matrix products of single-precision operands on one thread: the callers cut the work into fixed tiles and
// run them in parallel, so that the result does not depend on the number of threads. Convenience over
// core/kernels for operands that are used once; who multiplies the same rows with several matrices packs them
// once (layer_steps.cpp).
#pragma once

#include "core/base/matrix.h"

namespace qroar {

/// C = alpha A B^T + beta C, with A [m, k], B [n, k], C [m, n]: a linear layer, or queries against keys.
void multiplyTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float alpha = 1, float beta = 0);
/// C = A B + beta C, with A [m, k], B [k, n], C [m, n]: probabilities times values.
void multiply(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta = 0);
/// C = A^T B + beta C, with A [k, m], B [k, n], C [m, n]: gradients of keys and values over queries.
void multiplyLeftTransposed(ConstMatrixView a, ConstMatrixView b, MatrixView c, float beta = 0);

} // namespace qroar
