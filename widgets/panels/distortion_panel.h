// DistortionPanel: how far quantized weights are from the original, per layer and projection.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class DistortionPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit DistortionPanel(SelectionModel* selection, QWidget* parent = nullptr);

  protected:
    void refresh(Changes changes) override;
};

} // namespace qroar
