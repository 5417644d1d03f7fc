#include "widgets/panels/histogram_panel.h"

namespace qroar {

HistogramPanel::HistogramPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Histogram"), selection, parent) {}
void HistogramPanel::refresh(Changes) {}

} // namespace qroar
