// Matrices of normally distributed numbers for tests; the same for the same seed.
#pragma once

#include "core/base/matrix.h"

#include <random>

namespace qroar::test {

inline Matrix randomMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    Matrix matrix(rows, cols);
    for (std::ptrdiff_t at = 0; at < rows * cols; ++at) matrix.data()[at] = normal(random);
    return matrix;
}

} // namespace qroar::test
