#include "widgets/panels/outlier_panel.h"

namespace qroar {

OutlierPanel::OutlierPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Outlier"), selection, parent) {}
void OutlierPanel::refresh(Changes) {}

} // namespace qroar
