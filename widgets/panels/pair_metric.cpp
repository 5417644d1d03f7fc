#include "widgets/panels/pair_metric.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/session/what_if.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(PairMetric)
};

std::vector<double> rowOf(const BandGrid& grid, int layer) {
    if (layer < 0 || layer >= grid.layers) return {};
    std::vector<double> row;
    for (int pair = 0; pair < grid.bands; ++pair) row.push_back(grid.at(layer, pair));
    return row;
}

/// Only this layer's: a grid of all layers takes too long for a window.
std::vector<double> tailInflationOf(const Session& session, const ConditionResult& condition,
                                    const PairQuestion& question) {
    const auto reference = session.shortReference(condition);
    if (!reference || reference.get() == &condition || condition.statistics.cells() == 0
        || reference->statistics.cells() == 0)
        return {};
    std::vector<double> values;
    const double p = 1 - question.epsilon;
    for (int pair = 0; pair < condition.statistics.shape().pairs; ++pair) {
        const auto quantile = [&](const ConditionResult& one, PositionRange positions) {
            const double value = pooledHistogram(one.statistics, question.layer, question.tensor,
                                                 question.stage, pair, pair + 1, positions)
                                     .quantile(p);
            const bool resolved = value >= LogHistogram::binLower(1)
                                  && value < LogHistogram::binLower(LogHistogram::binCount - 1);
            return resolved ? value : std::nan("");
        };
        values.push_back(quantile(condition, longPositions(condition)) / quantile(*reference, {}));
    }
    return values;
}

/// Geometric mean over the query heads of the group, or all of them.
std::vector<double> gainsOf(const Session& session, const ConditionResult& condition,
                            const PairQuestion& question) {
    if (condition.key.scales.empty()) return {};
    const std::shared_ptr<const ScaleSet> scales = scalesNamed(session, condition.key.scales).scales;
    if (!scales || question.layer >= scales->gains.layers || question.layer < 0) return {};
    const QkGains* gains = &scales->gains;
    const int perGroup = std::max(1, gains->heads / std::max(1, gains->kvHeads));
    const bool one = question.group >= 0 && question.group < gains->kvHeads;
    const int first = one ? question.group * perGroup : 0, end = one ? first + perGroup : gains->heads;
    std::vector<double> values;
    for (int pair = 0; pair < gains->pairs; ++pair) {
        double sum = 0;
        for (int head = first; head < end; ++head)
            sum += std::log(gains->effective(question.layer, head, pair));
        values.push_back(std::exp(sum / (end - first)));
    }
    return values;
}

/// Of what is stored of the selected layer.
PairMetricText textOfLayer(PairMetric metric) {
    switch (metric) {
    case PairMetric::Energy:
        return {"energy", Words::tr("Energy"),
                {},       Words::tr("E|q|·E|k| of the pair in the selected layer, before RoPE. [ours]"),
                true,     true};
    case PairMetric::Measured:
        return {"ip_measured",
                Words::tr("IP measured"),
                Words::tr("nats"),
                Words::tr("|d NLL / d ln ω′| of the pair in the selected layer, from a reverse pass. [ours]"),
                false,
                true};
    case PairMetric::GainSensitivity:
        return {
            "gain_sensitivity",
            Words::tr("Gain sensitivity"),
            Words::tr("nats"),
            Words::tr(
                "d NLL / d ln g of the pair's gain in the selected layer, all query heads; below 0 a larger "
                "gain lowers the loss. [ours]"),
            false,
            true};
    case PairMetric::TailInflation:
        return {
            "tir",
            Words::tr("Tail inflation"),
            {},
            Words::tr(
                "Quantile 1 − ε of |x| at positions from L0 on over that of the short reference, of the pair "
                "in the selected layer. [ours, after the papers' wording]"),
            true,
            true};
    case PairMetric::Gain:
        return {
            "gain",
            Words::tr("Gain gQ·gK"),
            {},
            Words::tr(
                "What the condition's scales multiply the logits of the pair with; geometric mean over the "
                "query heads of the selected layer or head group. [ours]"),
            true,
            true};
    default:
        return {};
    }
}

} // namespace

