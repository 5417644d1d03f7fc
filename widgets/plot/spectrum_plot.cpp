#include "widgets/plot/spectrum_plot.h"

#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/plot/legend_entry.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

namespace {

/// "λ = L0 = 256", "λ = L = 4,096", "yarn low": the reasons of snapPoints() as short as a mark needs them.
/// The whole reason is in the read-out of an edge that lies there.
QString shortName(const SnapPoint& mark) {
    QString text = QString::fromStdString(mark.reason);
    const QString wavelength = QStringLiteral("unscaled wavelength = ");
    if (text.startsWith(wavelength)) {
        const QString length = text.mid(wavelength.size()).section(u' ', 0, 0);
        const bool trained = text.contains(QLatin1String("(trained)"));
        return (trained ? SpectrumPlot::tr("λ = L0 = %1") : SpectrumPlot::tr("λ = L = %1")).arg(length);
    }
    return text.remove(QLatin1String(" ramp"));
}

} // namespace

SpectrumPlot::SpectrumPlot(QWidget* parent) : BasePlot(parent), pairTicker_(new IndexTicker) {
    bandLayer_ = addMovingLayer();
    zones_ = new ZoneStrips(xAxis, yAxis);
    zones_->setLayer(bandLayer_);
    markStrip_ = new MarkStrip(xAxis, yAxis);
    plain_ = new SegmentGraph(xAxis, yAxis);
    scaled_ = new SegmentGraph(xAxis, yAxis);
    right_ = new SegmentGraph(xAxis, yAxis2);
    otherScaled_ = new SegmentGraph(xAxis, yAxis);
    otherRight_ = new SegmentGraph(xAxis, yAxis2);
    otherScaled_->setName(tr("ω′ of B"));
    curveMarkLabels_ = new PointLabels(xAxis, yAxis2);
    for (SegmentGraph* graph : {otherScaled_, otherRight_}) graph->setAdaptiveSampling(false);
    snapLine_ = new QCPItemStraightLine(this);
    snapLine_->setVisible(false);
    snapLine_->setLayer(bandLayer_);
    plain_->setName(tr("ω trained"));
    scaled_->setName(tr("ω′ after scaling"));
    for (SegmentGraph* graph : {scaled_, plain_, right_}) {
        graph->setAdaptiveSampling(false);
        LegendEntry::add(legend, graph);
    }
    xAxis->setTicker(pairTicker_);
    xAxis->grid()->setVisible(false);
    yAxis->setScaleType(QCPAxis::stLogarithmic);
    yAxis->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableLogTicker));
    yAxis2->setVisible(true);
    yAxis2->setTickLabels(true);
    yAxis2->grid()->setVisible(false);
    placeLegend(true);
    setNavigable(true, false);
    connect(this, &BasePlot::clicked, this, [this](const QPointF& position) {
        const int pair = static_cast<int>(std::lround(xAxis->pixelToCoord(position.x())));
        if (pair < 0 || pair >= bands_.pairs()) return;
        if (axisRect()->rect().contains(position.toPoint())) emit pairClicked(pair);
        if (headRect().contains(position.toPoint())) emit bandClicked(bands_.bandOf(pair));
    });
    useWidgetTheme();
}

void SpectrumPlot::setTable(const FrequencyTable& table, std::vector<SnapPoint> marks) {
    table_ = table;
    marks_ = std::move(marks);
    QVector<double> keys;
    double low = INFINITY, high = 0;
    for (size_t pair = 0; pair < table_.omega.size(); ++pair) {
        keys << static_cast<double>(pair);
        const double other = pair < otherOmega_.size() ? otherOmega_[pair] : 0;
        for (const double omega : {table_.omega[pair], table_.plain[pair], other}) {
            if (!(omega > 0)) continue;
            low = std::min(low, omega);
            high = std::max(high, omega);
        }
    }
    plain_->setData(keys, QVector<double>(table_.plain.begin(), table_.plain.end()), true);
    scaled_->setData(keys, QVector<double>(table_.omega.begin(), table_.omega.end()), true);
    rebuildMarks();
    if (low < high) setHomeRanges({-0.5, static_cast<double>(keys.size()) - 0.5}, {low / 1.6, high * 1.6});
    QStringList labels;
    for (size_t pair = 0; pair < table_.omega.size(); ++pair) labels << QString::number(pair);
    pairTicker_->setLabels(labels);
    prepareLayout();
    drawLater();
}

