// PerplexityPanel: loss against context length with intervals, loss by position for the selected context
// length, and the four-way split (FP, PI, Q, Q+PI) with its interaction term.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class PerplexityPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit PerplexityPanel(SelectionModel* selection, QWidget* parent = nullptr);

  protected:
    void refresh(Changes changes) override;
};

} // namespace qroar
