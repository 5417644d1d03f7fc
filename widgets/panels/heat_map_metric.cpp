#include "widgets/panels/heat_map_metric.h"

#include "core/diagnostics/noise_grid.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"

namespace qroar {

namespace {

/// Of the damage of bands and layers.
MetricText damageText(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::BandDamageKl:
        return {
            HeatMapPanel::tr("Damage of a band, KL"), HeatMapPanel::tr("Band KL"),
            HeatMapPanel::tr("KL (nats/token)"),
            HeatMapPanel::tr(
                "Mean KL(reference ‖ variant) when only the rows of this band of q or of k of one layer are "
                "quantized. [ours]")};
    case HeatMapMetric::BandDamageNll:
        return {HeatMapPanel::tr("Damage of a band, Δ NLL"), HeatMapPanel::tr("Band ΔNLL"),
                HeatMapPanel::tr("Δ NLL (nats/token)"),
                HeatMapPanel::tr(
                    "Mean NLL(variant) − NLL(reference) when only the rows of this band of q or of k of one "
                    "layer are quantized. [ours]")};
    case HeatMapMetric::BandDamageNoise:
        return {
            HeatMapPanel::tr("Damage of a band by random errors, KL"), HeatMapPanel::tr("Band control"),
            HeatMapPanel::tr("KL (nats/token)"),
            HeatMapPanel::tr(
                "The control: the same KL when the error of every row is replaced by a random direction of "
                "the same length. [ours]")};
    case HeatMapMetric::LayerDamageKl:
        return {HeatMapPanel::tr("Damage of a layer, KL"), HeatMapPanel::tr("Layer KL"),
                HeatMapPanel::tr("KL (nats/token)"),
                HeatMapPanel::tr("Mean KL(reference ‖ variant) when only this layer is quantized. [ours]")};
    case HeatMapMetric::LayerDamageNll:
        return {
            HeatMapPanel::tr("Damage of a layer, Δ NLL"), HeatMapPanel::tr("Layer ΔNLL"),
            HeatMapPanel::tr("Δ NLL (nats/token)"),
            HeatMapPanel::tr("Mean NLL(variant) − NLL(reference) when only this layer is quantized. [ours]")};
    case HeatMapMetric::LayerDamageNoise:
        return {
            HeatMapPanel::tr("Damage of a layer by random errors, KL"), HeatMapPanel::tr("Layer control"),
            HeatMapPanel::tr("KL (nats/token)"),
            HeatMapPanel::tr(
                "The control: the same KL when the error of every row of the layer is replaced by a random "
                "direction of the same length. [ours]")};
    default:
        return {};
    }
}

/// Of metrics of quantization errors.
MetricText errorText(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::Anisotropy:
        return {
            HeatMapPanel::tr("Error anisotropy"), HeatMapPanel::tr("Anisotropy"), HeatMapPanel::tr("A (0–1)"),
            HeatMapPanel::tr(
                "A = |λ₁ − λ₂| / (λ₁ + λ₂) of the 2×2 covariance of the quantization error of a rotary "
                "pair, before RoPE; mean over the band's pairs, weighted with the variance of their errors. "
                "0 = the same in all directions. [ours]")};
    case HeatMapMetric::NoiseDepth:
        return {
            HeatMapPanel::tr("Position-dependent share of logit noise"), HeatMapPanel::tr("Noise depth"),
            HeatMapPanel::tr("depth (0–1)"),
            HeatMapPanel::tr(
                "(|k|²(λ₁ − λ₂)_q + |q|²(λ₁ − λ₂)_k) / (|k|²(λ₁ + λ₂)_q + |q|²(λ₁ + λ₂)_k): the largest "
                "share of the logit noise that turns with the distance; mean over the band's pairs, weighted "
                "with their logit variance. [ours]")};
    case HeatMapMetric::LogitNoiseRms:
        return {
            HeatMapPanel::tr("Logit noise, RMS"), HeatMapPanel::tr("Noise RMS"),
            HeatMapPanel::tr("RMS logit error"),
            HeatMapPanel::tr(
                "√mean((c_quantized − c_reference)²), c = the band's contribution to m²·q·k/√d, over sampled "
                "query-key pairs; all distances alike. [ours]")};
    case HeatMapMetric::LogitNoiseMean:
        return {HeatMapPanel::tr("Logit noise, mean"), HeatMapPanel::tr("Noise mean"),
                HeatMapPanel::tr("mean logit error"),
                HeatMapPanel::tr(
                    "mean(c_quantized − c_reference), c = the band's contribution to m²·q·k/√d, over sampled "
                    "query-key pairs; all distances alike: a shift of the logits. [ours]")};
    default:
        return damageText(metric);
    }
}

