// FigureStyle: how a figure for a file or the clipboard looks, whatever it shows: size, fonts, theme, what is
// left out. One value for the dialog, the composer, the command line and the report, with a text form of
// command-line options. Not here: what is drawn (figure_layout.h) and which view it is (figure_spec.h).
#pragma once

#include "widgets/common/figure_size.h"

#include <QSizeF>
#include <QString>
#include <QStringList>

namespace qroar {

struct FigureStyle {
    enum class Unit { Pixels, Millimetres, Inches }; ///< pixels are 1/96 in

    FigureStyle() = default;
    FigureStyle(FigureSize preset) : size(preset) {}

    FigureSize size = FigureSize::AsShown;
    double width = 84, height = 0; ///< of FigureSize::Custom; height 0: as high as the content needs
    Unit unit = Unit::Millimetres;
    double fontPoints = 0; ///< 0: that of the size (8 pt; 9 pt as shown, 13.5 pt on slides)
    double dpi = 0;        ///< of PNG files and images; 0: that of the size (300; 192 as shown, 144 slides)
    bool dark = false;     ///< else the light export theme, whatever the application looks like
    bool title = true, legend = true, colourBar = true, footer = true;
    bool selection = false; ///< the frame of the selected cell of a map, the strip of the selected pair
    double lineWidth = 1;   ///< times the usual widths of lines and marks
    bool operator==(const FigureStyle&) const = default;

    [[nodiscard]] QSizeF customPixels() const; ///< at 96 a inch; height 0 where it is automatic
    [[nodiscard]] double scale() const;        ///< device pixels of an image per 1/96 in
    [[nodiscard]] int fontPixels() const;      ///< whole pixels of 1/96 in

    /// What differs from the defaults: {"--size", "7in", "--without", "title,legend"}.
    [[nodiscard]] QStringList arguments() const;
    static QStringList optionNames(); ///< without the dashes
    /// Empty, or the option, what was expected and what was found.
    QString set(const QString& option, const QString& value);
};

/// "84mm", "3.3x2.5in", "812x460px"; the sizes that have names: "shown", "3.3in", "7in", "slide".
QString figureSizeText(const FigureStyle& style);

} // namespace qroar
