// DistortionPanel: how far quantized weights are from the original, per layer and projection, as a map and a
// table.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

class QComboBox;

namespace qroar {

class HeatMapPlot;

class DistortionPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit DistortionPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] QStringList variants() const override; ///< the measures
    [[nodiscard]] QString variantPrefix() const override { return QStringLiteral("weight-distortion"); }
    [[nodiscard]] int variant() const override;
    void setVariant(int index) override;
    [[nodiscard]] HeatMapPlot* plot() const { return plot_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    enum Measure { SnrDb, Rmse, OneMinusCosine, MaxError, OutputSnrDb };
    /// The selected condition, or the first one with the same quantizer, or any that was quantized.
    [[nodiscard]] std::shared_ptr<const ConditionResult> quantized() const;
    void updatePlot(const ConditionResult& shown);
    void fillTable(const ConditionResult& shown);

    HeatMapPlot* plot_ = nullptr;
    QComboBox* measureBox_ = nullptr;
    QStringList projections_;
};

} // namespace qroar