/// Of tails against the short reference.
MetricText tailText(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
        return {HeatMapPanel::tr("Tail inflation (TIR)"), HeatMapPanel::tr("TIR"),
                HeatMapPanel::tr("TIR (ratio)"),
                HeatMapPanel::tr(
                    "TIR = Q₁₋ε(|x|, long) / Q₁₋ε(|x|, short), pooled over heads, the band's pairs and their "
                    "two rows; "
                    "long: positions beyond L0. 1 = tails did not move. [ours, after the papers' wording]")};
    case HeatMapMetric::TailInflationOverM:
        return {HeatMapPanel::tr("TIR / m"), HeatMapPanel::tr("TIR / m"), HeatMapPanel::tr("TIR / m (ratio)"),
                HeatMapPanel::tr(
                    "TIR divided by the attention factor m, which multiplies everything after RoPE. [ours]")};
    case HeatMapMetric::ExcessTailMass:
        return {
            HeatMapPanel::tr("Excess tail mass"), HeatMapPanel::tr("Excess"),
            HeatMapPanel::tr("excess share of values"),
            HeatMapPanel::tr(
                "Share of the long condition's |x| above Q₁₋ε(|x|, short), minus ε; positions and heads as "
                "in TIR. 0 = tails did not move, −ε = nothing is above. [ours]")};
    default:
        return {
            HeatMapPanel::tr("Excess tail mass, without m"), HeatMapPanel::tr("Excess, no m"),
            HeatMapPanel::tr("excess share, without m"),
            HeatMapPanel::tr(
                "Excess tail mass of the long condition's values divided by the attention factor m, which "
                "multiplies everything after RoPE. [ours]")};
    }
}

/// TIR and excess tail mass, with or without m.
bool isOfTails(HeatMapMetric metric) {
    return metric == HeatMapMetric::TailInflation || metric == HeatMapMetric::TailInflationOverM
           || metric == HeatMapMetric::ExcessTailMass || metric == HeatMapMetric::ExcessTailMassOverM;
}

bool isOfBandDamage(HeatMapMetric metric) {
    return metric == HeatMapMetric::BandDamageKl || metric == HeatMapMetric::BandDamageNll
           || metric == HeatMapMetric::BandDamageNoise;
}

} // namespace

