#include "widgets/panels/heat_map_panel.h"

namespace qroar {

HeatMapPanel::HeatMapPanel(HeatMapMetric initial, SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Heat map"), selection, parent), metric_(initial) {}
void HeatMapPanel::setMetric(HeatMapMetric metric) {
    metric_ = metric;
}
bool HeatMapPanel::isRangeLocked() const {
    return false;
}
void HeatMapPanel::setRangeLocked(bool) {}
const BandGrid& HeatMapPanel::grid() {
    return grid_;
}
void HeatMapPanel::refresh(Changes) {}
void HeatMapPanel::tableRowActivated(int) {}

} // namespace qroar
