// The signal by which desktops on Linux are told of progress (com.canonical.Unity.LauncherEntry, which
// Plasma, Dash to Dock, Plank and others listen to): its contents, and who sends it. A library of its own, as
// it alone needs Qt D-Bus. Not here: when something is sent (taskbar_progress.h).
#pragma once

#include "app/gui/window/taskbar_progress.h"

class QDBusMessage;

namespace qroar {

/// The installed desktop file (resources/desktop), by which the desktop finds the entry of the task bar.
inline constexpr char desktopFile[] = "qroar-workbench.desktop";

/// Sends to the session bus. Empty in a build without Qt D-Bus, and where no session bus is named: nothing is
/// started to look for one.
TaskbarProgress::Send desktopTaskbar();

/// Update(s application://FILE, a{sv} {progress: d, progress-visible: b}); only in a build with Qt D-Bus.
QDBusMessage launcherUpdate(const QString& file, const TaskbarState& state);

} // namespace qroar