MetricText metricText(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
    case HeatMapMetric::TailInflationOverM:
    case HeatMapMetric::ExcessTailMass:
    case HeatMapMetric::ExcessTailMassOverM:
        return tailText(metric);
    case HeatMapMetric::PressureRaw:
        return {HeatMapPanel::tr("IP, raw"), HeatMapPanel::tr("IP raw"), HeatMapPanel::tr("IP (rad)"),
                HeatMapPanel::tr("Mean over the band of |dφ/d ln s|, φ = ω′(s)·D, D = context length: how "
                                 "fast the phase moves with the scale. [ours, after the papers' wording]")};
    case HeatMapMetric::PressureSaturated:
        return {HeatMapPanel::tr("IP, saturated"), HeatMapPanel::tr("IP sat."),
                HeatMapPanel::tr("IP saturated (0–1)"),
                HeatMapPanel::tr("Mean over the band of min(IP, π)/π: 1 = the phase has turned by half a "
                                 "circle or more. [ours]")};
    case HeatMapMetric::PressureWeighted:
        return {HeatMapPanel::tr("IP, energy-weighted"), HeatMapPanel::tr("IP weighted"),
                HeatMapPanel::tr("IP weighted (0–1)"),
                HeatMapPanel::tr("Saturated IP averaged with the weights E|q|·E|k| of the layer: pressure "
                                 "where there is signal. [ours]")};
    case HeatMapMetric::PressureMeasured:
        return {
            HeatMapPanel::tr("IP, measured"), HeatMapPanel::tr("IP measured"), HeatMapPanel::tr("IP* (nats)"),
            HeatMapPanel::tr(
                "|Σ d NLL/d ln ω′| over the band's pairs, NLL a token: how the loss itself reacts when the "
                "phases of the band run faster or slower in that layer. From a reverse pass. [ours]")};
    case HeatMapMetric::GainSensitivity:
        return {
            HeatMapPanel::tr("Gain sensitivity"), HeatMapPanel::tr("Gain sens."),
            HeatMapPanel::tr("d NLL / d ln g (nats)"),
            HeatMapPanel::tr(
                "Σ d NLL/d ln g over heads and the band's pairs, NLL a token, g a gain on q or on k (both "
                "give the same): negative = a gain above 1 lowers the loss. From a reverse pass. [ours]")};
    case HeatMapMetric::RangeDilation:
        return {HeatMapPanel::tr("Range dilation"), HeatMapPanel::tr("Dilation"),
                HeatMapPanel::tr("max|post| / max|pre|"),
                HeatMapPanel::tr("max|x after RoPE| / max|x before RoPE|; at most √2·m. [ours]")};
    case HeatMapMetric::BitsLost:
        return {HeatMapPanel::tr("Calibration bits lost"), HeatMapPanel::tr("Bits lost"),
                HeatMapPanel::tr("bits lost (log₂ ratio)"),
                HeatMapPanel::tr("log₂(max|x| long / max|x| short): effective bits a grid calibrated at the "
                                 "short condition loses when it is widened. [ours]")};
    case HeatMapMetric::ClipRate:
        return {
            HeatMapPanel::tr("Clip rate"), HeatMapPanel::tr("Clip rate"),
            HeatMapPanel::tr("clipped share of values"),
            HeatMapPanel::tr(
                "Share of the long condition's values outside the range max|x| of the short one. [ours]")};
    case HeatMapMetric::TopShare:
        return {HeatMapPanel::tr("Share of the top ε"), HeatMapPanel::tr("Top share"),
                HeatMapPanel::tr("share of top values"),
                HeatMapPanel::tr(
                    "Share of the layer's ε largest |x| that lies in each band; rows sum to 1. [ours]")};
    default:
        return errorText(metric);
    }
}

QString metricKey(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
        return QStringLiteral("tir");
    case HeatMapMetric::TailInflationOverM:
        return QStringLiteral("tir_over_m");
    case HeatMapMetric::ExcessTailMass:
        return QStringLiteral("excess_tail_mass");
    case HeatMapMetric::ExcessTailMassOverM:
        return QStringLiteral("excess_tail_mass_without_m");
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
    case HeatMapMetric::Anisotropy:
        return QStringLiteral("anisotropy");
    case HeatMapMetric::NoiseDepth:
        return QStringLiteral("noise_depth");
    case HeatMapMetric::LogitNoiseRms:
        return QStringLiteral("logit_noise_rms");
    case HeatMapMetric::LogitNoiseMean:
        return QStringLiteral("logit_noise_mean");
    case HeatMapMetric::BandDamageKl:
        return QStringLiteral("band_damage_kl");
    case HeatMapMetric::BandDamageNll:
        return QStringLiteral("band_damage_nll");
    case HeatMapMetric::BandDamageNoise:
        return QStringLiteral("band_damage_noise_kl");
    case HeatMapMetric::LayerDamageKl:
        return QStringLiteral("layer_damage_kl");
    case HeatMapMetric::LayerDamageNll:
        return QStringLiteral("layer_damage_nll");
    case HeatMapMetric::LayerDamageNoise:
        return QStringLiteral("layer_damage_noise_kl");
    }
    return {};
}

bool needsReference(HeatMapMetric metric) {
    return isOfTails(metric) || metric == HeatMapMetric::BitsLost || metric == HeatMapMetric::ClipRate;
}

