#include "widgets/plot/line_plot.h"

#include "widgets/figures/text_lines.h"

#include "widgets/common/number_format.h"
#include "widgets/plot/legend_entry.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace qroar {

namespace {

constexpr double hitRadius = 18; // pixels
constexpr int legendCharacters = 30;

QCPRange withMargin(double low, double high, bool logarithmic) {
    if (!(low <= high)) return logarithmic ? QCPRange(1, 10) : QCPRange(0, 1);
    if (logarithmic) {
        const double margin = std::max(0.05 * std::log(high / low), 0.03);
        return {low * std::exp(-margin), high * std::exp(margin)};
    }
    const double margin = std::max(0.06 * (high - low), 1e-3 * std::max(std::abs(high), 1e-6));
    return {low - margin, high + margin};
}

} // namespace

LinePlot::LinePlot(QWidget* parent) : BasePlot(parent) {
    reference_ = new QCPItemStraightLine(this);
    reference_->setVisible(false);
    labels_ = new PointLabels(xAxis, yAxis);
    labels_->setLayer(QStringLiteral("overlay"));
    connect(this, &BasePlot::clicked, this, [this](const QPointF& position) {
        const Hit hit = nearest(position);
        if (hit.series >= 0) emit seriesClicked(hit.series, series_[hit.series].x[hit.point]);
    });
    useWidgetTheme();
}

void LinePlot::setLegendAbove(bool above) {
    if (legendPlaced_) return;
    legendPlaced_ = true;
    legendAbove_ = above;
    placeLegend(above);
    styleLegend();
}

void LinePlot::setAxes(const QString& xTitle, Scale xScale, const QString& yTitle, Scale yScale) {
    const auto apply = [](QCPAxis* axis, const QString& title, QString& known, Scale scale) {
        if (title != known) axis->setLabel(title); // else it may be broken into the lines that it needs
        known = title;
        const bool logarithmic = scale != Scale::Linear;
        axis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
        if (logarithmic)
            axis->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableLogTicker));
        else
            axis->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableTicker));
    };
    setShortTitles({}, {});
    ticker_.reset();
    yTicker_.reset();
    apply(xAxis, xTitle, titleX_, xScale);
    apply(yAxis, yTitle, titleY_, yScale);
}

void LinePlot::setShortTitles(const QString& x, const QString& y) {
    shortX_ = x;
    shortY_ = y;
}

void LinePlot::setFloor(double y) {
    yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableLogTicker(y)));
}

void LinePlot::setXTicks(const std::vector<double>& positions, const QStringList& labels) {
    tickPositions_ = positions;
    tickLabels_ = labels;
    ticker_.reset(new QCPAxisTickerText);
    xAxis->setTicker(ticker_);
    thinTicks();
}

void LinePlot::setYTicks(const std::vector<double>& positions, const QStringList& labels) {
    yTickPositions_ = positions;
    yTickLabels_ = labels;
    yTicker_.reset(new QCPAxisTickerText);
    yAxis->setTicker(yTicker_);
    thinTicks();
}

void LinePlot::thinTicks() {
    if (yTicker_) {
        yTicker_->clear();
        const double height = QFontMetricsF(yAxis->tickLabelFont()).height();
        double free = std::numeric_limits<double>::infinity(); // from the lowest one upwards, in pixels
        for (size_t tick = yTickPositions_.size(); tick-- > 0;) {
            const double centre = yAxis->coordToPixel(yTickPositions_[tick]);
            const bool fits = std::abs(free - centre) >= height || std::isinf(free);
            yTicker_->addTick(yTickPositions_[tick],
                              fits ? yTickLabels_.value(static_cast<qsizetype>(tick)) : QString());
            if (fits) free = centre;
        }
    }
    if (!ticker_) return;
    ticker_->clear();
    const QFontMetricsF metrics(xAxis->tickLabelFont());
    double free = std::numeric_limits<double>::infinity(); // from the last one leftwards
    for (auto tick = static_cast<qsizetype>(tickPositions_.size()) - 1; tick >= 0; --tick) {
        const double position = tickPositions_[static_cast<size_t>(tick)];
        const QString label = tickLabels_.value(tick);
        const double centre = xAxis->coordToPixel(position), half = metrics.horizontalAdvance(label) / 2;
        const bool fits = centre + half <= free;
        ticker_->addTick(position, fits ? label : QString());
        if (fits && xAxis->range().contains(position))
            free = centre - half - std::max(4.0, 0.45 * metrics.height());
    }
}

void LinePlot::setReadoutNames(const QString& x, const QString& y, const QString& xUnit,
                               const QString& yUnit) {
    readoutX_ = x;
    readoutY_ = y;
    unitX_ = xUnit;
    unitY_ = yUnit;
}