void SpectrumPlot::setCurve(const std::vector<double>& values, const CurveText& text, bool logarithmic,
                            bool difference) {
    curve_ = values;
    curveTitle_ = text.title;
    curveUnit_ = text.unit;
    double low = INFINITY, high = -INFINITY;
    const auto fill = [&](SegmentGraph* graph, const std::vector<double>& numbers) {
        QVector<double> keys, shown;
        for (size_t pair = 0; pair < numbers.size(); ++pair) {
            const double value = numbers[pair];
            if (!std::isfinite(value) || (logarithmic && value <= 0)) continue;
            keys << static_cast<double>(pair);
            shown << value;
            low = std::min(low, value);
            high = std::max(high, value);
        }
        graph->setData(keys, shown, true);
    };
    fill(right_, values);
    fill(otherRight_, otherCurve_);
    otherRight_->setName(tr("%1, B").arg(text.name));
    for (SegmentGraph* graph : {otherScaled_, otherRight_}) {
        const bool used = !graph->data()->isEmpty();
        graph->setVisible(used);
        if (used)
            LegendEntry::add(legend, graph);
        else
            graph->removeFromLegend();
    }
    right_->setName(text.name);
    curveAxisTitle_ = text.unit.isEmpty() ? text.title : tr("%1 (%2)").arg(text.title, text.unit);
    fitTitle(yAxis2, curveAxisTitle_, right_->name());
    yAxis2->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
    if (logarithmic)
        yAxis2->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableLogTicker));
    else
        yAxis2->setTicker(QSharedPointer<QCPAxisTicker>(new ReadableTicker));
    if (difference && low == 0 && high == 0) { // any range: nothing lies off the middle
        QSharedPointer<QCPAxisTickerText> tick(new QCPAxisTickerText);
        tick->addTick(0, tr("no\ndifference"));
        yAxis2->setTicker(tick);
        yAxis2->setRange(-1, 1);
    } else if (!(low <= high))
        yAxis2->setRange(0.1, 1);
    else if (logarithmic)
        yAxis2->setRange(low / 1.3, std::max(high, low * 1.1) * 1.3);
    else if (low < 0)
        yAxis2->setRange(low - 0.06 * (high - low), std::max(high, 0.0) + 0.06 * (high - low));
    else
        yAxis2->setRange(0, high > 0 ? high * 1.06 : 1); // nothing is scaled: all zero
    prepareLayout();                                     // the legend has other words
    drawLater();
}

void SpectrumPlot::setOther(const std::vector<double>& omega, const std::vector<double>& curve) {
    otherOmega_ = omega;
    otherCurve_ = curve;
    QVector<double> keys;
    for (size_t pair = 0; pair < omega.size(); ++pair) keys << static_cast<double>(pair);
    otherScaled_->setData(keys, QVector<double>(omega.begin(), omega.end()), true);
}

/// The last pair, unless the curve is there: then the pair where the curve is farthest.
double SpectrumPlot::freePlaceFor(const CurveMark& mark) const {
    const QCPRange range = yAxis2->range();
    const auto nearness = [&](double value) { return std::abs(value - mark.value) / range.size(); };
    const double last = static_cast<double>(table_.omega.size()) - 1;
    if (yAxis2->scaleType() != QCPAxis::stLinear || curve_.empty() || !(nearness(curve_.back()) < 0.2))
        return last;
    std::size_t best = curve_.size() - 1;
    for (std::size_t pair = 1; pair + 1 < curve_.size(); ++pair) // the words are wider than a pair
        if (const double here =
                std::min({nearness(curve_[pair - 1]), nearness(curve_[pair]), nearness(curve_[pair + 1])});
            here > nearness(curve_[best]))
            best = pair;
    return static_cast<double>(best);
}

void SpectrumPlot::setCurveMarks(std::vector<CurveMark> marks) {
    curveMarks_ = std::move(marks);
    for (QCPItemStraightLine* line : curveMarkLines_) removeItem(line);
    curveMarkLines_.clear();
    std::vector<PointLabels::Label> labels;
    for (const CurveMark& mark : curveMarks_) {
        auto* line = new QCPItemStraightLine(this);
        for (QCPItemPosition* point : {line->point1, line->point2}) point->setAxes(xAxis, yAxis2);
        line->point1->setCoords(0, mark.value);
        line->point2->setCoords(1, mark.value);
        curveMarkLines_.push_back(line);
        labels.push_back({freePlaceFor(mark), mark.value, mark.label});
    }
    for (PointLabels::Label& label : labels) // anywhere along its line
        for (double pair = label.key - 1; pair >= 0; --pair) label.others.emplace_back(pair, label.value);
    curveMarkLabels_->setLabels(std::move(labels));
    curveMarkLabels_->setAvoided({plain_, scaled_, right_, otherScaled_, otherRight_});
    applyTheme();
}