bool isPressure(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureRaw || metric == HeatMapMetric::PressureSaturated
           || metric == HeatMapMetric::PressureWeighted;
}

bool usesGradient(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureMeasured || metric == HeatMapMetric::GainSensitivity;
}

bool usesNoise(HeatMapMetric metric) {
    return metric == HeatMapMetric::Anisotropy || metric == HeatMapMetric::NoiseDepth
           || metric == HeatMapMetric::LogitNoiseRms || metric == HeatMapMetric::LogitNoiseMean;
}

bool isOfLayers(HeatMapMetric metric) {
    return metric == HeatMapMetric::LayerDamageKl || metric == HeatMapMetric::LayerDamageNll
           || metric == HeatMapMetric::LayerDamageNoise;
}

bool usesDamage(HeatMapMetric metric) {
    return isOfLayers(metric) || isOfBandDamage(metric);
}

bool usesStage(HeatMapMetric metric) {
    return !isPressure(metric) && !usesGradient(metric) && !usesNoise(metric) && !usesDamage(metric)
           && metric != HeatMapMetric::RangeDilation;
}

bool usesTensor(HeatMapMetric metric) {
    return usesStage(metric) || metric == HeatMapMetric::RangeDilation || metric == HeatMapMetric::Anisotropy
           || isOfBandDamage(metric);
}

bool usesEpsilon(HeatMapMetric metric) {
    return isOfTails(metric) || metric == HeatMapMetric::TopShare;
}

bool isTailInflation(HeatMapMetric metric) {
    return metric == HeatMapMetric::TailInflation || metric == HeatMapMetric::TailInflationOverM;
}

bool usesHeadGroup(HeatMapMetric metric) {
    return usesNoise(metric);
}

bool isOfHeads(HeatMapMetric metric) {
    return !isAnalytic(metric) && !isOfLayers(metric);
}

DamageMember damageMember(HeatMapMetric metric) {
    if (metric == HeatMapMetric::BandDamageNll || metric == HeatMapMetric::LayerDamageNll)
        return &DamageCell::nll;
    if (metric == HeatMapMetric::BandDamageNoise || metric == HeatMapMetric::LayerDamageNoise)
        return &DamageCell::noiseKl;
    return &DamageCell::kl;
}

QString metricAnchor(HeatMapMetric metric) {
    const char* section = "top-shares-ours";
    if (isOfTails(metric)) section = "tail-inflation-ratio-tir-ours-after-the-papers-wording";
    if (isPressure(metric)) section = "interpolation-pressure-ip-ours-after-the-papers-wording";
    if (usesGradient(metric)) section = "sensitivities-measured-pressure-and-gains-ours";
    if (metric == HeatMapMetric::RangeDilation) section = "dynamic-range-dilation-ours";
    if (metric == HeatMapMetric::BitsLost || metric == HeatMapMetric::ClipRate)
        section = "calibration-loss-ours";
    if (usesNoise(metric) || usesDamage(metric)) section = "quantization-noise-ours";
    return QStringLiteral("theory.md#") + QLatin1String(section);
}

QString metricTip(HeatMapMetric metric) {
    return metricText(metric).formula + u'\n'
           + HeatMapPanel::tr("Handbook (F1): %1").arg(metricAnchor(metric));
}

ScaleStyle styleOf(HeatMapMetric metric) {
    switch (metric) {
    case HeatMapMetric::TailInflation:
    case HeatMapMetric::TailInflationOverM:
        return {true, 1.0, 0.05};
    case HeatMapMetric::BitsLost:
        return {false, 0.0, 0.05};
    case HeatMapMetric::ExcessTailMass:
    case HeatMapMetric::ExcessTailMassOverM:
        return {false, 0.0, 1e-5};
    case HeatMapMetric::GainSensitivity:
    case HeatMapMetric::LogitNoiseMean:
    case HeatMapMetric::BandDamageNll:
    case HeatMapMetric::LayerDamageNll:
        return {false, 0.0, 1e-6};
    case HeatMapMetric::LogitNoiseRms:
    case HeatMapMetric::BandDamageKl:
    case HeatMapMetric::BandDamageNoise:
    case HeatMapMetric::LayerDamageKl:
    case HeatMapMetric::LayerDamageNoise:
    case HeatMapMetric::PressureRaw:
    case HeatMapMetric::PressureMeasured:
    case HeatMapMetric::RangeDilation:
        return {true, std::nullopt, 0};
    default:
        return {};
    }
}

