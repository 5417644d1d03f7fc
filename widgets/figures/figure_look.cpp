#include "widgets/figures/figure_look.h"

#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"

#include <QFontDatabase>

namespace qroar {

namespace {

const QStringList& families() {
    static const QStringList list = [] {
        const QStringList wanted{QStringLiteral("DejaVu Sans"), QStringLiteral("Liberation Sans"),
                                 QStringLiteral("Noto Sans"), QStringLiteral("Arial"),
                                 QStringLiteral("Helvetica")};
        const QStringList installed = QFontDatabase::families();
        QStringList sorted;
        for (const QString& family : wanted)
            if (installed.contains(family)) sorted << family;
        for (const QString& family : wanted)
            if (!sorted.contains(family)) sorted << family;
        return sorted;
    }();
    return list;
}

QPen widened(QPen pen, double factor) {
    if (pen.style() != Qt::NoPen) pen.setWidthF(std::max(1.0, pen.widthF()) * factor);
    return pen;
}

/// Curves, whiskers, marks and reference lines; setTheme() gives them their own widths back.
void widenLines(BasePlot& plot, double factor) {
    for (int index = 0; index < plot.plottableCount(); ++index) {
        QCPAbstractPlottable* plottable = plot.plottable(index);
        plottable->setPen(widened(plottable->pen(), factor));
        if (auto* graph = qobject_cast<QCPGraph*>(plottable)) {
            QCPScatterStyle marks = graph->scatterStyle();
            if (marks.isNone()) continue;
            marks.setSize(marks.size() * factor);
            if (marks.isPenDefined()) marks.setPen(widened(marks.pen(), factor));
            graph->setScatterStyle(marks);
        }
    }
    for (int index = 0; index < plot.itemCount(); ++index)
        if (auto* line = qobject_cast<QCPItemStraightLine*>(plot.item(index)))
            line->setPen(widened(line->pen(), factor));
}

/// The selected cell of a map, the selected pair of a spectrum.
void showSelection(BasePlot& plot, bool on) {
    for (int index = 0; index < plot.plottableCount(); ++index) {
        if (auto* cells = dynamic_cast<CellMap*>(plot.plottable(index))) cells->setOutlined(on);
        if (auto* zones = dynamic_cast<ZoneStrips*>(plot.plottable(index))) zones->setSelectionShown(on);
    }
}

} // namespace

QFont figureFont(int pixels) {
    QFont font(families().front());
    font.setPixelSize(pixels);
    font.setHintingPreference(QFont::PreferNoHinting); // the same widths at every resolution
    return font;
}

QString figureFontFamilies() {
    return families().join(QStringLiteral(", ")) + QStringLiteral(", sans-serif");
}

FigureLook::FigureLook(const QList<BasePlot*>& plots, const FigureStyle& style, int fontPixels) {
    for (BasePlot* plot : plots) {
        shown_.push_back({plot, plot->theme(), plot->fontPixels()});
        plot->setFurniture(style.legend, style.colourBar);
        showSelection(*plot, style.selection);
        plot->setFontOfFigures(figureFont(fontPixels));
        plot->setTheme(PlotTheme::forExport(style.dark), fontPixels);
        if (style.lineWidth != 1) widenLines(*plot, style.lineWidth);
    }
}

FigureLook::~FigureLook() {
    for (const Shown& one : shown_) {
        one.plot->setFurniture(true, true);
        showSelection(*one.plot, true);
        one.plot->setFontOfFigures(std::nullopt);
        one.plot->setTheme(one.theme, one.fontPixels);
        one.plot->settle();
    }
}

} // namespace qroar
