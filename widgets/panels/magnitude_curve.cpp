#include "widgets/panels/magnitude_curve.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

int firstBinOf(int point) {
    return 1 + point * binsPerPoint;
}
/// Whole points inside the range; the last bins below the open one are fewer than a point's.
constexpr int pointCount = (LogHistogram::binCount - 2) / binsPerPoint;

} // namespace

LogHistogram magnitudesAt(const QkStatistics& statistics, const MagnitudePlace& place) {
    LogHistogram pooled;
    const StatisticsShape& shape = statistics.shape();
    if (statistics.cells() == 0 || place.layer < 0 || place.layer >= shape.layers) return pooled;
    const bool one = place.group >= 0 && place.group < shape.groups;
    const int firstGroup = one ? place.group : 0, endGroup = one ? place.group + 1 : shape.groups;
    for (int group = firstGroup; group < endGroup; ++group)
        for (int pair = std::max(0, place.firstPair); pair < std::min(place.endPair, shape.pairs); ++pair)
            for (int bucket = 0; bucket < shape.buckets(); ++bucket)
                pooled.merge(statistics.histogram(
                    statistics.cell(place.layer, place.tensor, place.stage, group, pair, bucket)));
    return pooled;
}

double lowerEdgeOf(int point) {
    return LogHistogram::binLower(firstBinOf(point));
}

double octavesOf(int point) {
    return std::log2(lowerEdgeOf(point + 1) / lowerEdgeOf(point));
}

double centreOf(int point) {
    return std::sqrt(lowerEdgeOf(point) * lowerEdgeOf(point + 1));
}

double MagnitudeCurve::shareOf(int point) const {
    const int index = point - firstPoint;
    return index >= 0 && index < static_cast<int>(share.size()) ? share[static_cast<size_t>(index)] : 0.0;
}

double MagnitudeCurve::shareAt(double value) const {
    for (size_t index = 0; index < share.size(); ++index) {
        const int point = firstPoint + static_cast<int>(index);
        if (value >= lowerEdgeOf(point) && value <= lowerEdgeOf(point + 1)) return share[index];
    }
    return std::nan("");
}

void fillDensity(MagnitudeCurve& curve) {
    const auto total = static_cast<double>(curve.histogram.total());
    if (total <= 0) return;
    const int first = curve.histogram.firstBin();
    const int last = first + static_cast<int>(curve.histogram.counts().size()) - 1;
    for (int point = 0; point < pointCount; ++point) {
        const int start = firstBinOf(point);
        if (start + binsPerPoint <= first || start > last) continue;
        double count = 0;
        for (int bin = start; bin < start + binsPerPoint; ++bin)
            count += static_cast<double>(curve.histogram.countAt(bin));
        if (curve.share.empty()) curve.firstPoint = point;
        curve.centre.push_back(centreOf(point));
        curve.share.push_back(count / total / octavesOf(point));
    }
}

double openShare(const MagnitudeCurve& curve, int bin) {
    const auto total = static_cast<double>(curve.histogram.total());
    return total > 0 ? static_cast<double>(curve.histogram.countAt(bin)) / total : 0;
}

PointRange pointsOf(const std::vector<const MagnitudeCurve*>& curves) {
    PointRange range{pointCount, 0};
    for (const MagnitudeCurve* curve : curves) {
        if (!curve || curve->share.empty()) continue;
        range.first = std::min(range.first, curve->firstPoint);
        range.end = std::max(range.end, curve->firstPoint + static_cast<int>(curve->share.size()));
    }
    return range.first < range.end ? range : PointRange{};
}

} // namespace qroar
