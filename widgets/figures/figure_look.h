// FigureLook: while it lives, plots have the theme, font, line widths and furniture of an exported figure;
// afterwards they look as before. Not here: where they are drawn.
#pragma once

#include "widgets/common/theme.h"
#include "widgets/figures/figure_style.h"

#include <QFont>
#include <QList>

#include <vector>

namespace qroar {

class BasePlot;

/// The font of exported figures, the same in the window and on the command line: the first of DejaVu Sans,
/// Liberation Sans, Noto Sans, Arial, Helvetica that is installed. PDF files carry the glyphs they use; SVG
/// files name the font and, behind it, those that may stand in for it.
QFont figureFont(int pixels);
/// figureFont()'s family and its stand-ins, as an SVG attribute has them.
QString figureFontFamilies();

class FigureLook {
  public:
    FigureLook(const QList<BasePlot*>& plots, const FigureStyle& style, int fontPixels);
    ~FigureLook();
    FigureLook(const FigureLook&) = delete;
    FigureLook& operator=(const FigureLook&) = delete;

  private:
    struct Shown {
        BasePlot* plot;
        PlotTheme theme;
        int fontPixels;
    };
    std::vector<Shown> shown_;
};

} // namespace qroar
