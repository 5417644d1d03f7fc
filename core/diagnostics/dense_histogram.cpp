#include "core/diagnostics/dense_histogram.h"

#include <cmath>
#include <limits>
#include <vector>

namespace qroar {

void DenseHistogram::add(const LogHistogram& histogram) {
    if (histogram.empty()) return;
    const std::span<const std::uint32_t> source = histogram.counts();
    std::uint64_t* target = counts_.data() + histogram.firstBin();
    std::uint64_t sum = 0;
    for (std::size_t bin = 0; bin < source.size(); ++bin) {
        target[bin] += source[bin];
        sum += source[bin];
    }
    total_ += sum;
    first_ = std::min(first_, histogram.firstBin());
    end_ = std::max(end_, histogram.firstBin() + static_cast<int>(source.size()));
}

void DenseHistogram::add(int firstBin, std::span<const std::uint64_t> counts) {
    if (counts.empty()) return;
    std::uint64_t* target = counts_.data() + firstBin;
    for (std::size_t bin = 0; bin < counts.size(); ++bin) {
        target[bin] += counts[bin];
        total_ += counts[bin];
    }
    first_ = std::min(first_, firstBin);
    end_ = std::max(end_, firstBin + static_cast<int>(counts.size()));
}

double TailCut::value() const {
    return bin < 0 ? std::numeric_limits<double>::quiet_NaN() : pointInBin(bin, 1 - part);
}

double DenseHistogram::quantile(double p) const {
    if (std::isnan(p)) return p;
    return cutTail(static_cast<double>(total_), first_, end_, p,
                   [this](int bin) { return static_cast<double>(countAt(bin)); })
        .value();
}

double DenseHistogram::tailMass(double value) const {
    if (total_ == 0 || std::isnan(value)) return std::numeric_limits<double>::quiet_NaN();
    const double clamped = std::clamp(value, 0.0, LogHistogram::binLower(LogHistogram::binCount));
    const int bin = LogHistogram::binOf(static_cast<float>(clamped));
    return massAbove(*this, {bin, 1 - fractionOfBin(bin, value)}) / static_cast<double>(total_);
}

double massAbove(const DenseHistogram& histogram, const TailCut& cut) {
    if (cut.bin < 0) return 0;
    std::uint64_t above = 0;
    for (int bin = std::max(cut.bin + 1, histogram.firstBin()); bin < histogram.endBin(); ++bin)
        above += histogram.countAt(bin);
    return static_cast<double>(above) + cut.part * static_cast<double>(histogram.countAt(cut.bin));
}

LogHistogram DenseHistogram::compact() const {
    std::vector<std::uint32_t> counts;
    for (int bin = first_; bin < end_; ++bin)
        counts.push_back(static_cast<std::uint32_t>(
            std::min<std::uint64_t>(countAt(bin), std::numeric_limits<std::uint32_t>::max())));
    return LogHistogram::fromCounts(first_, counts);
}

} // namespace qroar
