#include "widgets/plot/heat_map_plot.h"

#include "widgets/common/elided.h"
#include "widgets/common/number_format.h"
#include "widgets/figures/text_lines.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace qroar {

namespace {

constexpr int narrowWidth = 300;  // pixels: below, the bar has no name
constexpr int narrowFigure = 200; // the same of figures, over which nobody can hover
constexpr int barWidth = 14;      // pixels
constexpr int labelRoom = 5;      // pixels above the cells: labels of low rows are higher than the rows

/// 1, 2, 4, 8, ...: the smallest step at which labels of `needed` pixels do not touch.
int labelStep(double cellPixels, double needed) {
    int step = 1;
    while (step < 4096 && cellPixels * step < needed) step *= 2;
    return step;
}

/// The same for labels as wide as they are.
int labelStep(double cellPixels, const std::vector<double>& widths, double gap) {
    for (int step = 1; step < 4096; step *= 2) {
        bool fits = true;
        for (std::size_t next = static_cast<std::size_t>(step); fits && next < widths.size();
             next += static_cast<std::size_t>(step))
            fits =
                (widths[next] + widths[next - static_cast<std::size_t>(step)]) / 2 + gap <= step * cellPixels;
        if (fits) return step;
    }
    return 4096;
}

bool isAllZero(const std::vector<double>& values) {
    bool any = false;
    for (const double value : values) {
        if (std::isfinite(value) && value != 0) return false;
        any = any || value == 0;
    }
    return any;
}

} // namespace

HeatMapPlot::HeatMapPlot(QWidget* parent)
    : BasePlot(parent), rowTicker_(new IndexTicker), columnTicker_(new IndexTicker),
      markTicker_(new QCPAxisTickerText) {
    cells_ = new CellMap(xAxis, yAxis);
    margins_ = new MapMargins(xAxis, yAxis);
    xAxis->setTicker(columnTicker_);
    yAxis->setTicker(rowTicker_);
    xAxis->grid()->setVisible(false);
    yAxis->grid()->setVisible(false);
    yAxis->setRangeReversed(true);
    makeColorBar();
    axisRect()->setMinimumMargins(QMargins(0, labelRoom, 0, 0));
    legend->setVisible(false);
    setNavigable(false, false);
    connect(this, &BasePlot::clicked, this, [this](const QPointF& position) {
        if (const auto cell = cellAt(position)) select(cell->y(), cell->x());
    });
    useWidgetTheme();
}

void HeatMapPlot::makeColorBar() {
    barRect_ = new QCPAxisRect(this, true);
    const int row = plotLayout()->rowCount() - 1;
    plotLayout()->addElement(row, 1, barRect_);
    setColourBar(barRect_);
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
    showColorBar(true);
}

void HeatMapPlot::showColorBar(bool on) {
    const int width = on ? barWidth : 0;
    barRect_->setVisible(on);
    // Without a bar the column of the layout has no width at all; top and bottom stay those of the cells.
    barRect_->setAutoMargins(on ? QCP::msAll : QCP::msTop | QCP::msBottom);
    if (!on) barRect_->setMargins(QMargins(0, barRect_->margins().top(), 0, barRect_->margins().bottom()));
    barRect_->setMinimumSize(width, 40);
    barRect_->setMaximumSize(width, QWIDGETSIZE_MAX);
    prepareLayout();
    drawLater();
}

void HeatMapPlot::showMargins(bool on) {
    if (on == showsMargins_) return;
    showsMargins_ = on;
    prepareLayout();
    drawLater();
}

void HeatMapPlot::setOwnMap(const std::optional<ColorMap>& map) {
    ownMap_ = map;
    applyTheme();
    drawLater();
}

