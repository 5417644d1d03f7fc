// OutlierPanel: where in the context the largest values sit: the share of the top-eps values per position
// bucket relative to the bucket's share of all values (1 = no shift), as a map over layers and a line for the
// selected one.
#pragma once

#include "widgets/panels/diagnostic_panel.h"

namespace qroar {

class OutlierPanel : public DiagnosticPanel {
    Q_OBJECT
  public:
    explicit OutlierPanel(SelectionModel* selection, QWidget* parent = nullptr);

  protected:
    void refresh(Changes changes) override;
};

} // namespace qroar
