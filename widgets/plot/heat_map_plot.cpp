#include "widgets/plot/heat_map_plot.h"

#include "widgets/common/number_format.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int narrowWidth = 300; // pixels

/// 1, 2, 4, 8, ...: the smallest step at which labels of `needed` pixels do not touch.
int labelStep(double cellPixels, double needed) {
    int step = 1;
    while (step < 4096 && cellPixels * step < needed) step *= 2;
    return step;
}

} // namespace

HeatMapPlot::HeatMapPlot(QWidget* parent)
    : BasePlot(parent), rowTicker_(new IndexTicker), columnTicker_(new IndexTicker) {
    cells_ = new CellMap(xAxis, yAxis);
    xAxis->setTicker(columnTicker_);
    yAxis->setTicker(rowTicker_);
    xAxis->grid()->setVisible(false);
    yAxis->grid()->setVisible(false);
    yAxis->setRangeReversed(true);

    barRect_ = new QCPAxisRect(this, true);
    const int row = plotLayout()->rowCount() - 1;
    plotLayout()->addElement(row, 1, barRect_);
    barRect_->setMinimumSize(14, 40);
    barRect_->setMaximumSize(14, QWIDGETSIZE_MAX);
    auto* together = new QCPMarginGroup(this);
    barRect_->setMarginGroup(QCP::msTop | QCP::msBottom, together);
    axisRect()->setMarginGroup(QCP::msTop | QCP::msBottom, together);
    for (QCPAxis* axis : barRect_->axes()) {
        axis->setTickLabels(false);
        axis->setTicks(false);
        axis->grid()->setVisible(false);
    }
    QCPAxis* values = barRect_->axis(QCPAxis::atRight);
    values->setVisible(true);
    values->setTicks(true);
    values->setTickLabels(true);
    bar_ = new ColorBar(barRect_->axis(QCPAxis::atBottom), values);
    legend->setVisible(false);
    setNavigable(false, false);
    connect(this, &BasePlot::clicked, this, [this](const QPointF& position) {
        if (const auto cell = cellAt(position)) select(cell->y(), cell->x());
    });
    useWidgetTheme();
}

void HeatMapPlot::setContent(Content content) {
    content_ = std::move(content);
    cells_->setCells(content_.rows, content_.columns, content_.values);
    rowTicker_->setLabels(content_.rowLabels);
    columnTicker_->setLabels(content_.columnLabels);
    xAxis->setLabel(content_.columnTitle);
    yAxis->setLabel(content_.rowTitle);
    barRect_->axis(QCPAxis::atRight)->setLabel(content_.valueTitle);
    setHomeRanges({-0.5, content_.columns - 0.5}, {-0.5, content_.rows - 0.5}, false);
    // Maps of many cells can be zoomed; small ones stay put, so that a click never moves them.
    setNavigable(content_.columns > 16, content_.rows > 16);
    setSelectedCell(selectedRow_, selectedColumn_);
    updateLayout();
    prepareLayout();
    replot(rpQueuedReplot);
}

void HeatMapPlot::setScale(const ColorScale& scale) {
    scale_ = scale;
    QCPAxis* values = barRect_->axis(QCPAxis::atRight);
    values->setScaleType(scale.logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (scale.logarithmic)
        values->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableLogTicker));
    else
        values->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableTicker));
    values->setRange(scale.low, scale.high);
    applyTheme();
    replot(rpQueuedReplot);
}

void HeatMapPlot::setSelectedCell(int row, int column) {
    selectedRow_ = row;
    selectedColumn_ = column;
    cells_->setSelected(row, column);
    replot(rpQueuedReplot);
}

QPointF HeatMapPlot::cellCentre(int row, int column) const {
    return cells_->cellRect(row, column).center();
}

