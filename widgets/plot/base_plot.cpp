#include "widgets/plot/base_plot.h"

#include "widgets/plot/svg_clips.h"

#include <QFontInfo>
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

/// What QCustomPlot lets only itself call.
struct Drawable : QCPLayerable {
    using QCPLayerable::applyDefaultAntialiasingHint;
    using QCPLayerable::clipRect;
    using QCPLayerable::draw;
};

} // namespace

BasePlot::BasePlot(QWidget* parent) : QCustomPlot(parent), readout_(new QLabel(this)) {
    setFocusPolicy(Qt::StrongFocus);
    setMouseTracking(true);
    setContextMenuPolicy(Qt::PreventContextMenu);
    setAutoAddPlottableToLegend(false);
    plotLayout()->setRowSpacing(2);
    readout_->setAttribute(Qt::WA_TransparentForMouseEvents);
    readout_->setTextFormat(Qt::PlainText);
    readout_->setAutoFillBackground(true);
    readout_->setForegroundRole(QPalette::ToolTipText);
    readout_->setBackgroundRole(QPalette::ToolTipBase);
    readout_->setFrameShape(QFrame::Box);
    readout_->setMargin(3);
    readout_->hide();
    for (QCPAxis* axis : {xAxis, yAxis}) // labels that fit depend on the zoom
        connect(axis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), this, [this] { prepareLayout(); });
    // A plot lower than its labels would have axes upside down: it has none until there is room.
    connect(this, &QCustomPlot::afterLayout, this, [this] {
        alignLegend();
        for (QCPAxisRect* rect : axisRects())
            if (rect == axisRect() || rect == colourBar_)
                rect->setVisible(rect->width() > 0 && rect->height() > 0 && rect->maximumSize().width() > 0);
    });
    useWidgetTheme();
}

QSize BasePlot::minimumSizeHint() const {
    const int line = QFontInfo(font()).pixelSize();
    return {16 * line, (headingElement_ ? 15 : 14) * line};
}

void BasePlot::useWidgetTheme() {
    exportTheme_ = false;
    setTheme(PlotTheme::fromPalette(palette()), QFontInfo(font()).pixelSize());
}

void BasePlot::setTheme(const PlotTheme& theme, int fontPixels) {
    theme_ = theme;
    if (sequential_) theme_.sequential = *sequential_;
    fontPixels_ = std::clamp(fontPixels, 6, 64);
    setBackground(QBrush(theme.background));
    for (QCPAxisRect* rect : axisRects())
        for (QCPAxis* axis : rect->axes()) styleAxis(axis);
    if (headingElement_) {
        headingElement_->setFont(plotFont(1.0));
        headingElement_->setTextColor(theme_.text);
    }
    styleLegend();
    applyTheme();
}

void BasePlot::setSequentialMap(const ColorMap& map) {
    sequential_ = map;
    theme_.sequential = map;
    setTheme(PlotTheme(theme_), fontPixels_);
    drawLater();
}

QFont BasePlot::plotFont(double scale) const {
    QFont result = figureFont_.value_or(font());
    result.setPixelSize(std::max(6, static_cast<int>(std::lround(fontPixels_ * scale))));
    return result;
}

void BasePlot::styleAxis(QCPAxis* axis) const {
    const QPen pen(theme_.axis, 1);
    axis->setBasePen(pen);
    axis->setTickPen(pen);
    axis->setSubTickPen(pen);
    axis->setTickLabelColor(theme_.text);
    axis->setLabelColor(theme_.text);
    axis->setTickLabelFont(plotFont(0.92));
    axis->setLabelFont(plotFont());
    axis->setTickLength(0, 4);
    axis->setSubTickLength(0, 2);
    axis->grid()->setPen(QPen(theme_.grid, 1));
    axis->grid()->setZeroLinePen(QPen(theme_.grid, 1));
    axis->grid()->setSubGridVisible(false);
}

int BasePlot::titleRoom(const QCPAxis* axis) const {
    const QRect area = axisRect()->rect();
    const bool upright = QCPAxis::orientation(axis->axisType()) == Qt::Vertical;
    const int length = upright ? viewport().height() : viewport().width();
    const int centre = upright ? area.center().y() : area.center().x();
    return std::max(20, 2 * std::min(centre, length - centre) - 6);
}

bool BasePlot::hasRoomFor(const QCPAxis* axis, const QString& title) const {
    return QFontMetrics(axis->labelFont()).horizontalAdvance(title) <= titleRoom(axis);
}

