#include "widgets/plot/plottables.h"

#include "widgets/common/number_format.h"
#include "widgets/common/theme.h"
#include "widgets/plot/svg_clips.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qroar {

namespace {
constexpr double sameLine = 3;                       ///< pixels between marks that look like one line
constexpr double smallCell = 14;                     ///< pixels: the frame of a smaller one is around it
constexpr int frameWidth = 4;                        ///< pixels, of such a frame
constexpr int labelMargin = 6, shortLabelMargin = 2; ///< pixels beside the name of a zone, both sides
} // namespace

void SegmentGraph::draw(QCPPainter* painter) {
    if (cover_.isValid()) {
        painter->setAntialiasing(false); // antialiased fills are slow
        painter->setPen(Qt::NoPen);
        painter->setBrush(cover_);
        const double base = valueAxis()->coordToPixel(coverBase_);
        QPolygonF area;
        const auto close = [&] {
            if (area.size() > 1) {
                area << QPointF(area.last().x(), base);
                area.prepend(QPointF(area.first().x(), base));
                painter->drawPolygon(area);
            }
            area.clear();
        };
        for (const QCPGraphData& point : *data()) {
            if (std::isfinite(point.value))
                area << QPointF(keyAxis()->coordToPixel(point.key), valueAxis()->coordToPixel(point.value));
            else
                close();
        }
        close();
    }
    QCPGraph::draw(painter);
}

void SegmentGraph::drawLinePlot(QCPPainter* painter, const QVector<QPointF>& lines) const {
    const bool raster = painter->paintEngine() && painter->paintEngine()->type() == QPaintEngine::Raster;
    if (!raster) {
        QCPGraph::drawLinePlot(painter, lines);
        return;
    }
    if (painter->pen().style() == Qt::NoPen || painter->pen().color().alpha() == 0) return;
    applyDefaultAntialiasingHint(painter);
    QPen pen = painter->pen();
    const bool dashed = pen.style() != Qt::SolidLine;
    pen.setCapStyle(dashed ? Qt::FlatCap : Qt::RoundCap);
    painter->setPen(pen);
    double drawn = 0; // length so far: dashes go on over the corners
    for (qsizetype point = 1; point < lines.size(); ++point) {
        const QLineF segment(lines[point - 1], lines[point]);
        if (!std::isfinite(segment.x1() + segment.y1() + segment.x2() + segment.y2())) continue;
        if (dashed) {
            pen.setDashOffset(drawn / std::max(1.0, pen.widthF()));
            painter->setPen(pen);
            drawn += segment.length();
        }
        painter->drawLine(segment);
    }
}

void SegmentGraph::drawLegendIcon(QCPPainter* painter, const QRectF& rect) const {
    if (!drawsSvg(*painter)) {
        QCPGraph::drawLegendIcon(painter, rect);
        return;
    }
    if (mLineStyle != lsNone) {
        QPen pen = mPen;
        pen.setCapStyle(Qt::FlatCap);
        painter->setPen(pen);
        painter->drawLine(QLineF(rect.left(), rect.center().y(), rect.right(), rect.center().y()));
    }
    if (mScatterStyle.isNone()) return;
    mScatterStyle.applyTo(painter, mPen);
    mScatterStyle.drawShape(painter, rect.center());
}

QCPRange PassivePlottable::getKeyRange(bool& found, QCP::SignDomain) const {
    found = false;
    return {};
}

QCPRange PassivePlottable::getValueRange(bool& found, QCP::SignDomain, const QCPRange&) const {
    found = false;
    return {};
}

void IntervalBand::setData(std::vector<double> keys, std::vector<double> low, std::vector<double> high) {
    keys_ = std::move(keys);
    low_ = std::move(low);
    high_ = std::move(high);
}

void IntervalBand::draw(QCPPainter* painter) {
    painter->setAntialiasing(false); // antialiased fills are slow
    painter->setPen(Qt::NoPen);
    painter->setBrush(colour_);
    const auto pixel = [this](double key, double value) {
        return QPointF(keyAxis()->coordToPixel(key), valueAxis()->coordToPixel(value));
    };
    for (size_t first = 0; first < keys_.size(); ++first) {
        size_t end = first;
        while (end < keys_.size() && std::isfinite(low_[end]) && std::isfinite(high_[end])) ++end;
        QPolygonF area;
        for (size_t point = first; point < end; ++point) area << pixel(keys_[point], high_[point]);
        for (size_t point = end; point > first; --point) area << pixel(keys_[point - 1], low_[point - 1]);
        if (area.size() > 3) painter->drawPolygon(area);
        first = end;
    }
}