PairMetricText pairMetricText(PairMetric metric) {
    switch (metric) {
    case PairMetric::Saturated:
        return {
            "ip_saturated",
            Words::tr("IP saturated"),
            {},
            Words::tr(
                "min(IP, π)/π at the distance D = context length; IP = |dφ/d ln s|. [ours, after the papers' "
                "wording]"),
            false,
            false};
    case PairMetric::Raw:
        return {
            "ip_raw",
            Words::tr("IP raw"),
            Words::tr("rad"),
            Words::tr(
                "IP = |dφ/d ln s|, φ = ω′(s)·D, at the distance D = context length. [ours, after the papers' "
                "wording]"),
            true,
            false};
    case PairMetric::Displacement:
        return {"displacement",
                Words::tr("Phase displacement"),
                Words::tr("rad"),
                Words::tr("|ω − ω′|·D at the distance D = context length. [ours]"),
                true,
                false};
    case PairMetric::Wavelength:
        return {"wavelength",
                Words::tr("Wavelength 2π/ω′ (scaled)"),
                Words::tr("tokens"),
                Words::tr("2π/ω′ of the frequencies after scaling, with the trained length L0 and the "
                          "context length L as lines. [std]"),
                true,
                false};
    default:
        return textOfLayer(metric);
    }
}

std::vector<double> pairValues(PairMetric metric, const Session& session, const ConditionResult& condition,
                               const PairQuestion& question) {
    const FrequencyTable& table = condition.table;
    const auto pairs = static_cast<int>(table.omega.size());
    std::vector<double> values;
    switch (metric) {
    case PairMetric::Saturated:
    case PairMetric::Raw:
    case PairMetric::Displacement:
        for (const PairPressure& pair : pairPressure(table, condition.key.context))
            values.push_back(metric == PairMetric::Raw         ? pair.raw
                             : metric == PairMetric::Saturated ? pair.saturated
                                                               : pair.displacement);
        return values;
    case PairMetric::Wavelength:
        for (int pair = 0; pair < pairs; ++pair) values.push_back(table.wavelength(pair));
        return values;
    case PairMetric::Energy:
        return condition.statistics.cells() > 0 ? pairEnergy(condition.statistics, question.layer) : values;
    case PairMetric::Measured:
    case PairMetric::GainSensitivity: {
        if (condition.sensitivity.empty() || pairs < 1) return values;
        const BandPartition single = BandPartition::equal(pairs, pairs);
        return rowOf(metric == PairMetric::Measured ? measuredPressure(condition.sensitivity, single)
                                                    : gainSensitivity(condition.sensitivity, single),
                     question.layer);
    }
    case PairMetric::TailInflation:
        return tailInflationOf(session, condition, question);
    case PairMetric::Gain:
        return gainsOf(session, condition, question);
    }
    return values;
}

QString whyNoPairValues(PairMetric metric, const Session& session, const ConditionResult& condition) {
    switch (metric) {
    case PairMetric::Measured:
    case PairMetric::GainSensitivity:
        return Words::tr("run it with gradients (analyze --gradients --resume)");
    case PairMetric::Energy:
        return Words::tr("run for perplexity only: analyze it into another session");
    case PairMetric::TailInflation:
        if (condition.statistics.cells() > 0 && session.shortReference(condition).get() == &condition)
            return Words::tr("this is the short reference that others are compared with");
        return Words::tr("needs a short reference: RoPE none at the trained length");
    case PairMetric::Gain:
        return condition.key.scales.empty() ? Words::tr("the condition was run without scales")
                                            : Words::tr("this session holds no scales of that name");
    default:
        return Words::tr("no data");
    }
}

} // namespace qroar
