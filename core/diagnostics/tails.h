// Tail-inflation ratio and the other tail metrics of method.md section 5 (ours, after the papers' wording).
// Pure functions of stored statistics and bands. Pooled over heads, the tokens of the named positions and
// both rows of each pair. Grids have a row per layer of the (long) condition; a condition without statistics
// gives a grid without rows. Point values come from the merged statistics, intervals from those per document.
#pragma once

#include "core/capture/qk_statistics.h"
#include "core/diagnostics/band_grid.h"
#include "core/rope/bands.h"
#include "core/session/session.h"

#include <array>
#include <limits>

namespace qroar {

class PoolCache; ///< core/diagnostics/pair_pool.h: the same grids sooner when only the bands have changed

inline constexpr std::array<double, 3> tailEpsilons{1e-2, 1e-3, 1e-4};

/// Positions a pooled histogram takes in.
struct PositionRange {
    int from = 0;
    int to = std::numeric_limits<int>::max(); ///< one past the last
};
/// All samples of a band in one histogram. Buckets that straddle a bound of the range are left out unless
/// they start in it.
LogHistogram pooledHistogram(const QkStatistics& statistics, int layer, QkTensor tensor, RopeStage stage,
                             int firstPair, int endPair, PositionRange positions = {});

struct TailInflationOptions {
    QkTensor tensor = QkTensor::K;
    RopeStage stage = RopeStage::Post;
    double epsilon = 1e-3;
    /// Shows the ratio without the attention factor: TIR m_short / m_long (only after RoPE; m_short is 1
    /// when the short condition is without PI).
    bool divideByAttentionFactor = false;
};
/// The positions of a long condition: those from L0 (in force in its table) on, or all of them when its
/// context does not exceed L0.
PositionRange longPositions(const ConditionResult& longCondition);
/// TIR = Q_{1-eps}(long) / Q_{1-eps}(short). Long: positions >= L0 when the long context exceeds L0, else
/// all; short: all. NaN where a band has no samples.
BandGrid tailInflation(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                       const BandPartition& bands, const TailInflationOptions& options,
                       PoolCache* pools = nullptr);
/// Excess tail mass: the share of the long condition's values above the short condition's (1-eps) quantile,
/// minus eps. The same positions and rules as TIR; with divideByAttentionFactor the values are compared
/// without m.
BandGrid excessTailMass(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                        const BandPartition& bands, const TailInflationOptions& options,
                        PoolCache* pools = nullptr);

struct Interval {
    double low, high;
};
/// 95 % percentile interval of one cell by bootstrap over documents (pairs of documents, matched by index,
/// resampled together; `draws` draws, fixed seed: the same resamples for every cell). Positions as in
/// tailInflation(). NaN bounds with fewer than two documents that have samples in both conditions, or
/// draws < 1.
Interval tailInflationInterval(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                               int layer, int firstPair, int endPair, const TailInflationOptions& options,
                               int draws = 500);

/// max|post| / max|pre| per layer and band, all positions: dynamic-range dilation. At most sqrt(2) m for a
/// band of one pair (method.md, identity 6).
BandGrid rangeDilation(const ConditionResult& condition, QkTensor tensor, const BandPartition& bands,
                       PoolCache* pools = nullptr);

/// Clip rate (share of values) of the long condition (its positions as in TIR) on a symmetric grid whose
/// range is the short condition's max|x|, exactly 0 when nothing exceeds it; and the effective bits lost
/// log2(max long / max short) when the grid is widened instead (negative: range to spare; one maximum over
/// the whole condition, positions as in TIR).
struct CalibrationLoss {
    BandGrid clipRate, bitsLost;
};
CalibrationLoss calibrationLoss(const ConditionResult& longCondition, const ConditionResult& shortCondition,
                                const BandPartition& bands, QkTensor tensor, RopeStage stage,
                                PoolCache* pools = nullptr);

/// Share of a layer's top-eps values (over all its bands and positions) that lies in each band: rows sum
/// to 1 (NaN without samples). Values in the histogram bin of the threshold count in part.
BandGrid topShareByBand(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                        RopeStage stage, double epsilon, PoolCache* pools = nullptr);
/// The same share by position bucket: [layers, buckets], rows sum to 1; and the ratio to the bucket's share
/// of all values when `relative` (1 = no outlier shift; NaN for a bucket without samples).
BandGrid topShareByPosition(const ConditionResult& condition, QkTensor tensor, RopeStage stage,
                            double epsilon, bool relative);
/// The same for every document of the condition by itself (its own top eps), by zone of the statistics per
/// document: [documents, zones], of one layer. Without rows when nothing was kept per document.
BandGrid topShareByDocument(const ConditionResult& condition, int layer, QkTensor tensor, RopeStage stage,
                            double epsilon, bool relative);

/// Both at once: of a layer's top-eps values (over all its bands and positions) the share that lies in each
/// band and position bucket. The cells of a layer sum to 1; summed over buckets they are topShareByBand(),
/// summed over bands topShareByPosition().
struct TopShares {
    int layers = 0, bands = 0, buckets = 0;
    std::vector<double> share; ///< [layers, bands, buckets] of the top values; NaN in a layer without samples
    std::vector<double> all;   ///< the same cell's share of all values of the layer
    [[nodiscard]] std::size_t cell(int layer, int band, int bucket) const {
        return (static_cast<std::size_t>(layer) * bands + band) * buckets + bucket;
    }
};
TopShares topShares(const ConditionResult& condition, const BandPartition& bands, QkTensor tensor,
                    RopeStage stage, double epsilon);

} // namespace qroar
