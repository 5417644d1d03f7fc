#include "app/gui/figures/composed_figure.h"

#include "app/gui/window/plot_area.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/models/result_table_model.h"

#include <QCoreApplication>

#include <algorithm>

namespace qroar {

namespace {

class Words {
    Q_DECLARE_TR_FUNCTIONS(ComposedFigure)
};

QString csvOf(DiagnosticPanel& panel, const QString& label) {
    QString text;
    for (const DiagnosticPanel::Table& table : panel.tables()) {
        QStringList comments = panel.tableComments() + table.comments;
        if (!label.isEmpty()) comments.prepend(label);
        text += table.model->toCsv(comments) + u'\n';
    }
    return text;
}

/// The lines of both, each once: plots of one page may show other sessions as B.
QString withLines(const QString& all, const QString& more) {
    QStringList lines = all.split(u'\n', Qt::SkipEmptyParts);
    for (const QString& line : more.split(u'\n', Qt::SkipEmptyParts))
        if (!lines.contains(line)) lines << line;
    return lines.join(u'\n');
}

} // namespace

QString ComposedFigure::set(const Composition& composition, const std::shared_ptr<const Session>& session,
                            const SessionSource& source, const QString& sessionPath) {
    misfit_ = false;
    if (const QString problem = composition.problem(); !problem.isEmpty()) return problem;
    if (composition.cells.isEmpty()) return Words::tr("The composition has no plots: add one.");
    std::vector<std::shared_ptr<Shown>> kept;
    if (session == session_ && sessionPath == sessionPath_) kept = std::move(views_);
    views_.clear();
    composition_ = composition;
    session_ = session;
    sessionPath_ = sessionPath;
    for (qsizetype index = 0; index < composition.cells.size(); ++index) {
        const FigureSpec& spec = composition.cells[index].figure;
        const auto same =
            std::find_if(kept.begin(), kept.end(), [&](const auto& one) { return one && one->spec == spec; });
        if (same != kept.end()) {
            views_.push_back(std::exchange(*same, nullptr));
            continue;
        }
        auto shown = std::make_shared<Shown>();
        shown->spec = spec;
        if (const QString error = shown->view.set(spec, session, source, sessionPath); !error.isEmpty()) {
            misfit_ = shown->view.isMisfit();
            views_.clear();
            return Words::tr("cell %1: %2").arg(index + 1).arg(error);
        }
        views_.push_back(std::move(shown));
    }
    return {};
}

QStringList ComposedFigure::notDrawn() const {
    QStringList notes;
    for (std::size_t index = 0; index < views_.size(); ++index)
        if (const QString note = views_[index]->view.notDrawn(); !note.isEmpty())
            notes << Words::tr("cell %1: %2").arg(index + 1).arg(note);
    return notes;
}

QStringList ComposedFigure::titles() const {
    QStringList all;
    for (const auto& shown : views_) all << shown->view.panel()->figureTitle();
    return all;
}

Figure ComposedFigure::begin() {
    Figure figure;
    figure.rows = composition_.rows; // 0: an arrangement
    figure.columns = composition_.columns;
    figure.boldLabels = composition_.boldLabels;
    figure.title = composition_.title;
    for (std::size_t index = 0; index < views_.size(); ++index) {
        const Composition::Cell& cell = composition_.cells[static_cast<qsizetype>(index)];
        const Figure one = views_[index]->view.begin();
        FigureCell placed;
        placed.parts = one.cells.front().parts;
        placed.label = composition_.labelOf(static_cast<int>(index));
        if (composition_.headings || !cell.figure.title.isEmpty()) placed.heading = one.title;
        placed.row = cell.row;
        placed.column = cell.column;
        placed.place = cell.place;
        placed.rowSpan = cell.rowSpan;
        placed.columnSpan = cell.columnSpan;
        figure.cells << placed;
        figure.provenance = withLines(figure.provenance, one.provenance);
    }
    return figure;
}

void ComposedFigure::end() {
    for (const auto& shown : views_) shown->view.end();
}

QString ComposedFigure::csv() {
    QString text;
    for (std::size_t index = 0; index < views_.size(); ++index)
        text += csvOf(*views_[index]->view.panel(), composition_.labelOf(static_cast<int>(index)));
    return text;
}

QList<DiagnosticPanel*> visiblePanels(const PlotArea& plots) {
    QList<DiagnosticPanel*> visible;
    for (DiagnosticPanel* panel : plots.findChildren<DiagnosticPanel*>()) {
        if (!panel->isVisible() || panel->window() != plots.window()) continue; // floats by itself
        const QRect place(panel->mapTo(&plots, QPoint(0, 0)), panel->size());
        if (plots.rect().contains(place.center()) && panel->emptyText().isEmpty()) visible << panel;
    }
    std::sort(visible.begin(), visible.end(), [&](const DiagnosticPanel* a, const DiagnosticPanel* b) {
        const QPoint left = a->mapTo(&plots, QPoint(0, 0)), right = b->mapTo(&plots, QPoint(0, 0));
        return left.y() != right.y() ? left.y() < right.y() : left.x() < right.x();
    });
    return visible;
}

Figure arrangementFigure(const PlotArea& plots, const QList<DiagnosticPanel*>& panels) {
    Figure figure;
    QRectF whole;
    for (const DiagnosticPanel* panel : panels)
        whole |= QRectF(panel->mapTo(&plots, QPoint(0, 0)), panel->size());
    for (DiagnosticPanel* panel : panels) {
        const Figure one = panel->beginFigure();
        const QPointF corner = panel->mapTo(&plots, QPoint(0, 0)) - whole.topLeft();
        FigureCell cell = one.cells.front();
        cell.heading = one.title;
        cell.place = QRectF(corner.x() / whole.width(), corner.y() / whole.height(),
                            panel->width() / whole.width(), panel->height() / whole.height());
        figure.cells << cell;
        figure.provenance = withLines(figure.provenance, one.provenance);
    }
    figure.shownSize = whole.size().toSize();
    return figure;
}

QString arrangementCsv(const QList<DiagnosticPanel*>& panels) {
    QString text;
    for (DiagnosticPanel* panel : panels) text += csvOf(*panel, {});
    return text;
}

QString arrangementText(const QList<DiagnosticPanel*>& panels) {
    QStringList tables;
    for (DiagnosticPanel* panel : panels) {
        for (const DiagnosticPanel::Table& table : panel->tables()) {
            QString name = panel->figureTitle();
            if (!table.key.isEmpty()) name = Words::tr("%1, %2").arg(name, table.name);
            tables << name.simplified() + u'\n' + table.model->toTsv();
        }
    }
    return tables.join(u'\n');
}

namespace {

/// An arrangement that is as high as it needs takes its height from the window, which a command does not
/// have.
FigureStyle withHeight(FigureStyle style, const QSizeF& page) {
    const bool shown = style.size == FigureSize::AsShown;
    if (style.size == FigureSize::Slide || (style.size == FigureSize::Custom && style.height > 0))
        return style;
    if (shown)
        style.unit = FigureStyle::Unit::Pixels;
    else if (style.size != FigureSize::Custom)
        style.unit = FigureStyle::Unit::Inches;
    if (style.size != FigureSize::Custom)
        style.width = shown ? page.width() : style.size == FigureSize::OneColumn ? 3.3 : 7;
    style.height = style.width * page.height() / page.width();
    style.size = FigureSize::Custom;
    return style;
}

} // namespace

Composition arrangementOf(const PlotArea& plots, const QList<DiagnosticPanel*>& panels,
                          const FigureStyle& style, const QString& otherPath) {
    Composition result = Composition::arrangement();
    result.style = style;
    const Figure figure = arrangementFigure(plots, panels);
    for (qsizetype index = 0; index < panels.size(); ++index) {
        Composition::Cell cell;
        cell.figure = figureSpecOf(*panels[index], {}, otherPath);
        cell.figure.style = {};
        cell.place = figure.cells[index].place;
        result.cells << cell;
    }
    result.style = withHeight(style, figurePageSize(figure, style));
    for (DiagnosticPanel* panel : panels) panel->endFigure();
    return result;
}

} // namespace qroar