void HeatMapPlot::setContent(Content content) {
    content_ = std::move(content);
    cells_->setCells(content_.rows, content_.columns, content_.values);
    cells_->setPlainGaps(content_.plainGaps);
    fittedRows_.clear();
    fittedColumns_ = content_.columnLabels;
    rowTicker_->setLabels(content_.rowLabels);
    columnTicker_->setLabels(content_.columnLabels);
    if (content_.columnMarks.empty())
        xAxis->setTicker(columnTicker_);
    else
        xAxis->setTicker(markTicker_);
    noDifference_ = content_.difference && isAllZero(content_.values);
    cells_->setFewerDigits(content_.difference);
    xAxis->setLabel(content_.columnTitle);
    yAxis->setLabel(content_.rowTitle);
    barRect_->axis(QCPAxis::atRight)->setLabel(content_.valueTitle);
    selectedNote_.clear(); // of other numbers
    updateMeans();
    updateBeyond();
    setHomeRanges({-0.5, content_.columns - 0.5}, {-0.5, content_.rows - 0.5}, false);
    // Maps of many cells can be zoomed; small ones stay put, so that a click never moves them.
    setNavigable(content_.columns > 16, content_.rows > 16);
    setSelectedCell(selectedRow_, selectedColumn_);
    updateLayout();
    prepareLayout();
    drawLater();
}

void HeatMapPlot::updateMeans() {
    struct Mean {
        double sum = 0;
        int count = 0;
        [[nodiscard]] double value() const { return count > 0 ? sum / count : std::nan(""); }
        void add(double value) {
            if (!std::isfinite(value)) return;
            sum += value;
            ++count;
        }
    };
    std::vector<Mean> rows(static_cast<size_t>(content_.rows)),
        columns(static_cast<size_t>(content_.columns));
    for (size_t row = 0; row < rows.size(); ++row)
        for (size_t column = 0; column < columns.size(); ++column) {
            const double value = content_.values[row * columns.size() + column];
            rows[row].add(value);
            columns[column].add(value);
        }
    const auto means = [](const std::vector<Mean>& all) {
        std::vector<double> result;
        for (const Mean& mean : all) result.push_back(mean.value());
        return result;
    };
    margins_->setValues(means(rows), means(columns));
}

void HeatMapPlot::updateBeyond() {
    const double slack = 1e-9 * (scale_.high - scale_.low);
    bool below = false, above = false;
    for (const double value : content_.values) {
        below = below || value < scale_.low - slack;
        above = above || value > scale_.high + slack;
    }
    bar_->setBeyond(below, above);
    barRect_->setMinimumMargins(
        QMargins(0, above ? ColorBar::arrow + 3 : 0, 0, below ? ColorBar::arrow + 3 : 0));
}

QSharedPointer<QCPAxisTicker> HeatMapPlot::barTicker() const {
    if (scale_.cyclic) {
        QSharedPointer<QCPAxisTickerText> ticks(new QCPAxisTickerText);
        const std::pair<double, QString> turns[] = {{-1.0, QStringLiteral("−π")},
                                                    {-0.5, QStringLiteral("−π/2")},
                                                    {0.0, QStringLiteral("0")},
                                                    {0.5, QStringLiteral("π/2")},
                                                    {1.0, QStringLiteral("π")}};
        for (const auto& [part, text] : turns) ticks->addTick(part * scale_.high, text);
        return ticks;
    }
    if (noDifference_) {
        QSharedPointer<QCPAxisTickerText> tick(new QCPAxisTickerText);
        tick->addTick(0, tr("no\ndifference"));
        return tick;
    }
    if (scale_.logarithmic) return QSharedPointer<QCPAxisTicker>(new ReadableLogTicker);
    return QSharedPointer<QCPAxisTicker>(new ReadableTicker);
}

