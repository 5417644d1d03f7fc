// Navigation of BasePlot: zoom, pan, home, the views before and after, the read-out under the cursor,
// gestures of subclasses. Everything else of BasePlot: base_plot.cpp.
#include "widgets/plot/base_plot.h"

#include <QLabel>
#include <QRubberBand>

#include <algorithm>
#include <cmath>
#include <utility>

namespace qroar {

namespace {

constexpr double dragThreshold = 4; // pixels
constexpr size_t rememberedViews = 50;
constexpr qint64 wheelPause = 600; // ms

/// Where a coordinate lies in the space that is linear on screen.
double linearised(const QCPAxis* axis, double value) {
    return axis->scaleType() == QCPAxis::stLogarithmic ? std::log(std::max(value, 1e-300)) : value;
}
double unlinearised(const QCPAxis* axis, double value) {
    return axis->scaleType() == QCPAxis::stLogarithmic ? std::exp(value) : value;
}

/// Keeps `range` no larger than home and overlapping it by at least a tenth.
QCPRange limited(const QCPAxis* axis, const QCPRange& range, const QCPRange& home) {
    const double homeLow = linearised(axis, home.lower), homeHigh = linearised(axis, home.upper);
    double low = linearised(axis, range.lower), high = linearised(axis, range.upper);
    if (!(high > low) || high - low >= homeHigh - homeLow) return home;
    const double smallest = (homeHigh - homeLow) * 1e-4, margin = 0.9 * (high - low);
    if (high - low < smallest) {
        const double centre = (low + high) / 2;
        low = centre - smallest / 2;
        high = centre + smallest / 2;
    }
    const double size = high - low;
    low = std::clamp(low, homeLow - margin, homeHigh + margin - size);
    return {unlinearised(axis, low), unlinearised(axis, low + size)};
}

/// Lines that are too long, a name of a file, say, go on in the next one.
QString brokenAt(const QString& text, const QFontMetrics& metrics, int room) {
    QStringList lines;
    for (QString line : text.split(u'\n')) {
        while (metrics.horizontalAdvance(line) > room && line.size() > 8) {
            qsizetype length = line.size() - 1;
            while (length > 8 && metrics.horizontalAdvance(line.left(length)) > room) --length;
            const qsizetype space = line.lastIndexOf(u' ', length);
            if (space > length / 2) length = space + 1;
            lines << line.left(length).trimmed();
            line.remove(0, length);
        }
        lines << line;
    }
    return lines.join(u'\n');
}

} // namespace

void BasePlot::setHomeRanges(const QCPRange& x, const QCPRange& y, bool keepZoom) {
    homeX_ = x;
    homeY_ = y;
    if (zoomed_ && keepZoom) return;
    zoomed_ = false;
    back_.clear(); // of other data
    forward_.clear();
    home();
}

void BasePlot::home() {
    if (zoomed_) remember();
    zoomed_ = false;
    if (homeX_.size() > 0) xAxis->setRange(homeX_);
    if (homeY_.size() > 0) yAxis->setRange(homeY_);
    drawLater();
}

void BasePlot::remember() {
    forward_.clear();
    back_.push_back({xAxis->range(), yAxis->range()});
    if (back_.size() > rememberedViews) back_.erase(back_.begin());
}

void BasePlot::step(std::vector<View>& from, std::vector<View>& to) {
    if (from.empty()) return;
    to.push_back({xAxis->range(), yAxis->range()});
    const View view = from.back();
    from.pop_back();
    if (navigableX_) xAxis->setRange(limited(xAxis, view.x, homeX_));
    if (navigableY_) yAxis->setRange(limited(yAxis, view.y, homeY_));
    zoomed_ = (navigableX_ && xAxis->range() != homeX_) || (navigableY_ && yAxis->range() != homeY_);
    drawLater();
}

void BasePlot::zoomTo(const QCPRange& x, const QCPRange& y) {
    remember();
    if (navigableX_) xAxis->setRange(limited(xAxis, x, homeX_));
    if (navigableY_) yAxis->setRange(limited(yAxis, y, homeY_));
    zoomed_ = (navigableX_ && xAxis->range() != homeX_) || (navigableY_ && yAxis->range() != homeY_);
    drawLater();
}

void BasePlot::zoomBack() {
    step(back_, forward_);
}

void BasePlot::zoomForward() {
    step(forward_, back_);
}

void BasePlot::setNavigable(bool x, bool y) {
    navigableX_ = x;
    navigableY_ = y;
}

QString BasePlot::readoutText() const {
    return readout_->isHidden() ? QString() : said_;
}

QString BasePlot::readoutAt(const QPointF&) const {
    return {};
}
bool BasePlot::beginGesture(const QPointF&) {
    return false;
}
void BasePlot::moveGesture(const QPointF&) {}
void BasePlot::endGesture(bool) {}
Qt::CursorShape BasePlot::cursorAt(const QPointF&) const {
    return Qt::ArrowCursor;
}

void BasePlot::showReadout(const QPointF& position) {
    const bool inside = readoutArea().contains(position.toPoint());
    const QString text = inside ? readoutAt(position) : QString();
    readout_->setVisible(!text.isEmpty());
    if (text.isEmpty()) return;
    said_ = text;
    readout_->setText(brokenAt(text, readout_->fontMetrics(), std::max(80, width() - 20)));
    readout_->adjustSize();
    QPoint corner = position.toPoint() + QPoint(14, 14);
    if (corner.x() + readout_->width() > width())
        corner.setX(position.toPoint().x() - 10 - readout_->width());
    if (corner.y() + readout_->height() > height())
        corner.setY(position.toPoint().y() - 10 - readout_->height());
    readout_->move(std::max(0, corner.x()), std::max(0, corner.y()));
    readout_->raise();
}

void BasePlot::mousePressEvent(QMouseEvent* event) {
    pressed_ = last_ = event->position();
    if (event->button() == Qt::LeftButton) {
        if (beginGesture(pressed_))
            drag_ = Drag::Gesture;
        else
            drag_ = Drag::Pending;
    } else if (event->button() == Qt::RightButton && axisRect()->rect().contains(pressed_.toPoint())) {
        drag_ = Drag::RubberBand;
    } else if (event->button() == Qt::BackButton) {
        zoomBack();
    } else if (event->button() == Qt::ForwardButton) {
        zoomForward();
    }
    event->accept();
}

void BasePlot::mouseMoveEvent(QMouseEvent* event) {
    const QPointF position = event->position();
    if (drag_ == Drag::Pending && (position - pressed_).manhattanLength() >= dragThreshold) {
        drag_ = zoomMode_ ? Drag::RubberBand : Drag::Pan;
        if (drag_ == Drag::Pan && isNavigable()) remember();
    }
    if (drag_ == Drag::Gesture) {
        moveGesture(position);
    } else if (drag_ == Drag::Pan) {
        panTo(position);
    } else if (drag_ == Drag::RubberBand) {
        if (!rubberBand_) rubberBand_ = new QRubberBand(QRubberBand::Rectangle, this);
        QRectF area = QRectF(pressed_, position).normalized() & QRectF(axisRect()->rect());
        rubberBand_->setGeometry(area.toRect());
        rubberBand_->show();
    } else {
        setCursor(cursorAt(position));
    }
    last_ = position;
    showReadout(position);
    event->accept();
}

void BasePlot::mouseReleaseEvent(QMouseEvent* event) {
    const Drag finished = std::exchange(drag_, Drag::None);
    if (rubberBand_) rubberBand_->hide();
    if (finished == Drag::Gesture) {
        endGesture(false);
    } else if (finished == Drag::RubberBand) {
        const QRectF area = QRectF(pressed_, event->position()).normalized() & QRectF(axisRect()->rect());
        if (area.width() > dragThreshold && area.height() > dragThreshold)
            zoomInto(area);
        else if (event->button() == Qt::RightButton
                 && (event->position() - pressed_).manhattanLength() < dragThreshold)
            emit menuWanted(event->globalPosition().toPoint());
    } else if (finished == Drag::Pending) {
        emit clicked(event->position());
    }
    event->accept();
}

void BasePlot::mouseDoubleClickEvent(QMouseEvent* event) {
    drag_ = Drag::None;
    if (event->button() == Qt::LeftButton) home();
    event->accept();
}

void BasePlot::panTo(const QPointF& position) {
    const auto shift = [&](QCPAxis* axis, double from, double to, const QCPRange& homeRange) {
        const double by =
            linearised(axis, axis->pixelToCoord(from)) - linearised(axis, axis->pixelToCoord(to));
        const QCPRange moved(unlinearised(axis, linearised(axis, axis->range().lower) + by),
                             unlinearised(axis, linearised(axis, axis->range().upper) + by));
        axis->setRange(limited(axis, moved, homeRange));
    };
    if (navigableX_) shift(xAxis, last_.x(), position.x(), homeX_);
    if (navigableY_) shift(yAxis, last_.y(), position.y(), homeY_);
    zoomed_ = zoomed_ || navigableX_ || navigableY_;
    drawLater();
}

void BasePlot::zoomInto(const QRectF& area) {
    const auto apply = [](QCPAxis* axis, double a, double b, const QCPRange& homeRange) {
        QCPRange range(axis->pixelToCoord(a), axis->pixelToCoord(b));
        range.normalize();
        axis->setRange(limited(axis, range, homeRange));
    };
    if (isNavigable()) remember();
    if (navigableX_) apply(xAxis, area.left(), area.right(), homeX_);
    if (navigableY_) apply(yAxis, area.bottom(), area.top(), homeY_);
    zoomed_ = zoomed_ || navigableX_ || navigableY_;
    drawLater();
}

void BasePlot::wheelEvent(QWheelEvent* event) {
    const double steps =
        (event->angleDelta().y() != 0 ? event->angleDelta().y() : event->angleDelta().x()) / 120.0;
    if (steps == 0 || !isNavigable() || !axisRect()->rect().contains(event->position().toPoint())) {
        event->ignore();
        return;
    }
    const double factor = std::pow(0.85, steps);
    if (isNavigable() && (!wheel_.isValid() || wheel_.elapsed() > wheelPause)) remember();
    wheel_.start();
    const bool xOnly = event->modifiers() & Qt::ControlModifier,
               yOnly = event->modifiers() & Qt::ShiftModifier;
    if (navigableX_ && !yOnly) {
        xAxis->scaleRange(factor, xAxis->pixelToCoord(event->position().x()));
        xAxis->setRange(limited(xAxis, xAxis->range(), homeX_));
    }
    if (navigableY_ && !xOnly) {
        yAxis->scaleRange(factor, yAxis->pixelToCoord(event->position().y()));
        yAxis->setRange(limited(yAxis, yAxis->range(), homeY_));
    }
    zoomed_ = (navigableX_ && xAxis->range() != homeX_) || (navigableY_ && yAxis->range() != homeY_);
    drawLater();
    event->accept();
}

void BasePlot::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Home) {
        home();
        return;
    }
    if (event->key() == Qt::Key_Escape && drag_ != Drag::None) {
        if (drag_ == Drag::Gesture) endGesture(true);
        if (rubberBand_) rubberBand_->hide();
        drag_ = Drag::None;
        return;
    }
    if (event->key() == Qt::Key_Menu
        || (event->key() == Qt::Key_F10 && event->modifiers() == Qt::ShiftModifier)) {
        emit menuWanted(mapToGlobal(axisRect()->rect().center()));
        return;
    }
    QCustomPlot::keyPressEvent(event);
}

void BasePlot::leaveEvent(QEvent* event) {
    readout_->hide();
    QCustomPlot::leaveEvent(event);
}

} // namespace qroar
