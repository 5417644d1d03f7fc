#include "widgets/plot/map_margins.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {
constexpr double markSize = 4; // pixels; an even number stays on the grid of pixels
}

void MapMargins::setValues(std::vector<double> rows, std::vector<double> columns) {
    rows_ = std::move(rows);
    columns_ = std::move(columns);
}

void MapMargins::setColours(const ColorMap& map, const ColorScale& scale) {
    map_ = map;
    scale_ = scale;
}

QRectF MapMargins::topStrip() const {
    if (top_ <= 0) return {};
    const QRectF cells = keyAxis()->axisRect()->rect();
    return {cells.left(), cells.top() - gap - top_, cells.width(), static_cast<double>(top_)};
}

QRectF MapMargins::rightStrip() const {
    if (right_ <= 0) return {};
    const QRectF cells = keyAxis()->axisRect()->rect();
    return {cells.right() + 1 + gap, cells.top(), static_cast<double>(right_), cells.height()};
}

QPointF MapMargins::columnPoint(int column) const {
    const QRectF strip = topStrip().adjusted(0, markSize / 2, 0, -markSize / 2);
    const double at = scale_.position(columns_[static_cast<std::size_t>(column)]);
    return {std::round(keyAxis()->coordToPixel(column)), std::round(strip.bottom() - at * strip.height())};
}

QPointF MapMargins::rowPoint(int row) const {
    const QRectF strip = rightStrip().adjusted(markSize / 2, 0, -markSize / 2, 0);
    const double at = scale_.position(rows_[static_cast<std::size_t>(row)]);
    return {std::round(strip.left() + at * strip.width()), std::round(valueAxis()->coordToPixel(row))};
}

QRect MapMargins::clipRect() const {
    return keyAxis()->axisRect()->rect().adjusted(0, -top_ - gap - 1, right_ + gap + 2, 0);
}

void MapMargins::draw(QCPPainter* painter) {
    painter->setAntialiasing(false);
    if (top_ > 0) drawStrip(painter, true);
    if (right_ > 0) drawStrip(painter, false);
}

void MapMargins::drawStrip(QCPPainter* painter, bool atTop) const {
    const QRectF strip = atTop ? topStrip() : rightStrip();
    painter->setPen(QPen(frame_, 1));
    const auto across = [&](double at) { // the values of the strip's two ends, and no change between them
        painter->drawLine(atTop ? QLineF(strip.left(), at, strip.right(), at)
                                : QLineF(at, strip.top(), at, strip.bottom()));
    };
    across(std::round(atTop ? strip.bottom() : strip.left()));
    if (scale_.diverging) across(std::round(atTop ? strip.center().y() : strip.center().x()));
    const std::vector<double>& values = atTop ? columns_ : rows_;
    std::vector<QPointF> points;
    for (std::size_t index = 0; index < values.size(); ++index) {
        const auto place = static_cast<int>(index);
        const QPointF point = std::isnan(values[index]) ? QPointF(std::nan(""), 0)
                              : atTop                   ? columnPoint(place)
                                                        : rowPoint(place);
        points.push_back(point);
    }
    painter->setPen(QPen(line_, 1));
    for (std::size_t index = 1; index < points.size(); ++index)
        if (std::isfinite(points[index - 1].x() + points[index].x()))
            painter->drawLine(QLineF(points[index - 1], points[index]));
    for (std::size_t index = 0; index < points.size(); ++index) {
        const QPointF& point = points[index];
        if (!std::isfinite(point.x()) || !strip.adjusted(-1, -1, 1, 1).contains(point))
            continue; // zoomed out
        const QRectF mark(point - QPointF(markSize / 2, markSize / 2), QSizeF(markSize, markSize));
        painter->fillRect(mark, map_.at(scale_.position(values[index])));
        painter->drawRect(mark);
    }
}

} // namespace qroar