std::optional<QPoint> HeatMapPlot::cellAt(const QPointF& position) const {
    if (!axisRect()->rect().contains(position.toPoint())) return std::nullopt;
    const int column = static_cast<int>(std::lround(xAxis->pixelToCoord(position.x())));
    const int row = static_cast<int>(std::lround(yAxis->pixelToCoord(position.y())));
    if (row < 0 || row >= content_.rows || column < 0 || column >= content_.columns) return std::nullopt;
    return QPoint(column, row);
}

QString HeatMapPlot::readoutAt(const QPointF& position) const {
    const auto cell = cellAt(position);
    if (!cell) return {};
    const double value = cells_->value(cell->y(), cell->x());
    QString text = QStringLiteral("%1 %2 · %3")
                       .arg(content_.rowName, content_.rowLabels.value(cell->y()),
                            content_.columnDetails.value(cell->x()));
    text += u'\n' + content_.valueTitle + QStringLiteral(": ");
    return text + (std::isnan(value) ? tr("no data") : readableNumber(value, 4));
}

void HeatMapPlot::applyTheme() {
    if (!cells_) return;
    const ColorMap& map = scale_.diverging ? theme().diverging : theme().sequential;
    cells_->setColours(map, scale_, theme().missing, theme().mutedText);
    cells_->setOutline(theme().highlight, theme().background);
    cells_->setValueFont(plotFont(0.88));
    bar_->setMap(map);
    for (const auto side :
         {QCPAxis::atLeft, QCPAxis::atTop, QCPAxis::atBottom}) // no frame that is not closed
        barRect_->axis(side)->setBasePen(Qt::NoPen);
    // Two-line band labels: index and pairs.
    xAxis->setTickLabelFont(plotFont(0.88));
}

void HeatMapPlot::prepareLayout() {
    if (!barRect_) return;
    // Small maps leave out the name of the bar: the title of the panel says it as well.
    const bool roomy = viewport().width() >= narrowWidth;
    QCPAxis* bar = barRect_->axis(QCPAxis::atRight);
    if (bar->label().isEmpty() == roomy) {
        bar->setLabel(roomy ? content_.valueTitle : QString());
        updateLayout();
    }
    if (roomy) fitTitle(bar, content_.valueTitle);
    fitTitle(xAxis, content_.columnTitle);
    fitTitle(yAxis, content_.rowTitle);
    const QFontMetricsF metrics(xAxis->tickLabelFont());
    double widest = 0;
    for (const QString& label : content_.columnLabels)
        for (const QString& line : label.split(u'\n'))
            widest = std::max(widest, metrics.horizontalAdvance(line));
    const double cellWidth = axisRect()->width() / std::max(1.0, xAxis->range().size());
    const double cellHeight = axisRect()->height() / std::max(1.0, yAxis->range().size());
    columnTicker_->setStep(labelStep(cellWidth, widest + 2));
    rowTicker_->setStep(labelStep(cellHeight, metrics.height()));
}

void HeatMapPlot::keyPressEvent(QKeyEvent* event) {
    const QPoint move = event->key() == Qt::Key_Left    ? QPoint(-1, 0)
                        : event->key() == Qt::Key_Right ? QPoint(1, 0)
                        : event->key() == Qt::Key_Up    ? QPoint(0, -1)
                        : event->key() == Qt::Key_Down  ? QPoint(0, 1)
                                                        : QPoint();
    if (move.isNull() || content_.rows == 0 || content_.columns == 0) {
        BasePlot::keyPressEvent(event);
        return;
    }
    const int row = std::clamp(selectedRow_ + move.y(), 0, content_.rows - 1);
    const int column = std::clamp(selectedColumn_ + move.x(), 0, content_.columns - 1);
    select(row, column);
}

void HeatMapPlot::select(int row, int column) {
    // At once, so that fast keys count from here; views that select rows keep the outline of the row.
    setSelectedCell(row, selectedRow_ >= 0 && selectedColumn_ < 0 ? -1 : column);
    emit cellSelected(row, column);
}

} // namespace qroar
