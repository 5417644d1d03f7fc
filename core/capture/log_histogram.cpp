#include "core/capture/log_histogram.h"

#include <algorithm>
#include <atomic>
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

/// Makes [from, to) part of the stored stretch and the stretch this histogram's own; returns the count of
/// bin `from`, to be changed.
std::uint32_t* LogHistogram::cover(int from, int to) {
    const int first = empty() ? from : std::min(from, first_);
    const int end = empty() ? to : std::max(to, first_ + static_cast<int>(size_));
    const auto size = static_cast<std::uint32_t>(end - first);
    if (size == size_ && counts_.use_count() == 1) {
        std::atomic_thread_fence(std::memory_order_acquire); // who shared them has read them
    } else {
        auto grown = std::make_shared<std::uint32_t[]>(size); // zeros
        if (!empty()) std::copy_n(counts_.get(), size_, grown.get() + (first_ - first));
        counts_ = std::move(grown);
        size_ = size;
    }
    first_ = first;
    return counts_.get() + (from - first);
}

void LogHistogram::addCount(int bin, std::uint64_t count) {
    assert(bin >= 0 && bin < binCount);
    if (count == 0) return;
    std::uint32_t& mine = *cover(bin, bin + 1);
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
    std::uint32_t* mine = cover(from, from + static_cast<int>(length));
    const std::uint32_t* theirs = counts.data() + begin;
    for (std::size_t bin = 0; bin < length; ++bin) {
        const std::uint32_t sum = mine[bin] + theirs[bin];
        mine[bin] = sum < theirs[bin] ? std::numeric_limits<std::uint32_t>::max() : sum;
    }
}

std::uint64_t LogHistogram::total() const {
    std::uint64_t sum = 0;
    for (const std::uint32_t count : counts()) sum += count;
    return sum;
}

std::uint64_t LogHistogram::countAt(int bin) const {
    const int at = bin - first_;
    return at >= 0 && at < static_cast<int>(size_) ? counts_[static_cast<std::size_t>(at)] : 0;
}

double LogHistogram::quantile(double p) const {
    const std::uint64_t all = total();
    if (all == 0 || std::isnan(p)) return std::numeric_limits<double>::quiet_NaN();
    // p * total, less the rounding of the product, so that 0.999 of 1,000 samples is the 999th
    const double mass = std::clamp(p, 0.0, 1.0) * static_cast<double>(all) * (1 - 1e-15);
    const double rank = std::max(1.0, std::ceil(mass)); // 1 = the smallest sample
    std::uint64_t below = 0;
    for (std::size_t at = 0; at < size_; ++at) {
        const std::uint64_t count = counts_[at];
        if (count > 0 && static_cast<double>(below + count) >= rank) {
            const double inside = (mass - static_cast<double>(below)) / static_cast<double>(count);
            return pointInBin(first_ + static_cast<int>(at), std::clamp(inside, 0.0, 1.0));
        }
        below += count;
    }
    return binUpper(first_ + static_cast<int>(size_) - 1); // p = 1 beyond 2^53 samples
}

double LogHistogram::tailMass(double value) const {
    const std::uint64_t all = total();
    if (all == 0 || std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
    const int split = binOf(static_cast<float>(std::clamp(value, 0.0, binLower(binCount))));
    double above = 0;
    for (std::size_t at = 0; at < size_; ++at)
        if (first_ + static_cast<int>(at) > split) above += counts_[at];
    above += static_cast<double>(countAt(split)) * (1 - fractionOfBin(split, value));
    return above / static_cast<double>(all);
}

LogHistogram LogHistogram::fromCounts(int firstBin, std::span<const std::uint32_t> counts) {
    LogHistogram histogram;
    const auto size = static_cast<long long>(counts.size());
    const long long drop = std::min(size, std::max(0LL, -static_cast<long long>(firstBin)));
    const long long keep = std::min(size, static_cast<long long>(binCount) - firstBin);
    if (keep <= drop) return histogram;
    histogram.addStretch(
        static_cast<int>(firstBin + drop),
        counts.subspan(static_cast<std::size_t>(drop), static_cast<std::size_t>(keep - drop)));
    return histogram;
}

LogHistogram LogHistogram::sharing(int firstBin, std::shared_ptr<std::uint32_t[]> counts, std::size_t size) {
    const bool inside =
        firstBin >= 0 && firstBin <= binCount && size <= static_cast<std::size_t>(binCount - firstBin);
    if (size == 0 || !inside || counts[0] == 0 || counts[static_cast<std::ptrdiff_t>(size) - 1] == 0)
        return fromCounts(firstBin, std::span<const std::uint32_t>(counts.get(), size));
    LogHistogram histogram;
    histogram.first_ = firstBin;
    histogram.size_ = static_cast<std::uint32_t>(size);
    histogram.counts_ = std::move(counts);
    return histogram;
}

} // namespace qroar
