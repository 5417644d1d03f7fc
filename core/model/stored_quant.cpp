#include "core/model/stored_quant.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cstring>

namespace qroar {

namespace {

/// The elements of a tensor of integers of this size; empty for a tensor that is not there.
template<class Integer>
std::vector<Integer> integersOf(const TensorView& tensor) {
    std::vector<Integer> values(tensor ? tensor.bytes / sizeof(Integer) : 0);
    if (!values.empty()) std::memcpy(values.data(), tensor.data, values.size() * sizeof(Integer));
    return values;
}

} // namespace

const char* storedFormatName(StoredFormat format) {
    static const char* const names[] = {"AWQ GEMM", "GPTQ", "compressed-tensors pack-quantized",
                                        "compressed-tensors int-quantized", "llama2.c Q8_0"};
    return names[static_cast<int>(format)];
}

std::ptrdiff_t StoredQuant::groups() const {
    if (oneScale) return 1;
    if (format == StoredFormat::Q80) return shape.in / shape.groupSize;
    if (scales.shape.size() < 2) return 1; // a scale a row
    return static_cast<std::ptrdiff_t>(scales.shape[scalesByRow() ? 1 : 0]);
}

std::ptrdiff_t StoredQuant::scaleElement(std::ptrdiff_t row, std::ptrdiff_t group) const {
    if (oneScale) return 0;
    return scalesByRow() ? (firstRow + row) * groups() + group : group * shape.out + firstRow + row;
}

StoredQuant StoredQuant::part(std::ptrdiff_t first, std::ptrdiff_t count) const {
    StoredQuant some = *this;
    some.firstRow += first;
    some.rows = count;
    return some;
}

namespace {

/// One number for all rows, or the numbers as they are.
template<class Value>
std::vector<Value> forAllRows(std::vector<Value> values, bool one, std::ptrdiff_t rows) {
    if (one && !values.empty()) values.assign(static_cast<std::size_t>(rows), values.front());
    return values;
}

/// Rows [first, first + count) of a matrix.
QuantizedMatrix someRows(QuantizedMatrix matrix, std::ptrdiff_t first, std::ptrdiff_t count) {
    if (first == 0 && count == matrix.rows) return matrix;
    const auto keep = [&](auto& values, std::ptrdiff_t width) {
        values.erase(values.begin() + (first + count) * width, values.end());
        values.erase(values.begin(), values.begin() + first * width);
    };
    keep(matrix.codes, matrix.cols);
    keep(matrix.zeros, matrix.groups);
    keep(matrix.scales, matrix.groups);
    matrix.rows = count;
    const int middle = 1 << (matrix.bits - 1);
    matrix.symmetric = std::all_of(matrix.zeros.begin(), matrix.zeros.end(),
                                   [middle](std::uint8_t zero) { return zero == middle; });
    return matrix;
}

} // namespace

Outcome<QuantizedMatrix> StoredQuant::readAll() const {
    switch (format) {
    case StoredFormat::AwqGemm:
        return unpackAwq(
            {integersOf<std::uint32_t>(codes), integersOf<std::uint32_t>(zeroPoints), scales.toFloat()},
            shape);
    case StoredFormat::Gptq:
        return unpackGptq({integersOf<std::uint32_t>(codes), integersOf<std::uint32_t>(zeroPoints),
                           scales.toFloat(), integersOf<std::int32_t>(groupIndex)},
                          shape, zeros);
    case StoredFormat::CompressedPack:
    case StoredFormat::CompressedInt:
    case StoredFormat::Q80:
        break;
    }
    auto factors = forAllRows(scales.toFloat(), oneScale, shape.out);
    if (format != StoredFormat::CompressedPack)
        return unpackInt8({integersOf<std::int8_t>(codes), std::move(factors),
                           forAllRows(integersOf<std::int8_t>(zeroPoints), oneScale, shape.out),
                           integersOf<std::int32_t>(groupIndex)},
                          shape);
    CompressedTensors tensors{
        integersOf<std::uint32_t>(codes), std::move(factors), {}, integersOf<std::int32_t>(groupIndex)};
    if (!oneScale) {
        tensors.zeroPoint = integersOf<std::uint32_t>(zeroPoints);
        return unpackCompressed(tensors, shape);
    }
    auto matrix = unpackCompressed(tensors, shape); // the zero point of a whole tensor is not packed
    if (!matrix || !zeroPoints) return matrix;
    const auto zero =
        static_cast<std::uint8_t>(integersOf<std::int8_t>(zeroPoints).front() + (1 << (shape.bits - 1)));
    std::fill(matrix->zeros.begin(), matrix->zeros.end(), zero);
    matrix->symmetric = symmetric;
    return matrix;
}

Outcome<QuantizedMatrix> StoredQuant::read() const {
    auto unpacked = readAll();
    if (!unpacked) return unpacked.error().in(codes.file + ": \"" + codes.name + "\"");
    return someRows(*std::move(unpacked), firstRow, rows);
}

std::string StoredQuant::text() const {
    return std::string(storedFormatName(format)) + ", " + std::to_string(shape.bits) + " bits, "
           + (oneScale              ? std::string("one scale")
              : shape.groupSize > 0 ? "groups of " + formatCount(shape.groupSize)
                                    : "whole rows")
           + ", " + (symmetric ? "symmetric" : "asymmetric") + (actOrder ? ", act-order" : "");
}

} // namespace qroar