void BasePlot::fitTitle(QCPAxis* axis, const QString& title) const {
    const QFontMetrics metrics(axis->labelFont());
    const int room = titleRoom(axis);
    QString fitting = metrics.elidedText(title, Qt::ElideRight, room);
    const bool breaks = fitting != title || std::find(broken_.begin(), broken_.end(), axis) != broken_.end();
    if (breaks && !screen_.isNull()) { // the break that leaves the lines most alike
        int best = metrics.horizontalAdvance(title);
        for (auto space = title.indexOf(u' '); space > 0; space = title.indexOf(u' ', space + 1)) {
            const int longer = std::max(metrics.horizontalAdvance(title.left(space)),
                                        metrics.horizontalAdvance(title.mid(space + 1)));
            if (longer >= best || longer > room) continue;
            best = longer;
            fitting = title.left(space) + u'\n' + title.mid(space + 1);
        }
    }
    if (keepsBroken_ && fitting.contains(u'\n')) broken_.push_back(axis);
    if (axis->label() != fitting) axis->setLabel(fitting);
}

void BasePlot::limitTicks() {
    for (const QCPAxisRect* rect : axisRects())
        for (const QCPAxis* axis : rect->axes()) {
            const auto ticker = axis->ticker();
            const bool upright = QCPAxis::orientation(axis->axisType()) == Qt::Vertical;
            const double line = QFontMetricsF(axis->tickLabelFont()).height();
            const int most = std::max(
                1, static_cast<int>(upright ? rect->height() / (1.3 * line) : rect->width() / (4.5 * line)));
            for (int count = 5, before = 0; count >= 2; --count) { // as many as have room, but not one alone
                ticker->setTickCount(count);
                QVector<double> ticks;
                QVector<QString> labels;
                ticker->generate(axis->range(), QLocale::c(), u'g', 4, ticks, nullptr, &labels);
                const auto shown = static_cast<int>(std::count_if(
                    ticks.begin(), ticks.end(), [&](double tick) { return axis->range().contains(tick); }));
                if (shown < 2 && before >= 2) ticker->setTickCount(count + 1);
                if (shown < 2 || shown <= most) break;
                before = shown;
            }
        }
}

void BasePlot::prepare() {
    limitTicks();
    prepareLayout();
}

void BasePlot::setHeading(const QString& text) {
    headingText_ = text;
    if (!headingElement_) {
        if (text.isEmpty()) return;
        headingElement_ = new QCPTextElement(this);
        headingElement_->setFont(plotFont());
        headingElement_->setTextColor(theme_.text);
        plotLayout()->insertRow(0);
        plotLayout()->addElement(0, 0, headingElement_);
    }
    fitHeading();
}

/// In lines of the width of the plot: a heading that is wider would push the axes about.
void BasePlot::fitHeading() {
    if (!headingElement_) return;
    const QFontMetrics metrics(headingElement_->font());
    const int room = std::max(40, viewport().width() - 8);
    QString lines, line;
    for (qsizetype at = 0; at < headingText_.size();) { // words end with a space or a colon
        qsizetype end = at;
        while (end < headingText_.size() && headingText_[end] != u' ' && headingText_[end] != u':') ++end;
        end = std::min(end + 1, headingText_.size());
        const QString word = metrics.elidedText(headingText_.mid(at, end - at), Qt::ElideMiddle, room);
        if (!line.isEmpty() && metrics.horizontalAdvance(line + word.trimmed()) > room) {
            lines += line.trimmed() + u'\n';
            line.clear();
        }
        line += word;
        at = end;
    }
    lines += line.trimmed();
    if (headingElement_->text() != lines) headingElement_->setText(lines);
}

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

/// What fits depends on what is there: from a state that depends on the size alone, in passes that only let
/// titles grow, so that a size has one layout whatever was laid out before.
void BasePlot::layOutFor(const QSize& size) {
    if (screen_.isNull()) screen_ = viewport();
    setViewport(QRect(QPoint(0, 0), size));
    fitHeading();
    broken_.clear();
    keepsBroken_ = false;
    for (QCPAxisRect* rect : axisRects())
        for (QCPAxis* axis : rect->axes()) axis->setLabel(axis->label().replace(u'\n', u' '));
    updateLayout();
    for (int pass = 0; pass < 3; ++pass) {
        prepare();
        updateLayout();
        keepsBroken_ = true;
    }
}

QRect BasePlot::axesAt(const QSize& size) {
    layOutFor(size);
    return axisRect()->rect();
}

void BasePlot::renderTo(QCPPainter* painter, const QSize& size) {
    layOutFor(size);
    toPainter(painter, size.width(), size.height());
}

