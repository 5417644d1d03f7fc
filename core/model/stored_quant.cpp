#include "core/model/stored_quant.h"

#include "core/base/strings.h"

#include <cstring>

namespace qroar {

namespace {

/// The elements of a tensor of 4-byte integers; empty for a tensor that is not there.
template<class Integer>
std::vector<Integer> integersOf(const TensorView& tensor) {
    static_assert(sizeof(Integer) == 4);
    std::vector<Integer> values(tensor ? tensor.bytes / sizeof(Integer) : 0);
    if (!values.empty()) std::memcpy(values.data(), tensor.data, values.size() * sizeof(Integer));
    return values;
}

} // namespace

const char* storedFormatName(StoredFormat format) {
    static const char* const names[] = {"AWQ GEMM", "GPTQ", "compressed-tensors pack-quantized"};
    return names[static_cast<int>(format)];
}

std::ptrdiff_t StoredQuant::groups() const {
    return static_cast<std::ptrdiff_t>(scales.shape.at(format == StoredFormat::CompressedPack ? 1 : 0));
}

std::ptrdiff_t StoredQuant::scaleElement(std::ptrdiff_t row, std::ptrdiff_t group) const {
    return format == StoredFormat::CompressedPack ? row * groups() + group : group * shape.out + row;
}

Outcome<QuantizedMatrix> StoredQuant::read() const {
    auto unpacked = [this]() -> Outcome<QuantizedMatrix> {
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
            break;
        }
        return unpackCompressed({integersOf<std::uint32_t>(codes), scales.toFloat(),
                                 integersOf<std::uint32_t>(zeroPoints), integersOf<std::int32_t>(groupIndex)},
                                shape);
    }();
    if (!unpacked) return unpacked.error().in(codes.file + ": \"" + codes.name + "\"");
    return unpacked;
}

std::string StoredQuant::text() const {
    return std::string(storedFormatName(format)) + ", " + std::to_string(shape.bits) + " bits, "
           + (shape.groupSize > 0 ? "groups of " + formatCount(shape.groupSize) : "whole rows") + ", "
           + (symmetric ? "symmetric" : "asymmetric") + (actOrder ? ", act-order" : "");
}

} // namespace qroar
