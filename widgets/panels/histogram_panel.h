// HistogramPanel: magnitudes of q or k of a band, pair or head group as densities over a logarithmic axis,
// with quantile marks: curves over each other (a context length each, and the short reference), ridges (a
// baseline for each context length or layer), or a map of layers and bins. Of two conditions A and B: both, B
// dashed, or A - B. Not here: the curves (magnitude_curve.h).
#pragma once

#include "widgets/panels/diagnostic_panel.h"
#include "widgets/panels/magnitude_curve.h"
#include "widgets/plot/line_plot.h"

class QCPCurve;
class QStackedWidget;
class QToolButton;

namespace qroar {

class CompactComboBox;
class HeatMapPlot;
class PointLabels;
class TensorBox;

class HistogramPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit HistogramPanel(SelectionModel* selection, QWidget* parent = nullptr);

    enum class View { Overlay, RidgeContext, RidgeLayer, Map };
    using Curve = MagnitudeCurve;
    static constexpr int binsPerPoint = qroar::binsPerPoint;
    static constexpr double ridgeHeight = 1.6; ///< of the highest peak, in distances of baselines

    [[nodiscard]] LinePlot* plot() const { return plot_; }
    [[nodiscard]] HeatMapPlot* map() const { return map_; }
    [[nodiscard]] View view() const;
    [[nodiscard]] const std::vector<Curve>& curves(); ///< up to date
    /// The y of a ridge's baseline.
    [[nodiscard]] double baseline(int row) const { return rows_ - 1 - row; }
    /// Lines of the marks in the map, [marks][layers]: the column each quantile falls into, fractional.
    [[nodiscard]] const std::vector<std::vector<double>>& markColumns() const { return markColumns_; }
    [[nodiscard]] std::vector<Table> tables() override; ///< densities, quantiles

  protected:
    void refresh(Changes changes) override;

  private:
    void buildControls();
    [[nodiscard]] bool byLayer() const; ///< the view has a row for each layer
    [[nodiscard]] bool isRidge() const;
    [[nodiscard]] bool differs() const;     ///< A - B is drawn, not A and B
    [[nodiscard]] bool logarithmic() const; ///< densities or their colours
    void collect();
    void collectFamily(const Side& side, bool isB, bool reference);
    void collectLayers(const Side& side, bool isB);
    [[nodiscard]] Curve curveOf(const Side& side, int condition, int layer) const;
    void placeRows();
    /// A and B of a row; either may be null.
    struct Pair {
        const Curve *a = nullptr, *b = nullptr;
    };
    [[nodiscard]] Pair pairOf(int row) const;

    void updateLines();
    void addCurve(const Curve& curve, std::vector<LinePlot::Series>& lines,
                  std::vector<LinePlot::Series>& points) const;
    void addMarks(const Curve& curve, const LinePlot::Series& line,
                  std::vector<LinePlot::Series>& points) const;
    void addMarkEntries(std::vector<LinePlot::Series>& points) const;
    void addDifferences(std::vector<LinePlot::Series>& lines) const;
    [[nodiscard]] double raised(double share) const; ///< y above the baseline of a ridge
    void findScale();
    [[nodiscard]] bool isEmphasised(const Curve& curve) const;
    [[nodiscard]] QString legendName(const Curve& curve) const;
    void updateMap();
    void updateMapMarks(const PointRange& range);
    /// Where a value lies in the map, in columns.
    [[nodiscard]] static double columnOf(double value, const PointRange& range);
    void fillTable();
    void fillQuantiles();
    [[nodiscard]] QString whereText() const;
    [[nodiscard]] QString familyText(const Side& side) const;
    [[nodiscard]] QString sidesText() const;
    [[nodiscard]] QString quantileSummary() const;

    std::vector<Curve> curves_;
    std::vector<int> contexts_; ///< on screen, rising: a colour each
    int rows_ = 0;
    double highest_ = 0, lowest_ = 0; ///< densities on screen, above 0; of a difference: the largest distance
    std::vector<std::vector<double>> markColumns_;
    LinePlot* plot_ = nullptr;
    HeatMapPlot* map_ = nullptr;
    QStackedWidget* stack_ = nullptr;
    std::vector<QCPCurve*> markLines_; ///< two for each mark: the line and what sets it off
    PointLabels* markLabels_ = nullptr;
    ResultTableModel* quantileTable_ = nullptr;
    TensorBox* tensorBox_ = nullptr;
    CompactComboBox *viewBox_ = nullptr, *differenceBox_ = nullptr;
    QToolButton *log_ = nullptr, *marks_ = nullptr;
};

} // namespace qroar
