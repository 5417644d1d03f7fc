// PairPool: what bands are put together from, kept so that moving an edge costs a sum over pairs and not over
// all cells: for one tensor, stage and range of positions, the histogram and the maximum of every (layer,
// pair) over head groups and position buckets. Sums of integers: the same numbers as from the cells.
// PoolCache keeps a few of them for a view. Not here: metrics (tails.h), which work without pools as well.
#pragma once

#include "core/diagnostics/dense_histogram.h"
#include "core/diagnostics/tails.h"

#include <memory>
#include <vector>

namespace qroar {

class PairPool {
  public:
    PairPool(const QkStatistics& statistics, QkTensor tensor, RopeStage stage, PositionRange positions);

    /// All samples of pairs [first, end) of a layer; empty for a layer that there is not.
    [[nodiscard]] DenseHistogram band(int layer, int first, int end) const;
    /// max|x| of them; NaN without samples, or when the run recorded NaN.
    [[nodiscard]] double maximum(int layer, int first, int end) const;

  private:
    struct Row {
        int firstBin = 0, bins = 0;
        std::size_t offset = 0; ///< into counts_
        double maximum = 0;     ///< NaN without samples
        bool overflow = false;  ///< the run recorded NaN
    };
    template<class Visit>
    void forEachRow(int layer, int first, int end, Visit&& visit) const;

    int layers_ = 0, pairs_ = 0;
    std::vector<Row> rows_; ///< [layers, pairs]
    std::vector<std::uint64_t> counts_;
};

/// A view's own; not shared between threads. Pools are made when they are first asked for.
class PoolCache {
  public:
    /// Conditions that pools may be made for: kept alive, so that nothing else can take their place. Pools of
    /// others are dropped.
    void keep(const std::vector<std::shared_ptr<const ConditionResult>>& conditions);
    /// Null for statistics of a condition that is not kept: use the cells. Valid while the few others that
    /// one metric needs are asked for.
    const PairPool* pool(const QkStatistics& statistics, QkTensor tensor, RopeStage stage,
                         PositionRange positions);

  private:
    struct Entry {
        const QkStatistics* statistics = nullptr;
        QkTensor tensor{};
        RopeStage stage{};
        PositionRange positions;
        std::unique_ptr<PairPool> pool;
    };
    std::vector<std::shared_ptr<const ConditionResult>> kept_;
    std::vector<Entry> entries_; ///< the one used last at the end
};

} // namespace qroar