SegmentGraph* LinePlot::addGraph(const Series& one) {
    auto* graph = new SegmentGraph(xAxis, yAxis);
    graph->setData(QVector<double>(one.x.begin(), one.x.end()), QVector<double>(one.y.begin(), one.y.end()),
                   true);
    graph->setName(elidedMiddle(one.legendName.isEmpty() ? one.name : one.legendName, legendCharacters));
    graph->setAdaptiveSampling(false);
    graph->setLineStyle(!one.line ? QCPGraph::lsNone : one.steps ? QCPGraph::lsStepLeft : QCPGraph::lsLine);
    if (one.inLegend) LegendEntry::add(legend, graph);
    // where lines coincide, the thin ones stay visible; ridges keep their order
    const bool ridges = std::any_of(series_.begin(), series_.end(),
                                    [](const Series& each) { return each.cover.has_value(); });
    if (one.line && one.emphasised && !ridges) graph->lower();
    return graph;
}

void LinePlot::nameLegend(double room, bool whole) {
    const QFontMetricsF metrics(legend->font());
    for (size_t index = 0; index < graphs_.size(); ++index) {
        const Series& one = series_[index];
        const QString& name = one.legendName.isEmpty() ? one.name : one.legendName;
        const QString text = whole ? inLines(name, metrics, room) : elidedMiddle(name, legendCharacters);
        if (graphs_[index]->name() != text) graphs_[index]->setName(text);
    }
}

void LinePlot::addInterval(const Series& one, SegmentGraph* graph) {
    IntervalBand* band = nullptr;
    QCPErrorBars* bars = nullptr;
    if (!one.low.empty() && one.band) {
        band = new IntervalBand(xAxis, yAxis);
        band->setData(one.x, one.low, one.high);
        band->setLayer(QStringLiteral("grid")); // behind all lines
    } else if (!one.low.empty()) {
        bars = new QCPErrorBars(xAxis, yAxis);
        bars->setDataPlottable(graph);
        QVector<double> below, above;
        for (size_t point = 0; point < one.x.size(); ++point) {
            below << one.y[point] - one.low[point];
            above << one.high[point] - one.y[point];
        }
        bars->setData(below, above);
        bars->setWhiskerWidth(7);
        bars->setSymbolGap(6);
    }
    intervals_.push_back(band);
    whiskers_.push_back(bars);
}

void LinePlot::setSeries(std::vector<Series> series) {
    legend->clearItems();
    for (QCPErrorBars* bars : whiskers_)
        if (bars) removePlottable(bars);
    for (IntervalBand* band : intervals_)
        if (band) removePlottable(band);
    for (SegmentGraph* graph : graphs_) removePlottable(graph);
    graphs_.clear();
    whiskers_.clear();
    intervals_.clear();
    series_ = std::move(series);
    std::vector<PointLabels::Label> labels;
    for (const Series& one : series_) {
        graphs_.push_back(addGraph(one));
        addInterval(one, graphs_.back());
        for (size_t point = 0; point < one.x.size(); ++point)
            if (const QString text = one.labels.value(static_cast<qsizetype>(point)); !text.isEmpty())
                labels.push_back({one.x[point], one.y[point], text});
    }
    if (referenceY_ && !referenceName_.isEmpty() && !series_.empty()) { // wherever along it there is room
        PointLabels::Label label{0, *referenceY_, referenceName_};
        for (const double x : series_.front().x) label.others.emplace_back(x, *referenceY_);
        if (!label.others.empty()) {
            label.key = label.others.back().x();
            std::reverse(label.others.begin(), label.others.end());
            labels.push_back(std::move(label));
        }
    }
    for (size_t index = 0; index < graphs_.size(); ++index) // references are thin and dashed: on top
        if (series_[index].line && series_[index].category < 0 && !series_[index].cover)
            graphs_[index]->raise();
    labels_->setLabels(std::move(labels));
    labels_->setAvoided({graphs_.begin(), graphs_.end()});
    applyTheme();
    prepareLayout();
    drawLater();
}

void LinePlot::fitRanges(bool keepZoom, std::optional<double> includeY, std::optional<QCPRange> includeX) {
    double lowX = INFINITY, highX = -INFINITY, lowY = INFINITY, highY = -INFINITY;
    const bool logX = xAxis->scaleType() == QCPAxis::stLogarithmic,
               logY = yAxis->scaleType() == QCPAxis::stLogarithmic;
    const auto includeInY = [&](double y) {
        if (!std::isfinite(y) || (logY && y <= 0)) return;
        lowY = std::min(lowY, y);
        highY = std::max(highY, y);
    };
    for (const Series& one : series_)
        for (size_t point = 0; point < one.x.size(); ++point) {
            if (!std::isfinite(one.y[point])) continue;
            if (std::isfinite(one.x[point]) && (!logX || one.x[point] > 0)) {
                lowX = std::min(lowX, one.x[point]);
                highX = std::max(highX, one.x[point]);
            }
            includeInY(one.y[point]);
            if (one.low.empty()) continue;
            includeInY(one.low[point]);
            includeInY(one.high[point]);
        }
    if (includeY) includeInY(*includeY);
    if (includeX) {
        lowX = std::min(lowX, includeX->lower);
        highX = std::max(highX, includeX->upper);
    }
    setHomeRanges(withMargin(lowX, highX, logX), withMargin(lowY, highY, logY), keepZoom);
}

