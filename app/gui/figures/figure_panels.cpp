#include "app/gui/figures/figure_panels.h"

#include "app/gui/window/plot_area.h"
#include "core/session/condition_name.h"
#include "widgets/common/names.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/panels/distortion_panel.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/histogram_panel.h"
#include "widgets/panels/noise_panel.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/panels/perplexity_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/rope_audit_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/base_plot.h"

#include <QCoreApplication>
#include <QFileInfo>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(FigurePanels)
};

template<class Panel>
FigureKind kind(const char* key, const char* title) {
    return {QLatin1String(key), QCoreApplication::translate("FigurePanels", title), &Panel::staticMetaObject,
            [](SelectionModel* selection) { return std::make_unique<Panel>(selection); }};
}

QString wrong(const char* option, const QString& expected, const QString& found) {
    return Words::tr("--%1: expected %2, found \"%3\"").arg(QLatin1String(option), expected, found);
}

/// What was asked for: of a map the metric, whatever the view was made for.
QString nameOf(const DiagnosticPanel& panel) {
    const auto* map = qobject_cast<const HeatMapPanel*>(&panel);
    return map ? metricText(map->metric()).name : panel.title();
}

QString checkIndex(const char* option, int value, int count) {
    if (value < count) return {};
    return wrong(option, Words::tr("0 to %1").arg(count - 1), QString::number(value));
}

} // namespace

const std::vector<FigureKind>& figureKinds() {
    static const std::vector<FigureKind> kinds{
        kind<SpectrumPanel>("spectrum", QT_TRANSLATE_NOOP("FigurePanels", "frequencies, bands, pressure")),
        {QStringLiteral("heatmap"), Words::tr("a metric by layer and band"), &HeatMapPanel::staticMetaObject,
         [](SelectionModel* selection) {
             return std::make_unique<HeatMapPanel>(HeatMapMetric::TailInflation, selection);
         }},
        kind<HistogramPanel>("histogram", QT_TRANSLATE_NOOP("FigurePanels", "magnitudes of q or k")),
        kind<PerplexityPanel>("perplexity", QT_TRANSLATE_NOOP("FigurePanels", "loss by length and position")),
        kind<OutlierPanel>("outliers", QT_TRANSLATE_NOOP("FigurePanels", "where the largest values sit")),
        kind<DistortionPanel>("distortion", QT_TRANSLATE_NOOP("FigurePanels", "quantized weights per layer")),
        kind<NoisePanel>("noise", QT_TRANSLATE_NOOP("FigurePanels", "noise of logits by distance")),
        kind<PhasePanel>("phases", QT_TRANSLATE_NOOP("FigurePanels", "RoPE angles by pair and distance")),
        kind<RopeAuditPanel>("rope-audit",
                             QT_TRANSLATE_NOOP("FigurePanels", "what other loaders make of the RoPE")),
        kind<SearchPanel>("search", QT_TRANSLATE_NOOP("FigurePanels", "trials of a search and its gains"))};
    return kinds;
}

QString figureKey(const DiagnosticPanel& panel) {
    for (const FigureKind& kind : figureKinds())
        if (kind.type == panel.metaObject()) return kind.key;
    return {};
}

FigureView::FigureView() = default;
FigureView::~FigureView() = default;
FigureView::FigureView(FigureView&&) noexcept = default;
FigureView& FigureView::operator=(FigureView&&) noexcept = default;

QString FigureView::set(const FigureSpec& spec, const std::shared_ptr<const Session>& session,
                        const SessionSource& source, const QString& sessionPath) {
    spec_ = spec;
    misfit_ = false;
    QStringList keys;
    panel_.reset();
    selection_ = std::make_unique<SelectionModel>();
    for (const FigureKind& kind : figureKinds()) {
        keys << kind.key;
        if (kind.key == spec.view) panel_ = kind.make(selection_.get());
    }
    if (!panel_)
        return wrong("figure", Words::tr("one of %1").arg(keys.join(QStringLiteral(", "))), spec.view);
    std::shared_ptr<const Session> other;
    if (!spec.otherSession.isEmpty()) {
        QString error;
        other = source ? source(spec.otherSession, &error) : nullptr;
        if (!other) return misfit(Words::tr("--compare: %1").arg(error));
    }
    panel_->setProvenance(provenanceLine(*session));
    panel_->setSession(session);
    const auto named = [](const QString& path, const QString& beside) {
        return path.isEmpty() ? QString()
                              : nameApart(path, beside.isEmpty() ? QStringList() : QStringList(beside));
    };
    if (other)
        panel_->setOther(other, named(spec.otherSession, sessionPath), provenanceLine(*other),
                         named(sessionPath, spec.otherSession));
    if (const QString error = select(session, other); !error.isEmpty()) return error;
    return setUp();
}

QString FigureView::misfit(const QString& problem) {
    misfit_ = !problem.isEmpty();
    return problem;
}

QString FigureView::notDrawn() const {
    QStringList notes;
    notes << panel_->comparisonNote();
    if (const auto* phases = qobject_cast<const PhasePanel*>(panel_.get())) notes << phases->specError();
    for (const auto* colours : panel_->findChildren<HeatMapOptions*>()) notes << colours->note();
    notes.removeAll(QString());
    return notes.join(QStringLiteral("; "));
}

