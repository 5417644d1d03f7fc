#include "core/capture/log_histogram.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

std::uint32_t saturated(std::uint64_t count) {
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

} // namespace

double LogHistogram::binLower(int bin) {
    if (bin <= 0) return 0;
    const int octave = (bin - 1) / binsPerOctave, within = (bin - 1) % binsPerOctave;
    const double mantissa =
        1 + static_cast<double>(logbins::edges[static_cast<std::size_t>(within)]) / logbins::mantissaSteps;
    return std::ldexp(mantissa, minExponent + octave);
}

double pointInBin(int bin, double fraction) {
    const double lower = LogHistogram::binLower(bin), upper = LogHistogram::binUpper(bin);
    if (bin == 0) return fraction * upper;
    return lower * std::pow(upper / lower, fraction);
}

double fractionOfBin(int bin, double value) {
    const double lower = LogHistogram::binLower(bin), upper = LogHistogram::binUpper(bin);
    if (value <= lower) return 0;
    if (value >= upper) return 1;
    return bin == 0 ? value / upper : std::log(value / lower) / std::log(upper / lower);
}

/// Makes [from, to) part of the stored stretch.
void LogHistogram::cover(int from, int to) {
    if (counts_.empty()) {
        first_ = from;
        counts_.assign(static_cast<std::size_t>(to - from), 0);
        return;
    }
    if (from < first_) {
        counts_.insert(counts_.begin(), static_cast<std::size_t>(first_ - from), 0);
        first_ = from;
    }
    if (to > first_ + static_cast<int>(counts_.size()))
        counts_.resize(static_cast<std::size_t>(to - first_), 0);
}

void LogHistogram::addCount(int bin, std::uint64_t count) {
    assert(bin >= 0 && bin < binCount);
    if (count == 0) return;
    cover(bin, bin + 1);
    std::uint32_t& mine = counts_[static_cast<std::size_t>(bin - first_)];
    mine = saturated(mine + std::min<std::uint64_t>(count, std::numeric_limits<std::uint32_t>::max()));
}

void LogHistogram::addStretch(int firstBin, std::span<const std::uint32_t> counts) {
    assert(counts.empty() || (firstBin >= 0 && firstBin + static_cast<int>(counts.size()) <= binCount));
    std::size_t begin = 0, end = counts.size();
    while (begin < end && counts[begin] == 0) ++begin;
    while (end > begin && counts[end - 1] == 0) --end;
    if (begin == end) return;
    const int from = firstBin + static_cast<int>(begin);
    const std::size_t length = end - begin;
    cover(from, from + static_cast<int>(length));
    std::uint32_t* mine = counts_.data() + (from - first_);
    const std::uint32_t* theirs = counts.data() + begin;
    for (std::size_t bin = 0; bin < length; ++bin) {
        const std::uint32_t sum = mine[bin] + theirs[bin];
        mine[bin] = sum < theirs[bin] ? std::numeric_limits<std::uint32_t>::max() : sum;
    }
}

std::uint64_t LogHistogram::total() const {
    std::uint64_t sum = 0;
    for (const std::uint32_t count : counts_) sum += count;
    return sum;
}

std::uint64_t LogHistogram::countAt(int bin) const {
    const int at = bin - first_;
    return at >= 0 && at < static_cast<int>(counts_.size()) ? counts_[static_cast<std::size_t>(at)] : 0;
}

double LogHistogram::quantile(double p) const {
    const std::uint64_t all = total();
    if (all == 0 || std::isnan(p)) return std::numeric_limits<double>::quiet_NaN();
    // p * total, less the rounding of the product, so that 0.999 of 1,000 samples is the 999th
    const double mass = std::clamp(p, 0.0, 1.0) * static_cast<double>(all) * (1 - 1e-15);
    const double rank = std::max(1.0, std::ceil(mass)); // 1 = the smallest sample
    std::uint64_t below = 0;
    for (std::size_t at = 0; at < counts_.size(); ++at) {
        const std::uint64_t count = counts_[at];
        if (count > 0 && static_cast<double>(below + count) >= rank) {
            const double inside = (mass - static_cast<double>(below)) / static_cast<double>(count);
            return pointInBin(first_ + static_cast<int>(at), std::clamp(inside, 0.0, 1.0));
        }
        below += count;
    }
    return binUpper(first_ + static_cast<int>(counts_.size()) - 1); // p = 1 beyond 2^53 samples
}

double LogHistogram::tailMass(double value) const {
    const std::uint64_t all = total();
    if (all == 0 || std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
    const int split = binOf(static_cast<float>(std::clamp(value, 0.0, binLower(binCount))));
    double above = 0;
    for (std::size_t at = 0; at < counts_.size(); ++at)
        if (first_ + static_cast<int>(at) > split) above += counts_[at];
    above += static_cast<double>(countAt(split)) * (1 - fractionOfBin(split, value));
    return above / static_cast<double>(all);
}

LogHistogram LogHistogram::fromCounts(int firstBin, std::vector<std::uint32_t> counts) {
    LogHistogram histogram;
    const auto size = static_cast<long long>(counts.size());
    const long long drop = std::min(size, std::max(0LL, -static_cast<long long>(firstBin)));
    const long long keep = std::min(size, static_cast<long long>(binCount) - firstBin);
    if (keep <= drop) return histogram;
    histogram.addStretch(
        static_cast<int>(firstBin + drop),
        std::span(counts).subspan(static_cast<std::size_t>(drop), static_cast<std::size_t>(keep - drop)));
    return histogram;
}

} // namespace qroar
