#include "widgets/panels/heat_map_metric.h"

namespace qroar {

MetricText metricText(HeatMapMetric metric) {
    const auto tr = [](const char* text) { return HeatMapPanel::tr(text); };
    switch (metric) {
    case HeatMapMetric::TailInflation:
        return {tr("Tail inflation (TIR)"), tr("TIR"), tr("TIR (ratio)"),
                tr("TIR = Q₁₋ε(|x|, long) / Q₁₋ε(|x|, short), pooled over heads, the band's pairs and their "
                   "two rows; "
                   "long: positions beyond L0. 1 = tails did not move. [ours, after the papers' wording]")};
    case HeatMapMetric::TailInflationOverM:
        return {tr("TIR / m"), tr("TIR / m"), tr("TIR / m (ratio)"),
                tr("TIR divided by the attention factor m, which multiplies everything after RoPE. [ours]")};
    case HeatMapMetric::PressureRaw:
        return {tr("IP, raw"), tr("IP raw"), tr("IP (rad)"),
                tr("Mean over the band of |dφ/d ln s|, φ = ω′(s)·D, D = context length: how fast the phase "
                   "moves with "
                   "the scale. [ours, after the papers' wording]")};
    case HeatMapMetric::PressureSaturated:
        return {tr("IP, saturated"), tr("IP sat."), tr("IP saturated (0–1)"),
                tr("Mean over the band of min(IP, π)/π: 1 = the phase has turned by half a circle or more. "
                   "[ours]")};
    case HeatMapMetric::PressureWeighted:
        return {tr("IP, energy-weighted"), tr("IP weighted"), tr("IP weighted (0–1)"),
                tr("Saturated IP averaged with the weights E|q|·E|k| of the layer: pressure where there is "
                   "signal. "
                   "[ours]")};
    case HeatMapMetric::PressureMeasured:
        return {
            tr("IP, measured"), tr("IP measured"), tr("IP* (nats)"),
            tr("|Σ d NLL/d ln ω′| over the band's pairs, NLL a token: how the loss itself reacts when the "
               "phases of the band run faster or slower in that layer. From a reverse pass. [ours]")};
    case HeatMapMetric::GainSensitivity:
        return {tr("Gain sensitivity"), tr("Gain sens."), tr("d NLL / d ln g (nats)"),
                tr("Σ d NLL/d ln g over heads and the band's pairs, NLL a token, g a gain on q or on k (both "
                   "give the same): negative = a gain above 1 lowers the loss. From a reverse pass. [ours]")};
    case HeatMapMetric::RangeDilation:
        return {tr("Range dilation"), tr("Dilation"), tr("max|post| / max|pre|"),
                tr("max|x after RoPE| / max|x before RoPE|; at most √2·m. [ours]")};
    case HeatMapMetric::BitsLost:
        return {tr("Calibration bits lost"), tr("Bits lost"), tr("bits lost (log₂ ratio)"),
                tr("log₂(max|x| long / max|x| short): effective bits a grid calibrated at the short "
                   "condition loses "
                   "when it is widened. [ours]")};
    case HeatMapMetric::ClipRate:
        return {tr("Clip rate"), tr("Clip rate"), tr("clipped share of values"),
                tr("Share of the long condition's values outside the range max|x| of the short one. [ours]")};
    case HeatMapMetric::TopShare:
        return {tr("Share of the top ε"), tr("Top share"), tr("share of top values"),
                tr("Share of the layer's ε largest |x| that lies in each band; rows sum to 1. [ours]")};
    }
    return {};
}

QString metricKey(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
        return QStringLiteral("tir");
    case HeatMapMetric::TailInflationOverM:
        return QStringLiteral("tir_over_m");
    case HeatMapMetric::PressureRaw:
        return QStringLiteral("ip_raw");
    case HeatMapMetric::PressureSaturated:
        return QStringLiteral("ip_saturated");
    case HeatMapMetric::PressureWeighted:
        return QStringLiteral("ip_weighted");
    case HeatMapMetric::PressureMeasured:
        return QStringLiteral("ip_measured");
    case HeatMapMetric::GainSensitivity:
        return QStringLiteral("gain_sensitivity");
    case HeatMapMetric::RangeDilation:
        return QStringLiteral("range_dilation");
    case HeatMapMetric::BitsLost:
        return QStringLiteral("bits_lost");
    case HeatMapMetric::ClipRate:
        return QStringLiteral("clip_rate");
    case HeatMapMetric::TopShare:
        return QStringLiteral("top_share");
    }
    return {};
}

bool needsReference(HeatMapMetric metric) {
    return metric == HeatMapMetric::TailInflation || metric == HeatMapMetric::TailInflationOverM
           || metric == HeatMapMetric::BitsLost || metric == HeatMapMetric::ClipRate;
}

bool isPressure(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureRaw || metric == HeatMapMetric::PressureSaturated
           || metric == HeatMapMetric::PressureWeighted;
}

bool usesGradient(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureMeasured || metric == HeatMapMetric::GainSensitivity;
}

bool usesStage(HeatMapMetric metric) {
    return !isPressure(metric) && !usesGradient(metric);
}

bool usesEpsilon(HeatMapMetric metric) {
    return metric == HeatMapMetric::TailInflation || metric == HeatMapMetric::TailInflationOverM
           || metric == HeatMapMetric::TopShare;
}

ColorScale scaleFor(HeatMapMetric metric, const BandGrid& grid) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
    case HeatMapMetric::TailInflationOverM:
        return ColorScale::around(1, grid.values, true, 1.05);
    case HeatMapMetric::BitsLost:
        return ColorScale::around(0, grid.values, false, 0.05);
    case HeatMapMetric::GainSensitivity:
        return ColorScale::around(0, grid.values, false, 1e-6);
    case HeatMapMetric::PressureRaw:
    case HeatMapMetric::PressureMeasured:
    case HeatMapMetric::RangeDilation:
        return ColorScale::sequential(grid.values, true);
    default:
        return ColorScale::sequential(grid.values, false);
    }
}

bool isAnalytic(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureRaw || metric == HeatMapMetric::PressureSaturated;
}

ColorScale differenceScaleFor(HeatMapMetric metric, const BandGrid& grid) {
    double smallest = 1e-3; // of shares and ratios: less than this is nothing to look at
    if (usesGradient(metric)) smallest = 1e-6;
    if (metric == HeatMapMetric::ClipRate) smallest = 1e-5;
    if (metric == HeatMapMetric::TailInflation || metric == HeatMapMetric::TailInflationOverM
        || metric == HeatMapMetric::RangeDilation || metric == HeatMapMetric::BitsLost)
        smallest = 0.01;
    return ColorScale::around(0, grid.values, false, smallest);
}

} // namespace qroar
