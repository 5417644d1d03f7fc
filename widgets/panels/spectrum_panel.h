// SpectrumPanel: rotary pairs by frequency, bands as coloured zones whose edges can be dragged or moved with
// the arrow keys, marks where the wavelength equals the trained and the target length and where yarn's ramp
// starts and ends, and one value of every pair on the right axis (pair_metric.h). Of two conditions A and B:
// both spectra, and both curves or their difference. The panel edits bands but stores no undo: it tells the
// window.
#pragma once

#include "core/diagnostics/pressure.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/panels/pair_metric.h"

namespace qroar {

class CompactComboBox;
class SpectrumPlot;
enum class BandEdit;

class SpectrumPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit SpectrumPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] SpectrumPlot* plot() const { return plot_; }
    [[nodiscard]] std::vector<Table> tables() override;

  signals:
    void bandsEdited(const qroar::BandPartition& bands); ///< during a gesture
    /// Once per gesture that changed something: a drag, or an arrow key until it is released.
    void bandEditFinished(const qroar::BandPartition& before, const qroar::BandPartition& after,
                          qroar::BandEdit what);
    void renameRequested(int band); ///< and whatever else the editor of bands offers

  protected:
    void refresh(Changes changes) override;
    [[nodiscard]] QString noSessionText() const override;
    void tableRowActivated(int row) override;
    void extendPlotMenu(QMenu& menu, const QPoint& globalPosition) override;

  private:
    void buildControls();
    [[nodiscard]] PairMetric metric() const;
    [[nodiscard]] bool drawsDifference() const; ///< A - B, not both curves
    [[nodiscard]] PairQuestion question(const ConditionResult& condition) const;
    [[nodiscard]] std::vector<double> valuesOf(const Side& side, PairMetric metric) const;
    [[nodiscard]] bool updateTable(); ///< false: nothing to show, which is said
    void updateCurve();
    void updateMarks();
    void updateDetails();
    [[nodiscard]] QString curveTitle() const;
    void fillTable();
    [[nodiscard]] QString bandSummary() const;

    SpectrumPlot* plot_ = nullptr;
    CompactComboBox *curveBox_ = nullptr, *differenceBox_ = nullptr;
    FrequencyTable frequencies_;
    QString conditionText_;
    double distance_ = 0;                ///< relative distance the pressure is shown at: the context length
    std::vector<PairPressure> pressure_; ///< [pairs]
    std::vector<std::vector<double>> values_; ///< [pairMetrics][pairs] of the condition shown; empty: no data
    FrequencyTable otherFrequencies_;         ///< of B while A - B is shown
    std::vector<double> curve_, otherCurve_;  ///< of the metric, A and B
};

} // namespace qroar
