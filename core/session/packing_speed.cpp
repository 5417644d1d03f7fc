#include "core/session/packing_speed.h"

#include "core/base/stopwatch.h"
#include "core/session/chunk_codec.h"

#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qroar {

namespace {

/// Histograms [histograms, bins] of normally distributed values in 40 logarithmic bins an octave, of some
/// thousand samples each, which scatter; far below the most frequent magnitude there are single ones.
std::vector<std::uint32_t> typicalCounts(std::size_t histograms, std::size_t bins) {
    constexpr double binsPerOctave = 40, most = 150;
    std::vector<std::uint32_t> counts(histograms * bins);
    std::uint32_t random = 1;
    const auto uniform = [&random] {
        random = random * 1664525U + 1013904223U;
        return static_cast<double>(random >> 8) / 16777216.0;
    };
    for (std::size_t at = 0; at < counts.size(); ++at) {
        const double octaves =
            (static_cast<double>(at % bins) - static_cast<double>(bins) * 0.9) / binsPerOctave;
        const double expected = most * std::exp2(octaves) * std::exp(0.5 - std::exp2(2 * octaves) / 2);
        const double scatter = expected > 1 ? std::sqrt(3 * expected) * (2 * uniform() - 1) : 0;
        counts[at] = static_cast<std::uint32_t>(std::max(0.0, expected + scatter + uniform()));
    }
    return counts;
}

/// As HDF5's filter does: all first bytes, then all second ones, ...
void shuffle(const std::vector<std::uint32_t>& counts, std::vector<unsigned char>& planes) {
    planes.resize(counts.size() * sizeof(std::uint32_t));
    for (std::size_t byte = 0; byte < sizeof(std::uint32_t); ++byte)
        for (std::size_t at = 0; at < counts.size(); ++at)
            planes[byte * counts.size() + at] = static_cast<unsigned char>(counts[at] >> (8 * byte));
}

} // namespace

double packingSpeed() {
    const std::vector<std::uint32_t> counts = typicalCounts(256, 512);
    std::vector<unsigned char> planes, packed(compressBound(static_cast<uLong>(counts.size() * 4)));
    const double seconds = typicalSeconds([&] {
        shuffle(counts, planes);
        auto length = static_cast<uLongf>(packed.size());
        compress2(packed.data(), &length, planes.data(), static_cast<uLong>(planes.size()), h5::deflateLevel);
    });
    return static_cast<double>(planes.size()) / seconds;
}

} // namespace qroar
