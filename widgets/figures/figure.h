// Figure: what goes onto one exported page: plots in cells, with the words around them. Plain values; the
// plots stay with their panels and are borrowed while the figure is drawn. Not here: how it is laid out and
// drawn (figure_layout.h), files (widgets/plot/figure_export.h), looks (figure_style.h).
#pragma once

#include <QList>
#include <QRectF>
#include <QSize>
#include <QString>

namespace qroar {

class BasePlot;

struct FigurePart {
    BasePlot* plot = nullptr;
    QRectF place{0, 0, 1, 1}; ///< fractions of the cell
};

struct FigureCell {
    QList<FigurePart> parts;
    QString label{};          ///< "(a)"
    QString heading{};        ///< behind the label, above the plots; empty: none
    QRectF place{0, 0, 1, 1}; ///< fractions of the page, where the figure has no grid
    int row = 0, column = 0, rowSpan = 1, columnSpan = 1;
};

struct Figure {
    QString title, provenance;
    QList<FigureCell> cells;
    int rows = 0, columns = 0; ///< a grid with aligned axes; 0: cells lie where `place` says
    bool boldLabels = true;
    QSize shownSize{720, 440}; ///< logical pixels, for FigureSize::AsShown
};

} // namespace qroar
