#include "widgets/plot/point_labels.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int grain = 2;             ///< pixels that are told apart where curves run
constexpr int mostSteps = 4000;      ///< of one segment
constexpr double leaderLength = 12;  ///< pixels to the point from which a line leads there
constexpr double aside = 8, gap = 7; ///< pixels between point and text
constexpr double apart = 5; ///< pixels between texts beside each other; half as much above each other

/// From a point to the nearest of a text.
QLineF leaderOf(const QRectF& rect, const QPointF& point) {
    return {QPointF(std::clamp(point.x(), rect.left(), rect.right()),
                    std::clamp(point.y(), rect.top(), rect.bottom())),
            point};
}

/// The pixels of an area that curves run through.
class Inked {
  public:
    explicit Inked(const QRect& area)
        : area_(area), columns_(area.width() / grain + 1), rows_(area.height() / grain + 1),
          cells_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_), 0) {}

    void add(const QCPGraph& graph) {
        QPointF last(NAN, NAN);
        for (const QCPGraphData& point : *graph.data()) {
            const QPointF next(graph.keyAxis()->coordToPixel(point.key),
                               graph.valueAxis()->coordToPixel(point.value));
            if (std::isfinite(next.x() + next.y())) {
                dot(next);
                if (graph.lineStyle() != QCPGraph::lsNone && std::isfinite(last.x() + last.y())) {
                    const bool steps = graph.lineStyle() == QCPGraph::lsStepLeft;
                    const QPointF corner = steps ? QPointF(next.x(), last.y()) : last;
                    if (steps) line(last, corner);
                    line(corner, next);
                }
            }
            last = next;
        }
    }

    [[nodiscard]] int in(const QRectF& rect) const {
        int count = 0;
        const QRect cells = QRect(QPoint(cell(rect.left(), area_.left()), cell(rect.top(), area_.top())),
                                  QPoint(cell(rect.right(), area_.left()), cell(rect.bottom(), area_.top())))
                                .intersected(QRect(0, 0, columns_, rows_));
        for (int row = cells.top(); row <= cells.bottom(); ++row)
            for (int column = cells.left(); column <= cells.right(); ++column)
                count += cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_)
                                + static_cast<std::size_t>(column)];
        return count;
    }

  private:
    static int cell(double pixel, int from) { return static_cast<int>(std::floor((pixel - from) / grain)); }
    void dot(const QPointF& at) {
        const int column = cell(at.x(), area_.left()), row = cell(at.y(), area_.top());
        if (column < 0 || row < 0 || column >= columns_ || row >= rows_) return;
        cells_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_)
               + static_cast<std::size_t>(column)] = 1;
    }
    void line(const QPointF& from, const QPointF& to) {
        const double length = std::max(std::abs(to.x() - from.x()), std::abs(to.y() - from.y()));
        const int steps = static_cast<int>(std::min<double>(mostSteps, length / grain));
        for (int step = 1; step < steps; ++step) dot(from + (to - from) * step / steps);
    }

    QRect area_;
    int columns_, rows_;
    std::vector<char> cells_;
};

/// Places for a text of a size, the best first.
std::vector<QRectF> placesAt(const QPointF& point, const QSizeF& size, const QRectF& area) {
    const double width = size.width(), height = size.height();
    const double most = std::max(area.left(), area.right() - width);
    const double centred = std::clamp(point.x() - width / 2, area.left(), most);
    const double right = point.x() + aside, left = point.x() - aside - width;
    std::vector<QRectF> places;
    const auto offer = [&](double x, double y) { places.emplace_back(QPointF(x, y), size); };
    offer(centred, point.y() - gap - height);
    offer(centred, point.y() + gap);
    for (const double x : {right, left})
        for (const double y : {point.y() - height / 2, point.y() - height - 2, point.y() + 2}) offer(x, y);
    for (const double away : {20.0, 34.0, 50.0})
        for (const double x : {centred, right + away / 2, left - away / 2}) {
            offer(x, point.y() - away - height);
            offer(x, point.y() + away);
        }
    return places;
}

} // namespace

std::vector<PointLabels::Place> PointLabels::arranged() const {
    const QFontMetricsF metrics(font_);
    const QRectF area = keyAxis()->axisRect()->rect();
    if (labels_.empty() || area.width() < 1 || area.height() < 1) return std::vector<Place>(labels_.size());
    Inked ink(keyAxis()->axisRect()->rect());
    for (const QCPGraph* graph : avoided_)
        if (graph->realVisibility()) ink.add(*graph);
    const auto pixel = [this](double key, double value) {
        return QPointF(keyAxis()->coordToPixel(key), valueAxis()->coordToPixel(value));
    };
    std::vector<QPointF> points;
    for (const Label& label : labels_) points.push_back(pixel(label.key, label.value));
    std::vector<Place> chosen;
    for (std::size_t index = 0; index < labels_.size(); ++index) {
        const QSizeF size(metrics.horizontalAdvance(labels_[index].text) + 4, metrics.height());
        // Not over other names, nor over the marks of other points.
        const auto isFree = [&](const QRectF& place) {
            return std::none_of(
                       chosen.begin(), chosen.end(),
                       [&](const Place& other) {
                           return other.rect.adjusted(-apart, -apart / 2, apart, apart / 2).intersects(place);
                       })
                   && std::none_of(points.begin(), points.end(), [&](const QPointF& other) {
                          return other != points[index] && place.adjusted(-3, -3, 3, 3).contains(other);
                      });
        };
        std::vector<QPointF> anchors{points[index]};
        for (const QPointF& other : labels_[index].others) anchors.push_back(pixel(other.x(), other.y()));
        Place best;
        int least = std::numeric_limits<int>::max();
        for (const QPointF& anchor : anchors) {
            if (!std::isfinite(anchor.x() + anchor.y()) || !area.adjusted(-1, -1, 1, 1).contains(anchor))
                continue;
            for (const QRectF& place : placesAt(anchor, size, area)) {
                if (least == 0 || !area.contains(place) || !isFree(place)) continue;
                if (together_ && leaderOf(place, anchor).length() > leaderLength) continue;
                const int covered = ink.in(place);
                if (covered >= least) continue;
                least = covered;
                best = {place, anchor};
            }
        }
        chosen.push_back(optional_ && least > 0 ? Place() : best);
    }
    if (together_
        && std::any_of(chosen.begin(), chosen.end(), [](const Place& one) { return one.rect.isEmpty(); }))
        chosen.assign(labels_.size(), Place());
    return chosen;
}

std::vector<QRectF> PointLabels::places() const {
    std::vector<QRectF> rects;
    for (const Place& place : arranged()) rects.push_back(place.rect);
    return rects;
}

void PointLabels::draw(QCPPainter* painter) {
    const std::vector<Place> places = arranged();
    painter->setFont(font_);
    painter->setPen(text_);
    for (std::size_t index = 0; index < places.size(); ++index) {
        const QRectF& rect = places[index].rect;
        if (rect.isEmpty()) continue;
        const QLineF leader = leaderOf(rect, places[index].point);
        if (leader.length() > leaderLength) {
            painter->setAntialiasing(true);
            painter->drawLine(leader);
        }
        painter->setAntialiasing(false);
        if (behind_.isValid()) painter->fillRect(rect, behind_);
        painter->drawText(rect, Qt::AlignCenter, labels_[index].text);
    }
}

} // namespace qroar