void SpectrumPlot::setBands(const BandPartition& bands) {
    bands_ = bands;
    if (focusedEdge_ >= bands_.count()) focusedEdge_ = 0;
    rebuildZones();
    drawMovingLater();
}

void SpectrumPlot::setStyles(const BandStyles& styles) {
    if (styles == styles_) return;
    styles_ = styles;
    rebuildZones();
    drawMovingLater();
}

void SpectrumPlot::setEditable(bool on) {
    if (on == editable_) return;
    endGesture(true);
    editable_ = on;
    if (!on && focusedEdge_ > 0) setFocusedEdge(0);
}

void SpectrumPlot::setSelected(int band, int pair) {
    selectedBand_ = band;
    selectedPair_ = pair;
    rebuildZones();
    drawMovingLater();
}

void SpectrumPlot::setFocusedEdge(int edge) {
    focusedEdge_ = editable_ && edge >= 1 && edge < bands_.count() ? edge : 0;
    rebuildZones();
    drawMovingLater();
    emit edgeFocused(focusedEdge_);
}

QPointF SpectrumPlot::edgePosition(int edge) const {
    return {xAxis->coordToPixel(bands_.begin(edge) - 0.5),
            static_cast<double>(axisRect()->rect().center().y())};
}

void SpectrumPlot::rebuildZones() {
    std::vector<ZoneStrips::Zone> zones;
    for (int band = 0; band < bands_.count(); ++band) {
        QColor fill = bandColour(styles_, band, theme());
        const bool selected = band == selectedBand_;
        fill.setAlphaF(selected ? 0.26f : 0.12f);
        zones.push_back({bands_.begin(band) - 0.5, bands_.end(band) - 0.5, fill, bandName(styles_, band),
                         QString::number(band), selected});
    }
    zones_->setZones(std::move(zones));
    zones_->setLabelStyle(plotFont(0.9), theme().text);
    const bool marked = selectedPair_ >= 0 && selectedPair_ < bands_.pairs();
    zones_->setSelected(marked ? selectedPair_ : std::nan(""), theme().highlight);
    while (static_cast<int>(edgeLines_.size()) > std::max(0, bands_.count() - 1)) {
        removeItem(edgeLines_.back());
        edgeLines_.pop_back();
    }
    while (static_cast<int>(edgeLines_.size()) < bands_.count() - 1) {
        edgeLines_.push_back(new QCPItemStraightLine(this));
        edgeLines_.back()->setLayer(bandLayer_);
    }
    for (int edge = 1; edge < bands_.count(); ++edge) {
        QCPItemStraightLine* line = edgeLines_[static_cast<size_t>(edge) - 1];
        const double x = bands_.begin(edge) - 0.5;
        line->point1->setCoords(x, 1);
        line->point2->setCoords(x, 2);
        const bool focused = edge == focusedEdge_;
        line->setPen(QPen(focused ? theme().highlight : theme().axis, focused ? 2.5 : 1.2));
    }
}

void SpectrumPlot::rebuildMarks() {
    std::vector<MarkStrip::Mark> marks;
    for (const SnapPoint& mark : marks_) marks.push_back({mark.pair, shortName(mark)});
    markStrip_->setMarks(std::move(marks));
    markStrip_->setStyle(plotFont(0.88), theme().text);
}

void SpectrumPlot::reserveStrips() {
    // The heights depend on the width of the axes, not on their height: no second round is needed.
    const int marks = markStrip_->arrange();
    zones_->setGap(marks);
    headGap_ = marks;
    const QMargins margins(15, zones_->headHeight() + marks + 4, 15, 15);
    if (axisRect()->minimumMargins() == margins) return;
    axisRect()->setMinimumMargins(margins);
    updateLayout();
}

void SpectrumPlot::applyTheme() {
    if (!zones_) return;
    scaled_->setPen(QPen(theme().text, 1.8));
    plain_->setPen(QPen(theme().mutedText, 1.2, Qt::DotLine));
    const QColor accent = theme().dark ? QColor(0xe6, 0x9f, 0x00) : QColor(0xd5, 0x5e, 0x00);
    right_->setPen(QPen(accent, 1.6));
    right_->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssDisc, accent, 4));
    yAxis2->setTickLabelColor(accent);
    yAxis2->setLabelColor(accent);
    styleExtras(accent);
    rebuildZones();
    rebuildMarks();
}

