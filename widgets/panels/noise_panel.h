// NoisePanel: noise of the attention logits against the distance between query and key, of the selected
// layer, head group and band: a curve for every condition that was run beside a reference, or for every band
// of one; of A and B both curves and their difference. From stored moments (core/diagnostics/noise_grid.h),
// so that bands are a view.
#pragma once

#include "core/diagnostics/noise_grid.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/line_plot.h"

namespace qroar {

class CompactComboBox;

class NoisePanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit NoisePanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] LinePlot* plot() const { return plot_; }

  protected:
    void refresh(Changes changes) override;
    void tableRowActivated(int row) override;

  private:
    using Result = std::shared_ptr<const ConditionResult>;
    enum Curves { Conditions, Bands };
    /// A curve before it is drawn.
    struct Curve {
        Result condition;
        int conditionIndex = -1; ///< in the session of A; -1: of another one, or a difference
        int band = -1;           ///< -1: all pairs
        int layer = 0;           ///< of its noise
        LinePlot::Series series;
        std::vector<int> edges; ///< of its distances
        std::vector<double> samples;
    };
    [[nodiscard]] LogitNoise form() const;
    [[nodiscard]] Curve curveOf(const Result& condition, int band) const;
    [[nodiscard]] static Curve minus(const Curve& a, const Curve& b);
    void lookLikeBand(Curve& curve, int band) const;
    void addBandDifferences(std::vector<Curve>& curves) const;
    void addConditions(std::vector<Curve>& curves) const;
    void addBands(std::vector<Curve>& curves) const;
    /// A, B and A - B; why not, when there is no difference.
    QString addDifference(std::vector<Curve>& curves) const;
    /// The selected one where all that is drawn has it, else -1: all heads.
    [[nodiscard]] int headGroup() const;
    [[nodiscard]] QString whereText(int layer) const; ///< "layer 3, band 5"
    [[nodiscard]] QString emptyReason() const;
    void draw(const std::vector<Curve>& curves);
    void fillTable(const std::vector<Curve>& curves);
    [[nodiscard]] QString summaryOf(const std::vector<Curve>& curves) const;

    LinePlot* plot_ = nullptr;
    CompactComboBox *formBox_ = nullptr, *curvesBox_ = nullptr, *pairsBox_ = nullptr;
    std::vector<int> rowBands_, rowConditions_; ///< of the table twin
};

} // namespace qroar
