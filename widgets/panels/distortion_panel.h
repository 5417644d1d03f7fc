// DistortionPanel: how far quantized weights are from the original, per layer and projection, as a map and as
// the table of layer errors; of two quantized conditions A and B either, or A - B.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

class QComboBox;

namespace qroar {

class HeatMapOptions;
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
    /// A row of the table: the same projection of A (or what is shown) and of B.
    struct Pair {
        const LayerDistortion *a = nullptr, *b = nullptr; ///< null: it has none
        [[nodiscard]] const LayerDistortion& either() const { return a ? *a : *b; }
    };
    [[nodiscard]] static double valueOf(const LayerDistortion* of, Measure measure); ///< NaN without
    [[nodiscard]] double mappedValue(const Pair& pair, Measure measure) const;
    [[nodiscard]] Measure measure() const;
    /// The condition itself, or the first one of its session with the same quantizer, or any that was
    /// quantized.
    [[nodiscard]] static std::shared_ptr<const ConditionResult> quantizedLike(const Side& side);
    [[nodiscard]] QString takeSides(); ///< empty, or what the empty state says
    void pairUp();
    void setCursor(int row, int column);
    void updatePlot();
    void fillTable();
    void describe();
    [[nodiscard]] QString layerSummary() const;

    std::shared_ptr<const ConditionResult> a_, b_; ///< a_: what is shown; b_: only of a difference
    std::vector<Pair> pairs_;                      ///< in the order of A
    bool subtracts_ = false;
    int projection_ = -1; ///< under the cursor; -1: none
    HeatMapPlot* plot_ = nullptr;
    HeatMapOptions* options_ = nullptr;
    QComboBox* measureBox_ = nullptr;
    QStringList projections_;
};

} // namespace qroar
