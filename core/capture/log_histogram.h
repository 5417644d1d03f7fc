// LogHistogram: a mergeable log-spaced histogram of magnitudes, 40 bins an octave from 2^-14 to 2^16, so that
// any quantile is within 1.78 % of the exact order statistic (ours; the bound is the widest bin and holds for
// every distribution inside the range; below the range the error is at most 2^-14 absolute). Bin 0 holds all
// below the range, zero included; the last bin all above. Only the occupied stretch of bins is stored. Not
// here: which values are counted (qk_statistics.h).
//
// Bin edges are defined by a table over the top 11 bits of the mantissa: bin k of an octave starts at
// 1 + round(2048 (2^(k/40) - 1)) / 2048, so binOf() is integer arithmetic and agrees with binLower() for
// every float.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <utility>

namespace qroar {

namespace logbins {

inline constexpr int binsPerOctave = 40;
inline constexpr int mantissaBits = 11;                     ///< that decide the bin inside an octave
inline constexpr int mantissaSteps = 1 << mantissaBits;     ///< 2048
inline constexpr int droppedBits = 23 - mantissaBits;       ///< of the float's mantissa
inline constexpr std::uint32_t magnitudeMask = 0x7fffffffU; ///< a float's bits without its sign

/// [41] first mantissa step of every bin of an octave; the last entry is the next octave.
constexpr std::array<int, binsPerOctave + 1> makeEdges() {
    constexpr double ratio = 1.0174796921026863; // 2^(1/40)
    std::array<int, binsPerOctave + 1> edges{};
    double edge = 1;
    for (int& step : edges) {
        step = static_cast<int>(mantissaSteps * (edge - 1) + 0.5);
        edge *= ratio;
    }
    return edges;
}
inline constexpr std::array<int, binsPerOctave + 1> edges = makeEdges();

/// [2048] bin inside the octave of every mantissa step.
constexpr std::array<std::uint8_t, mantissaSteps> makeTable() {
    std::array<std::uint8_t, mantissaSteps> table{};
    int bin = 0;
    for (int step = 0; step < mantissaSteps; ++step) {
        while (edges[static_cast<std::size_t>(bin) + 1] <= step) ++bin;
        table[static_cast<std::size_t>(step)] = static_cast<std::uint8_t>(bin);
    }
    return table;
}
inline constexpr std::array<std::uint8_t, mantissaSteps> table = makeTable();

} // namespace logbins

class LogHistogram {
  public:
    LogHistogram() = default;
    LogHistogram(const LogHistogram&) = default;
    LogHistogram& operator=(const LogHistogram&) = default;
    LogHistogram(LogHistogram&& other) noexcept { *this = std::move(other); }
    LogHistogram& operator=(LogHistogram&& other) noexcept {
        first_ = std::exchange(other.first_, 0);
        size_ = std::exchange(other.size_, 0);
        counts_ = std::move(other.counts_);
        return *this;
    }
    ~LogHistogram() = default;

    static constexpr int binsPerOctave = logbins::binsPerOctave;
    static constexpr int minExponent = -14, maxExponent = 16;
    static constexpr int binCount = (maxExponent - minExponent) * binsPerOctave + 2;
    static_assert((maxExponent - minExponent + 1) << 11 < 1 << 16,
                  "steps are kept in 16 bits while they are counted");

    /// Bin of |value|; NaN and infinity go to the last bin.
    static int binOf(float value) {
        return binOfBits(std::bit_cast<std::uint32_t>(value) & logbins::magnitudeMask);
    }
    /// The same from the bits of |value|; rising in them, so that a range of magnitudes is a range of bins.
    static int binOfBits(std::uint32_t magnitude) { return binOfStep(stepOf(magnitude)); }
    /// Lower edge of a bin (0 for bin 0), a float exactly; binLower(binCount) is one more bin above the
    /// range: what stands for the upper edge of the last bin, which has none.
    static double binLower(int bin);
    static double binUpper(int bin) { return binLower(bin + 1); }

