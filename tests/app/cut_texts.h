// What a window cuts off, beyond the labels and buttons of window_texts.h: cells and titles of tables, combo
// boxes, fields, boxes with a title, tabs, and whatever does not fit into what it is in. What is shortened
// with an ellipsis counts unless the whole of it is in a tool tip.
#pragma once

#include "tests/app/window_texts.h"

#include <QApplication>
#include <QCheckBox>
#include <QDockWidget>
#include <QGroupBox>
#include <QHelpEvent>
#include <QRadioButton>
#include <QScrollArea>
#include <QStyleOptionComboBox>
#include <QStyleOptionFrame>
#include <QStyleOptionGroupBox>
#include <QTableView>
#include <QToolTip>
#include <QTreeView>

namespace qroar::test {

class CutTexts {
  public:
    explicit CutTexts(const QWidget& window) : window_(window) {
        found_ = clippedTexts(window);
        for (const auto* label : window.findChildren<QLabel*>()) lookAt(*label);
        for (const auto* box : window.findChildren<QComboBox*>()) lookAt(*box);
        for (const auto* edit : window.findChildren<QLineEdit*>()) lookAt(*edit);
        for (const auto* spin : window.findChildren<QAbstractSpinBox*>()) lookAt(*spin);
        for (const auto* box : window.findChildren<QGroupBox*>()) lookAt(*box);
        for (const auto* button : window.findChildren<QAbstractButton*>()) lookAt(*button);
        for (const auto* view : window.findChildren<QTableView*>()) lookAt(*view);
        for (const auto* view : window.findChildren<QTreeView*>()) lookAt(*view);
        for (const auto* bar : window.findChildren<QTabBar*>()) lookAt(*bar);
        found_.removeDuplicates();
    }
    [[nodiscard]] QStringList found() const { return found_; }

