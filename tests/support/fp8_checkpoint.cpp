#include "tests/support/fp8_checkpoint.h"

#include "core/base/half.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace qroar::test {

namespace {

std::vector<float> valuesOf(const StoredTensor& tensor) {
    long long count = 1;
    for (const long long extent : tensor.shape) count *= extent;
    std::vector<float> values(static_cast<std::size_t>(count));
    if (tensor.dtype == "F32") std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
    if (tensor.dtype == "F16") f16ToFloat(tensor.bytes.data(), values.data(), values.size());
    if (tensor.dtype == "BF16") bf16ToFloat(tensor.bytes.data(), values.data(), values.size());
    return values;
}

float asStored(float value, const std::string& dtype) {
    const std::string bytes = encodeFloats({value}, dtype);
    return valuesOf({"", dtype, {1}, bytes}).front();
}

bool endsWith(const std::string& text, const std::string& suffix) {
    return text.size() >= suffix.size()
           && text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}

void quantize(const StoredTensor& tensor, const Fp8Layout& layout, std::vector<StoredTensor>& result) {
    const long long out = tensor.shape[0], in = tensor.shape[1];
    const long long rows = layout.blockRows > 0 ? layout.blockRows : out,
                    cols = layout.blockCols > 0 ? layout.blockCols : in;
    const long long gridRows = (out + rows - 1) / rows, gridCols = (in + cols - 1) / cols;
    const std::vector<float> values = valuesOf(tensor);
    std::vector<float> scales(static_cast<std::size_t>(gridRows * gridCols), 0.0F);
    const auto scaleAt = [&](long long row, long long col) {
        return static_cast<std::size_t>(row / rows * gridCols + col / cols);
    };
    for (long long row = 0; row < out; ++row)
        for (long long col = 0; col < in; ++col) {
            float& scale = scales[scaleAt(row, col)];
            scale = std::max(scale, std::abs(values[static_cast<std::size_t>(row * in + col)]) / 448.0F);
        }
    for (float& scale : scales) scale = asStored(scale, layout.scaleType);
    std::string codes;
    for (long long row = 0; row < out; ++row)
        for (long long col = 0; col < in; ++col)
            codes += static_cast<char>(e4m3Code(values[static_cast<std::size_t>(row * in + col)]
                                                / static_cast<double>(scales[scaleAt(row, col)])));
    result.push_back({tensor.name, "F8_E4M3", tensor.shape, codes});
    std::vector<long long> shape{gridRows, gridCols};
    if (gridRows * gridCols == 1 && layout.scaleRank < 2)
        shape.assign(static_cast<std::size_t>(layout.scaleRank), 1);
    else if (gridCols == 1 && layout.scaleRank == 1)
        shape = {gridRows};
    const std::string stem = tensor.name.substr(0, tensor.name.size() - 6);
    result.push_back(makeTensor(stem + layout.scaleName, shape, scales, layout.scaleType));
    for (const std::string& suffix : layout.besides) result.push_back(makeTensor(stem + suffix, {}, {0.5F}));
}

} // namespace

double e4m3Value(unsigned code) {
    const int exponent = static_cast<int>(code / 8 % 16), mantissa = static_cast<int>(code % 8);
    if (exponent == 15 && mantissa == 7) return NAN;
    const double size = exponent == 0 ? mantissa / 8.0 * std::pow(2.0, -6)
                                      : (1 + mantissa / 8.0) * std::pow(2.0, exponent - 7);
    return code >= 128 ? -size : size;
}

unsigned e4m3Code(double value) {
    static const std::vector<double> values = [] {
        std::vector<double> all;
        for (unsigned code = 0; code < 256; ++code) all.push_back(e4m3Value(code));
        return all;
    }();
    unsigned best = 0;
    double least = INFINITY;
    for (unsigned code = 0; code < 256; ++code) {
        const double distance = std::abs(values[code] - value);
        if (!(distance < least)) continue;
        least = distance;
        best = code;
    }
    return best;
}

std::vector<StoredTensor> fp8Tensors(const std::vector<StoredTensor>& tensors, const Fp8Layout& layout) {
    std::vector<StoredTensor> result;
    for (const StoredTensor& tensor : tensors)
        if (endsWith(tensor.name, "_proj.weight") && !layout.dense.count(tensor.name))
            quantize(tensor, layout, result);
        else
            result.push_back(tensor);
    return result;
}

} // namespace qroar::test
