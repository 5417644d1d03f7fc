#include "widgets/plot/base_plot.h"

#include "widgets/figures/text_lines.h"
#include "widgets/plot/plot_heading.h"
#include "widgets/plot/svg_clips.h"

#include <QFontInfo>
#include <QLabel>

#include <algorithm>
#include <cmath>
#include <utility>

namespace qroar {

namespace {

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
    layer(QStringLiteral("overlay"))->setMode(QCPLayer::lmLogical); // nothing is in it: no picture of its own
    turn_.setSingleShot(true);
    turn_.setInterval(0); // a timer, as the views' turns are: a posted event would come before them
    connect(&turn_, &QTimer::timeout, this, &BasePlot::drawMovingLater);
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
    // What is under the pointer may be another now. Not while it is painted: where the box was would stay.
    readoutTurn_.setSingleShot(true);
    readoutTurn_.setInterval(0);
    connect(&readoutTurn_, &QTimer::timeout, this, [this] {
        if (!readout_->isHidden()) showReadout(last_);
    });
    connect(this, &QCustomPlot::afterReplot, this, [this] {
        if (!readout_->isHidden()) readoutTurn_.start();
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
        headingElement_ = new PlotHeading(this);
        headingElement_->setFont(plotFont());
        headingElement_->setTextColor(theme_.text);
        plotLayout()->insertRow(0);
        plotLayout()->addElement(0, 0, headingElement_);
    }
    fitHeading();
}

/// In lines of the width of the plot; nothing of it is cut.
void BasePlot::fitHeading() {
    if (!headingElement_) return;
    const double room = std::max(40, viewport().width() - 2 * PlotHeading::margin);
    const QString lines = inLines(headingText_, QFontMetricsF(headingElement_->font()), room);
    if (headingElement_->text() != lines) headingElement_->setText(lines);
}

/// What fits depends on what is there: from a state that depends on the size alone, in passes that only let
/// titles grow, so that a size has one layout whatever was laid out before.
void BasePlot::layOutFor(const QSize& size) {
    if (screen_.isNull()) screen_ = viewport();
    setViewport(QRect(QPoint(0, 0), size));
    fitHeading();
    broken_.clear();
    keepsBroken_ = false;
    resetLegend();
    for (QCPAxisRect* rect : axisRects())
        for (QCPAxis* axis : rect->axes()) // one line, whatever was left of it elsewhere
            if (!axis->label().isEmpty()) axis->setLabel(QStringLiteral("x"));
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
    roomOfFigure_.reset();
    fitHeading();
    broken_.clear();
    updateLayout();
    prepare();
    updateLayout();
    resized_ = false;
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

QCPLayer* BasePlot::addMovingLayer() {
    const QString name = QStringLiteral("moving");
    addLayer(name, layer(QStringLiteral("grid")), limAbove);
    moving_ = layer(name);
    moving_->setMode(QCPLayer::lmBuffered);
    return moving_;
}

void BasePlot::drawMovingLater() {
    movingStale_ = true;
    update();
}

void BasePlot::drawMovingInTurn() {
    if (!turn_.isActive()) turn_.start();
}

void BasePlot::paintEvent(QPaintEvent* event) {
    if (std::exchange(resized_, false)) {
        fitHeading();
        broken_.clear();
        keepsBroken_ = false;
        // The length of an axis follows from its labels, and they from it; titles only get more lines.
        for (int round = 0; round < 4; ++round) {
            updateLayout();
            resized_ = false;
            prepare();
            if (keepsBroken_ && !resized_) break;
            keepsBroken_ = true;
        }
        resized_ = false; // titles have the lines that they need
    }
    drawStale();
    QCustomPlot::paintEvent(event);
}

void BasePlot::drawStale() {
    const bool whole = std::exchange(stale_, false), moving = std::exchange(movingStale_, false);
    if (!whole && !moving) return;
    // It asks for another paint, which is under way.
    const bool asked = testAttribute(Qt::WA_UpdatesDisabled);
    setAttribute(Qt::WA_UpdatesDisabled, true);
    if (whole || hasInvalidatedPaintBuffers()) {
        limitTicks(); // of the ranges and tickers that the content has now
        replot(rpQueuedRefresh);
    } else {
        moving_->replot();
        emit afterReplot();
    }
    setAttribute(Qt::WA_UpdatesDisabled, asked);
}

void BasePlot::changeEvent(QEvent* event) {
    QCustomPlot::changeEvent(event);
    if ((event->type() == QEvent::PaletteChange || event->type() == QEvent::FontChange
         || event->type() == QEvent::StyleChange)
        && !exportTheme_) {
        useWidgetTheme();
        if (!screen_.isNull()) return settle();
        resized_ = resized_ || event->type() != QEvent::PaletteChange; // what fits depends on the font
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
