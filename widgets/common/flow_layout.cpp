#include "widgets/common/flow_layout.h"

#include <QEvent>

#include <algorithm>

namespace qroar {

FlowLayout::FlowLayout(QWidget* parent, int spacing) : QLayout(parent) {
    setSpacing(spacing);
    setContentsMargins(0, 0, 0, 0);
}

FlowLayout::~FlowLayout() {
    qDeleteAll(items_);
}

void FlowLayout::addItem(QLayoutItem* item) {
    const bool behind = !items_.isEmpty() && items_.last()->widget() && items_.last()->widget() == trailing_;
    items_.insert(items_.size() - (behind ? 1 : 0), item); // in the order in which one reads, and Tab goes
}

void FlowLayout::addTrailing(QWidget* widget) {
    trailing_ = widget;
    addWidget(widget);
}

QLayoutItem* FlowLayout::itemAt(int index) const {
    return items_.value(index);
}

QLayoutItem* FlowLayout::takeAt(int index) {
    return index >= 0 && index < items_.size() ? items_.takeAt(index) : nullptr;
}

int FlowLayout::heightForWidth(int width) const {
    return arrange(QRect(0, 0, width, 0), false);
}

QSize FlowLayout::minimumSize() const {
    QSize widest;
    for (const QLayoutItem* item : items_) widest = widest.expandedTo(item->minimumSize());
    return widest;
}

void FlowLayout::setGeometry(const QRect& rect) {
    QLayout::setGeometry(rect);
    arrange(rect, true);
}

int FlowLayout::arrange(const QRect& rect, bool apply) const {
    int x = rect.x(), y = rect.y(), lineHeight = 0;
    QList<QLayoutItem*> inOrder = items_;
    std::stable_partition(inOrder.begin(), inOrder.end(),
                          [this](QLayoutItem* item) { return !trailing_ || item->widget() != trailing_; });
    for (QLayoutItem* item : std::as_const(inOrder)) {
        if (item->isEmpty()) continue;
        QSize size = item->sizeHint();
        size.setWidth(std::min(size.width(), std::max(1, rect.width()))); // what no line holds gives way
        if (x > rect.x() && x + size.width() > rect.right() + 1) {
            x = rect.x();
            y += lineHeight + spacing();
            lineHeight = 0;
        }
        if (trailing_ && item->widget() == trailing_) x = std::max(x, rect.right() + 1 - size.width());
        if (apply) item->setGeometry(QRect(QPoint(x, y), size));
        x += size.width() + spacing();
        lineHeight = std::max(lineHeight, size.height());
    }
    return y + lineHeight - rect.y();
}

FlowArea::FlowArea(QWidget* parent, int spacing) : QWidget(parent) {
    new FlowLayout(this, spacing);
}

void FlowArea::resizeEvent(QResizeEvent*) {
    fit();
}

bool FlowArea::event(QEvent* event) {
    if (event->type() == QEvent::LayoutRequest) fit();
    return QWidget::event(event);
}

void FlowArea::fit() {
    setFixedHeight(std::max(1, layout()->heightForWidth(width())));
}

} // namespace qroar
