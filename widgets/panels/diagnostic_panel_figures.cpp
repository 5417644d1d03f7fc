// A panel's figure and tables on their way out: files, clipboard, the menu of a plot.
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/flow_layout.h"
#include "widgets/common/icons.h"
#include "widgets/common/names.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/diagnostic_panel.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/figure_export.h"
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDir>
#include <QDoubleSpinBox>
#include <QFileDialog>
#include <QFileInfo>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QMenu>
#include <QMessageBox>
#include <QMetaMethod>
#include <QScrollArea>
#include <QSortFilterProxyModel>
#include <QStackedWidget>
#include <QTableView>
#include <QTimer>
#include <QToolButton>
#include <algorithm>

namespace qroar {

Figure DiagnosticPanel::figure() const {
    Figure figure;
    figure.title = figureTitle_;
    figure.provenance = provenance().join(u'\n');
    figure.cells.resize(1);
    for (const auto& [plot, place] : parts_)
        if (std::find(unused_.begin(), unused_.end(), plot) == unused_.end())
            figure.cells.front().parts.push_back({plot, place});
    if (isVisible() && content_) figure.shownSize = stack_->size() + QSize(0, 50);
    return figure;
}

Figure DiagnosticPanel::beginFigure() {
    ensureFresh();
    arrangeForExport(true);
    return figure();
}

QList<BasePlot*> DiagnosticPanel::plots() const {
    QList<BasePlot*> all;
    for (const auto& [plot, place] : parts_)
        if (std::find(unused_.begin(), unused_.end(), plot) == unused_.end()) all << plot;
    return all;
}

DiagnosticPanel::Table DiagnosticPanel::chosenTable() {
    std::vector<Table> all = tables();
    const bool onScreen = stack_->currentWidget() == tableView_;
    const auto index = static_cast<size_t>(onScreen ? std::max(0, tableBox_->currentIndex()) : 0);
    return all[std::min(index, all.size() - 1)];
}

bool DiagnosticPanel::exportTo(const QString& path, QString* error, const FigureStyle& style) {
    ensureFresh();
    if (!emptyText_.isEmpty()) {
        if (error) *error = tr("%1 has nothing to export: %2").arg(emptyTitle(), emptyText_);
        return false;
    }
    if (QFileInfo(path).suffix().compare(QLatin1String("csv"), Qt::CaseInsensitive) == 0)
        return exportTable(chosenTable(), path, error);
    const bool written = writeFigure(beginFigure(), path, style, error);
    endFigure();
    return written;
}

QImage DiagnosticPanel::renderFigure(const FigureStyle& style, double scale) {
    ensureFresh();
    if (!emptyText_.isEmpty()) return {};
    QImage image = qroar::renderFigure(beginFigure(), style, scale);
    endFigure();
    return image;
}

QString DiagnosticPanel::tableText() {
    ensureFresh();
    return emptyText_.isEmpty() ? chosenTable().model->toTsv() : QString();
}

void DiagnosticPanel::copyTable() {
    const QString text = tableText();
    if (text.isEmpty()) return;
    QApplication::clipboard()->setText(text);
    emit message(tr("The table of %1 is on the clipboard: tab-separated, all digits.").arg(title_));
}

void DiagnosticPanel::copyImage(const FigureStyle& style) {
    const QImage image = renderFigure(style);
    if (image.isNull()) return;
    QApplication::clipboard()->setImage(image);
    emit message(tr("%1 copied to the clipboard").arg(title_));
}

void DiagnosticPanel::save() {
    if (isSignalConnected(QMetaMethod::fromSignal(&DiagnosticPanel::figureWanted)))
        emit figureWanted();
    else
        saveAs();
}

void DiagnosticPanel::showPlotMenu(const QPoint& globalPosition) {
    if (!emptyText_.isEmpty()) return;
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    extendPlotMenu(*menu, globalPosition);
    menu->addAction(tr("Copy the &image"), this, [this] { copyImage(); });
    menu->addAction(tr("Copy the &table"), this, &DiagnosticPanel::copyTable);
    if (isSignalConnected(QMetaMethod::fromSignal(&DiagnosticPanel::commandWanted)))
        menu->addAction(tr("Copy the &command that reproduces this figure"), this,
                        &DiagnosticPanel::commandWanted);
    menu->addAction(tr("&Save the figure..."), this, &DiagnosticPanel::save);
    menu->addSeparator();
    menu->addAction(tr("Reset the &zoom"), this, &DiagnosticPanel::home);
    menu->popup(globalPosition);
}

QString DiagnosticPanel::saveAs(const QString& folder) {
    QString name = title_.toLower();
    for (QChar& character : name)
        if (!character.isLetterOrNumber()) character = u'-';
    QString filter;
    const QString chosen = QFileDialog::getSaveFileName(
        this, tr("Save %1").arg(title_), QDir(folder).filePath(name + QStringLiteral(".svg")),
        tr("Figures and tables (*.svg *.pdf *.png *.csv);;SVG (*.svg);;PDF (*.pdf);;PNG (*.png);;CSV table "
           "(*.csv)"),
        &filter);
    if (chosen.isEmpty()) return {};
    const QString path = withFigureSuffix(chosen, filter);
    const bool completed = path != chosen; // the dialog has asked about another file
    if (completed && QFileInfo::exists(path)
        && QMessageBox::question(this, tr("Save %1").arg(title_), tr("%1 exists. Replace it?").arg(path))
               != QMessageBox::Yes)
        return {};
    QString error;
    if (!exportTo(path, &error)) {
        emit failed(error);
        return {};
    }
    emit message(completed
                     ? tr("Saved %1 (the name had no suffix, so the kind of file chosen gave it).").arg(path)
                     : tr("Saved %1.").arg(path));
    return path;
}

} // namespace qroar
