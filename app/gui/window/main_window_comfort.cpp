// Help, preferences, layouts, drops, autosave, recent files: the window's wiring of what is the same whatever
// is open.
#include "app/gui/help/action_list.h"
#include "app/gui/help/help_center.h"
#include "app/gui/settings/layout_menu.h"
#include "app/gui/settings/settings_dialog.h"
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/drop_target.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/start_page.h"
#include "app/gui/window/window_geometry.h"
#include "widgets/common/color_map.h"
#include "widgets/panels/diagnostic_panel.h"

#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QGuiApplication>
#include <QScreen>

#include <memory>

namespace qroar {

void MainWindow::buildComfort() {
    for (DiagnosticPanel* panel : plots_->findChildren<DiagnosticPanel*>()) help_->attach(panel);
    for (auto* dock : findChildren<QDockWidget*>()) dropMnemonics(dock);
    connect(start_, &StartPage::handbookRequested, this,
            [this] { help_->showHandbook(QStringLiteral("tour.md")); });
    connect(start_, &StartPage::removeRecentRequested, this, [this](const QString& path) {
        settings_.removeRecent(path);
        updateRecent();
    });
    connect(log_, &LogPanel::saveRequested, this, &MainWindow::saveLog);
    auto* drops = new DropTarget(this);
    connect(drops, &DropTarget::dropped, this, &MainWindow::openDropped);
    connect(drops, &DropTarget::refused, this, &MainWindow::reportError);
    applyPreferences();
}

void MainWindow::openDropped(const DroppedPaths& paths, const QString& refused) {
    const auto inputs = [this, paths] {
        if (!paths.model.isEmpty()) openModel(paths.model);
        if (!paths.documents.isEmpty()) setup_->addDocuments(paths.documents);
    };
    if (paths.sessions.isEmpty()) {
        inputs();
    } else { // a session brings a model and documents of its own: what was dropped beside it comes after
        auto* wait = new QObject(this);
        const auto ended = [wait, inputs,
                            open = std::make_shared<QStringList>(paths.sessions)](const QString& session) {
            if (open->removeAll(session) == 0 || !open->isEmpty()) return;
            wait->deleteLater();
            inputs();
        };
        connect(this, &MainWindow::sessionOpened, wait, ended);
        connect(&sessions_, &SessionController::loadFailed, wait,
                [ended](const QString& session) { ended(session); });
        for (const QString& session : paths.sessions) openSession(session);
    }
    if (refused.isEmpty()) return;
    log_->addWarning(refused);
    messages_->show(MessageBar::Kind::Warning, refused);
}

void MainWindow::showSettings() {
    if (auto* open = findChild<SettingsDialog*>()) {
        open->raise();
        open->activateWindow();
        return;
    }
    auto* dialog = new SettingsDialog(settings_.preferences(), this);
    connect(dialog, &SettingsDialog::changed, this, &MainWindow::setPreferences);
    dialog->show();
}

void MainWindow::setPreferences(const Preferences& preferences) {
    const bool otherLook = preferences.appearance != settings_.appearance();
    settings_.setPreferences(preferences);
    if (otherLook) setAppearance(preferences.appearance);
    applyPreferences();
    updateRecent();
}

void MainWindow::applyPreferences() {
    const Preferences now = settings_.preferences();
    const ColorMap map = now.colorMap == QLatin1String("cividis") ? ColorMap::cividis() : ColorMap::viridis();
    for (DiagnosticPanel* panel : plots_->findChildren<DiagnosticPanel*>()) {
        bool own = false; // a panel may let its user choose
        for (const DiagnosticPanel::Option& option : panel->options())
            if (option.values.contains(QLatin1String("cividis"))) {
                panel->setOption(option.name, now.colorMap);
                own = true;
            }
        if (!own) panel->setSequentialMap(map);
    }
    if (now.autosaveSeconds > 0)
        autosaveTimer_.start(now.autosaveSeconds * 1000);
    else
        autosaveTimer_.stop();
    heavy_.setThreads(now.threads);
}

void MainWindow::saveLog() {
    const QString path = QFileDialog::getSaveFileName(this, tr("Save the log"),
                                                      QDir(settings_.folder("export")).filePath("log.txt"),
                                                      tr("Text (*.txt);;All files (*)"));
    if (path.isEmpty()) return;
    if (const QString problem = log_->saveTo(path); !problem.isEmpty())
        reportError(problem);
    else
        report(tr("Saved %1.").arg(path));
}

void MainWindow::keepReachable() {
    QList<QRect> screens;
    if (const QScreen* first = QGuiApplication::primaryScreen()) screens << first->availableGeometry();
    for (const QScreen* screen : QGuiApplication::screens()) screens << screen->availableGeometry();
    const QRect now = geometry(), fitted = reachableGeometry(now, screens);
    if (fitted != now) setGeometry(fitted);
}

} // namespace qroar
