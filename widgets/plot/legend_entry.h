// Entries of a legend whose names may have several lines, all of them drawn whole, and the sizes of their
// font. Not here: where a legend is, how wide its names are and what gives way for it
// (base_plot_legend.cpp).
#pragma once

#include <qcustomplot.h>

#include <array>

namespace qroar {

/// Of the plot's font, those of its legend: the first that has room.
inline constexpr std::array legendScales{0.92, 0.84, 0.76, 0.68};

/// QCustomPlot's own is exactly as high as its lines and cut a pixel above its end, which images feel at any
/// scale: underscores and descenders of the last line were lost.
class LegendEntry : public QCPPlottableLegendItem {
    Q_OBJECT
  public:
    using QCPPlottableLegendItem::QCPPlottableLegendItem;
    static void add(QCPLegend* legend, QCPAbstractPlottable* plottable); ///< unless it has one

  protected:
    [[nodiscard]] QRect clipRect() const override; ///< the plot: the layout keeps entries apart
};

} // namespace qroar
