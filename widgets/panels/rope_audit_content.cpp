#include "widgets/panels/rope_audit_content.h"

#include <QBoxLayout>
#include <QEvent>
#include <QScrollBar>

namespace qroar {

namespace {
constexpr int gap = 4; // pixels
constexpr int plotShare = 3, findingsShare = 2;
} // namespace

FindingList::FindingList(QWidget* parent) : QListWidget(parent) {
    setWordWrap(true);
    setTextElideMode(Qt::ElideNone);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setSelectionMode(QAbstractItemView::SingleSelection);
    setFrameShape(QFrame::NoFrame);
}

int FindingList::heightAt(int width) {
    if (count() == 0) return 0;
    if (width > 0 && width != this->width()) resize(width, height());
    doItemsLayout(); // else lines break as they did at another width
    return contentsSize().height() + 2;
}

void FindingList::resizeEvent(QResizeEvent* event) {
    QListWidget::resizeEvent(event);
    verticalScrollBar()->setValue(0);
}

RopeAuditContent::RopeAuditContent(QWidget* plot, FindingList* findings, QWidget* parent)
    : QWidget(parent), plot_(plot), findings_(findings),
      layout_(new QBoxLayout(QBoxLayout::TopToBottom, this)) {
    layout_->setContentsMargins(0, 0, 0, 0);
    layout_->setSpacing(gap);
    layout_->addWidget(plot_, plotShare);
    layout_->addWidget(findings_, findingsShare);
}

bool RopeAuditContent::isBeside() const {
    return layout_->direction() == QBoxLayout::LeftToRight;
}

void RopeAuditContent::fit() {
    // What can be seen of it, not its own size, which follows from what is decided here.
    const QSize room = parentWidget() ? parentWidget()->size() : size();
    const QSize least = plot_->minimumSizeHint();
    const int below = findings_->heightAt(room.width());
    const bool beside = least.height() + gap + below > room.height() && room.width() >= 2 * least.width();
    layout_->setDirection(beside ? QBoxLayout::LeftToRight : QBoxLayout::TopToBottom);
    const int width = (room.width() - gap) * findingsShare / (plotShare + findingsShare);
    const int height = beside ? findings_->heightAt(width) : below;
    findings_->setMinimumSize(beside ? width : 0, height);
    findings_->setMaximumSize(beside ? width : QWIDGETSIZE_MAX, beside ? QWIDGETSIZE_MAX : height);
    updateGeometry();
}

bool RopeAuditContent::event(QEvent* event) {
    if (event->type() == QEvent::ParentAboutToChange && parentWidget())
        parentWidget()->removeEventFilter(this);
    if (event->type() == QEvent::ParentChange && parentWidget()) parentWidget()->installEventFilter(this);
    if (event->type() == QEvent::Resize || event->type() == QEvent::FontChange) fit();
    return QWidget::event(event);
}

bool RopeAuditContent::eventFilter(QObject* watched, QEvent* event) {
    if (watched == parentWidget() && event->type() == QEvent::Resize) fit();
    return QWidget::eventFilter(watched, event);
}

} // namespace qroar
