// Docks of the window of a bench: which can be seen, and keys as a user presses them.
#pragma once

#include "tests/app/main_window_bench.h"

#include <QDockWidget>

namespace qroar::test {

inline QDockWidget* dockOf(const SessionBench& bench, const char* name) {
    return bench.window->findChild<QDockWidget*>(QLatin1String(name));
}

/// Some of it can be seen.
inline bool inFront(const SessionBench& bench, const char* name) {
    const QDockWidget* dock = dockOf(bench, name);
    return dock->isVisible() && !dock->visibleRegion().isEmpty();
}

inline void press(const SessionBench& bench, Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
    QWidget* focus = QApplication::focusWidget();
    QTest::keyClick(focus ? focus : bench.window.get(), key, modifiers);
    QTest::qWait(20);
}

inline bool activated(const SessionBench& bench) {
    bench.window->activateWindow();
    return QTest::qWaitForWindowActive(bench.window.get());
}

} // namespace qroar::test
