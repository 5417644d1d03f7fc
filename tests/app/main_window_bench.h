// SessionBench: a main window of its own to show synthetic sessions in, and what tests of it ask for. The
// bench that runs models is window_bench.h.
#pragma once

#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session_file.h"
#include "tests/support/synthetic_session.h"
#include "widgets/panels/heat_map_panel.h"

#include <QApplication>
#include <QDir>
#include <QMessageBox>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>

#include <functional>
#include <memory>

namespace qroar::test {

/// Until the views have had their turns and are drawn: those recompute one a pass of the loop of events.
inline void letViewsSettle() {
    for (int pass = 0; pass < 16; ++pass) QCoreApplication::processEvents();
}

/// A window with settings, autosave and samples of its own.
struct SessionBench {
    QTemporaryDir folder;
    QSettings settings{folder.filePath("settings.ini"), QSettings::IniFormat};
    std::unique_ptr<MainWindow> window;

    SessionBench() { open(); }
    void open() {
        WindowEnvironment environment;
        environment.settings = &settings;
        environment.autosaveFolder = folder.filePath("autosave");
        environment.sampleFolders = {QDir(QROAR_SOURCE_DIR).filePath("samples")};
        window = std::make_unique<MainWindow>(environment);
        window->setQuestion(
            [](const QString&, QMessageBox::StandardButtons) { return QMessageBox::Discard; });
        window->show();
        QCoreApplication::processEvents();
    }
    void load(const std::shared_ptr<const Session>& session) {
        window->workspace().open(session, {});
        QCoreApplication::processEvents();
    }
    /// Leaves the window behind with an autosave of a process that is gone; returns its path.
    QString leaveAutosave() {
        window->close();
        window.reset();
        const QString path = folder.filePath("autosave/autosave-1.h5");
        const bool made = QDir().mkpath(folder.filePath("autosave"))
                          && saveSession(*makeSyntheticSession(), path.toStdString()).ok();
        open();
        return made ? path : QString();
    }
    /// Answers the offer with "Recover" and waits for the session.
    [[nodiscard]] bool recover() const {
        window->offerRecovery();
        QSignalSpy opened(window.get(), &MainWindow::sessionOpened);
        for (auto* button : window->recovery().findChildren<QPushButton*>())
            if (button->text() == "Recover") button->click();
        return QTest::qWaitFor([&] { return opened.count() > 0; }, 20000);
    }
};

inline HeatMapPanel* heatMap(const MainWindow& window, HeatMapMetric metric) {
    for (DiagnosticPanel* panel : window.plots().panels())
        if (auto* map = qobject_cast<HeatMapPanel*>(panel); map && map->metric() == metric) return map;
    return nullptr;
}

/// Calls `answer` with the next modal dialog of this kind, and says No to the question that may follow it.
template<class Dialog>
void answerDialog(const std::function<void(Dialog&)>& answer) {
    auto* timer = new QTimer(qApp);
    timer->setInterval(5);
    QObject::connect(timer, &QTimer::timeout, timer, [timer, answer = answer, tries = 0]() mutable {
        QWidget* modal = QApplication::activeModalWidget();
        if (auto* dialog = qobject_cast<Dialog*>(modal); dialog && dialog->result() == 0 && answer) {
            answer(*dialog);
            answer = nullptr;
        } else if (auto* question = qobject_cast<QMessageBox*>(modal)) {
            question->button(QMessageBox::No)->click();
        }
        if (++tries > 400 || (!answer && !modal)) timer->deleteLater();
    });
    timer->start();
}

} // namespace qroar::test
