// ActionList: every action a window offers, with where it is found and its keys, read from the real menus and
// widgets, so that the sheet of shortcuts and the command palette cannot lie. Not here: showing them.
#pragma once

#include <QAction>
#include <QPointer>
#include <QString>

class QMainWindow;
class QWidget;

namespace qroar {

struct ListedAction {
    QPointer<QAction> action;
    QString text;           ///< without mnemonic and dots
    QString section;        ///< the menus that lead to it ("View › Panels"), or the widget it works in
    QString keys;           ///< native text, ", " between several; empty without
    bool everywhere = true; ///< false: only while the widget has the keyboard
};

/// Actions of the menus in their order, then those of widgets that have keys.
QList<ListedAction> listActions(const QMainWindow& window);

/// "Ctrl+E: Export current plot, Something else" for every key that two enabled actions of the whole window
/// share, mnemonics of visible menus, buttons and labels included.
QStringList keyClashes(const QMainWindow& window);

/// Takes the mnemonics off labels and buttons: docks are visible together, even behind each other's tabs, and
/// their letters would clash with those of the menus.
void dropMnemonics(QWidget* root);

/// Of a dialog: a letter that is taken keeps its first user, buttons of actions before labels and boxes to
/// tick; in any language.
void keepMnemonicsApart(QWidget* dialog);

QString withoutMnemonic(const QString& text);

} // namespace qroar
