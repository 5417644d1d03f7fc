#include "app/gui/report/report_places.h"

#include "core/capture/log_histogram.h"
#include "core/session/search_record.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/magnitude_curve.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace qroar {

namespace {

/// The share of values in other bins that is something to look at: of shares, as in differenceStyleOf().
constexpr double leastMoved = 1e-3;

double strengthOf(double value, const ScaleStyle& style) {
    if (!style.centre) return value;
    if (!style.logarithmic) return std::abs(value - *style.centre);
    return value > 0 && *style.centre > 0 ? std::abs(std::log(value / *style.centre)) : std::nan("");
}

std::optional<ReportPlace> larger(const std::optional<ReportPlace>& a, const std::optional<ReportPlace>& b) {
    return b && (!a || b->strength > a->strength) ? b : a;
}

/// Empty when the condition does not have the metric.
BandGrid gridOf(const Session& session, const ConditionResult& condition, HeatMapMetric metric,
                QkTensor tensor) {
    const auto reference = session.shortReference(condition);
    if (!whyNoMetric(metric, session.model, &condition, reference.get(), session.bands).isEmpty()) return {};
    Selection selection;
    selection.tensor = tensor;
    return metricGrid(metric, session.model, condition, reference.get(), session.bands, selection);
}

MagnitudeCurve curveAt(const Session& session, const ConditionResult& condition, const ReportPlace& place) {
    MagnitudeCurve curve;
    curve.histogram =
        magnitudesAt(condition.statistics, {place.layer, -1, session.bands.begin(place.band),
                                            session.bands.end(place.band), place.tensor, RopeStage::Post});
    fillDensity(curve);
    return curve;
}

double halfAreaBetween(const MagnitudeCurve& a, const MagnitudeCurve& b) {
    if (a.share.empty() || b.share.empty()) return 0;
    const PointRange range = pointsOf({&a, &b});
    double sum = 0;
    for (int point = range.first; point < range.end; ++point)
        sum += std::abs(a.shareOf(point) - b.shareOf(point)) * octavesOf(point);
    return 0.5 * sum; // densities are per octave
}

} // namespace

std::optional<ReportPlace> strongestCell(const BandGrid& grid, const ScaleStyle& style) {
    std::optional<ReportPlace> best;
    double least = style.centre ? 0 : std::numeric_limits<double>::infinity();
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band) {
            const double value = grid.at(layer, band), strength = strengthOf(value, style);
            if (!std::isfinite(strength)) continue;
            least = std::min(least, strength);
            if (!best || strength > best->strength)
                best = ReportPlace{layer, band, QkTensor::K, value, strength};
        }
    if (best && best->strength <= least) return std::nullopt; // none stands out
    return best;
}

std::optional<ReportPlace> strongestCell(const Session& session, const ConditionResult& condition,
                                         HeatMapMetric metric, QkTensor tensor) {
    auto best = strongestCell(gridOf(session, condition, metric, tensor), styleOf(metric));
    if (best) best->tensor = tensor;
    return best;
}

std::optional<ReportPlace> strongestCell(const Session& session, const ConditionResult& condition,
                                         HeatMapMetric metric) {
    return larger(strongestCell(session, condition, metric, QkTensor::K),
                  strongestCell(session, condition, metric, QkTensor::Q));
}

std::optional<ReportPlace> strongestDifference(const Session& session, const ConditionResult& a,
                                               const ConditionResult& b, HeatMapMetric metric) {
    std::optional<ReportPlace> best;
    for (const QkTensor tensor : {QkTensor::K, QkTensor::Q}) {
        BandGrid grid = gridOf(session, a, metric, tensor);
        const BandGrid other = gridOf(session, b, metric, tensor);
        if (grid.values.size() != other.values.size()) continue;
        for (std::size_t cell = 0; cell < grid.values.size(); ++cell) grid.values[cell] -= other.values[cell];
        auto one = strongestCell(grid, differenceStyleOf(metric));
        if (!one || one->strength < differenceStyleOf(metric).smallest) continue; // rounding
        one->tensor = tensor;
        best = larger(best, one);
    }
    return best;
}

std::optional<ReportPlace> largestMagnitudeChange(const Session& session, const ConditionResult& a,
                                                  const ConditionResult& b) {
    std::optional<ReportPlace> best;
    if (a.statistics.cells() == 0 || b.statistics.cells() == 0) return best;
    const int layers = std::min(a.statistics.shape().layers, b.statistics.shape().layers);
    for (const QkTensor tensor : {QkTensor::K, QkTensor::Q})
        for (int layer = 0; layer < layers; ++layer)
            for (int band = 0; band < session.bands.count(); ++band) {
                ReportPlace place{layer, band, tensor};
                place.value = place.strength =
                    halfAreaBetween(curveAt(session, a, place), curveAt(session, b, place));
                if (place.strength >= leastMoved && (!best || place.strength > best->strength)) best = place;
            }
    return best;
}

std::optional<ReportPlace> strongestGain(const Session& session, const SearchRecord& search) {
    const QkGains& gains = search.scales.gains;
    if (gains.empty() || search.settings.bandEdges != session.bands.edges()) return std::nullopt;
    BandGrid grid(gains.layers, session.bands.count());
    for (int layer = 0; layer < grid.layers; ++layer)
        for (int band = 0; band < grid.bands; ++band) {
            double sum = 0;
            for (int head = 0; head < gains.heads; ++head)
                for (int pair = session.bands.begin(band); pair < session.bands.end(band); ++pair)
                    sum += gains.effective(layer, head, pair);
            grid.at(layer, band) = sum / gains.heads / (session.bands.end(band) - session.bands.begin(band));
        }
    return strongestCell(grid, {true, 1.0, 0});
}

int mostMovedPair(const ConditionResult& condition) {
    const std::vector<double>&plain = condition.table.plain, &scaled = condition.table.omega;
    int most = -1;
    double moved = 0;
    for (std::size_t pair = 0; pair < std::min(plain.size(), scaled.size()); ++pair) {
        const double by = std::abs(plain[pair] - scaled[pair]);
        if (by <= moved) continue;
        moved = by;
        most = static_cast<int>(pair);
    }
    return most;
}

int mostDistortedLayer(const ConditionResult& condition) {
    std::map<int, Distortion> layers;
    for (const LayerDistortion& one : condition.distortions) layers[one.layer].add(one.distortion);
    int worst = -1;
    double lowest = 0;
    for (const auto& [layer, all] : layers) {
        const double snr = all.snrDb(); // NaN of weights that are none: nothing to compare
        if (std::isnan(snr) || (worst >= 0 && snr >= lowest)) continue;
        worst = layer;
        lowest = snr;
    }
    return worst;
}

bool sameLosses(const ConditionResult& a, const ConditionResult& b) {
    return std::equal(a.windows.begin(), a.windows.end(), b.windows.begin(), b.windows.end(),
                      [](const WindowNll& one, const WindowNll& other) { return one.nll == other.nll; });
}

} // namespace qroar
