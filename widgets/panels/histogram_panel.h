// HistogramPanel: magnitudes of q or k in the selected layer and band as densities over a logarithmic axis,
// one curve per context length of the selected RoPE and quantization and one for the short reference, with
// quantile marks. Of conditions that were run without and with gains: either, or both, before dashed.
#pragma once

#include "core/capture/log_histogram.h"
#include "widgets/panels/diagnostic_panel.h"

class QToolButton;

namespace qroar {

class BeforeAfterBox;
class LinePlot;
class TensorBox;

class HistogramPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit HistogramPanel(SelectionModel* selection, QWidget* parent = nullptr);
    [[nodiscard]] LinePlot* plot() const { return plot_; }

    /// Bins of LogHistogram that one point of a curve takes together.
    static constexpr int binsPerPoint = 4;

    struct Curve {
        QString name;
        int condition = -1; ///< index into the session
        bool isReference = false;
        bool isBefore = false; ///< the twin without gains of a curve that is there too
        LogHistogram histogram;
        std::vector<double> centre,
            share; ///< |x| and share of all values per octave; without the open end bins
    };
    [[nodiscard]] const std::vector<Curve>& curves(); ///< up to date
    [[nodiscard]] BeforeAfterBox* beforeAfter() const { return beforeAfter_; }

  protected:
    void refresh(Changes changes) override;

  private:
    /// The curves of the family of `selected`; `before`: also those of its twin without gains.
    void collect(const ConditionResult& selected, const ConditionResult* before);
    [[nodiscard]] Curve curveOf(int condition) const;
    [[nodiscard]] bool isShown(const Curve& curve) const; ///< of the selected condition or its twin
    void updatePlot();
    void fillTable();
    [[nodiscard]] QString quantileSummary() const;

    std::vector<Curve> curves_;
    LinePlot* plot_ = nullptr;
    int shown_ = -1, before_ = -1; ///< the selected condition, and its twin while both are shown
    TensorBox* tensorBox_ = nullptr;
    BeforeAfterBox* beforeAfter_ = nullptr;
    QToolButton* log_ = nullptr;
};

} // namespace qroar
