#include "core/text/text_overlap.h"

#include <algorithm>
#include <array>

namespace qroar {

namespace {

constexpr std::size_t leastDifferent = 5;

/// Spreads the bits (the finalizer of splitmix64, Steele, Lea & Flood 2014).
std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

bool isVaried(std::span<const TokenId> window) {
    std::array<TokenId, leastDifferent> seen{};
    std::size_t different = 0;
    for (const TokenId token : window) {
        const auto end = seen.begin() + static_cast<std::ptrdiff_t>(different);
        if (std::find(seen.begin(), end, token) != end) continue;
        seen[different++] = token;
        if (different == leastDifferent) return true;
    }
    return false;
}

/// Calls use(hash) for every window that is kept, in order. The polynomial hash (Karp & Rabin 1987) rolls
/// modulo 2^64.
template<class Use>
void forKeptWindows(std::span<const TokenId> tokens, Use use) {
    constexpr std::uint64_t base = 0x9E3779B97F4A7C15u | 1;
    if (tokens.size() < overlapWindow) return;
    std::uint64_t leaving = 1; // base^(window - 1)
    for (std::size_t power = 1; power < overlapWindow; ++power) leaving *= base;
    const auto value = [&tokens](std::size_t at) {
        return mixed(static_cast<std::uint64_t>(tokens[at]) + 1);
    };
    std::uint64_t rolling = 0;
    for (std::size_t end = 0; end < tokens.size(); ++end) {
        if (end >= overlapWindow) rolling -= leaving * value(end - overlapWindow);
        rolling = rolling * base + value(end);
        if (end + 1 < overlapWindow) continue;
        const std::uint64_t hash = mixed(rolling);
        if (hash % overlapKept == 0 && isVaried(tokens.subspan(end + 1 - overlapWindow, overlapWindow)))
            use(hash);
    }
}

} // namespace

std::vector<std::uint64_t> textSketch(std::span<const TokenId> tokens) {
    std::vector<std::uint64_t> sketch;
    forKeptWindows(tokens, [&sketch](std::uint64_t hash) { sketch.push_back(hash); });
    std::sort(sketch.begin(), sketch.end());
    sketch.erase(std::unique(sketch.begin(), sketch.end()), sketch.end());
    return sketch;
}

double sharedShare(std::span<const TokenId> tokens,
                   const std::vector<std::span<const std::uint64_t>>& sketches) {
    long long windows = 0, shared = 0;
    forKeptWindows(tokens, [&](std::uint64_t hash) {
        ++windows;
        shared += std::any_of(sketches.begin(), sketches.end(), [hash](const auto& sketch) {
            return std::binary_search(sketch.begin(), sketch.end(), hash);
        });
    });
    return windows > 0 ? static_cast<double>(shared) / static_cast<double>(windows) : 0;
}

} // namespace qroar
