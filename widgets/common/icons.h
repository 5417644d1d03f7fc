// Small line icons painted in the text colour of a palette, so that they follow dark and light at any scale.
#pragma once

#include <QIcon>
#include <QPalette>

namespace qroar {

enum class PanelIcon { Home, Copy, Save, Table, Lock, Zoom, Help };
QIcon panelIcon(PanelIcon icon, const QPalette& palette);

} // namespace qroar
