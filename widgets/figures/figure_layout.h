// Laying out and drawing a Figure: page size, title, footer, cells, and axes that line up across the rows and
// columns of a grid. Not here: files and formats (widgets/plot/figure_export.h).
#pragma once

#include "widgets/figures/figure.h"
#include "widgets/figures/figure_style.h"

#include <QRectF>
#include <QSizeF>

#include <memory>

class QCPPainter;

namespace qroar {

/// A figure on its page; its plots have the look of the style while it lives. The figure must outlive it.
class LaidOutFigure {
  public:
    LaidOutFigure(const Figure& figure, const FigureStyle& style);
    ~LaidOutFigure();
    LaidOutFigure(const LaidOutFigure&) = delete;
    LaidOutFigure& operator=(const LaidOutFigure&) = delete;
    /// Of the page, in 1/96 in. Where the style says its width only, it is as high as its plots need: long
    /// legends, headings and titles make it higher.
    [[nodiscard]] QSizeF size() const;
    void draw(QCPPainter* painter) const;

  private:
    struct Content;
    std::unique_ptr<Content> content_;
};

/// Of LaidOutFigure.
QSizeF figurePageSize(const Figure& figure, const FigureStyle& style);
/// Known without laying it out.
double figurePageWidth(const Figure& figure, const FigureStyle& style);
void drawFigure(const Figure& figure, QCPPainter* painter, const FigureStyle& style);

/// Where drawFigure puts the axes of every part, cell by cell, on the page.
QList<QList<QRectF>> figureAxes(const Figure& figure, const FigureStyle& style);
/// The same while the plots have their look (FigureLook); they stay laid out for the page.
QList<QList<QRectF>> placedAxes(const Figure& figure, const FigureStyle& style);
/// What of it has no room at this size and is not there, a sentence each (BasePlot::leftOut).
QStringList figureLeftOut(const Figure& figure, const FigureStyle& style);

} // namespace qroar
