#include "widgets/panels/spectrum_panel.h"

namespace qroar {

SpectrumPanel::SpectrumPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Spectrum"), selection, parent) {}
void SpectrumPanel::refresh(Changes) {}

} // namespace qroar
namespace qroar {
void SpectrumPanel::setBands(const BandPartition& bands) {
    DiagnosticPanel::setBands(bands);
}
QString SpectrumPanel::noSessionText() const {
    return {};
}
void SpectrumPanel::tableRowActivated(int) {}
} // namespace qroar