QString FigureView::select(const std::shared_ptr<const Session>& session,
                           const std::shared_ptr<const Session>& other) {
    Selection next = spec_.selection;
    const auto find = [this](const char* option, const QString& text, const Session& where, int& index) {
        index = -1;
        if (text.isEmpty()) return QString();
        const Outcome<int> found = conditionNamed(where, text.toStdString());
        if (found) index = *found;
        return found ? QString()
                     : misfit(QStringLiteral("--%1: %2")
                                  .arg(QLatin1String(option), QString::fromStdString(found.error().message)));
    };
    QString error = find("condition", spec_.condition, *session, next.condition);
    if (error.isEmpty()) error = find("other", spec_.other, other ? *other : *session, next.conditionB);
    if (error.isEmpty() && spec_.selection.compare != CompareMode::A && spec_.other.isEmpty())
        error = Words::tr("--show: B is asked for, but no --other says which condition that is");
    if (error.isEmpty() && !spec_.bands.isEmpty()) {
        const std::string text = spec_.bands.toStdString();
        const auto bands = parseBandText(text, session->model.pairs());
        if (bands)
            panel_->setBands(bands->bands);
        else
            error = Words::tr("--bands: %1").arg(QString::fromStdString(bands.error().message));
        // 0,99 fits a model with more pairs; 4,2 none
        misfit_ = !bands && parseBandText(text, 1 << 20).ok();
        if (bands && bands->styles) panel_->setBandStyles(*bands->styles);
    }
    if (error.isEmpty()) error = misfit(checkIndex("layer", next.layer, session->model.layers));
    if (error.isEmpty()) error = misfit(checkIndex("group", next.group, std::max(1, session->model.kvHeads)));
    if (error.isEmpty()) error = misfit(checkIndex("band", next.band, panel_->bands().count()));
    if (error.isEmpty()) error = misfit(checkIndex("pair", next.pair, session->model.pairs()));
    if (error.isEmpty()) selection_->setSelection(next);
    return error;
}

QString FigureView::setUp() {
    panel_->ensureFresh(); // some controls list what the session has
    for (const auto& [name, value] : spec_.options)
        if (const QString error = panel_->setOption(name, value); !error.isEmpty())
            return Words::tr("--option: %1").arg(error);
    if (!spec_.map.isEmpty())
        panel_->setSequentialMap(spec_.map == QLatin1String("cividis") ? ColorMap::cividis()
                                                                       : ColorMap::viridis());
    if (const QString empty = panel_->emptyText(); !empty.isEmpty())
        return misfit(Words::tr("%1 has nothing to show: %2").arg(nameOf(*panel_), empty));
    const QList<BasePlot*> plots = panel_->plots();
    if (spec_.part > plots.size())
        return misfit(
            wrong("part", Words::tr("0 (all) to %1").arg(plots.size()), QString::number(spec_.part)));
    for (const FigureSpec::Zoom& zoom : spec_.zooms) {
        if (zoom.part > plots.size())
            return misfit(wrong("zoom", Words::tr("a plot from 1 to %1").arg(plots.size()),
                                QString::number(zoom.part)));
        plots[zoom.part - 1]->zoomTo({zoom.fromX, zoom.toX}, {zoom.fromY, zoom.toY});
    }
    return {};
}

Figure FigureView::begin() {
    Figure figure = panel_->beginFigure();
    if (!spec_.title.isEmpty()) figure.title = spec_.title;
    if (spec_.part > 0) figure.cells.front().parts = {{panel_->plots().at(spec_.part - 1), {0, 0, 1, 1}}};
    return figure;
}

FigureSpec figureSpecOf(DiagnosticPanel& panel, const FigureStyle& style, const QString& otherPath) {
    FigureSpec spec;
    spec.view = figureKey(panel);
    spec.style = style;
    panel.ensureFresh();
    for (const DiagnosticPanel::Option& option : panel.options())
        if (!option.value.isEmpty()) spec.options.push_back({option.name, option.value});
    const auto session = panel.session();
    if (!session) return spec;
    const Selection& selected = panel.selectionModel()->selection();
    spec.selection = selected;
    spec.selection.layer = std::clamp(selected.layer, 0, std::max(0, session->model.layers - 1));
    spec.selection.band = std::clamp(selected.band, 0, std::max(0, panel.bands().count() - 1));
    if (selected.pair >= session->model.pairs()) spec.selection.pair = -1;
    const auto textOf = [](const Session& of, int index) {
        if (index < 0 || index >= static_cast<int>(of.conditions.size())) return QString();
        return QString::fromStdString(of.conditions[static_cast<std::size_t>(index)]->key.text());
    };
    const auto other = panel.other();
    spec.condition = textOf(*session, selected.condition);
    spec.other = textOf(other ? *other : *session, selected.conditionB);
    if (spec.other.isEmpty())
        spec.selection.compare = CompareMode::A;
    else if (other && other != session)
        spec.otherSession = otherPath;
    const BandLayout shown{panel.bands(), panel.bandStyles()};
    if (shown.styles != session->bandStyles)
        spec.bands = QString::fromStdString(bandText(shown));
    else if (shown.bands != session->bands)
        spec.bands = QString::fromStdString(shown.bands.text());
    const QList<BasePlot*> plots = panel.plots();
    for (qsizetype index = 0; index < plots.size(); ++index) {
        const QCPRange x = plots[index]->xAxis->range(), y = plots[index]->yAxis->range();
        if (plots[index]->isZoomed())
            spec.zooms.push_back({static_cast<int>(index) + 1, x.lower, x.upper, y.lower, y.upper});
    }
    if (!plots.isEmpty() && plots.front()->theme().sequential.stops == ColorMap::cividis().stops)
        spec.map = QStringLiteral("cividis");
    if (style.size == FigureSize::AsShown) {
        const QSizeF size = figurePageSize(panel.beginFigure(), style);
        panel.endFigure();
        spec.style.size = FigureSize::Custom;
        spec.style.unit = FigureStyle::Unit::Pixels;
        spec.style.width = size.width();
        spec.style.height = size.height();
    }
    return spec;
}

} // namespace qroar
