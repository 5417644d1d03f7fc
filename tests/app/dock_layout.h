// DockLayout: where the docks of a window lie, as a user sees it: areas, floating ones, tabs and their order,
// sizes. For tests that change a layout and want it back.
#pragma once

#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"

#include <QApplication>
#include <QDockWidget>
#include <QMap>
#include <QTabBar>
#include <QTest>

#include <algorithm>

namespace qroar::test {

struct DockLayout {
    QMap<QString, int> areas;
    QMap<QString, QRect> floating; ///< where those are
    QStringList tabs;              ///< of every bar "Spectrum|>Phases|RoPE audit": the marked one is in front
    QMap<QString, QSize> sizes;    ///< of those that can be seen, floating ones aside

    /// Empty, or the docks whose size differs by more than a handle's.
    [[nodiscard]] QString otherSize(const DockLayout& than) const {
        if (sizes.keys() != than.sizes.keys())
            return sizes.keys().join(',') + " against " + than.sizes.keys().join(',');
        QStringList others;
        for (auto one = sizes.begin(); one != sizes.end(); ++one) {
            const QSize was = than.sizes[one.key()], by = one.value() - was;
            if (std::max(std::abs(by.width()), std::abs(by.height())) > 6)
                others << QString("%1: %2 x %3 against %4 x %5")
                              .arg(one.key())
                              .arg(one.value().width())
                              .arg(one.value().height())
                              .arg(was.width())
                              .arg(was.height());
        }
        return others.join(", ");
    }
};

inline void readDocks(const QMainWindow& of, DockLayout& to) {
    for (auto* dock : of.findChildren<QDockWidget*>(QString(), Qt::FindDirectChildrenOnly)) {
        const QString name = dock->objectName();
        to.areas[name] = of.dockWidgetArea(dock);
        if (dock->isFloating())
            to.floating[name] = dock->geometry();
        else if (dock->isVisible() && !dock->visibleRegion().isEmpty())
            to.sizes[name] = dock->size();
    }
    for (const auto* bar : of.findChildren<QTabBar*>(QString(), Qt::FindDirectChildrenOnly)) {
        if (!bar->isVisible() || bar->count() < 2) continue;
        QStringList texts;
        for (int tab = 0; tab < bar->count(); ++tab)
            texts << (tab == bar->currentIndex() ? ">" : "") + bar->tabText(tab);
        to.tabs << texts.join('|');
    }
}

inline DockLayout layoutOf(const MainWindow& window) {
    for (int pass = 0; pass < 8; ++pass) QCoreApplication::processEvents();
    DockLayout layout;
    layout.sizes["window"] = window.size();
    layout.sizes["plots"] = window.plots().size();
    readDocks(window, layout);
    readDocks(window.plots(), layout);
    layout.tabs.sort();
    return layout;
}

inline QDockWidget* dockOf(const MainWindow& window, const char* name) {
    return window.findChild<QDockWidget*>(QLatin1String(name));
}

/// A view into another area, one out of the window, two tabs exchanged, a splitter moved; and of the docks
/// around the views one into another area and one out of the window.
inline void rearrange(MainWindow& window) {
    PlotArea& plots = window.plots();
    plots.addDockWidget(Qt::RightDockWidgetArea, dockOf(window, "outliers"));
    QDockWidget* distortion = dockOf(window, "distortion");
    distortion->setFloating(true);
    distortion->setGeometry(120, 140, 432, 321);
    plots.tabifyDockWidget(dockOf(window, "ropeAudit"), dockOf(window, "phases")); // was before it
    dockOf(window, "phases")->raise();
    window.addDockWidget(Qt::RightDockWidgetArea, dockOf(window, "setup"));
    QDockWidget* log = dockOf(window, "log");
    log->show();
    log->setFloating(true);
    log->setGeometry(60, 80, 444, 222);
    QCoreApplication::processEvents();
    QDockWidget* upper = dockOf(window, "phases");
    plots.resizeDocks({upper}, {upper->height() - 50}, Qt::Vertical);
}

/// Why it is not as it was; empty: it is.
inline QString otherLayout(const DockLayout& now, const DockLayout& before) {
    if (now.areas != before.areas)
        for (auto one = now.areas.begin(); one != now.areas.end(); ++one)
            if (one.value() != before.areas.value(one.key())) return "area of " + one.key();
    if (now.floating != before.floating)
        return "floating: " + QStringList(now.floating.keys()).join(',') + " were "
               + QStringList(before.floating.keys()).join(',');
    if (now.tabs != before.tabs) return "tabs: " + now.tabs.join("  ") + " were " + before.tabs.join("  ");
    return now.otherSize(before);
}

} // namespace qroar::test
