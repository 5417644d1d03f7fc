#include "app/gui/help/action_list.h"

#include <QAbstractButton>
#include <QCoreApplication>
#include <QGroupBox>
#include <QLabel>
#include <QMainWindow>
#include <QMap>
#include <QMenu>
#include <QMenuBar>
#include <QPushButton>

namespace qroar {

namespace {

QString keysOf(const QAction& action) {
    return QKeySequence::listToString(action.shortcuts(), QKeySequence::NativeText);
}

void addMenu(const QMenu& menu, const QString& section, QList<ListedAction>& list) {
    for (QAction* action : menu.actions()) {
        if (action->isSeparator() || action->text().isEmpty()) continue;
        if (action->menu())
            addMenu(*action->menu(),
                    QStringLiteral("%1 \u203a %2").arg(section, withoutMnemonic(action->text())), list);
        else
            list << ListedAction{action, withoutMnemonic(action->text()), section, keysOf(*action), true};
    }
}

bool isListed(const QList<ListedAction>& list, const QAction* action) {
    for (const ListedAction& one : list)
        if (one.action == action) return true;
    return false;
}

bool isLocal(const QAction& action) {
    return action.shortcutContext() == Qt::WidgetShortcut
           || action.shortcutContext() == Qt::WidgetWithChildrenShortcut;
}

QString nameOfOwner(const QAction& action) {
    for (const QObject* owner = action.parent(); owner; owner = owner->parent())
        if (const auto* widget = qobject_cast<const QWidget*>(owner)) {
            if (!widget->accessibleName().isEmpty()) return widget->accessibleName();
            if (!widget->windowTitle().isEmpty()) return widget->windowTitle();
        }
    return QCoreApplication::translate("ActionList", "Elsewhere");
}

using Users = QMap<QString, QStringList>;

void addMnemonic(const QString& text, const QString& user, Users& users) {
    const QKeySequence keys = QKeySequence::mnemonic(text);
    if (!keys.isEmpty()) users[keys.toString(QKeySequence::PortableText)] << user;
}

} // namespace

QString withoutMnemonic(const QString& text) {
    QString plain;
    for (qsizetype at = 0; at < text.size(); ++at) {
        if (text[at] == '&' && at + 1 < text.size()) ++at; // "&&" is one
        plain += text[at];
    }
    while (plain.endsWith('.') || plain.endsWith(QChar(0x2026))) plain.chop(1);
    return plain;
}

void dropMnemonics(QWidget* root) {
    const auto plain = [](const QString& text) {
        return QKeySequence::mnemonic(text).isEmpty() ? text : QString(text).remove('&');
    };
    for (auto* label : root->findChildren<QLabel*>())
        if (label->buddy()) label->setText(plain(label->text()));
    for (auto* button : root->findChildren<QAbstractButton*>())
        if (!button->text().isEmpty()) button->setText(plain(button->text()));
}

void keepMnemonicsApart(QWidget* dialog) {
    QStringList taken;
    const auto kept = [&taken](const QString& text) {
        const QString keys = QKeySequence::mnemonic(text).toString();
        if (keys.isEmpty()) return text;
        if (taken.contains(keys)) return QString(text).remove('&');
        taken << keys;
        return text;
    };
    for (auto* button : dialog->findChildren<QPushButton*>()) button->setText(kept(button->text()));
    for (auto* label : dialog->findChildren<QLabel*>())
        if (label->buddy()) label->setText(kept(label->text()));
    for (auto* button : dialog->findChildren<QAbstractButton*>())
        if (!qobject_cast<QPushButton*>(button) && !button->text().isEmpty())
            button->setText(kept(button->text()));
    for (auto* box : dialog->findChildren<QGroupBox*>()) box->setTitle(kept(box->title()));
}

QList<ListedAction> listActions(const QMainWindow& window) {
    QList<ListedAction> list;
    for (const QAction* top : window.menuBar()->actions())
        if (top->menu()) addMenu(*top->menu(), withoutMnemonic(top->text()), list);
    QStringList seen; // the same action of many alike widgets is said once
    for (QAction* action : window.findChildren<QAction*>()) {
        if (action->shortcuts().isEmpty() || action->text().isEmpty() || isListed(list, action)) continue;
        ListedAction one{action, withoutMnemonic(action->text()), nameOfOwner(*action), keysOf(*action),
                         !isLocal(*action)};
        if (seen.contains(one.text + one.keys)) continue;
        seen << one.text + one.keys;
        list << one;
    }
    return list;
}

QStringList keyClashes(const QMainWindow& window) {
    Users users;
    for (const QAction* action : window.findChildren<QAction*>())
        if (action->isEnabled() && !isLocal(*action) && !action->text().isEmpty())
            for (const QKeySequence& keys : action->shortcuts())
                users[keys.toString(QKeySequence::PortableText)] << withoutMnemonic(action->text());
    for (const QAction* top : window.menuBar()->actions())
        addMnemonic(top->text(), withoutMnemonic(top->text()), users);
    for (const auto* button : window.findChildren<QAbstractButton*>())
        if (button->isVisible() && button->isEnabled())
            addMnemonic(button->text(), withoutMnemonic(button->text()), users);
    for (const auto* label : window.findChildren<QLabel*>())
        if (label->isVisible() && label->buddy())
            addMnemonic(label->text(), withoutMnemonic(label->text()), users);
    QStringList clashes;
    for (auto user = users.cbegin(); user != users.cend(); ++user)
        if (user->size() > 1) clashes << user.key() + QStringLiteral(": ") + user->join(QStringLiteral(", "));
    return clashes;
}

} // namespace qroar
