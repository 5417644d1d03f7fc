// The edges of bands by mouse and keys: grabbing, moving, snapping to marks, adding and removing.
#include "widgets/plot/spectrum_plot.h"

#include "widgets/common/names.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr double grabRadius = 6, snapRadius = 8; // pixels
constexpr int largeStep = 4;                     // pairs, with Shift

/// The first edge with every pair below the point on its left.
int edgeOf(const SnapPoint& point) {
    return static_cast<int>(std::ceil(point.pair - 1e-9));
}

} // namespace

int SpectrumPlot::edgeNear(const QPointF& position) const {
    if (!editable_ || !axisRect()->rect().adjusted(-4, 0, 4, 0).contains(position.toPoint())) return 0;
    int nearest = 0;
    double best = grabRadius;
    for (int edge = 1; edge < bands_.count(); ++edge) {
        const double distance = std::abs(edgePosition(edge).x() - position.x());
        if (distance > best) continue;
        best = distance;
        nearest = edge;
    }
    return nearest;
}

int SpectrumPlot::edgePlaceAt(const QPointF& position) const {
    return static_cast<int>(std::lround(xAxis->pixelToCoord(position.x()) + 0.5));
}

int SpectrumPlot::markNear(const QPointF& position) const {
    int nearest = -1;
    double best = snapRadius;
    for (size_t mark = 0; snaps_ && mark < marks_.size(); ++mark) {
        const double distance = std::abs(xAxis->coordToPixel(marks_[mark].pair) - position.x());
        if (distance > best) continue;
        best = distance;
        nearest = static_cast<int>(mark);
    }
    return nearest;
}

QString SpectrumPlot::snappedTo() const {
    return snappedMark_ < 0 ? QString()
                            : QString::fromStdString(marks_[static_cast<size_t>(snappedMark_)].reason);
}

void SpectrumPlot::showSnap(int mark) {
    if (mark == snappedMark_) return;
    snappedMark_ = mark;
    snapLine_->setVisible(mark >= 0);
    if (mark >= 0) {
        const double x = marks_[static_cast<size_t>(mark)].pair;
        snapLine_->point1->setCoords(x, 1);
        snapLine_->point2->setCoords(x, 2);
        snapLine_->setPen(QPen(theme().highlight, 1.6, Qt::DashLine));
    }
    drawMovingInTurn();
}

QString SpectrumPlot::reasonAt(int edge) const {
    QStringList reasons;
    for (const SnapPoint& mark : marks_)
        if (edge >= 1 && edge < bands_.count() && edgeOf(mark) == bands_.begin(edge))
            reasons << QString::fromStdString(mark.reason);
    return reasons.join(QStringLiteral(" · "));
}

QString SpectrumPlot::edgeText(int edge) const {
    if (edge < 1 || edge >= bands_.count()) return {};
    const QString reason = reasonAt(edge);
    const QString text = tr("Edge %1: %2 ends at pair %3, %4 starts at pair %5")
                             .arg(edge)
                             .arg(bandName(styles_, edge - 1))
                             .arg(bands_.begin(edge) - 1)
                             .arg(bandName(styles_, edge))
                             .arg(bands_.begin(edge));
    return reason.isEmpty() ? text : text + u'\n' + reason;
}

Qt::CursorShape SpectrumPlot::cursorAt(const QPointF& position) const {
    if (edgeNear(position)) return Qt::SplitHCursor;
    return headRect().contains(position.toPoint()) ? Qt::PointingHandCursor : Qt::ArrowCursor;
}

void SpectrumPlot::moveEdge(int edge, int pair) {
    const BandPartition moved = bands_.withEdgeMoved(edge, pair);
    if (moved == bands_) return;
    bands_ = moved;
    rebuildZones();
    emit bandsEdited(bands_);
    drawMovingInTurn();
}

void SpectrumPlot::editEdges(const BandPartition& after, int focused, BandEdit what) {
    endGesture(false); // an arrow key still down
    const BandPartition before = bands_;
    if (after == before || !editable_) return;
    setBands(after);
    setFocusedEdge(focused);
    emit bandEditFinished(before, after, what);
}

void SpectrumPlot::addEdge(int pair) {
    const BandPartition after = BandLayout{bands_, {}}.withEdgeAdded(pair).bands;
    editEdges(after, after.bandOf(pair), BandEdit::Add);
}

void SpectrumPlot::removeEdge(int edge) {
    const BandPartition after = BandLayout{bands_, {}}.withEdgeRemoved(edge).bands;
    editEdges(after, std::min(edge, after.count() - 1), BandEdit::Remove);
}

