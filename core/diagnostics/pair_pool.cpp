#include "core/diagnostics/pair_pool.h"

#include "core/diagnostics/band_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {
/// Long and short, before and after RoPE, of A and of B; a pool of 32 layers x 64 pairs takes a few MB.
constexpr std::size_t mostPools = 8;
} // namespace

PairPool::PairPool(const QkStatistics& statistics, QkTensor tensor, RopeStage stage, PositionRange positions)
    : layers_(statistics.shape().layers), pairs_(statistics.shape().pairs) {
    rows_.reserve(static_cast<std::size_t>(layers_) * static_cast<std::size_t>(pairs_));
    for (int layer = 0; layer < layers_; ++layer)
        for (int pair = 0; pair < pairs_; ++pair) {
            const TensorSlice slice{&statistics, layer, tensor, stage};
            DenseHistogram all;
            Row row;
            row.maximum = std::numeric_limits<double>::quiet_NaN();
            forEachCell(slice, pair, pair + 1, positions, [&](std::size_t cell, int, int) {
                all.add(statistics.histogram(cell));
                const PairMoments& moments = statistics.moments(cell);
                if (moments.count == 0) return;
                row.overflow = row.overflow || std::isnan(moments.maxAbs);
                row.maximum = std::fmax(row.maximum, moments.maxAbs);
            });
            row.firstBin = all.firstBin();
            row.bins = std::max(0, all.endBin() - all.firstBin());
            row.offset = counts_.size();
            for (int bin = row.firstBin; bin < row.firstBin + row.bins; ++bin)
                counts_.push_back(all.countAt(bin));
            rows_.push_back(row);
        }
}

template<class Visit>
void PairPool::forEachRow(int layer, int first, int end, Visit&& visit) const {
    if (layer < 0 || layer >= layers_) return;
    for (int pair = std::max(first, 0); pair < std::min(end, pairs_); ++pair)
        visit(rows_[static_cast<std::size_t>(layer) * static_cast<std::size_t>(pairs_)
                    + static_cast<std::size_t>(pair)]);
}

DenseHistogram PairPool::band(int layer, int first, int end) const {
    DenseHistogram pooled;
    forEachRow(layer, first, end, [&](const Row& row) {
        pooled.add(row.firstBin, std::span(counts_).subspan(row.offset, static_cast<std::size_t>(row.bins)));
    });
    return pooled;
}

double PairPool::maximum(int layer, int first, int end) const {
    double maximum = std::numeric_limits<double>::quiet_NaN();
    bool overflow = false;
    forEachRow(layer, first, end, [&](const Row& row) {
        overflow = overflow || row.overflow;
        maximum = std::fmax(maximum, row.maximum);
    });
    return overflow ? std::numeric_limits<double>::quiet_NaN() : maximum;
}

void PoolCache::keep(const std::vector<std::shared_ptr<const ConditionResult>>& conditions) {
    if (conditions == kept_) return;
    const auto isGone = [&](const Entry& entry) {
        return std::none_of(conditions.begin(), conditions.end(),
                            [&](const auto& one) { return one && &one->statistics == entry.statistics; });
    };
    entries_.erase(std::remove_if(entries_.begin(), entries_.end(), isGone), entries_.end());
    kept_ = conditions;
}

const PairPool* PoolCache::pool(const QkStatistics& statistics, QkTensor tensor, RopeStage stage,
                                PositionRange positions) {
    const auto owns = [&](const auto& one) { return one && &one->statistics == &statistics; };
    if (std::none_of(kept_.begin(), kept_.end(), owns)) return nullptr;
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        return entry.statistics == &statistics && entry.tensor == tensor && entry.stage == stage
               && entry.positions.from == positions.from && entry.positions.to == positions.to;
    });
    if (found != entries_.end()) {
        std::rotate(found, found + 1, entries_.end());
    } else {
        if (entries_.size() >= mostPools) entries_.erase(entries_.begin());
        entries_.push_back({&statistics, tensor, stage, positions,
                            std::make_unique<PairPool>(statistics, tensor, stage, positions)});
    }
    return entries_.back().pool.get();
}

} // namespace qroar
