// FigureSize: the sizes a figure can be exported in. Plain values; the rest of a figure's look is
// widgets/figures/figure_style.h.
#pragma once

namespace qroar {

enum class FigureSize {
    AsShown,   ///< as large as on the screen
    OneColumn, ///< 3.3 in wide
    TwoColumn, ///< 7 in wide
    Slide,     ///< 16:9, 1920 x 1080 pixels as PNG
    Custom,    ///< FigureStyle::width and height
};

} // namespace qroar
