#include "tests/support/naive_gptq.h"

#include "tests/support/naive_rtn.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace naive {

namespace {

/// Gauss-Jordan elimination with pivots on the diagonal (the matrix is positive definite).
std::vector<double> inverse(std::vector<double> a, int size) {
    std::vector<double> result(a.size());
    for (int at = 0; at < size; ++at) result[at * size + at] = 1;
    for (int pivot = 0; pivot < size; ++pivot) {
        const double divisor = a[pivot * size + pivot];
        for (int column = 0; column < size; ++column) {
            a[pivot * size + column] /= divisor;
            result[pivot * size + column] /= divisor;
        }
        for (int row = 0; row < size; ++row) {
            if (row == pivot) continue;
            const double factor = a[row * size + pivot];
            for (int column = 0; column < size; ++column) {
                a[row * size + column] -= factor * a[pivot * size + column];
                result[row * size + column] -= factor * result[pivot * size + column];
            }
        }
    }
    return result;
}

} // namespace

GptqResult gptq(const std::vector<float>& weights, int rows, int cols, std::vector<double> hessian, int bits,
                int group, bool symmetric, bool actOrder, double damping) {
    if (group == 0) group = cols;
    const int groups = (cols + group - 1) / group;
    std::vector<int> order(cols);
    std::iota(order.begin(), order.end(), 0);
    if (actOrder)
        std::stable_sort(order.begin(), order.end(),
                         [&](int a, int b) { return hessian[a * cols + a] > hessian[b * cols + b]; });
    double mean = 0;
    for (int at = 0; at < cols; ++at) mean += hessian[at * cols + at] / cols;
    for (int at = 0; at < cols; ++at) hessian[at * cols + at] += damping * mean;
    std::vector<double> left = inverse(hessian, cols); // of the inputs that are still free
    std::vector<double> w(weights.begin(), weights.end());

    GptqResult result;
    result.codes.resize(weights.size());
    result.values.resize(weights.size());
    result.zeros.resize(rows * groups);
    result.scales.resize(rows * groups);
    result.groupOf.resize(cols);
    const double least = symmetric ? -std::pow(2, bits - 1) : 0;
    const double most = symmetric ? std::pow(2, bits - 1) - 1 : std::pow(2, bits) - 1;
    for (int step = 0; step < cols; ++step) {
        const int input = order[step], g = step / group;
        result.groupOf[input] = g;
        for (int row = 0; row < rows; ++row) {
            if (step % group == 0) { // the grid of the inputs that come next
                std::vector<float> members;
                for (int next = step; next < std::min(cols, step + group); ++next)
                    members.push_back(static_cast<float>(w[row * cols + order[next]]));
                const Result grid =
                    quantize(members, 1, static_cast<int>(members.size()), bits, 0, symmetric);
                result.scales[row * groups + g] = grid.scales[0];
                result.zeros[row * groups + g] = grid.zeros[0];
            }
            const double scale = result.scales[row * groups + g], zero = result.zeros[row * groups + g];
            double& weight = w[row * cols + input];
            double code = zero;
            if (scale > 0) code = std::min(std::max(std::round(weight / scale) + zero, least), most);
            const double value = (code - zero) * scale;
            result.codes[row * cols + input] = static_cast<int>(code);
            result.values[row * cols + input] = value;
            const double error = (weight - value) / left[input * cols + input];
            for (int next = step + 1; next < cols; ++next)
                w[row * cols + order[next]] -= error * left[order[next] * cols + input];
        }
        const std::vector<double> column = [&] {
            std::vector<double> copy(cols);
            for (int at = 0; at < cols; ++at) copy[at] = left[at * cols + input];
            return copy;
        }();
        for (int a = 0; a < cols; ++a)
            for (int b = 0; b < cols; ++b) left[a * cols + b] -= column[a] * column[b] / column[input];
    }
    return result;
}

} // namespace naive
