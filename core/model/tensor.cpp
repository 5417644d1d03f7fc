#include "core/model/tensor.h"

#include "core/base/float8.h"
#include "core/base/half.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>

namespace qroar {

namespace {
struct DTypeFacts {
    const char* name;
    std::size_t bits;
};
/// In the order of the enum.
constexpr DTypeFacts dtypeFacts[] = {{"F64", 64},  {"F32", 32}, {"F16", 16}, {"BF16", 16},   {"I64", 64},
                                     {"I32", 32},  {"I16", 16}, {"I8", 8},   {"U64", 64},    {"U32", 32},
                                     {"U16", 16},  {"U8", 8},   {"BOOL", 8}, {"F8_E4M3", 8}, {"F8_E5M2", 8},
                                     {"block", 0}, {"other", 0}};
static_assert(std::size(dtypeFacts) == static_cast<std::size_t>(DType::Other) + 1);
} // namespace

const char* dtypeName(DType type) {
    return dtypeFacts[static_cast<std::size_t>(type)].name;
}

std::size_t dtypeBits(DType type) {
    return dtypeFacts[static_cast<std::size_t>(type)].bits;
}

long long TensorView::count() const {
    long long product = 1;
    for (const long long extent : shape) product *= extent;
    return product;
}

void TensorView::toFloat(float* target, long long first, long long n) const {
    assert(isReadable() && data && first >= 0 && n >= 0 && first + n <= count());
    if (isBlocked()) return blocksToFloat(target, first, n);
    if (isScaled()) return scaledToFloat(target, first, n);
    const auto amount = static_cast<std::size_t>(n);
    const std::byte* source = data + static_cast<std::size_t>(first) * (dtypeBits(type) / 8);
    switch (type) {
    case DType::F32:
        if (amount > 0) std::memcpy(target, source, amount * sizeof(float));
        return;
    case DType::F16:
        f16ToFloat(source, target, amount);
        return;
    case DType::BF16:
        bf16ToFloat(source, target, amount);
        return;
    default:
        return;
    }
}

/// Whole blocks straight to the target, the cut ones at both ends by way of a block on the stack.
void TensorView::blocksToFloat(float* target, long long first, long long n) const {
    const auto blockType = static_cast<GgmlType>(block->id);
    const auto bytesOf = static_cast<std::size_t>(block->blockBytes);
    float cut[256];
    while (n > 0) {
        const long long at = first / block->blockElements, within = first % block->blockElements;
        const std::byte* source = data + static_cast<std::size_t>(at) * bytesOf;
        long long done = n / block->blockElements * block->blockElements;
        if (within == 0 && done > 0) {
            dequantizeBlocks(blockType, source, target,
                             static_cast<std::size_t>(done / block->blockElements));
        } else {
            dequantizeBlocks(blockType, source, cut, 1);
            done = std::min<long long>(n, block->blockElements - within);
            std::copy_n(cut + within, done, target);
        }
        target += done;
        first += done;
        n -= done;
    }
}

/// code * scale, one rounding to float.
void TensorView::scaledToFloat(float* target, long long first, long long n) const {
    const long long width = shape.at(1);
    const auto* codes = reinterpret_cast<const std::uint8_t*>(data);
    const bool integers = type == DType::I8;
    const std::array<float, 256>& values = e4m3Values();
    for (long long at = first; at < first + n;) {
        const long long row = at / width, begin = at % width;
        const long long end = std::min(width, begin + first + n - at);
        const float* scales =
            scaleGrid->values.data() + (gridRow + row) / scaleGrid->blockRows * scaleGrid->gridCols;
        for (long long column = begin; column < end; ++column) {
            const std::uint8_t code = codes[row * width + column];
            const float number = integers ? static_cast<float>(static_cast<std::int8_t>(code)) : values[code];
            *target++ = number * scales[column / scaleGrid->blockCols];
        }
        at += end - begin;
    }
}

std::string ScaleGrid::text() const {
    const auto count = static_cast<long long>(values.size());
    if (count == 1) return "one scale";
    if (gridCols == 1 && isPerRow()) return "a scale a row";
    return "blocks of " + std::to_string(blockRows) + " x " + std::to_string(blockCols);
}

const char* TensorView::typeName() const {
    return block ? block->name : dtypeName(type);
}

std::vector<float> TensorView::toFloat() const {
    const long long elements = count();
    std::vector<float> values(static_cast<std::size_t>(elements));
    toFloat(values.data(), 0, elements);
    return values;
}

TensorView rowsOf(const TensorView& tensor, long long first, long long rows) {
    TensorView part = tensor;
    const auto rowBytes = tensor.bytes / static_cast<std::size_t>(std::max(1LL, tensor.shape[0]));
    part.shape[0] = rows;
    part.data += static_cast<std::size_t>(first) * rowBytes;
    part.offset += static_cast<std::size_t>(first) * rowBytes;
    part.bytes = static_cast<std::size_t>(rows) * rowBytes;
    part.gridRow += first;
    return part;
}

} // namespace qroar
