#include "app/gui/search/gain_window_table.h"

#include "widgets/common/cell_tips.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QSignalBlocker>
#include <QTableWidget>
#include <QToolButton>
#include <QVBoxLayout>

#include <algorithm>

namespace qroar {

GainWindowTable::GainWindowTable(QWidget* parent) : QWidget(parent) {
    table_ = new QTableWidget;
    table_->setAccessibleName(tr("Windows of the gains"));
    CellTips::watch(table_);
    table_->setToolTip(tr("τ of each band (columns) and layer (rows): the gain stays in [1/τ, τ].\n%1\n"
                          "Type another value to change it; 1 holds the gain.")
                           .arg(QLatin1String(windowFormula())));
    table_->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch); // all bands where they have room
    table_->horizontalHeader()->setMinimumSectionSize(table_->fontMetrics().horizontalAdvance("00.00") + 6);
    table_->verticalHeader()->setDefaultSectionSize(table_->fontMetrics().height() + 6);
    source_ = new QLabel;
    source_->setWordWrap(true);
    source_->setTextFormat(Qt::PlainText);
    reset_ = new QToolButton;
    reset_->setText(tr("Reset"));
    reset_->setToolTip(tr("Forget what was typed"));
    auto* under = new QHBoxLayout;
    under->addWidget(source_, 1);
    under->addWidget(reset_);
    auto* column = new QVBoxLayout(this);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(3);
    column->addWidget(table_);
    column->addLayout(under);
    connect(table_, &QTableWidget::cellChanged, this, &GainWindowTable::take);
    connect(reset_, &QToolButton::clicked, this, [this] {
        edits_.clear();
        emit edited();
    });
    reset_->setEnabled(false);
}

void GainWindowTable::setWindows(const GainWindows& windows) {
    const BandGrid& tau = windows.tau;
    const QSignalBlocker quiet(table_);
    if (table_->rowCount() != tau.layers || table_->columnCount() != tau.bands) {
        edits_.clear();
        table_->setRowCount(tau.layers);
        table_->setColumnCount(tau.bands);
        QStringList rows, columns;
        for (int layer = 0; layer < tau.layers; ++layer) rows << QString::number(layer);
        for (int band = 0; band < tau.bands; ++band) columns << QString::number(band);
        table_->setVerticalHeaderLabels(rows);
        table_->setHorizontalHeaderLabels(columns);
    }
    for (int layer = 0; layer < tau.layers; ++layer)
        for (int band = 0; band < tau.bands; ++band) {
            auto* item = new QTableWidgetItem(QString::number(tau.at(layer, band), 'f', 2));
            item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            QFont font = table_->font();
            font.setBold(std::any_of(edits_.begin(), edits_.end(), [&](const Edit& edit) {
                return edit.layer == layer && edit.band == band;
            }));
            item->setFont(font);
            table_->setItem(layer, band, item);
        }
    const int rows = std::min(tau.layers, 6);
    table_->setFixedHeight(table_->horizontalHeader()->sizeHint().height() + 20
                           + rows * table_->verticalHeader()->defaultSectionSize());
    source_->setText(tr("τ by layer and band: %1").arg(QString::fromStdString(windows.source)));
    reset_->setEnabled(!edits_.empty());
}

void GainWindowTable::apply(GainWindows& windows) const {
    for (const Edit& edit : edits_)
        if (edit.layer < windows.tau.layers && edit.band < windows.tau.bands)
            static_cast<void>(setWindow(windows, edit.layer, edit.band, edit.tau)); // take() has checked it
}

void GainWindowTable::take(int row, int column) {
    bool number = false;
    const double tau = table_->item(row, column)->text().toDouble(&number);
    if (number && tau >= 1 && tau <= 1000) {
        const auto same = [&](const Edit& edit) { return edit.layer == row && edit.band == column; };
        edits_.erase(std::remove_if(edits_.begin(), edits_.end(), same), edits_.end());
        edits_.push_back({row, column, tau});
    }
    emit edited(); // also when it was no window: the old value comes back
}

} // namespace qroar