  private:
    void add(const QWidget& widget, const QString& text, int has, int needs) {
        if (needs > has + 1)
            found_ << QStringLiteral("\"%1\" has %2, needs %3:%4")
                          .arg(text)
                          .arg(has)
                          .arg(needs)
                          .arg(placeOf(&widget));
    }
    /// Visible, and not a row of a list that scrolls.
    static bool counts(const QWidget& widget) {
        return widget.isVisible() && !widget.visibleRegion().isEmpty();
    }
    /// Reaches out of what it is in; what scrolls may.
    void inside(const QWidget& widget, const QString& text) {
        const QWidget* in = widget.parentWidget();
        if (!in || in->objectName() == QLatin1String("qt_scrollarea_viewport") || in->inherits("QCustomPlot"))
            return;
        const QRect room = in->rect(), is = widget.geometry();
        add(widget, text + QStringLiteral(" (right edge)"), room.right(), is.right());
        add(widget, text + QStringLiteral(" (bottom edge)"), room.bottom(), is.bottom());
        add(widget, text + QStringLiteral(" (left edge)"), is.left(), room.left());
        add(widget, text + QStringLiteral(" (top edge)"), is.top(), room.top());
    }
    void lookAt(const QLabel& label) {
        if (!counts(label) || label.text().isEmpty()) return;
        inside(label, label.text());
        if (label.wordWrap() || label.textFormat() == Qt::RichText) return;
        const auto lines = static_cast<int>(label.text().count(u'\n')) + 1;
        add(label, label.text() + QStringLiteral(" (height)"), label.contentsRect().height(),
            label.fontMetrics().height() + (lines - 1) * label.fontMetrics().lineSpacing());
    }
    void lookAt(const QAbstractButton& button) {
        if (!counts(button) || button.text().isEmpty()) return;
        inside(button, button.text());
        const auto* tool = qobject_cast<const QToolButton*>(&button);
        if (!tool || tool->toolButtonStyle() != Qt::ToolButtonIconOnly || tool->icon().isNull())
            add(button, button.text() + QStringLiteral(" (height)"), button.height(),
                button.fontMetrics().height());
    }
    void lookAt(const QComboBox& box) {
        if (!counts(box)) return;
        inside(box, box.currentText());
        if (box.inherits("qroar::CompactComboBox") || box.inherits("qroar::ElidedComboBox"))
            return; // tool tips
        QStyleOptionComboBox option;
        option.initFrom(&box);
        option.editable = box.isEditable();
        const QRect room =
            box.style()->subControlRect(QStyle::CC_ComboBox, &option, QStyle::SC_ComboBoxEditField, &box);
        if (box.currentText() != box.toolTip() || box.toolTip().isEmpty())
            add(box, box.currentText(), room.width() - (box.isEditable() ? 2 : 0),
                box.fontMetrics().horizontalAdvance(box.currentText()));
    }
    void lookAt(const QLineEdit& edit) {
        if (!counts(edit)) return;
        inside(edit, edit.text());
        const QString text =
            edit.text().isEmpty() ? edit.placeholderText() : QString(); // what is typed scrolls
        if (!edit.toolTip().contains(text))
            add(edit, text, edit.width() - 8, edit.fontMetrics().horizontalAdvance(text));
    }
    void lookAt(const QAbstractSpinBox& spin) {
        if (!counts(spin)) return;
        inside(spin, spin.text());
        const auto* edit = spin.findChild<QLineEdit*>();
        if (edit)
            add(spin, spin.text(), edit->width() - 2, spin.fontMetrics().horizontalAdvance(spin.text()));
    }
    void lookAt(const QGroupBox& box) {
        if (!counts(box)) return;
        add(box, box.title(), box.width() - 12,
            box.fontMetrics().size(Qt::TextShowMnemonic, box.title()).width());
        inside(box, box.title());
    }
    /// What the pointer is told when it rests there.
    static QString tipAt(QWidget* widget, const QPoint& at) {
        QToolTip::hideText();
        QHelpEvent event(QEvent::ToolTip, at, widget->mapToGlobal(at));
        QApplication::sendEvent(widget, &event);
        return QToolTip::text();
    }
    void cells(const QAbstractItemView& view, const QHeaderView& header) {
        const QAbstractItemModel* model = view.model();
        for (int column = 0; column < model->columnCount(); ++column) {
            if (view.isHidden() || header.isSectionHidden(column)) continue;
            const QString title = model->headerData(column, Qt::Horizontal).toString();
            const bool last = header.stretchLastSection() && header.visualIndex(column) == header.count() - 1;
            const int at = header.sectionViewportPosition(column);
            const int needs = header.fontMetrics().horizontalAdvance(title) + (last ? 4 : 6);
            if (header.isVisible() && needs > header.sectionSize(column) + 1
                && header.viewport()->rect().contains(at + 2, 2)
                && !tipAt(header.viewport(), {at + 2, header.height() / 2}).contains(title))
                add(view, title + QStringLiteral(" (title)"), header.sectionSize(column), needs);
            for (int row = 0; row < std::min(model->rowCount(), 12); ++row)
                cell(view, model->index(row, column));
        }
    }
    void cell(const QAbstractItemView& view, const QModelIndex& index) {
        const QString text = index.data(Qt::DisplayRole).toString();
        const QRect room = view.visualRect(index);
        if (text.isEmpty() || room.isEmpty() || !view.viewport()->rect().intersects(room)) return;
        const QVariant icon = index.data(Qt::DecorationRole);
        int needs = view.fontMetrics().horizontalAdvance(text) + 6;
        if (icon.isValid() && !icon.isNull())
            needs += view.iconSize().isValid() ? view.iconSize().width() + 4 : 20;
        if (needs > room.width() + 1 && !tipAt(view.viewport(), room.center()).contains(text))
            add(view, text + QStringLiteral(" (cell)"), room.width(), needs);
        add(view, text + QStringLiteral(" (height of its row)"), room.height(), view.fontMetrics().height());
    }
    void lookAt(const QTableView& view) {
        if (counts(view) && view.model()) cells(view, *view.horizontalHeader());
    }
    void lookAt(const QTreeView& view) {
        if (!counts(view) || !view.model()) return;
        cells(view, *view.header());
        const QAbstractItemModel* model = view.model();
        for (int row = 0; row < model->rowCount(); ++row)
            for (int column = 0; column < model->columnCount(); ++column)
                for (int child = 0; child < std::min(12, model->rowCount(model->index(row, 0))); ++child)
                    if (view.isExpanded(model->index(row, 0)))
                        cell(view, model->index(child, column, model->index(row, 0)));
    }
    void lookAt(const QTabBar& bar) {
        if (!counts(bar)) return;
        for (int tab = 0; tab < bar.count(); ++tab)
            if (!bar.tabToolTip(tab).contains(bar.tabText(tab)))
                add(bar, bar.tabText(tab) + QStringLiteral(" (tab)"), bar.tabRect(tab).width(),
                    bar.fontMetrics().size(Qt::TextShowMnemonic, bar.tabText(tab)).width() + 8);
    }

    const QWidget& window_;
    QStringList found_;
};

/// As clippedTexts(), of everything that shows words.
inline QStringList cutTexts(const QWidget& window) {
    return CutTexts(window).found();
}

} // namespace qroar::test
