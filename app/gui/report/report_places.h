// Where in layers and bands a report looks: figures of one layer and band show those where most happens, not
// those that a window happens to have selected. Pure functions of what the session stores. Not here: which
// figures there are (report_figures.h).
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/session/session.h"
#include "widgets/common/color_map.h"
#include "widgets/panels/heat_map_panel.h"

#include <optional>

namespace qroar {

struct ReportPlace {
    int layer = 0, band = 0;
    QkTensor tensor = QkTensor::K;
    double value = 0;    ///< of the metric there; of magnitudes: the share that lies elsewhere, 0 to 1
    double strength = 0; ///< what was compared: distance from "no change", or the value itself
};

/// The cell farthest from the style's centre (by factors where the style is logarithmic), or, without a
/// centre, the largest. Nothing without a finite value, nor where all are at the centre.
std::optional<ReportPlace> strongestCell(const BandGrid& grid, const ScaleStyle& style);

/// Of a metric of a condition of the session, for q or k; nothing when the condition does not have it.
std::optional<ReportPlace> strongestCell(const Session& session, const ConditionResult& condition,
                                         HeatMapMetric metric, QkTensor tensor);
/// The larger one of q and k.
std::optional<ReportPlace> strongestCell(const Session& session, const ConditionResult& condition,
                                         HeatMapMetric metric);
/// Of A minus B. Nothing where nothing differs by what its colours would show (differenceStyleOf().smallest).
std::optional<ReportPlace> strongestDifference(const Session& session, const ConditionResult& a,
                                               const ConditionResult& b, HeatMapMetric metric);

/// Where the magnitudes after RoPE of A and B differ most: half the area between the two curves that the view
/// of magnitudes draws, which is the share of values that lie in other bins (total variation). Nothing where
/// all curves are the same to a thousandth of the values, or one of them has no statistics.
std::optional<ReportPlace> largestMagnitudeChange(const Session& session, const ConditionResult& a,
                                                  const ConditionResult& b);

/// The effective gain farthest from 1, mean over heads and the pairs of a band; nothing where all are 1, or
/// the search had other bands than the session.
std::optional<ReportPlace> strongestGain(const Session& session, const SearchRecord& search);

/// The pair whose angle at a distance the condition's RoPE spec changes most; -1: it changes none.
int mostMovedPair(const ConditionResult& condition);

/// The layer whose quantized weights have the lowest SNR over all its projections (one that is not a number
/// does not count); -1 without any.
int mostDistortedLayer(const ConditionResult& condition);

/// Every token has the same loss in both.
bool sameLosses(const ConditionResult& a, const ConditionResult& b);

} // namespace qroar