int SpectrumPlot::insertPlace() const {
    return focusedEdge_ > 0 ? splitPlace(bands_, focusedEdge_)
                            : splitPlace(bands_, selectedBand_, selectedPair_);
}

bool SpectrumPlot::beginGesture(const QPointF& position) {
    const int edge = edgeNear(position);
    if (edge == 0) return false;
    endGesture(false); // an arrow key still down
    setFocusedEdge(edge);
    before_ = bands_;
    stepping_ = false;
    return true;
}

void SpectrumPlot::moveGesture(const QPointF& position) {
    if (!before_) return;
    dragged_ = position;
    const int mark = markNear(position);
    moveEdge(focusedEdge_, mark < 0 ? edgePlaceAt(position) : edgeOf(marks_[static_cast<size_t>(mark)]));
    // A mark that other edges keep out of reach is not snapped to.
    const bool there = mark >= 0 && bands_.begin(focusedEdge_) == edgeOf(marks_[static_cast<size_t>(mark)]);
    showSnap(there ? mark : -1);
}

void SpectrumPlot::endGesture(bool cancelled) {
    if (!before_) return;
    const BandPartition before = *before_;
    before_.reset();
    showSnap(-1);
    if (before == bands_) return;
    if (cancelled) {
        setBands(before);
        emit bandsEdited(bands_);
    } else {
        emit bandEditFinished(before, bands_, stepping_ ? BandEdit::Step : BandEdit::Drag);
    }
}

bool SpectrumPlot::event(QEvent* event) {
    if (event->type() == QEvent::ShortcutOverride && before_ && !stepping_
        && static_cast<QKeyEvent*>(event)->key() == Qt::Key_Alt) {
        event->accept(); // in a drag, Alt is not the way to the menus
        return true;
    }
    return BasePlot::event(event);
}

void SpectrumPlot::mouseMoveEvent(QMouseEvent* event) {
    snaps_ = !(event->modifiers() & Qt::AltModifier);
    BasePlot::mouseMoveEvent(event);
}

void SpectrumPlot::mouseDoubleClickEvent(QMouseEvent* event) {
    const QPointF position = event->position();
    const int edge = edgeNear(position);
    const bool head = headRect().contains(position.toPoint());
    if (event->button() != Qt::LeftButton || (edge == 0 && !head)) {
        BasePlot::mouseDoubleClickEvent(event);
        return;
    }
    if (edge > 0)
        removeEdge(edge);
    else
        addEdge(edgePlaceAt(position));
    event->accept();
}

bool SpectrumPlot::editByKey(QKeyEvent* event) {
    const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
    if (step != 0 && focusedEdge_ > 0) {
        if (!before_) before_ = bands_;
        stepping_ = true;
        const int pairs = event->modifiers() & Qt::ShiftModifier ? largeStep : 1;
        moveEdge(focusedEdge_, bands_.begin(focusedEdge_) + step * pairs);
        return true;
    }
    if ((event->key() == Qt::Key_Delete || event->key() == Qt::Key_Backspace) && focusedEdge_ > 0) {
        removeEdge(focusedEdge_);
        return true;
    }
    if (event->key() == Qt::Key_Insert && insertPlace() > 0) {
        addEdge(insertPlace());
        return true;
    }
    return false;
}

void SpectrumPlot::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Escape && before_) {
        endGesture(true);
        BasePlot::keyPressEvent(event); // ends the drag as well
        return;
    }
    if (event->key() == Qt::Key_Alt && before_ && !stepping_) {
        snaps_ = false;
        moveGesture(dragged_);
        return;
    }
    if (!editByKey(event)) BasePlot::keyPressEvent(event);
}

void SpectrumPlot::keyReleaseEvent(QKeyEvent* event) {
    const bool arrow = event->key() == Qt::Key_Left || event->key() == Qt::Key_Right;
    if (event->key() == Qt::Key_Alt && before_ && !stepping_) {
        snaps_ = true;
        moveGesture(dragged_);
        return;
    }
    if (arrow && !event->isAutoRepeat())
        endGesture(false);
    else
        BasePlot::keyReleaseEvent(event);
}

void SpectrumPlot::focusOutEvent(QFocusEvent* event) {
    endGesture(false);
    BasePlot::focusOutEvent(event);
}

bool SpectrumPlot::focusNextPrevChild(bool next) {
    const int edge = focusedEdge_ + (next ? 1 : -1);
    if (!editable_) return BasePlot::focusNextPrevChild(next);
    if (next && edge < bands_.count()) {
        setFocusedEdge(edge);
        return true;
    }
    if (!next && focusedEdge_ > 1) {
        setFocusedEdge(edge);
        return true;
    }
    return BasePlot::focusNextPrevChild(next);
}

} // namespace qroar
