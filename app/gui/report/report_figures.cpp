#include "app/gui/report/report_figures.h"

#include "widgets/common/before_after.h"
#include "widgets/common/default_condition.h"
#include "widgets/panels/heat_map_metric.h"

#include <algorithm>

namespace qroar {

namespace {

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

void addDifferences(const Session& session, int condition, QList<ReportFigure>& figures) {
    const ScaleTwins twins = scaleTwins(session, condition, {});
    if (!twins.complete()) return;
    for (FigureSpec spec : {heatMapOf(HeatMapMetric::TailInflation, {}), figureOf("histogram", {}),
                            figureOf("perplexity", {})}) {
        spec.condition = conditionText(session, twins.after);
        spec.other = conditionText(session, twins.before);
        spec.selection.compare = CompareMode::Difference;
        figures.push_back({ReportSection::Search, spec});
    }
}

} // namespace

QList<ReportFigure> reportFigures(const Session& session, const QString& condition) {
    const int index = condition.isEmpty() ? mostTellingCondition(session) : indexOf(session, condition);
    const QString text = conditionText(session, index);
    QList<ReportFigure> figures{{ReportSection::Frequencies, figureOf("spectrum", text)},
                                {ReportSection::Loss, figureOf("perplexity", text)}};
    for (const HeatMapMetric metric : heatMapMetrics)
        figures.push_back({sectionOf(metric), heatMapOf(metric, text)});
    figures.push_back({ReportSection::Diagnostics, figureOf("histogram", text)});
    figures.push_back({ReportSection::Diagnostics, figureOf("outliers", text)});
    for (const char* view : {"noise", "distortion"})
        figures.push_back({ReportSection::Quantization, figureOf(view, text)});
    figures.push_back({ReportSection::Search, figureOf("search", text)});
    addDifferences(session, index, figures);
    std::stable_sort(figures.begin(), figures.end(), [](const ReportFigure& a, const ReportFigure& b) {
        return static_cast<int>(a.section) < static_cast<int>(b.section);
    });
    return figures;
}

} // namespace qroar