void CellMap::setCells(int rows, int columns, std::vector<double> values) {
    rows_ = rows;
    columns_ = columns;
    values_ = std::move(values);
    values_.resize(static_cast<size_t>(rows) * columns, std::nan(""));
}

void CellMap::setColours(const ColorMap& map, const ColorScale& scale, const QColor& missing,
                         const QColor& hatch) {
    map_ = map;
    scale_ = scale;
    missing_ = missing;
    hatch_ = hatch;
}

void CellMap::setOutline(const QColor& inner, const QColor& outer) {
    outlineInner_ = inner;
    outlineOuter_ = outer;
}

QRectF CellMap::cellRect(int row, int column) const {
    // Rounded to whole pixels, so that neighbours share an edge without a seam.
    const auto pixel = [](const QCPAxis* axis, double coordinate) {
        return std::round(axis->coordToPixel(coordinate));
    };
    const QPointF a(pixel(keyAxis(), column - 0.5), pixel(valueAxis(), row - 0.5));
    const QPointF b(pixel(keyAxis(), column + 0.5), pixel(valueAxis(), row + 0.5));
    return QRectF(a, b).normalized();
}

QColor CellMap::cellColour(int row, int column) const {
    return map_.at(scale_.position(value(row, column)));
}

class CellMap::Frame : public PassivePlottable {
  public:
    explicit Frame(const CellMap& cells)
        : PassivePlottable(cells.keyAxis(), cells.valueAxis()), cells_(cells) {}

  protected:
    void draw(QCPPainter* painter) override { cells_.drawFrame(painter); }
    QRect clipRect() const override {
        return keyAxis()->axisRect()->rect().adjusted(-frameWidth, -frameWidth, frameWidth, frameWidth);
    }

  private:
    const CellMap& cells_;
};

CellMap::CellMap(QCPAxis* keyAxis, QCPAxis* valueAxis) : PassivePlottable(keyAxis, valueAxis) {
    new Frame(*this); // the plot's, as this is
}

void CellMap::draw(QCPPainter* painter) {
    painter->setAntialiasing(false);
    painter->setPen(Qt::NoPen);
    for (int row = 0; row < rows_; ++row)
        for (int column = 0; column < columns_; ++column) {
            const QRectF rect = cellRect(row, column);
            if (!std::isnan(value(row, column)))
                painter->fillRect(rect, cellColour(row, column));
            else if (!plainGaps_)
                drawMissing(painter, rect);
        }
    drawValues(painter);
}

