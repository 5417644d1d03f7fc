// What a window shows and offers, walked widget by widget: texts that do not fit, widgets without a name for
// assistive technology. For tests that must hold for every view.
#pragma once

#include <QAbstractButton>
#include <QAbstractItemView>
#include <QAbstractSlider>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QComboBox>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QPlainTextEdit>
#include <QScrollBar>
#include <QTabBar>
#include <QTextEdit>
#include <QToolButton>
#include <QWidget>

namespace qroar::test {

inline QString placeOf(const QWidget* widget) {
    QString place;
    for (; widget; widget = widget->parentWidget())
        place += QStringLiteral(" < %1 %2")
                     .arg(QLatin1String(widget->metaObject()->className()), widget->objectName());
    return place;
}

/// Texts that are cut off and say the whole of it nowhere.
inline QStringList clippedTexts(const QWidget& window) {
    QStringList clipped;
    const auto add = [&](const QWidget* widget, const QString& text, int has, int needs) {
        clipped << QStringLiteral("\"%1\" has %2, needs %3:%4")
                       .arg(text)
                       .arg(has)
                       .arg(needs)
                       .arg(placeOf(widget));
    };
    for (const auto* label : window.findChildren<QLabel*>()) {
        if (!label->isVisible() || label->text().isEmpty() || !label->toolTip().isEmpty()) continue;
        if (label->textFormat() == Qt::RichText) continue;
        const QRect room = label->contentsRect();
        if (label->wordWrap()) {
            const int needs = label->heightForWidth(label->width());
            if (needs > label->height() + 1) add(label, label->text(), label->height(), needs);
            continue;
        }
        const int needs = label->fontMetrics().size(Qt::TextShowMnemonic, label->text()).width();
        if (needs > room.width() + 1) add(label, label->text(), room.width(), needs);
    }
    for (const auto* button : window.findChildren<QAbstractButton*>()) {
        if (!button->isVisible() || button->text().isEmpty()) continue;
        const auto* tool = qobject_cast<const QToolButton*>(button);
        if (tool && (tool->toolButtonStyle() == Qt::ToolButtonIconOnly && !tool->icon().isNull())) continue;
        if (tool && tool->sizePolicy().horizontalPolicy() == QSizePolicy::Ignored
            && !tool->toolTip().isEmpty())
            continue;                                   // elides
        if (button->sizePolicy().hasHeightForWidth()) { // breaks into lines
            const int needs = button->heightForWidth(button->width());
            if (needs > button->height()) add(button, button->text(), button->height(), needs);
            continue;
        }
        const int needs = button->fontMetrics().size(Qt::TextShowMnemonic, button->text()).width();
        const int indicator = button->isCheckable() && !tool ? 16 : 0;
        if (needs + indicator > button->width())
            add(button, button->text(), button->width(), needs + indicator);
    }
    return clipped;
}

/// Widgets that take the keyboard or a click and have no name.
inline QStringList namelessWidgets(const QWidget& window) {
    QStringList nameless;
    for (QWidget* widget : window.findChildren<QWidget*>()) {
        const bool interactive =
            qobject_cast<QAbstractButton*>(widget) || qobject_cast<QComboBox*>(widget)
            || qobject_cast<QLineEdit*>(widget) || qobject_cast<QAbstractSpinBox*>(widget)
            || qobject_cast<QAbstractItemView*>(widget) || qobject_cast<QTextEdit*>(widget)
            || qobject_cast<QPlainTextEdit*>(widget)
            || (qobject_cast<QAbstractSlider*>(widget) && !qobject_cast<QScrollBar*>(widget))
            || widget->inherits("QCustomPlot");
        if (!interactive || qobject_cast<QHeaderView*>(widget)) continue;
        const QByteArray name = widget->objectName().toUtf8();
        if (name.startsWith("qt_")) continue; // Qt's own inner parts
        const QWidget* parent = widget->parentWidget();
        if (qobject_cast<const QComboBox*>(parent) || qobject_cast<const QAbstractSpinBox*>(parent)
            || qobject_cast<const QLineEdit*>(parent) || qobject_cast<const QTabBar*>(parent)
            || (parent && parent->inherits("QComboBoxPrivateContainer"))
            || (parent && qobject_cast<const QAbstractItemView*>(parent))
            || (parent && qobject_cast<const QAbstractItemView*>(parent->parentWidget())))
            continue; // parts of a widget that has a name
        QAccessibleInterface* interface = QAccessible::queryAccessibleInterface(widget);
        if (!interface || interface->text(QAccessible::Name).trimmed().isEmpty()) nameless << placeOf(widget);
    }
    return nameless;
}

} // namespace qroar::test
