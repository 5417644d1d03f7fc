#include "widgets/panels/distortion_panel.h"

namespace qroar {

DistortionPanel::DistortionPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Distortion"), selection, parent) {}
void DistortionPanel::refresh(Changes) {}

} // namespace qroar
