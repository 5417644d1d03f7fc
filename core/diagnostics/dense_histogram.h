// DenseHistogram: the working form of LogHistogram while histograms of many cells are pooled: all bins,
// 64-bit counts (a pooled band of a long run may exceed 2^32). Internal to core/diagnostics; not for storage.
#pragma once

#include "core/capture/log_histogram.h"

#include <array>

namespace qroar {

class DenseHistogram {
  public:
    void add(const LogHistogram& histogram);
    /// counts[n] to bin firstBin + n; the stretch must lie inside [0, binCount).
    void add(int firstBin, std::span<const std::uint64_t> counts);
    [[nodiscard]] std::uint64_t total() const { return total_; }
    [[nodiscard]] int firstBin() const { return first_; } ///< of the occupied stretch
    [[nodiscard]] int endBin() const { return end_; }     ///< one past its last bin
    [[nodiscard]] std::uint64_t countAt(int bin) const { return counts_[static_cast<std::size_t>(bin)]; }
    /// As LogHistogram::quantile.
    [[nodiscard]] double quantile(double p) const;
    /// As LogHistogram::tailMass.
    [[nodiscard]] double tailMass(double value) const;
    [[nodiscard]] LogHistogram compact() const; ///< saturates

  private:
    std::array<std::uint64_t, LogHistogram::binCount> counts_{};
    std::uint64_t total_ = 0;
    int first_ = LogHistogram::binCount, end_ = 0;
};

/// Where the top eps of a mass begins: all of the bins above `bin`, and `part` (0..1) of bin `bin` itself.
/// bin = -1 when there is no mass.
struct TailCut {
    int bin = -1;
    double part = 0;
    /// The quantile 1 - eps: the value at the cut, interpolated as LogHistogram::quantile does.
    [[nodiscard]] double value() const;
};

/// The cut of a mass of `total` samples; countOf(bin) gives the counts of the occupied stretch [first, end),
/// asked for from the top down, once each.
template<class CountOf>
TailCut cutTail(double total, int first, int end, double p, CountOf&& countOf) {
    if (!(total > 0)) return {};
    const double mass = std::clamp(p, 0.0, 1.0) * total * (1 - 1e-15); // see LogHistogram::quantile
    double upTo = total;                                               // samples in this bin and below it
    for (int bin = end - 1; bin >= first; --bin) {
        const double count = countOf(bin);
        const double below = upTo - count;
        // the sample of rank ceil(mass) (at least 1) is in this bin when it is not below it
        if (count > 0 && below < std::max(mass, 0.5))
            return {bin, 1 - std::clamp((mass - below) / count, 0.0, 1.0)};
        upTo = below;
    }
    return {};
}

/// The mass of `histogram` above a cut that may come from another one.
double massAbove(const DenseHistogram& histogram, const TailCut& cut);

} // namespace qroar