void BasePlot::draw(QCPPainter* painter) {
    if (!drawsSvg(*painter)) return QCustomPlot::draw(painter);
    updateLayout();
    drawBackground(painter);
    for (int index = 0; index < layerCount(); ++index)
        for (QCPLayerable* child : layer(index)->children()) {
            if (!child->realVisibility()) continue;
            const QRectF clip((child->*&Drawable::clipRect)().translated(0, -1)); // as QCPLayer has it
            const bool clipped =
                qobject_cast<QCPAbstractPlottable*>(child) || qobject_cast<QCPAbstractItem*>(child);
            if (clipped && clip.isEmpty()) continue;
            painter->save();
            if (clipped) beginSvgClip(*painter, clip);
            (child->*&Drawable::applyDefaultAntialiasingHint)(painter);
            (child->*&Drawable::draw)(painter);
            painter->restore();
            if (clipped) endSvgClip(*painter);
        }
}

void BasePlot::settle() {
    if (!screen_.isNull()) setViewport(std::exchange(screen_, QRect()));
    fitHeading();
    updateLayout();
    prepare();
    updateLayout();
    drawLater();
}

void BasePlot::setFurniture(bool legendShown, bool colourBarShown) {
    show(legend, noRoom_, true);
    show(legend, legendPlace_, legendShown);
    if (colourBar_) show(colourBar_, barPlace_, colourBarShown);
}

void BasePlot::show(QCPLayoutElement* element, Furniture& place, bool shown) {
    QCPLayoutGrid* grid = plotLayout();
    if (shown && place.out) {
        grid->setRowStretchFactor(place.row, place.rowStretch);
        grid->setColumnStretchFactor(place.column, place.columnStretch);
        grid->addElement(place.row, place.column, element);
        element->setVisible(place.visible);
        place.out = false;
    }
    if (shown || place.out) return;
    for (int row = 0; row < grid->rowCount(); ++row)
        for (int column = 0; column < grid->columnCount(); ++column) {
            if (!grid->hasElement(row, column) || grid->element(row, column) != element) continue;
            place = {true,
                     element->visible(),
                     row,
                     column,
                     grid->rowStretchFactors().at(row),
                     grid->columnStretchFactors().at(column)};
            grid->take(element);
            element->setVisible(false);
            bool rowEmpty = true, columnEmpty = true;
            for (int other = 0; other < grid->columnCount(); ++other)
                rowEmpty = rowEmpty && !grid->hasElement(row, other);
            for (int other = 0; other < grid->rowCount(); ++other)
                columnEmpty = columnEmpty && !grid->hasElement(other, column);
            if (rowEmpty) grid->setRowStretchFactor(row, 0.001);
            if (columnEmpty) grid->setColumnStretchFactor(column, 0.001);
            return;
        }
}

void BasePlot::describe(const QString& name, const QString& summary) {
    setAccessibleName(name);
    if (accessibleDescription() != summary) setAccessibleDescription(summary);
}

QString BasePlot::readoutText() const {
    return readout_->isHidden() ? QString() : readout_->text();
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
    readout_->setText(text);
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

void BasePlot::resizeEvent(QResizeEvent* event) {
    if (event->size().isEmpty()) return; // hidden in a splitter: nothing to draw on
    // The base class would draw at once, hidden or not, at every size that a layout tries.
    setViewport(rect());
    resized_ = true;
    drawLater();
}

void BasePlot::drawLater() {
    stale_ = true;
    update();
}

void BasePlot::paintEvent(QPaintEvent* event) {
    if (std::exchange(resized_, false)) {
        fitHeading();
        for (int round = 0; round < 2;
             ++round) { // the length of an axis follows from its labels, and they from it
            updateLayout();
            prepare();
        }
    }
    if (std::exchange(stale_, false)) {
        // It asks for another paint, which this one is.
        const bool asked = testAttribute(Qt::WA_UpdatesDisabled);
        setAttribute(Qt::WA_UpdatesDisabled, true);
        replot(rpQueuedRefresh);
        setAttribute(Qt::WA_UpdatesDisabled, asked);
    }
    QCustomPlot::paintEvent(event);
}

void BasePlot::changeEvent(QEvent* event) {
    QCustomPlot::changeEvent(event);
    if ((event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange
         || event->type() == QEvent::StyleChange)
        && !exportTheme_) {
        useWidgetTheme();
        if (!screen_.isNull()) return settle();
        resized_ = true; // what fits depends on the font
        drawLater();
    }
}

void BasePlot::focusInEvent(QFocusEvent* event) {
    QCustomPlot::focusInEvent(event);
    drawLater();
}

void BasePlot::focusOutEvent(QFocusEvent* event) {
    QCustomPlot::focusOutEvent(event);
    drawLater();
}

} // namespace qroar
