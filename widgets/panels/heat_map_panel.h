// HeatMapPanel: one metric as a layer x band map with colour bar; a click or the arrow keys select the cell
// for all views. Of a condition that was run without and with gains it shows either, on one range of colours,
// or the difference. The metrics come from core/diagnostics; nothing is computed here but differences and
// colours.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/diagnostics/tails.h"
#include "widgets/common/before_after.h"
#include "widgets/common/color_map.h"
#include "widgets/panels/diagnostic_panel.h"

#include <optional>

class QTimer;
class QToolButton;

namespace qroar {

class CompactComboBox;
class HeatMapPlot;
class TensorBox;
class EpsilonBox;

enum class HeatMapMetric {
    TailInflation,      ///< TIR as measured
    TailInflationOverM, ///< TIR / attention factor
    PressureRaw,
    PressureSaturated,
    PressureWeighted, ///< saturated, weighted with E|q||k|
    PressureMeasured, ///< |d NLL / d ln omega'|, from gradients
    GainSensitivity,  ///< d NLL / d ln g, from gradients
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
    [[nodiscard]] QStringList variants() const override;
    [[nodiscard]] QString variantPrefix() const override { return QStringLiteral("map"); }
    [[nodiscard]] int variant() const override;
    void setVariant(int index) override;
    [[nodiscard]] bool isRangeLocked() const;
    void setRangeLocked(bool locked);
    [[nodiscard]] const BandGrid& grid(); ///< what is shown; up to date
    [[nodiscard]] BeforeAfterBox* beforeAfter() const { return beforeAfter_; }
    [[nodiscard]] HeatMapPlot* plot() const { return plot_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;
    void changeEvent(QEvent* event) override;

  private:
    [[nodiscard]] QString whyEmpty(const ConditionResult* condition, const ConditionResult* reference) const;
    [[nodiscard]] BandGrid compute(const ConditionResult& condition, const ConditionResult* reference) const;
    void setShown(); ///< the conditions to show, from session and selection
    void computeGrids();
    [[nodiscard]] bool subtracts() const { return beforeAfter_->shown() == BeforeAfter::Difference; }
    [[nodiscard]] QString valueTitle() const; ///< of the colour bar and the table
    void describe();                          ///< title and numbers of the selected cell
    [[nodiscard]] QString cellSummary() const;
    void updateScale();
    void updateControls();
    void updateLockIcon();
    void updatePlot();
    void updateInterval();
    void fillTable();

    HeatMapMetric metric_;
    BandGrid grid_;           ///< what is shown
    BandGrid before_, after_; ///< of twins that both have the metric, else empty
    Selection computedFor_;   ///< what grid_ was computed for
    ColorScale scale_;
    std::optional<HeatMapMetric> scaledFor_; ///< the metric that scale_ belongs to
    bool scaledForDifference_ = false;
    std::shared_ptr<const ConditionResult> shown_, reference_;
    /// Without and with gains, and the references of each; null without a twin.
    std::shared_ptr<const ConditionResult> plain_, gained_, plainReference_, gainedReference_;
    std::optional<Interval> interval_; ///< of the selected cell, for TIR; computed when things are quiet
    QTimer* intervalTimer_ = nullptr;
    HeatMapPlot* plot_ = nullptr;
    CompactComboBox* metricBox_ = nullptr;
    TensorBox* tensorBox_ = nullptr;
    EpsilonBox* epsilonBox_ = nullptr;
    BeforeAfterBox* beforeAfter_ = nullptr;
    QToolButton* lock_ = nullptr;
};

} // namespace qroar