void SpectrumPlot::styleExtras(const QColor& accent) {
    otherScaled_->setPen(QPen(theme().text, 1.4, Qt::DashLine));
    otherRight_->setPen(QPen(accent, 1.2, Qt::DashLine));
    otherRight_->setScatterStyle(QCPScatterStyle(QCPScatterStyle::ssCircle, accent, 4));
    for (QCPItemStraightLine* line : curveMarkLines_) line->setPen(QPen(accent, 1, Qt::DashDotLine));
    QColor behind = theme().background;
    behind.setAlphaF(0.75f);
    curveMarkLabels_->setColours(accent, behind);
    curveMarkLabels_->setFont(plotFont(0.88));
}

void SpectrumPlot::prepareLayout() {
    if (!pairTicker_ || !markStrip_) return;
    wrapLegend();
    const QFontMetricsF tickMetrics(xAxis->tickLabelFont());
    const double needed = tickMetrics.horizontalAdvance(QString::number(table_.omega.size())) + 8;
    const double perPair = axisRect()->width() / std::max(1.0, xAxis->range().size());
    int step = 1;
    for (const int next : {2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100, 128, 256, 512})
        if (step * perPair < needed) step = next;
    pairTicker_->setStep(step);
    reserveStrips();
    // Low plots: the unit stays readable when the word has no room.
    const QString full = tr("Frequency ω (rad/token)"), shorter = tr("ω (rad/token)");
    fitTitle(yAxis, hasRoomFor(yAxis, full) ? full : shorter);
    fitTitle(yAxis2, curveAxisTitle_, right_->name());
    // What the names of the marks count: λ is that of the frequencies before scaling.
    const bool lengths = std::any_of(marks_.begin(), marks_.end(), [](const SnapPoint& mark) {
        return mark.reason.find("wavelength") != std::string::npos;
    });
    const QString pairs = tr("Rotary pair index (high → low frequency)"),
                  both = lengths ? tr("%1; λ = 2π/ω, unscaled").arg(pairs) : pairs;
    const bool wraps = isForFigure() && lengths && hasRoomFor(xAxis, pairs);
    fitTitle(xAxis, wraps || hasRoomFor(xAxis, both) ? both : pairs);
}

QRect SpectrumPlot::headRect() const {
    const QRect axes = axisRect()->rect();
    const int height = zones_->headHeight();
    return {axes.left(), axes.top() - headGap_ - height, axes.width(), height};
}

QStringList SpectrumPlot::leftOut() const {
    QStringList names, numbers, sentences;
    const auto ownName = [this](int band) { return !BandLayout{bands_, styles_}.style(band).name.empty(); };
    for (const std::size_t band : zones_->unnamed(ZoneStrips::Lack::Label)) // "1" says all of "band 1"
        if (const auto at = static_cast<int>(band); ownName(at))
            names << tr("%1 \"%2\"").arg(at).arg(bandName(styles_, at));
    for (const std::size_t band : zones_->unnamed(ZoneStrips::Lack::ShortLabel))
        if (const auto at = static_cast<int>(band); !ownName(at)) numbers << QString::number(at);
    const QString comma = QStringLiteral(", ");
    if (!names.isEmpty()) sentences << tr("no room for the names of these bands: %1").arg(names.join(comma));
    if (!numbers.isEmpty())
        sentences << tr("no room for the numbers of these bands: %1").arg(numbers.join(comma));
    if (const QStringList marks = markStrip_->unnamed(); !marks.isEmpty())
        sentences << tr("no room for the names of these marks: %1").arg(marks.join(comma));
    return sentences;
}

QString SpectrumPlot::readoutAt(const QPointF& position) const {
    const int edge = before_ ? focusedEdge_ : edgeNear(position);
    if (edge >= 1 && edge < bands_.count()) return edgeText(edge);
    const int pair = static_cast<int>(std::lround(xAxis->pixelToCoord(position.x())));
    if (pair < 0 || pair >= static_cast<int>(table_.omega.size())) return {};
    QString text = tr("Pair %1").arg(pair);
    if (pair < bands_.pairs()) text += QStringLiteral(" · ") + bandName(styles_, bands_.bandOf(pair));
    text += tr("\nω′ %1 rad/token (trained %2)")
                .arg(readableNumber(table_.omega[pair], 4), readableNumber(table_.plain[pair], 4));
    text += tr("\nWavelength 2π/ω′ (scaled) %1 tokens, 2π/ω (unscaled) %2")
                .arg(readableNumber(table_.wavelength(pair), 4),
                     readableNumber(2 * std::numbers::pi / table_.plain[pair], 4));
    if (pair < static_cast<int>(curve_.size()))
        text += QStringLiteral("\n%1: %2 %3").arg(curveTitle_, readableNumber(curve_[pair], 4), curveUnit_);
    if (const QString more = pairDetails_.value(pair); !more.isEmpty()) text += u'\n' + more;
    return text;
}

} // namespace qroar
