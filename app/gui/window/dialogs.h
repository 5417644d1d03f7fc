// The Help menu's windows: the table of shortcuts, the handbook, About.
#pragma once

class QWidget;

class QMenuBar;

namespace qroar {

/// Every action of the menus that has a shortcut, by menu.
void showShortcuts(QWidget* parent, const QMenuBar* menus);
/// The handbook's pages, :/help/*.md in the order of their names.
void showHandbook(QWidget* parent);
void showAbout(QWidget* parent);

} // namespace qroar
