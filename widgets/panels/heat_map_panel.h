// HeatMapPanel: one metric as a layer x band map with colour bar; a click or the arrow keys select the cell
// for all views. The metrics come from core/diagnostics; nothing is computed here but colours.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "widgets/common/color_map.h"
#include "widgets/panels/diagnostic_panel.h"

class QComboBox;
class QToolButton;

namespace qroar {

class HeatMapPlot;

enum class HeatMapMetric {
    TailInflation,      ///< TIR as measured
    TailInflationOverM, ///< TIR / attention factor
    PressureRaw,
    PressureSaturated,
    PressureWeighted, ///< saturated, weighted with E|q||k|
    RangeDilation,
    BitsLost,
    ClipRate,
    TopShare,
};

class HeatMapPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    HeatMapPanel(HeatMapMetric initial, SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] HeatMapMetric metric() const { return metric_; }
    void setMetric(HeatMapMetric metric);
    [[nodiscard]] bool isRangeLocked() const;
    void setRangeLocked(bool locked);
    [[nodiscard]] const BandGrid& grid(); ///< up to date
    [[nodiscard]] HeatMapPlot* plot() const { return plot_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    struct Computed {
        BandGrid grid;
        std::string problem; ///< what to run, when there is nothing to show
    };
    [[nodiscard]] bool needsReference() const;
    [[nodiscard]] QString whyEmpty(const ConditionResult* condition, const ConditionResult* reference) const;
    [[nodiscard]] BandGrid compute(const ConditionResult& condition, const ConditionResult* reference) const;
    [[nodiscard]] QString describe(const ConditionResult& condition, const ConditionResult* reference) const;
    [[nodiscard]] QString cellSummary(const ConditionResult& condition,
                                      const ConditionResult* reference) const;
    void updateScale();
    void fillTable(const ConditionResult& condition);

    HeatMapMetric metric_;
    BandGrid grid_;
    ColorScale scale_;
    HeatMapPlot* plot_ = nullptr;
    QComboBox *metricBox_ = nullptr, *tensorBox_ = nullptr, *epsilonBox_ = nullptr;
    QToolButton* lock_ = nullptr;
};

} // namespace qroar
