#include "widgets/panels/pair_metric.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/session/search_record.h"
#include "core/session/what_if.h"

#include <QCoreApplication>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

QString tr(const char* text) {
    return QCoreApplication::translate("PairMetric", text);
}

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

/// The scales that a condition names; null: not in this session.
const QkGains* scalesOf(const Session& session, const std::string& name) {
    if (name.empty()) return nullptr;
    for (const auto& search : session.searches)
        if (search->scales.name == name) return &search->scales.gains;
    for (const auto& whatIf : session.whatIfs)
        if (whatIf->scales.name == name) return &whatIf->scales.gains;
    return nullptr;
}

/// Geometric mean over the query heads of the group, or all of them.
std::vector<double> gainsOf(const Session& session, const ConditionResult& condition,
                            const PairQuestion& question) {
    const QkGains* gains = scalesOf(session, condition.key.scales);
    if (!gains || question.layer >= gains->layers || question.layer < 0) return {};
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

} // namespace

PairMetricText pairMetricText(PairMetric metric) {
    switch (metric) {
    case PairMetric::Saturated:
        return {
            "ip_saturated",
            tr("IP saturated"),
            {},
            tr("min(IP, π)/π at the distance D = context length; IP = |dφ/d ln s|. [ours, after the papers' "
               "wording]"),
            false,
            false};
    case PairMetric::Raw:
        return {
            "ip_raw",
            tr("IP raw"),
            tr("rad"),
            tr("IP = |dφ/d ln s|, φ = ω′(s)·D, at the distance D = context length. [ours, after the papers' "
               "wording]"),
            true,
            false};
    case PairMetric::Displacement:
        return {"displacement", tr("Phase displacement"),
                tr("rad"),      tr("|ω − ω′|·D at the distance D = context length. [ours]"),
                true,           false};
    case PairMetric::Wavelength:
        return {
            "wavelength", tr("Wavelength after scaling"),
            tr("tokens"), tr("2π/ω′, with the trained length L0 and the context length L as lines. [std]"),
            true,         false};
    case PairMetric::Energy:
        return {"energy", tr("Energy"),
                {},       tr("E|q|·E|k| of the pair in the selected layer, before RoPE. [ours]"),
                true,     true};
    case PairMetric::Measured:
        return {"ip_measured",
                tr("IP measured"),
                tr("nats"),
                tr("|d NLL / d ln ω′| of the pair in the selected layer, from a reverse pass. [ours]"),
                false,
                true};
    case PairMetric::GainSensitivity:
        return {
            "gain_sensitivity",
            tr("Gain sensitivity"),
            tr("nats"),
            tr("d NLL / d ln g of the pair's gain in the selected layer, all query heads; below 0 a larger "
               "gain lowers the loss. [ours]"),
            false,
            true};
    case PairMetric::TailInflation:
        return {
            "tir",
            tr("Tail inflation"),
            {},
            tr("Quantile 1 − ε of |x| at positions from L0 on over that of the short reference, of the pair "
               "in the selected layer. [ours, after the papers' wording]"),
            true,
            true};
    case PairMetric::Gain:
        return {
            "gain",
            tr("Gain gQ·gK"),
            {},
            tr("What the condition's scales multiply the logits of the pair with; geometric mean over the "
               "query heads of the selected layer or head group. [ours]"),
            true,
            true};
    }
    return {};
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

QString whyNoPairValues(PairMetric metric, const ConditionResult& condition) {
    switch (metric) {
    case PairMetric::Measured:
    case PairMetric::GainSensitivity:
        return tr("run it with gradients (analyze --gradients --resume)");
    case PairMetric::Energy:
        return tr("run it with capture on");
    case PairMetric::TailInflation:
        return tr("needs a short reference with capture: RoPE none at the trained length");
    case PairMetric::Gain:
        return condition.key.scales.empty() ? tr("the condition was run without scales")
                                            : tr("this session holds no scales of that name");
    default:
        return tr("no data");
    }
}

} // namespace qroar
