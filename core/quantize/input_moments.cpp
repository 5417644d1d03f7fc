#include "core/quantize/input_moments.h"

#include "core/inference/gemm.h"
#include "core/quantize/row_tiles.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr std::ptrdiff_t slice = 512; ///< tokens summed in single precision
} // namespace

InputMoments::InputMoments(std::ptrdiff_t width)
    : width_(width), sumAbsolute_(static_cast<std::size_t>(width)),
      products_(static_cast<std::size_t>(width * width)) {}

void InputMoments::add(ConstMatrixView x, WorkMeter& meter) {
    Matrix turned; // [width, tokens of a slice]
    for (std::ptrdiff_t first = 0; first < x.rows && !meter.cancelled(); first += slice) {
        const std::ptrdiff_t count = std::min(slice, x.rows - first);
        turned.resize(width_, count);
#pragma omp parallel for schedule(static)
        for (std::ptrdiff_t column = 0; column < width_; ++column) {
            double sum = 0;
            for (std::ptrdiff_t token = 0; token < count; ++token) {
                turned.row(column)[token] = x(first + token, column);
                sum += std::abs(static_cast<double>(x(first + token, column)));
            }
            sumAbsolute_[static_cast<std::size_t>(column)] += sum;
        }
        const ConstMatrixView inputs = turned.view();
        forEachRowTile(width_, meter, [&](std::size_t, std::ptrdiff_t row, std::ptrdiff_t rows) {
            Matrix tile(rows, row + rows); // up to the diagonal block
            multiplyTransposed(inputs.rowsFrom(row, rows), inputs.rowsFrom(0, row + rows), tile.view());
            for (std::ptrdiff_t in = 0; in < rows; ++in)
                for (std::ptrdiff_t column = 0; column <= row + in; ++column)
                    products_[at(row + in, column)] += static_cast<double>(tile.row(in)[column]);
        });
        meter.add(operations(width_) * static_cast<double>(count));
    }
    tokens_ += x.rows;
}

bool InputMoments::finite() const {
    for (std::ptrdiff_t input = 0; input < width_; ++input)
        if (!std::isfinite(product(input, input))
            || !std::isfinite(sumAbsolute_[static_cast<std::size_t>(input)]))
            return false;
    return true;
}

std::vector<double> InputMoments::meanAbsolute() const {
    std::vector<double> mean = sumAbsolute_;
    for (double& value : mean) value = tokens_ == 0 ? 0 : value / static_cast<double>(tokens_);
    return mean;
}

Matrix InputMoments::gram() const {
    Matrix result(width_, width_);
    for (std::ptrdiff_t row = 0; row < width_; ++row)
        for (std::ptrdiff_t column = 0; column < width_; ++column)
            result.row(row)[column] = static_cast<float>(product(row, column));
    return result;
}

double InputMoments::operations(std::ptrdiff_t width) {
    return static_cast<double>(width) * static_cast<double>(width);
}

LinearInput inputOf(Projection projection) {
    switch (projection) {
    case Projection::O:
        return LinearInput::Output;
    case Projection::Gate:
    case Projection::Up:
        return LinearInput::FeedForward;
    case Projection::Down:
        return LinearInput::Down;
    default:
        return LinearInput::Attention;
    }
}

std::ptrdiff_t inputWidth(const ModelConfig& config, LinearInput input) {
    if (input == LinearInput::Output) return config.queryDim();
    return input == LinearInput::Down ? config.intermediateSize : config.hiddenSize;
}

LayerMoments::LayerMoments(const ModelConfig& config)
    : inputs{InputMoments(inputWidth(config, LinearInput::Attention)),
             InputMoments(inputWidth(config, LinearInput::Output)),
             InputMoments(inputWidth(config, LinearInput::FeedForward)),
             InputMoments(inputWidth(config, LinearInput::Down))} {}

Distortion outputDistortion(ConstMatrixView weight, ConstMatrixView changed, ConstMatrixView gram,
                            long long tokens, WorkMeter& meter) {
    struct Sums {
        double error = 0, weight = 0, cross = 0;
    };
    std::vector<Sums> sums(rowTiles(weight.rows));
    forEachRowTile(weight.rows, meter, [&](std::size_t tile, std::ptrdiff_t first, std::ptrdiff_t rows) {
        const ConstMatrixView w = weight.rowsFrom(first, rows);
        Matrix error(rows, weight.cols), product(rows, weight.cols);
        for (std::ptrdiff_t row = 0; row < rows; ++row)
            for (std::ptrdiff_t column = 0; column < weight.cols; ++column)
                error.row(row)[column] = changed(first + row, column) - w(row, column);
        const ConstMatrixView e = error.view();
        multiply(e, gram, product.view());
        sums[tile].error = sumOfProducts(product.view(), e);
        multiply(w, gram, product.view());
        sums[tile].weight = sumOfProducts(product.view(), w);
        sums[tile].cross = sumOfProducts(product.view(), e);
        meter.add(4.0 * static_cast<double>(rows * weight.cols) * static_cast<double>(weight.cols));
    });
    Sums total;
    for (const Sums& sum : sums) {
        total.error += std::max(0.0, sum.error); // rounding may leave a negative nothing
        total.weight += std::max(0.0, sum.weight);
        total.cross += sum.cross;
    }
    Distortion result;
    result.sumSquaredError = total.error;
    result.sumSquaredWeight = total.weight;
    result.sumProduct = total.weight + total.cross;
    result.sumSquaredQuantized = std::max(0.0, total.weight + 2 * total.cross + total.error);
    result.count = tokens * static_cast<long long>(weight.rows);
    return result;
}

} // namespace qroar