void HeatMapPlot::setScale(const ColorScale& scale) {
    scale_ = noDifference_ ? ColorScale{-1, 1, false, true} : scale; // any range: nothing lies off the middle
    QCPAxis* values = barRect_->axis(QCPAxis::atRight);
    values->setScaleType(scale_.logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    values->setTicker(barTicker());
    values->setRange(scale_.low, scale_.high);
    updateBeyond();
    applyTheme();
    if (const int width = barLabelWidth(); std::exchange(barLabels_, width) != width) {
        updateLayout(); // wider numbers leave the cells, and the titles below them, another place
        prepareLayout();
    }
    drawLater();
}

int HeatMapPlot::barLabelWidth() const {
    const QCPAxis* values = barRect_->axis(QCPAxis::atRight);
    QVector<double> ticks;
    QVector<QString> labels;
    values->ticker()->generate(values->range(), QLocale::c(), u'g', 4, ticks, nullptr, &labels);
    const QFontMetrics metrics(values->tickLabelFont());
    int widest = 0;
    for (const QString& label : std::as_const(labels))
        widest = std::max(widest, metrics.horizontalAdvance(label));
    return widest;
}

void HeatMapPlot::setSelectedCell(int row, int column) {
    if (row != selectedRow_ || column != selectedColumn_) selectedNote_.clear();
    selectedRow_ = row;
    selectedColumn_ = column;
    cells_->setSelected(row, column);
    drawLater();
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

QRect HeatMapPlot::readoutArea() const {
    const int left =
        fittedRows_ == content_.rowLabels ? 0 : axisRect()->rect().left(); // cut: with the labels
    return axisRect()->rect().adjusted(-left, -margins_->top() - MapMargins::gap,
                                       margins_->right() + MapMargins::gap, 0);
}

/// The whole of a label that has no room.
QString HeatMapPlot::labelReadout(const QPointF& position) const {
    const QRect axes = axisRect()->rect();
    const auto row = static_cast<qsizetype>(std::lround(yAxis->pixelToCoord(position.y())));
    const bool beside =
        position.x() < axes.left() && position.y() >= axes.top() && position.y() <= axes.bottom();
    if (!beside || row < 0 || row >= content_.rowLabels.size()) return {};
    const QString& whole = content_.rowLabels[row];
    return fittedRows_.value(row) == whole ? QString() : whole;
}

QString HeatMapPlot::readoutAt(const QPointF& position) const {
    const auto cell = cellAt(position);
    if (const QString label = labelReadout(position); !label.isEmpty()) return label;
    if (!cell) return marginReadout(position);
    const double value = cells_->value(cell->y(), cell->x());
    QString text = QStringLiteral("%1 %2 · %3")
                       .arg(content_.rowName, content_.rowLabels.value(cell->y()),
                            content_.columnDetails.value(cell->x()));
    text += u'\n' + content_.valueTitle + QStringLiteral(": ");
    text += std::isnan(value) ? tr("no data") : readableNumber(value, 4);
    if (value < scale_.low || value > scale_.high) text += tr(" (beyond the colours)");
    const bool selected = cell->y() == selectedRow_ && cell->x() == selectedColumn_;
    for (const QString& more : {selected ? selectedNote_ : QString(),
                                content_.details ? content_.details(cell->y(), cell->x()) : QString()})
        if (!more.isEmpty()) text += u'\n' + more;
    return text;
}

QString HeatMapPlot::marginReadout(const QPointF& position) const {
    const auto say = [this](const QString& of, const QString& over, double value) {
        return tr("%1 · mean over the %2\n%3: %4")
            .arg(of, over, content_.valueTitle, std::isnan(value) ? tr("no data") : readableNumber(value, 4));
    };
    const int column = static_cast<int>(std::lround(xAxis->pixelToCoord(position.x())));
    const int row = static_cast<int>(std::lround(yAxis->pixelToCoord(position.y())));
    if (margins_->topStrip().contains(position) && column >= 0 && column < content_.columns)
        return say(content_.columnDetails.value(column), content_.rowsName,
                   margins_->columns()[static_cast<size_t>(column)]);
    if (margins_->rightStrip().contains(position) && row >= 0 && row < content_.rows)
        return say(QStringLiteral("%1 %2").arg(content_.rowName, content_.rowLabels.value(row)),
                   content_.columnsName, margins_->rows()[static_cast<size_t>(row)]);
    return {};
}

void HeatMapPlot::applyTheme() {
    if (!cells_) return;
    const ColorMap& map = scale_.cyclic      ? theme().cyclic
                          : scale_.diverging ? theme().diverging
                          : ownMap_          ? *ownMap_
                                             : theme().sequential;
    margins_->setColours(map, scale_);
    margins_->setStyle(theme().text, theme().grid);
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

bool HeatMapPlot::fitMargins() {
    // Strips must not take the room that cells need to be seen.
    const bool wanted = showsMargins_ && content_.means;
    const bool top = wanted && content_.columns > 1 && room().height() >= 15 * fontPixels();
    const bool right = wanted && content_.rows > 1 && room().width() >= 28 * fontPixels();
    const int above = top ? 5 * fontPixels() / 2 : 0, beside = right ? 5 * fontPixels() / 2 : 0;
    if (above == margins_->top() && beside == margins_->right()) return false;
    margins_->setExtent(above, beside);
    axisRect()->setMinimumMargins(QMargins(0, top ? above + MapMargins::gap + 2 : labelRoom,
                                           right ? beside + MapMargins::gap + 2 : 0, 0));
    return true;
}

/// Names of documents, say, leave the cells their room; the pointer reads the whole.
void HeatMapPlot::fitRowLabels() {
    const QFontMetrics metrics(yAxis->tickLabelFont());
    const int most = std::max(4 * fontPixels(), viewport().width() * 3 / 10);
    const QStringList fitted = elidedApart(content_.rowLabels, metrics, most);
    if (fitted == fittedRows_) return;
    fittedRows_ = fitted;
    rowTicker_->setLabels(fitted);
    updateLayout();
}

QStringList HeatMapPlot::leftOut() const {
    QStringList names; // numbers that are thinned out can be read off
    for (int column = 0; content_.longNames && column < content_.columns; ++column)
        if (!columnTicker_->isShown(column))
            names << content_.columnLabels.value(column).section(u'\n', 0, 0);
    if (names.isEmpty()) return {};
    return {tr("no room for the names of these bands: %1").arg(names.join(QStringLiteral(", ")))};
}

void HeatMapPlot::prepareLayout() {
    if (!bar_) return;
    if (fitMargins()) updateLayout();
    fitRowLabels(); // before what the width of the cells decides
    // Small maps leave out the name of the bar: the title of the panel says it as well.
    const bool roomy = viewport().width() >= (isForFigure() ? narrowFigure : narrowWidth);
    QCPAxis* bar = barRect_->axis(QCPAxis::atRight);
    if (bar->label().isEmpty() == roomy) {
        bar->setLabel(roomy ? content_.valueTitle : QString());
        updateLayout();
    }
    if (roomy) fitTitle(bar, content_.valueTitle);
    fitTitle(xAxis, content_.columnTitle);
    fitTitle(yAxis, content_.rowTitle);
    if (content_.columnMarks.empty())
        fitColumnLabels();
    else
        fitColumnMarks();
    const QFontMetricsF metrics(yAxis->tickLabelFont());
    const double cellHeight = axisRect()->height() / std::max(1.0, yAxis->range().size());
    rowTicker_->setStep(labelStep(cellHeight, metrics.height()));
}

/// Of labels whose first lines are names.
QStringList HeatMapPlot::fittedColumns(double room) const {
    QStringList names, fitted;
    for (const QString& label : content_.columnLabels) names << label.section(u'\n', 0, 0);
    const QFont font = xAxis->tickLabelFont();
    if (!isForFigure()) names = elidedApart(names, QFontMetrics(font), static_cast<int>(room));
    for (qsizetype column = 0; column < names.size(); ++column) {
        const QString name =
            isForFigure() ? inLines(names[column], QFontMetricsF(font), room) : names[column];
        fitted << name + u'\n' + content_.columnLabels[column].section(u'\n', 1);
    }
    return fitted;
}

void HeatMapPlot::fitColumnLabels() {
    const QFontMetricsF metrics(xAxis->tickLabelFont());
    if (content_.longNames) {
        const double cell = axisRect()->width() / std::max(1.0, xAxis->range().size());
        const QStringList fitted =
            fittedColumns(std::max(5 * metrics.averageCharWidth(), cell - 0.7 * metrics.height()));
        if (fitted != fittedColumns_) {
            fittedColumns_ = fitted;
            columnTicker_->setLabels(fitted);
            updateLayout();
        }
    }
    std::vector<double> widths;
    for (const QString& label : std::as_const(fittedColumns_)) {
        widths.push_back(0);
        for (const QString& line : label.split(u'\n'))
            widths.back() = std::max(widths.back(), metrics.horizontalAdvance(line));
    }
    const double cellWidth = axisRect()->width() / std::max(1.0, xAxis->range().size());
    // Two numbers must not read as one.
    const double gap = content_.namedColumns ? 4 : std::max(6.0, 0.7 * metrics.height());
    int step = labelStep(cellWidth, widths, gap);
    const bool upright = content_.namedColumns && step > 1;
    if (upright) step = labelStep(cellWidth, 0.9 * metrics.height());
    columnTicker_->setStep(step);
    const double rotation = upright ? -90 : 0;
    if (xAxis->tickLabelRotation() == rotation) return;
    xAxis->setTickLabelRotation(rotation);
    updateLayout();
}

void HeatMapPlot::fitColumnMarks() {
    if (xAxis->tickLabelRotation() != 0) xAxis->setTickLabelRotation(0);
    const QFontMetricsF metrics(xAxis->tickLabelFont());
    markTicker_->clear();
    double free = -1e9;
    for (const auto& [column, label] : content_.columnMarks) {
        const double centre = xAxis->coordToPixel(column), half = metrics.horizontalAdvance(label) / 2;
        const bool fits = centre - half >= free;
        markTicker_->addTick(column, fits ? label : QString());
        if (fits && xAxis->range().contains(column)) free = centre + half + 8;
    }
}

void HeatMapPlot::keyPressEvent(QKeyEvent* event) {
    if (content_.rows == 0 || content_.columns == 0) {
        BasePlot::keyPressEvent(event);
        return;
    }
    const int page = std::max(1, static_cast<int>(std::lround(yAxis->range().size())) - 1);
    int row = selectedRow_, column = selectedColumn_;
    switch (event->key()) {
    case Qt::Key_Left:
        --column;
        break;
    case Qt::Key_Right:
        ++column;
        break;
    case Qt::Key_Up:
        --row;
        break;
    case Qt::Key_Down:
        ++row;
        break;
    case Qt::Key_PageUp:
        row -= page;
        break;
    case Qt::Key_PageDown:
        row += page;
        break;
    case Qt::Key_Home:
        column = 0;
        break;
    case Qt::Key_End:
        column = content_.columns - 1;
        break;
    default:
        BasePlot::keyPressEvent(event);
        return;
    }
    // A row as a whole stays one while keys move up and down only.
    const bool wholeRow = column < 0 && column == selectedColumn_ && selectedRow_ >= 0;
    select(std::clamp(row, 0, content_.rows - 1),
           wholeRow ? -1 : std::clamp(column, 0, content_.columns - 1));
}

void HeatMapPlot::bringIntoView(int row, int column) {
    const auto shift = [](QCPAxis* axis, int index) {
        const QCPRange range = axis->range();
        if (index - 0.5 < range.lower)
            axis->setRange(index - 0.5, index - 0.5 + range.size());
        else if (index + 0.5 > range.upper)
            axis->setRange(index + 0.5 - range.size(), index + 0.5);
    };
    if (!isZoomed()) return;
    if (row >= 0) shift(yAxis, row);
    if (column >= 0) shift(xAxis, column);
}

void HeatMapPlot::paintEvent(QPaintEvent* event) {
    BasePlot::paintEvent(event);
    if (!hasFocus()) return;
    QPainter painter(this); // on the screen only: exports have no focus
    painter.setPen(QPen(palette().color(QPalette::Highlight), 2));
    painter.drawRect(axisRect()->rect().adjusted(-1, -1, 1, 1));
}

void HeatMapPlot::select(int row, int column) {
    // At once, so that fast keys count from here.
    setSelectedCell(row, column);
    bringIntoView(row, column);
    emit cellSelected(row, column);
}

} // namespace qroar