bool isAnalytic(HeatMapMetric metric) {
    return metric == HeatMapMetric::PressureRaw || metric == HeatMapMetric::PressureSaturated;
}

ScaleStyle differenceStyleOf(HeatMapMetric metric) {
    double smallest = 1e-3; // of shares and ratios: less than this is nothing to look at
    if (usesGradient(metric) || usesNoise(metric) || usesDamage(metric)) smallest = 1e-6;
    if (metric == HeatMapMetric::Anisotropy || metric == HeatMapMetric::NoiseDepth) smallest = 0.01;
    if (metric == HeatMapMetric::ClipRate || (isOfTails(metric) && !isTailInflation(metric))) smallest = 1e-5;
    if (isTailInflation(metric) || metric == HeatMapMetric::RangeDilation
        || metric == HeatMapMetric::BitsLost)
        smallest = 0.01;
    return {false, 0.0, smallest};
}

BandGrid metricGrid(HeatMapMetric metric, const ModelConfig& model, const ConditionResult& condition,
                    const ConditionResult* reference, const BandPartition& bands, const Selection& now,
                    PoolCache* pools) {
    const double distance = condition.key.context;
    const int group = shownHeadGroup(now.group, condition.noise.shape().groups);
    switch (metric) {
    case HeatMapMetric::TailInflation:
    case HeatMapMetric::TailInflationOverM:
        return tailInflation(
            condition, *reference, bands,
            {now.tensor, now.stage, now.epsilon, metric == HeatMapMetric::TailInflationOverM}, pools);
    case HeatMapMetric::ExcessTailMass:
    case HeatMapMetric::ExcessTailMassOverM:
        return excessTailMass(
            condition, *reference, bands,
            {now.tensor, now.stage, now.epsilon, metric == HeatMapMetric::ExcessTailMassOverM}, pools);
    case HeatMapMetric::PressureRaw:
        return pressureGrid(PressureForm::Raw, condition.table, distance, bands, condition.statistics);
    case HeatMapMetric::PressureSaturated:
        return pressureGrid(PressureForm::Saturated, condition.table, distance, bands, condition.statistics);
    case HeatMapMetric::PressureWeighted:
        return pressureGrid(PressureForm::EnergyWeighted, condition.table, distance, bands,
                            condition.statistics);
    case HeatMapMetric::PressureMeasured:
        return measuredPressure(condition.sensitivity, bands);
    case HeatMapMetric::GainSensitivity:
        return gainSensitivity(condition.sensitivity, bands);
    case HeatMapMetric::RangeDilation:
        return rangeDilation(condition, now.tensor, bands, pools);
    case HeatMapMetric::BitsLost:
        return calibrationLoss(condition, *reference, bands, now.tensor, now.stage, pools).bitsLost;
    case HeatMapMetric::ClipRate:
        return calibrationLoss(condition, *reference, bands, now.tensor, now.stage, pools).clipRate;
    case HeatMapMetric::TopShare:
        return topShareByBand(condition, bands, now.tensor, now.stage, now.epsilon, pools);
    case HeatMapMetric::Anisotropy:
        return anisotropyGrid(condition, bands, now.tensor, group);
    case HeatMapMetric::NoiseDepth:
        return noiseDepthGrid(condition, model.attentionFactor(), bands, group);
    case HeatMapMetric::LogitNoiseRms:
        return logitNoiseGrid(condition, bands, LogitNoise::Rms, -1, group);
    case HeatMapMetric::LogitNoiseMean:
        return logitNoiseGrid(condition, bands, LogitNoise::Mean, -1, group);
    case HeatMapMetric::BandDamageKl:
    case HeatMapMetric::BandDamageNll:
    case HeatMapMetric::BandDamageNoise:
        return damageGrid(condition, bands, now.tensor, damageMember(metric));
    case HeatMapMetric::LayerDamageKl:
    case HeatMapMetric::LayerDamageNll:
    case HeatMapMetric::LayerDamageNoise:
        return layerDamage(condition, damageMember(metric));
    }
    return {};
}

