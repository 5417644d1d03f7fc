// PlotTheme: every colour a plot uses, chosen from the palette of the application (dark or light) or fixed
// for export (light). Not here: fonts of the application, style sheets.
#pragma once

#include "widgets/common/color_map.h"

#include <QColor>
#include <QList>
#include <QPalette>

namespace qroar {

struct PlotTheme {
    bool dark = false;
    QColor background;                   ///< of the plot
    QColor text;                         ///< labels, titles
    QColor mutedText;                    ///< provenance, secondary marks
    QColor axis;                         ///< axis lines and ticks
    QColor grid;                         ///< thin grid lines
    QColor highlight;                    ///< outline of the selected cell, focused edge
    QColor missing;                      ///< cells without data
    static constexpr int categories = 8; ///< colours before they come again
    /// After Okabe & Ito, "Color Universal Design" (2008), ordered for contrast with the background.
    QList<QColor> categorical;
    ColorMap sequential;            ///< viridis
    ColorMap sequentialAlternative; ///< cividis
    ColorMap diverging;             ///< ours, neutral in the middle
    ColorMap cyclic;                ///< ours, for angles

    /// Dark when the window colour of the palette is darker than its text (Qt 6.4 has no colorScheme()).
    static PlotTheme fromPalette(const QPalette& palette);
    /// Light on white, or for dark slides, whatever the application looks like.
    static PlotTheme forExport(bool dark = false);
    [[nodiscard]] QColor category(int index) const; ///< wraps around
};

/// In which words about a problem are written, or those of any other note. The application's palettes keep
/// the colour of problems in BrightText.
inline QPalette::ColorRole noteRole(bool problem) {
    return problem ? QPalette::BrightText : QPalette::WindowText;
}

/// Black or white, whichever is easier to read on `background` (WCAG relative luminance).
QColor readableOn(const QColor& background);

} // namespace qroar
