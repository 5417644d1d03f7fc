// LinePlot: series of points or lines with optional 95 % whiskers, reference lines and a legend that never
// covers the data. Not here: what the numbers mean.
#pragma once

#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"

#include <functional>

namespace qroar {

class LinePlot : public BasePlot {
    Q_OBJECT
  public:
    explicit LinePlot(QWidget* parent = nullptr);

    struct Series {
        QString name;
        QString legendName; ///< shorter; empty: the name
        std::vector<double> x, y;
        std::vector<double> low, high; ///< interval around y; empty, or one per point (NaN: none)
        int category = 0;              ///< colour of the theme; -1: muted
        Qt::PenStyle dash = Qt::SolidLine;
        QCPScatterStyle::ScatterShape marker = QCPScatterStyle::ssNone;
        bool emphasised = false;
        bool line = true;
        bool inLegend = true;
        QString details; ///< more for the read-out
    };
    void setSeries(std::vector<Series> series);
    [[nodiscard]] const std::vector<Series>& series() const { return series_; }

    enum class Scale { Linear, Log, Log2 };
    void setAxes(const QString& xTitle, Scale xScale, const QString& yTitle, Scale yScale);
    /// Ticks at these x only (context lengths).
    void setXTicks(const std::vector<double>& positions, const QStringList& labels);
    void setReferenceLine(std::optional<double> y) { referenceY_ = y; }
    void setLegendAbove(bool above);
    /// Home ranges from the series with a margin; `includeY` widens the y range to contain it.
    void fitRanges(bool keepZoom, std::optional<double> includeY = std::nullopt);
    /// Names in the read-out: "context", "NLL".
    void setReadoutNames(const QString& x, const QString& y, const QString& xUnit, const QString& yUnit);

  signals:
    void seriesClicked(int series, double x);

  protected:
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    void applyTheme() override;
    void prepareLayout() override;

  private:
    struct Hit {
        int series = -1;
        size_t point = 0;
    };
    [[nodiscard]] Hit nearest(const QPointF& position) const;
    [[nodiscard]] QPen penOf(const Series& series) const;

    std::vector<Series> series_;
    std::vector<SegmentGraph*> graphs_;
    std::vector<QCPErrorBars*> whiskers_; ///< null where a series has no interval
    QCPItemStraightLine* reference_ = nullptr;
    std::optional<double> referenceY_;
    void thinTicks(); ///< leaves out tick labels that would touch
    QString titleX_, titleY_;
    std::vector<double> tickPositions_;
    QStringList tickLabels_;
    QSharedPointer<QCPAxisTickerText> ticker_; ///< of setXTicks; null: automatic
    QString readoutX_, readoutY_, unitX_, unitY_;
    bool legendAbove_ = true, legendPlaced_ = false;
};

} // namespace qroar
