// GptqFactor: the Cholesky factor of the damped inverse Hessian, in double, by blocks that run in parallel in
// a fixed order.
#define EIGEN_DONT_PARALLELIZE // tiles are ours, so that results do not depend on the number of threads
#include "core/quantize/gptq.h"

#include <Eigen/Cholesky>
#include <Eigen/Core>

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {

using Square = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Index = Eigen::Index;

constexpr Index block = 96; ///< rows and columns of a block: a few of them fit the cache

Index blocks(Index size) {
    return (size + block - 1) / block;
}
Index blockStart(Index at) {
    return at * block;
}
Index blockSize(Index at, Index size) {
    return std::min(block, size - at * block);
}

/// The lower Cholesky factor over the lower triangle of `a`. False when it is not positive definite, or when
/// cancelled.
bool factorize(Square& a, WorkMeter& meter) {
    const Index size = a.rows(), count = blocks(size);
    for (Index pivot = 0; pivot < count; ++pivot) {
        if (meter.cancelled()) return false;
        const Index start = blockStart(pivot), width = blockSize(pivot, size);
        Eigen::LLT<Square> diagonal(a.block(start, start, width, width));
        if (diagonal.info() != Eigen::Success) return false;
        const Square lower = diagonal.matrixL();
        a.block(start, start, width, width) = lower;
#pragma omp parallel for schedule(dynamic, 1)
        for (Index below = pivot + 1; below < count; ++below) {
            auto panel = a.block(blockStart(below), start, blockSize(below, size), width);
            panel = lower.triangularView<Eigen::Lower>().solve(panel.transpose()).transpose().eval();
        }
#pragma omp parallel for schedule(dynamic, 1)
        for (Index below = pivot + 1; below < count; ++below) {
            if (meter.cancelled()) continue;
            const Index row = blockStart(below), rows = blockSize(below, size);
            for (Index column = pivot + 1; column <= below; ++column)
                a.block(row, blockStart(column), rows, blockSize(column, size)).noalias() -=
                    a.block(row, start, rows, width)
                    * a.block(blockStart(column), start, blockSize(column, size), width).transpose();
            if (omp_get_thread_num() == 0) meter.reportNow();
        }
    }
    return !meter.cancelled();
}

/// L^-1 of a lower triangular L, block column by block column.
Square invertLower(const Square& lower, WorkMeter& meter) {
    const Index size = lower.rows(), count = blocks(size);
    Square inverse = Square::Zero(size, size);
#pragma omp parallel for schedule(dynamic, 1)
    for (Index column = 0; column < count; ++column) {
        const Index at = blockStart(column), width = blockSize(column, size);
        for (Index row = column; row < count; ++row) {
            if (meter.cancelled()) break;
            const Index start = blockStart(row), rows = blockSize(row, size);
            Square right =
                row == column ? Square(Square::Identity(rows, width)) : Square(Square::Zero(rows, width));
            for (Index before = column; before < row; ++before)
                right.noalias() -= lower.block(start, blockStart(before), rows, blockSize(before, size))
                                   * inverse.block(blockStart(before), at, blockSize(before, size), width);
            inverse.block(start, at, rows, width) =
                lower.block(start, start, rows, rows).triangularView<Eigen::Lower>().solve(right);
            if (omp_get_thread_num() == 0) meter.reportNow();
        }
    }
    return inverse;
}

std::vector<std::int32_t> processingOrder(const std::vector<double>& hessian, std::ptrdiff_t inputs,
                                          bool actOrder) {
    std::vector<std::int32_t> order(static_cast<std::size_t>(inputs));
    std::iota(order.begin(), order.end(), 0);
    const auto diagonal = [&](std::int32_t input) {
        return hessian[static_cast<std::size_t>(input) * static_cast<std::size_t>(inputs + 1)];
    };
    if (actOrder)
        std::stable_sort(order.begin(), order.end(),
                         [&](std::int32_t a, std::int32_t b) { return diagonal(a) > diagonal(b); });
    return order;
}

/// Gives inputs that were always 0 the mean of the diagonal, so that H can be inverted; that mean.
double wakeSilentInputs(std::vector<double>& hessian, std::size_t inputs) {
    double sum = 0;
    std::size_t active = 0;
    for (std::size_t input = 0; input < inputs; ++input) {
        const double diagonal = hessian[input * (inputs + 1)];
        sum += diagonal;
        active += diagonal > 0 ? 1 : 0;
    }
    const double mean = active > 0 ? sum / static_cast<double>(active) : 1;
    for (std::size_t input = 0; input < inputs; ++input)
        if (!(hessian[input * (inputs + 1)] > 0)) hessian[input * (inputs + 1)] = mean;
    return mean;
}

} // namespace

Outcome<GptqFactor> GptqFactor::make(std::vector<double> hessian, std::ptrdiff_t inputs, bool actOrder,
                                     double damping, WorkMeter& meter) {
    GptqFactor factor;
    const auto side = static_cast<std::size_t>(inputs);
    factor.order = processingOrder(hessian, inputs, actOrder);
    const double mean = wakeSilentInputs(hessian, side);
    const auto input = [&](Index at) {
        return static_cast<std::size_t>(factor.order[side - 1 - static_cast<std::size_t>(at)]);
    };
    const Index size = inputs;
    Square work(size, size);
    for (const double more : {1.0, 10.0, 100.0}) {
        for (Index row = 0; row < size; ++row)
            for (Index column = 0; column <= row; ++column)
                work(row, column) = hessian[input(row) * side + input(column)];
        work.diagonal().array() += more * damping * mean;
        if (!factorize(work, meter)) {
            if (meter.cancelled()) return Error::cancelled();
            continue;
        }
        work = invertLower(work, meter);
        if (meter.cancelled()) return Error::cancelled();
        factor.upper.resize(inputs, inputs);
        for (Index row = 0; row < size; ++row)
            for (Index column = 0; column < size; ++column)
                factor.upper.row(row)[column] = static_cast<float>(work(size - 1 - row, size - 1 - column));
        meter.add(operations(inputs));
        return factor;
    }
    return Error::bad("the Hessian of the inputs is not positive definite");
}

Outcome<GptqFactor> GptqFactor::make(const InputMoments& inputs, bool actOrder, WorkMeter& meter) {
    const std::ptrdiff_t width = inputs.width();
    const double scale = inputs.tokens() > 0 ? 2.0 / static_cast<double>(inputs.tokens()) : 0;
    std::vector<double> hessian(static_cast<std::size_t>(width * width));
    for (std::ptrdiff_t row = 0; row < width; ++row)
        for (std::ptrdiff_t column = 0; column < width; ++column)
            hessian[static_cast<std::size_t>(row * width + column)] = scale * inputs.product(row, column);
    return make(std::move(hessian), width, actOrder, gptqDamping, meter);
}

double GptqFactor::operations(std::ptrdiff_t inputs) {
    const auto size = static_cast<double>(inputs);
    return 2.0 / 3.0 * size * size * size;
}

} // namespace qroar
