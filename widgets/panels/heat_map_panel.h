// HeatMapPanel: one metric as a layer x band map with colour bar and means; a click or the keys select the
// cell for all views. Of two conditions A and B, of one session or of two, it shows either, on one range of
// colours, or A - B. The metrics come from core/diagnostics (heat_map_metric.h); nothing is computed here but
// differences, means and colours.
#pragma once

#include "core/diagnostics/band_grid.h"
#include "core/diagnostics/pair_pool.h"
#include "core/diagnostics/tails.h"
#include "widgets/common/color_map.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/diagnostic_panel.h"

#include <optional>

class QTimer;
class QToolButton;

namespace qroar {

class CompactComboBox;
class HeatMapOptions;
class HeatMapPlot;
class TensorBox;
class EpsilonBox;

enum class HeatMapMetric {
    TailInflation,      ///< TIR as measured
    TailInflationOverM, ///< TIR / attention factor
    ExcessTailMass,
    ExcessTailMassOverM, ///< of values divided by m
    PressureRaw,
    PressureSaturated,
    PressureWeighted, ///< saturated, weighted with E|q||k|
    PressureMeasured, ///< |d NLL / d ln omega'|, from gradients
    GainSensitivity,  ///< d NLL / d ln g, from gradients
    RangeDilation,
    BitsLost,
    ClipRate,
    TopShare,
    Anisotropy, ///< of quantization errors, as all below
    NoiseDepth, ///< share of the logit noise that turns with the distance
    LogitNoiseRms,
    LogitNoiseMean,
    BandDamageKl, ///< of the rows of one band of q or k, quantized alone
    BandDamageNll,
    BandDamageNoise, ///< KL of random errors of the same size: the control
    LayerDamageKl,   ///< of one layer, quantized alone; a map of one column
    LayerDamageNll,
    LayerDamageNoise,
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
    [[nodiscard]] HeatMapPlot* plot() const { return plot_; }
    QAbstractItemModel* tableModel() override;
    [[nodiscard]] std::vector<Table> tables() override; ///< with all intervals, but while it refreshes itself

  protected:
    [[nodiscard]] QString emptyTitle() const override;
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;
    void changeEvent(QEvent* event) override;

  private:
    /// One of the two conditions, and what its tails are compared with in its own session.
    struct Compared {
        Side side;
        std::shared_ptr<const ConditionResult> reference;
    };
    [[nodiscard]] Compared comparedWith(Side side) const;
    [[nodiscard]] const Compared& shownSide() const { return showsB_ ? b_ : a_; }
    [[nodiscard]] QString whyEmpty(const Compared& one) const;
    [[nodiscard]] QString whyEmpty() const; ///< of all that is to be shown
    bool takeSides();                       ///< from session and selection; true when they changed
    /// The selected head group where the metric and what is shown have it, else -1: all heads.
    [[nodiscard]] int headGroup(const Compared& one) const;
    [[nodiscard]] BandGrid compute(const Compared& one);
    void computeGrids();
    [[nodiscard]] QString valueTitle() const;  ///< of the colour bar and the table
    void describe();                           ///< title and numbers of the selected cell
    [[nodiscard]] QString metricTitle() const; ///< with tensor, stage, tail, distance
    [[nodiscard]] QString cellSummary() const;
    [[nodiscard]] QString additivityText() const; ///< how far damages of layers add up; empty otherwise
    [[nodiscard]] QString bandText(int band) const;
    [[nodiscard]] QString cellDetails(int layer, int band) const; ///< more of the read-out
    [[nodiscard]] int selectedColumn() const;
    void selectCell(int row, int column); ///< for all views
    void addControls();
    void updateScale();
    void updateControls();
    void updateLockIcon();
    void updatePlot();
    void updateInterval();
    [[nodiscard]] Interval intervalOf(const Compared& one, int layer, int band) const;
    [[nodiscard]] std::vector<const Compared*> sidesWithIntervals() const; ///< their tails are in the table
    [[nodiscard]] bool lacksIntervals() const;                             ///< of the table
    void addNextInterval();
    void completeIntervals();
    void addIntervals(); ///< as many as the window does not feel
    void forgetIntervals();
    void fillTable();
    void addIntervalColumns(std::vector<ResultTableModel::Column>& columns,
                            std::vector<ResultTableModel::Row>& rows) const;
    void addHeadsColumn(std::vector<ResultTableModel::Column>& columns,
                        std::vector<ResultTableModel::Row>& rows) const;

    HeatMapMetric metric_;
    PoolCache pools_;        ///< so that a moving edge costs little
    BandGrid grid_;          ///< what is shown
    BandGrid gridA_, gridB_; ///< when A and B both have the metric, else empty
    Compared a_, b_;         ///< b_: without a condition when none is chosen
    bool showsB_ = false, subtracts_ = false;
    BandPartition columns_; ///< of grid_: the bands, or all pairs at once
    Selection computedFor_; ///< what grid_ was computed for
    ColorScale scale_;
    std::optional<HeatMapMetric> scaledFor_; ///< the metric that scale_ belongs to
    bool scaledForDifference_ = false, wantsScale_ = true;
    std::optional<Interval> interval_; ///< of the selected cell, for TIR; computed when things are quiet
    QTimer* intervalTimer_ = nullptr;
    std::vector<Interval> cells_; ///< of the table, row by row, of A and B in turn; as far as computed
    QTimer* cellsTimer_ = nullptr;
    bool refreshing_ = false;
    HeatMapPlot* plot_ = nullptr;
    CompactComboBox* metricBox_ = nullptr;
    TensorBox* tensorBox_ = nullptr;
    EpsilonBox* epsilonBox_ = nullptr;
    HeatMapOptions* options_ = nullptr;
    QToolButton* lock_ = nullptr;
};

} // namespace qroar
