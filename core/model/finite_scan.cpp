#include "core/model/finite_scan.h"

#include "core/base/float8.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace qroar {

namespace {

/// A piece of a tensor small enough to share the work evenly.
struct Tile {
    std::size_t tensor = 0;
    long long first = 0, count = 0;
};
constexpr long long tileElements = 1 << 18;
/// Below this many elements one thread is done sooner than others wake up.
constexpr long long parallelFrom = 1 << 20;

/// Whether an exponent of all ones (NaN or infinity) is among `count` values of type Bits.
template<class Bits>
bool anyNonFinite(const std::byte* source, long long count, Bits exponent) {
    constexpr long long block = 1024;
    for (long long start = 0; start < count; start += block) {
        const long long n = std::min(block, count - start);
        unsigned found = 0;
        const std::byte* at = source + static_cast<std::size_t>(start) * sizeof(Bits);
#pragma omp simd reduction(| : found)
        for (long long element = 0; element < n; ++element) {
            Bits bits;
            std::memcpy(&bits, at + static_cast<std::size_t>(element) * sizeof(Bits), sizeof(Bits));
            found |= static_cast<unsigned>((bits & exponent) == exponent);
        }
        if (found) return true;
    }
    return false;
}

/// Of ggml blocks the F16 factors decide: a finite one times codes is finite.
bool anyNonFiniteBlock(const TensorView& tensor, long long first, long long count) {
    const auto factors = blockFactorOffsets(static_cast<GgmlType>(tensor.block->id));
    const long long elements = tensor.block->blockElements, last = (first + count - 1) / elements;
    for (long long block = first / elements; block <= last; ++block) {
        const std::byte* at = tensor.data + static_cast<std::size_t>(block) * tensor.block->blockBytes;
        for (const std::size_t offset : factors)
            if (anyNonFinite<std::uint16_t>(at + offset, 1, 0x7C00u)) return true;
    }
    return false;
}

/// Of FP8 only a code can be bad: the scales are tensors of their own.
bool anyNanE4m3(const std::byte* source, long long count) {
    unsigned found = 0;
#pragma omp simd reduction(| : found)
    for (long long element = 0; element < count; ++element)
        found |= static_cast<unsigned>(isNanE4m3(static_cast<std::uint8_t>(source[element])));
    return found != 0;
}

bool anyNonFinite(const TensorView& tensor, long long first, long long count) {
    if (tensor.isScaled()) return tensor.type == DType::F8E4M3 && anyNanE4m3(tensor.data + first, count);
    if (tensor.isBlocked()) return anyNonFiniteBlock(tensor, first, count);
    const std::byte* source = tensor.data + static_cast<std::size_t>(first) * (dtypeBits(tensor.type) / 8);
    switch (tensor.type) {
    case DType::F32:
        return anyNonFinite<std::uint32_t>(source, count, 0x7F800000u);
    case DType::F16:
        return anyNonFinite<std::uint16_t>(source, count, 0x7C00u);
    case DType::BF16:
        return anyNonFinite<std::uint16_t>(source, count, 0x7F80u);
    default:
        return false;
    }
}

} // namespace

std::optional<NonFinite> findNonFinite(const std::vector<const TensorView*>& tensors) {
    std::vector<Tile> tiles;
    long long total = 0;
    for (std::size_t tensor = 0; tensor < tensors.size(); ++tensor) {
        if (!tensors[tensor]->isReadable()) continue;
        const long long elements = tensors[tensor]->count();
        total += elements;
        for (long long first = 0; first < elements; first += tileElements)
            tiles.push_back({tensor, first, std::min(tileElements, elements - first)});
    }
    const auto tileCount = static_cast<long long>(tiles.size());
    long long firstBad = std::numeric_limits<long long>::max();
#pragma omp parallel for schedule(dynamic) reduction(min : firstBad) if (total >= parallelFrom)
    for (long long tile = 0; tile < tileCount; ++tile) {
        const Tile& piece = tiles[static_cast<std::size_t>(tile)];
        if (tile < firstBad && anyNonFinite(*tensors[piece.tensor], piece.first, piece.count))
            firstBad = tile;
    }
    if (firstBad >= tileCount) return std::nullopt;

    const Tile& piece = tiles[static_cast<std::size_t>(firstBad)];
    const TensorView& tensor = *tensors[piece.tensor];
    long long element = piece.first;
    while (!anyNonFinite(tensor, element, 1)) ++element;
    float value = 0;
    tensor.toFloat(&value, element, 1);
    return NonFinite{piece.tensor, element, value != value};
}

NonFiniteCount countNonFinite(const TensorView& tensor) {
    NonFiniteCount found;
    if (!tensor.isReadable()) return found;
    std::vector<float> values(static_cast<std::size_t>(std::min(tileElements, tensor.count())));
    for (long long first = 0; first < tensor.count(); first += tileElements) {
        const long long count = std::min(tileElements, tensor.count() - first);
        if (!anyNonFinite(tensor, first, count)) continue;
        tensor.toFloat(values.data(), first, count);
        for (long long element = 0; element < count; ++element) {
            const float value = values[static_cast<std::size_t>(element)];
            if (std::isnan(value)) ++found.nan;
            if (std::isinf(value)) ++found.infinite;
        }
    }
    return found;
}

} // namespace qroar
