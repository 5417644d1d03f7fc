// PlotHeading: the heading of a plot, in lines, above its axes and as wide as the plot: it stands in the
// column of the axes, which it never widens, and reaches over the colour bar or the legend beside them. Not
// here: where its lines are broken (BasePlot::fitHeading).
#pragma once

#include <qcustomplot.h>

namespace qroar {

class PlotHeading : public QCPTextElement {
  public:
    explicit PlotHeading(QCustomPlot* plot);

    static constexpr int margin = 4; ///< pixels left free at both sides of the plot
    /// Where the lines stand: over the middle of the axes, moved aside where they would leave the plot.
    [[nodiscard]] QRectF textRect() const;

  protected:
    void draw(QCPPainter* painter) override;
    [[nodiscard]] QSize minimumOuterSizeHint() const override;
};

} // namespace qroar
