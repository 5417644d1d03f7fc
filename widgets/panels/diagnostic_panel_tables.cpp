// A panel's tables: filled when somebody reads them, listed and chosen where one is on screen. Not here: what
// is in them (each panel), their way out as files (diagnostic_panel_figures.cpp).
#include "widgets/common/compact_combo_box.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/figure_export.h"

#include <QHeaderView>
#include <QSortFilterProxyModel>
#include <QTableView>
#include <QToolButton>

#include <algorithm>
#include <utility>

namespace qroar {

std::vector<DiagnosticPanel::Table> DiagnosticPanel::tables() {
    ensureFresh();
    fillTables();
    return {{{}, tr("of the figure"), table_}};
}

void DiagnosticPanel::fillTablesBy(std::function<void()> fill) {
    fill_ = std::move(fill);
    if (showsTable()) fillTables();
}

bool DiagnosticPanel::showsTable() const {
    return tableButton_->isChecked() || !content_;
}

void DiagnosticPanel::fillTables() {
    if (const auto fill = std::exchange(fill_, nullptr)) fill();
}

std::vector<DiagnosticPanel::Table> DiagnosticPanel::tablesToLookAt() {
    listing_ = true;
    std::vector<Table> all = tables();
    listing_ = false;
    return all;
}

void DiagnosticPanel::listTables() {
    const std::vector<Table> all = tablesToLookAt();
    const QString chosen = tableBox_->currentText();
    tableBox_->clear();
    for (const Table& one : all) tableBox_->addEntry(one.name, one.name);
    tableBox_->setCurrentIndex(std::max(0, tableBox_->findText(chosen)));
    tableBox_->setVisible(all.size() > 1);
    chooseTable();
}

void DiagnosticPanel::chooseTable() {
    const std::vector<Table> all = tablesToLookAt();
    const auto index = static_cast<size_t>(std::max(0, tableBox_->currentIndex()));
    ResultTableModel* model = index < all.size() ? all[index].model : table_;
    if (sorted_->sourceModel() == model) return;
    sorted_->setSourceModel(model);
    tableView_->sortByColumn(-1, Qt::AscendingOrder);
    tableView_->resizeColumnsToContents();
}

QStringList DiagnosticPanel::tableComments() const {
    return QStringList{figureTitle_} + provenance();
}

bool DiagnosticPanel::exportTable(const Table& table, const QString& path, QString* error) const {
    return writeWholeFile(path, table.model->toCsv(tableComments() + table.comments).toUtf8(), error);
}

} // namespace qroar
