// LinePlot: series of points or lines with optional 95 % whiskers or bands, labels at points, lines raised
// above baselines of their own (ridges), reference lines and a legend that never covers the data. Not here:
// what the numbers mean.
#pragma once

#include "widgets/plot/base_plot.h"
#include "widgets/plot/plottables.h"
#include "widgets/plot/point_labels.h"

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
        QString details;             ///< more for the read-out
        QString intervalName;        ///< what low and high are; empty: "95 %"
        bool band = false;           ///< the interval as a band instead of whiskers
        bool steps = false;          ///< keeps its value until the next point
        std::vector<double> readout; ///< what the read-out says instead of y; empty: y
        QStringList labels;          ///< drawn at the points; empty: none
        /// Of a ridge: covers what is drawn before it from the line down to here.
        std::optional<double> cover{};
    };
    void setSeries(std::vector<Series> series);
    [[nodiscard]] const std::vector<Series>& series() const { return series_; }

    enum class Scale { Linear, Log, Log2 };
    void setAxes(const QString& xTitle, Scale xScale, const QString& yTitle, Scale yScale);
    /// After setAxes(): titles for where the whole ones have no room on screen; empty: none.
    void setShortTitles(const QString& x, const QString& y);
    /// Ticks at these x only (context lengths).
    void setXTicks(const std::vector<double>& positions, const QStringList& labels);
    void setYTicks(const std::vector<double>& positions, const QStringList& labels);
    /// After setAxes(), of a logarithmic y axis: where smaller values are drawn; its tick says so.
    void setFloor(double y);
    /// Before setSeries(); with a name that stands at it, where it has room.
    void setReferenceLine(std::optional<double> y, const QString& name = {}) {
        referenceY_ = y;
        referenceName_ = name;
    }
    void setLegendAbove(bool above);
    /// Home ranges from the series with a margin; `includeY` widens the y range to contain it.
    /// `includeX` does the same for x.
    void fitRanges(bool keepZoom, std::optional<double> includeY = std::nullopt,
                   std::optional<QCPRange> includeX = std::nullopt);
    [[nodiscard]] const PointLabels& pointLabels() const { return *labels_; }
    /// Labels at points that would lie on a curve are left out instead.
    void setLabelsOptional(bool on) { labels_->setOptional(on); }
    /// Names in the read-out: "context", "NLL".
    void setReadoutNames(const QString& x, const QString& y, const QString& xUnit, const QString& yUnit);

  signals:
    void seriesClicked(int series, double x);

  protected:
    [[nodiscard]] QString readoutAt(const QPointF& position) const override;
    void applyTheme() override;
    void nameLegend(double room, bool whole) override;
    void prepareLayout() override;

  private:
    struct Hit {
        int series = -1;
        size_t point = 0;
    };
    [[nodiscard]] Hit nearest(const QPointF& position) const;
    [[nodiscard]] QPen penOf(const Series& series) const;
    SegmentGraph* addGraph(const Series& series);
    void addInterval(const Series& series, SegmentGraph* graph);
    void thinTicks();     ///< leaves out tick labels that would touch
    void keepLastLabel(); ///< room beside the axes for the label of the last tick

    std::vector<Series> series_;
    std::vector<SegmentGraph*> graphs_;
    std::vector<QCPErrorBars*> whiskers_; ///< null where a series has no interval
    QCPItemStraightLine* reference_ = nullptr;
    std::optional<double> referenceY_;
    std::vector<IntervalBand*> intervals_; ///< the same for bands
    PointLabels* labels_ = nullptr;
    QString titleX_, titleY_, shortX_, shortY_, referenceName_;
    std::vector<double> tickPositions_, yTickPositions_;
    QStringList tickLabels_, yTickLabels_;
    QSharedPointer<QCPAxisTickerText> ticker_, yTicker_; ///< of setXTicks, setYTicks; null: automatic
    QString readoutX_, readoutY_, unitX_, unitY_;
    bool legendAbove_ = true, legendPlaced_ = false;
};

} // namespace qroar
