// LogHistogram: a mergeable log-spaced histogram of magnitudes, 40 bins an octave from 2^-8 to 2^16, so that
// any quantile is within 1.75 % of exact (ours; the bound holds for every distribution inside the range). Bin
// 0 holds all below the range, zero included; the last bin all above. Only the occupied stretch of bins is
// stored.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace qroar {

class LogHistogram {
  public:
    static constexpr int binsPerOctave = 40;
    static constexpr int minExponent = -8, maxExponent = 16;
    static constexpr int binCount = (maxExponent - minExponent) * binsPerOctave + 2;

    /// Bin of |value|; NaN and infinity go to the last bin.
    static int binOf(float value);
    /// Lower edge of a bin (0 for bin 0); binLower(binCount) is the upper edge of the range's last regular
    /// bin x 1 bin.
    static double binLower(int bin);
    static double binUpper(int bin) { return binLower(bin + 1); }

    void add(float value) { addCount(binOf(value), 1); }
    void addCount(int bin, std::uint64_t count);
    /// Adds counts[b] to bin b for all b in [0, binCount).
    void addDense(std::span<const std::uint32_t> counts);
    void merge(const LogHistogram& other);

    [[nodiscard]] bool empty() const { return counts_.empty(); }
    [[nodiscard]] std::uint64_t total() const;
    [[nodiscard]] int firstBin() const { return first_; } ///< of the stored stretch
    [[nodiscard]] std::span<const std::uint32_t> counts() const { return counts_; }
    [[nodiscard]] std::uint64_t countAt(int bin) const;
    /// The smallest v with at least p of the mass at or below it, interpolated in ln v inside the bin; NaN
    /// when empty.
    [[nodiscard]] double quantile(double p) const;
    /// Share of the mass strictly above `value`'s bin plus the interpolated part of it.
    [[nodiscard]] double tailMass(double value) const;
    bool operator==(const LogHistogram&) const = default;
    /// For readers of stored sessions.
    static LogHistogram fromCounts(int firstBin, std::vector<std::uint32_t> counts);

  private:
    int first_ = 0;
    std::vector<std::uint32_t> counts_; ///< saturates at 2^32 - 1
};

} // namespace qroar
