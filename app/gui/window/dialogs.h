// The Help menu's About. Not here: handbook, shortcuts, commands (app/gui/help).
#pragma once

class QWidget;

namespace qroar {

void showAbout(QWidget* parent);

} // namespace qroar
