// What a heat-map metric is called, measured in, and how it is defined: the words of the combo box, colour
// bar and tooltips. Formulas and their sources: method.md section 5.
#pragma once

#include "core/diagnostics/damage_grid.h"
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
/// The section of the handbook that defines it: "theory.md#calibration-loss-ours".
QString metricAnchor(HeatMapMetric metric);
/// Formula, source and section, for tooltips.
QString metricTip(HeatMapMetric metric);
inline constexpr HeatMapMetric heatMapMetrics[] = {
    HeatMapMetric::TailInflation,    HeatMapMetric::TailInflationOverM,
    HeatMapMetric::ExcessTailMass,   HeatMapMetric::ExcessTailMassOverM,
    HeatMapMetric::PressureRaw,      HeatMapMetric::PressureSaturated,
    HeatMapMetric::PressureWeighted, HeatMapMetric::PressureMeasured,
    HeatMapMetric::GainSensitivity,  HeatMapMetric::RangeDilation,
    HeatMapMetric::BitsLost,         HeatMapMetric::ClipRate,
    HeatMapMetric::TopShare,         HeatMapMetric::Anisotropy,
    HeatMapMetric::NoiseDepth,       HeatMapMetric::LogitNoiseRms,
    HeatMapMetric::LogitNoiseMean,   HeatMapMetric::BandDamageKl,
    HeatMapMetric::BandDamageNll,    HeatMapMetric::BandDamageNoise,
    HeatMapMetric::LayerDamageKl,    HeatMapMetric::LayerDamageNll,
    HeatMapMetric::LayerDamageNoise};

bool needsReference(HeatMapMetric metric); ///< compares with the short condition
bool usesTensor(HeatMapMetric metric);     ///< depends on whether it is q or k
bool usesStage(HeatMapMetric metric);      ///< and on before/after RoPE
bool usesEpsilon(HeatMapMetric metric);
bool isTailInflation(HeatMapMetric metric); ///< or TIR / m: has intervals
bool usesHeadGroup(HeatMapMetric metric);   ///< can show one head group where they were kept apart
bool isOfHeads(HeatMapMetric metric); ///< depends on heads at all; without usesHeadGroup() it pools them
DamageMember damageMember(HeatMapMetric metric); ///< of those that use damage
bool isPressure(HeatMapMetric metric);           ///< the analytic ones: functions of the frequency table
bool usesGradient(HeatMapMetric metric);         ///< needs a condition with sensitivities, but no statistics
bool usesNoise(HeatMapMetric metric);            ///< needs recorded quantization errors
bool usesDamage(HeatMapMetric metric);           ///< needs measured damage, of bands or of layers
bool isOfLayers(HeatMapMetric metric);           ///< one number a layer: its map has one column
/// A figure of the frequencies alone, the same for all weights.
bool isAnalytic(HeatMapMetric metric);
/// Diverging around "no change" where the metric has one, sequential otherwise.
ScaleStyle styleOf(HeatMapMetric metric);
/// Around 0, for a grid of A - B.
ScaleStyle differenceStyleOf(HeatMapMetric metric);

/// Core's numbers of a condition that has what the metric needs (whyNoMetric() is empty). `selection`:
/// tensor, stage, epsilon, head group (used where usesHeadGroup() and the condition has it).
BandGrid metricGrid(HeatMapMetric metric, const ModelConfig& model, const ConditionResult& condition,
                    const ConditionResult* reference, const BandPartition& bands, const Selection& selection,
                    PoolCache* pools = nullptr);
/// What to run so that the condition (null: none is chosen) has the metric; empty when it has it.
QString whyNoMetric(HeatMapMetric metric, const ModelConfig& model, const ConditionResult* condition,
                    const ConditionResult* reference, const BandPartition& bands);

} // namespace qroar