void CellMap::drawFrame(QCPPainter* painter) const {
    if (!outlined_ || selectedRow_ < 0 || selectedRow_ >= rows_ || selectedColumn_ >= columns_
        || columns_ == 0)
        return;
    const QRectF all = selectedColumn_ >= 0
                           ? cellRect(selectedRow_, selectedColumn_)
                           : cellRect(selectedRow_, 0).united(cellRect(selectedRow_, columns_ - 1));
    const QRectF rect = all & QRectF(keyAxis()->axisRect()->rect()).adjusted(0, 0, 1, 1);
    if (rect.isEmpty()) return; // zoomed out of sight
    painter->setAntialiasing(false);
    painter->setBrush(Qt::NoBrush);
    if (std::min(rect.width(), rect.height()) < smallCell) { // within, it would leave nothing of the colour
        painter->setPen(QPen(outlineOuter_, 1, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
        painter->drawRect(rect.adjusted(-1, -1, 0, 0));
        painter->setPen(QPen(outlineInner_, 2, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
        painter->drawRect(rect.adjusted(-2, -2, 2, 2));
        return;
    }
    painter->setPen(QPen(outlineOuter_, 1));
    painter->drawRect(rect.adjusted(2, 2, -3, -3));
    painter->setPen(QPen(outlineInner_, 2, Qt::SolidLine, Qt::SquareCap, Qt::MiterJoin));
    painter->drawRect(rect.adjusted(1, 1, -1, -1));
}

void CellMap::drawMissing(QCPPainter* painter, const QRectF& rect) const {
    painter->fillRect(rect, missing_);
    painter->setPen(QPen(hatch_, 1));
    // Diagonals x - y = offset, cut by hand: no clipping and no pattern brush, so that PDF and SVG stay
    // vectors.
    for (double offset = -std::floor(rect.height() / 6) * 6; offset < rect.width(); offset += 6) {
        const double from = std::max(0.0, -offset), to = std::min(rect.height(), rect.width() - offset);
        if (to > from)
            painter->drawLine(QLineF(rect.left() + offset + from, rect.top() + from,
                                     rect.left() + offset + to, rect.top() + to));
    }
    painter->setPen(Qt::NoPen);
}

bool CellMap::hasRoomForValues(int digits) const {
    const QFontMetricsF metrics(font_);
    for (int row = 0; row < rows_; ++row)
        for (int column = 0; column < columns_; ++column) {
            const QRectF rect = cellRect(row, column);
            const double widest = std::isnan(value(row, column))
                                      ? 0
                                      : metrics.horizontalAdvance(readableNumber(value(row, column), digits));
            if (rect.width() < widest + 6 || rect.height() < metrics.height()) return false;
        }
    return true;
}

int CellMap::shownDigits() const {
    return hasRoomForValues(3) ? 3 : fewerDigits_ && hasRoomForValues(2) ? 2 : 0;
}

void CellMap::drawValues(QCPPainter* painter) const {
    const int digits = shownDigits();
    if (digits == 0) return;
    painter->setFont(font_);
    for (int row = 0; row < rows_; ++row)
        for (int column = 0; column < columns_; ++column) {
            if (std::isnan(value(row, column))) continue;
            painter->setPen(readableOn(cellColour(row, column)));
            painter->drawText(cellRect(row, column), Qt::AlignCenter,
                              readableNumber(value(row, column), digits));
        }
    painter->setPen(Qt::NoPen);
}

void ColorBar::draw(QCPPainter* painter) {
    // The line of the value axis begins a pixel above the rectangle.
    const QRectF rect = QRectF(keyAxis()->axisRect()->rect()).adjusted(0, -1, 0, 0);
    QLinearGradient gradient(rect.bottomLeft(), rect.topLeft());
    const auto last = static_cast<double>(map_.stops.size() - 1);
    for (qsizetype stop = 0; stop < map_.stops.size(); ++stop)
        gradient.setColorAt(static_cast<double>(stop) / last, map_.stops[stop]);
    painter->setAntialiasing(false);
    painter->fillRect(rect, gradient);
    const auto point = [&](double from, double tip, double position) {
        painter->setAntialiasing(true);
        painter->setPen(Qt::NoPen);
        painter->setBrush(map_.at(position));
        painter->drawPolygon(QPolygonF{{rect.left(), from}, {rect.right(), from}, {rect.center().x(), tip}});
    };
    if (above_) point(rect.top() - 1, rect.top() - 1 - arrow, 1);
    if (below_) point(rect.bottom() + 1, rect.bottom() + 1 + arrow, 0);
}

int ZoneStrips::headHeight() const {
    return static_cast<int>(std::ceil(QFontMetricsF(font_).height())) + 3;
}

QRect ZoneStrips::clipRect() const {
    return keyAxis()->axisRect()->rect().adjusted(0, -headHeight() - gap_, 0, 0);
}

QRectF ZoneStrips::areaOf(double from, double to) const {
    const QRectF axes = keyAxis()->axisRect()->rect();
    const double left = std::max(axes.left(), std::round(keyAxis()->coordToPixel(from)));
    const double right = std::min(axes.right() + 1, std::round(keyAxis()->coordToPixel(to)));
    return right > left ? QRectF(left, axes.top(), right - left, axes.height()) : QRectF();
}

QRectF ZoneStrips::headOf(const QRectF& area) const {
    return {area.left() + 1, area.top() - gap_ - headHeight(), area.width() - 1, double(headHeight())};
}

QFont ZoneStrips::fontOf(const Zone& zone) const {
    QFont font = font_;
    font.setBold(zone.emphasised);
    return font;
}

bool ZoneStrips::hasRoom(const QFont& font, const QString& label, int margin, const QRectF& head) {
    return QFontMetricsF(font).horizontalAdvance(label) + margin <= head.width();
}

std::vector<std::size_t> ZoneStrips::unnamed(Lack lack) const {
    std::vector<std::size_t> all;
    for (std::size_t index = 0; index < zones_.size(); ++index) {
        const Zone& zone = zones_[index];
        const QRectF area = areaOf(zone), head = headOf(area);
        if (area.isEmpty() || hasRoom(fontOf(zone), zone.label, labelMargin, head)) continue;
        if (lack == Lack::Label || !hasRoom(fontOf(zone), zone.shortLabel, shortLabelMargin, head))
            all.push_back(index);
    }
    return all;
}

void ZoneStrips::draw(QCPPainter* painter) {
    painter->setAntialiasing(false);
    for (const Zone& zone : zones_) {
        const QRectF area = areaOf(zone);
        if (area.isEmpty()) continue;
        painter->fillRect(area, zone.fill);
        const QRectF head = headOf(area);
        QColor fill = zone.fill;
        fill.setAlphaF(zone.emphasised ? 0.55f : 0.28f);
        painter->fillRect(head, fill);
        fill.setAlphaF(1);
        painter->fillRect(QRectF(head.left(), head.bottom() - (zone.emphasised ? 3 : 1), head.width(),
                                 zone.emphasised ? 3 : 1),
                          fill);
        const QFont font = fontOf(zone);
        const QString& label = hasRoom(font, zone.label, labelMargin, head) ? zone.label : zone.shortLabel;
        if (!hasRoom(font, label, shortLabelMargin, head)) continue;
        painter->setFont(font);
        painter->setPen(text_);
        painter->drawText(head.adjusted(0, 0, 0, -2), Qt::AlignCenter, label);
    }
    drawSelected(painter);
}

void ZoneStrips::drawSelected(QCPPainter* painter) const {
    if (!selectionShown_ || std::isnan(selected_)) return;
    const QRectF area = areaOf(selected_ - 0.5, selected_ + 0.5);
    if (area.isEmpty()) return;
    QColor colour = selectedColour_;
    colour.setAlphaF(0.26f);
    painter->fillRect(area, colour); // without a frame: it is no edge of a band
}

QStringList MarkStrip::unnamed() const {
    QStringList labels;
    const QCPRange range = keyAxis()->range();
    for (std::size_t mark = 0; mark < std::min(marks_.size(), places_.size()); ++mark)
        if (places_[mark].row < 0 && range.contains(marks_[mark].key)) labels << marks_[mark].label;
    return labels;
}

double MarkStrip::rowHeight() const {
    return std::ceil(QFontMetricsF(font_).height()) + 1;
}

QRect MarkStrip::clipRect() const {
    return keyAxis()->axisRect()->rect().adjusted(0, -static_cast<int>(2 * rowHeight()) - 2, 0, 0);
}

bool MarkStrip::tryPlace(size_t index, int row, double left, double width, bool last) {
    const QRectF area = keyAxis()->axisRect()->rect();
    const QRectF rect(left, area.top() - (row + 1) * rowHeight() - 1, width, rowHeight());
    if (rect.left() < area.left() || rect.right() > area.right() + 1) return false;
    for (size_t other = 0; other < places_.size(); ++other) {
        if (other == index) continue;
        const Place& taken = places_[other];
        if (taken.row == row && rect.intersects(taken.rect.adjusted(-2, 0, 2, 0))) return false;
        // Lines of names further up pass through the rows below; one beside its own is hidden by it.
        if (std::abs(taken.x - places_[index].x) >= sameLine && taken.x > rect.left() - 2
            && taken.x < rect.right() + 2 && ((taken.row < 0 && !last) || taken.row > row))
            return false;
    }
    places_[index].row = row;
    places_[index].rect = rect;
    return true;
}

int MarkStrip::placeInOrder(const std::vector<size_t>& order) {
    const QRectF area = keyAxis()->axisRect()->rect();
    const QFontMetricsF metrics(font_);
    places_.assign(marks_.size(), {});
    for (size_t mark = 0; mark < marks_.size(); ++mark)
        places_[mark].x = keyAxis()->coordToPixel(marks_[mark].key);
    for (const bool last : {false, true})
        for (const size_t mark : order) {
            const double x = places_[mark].x, width = metrics.horizontalAdvance(marks_[mark].label) + 6;
            if (x < area.left() || x > area.right() || width > area.width()) continue;
            const auto inside = [&](double left) {
                return std::clamp(left, area.left(), area.right() - width);
            };
            for (int row = 0; row < 2 && places_[mark].row < 0; ++row)
                for (const double left : {x - width / 2, x - 1, x + 1 - width})
                    if (tryPlace(mark, row, inside(left), width, last)) break;
        }
    return static_cast<int>(
        std::count_if(places_.begin(), places_.end(), [](const Place& one) { return one.row >= 0; }));
}

int MarkStrip::arrange() {
    constexpr size_t mostPermuted = 5;
    std::vector<size_t> order(marks_.size());
    std::iota(order.begin(), order.end(), size_t{0});
    int most = placeInOrder(order);
    std::vector<Place> best = places_;
    const QCPRange range = keyAxis()->range();
    const auto seen = static_cast<int>(std::count_if(
        marks_.begin(), marks_.end(), [&](const Mark& mark) { return range.contains(mark.key); }));
    while (most < seen && order.size() <= mostPermuted && std::next_permutation(order.begin(), order.end()))
        if (const int named = placeInOrder(order); named > most) {
            most = named;
            best = places_;
        }
    places_ = std::move(best);
    int rows = marks_.empty() ? 0 : 1;
    for (const Place& one : places_) rows = std::max(rows, one.row + 1);
    return rows == 0 ? 0 : static_cast<int>(rows * rowHeight()) + 2;
}

void MarkStrip::draw(QCPPainter* painter) {
    arrange();
    const QRectF area = keyAxis()->axisRect()->rect();
    painter->setFont(font_);
    for (size_t mark = 0; mark < marks_.size(); ++mark) {
        const Place& place = places_[mark];
        painter->setAntialiasing(false);
        painter->setPen(QPen(colour_, 1, Qt::DashLine));
        const double x = std::round(place.x) + 0.5;
        const bool behindName = std::any_of(places_.begin(), places_.end(), [&](const Place& other) {
            return other.row >= 0 && other.row < place.row && other.rect.left() < x && x < other.rect.right();
        });
        const double top = place.row < 0 || behindName ? area.top() : place.rect.bottom();
        painter->drawLine(QLineF(x, area.bottom(), x, top)); // dashes of two marks at one place coincide
        if (place.row < 0) continue;
        painter->setPen(colour_);
        painter->drawText(place.rect, Qt::AlignCenter, marks_[mark].label);
    }
}

QVector<double> ReadableLogTicker::createTickVector(double, const QCPRange& range) {
    QVector<double> ticks = ticksIn(range, tickCount());
    if (floor_ <= 0 || !range.contains(floor_)) return ticks;
    ticks.removeIf([this](double tick) { return tick < floor_ * 1.5; }); // none below, none that touches it
    ticks.prepend(floor_);
    return ticks;
}

QVector<double> ReadableLogTicker::ticksIn(const QCPRange& range, int count) {
    QVector<double> ticks;
    if (!(range.lower > 0) || !(range.upper > range.lower)) return ticks;
    const double decades = std::log10(range.upper / range.lower);
    if (decades < 0.9) { // too little for 1-2-5: linear steps
        const double raw = range.size() / count, power = std::pow(10.0, std::floor(std::log10(raw)));
        const double step = power
                            * (raw / power < 1.5   ? 1
                               : raw / power < 3.5 ? 2
                               : raw / power < 7.5 ? 5
                                                   : 10);
        for (double index = std::ceil(range.lower / step); index * step <= range.upper; ++index)
            ticks << index * step;
        return ticks;
    }
    const int every = std::max(1, static_cast<int>(std::ceil(decades / (count + 3))));
    const int first = static_cast<int>(std::floor(std::log10(range.lower)));
    const int last = static_cast<int>(std::ceil(std::log10(range.upper)));
    const bool only = decades > 3 || (3 * decades > 2 * count && decades >= 2);
    for (int exponent = first; exponent <= last; ++exponent)
        for (const double factor : {1.0, 2.0, 5.0}) {
            if (only && (factor > 1 || exponent % every != 0)) continue;
            const double tick = factor * std::pow(10.0, exponent);
            if (tick >= range.lower * (1 - 1e-9) && tick <= range.upper * (1 + 1e-9)) ticks << tick;
        }
    return ticks;
}

QString ReadableLogTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
    return floor_ > 0 && tick == floor_ ? QStringLiteral("≤ ") + textOf(tick) : textOf(tick);
}

QString ReadableLogTicker::textOf(double tick) {
    const double exponent = std::log10(tick);
    if (std::abs(exponent - std::round(exponent)) < 1e-9 && std::abs(exponent) > 2.5)
        return powerOfTen(static_cast<int>(std::lround(exponent)));
    // Shortest text that keeps the tick: 0.2, 50, 1.05
    return tick >= 1000 ? groupedCount(std::llround(tick)) : QString::number(tick, 'g', 4);
}

QString ReadableTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
    if (std::abs(tick) < 1e-12) return QStringLiteral("0");
    if (std::abs(tick) >= 1000 && std::abs(tick) < 1e9) return groupedCount(std::llround(tick));
    if (std::abs(tick) < 1e-3 || std::abs(tick) >= 1e9) return readableNumber(tick, 2);
    return QString::number(tick, 'g', 5).replace(u'-', u'−');
}

QVector<double> IndexTicker::createTickVector(double, const QCPRange& range) {
    QVector<double> ticks;
    for (int index = 0; index < labels_.size(); index += step_)
        if (range.contains(index)) ticks << index;
    return ticks;
}

QString IndexTicker::getTickLabel(double tick, const QLocale&, QChar, int) {
    return labels_.value(static_cast<qsizetype>(std::llround(tick)));
}

} // namespace qroar
