// SpectrumPanel: rotary pairs by frequency, bands as coloured zones whose edges can be dragged or moved with
// the arrow keys, marks where the wavelength equals the trained and the target length and where yarn's ramp
// starts and ends. The panel edits bands but stores no undo: it tells the window.
#pragma once

#include "core/diagnostics/pressure.h"
#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class CompactComboBox;
class SpectrumPlot;

class SpectrumPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit SpectrumPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] SpectrumPlot* plot() const { return plot_; }

  signals:
    void bandsEdited(const qroar::BandPartition& bands); ///< during a gesture
    /// Once per gesture that changed something: a drag, or an arrow key until it is released.
    void bandEditFinished(const qroar::BandPartition& before, const qroar::BandPartition& after);

  protected:
    void refresh(Changes changes) override;
    [[nodiscard]] QString noSessionText() const override;
    void tableRowActivated(int row) override;

  private:
    enum Curve { Saturated, Raw, Displacement, Energy };
    void updateTable(const ConditionResult* condition);
    void updateCurve();
    void fillTable();
    [[nodiscard]] QString bandSummary() const;

    SpectrumPlot* plot_ = nullptr;
    CompactComboBox* curveBox_ = nullptr;
    FrequencyTable frequencies_;
    QString conditionText_;
    double distance_ = 0;                ///< relative distance the pressure is shown at: the context length
    std::vector<PairPressure> pressure_; ///< [pairs]
    std::vector<double> energy_;         ///< [pairs] of the selected layer; empty without capture
};

} // namespace qroar