namespace {

/// What is missing of recorded errors or damage; empty: nothing.
QString whyNoErrors(HeatMapMetric metric, const ConditionResult& condition, const BandPartition& bands) {
    const QString name = conditionName(condition.key), what = metricText(metric).name;
    if (condition.noise.empty() && condition.damage.empty() && condition.distortions.empty())
        return HeatMapPanel::tr(
                   "%1 has the weights as they are: there is no quantization error. Select a quantized "
                   "condition to see %2.")
            .arg(name, what);
    if (usesNoise(metric)) {
        if (!condition.noise.empty()) return {};
        return HeatMapPanel::tr(
                   "%1 was run without recording quantization errors. Ask for them in the setup and press "
                   "Run (what is done stays), or use qroar analyze with --noise --resume, to see %2.")
            .arg(name, what);
    }
    const QString how =
        isOfLayers(metric) ? QStringLiteral("--damage layers") : QStringLiteral("--damage bands");
    if (condition.damage.empty() || (!isOfLayers(metric) && condition.damage.bandEdges.empty()))
        return HeatMapPanel::tr(
                   "%1 was run without measuring the damage. Ask for it in the setup and press Run (what is "
                   "done "
                   "stays), or use qroar analyze with %2 --resume, to see %3.")
            .arg(name, how, what);
    if (isOfLayers(metric) || condition.damage.bandEdges == bands.edges()) return {};
    QStringList edges;
    for (const int edge : condition.damage.bandEdges) edges << QString::number(edge);
    return HeatMapPanel::tr(
               "Damage is measured band by band, and that of %1 is for the bands %2. Set these bands, or "
               "measure "
               "again for the bands in force (qroar analyze with --damage bands --resume).")
        .arg(name, edges.join(u','));
}

} // namespace

QString whyNoMetric(HeatMapMetric metric, const ModelConfig& model, const ConditionResult* condition,
                    const ConditionResult* reference, const BandPartition& bands) {
    const int trained = model.trainedContext();
    if (!condition)
        return HeatMapPanel::tr(
                   "No condition has been run yet. Choose RoPE specs, context lengths and quantizers and "
                   "press Run, "
                   "or use the command line: qroar analyze MODEL --text FILE --contexts %1,%2 --rope none "
                   "--rope yarn:4 -o "
                   "run.h5")
            .arg(trained)
            .arg(4 * trained);
    const QString name = conditionName(condition->key);
    if (usesGradient(metric)) {
        if (!condition->sensitivity.empty()) return {};
        return HeatMapPanel::
            tr("%1 was run without gradients. Tick \"Gradients\" among the options of the setup and press "
               "Run (what is done stays), or use qroar analyze with --gradients --resume, to see %2.")
                .arg(name, metricText(metric).name);
    }
    if (usesNoise(metric) || usesDamage(metric)) return whyNoErrors(metric, *condition, bands);
    if (condition->statistics.cells() == 0)
        return DiagnosticPanel::noStatisticsText(name, metricText(metric).name);
    if (isPressure(metric) && condition->table.spec.kind == RopeKind::None)
        return HeatMapPanel::tr(
                   "%1 scales nothing, so there is no interpolation pressure. Select a condition with RoPE "
                   "scaling.")
            .arg(name);
    if (!needsReference(metric)) return {};
    if (!reference)
        return HeatMapPanel::tr(
                   "%1 compares with a short reference, and there is none: add the RoPE spec \"none\" at a "
                   "context of %2 tokens (the trained length) or fewer in Setup, and press Run (what is done "
                   "stays).")
            .arg(metricText(metric).name, groupedCount(trained));
    if (reference == condition)
        return HeatMapPanel::tr(
                   "%1 is itself the short reference that %2 compares with. Select a longer condition or one "
                   "with RoPE "
                   "scaling.")
            .arg(name, metricText(metric).name);
    return {};
}

} // namespace qroar
