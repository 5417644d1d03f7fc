#include "widgets/panels/diagnostic_panel.h"

#include "widgets/models/result_table_model.h"

namespace qroar {

DiagnosticPanel::DiagnosticPanel(const QString& title, SelectionModel* selection, QWidget* parent)
    : QWidget(parent), title_(title), selection_(selection), table_(new ResultTableModel(this)) {}
DiagnosticPanel::~DiagnosticPanel() = default;
void DiagnosticPanel::setSession(std::shared_ptr<const Session> session) {
    session_ = std::move(session);
}
void DiagnosticPanel::setBands(const BandPartition& bands) {
    bands_ = bands;
}
QString DiagnosticPanel::figureTitle() {
    return title_;
}
QString DiagnosticPanel::summary() {
    return summary_;
}
QString DiagnosticPanel::emptyText() {
    return emptyText_;
}
QAbstractItemModel* DiagnosticPanel::tableModel() {
    return table_;
}
bool DiagnosticPanel::exportTo(const QString&, QString* error, FigureSize) {
    if (error) *error = tr("Not built yet");
    return false;
}
QImage DiagnosticPanel::renderFigure(FigureSize, double) {
    return {};
}
void DiagnosticPanel::home() {}
void DiagnosticPanel::copyImage() {}
void DiagnosticPanel::ensureFresh() {}
QString DiagnosticPanel::noSessionText() const {
    return tr("Open a model and run an analysis.");
}
void DiagnosticPanel::showEvent(QShowEvent* event) {
    QWidget::showEvent(event);
}
void DiagnosticPanel::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
}
void DiagnosticPanel::changeEvent(QEvent* event) {
    QWidget::changeEvent(event);
}
void DiagnosticPanel::tableRowActivated(int) {}

} // namespace qroar
