#include "widgets/common/cell_tips.h"

#include <QAbstractItemDelegate>
#include <QAbstractItemView>
#include <QHeaderView>
#include <QHelpEvent>
#include <QTableView>
#include <QToolTip>
#include <QTreeView>

namespace qroar {

namespace {

/// `text`, unless `own`, which follows, has it.
QString joined(const QString& text, const QString& own) {
    if (own.contains(text)) return own;
    return own.isEmpty() ? text : text + u'\n' + own;
}

} // namespace

CellTips::CellTips(QAbstractItemView* view, QHeaderView* titles)
    : QObject(view), view_(view), titles_(titles) {
    view->viewport()->installEventFilter(this);
    if (titles) titles->viewport()->installEventFilter(this);
}

void CellTips::watch(QAbstractItemView* view) {
    QHeaderView* titles = nullptr;
    if (const auto* table = qobject_cast<QTableView*>(view)) titles = table->horizontalHeader();
    if (const auto* tree = qobject_cast<QTreeView*>(view)) titles = tree->header();
    new CellTips(view, titles);
}

bool CellTips::showCell(const QHelpEvent& event) const {
    const QModelIndex index = view_->indexAt(event.pos());
    const QString text = index.data(Qt::DisplayRole).toString();
    if (text.isEmpty()) return false;
    QStyleOptionViewItem option;
    option.initFrom(view_);
    option.font = view_->font();
    option.fontMetrics = QFontMetrics(option.font);
    option.decorationSize = view_->iconSize();
    const QRect cell = view_->visualRect(index);
    const bool whole = view_->itemDelegateForIndex(index)->sizeHint(option, index).width() <= cell.width()
                       && view_->viewport()->rect().contains(cell.center())
                       && view_->viewport()->rect().right() >= cell.right();
    if (whole) return false;
    QToolTip::showText(event.globalPos(), joined(text, index.data(Qt::ToolTipRole).toString()),
                       view_->viewport(), cell);
    return true;
}

bool CellTips::showTitle(const QHelpEvent& event) const {
    const int section = titles_->logicalIndexAt(event.pos());
    const auto value = [&](int role) {
        return view_->model()->headerData(section, Qt::Horizontal, role).toString();
    };
    if (section < 0 || titles_->sectionSizeHint(section) <= titles_->sectionSize(section)) return false;
    const QString text = joined(value(Qt::DisplayRole), value(Qt::ToolTipRole));
    if (text.isEmpty()) return false;
    QToolTip::showText(event.globalPos(), text, titles_->viewport());
    return true;
}

bool CellTips::eventFilter(QObject* watched, QEvent* event) {
    if (event->type() != QEvent::ToolTip || !view_->model()) return QObject::eventFilter(watched, event);
    const auto& help = *static_cast<QHelpEvent*>(event);
    if (watched == view_->viewport()) return showCell(help);
    return titles_ && watched == titles_->viewport() && showTitle(help);
}

} // namespace qroar
