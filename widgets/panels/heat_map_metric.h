// What a heat-map metric is called, measured in, and how it is defined: the words of the combo box, colour
// bar and tooltips. Formulas and their sources: method.md section 5.
#pragma once

#include "widgets/panels/heat_map_panel.h"

namespace qroar {

struct MetricText {
    QString name;      ///< list of the combo box, title
    QString shortName; ///< the closed combo box
    QString bar;       ///< colour bar, with the unit
    QString formula;   ///< with its source in brackets
};
MetricText metricText(HeatMapMetric metric);
QString metricKey(HeatMapMetric metric); ///< CSV column
inline constexpr HeatMapMetric heatMapMetrics[] = {
    HeatMapMetric::TailInflation,    HeatMapMetric::TailInflationOverM,
    HeatMapMetric::PressureRaw,      HeatMapMetric::PressureSaturated,
    HeatMapMetric::PressureWeighted, HeatMapMetric::PressureMeasured,
    HeatMapMetric::GainSensitivity,  HeatMapMetric::RangeDilation,
    HeatMapMetric::BitsLost,         HeatMapMetric::ClipRate,
    HeatMapMetric::TopShare};

bool needsReference(HeatMapMetric metric); ///< compares with the short condition
bool usesStage(HeatMapMetric metric);      ///< depends on before/after RoPE and the tensor
bool usesEpsilon(HeatMapMetric metric);
bool isPressure(HeatMapMetric metric);   ///< the analytic ones: functions of the frequency table
bool usesGradient(HeatMapMetric metric); ///< needs a condition with sensitivities, but no statistics
/// Diverging around "no change" where the metric has one, sequential otherwise.
/// A figure of the frequencies alone, which gains cannot change.
bool isAnalytic(HeatMapMetric metric);
/// Around 0, for a grid of after - before.
ColorScale differenceScaleFor(HeatMapMetric metric, const BandGrid& grid);
ColorScale scaleFor(HeatMapMetric metric, const BandGrid& grid);

} // namespace qroar
