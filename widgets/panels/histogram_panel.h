// HistogramPanel: magnitudes of q or k in the selected layer and band as densities over a logarithmic axis,
// one curve per context length of the selected RoPE and quantization and one for the short reference, with
// quantile marks.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class HistogramPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit HistogramPanel(SelectionModel* selection, QWidget* parent = nullptr);

  protected:
    void refresh(Changes changes) override;
};

} // namespace qroar