LinePlot::Hit LinePlot::nearest(const QPointF& position) const {
    Hit hit;
    double best = hitRadius * hitRadius;
    for (size_t index = 0; index < series_.size(); ++index)
        for (size_t point = 0; point < series_[index].x.size(); ++point) {
            const double dx = xAxis->coordToPixel(series_[index].x[point]) - position.x();
            const double dy = yAxis->coordToPixel(series_[index].y[point]) - position.y();
            if (!(dx * dx + dy * dy < best)) continue;
            best = dx * dx + dy * dy;
            hit = {static_cast<int>(index), point};
        }
    return hit;
}

QString LinePlot::readoutAt(const QPointF& position) const {
    const Hit hit = nearest(position);
    if (hit.series < 0) return {};
    const Series& one = series_[hit.series];
    const auto withUnit = [](double value, const QString& unit) {
        const QString number = value == std::round(value) && std::abs(value) < 1e9
                                   ? groupedCount(std::llround(value))
                                   : readableNumber(value, 4);
        return unit.isEmpty() ? number : number + u' ' + unit;
    };
    const double value = one.readout.empty() ? one.y[hit.point] : one.readout[hit.point];
    QString text = one.name + u'\n' + readoutX_ + QStringLiteral(": ") + withUnit(one.x[hit.point], unitX_)
                   + u'\n' + readoutY_ + QStringLiteral(": ") + withUnit(value, unitY_);
    if (!one.low.empty() && std::isfinite(one.low[hit.point]))
        text += QStringLiteral("  [%1, %2] %3")
                    .arg(readableNumber(one.low[hit.point], 4), readableNumber(one.high[hit.point], 4),
                         one.intervalName.isEmpty() ? tr("95 %") : one.intervalName);
    return one.details.isEmpty() ? text : text + u'\n' + one.details;
}

QPen LinePlot::penOf(const Series& series) const {
    const QColor colour = series.category < 0 ? theme().mutedText : theme().category(series.category);
    return QPen(colour, series.emphasised ? 2.6 : 1.2, series.dash, Qt::FlatCap, Qt::RoundJoin);
}

void LinePlot::applyTheme() {
    if (!reference_) return;
    for (size_t index = 0; index < graphs_.size(); ++index) {
        const Series& one = series_[index];
        const QPen pen = penOf(one);
        graphs_[index]->setPen(pen);
        if (one.marker != QCPScatterStyle::ssNone)
            graphs_[index]->setScatterStyle(QCPScatterStyle(
                one.marker, QPen(pen.color(), 1.4),
                one.emphasised ? QBrush(pen.color()) : QBrush(theme().background), one.emphasised ? 8 : 6.5));
        if (whiskers_[index]) whiskers_[index]->setPen(QPen(pen.color(), 1));
        if (one.cover) graphs_[index]->setCover(*one.cover, theme().background);
        QColor shade = pen.color();
        shade.setAlphaF(one.emphasised ? 0.28f : 0.12f);
        if (intervals_[index]) intervals_[index]->setColour(shade);
    }
    QColor behind = theme().background;
    behind.setAlphaF(0.75f);
    labels_->setColours(theme().text, behind);
    labels_->setFont(plotFont(0.88));
    reference_->setPen(QPen(theme().axis, 1, Qt::DashLine));
    reference_->setVisible(referenceY_.has_value());
    if (referenceY_) {
        reference_->point1->setCoords(xAxis->range().lower, *referenceY_);
        reference_->point2->setCoords(xAxis->range().upper, *referenceY_);
    }
}

void LinePlot::prepareLayout() {
    if (legendPlaced_ && legendAbove_) wrapLegend();
    thinTicks();
    fitTitle(xAxis, titleX_, shortX_);
    fitTitle(yAxis, titleY_, shortY_);
    keepLastLabel();
}

void LinePlot::keepLastLabel() {
    constexpr int usual = 15; // QCustomPlot's; it leaves out labels that leave the plot
    const QFontMetricsF metrics(xAxis->tickLabelFont());
    const QVector<double> ticks = xAxis->tickVector();
    const QVector<QString> labels = xAxis->tickVectorLabels();
    double beyond = usual;
    for (qsizetype tick = 0; tick < std::min(ticks.size(), labels.size()); ++tick)
        if (xAxis->range().contains(ticks[tick]))
            beyond = std::max(beyond, xAxis->coordToPixel(ticks[tick]) - axisRect()->right()
                                          + metrics.horizontalAdvance(labels[tick]) / 2 + 3);
    QMargins margins = axisRect()->minimumMargins();
    const int right = std::min(static_cast<int>(std::ceil(beyond)), std::max(usual, viewport().width() / 4));
    if (margins.right() == right) return;
    margins.setRight(right);
    axisRect()->setMinimumMargins(margins);
    updateLayout();
}

} // namespace qroar
