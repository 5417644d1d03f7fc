// MagnitudeCurve: the stored histograms of |q| or |k| that a view of magnitudes draws, as densities over
// groups of bins that are the same for every curve, and the quantiles marked on them. Pure; not here: drawing
// (histogram_panel.h), how histograms are filled (core/capture).
#pragma once

#include "core/session/session.h"

#include <QString>

#include <array>
#include <vector>

namespace qroar {

/// Bins of LogHistogram that one point of a curve takes together; points are numbered from bin 1 on.
inline constexpr int binsPerPoint = 4;

/// Where samples are taken from; group -1: all heads together.
struct MagnitudePlace {
    int layer = 0, group = -1, firstPair = 0, endPair = 0;
    QkTensor tensor = QkTensor::K;
    RopeStage stage = RopeStage::Post;
};
/// All positions. Statistics that pool all heads give these for every group.
LogHistogram magnitudesAt(const QkStatistics& statistics, const MagnitudePlace& place);

struct MagnitudeCurve {
    QString name;
    int condition = -1; ///< index into its session
    int context = 0, layer = 0;
    bool isReference = false; ///< the short one
    bool isB = false;         ///< of condition B, or of its session
    int row = 0;              ///< of a ridge, from the top
    LogHistogram histogram;
    int firstPoint = 0; ///< number of the first one
    /// |x| and share of all values per octave, over the occupied points; without the open end bins.
    std::vector<double> centre, share;
    /// 0 outside the curve.
    [[nodiscard]] double shareOf(int point) const;
    /// Of the point whose bins hold `value`; NaN outside the curve.
    [[nodiscard]] double shareAt(double value) const;
};
void fillDensity(MagnitudeCurve& curve);
/// Share of all values in a bin, one of the open ones at the ends.
double openShare(const MagnitudeCurve& curve, int bin);

double lowerEdgeOf(int point);
double centreOf(int point);
double
octavesOf(int point); ///< its width: edges of bins are floats, so widths differ by up to half a percent
/// The points that any of the curves occupies: [first, end).
struct PointRange {
    int first = 0, end = 0;
};
PointRange pointsOf(const std::vector<const MagnitudeCurve*>& curves);

struct QuantileMark {
    double quantile;
    const char* text; ///< "99.9 %"
    const char* key;  ///< "q99_9"
};
inline constexpr std::array<QuantileMark, 5> quantileMarks{{{0.5, "50 %", "q50"},
                                                            {0.9, "90 %", "q90"},
                                                            {0.99, "99 %", "q99"},
                                                            {0.999, "99.9 %", "q99_9"},
                                                            {0.9999, "99.99 %", "q99_99"}}};

} // namespace qroar
