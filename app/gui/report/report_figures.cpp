#include "app/gui/report/report_figures.h"

#include "app/gui/report/report_places.h"
#include "core/session/search_record.h"
#include "widgets/common/before_after.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/panels/heat_map_metric.h"

#include <QCoreApplication>

#include <algorithm>

namespace qroar {

namespace {

class ReportFigures {
    Q_DECLARE_TR_FUNCTIONS(ReportFigures)
};

QString conditionText(const Session& session, int index) {
    if (index < 0) return {};
    return QString::fromStdString(session.conditions[static_cast<std::size_t>(index)]->key.text());
}

int indexOf(const Session& session, const QString& text) {
    for (int index = 0; index < static_cast<int>(session.conditions.size()); ++index)
        if (conditionText(session, index) == text) return index;
    return mostTellingCondition(session);
}

/// A figure as wide as the text of the report, without what the page says beside it.
FigureSpec figureOf(const char* view, const QString& condition) {
    FigureSpec spec;
    spec.view = QLatin1String(view);
    spec.condition = condition;
    spec.style.size = FigureSize::Custom;
    spec.style.unit = FigureStyle::Unit::Pixels;
    spec.style.width = 760;
    spec.style.fontPoints = 9;
    spec.style.title = spec.style.footer = false;
    return spec;
}

FigureSpec heatMapOf(HeatMapMetric metric, const QString& condition) {
    FigureSpec spec = figureOf("heatmap", condition);
    spec.options.push_back({QStringLiteral("metric"), metricKey(metric)});
    return spec;
}

ReportSection sectionOf(HeatMapMetric metric) {
    const QString key = metricKey(metric);
    const bool ofQuantization = key.contains(QLatin1String("noise")) || key.contains(QLatin1String("damage"))
                                || key.contains(QLatin1String("anisotropy"))
                                || key.contains(QLatin1String("clip")) || key.contains(QLatin1String("bits"));
    return ofQuantization ? ReportSection::Quantization : ReportSection::Diagnostics;
}

void show(const ReportPlace& place, FigureSpec& spec) {
    spec.selection.layer = place.layer;
    spec.selection.band = place.band;
    spec.selection.tensor = place.tensor;
}

/// "Marked: ..." of a map, whose other cells are seen as well.
QString markedNote(const ScaleStyle& style) {
    return style.centre
               ? ReportFigures::tr("Marked: the cell farthest from %1.").arg(readableNumber(*style.centre, 3))
               : ReportFigures::tr("Marked: the largest value.");
}

void addHeatMaps(const Session& session, const ConditionResult* condition, const QString& text,
                 QList<ReportFigure>& figures) {
    for (const HeatMapMetric metric : heatMapMetrics) {
        ReportFigure figure{sectionOf(metric), heatMapOf(metric, text)};
        const auto place = condition ? strongestCell(session, *condition, metric, QkTensor::K) : std::nullopt;
        if (place) {
            show(*place, figure.spec);
            figure.note = markedNote(styleOf(metric));
            figure.spec.style.selection = true;
        }
        figures.push_back(figure);
    }
}

/// Views of one layer and band: where the tails of q or k change most from the short condition.
void addTails(const Session& session, const ConditionResult* condition, const QString& text,
              QList<ReportFigure>& figures) {
    const auto place =
        condition ? strongestCell(session, *condition, HeatMapMetric::TailInflation) : std::nullopt;
    for (const char* view : {"histogram", "outliers"}) {
        ReportFigure figure{ReportSection::Diagnostics, figureOf(view, text)};
        if (place) {
            show(*place, figure.spec);
            figure.note =
                ReportFigures::tr("Of all layers and bands of q and k, the one whose tail inflation is "
                                  "farthest from 1: TIR %1 in layer %2, %3, %4.")
                    .arg(readableNumber(place->value, 4))
                    .arg(place->layer)
                    .arg(bandName(session, place->band),
                         place->tensor == QkTensor::Q ? QStringLiteral("q") : QStringLiteral("k"));
        }
        figures.push_back(figure);
    }
}

void addQuantization(const Session& session, const ConditionResult* condition, const QString& text,
                     QList<ReportFigure>& figures) {
    ReportFigure noise{ReportSection::Quantization, figureOf("noise", text)};
    const auto place =
        condition ? strongestCell(session, *condition, HeatMapMetric::LogitNoiseRms) : std::nullopt;
    if (place) {
        show(*place, noise.spec);
        noise.note = ReportFigures::tr("The layer and band with the largest noise of the attention logits.");
    }
    figures.push_back(noise);
    ReportFigure distortion{ReportSection::Quantization, figureOf("distortion", text)};
    if (const int layer = condition ? mostDistortedLayer(*condition) : -1; layer >= 0) {
        distortion.spec.selection.layer = layer;
        distortion.spec.style.selection = true;
        distortion.note = ReportFigures::tr("Marked: the layer with the lowest SNR over its projections.");
    }
    figures.push_back(distortion);
}

ReportFigure phases(const Session& session, const ConditionResult* condition, const QString& text) {
    ReportFigure figure{ReportSection::Frequencies, figureOf("phases", text)};
    figure.note =
        ReportFigures::tr("The effective angle ω′·D between a query and a key D tokens before it, modulo "
                          "2π, for every rotary pair: one map for each RoPE spec of the session.");
    const int pair = condition ? mostMovedPair(*condition) : -1;
    if (pair < 0) return figure;
    figure.spec.selection.pair = pair;
    figure.spec.selection.band = std::max(0, session.bands.bandOf(pair));
    figure.spec.style.selection = true;
    figure.note += u' '
                   + ReportFigures::tr("Marked: the pair whose angle %1 changes most.")
                         .arg(QString::fromStdString(condition->key.rope.text()));
    return figure;
}

/// A figure of each; without any, one whose text says so.
void addSearches(const Session& session, const QString& text, QList<ReportFigure>& figures) {
    for (const auto& record : session.searches) {
        ReportFigure search{ReportSection::Search, figureOf("search", text)};
        search.spec.options.push_back(
            {QStringLiteral("search"), QString::fromStdString(record->scales.name)});
        if (const auto gain = strongestGain(session, *record)) {
            show(*gain, search.spec);
            search.spec.style.selection = true;
            search.note = ReportFigures::tr("Marked: the gain farthest from 1.");
        }
        figures.push_back(search);
    }
    if (session.searches.empty()) figures.push_back({ReportSection::Search, figureOf("search", text)});
}

/// A minus B, or a sentence when nothing differs.
void addDifferences(const Session& session, int condition, QList<ReportFigure>& figures) {
    const ScaleTwins twins = scaleTwins(session, condition, {});
    if (!twins.complete()) return;
    const auto& all = session.conditions;
    const ConditionResult &a = *all[static_cast<std::size_t>(twins.after)],
                          &b = *all[static_cast<std::size_t>(twins.before)];
    const auto add = [&](FigureSpec spec, const std::optional<ReportPlace>& place, const QString& note,
                         const QString& instead) {
        spec.condition = conditionText(session, twins.after);
        spec.other = conditionText(session, twins.before);
        spec.selection.compare = CompareMode::Difference;
        if (place) show(*place, spec);
        spec.style.selection = place && spec.view == QLatin1String("heatmap"); // its note tells
        figures.push_back({ReportSection::Search, spec, note, instead});
    };
    const bool captured = a.statistics.cells() > 0 && b.statistics.cells() > 0;
    const auto tails = strongestDifference(session, a, b, HeatMapMetric::TailInflation);
    const bool hasTails = strongestCell(session, a, HeatMapMetric::TailInflation)
                          || strongestCell(session, b, HeatMapMetric::TailInflation);
    add(heatMapOf(HeatMapMetric::TailInflation, {}), tails,
        tails ? markedNote(differenceStyleOf(HeatMapMetric::TailInflation)) : QString(),
        hasTails && !tails
            ? ReportFigures::tr("Tail inflation is the same with gains and without in every layer "
                                "and band of q and k: there is no difference to draw.")
            : QString());
    const auto moved = largestMagnitudeChange(session, a, b);
    add(figureOf("histogram", {}), moved,
        moved ? ReportFigures::tr(
                    "Of all layers and bands of q and k, the one whose magnitudes the gains change "
                    "most: %1 % of the values lie in other bins (half the area between the curves).")
                    .arg(readableNumber(100 * moved->value, 3))
              : QString(),
        captured && !moved
            ? ReportFigures::tr("Magnitudes are the same with gains and without in every layer and "
                                "band of q and k: there is no difference to draw.")
            : QString());
    add(figureOf("perplexity", {}), std::nullopt, {},
        sameLosses(a, b)
            ? ReportFigures::tr("Every token has the same loss with gains and without: there is no "
                                "difference to draw.")
            : QString());
}

ReportFigure ropeAudit(const QString& text) {
    ReportFigure figure{ReportSection::Frequencies, figureOf("rope-audit", text)};
    figure.spec.options.push_back({QStringLiteral("scaling"), QStringLiteral("condition")});
    figure.note =
        ReportFigures::tr("By how much other programs would turn the pairs otherwise, if they opened "
                          "the model with the condition's scaling as an export writes it.");
    return figure;
}

} // namespace

QList<ReportFigure> reportFigures(const Session& session, const QString& condition) {
    const int index = condition.isEmpty() ? mostTellingCondition(session) : indexOf(session, condition);
    const QString text = conditionText(session, index);
    const ConditionResult* shown =
        index < 0 ? nullptr : session.conditions[static_cast<std::size_t>(index)].get();
    QList<ReportFigure> figures{{ReportSection::Frequencies, figureOf("spectrum", text)},
                                phases(session, shown, text),
                                ropeAudit(text),
                                {ReportSection::Loss, figureOf("perplexity", text)}};
    addHeatMaps(session, shown, text, figures);
    addTails(session, shown, text, figures);
    addQuantization(session, shown, text, figures);
    addSearches(session, text, figures);
    addDifferences(session, index, figures);
    std::stable_sort(figures.begin(), figures.end(), [](const ReportFigure& a, const ReportFigure& b) {
        return static_cast<int>(a.section) < static_cast<int>(b.section);
    });
    return figures;
}

} // namespace qroar
