#include "widgets/common/tab_order.h"

#include <QLayout>
#include <QList>
#include <QScrollArea>
#include <QSplitter>
#include <QStackedWidget>
#include <QTabWidget>
#include <QWidget>

namespace qroar {

namespace {

void collect(QWidget* widget, QList<QWidget*>& order);

void collect(QLayout* layout, QList<QWidget*>& order) {
    for (int item = 0; item < layout->count(); ++item) {
        QLayoutItem* one = layout->itemAt(item);
        if (QWidget* widget = one->widget())
            collect(widget, order);
        else if (QLayout* inner = one->layout())
            collect(inner, order);
    }
}

void collect(QWidget* widget, QList<QWidget*>& order) {
    if (order.contains(widget)) return;
    if (widget->focusPolicy() != Qt::NoFocus && !widget->focusProxy()) order << widget;
    if (const auto* area = qobject_cast<QScrollArea*>(widget)) {
        if (area->widget()) collect(area->widget(), order);
    } else if (const auto* splitter = qobject_cast<QSplitter*>(widget)) {
        for (int part = 0; part < splitter->count(); ++part) collect(splitter->widget(part), order);
    } else if (const auto* stack = qobject_cast<QStackedWidget*>(widget)) {
        for (int page = 0; page < stack->count(); ++page) collect(stack->widget(page), order);
    } else if (const auto* tabs = qobject_cast<QTabWidget*>(widget)) {
        for (int page = 0; page < tabs->count(); ++page) collect(tabs->widget(page), order);
    } else if (widget->layout()) {
        collect(widget->layout(), order);
    } else if (widget->focusPolicy() == Qt::NoFocus) { // it places its children itself
        for (auto* child : widget->findChildren<QWidget*>(QString(), Qt::FindDirectChildrenOnly))
            if (!child->isWindow()) collect(child, order);
    }
}

} // namespace

void tabAsLaidOut(QWidget* area) {
    QList<QWidget*> order;
    collect(area, order);
    if (order.isEmpty()) return;
    // The chain is a ring, and who comes from outside enters it at the area: the first of it must be next.
    // Qt does not move what takes no focus.
    const Qt::FocusPolicy policy = area->focusPolicy();
    if (policy == Qt::NoFocus) area->setFocusPolicy(Qt::TabFocus);
    if (order.first() != area) order.prepend(area);
    for (qsizetype index = 1; index < order.size(); ++index)
        QWidget::setTabOrder(order[index - 1], order[index]);
    area->setFocusPolicy(policy);
}

} // namespace qroar
