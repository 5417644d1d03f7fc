// Laying out and drawing a Figure: page size, title, footer, cells, and axes that line up across the rows and
// columns of a grid. Not here: files and formats (widgets/plot/figure_export.h).
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_style.h"

#include <QRectF>
#include <QSizeF>

class QCPPainter;

namespace qroar {

/// Of the page, in 1/96 in.
QSizeF figurePageSize(const Figure& figure, const FigureStyle& style);
void drawFigure(const Figure& figure, QCPPainter* painter, const FigureStyle& style);

/// Where drawFigure puts the axes of every part, cell by cell, on the page.
QList<QList<QRectF>> figureAxes(const Figure& figure, const FigureStyle& style);
/// The same while the plots have their look (FigureLook); they stay laid out for the page.
QList<QList<QRectF>> placedAxes(const Figure& figure, const FigureStyle& style);

} // namespace qroar
