// HistogramPanel: magnitudes of q or k in the selected layer and band as densities over a logarithmic axis,
// one curve per context length of the selected RoPE and quantization and one for the short reference, with
// quantile marks.
#pragma once

#include "core/capture/log_histogram.h"
#include "widgets/panels/diagnostic_panel.h"

class QToolButton;

namespace qroar {

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
        LogHistogram histogram;
        std::vector<double> centre,
            share; ///< |x| and share of all values per octave; without the open end bins
    };
    [[nodiscard]] const std::vector<Curve>& curves(); ///< up to date

  protected:
    void refresh(Changes changes) override;

  private:
    void collect(const ConditionResult& selected);
    void updatePlot();
    void fillTable();
    [[nodiscard]] QString quantileSummary() const;

    std::vector<Curve> curves_;
    LinePlot* plot_ = nullptr;
    TensorBox* tensorBox_ = nullptr;
    QToolButton* log_ = nullptr;
};

} // namespace qroar