    /// binOf in two halves, for loops the compiler can vectorise: the first is arithmetic, the second a table
    /// look-up. A step is (octave + 1) * 2048 + the top bits of the mantissa, clamped to the range.
    static std::uint32_t stepOf(std::uint32_t magnitude) {
        return (std::clamp(magnitude, lowestBits, highestBits) >> logbins::droppedBits) - stepOrigin;
    }
    static int binOfStep(std::uint32_t step) {
        return static_cast<int>(step >> logbins::mantissaBits) * binsPerOctave
               + logbins::table[step & (logbins::mantissaSteps - 1)] - (binsPerOctave - 1);
    }

    void add(float value) { addCount(binOf(value), 1); }
    void addCount(int bin, std::uint64_t count);
    /// Adds counts[b] to bin b for all b in [0, binCount).
    void addDense(std::span<const std::uint32_t> counts) { addStretch(0, counts); }
    /// Adds counts[n] to bin firstBin + n; the stretch must lie inside [0, binCount).
    void addStretch(int firstBin, std::span<const std::uint32_t> counts);
    void merge(const LogHistogram& other) { addStretch(other.first_, other.counts()); }

    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] std::uint64_t total() const;
    [[nodiscard]] int firstBin() const { return first_; } ///< of the stored stretch
    /// The stored stretch; its first and last count are not 0.
    [[nodiscard]] std::span<const std::uint32_t> counts() const { return {counts_.get(), size_}; }
    [[nodiscard]] std::uint64_t countAt(int bin) const;
    /// The smallest v with at least p of the mass at or below it, interpolated in ln v inside the bin
    /// (linearly in bin 0); p is clamped to 0..1; NaN when empty. In the last bin: between 2^16 and one more
    /// bin, a lower bound.
    [[nodiscard]] double quantile(double p) const;
    /// Share of the mass strictly above `value`'s bin plus the interpolated part of it; NaN when empty.
    [[nodiscard]] double tailMass(double value) const;
    bool operator==(const LogHistogram& other) const {
        return first_ == other.first_ && std::ranges::equal(counts(), other.counts());
    }
    /// Bins outside [0, binCount) are dropped, zeros at the ends trimmed.
    static LogHistogram fromCounts(int firstBin, std::span<const std::uint32_t> counts);
    static LogHistogram fromCounts(int firstBin, std::initializer_list<std::uint32_t> counts) {
        return fromCounts(firstBin, std::span(counts.begin(), counts.size()));
    }
    /// For readers of stored sessions: the same of counts[0 .. size), which may lie anywhere in an array of
    /// many histograms. They are kept, not copied, where nothing is to be dropped or trimmed.
    static LogHistogram sharing(int firstBin, std::shared_ptr<std::uint32_t[]> counts, std::size_t size);

  private:
    static constexpr std::uint32_t exponentBias = 127;
    /// Just below the range: the last step of the octave before it, which the table sends to bin 0.
    static constexpr std::uint32_t lowestBits = ((exponentBias + minExponent) << 23) - 1;
    static constexpr std::uint32_t highestBits = (exponentBias + maxExponent) << 23;
    static constexpr std::uint32_t stepOrigin = (exponentBias + minExponent - 1) << logbins::mantissaBits;

    std::uint32_t* cover(int from, int to);

    int first_ = 0;
    std::uint32_t size_ = 0; ///< of the stored stretch
    /// [size_]; saturate at 2^32 - 1. Copies share them until one of them changes, and a session's many small
    /// histograms are parts of one array: a million allocations are what opening and closing it would cost.
    std::shared_ptr<std::uint32_t[]> counts_;
};

/// A point `fraction` (0..1) of the way through bin `bin`: logarithmic, linear in bin 0.
double pointInBin(int bin, double fraction);
/// The inverse: which fraction of bin `bin` lies at or below `value`, 0..1.
double fractionOfBin(int bin, double value);

} // namespace qroar
