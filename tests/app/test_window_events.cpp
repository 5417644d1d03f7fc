// What must hold for the whole window, whatever it shows: a name for every widget, room for long
// translations, keys that mean one thing, ten thousand random events without a warning.
#include "app/gui/help/action_list.h"
#include "app/gui/window/plot_area.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/pseudo_translation.h"
#include "tests/app/random_events.h"
#include "tests/app/warning_notes.h"
#include "tests/app/window_texts.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"

#include <QDockWidget>
#include <QElapsedTimer>
#include <QScrollArea>
#include <QScrollBar>

#include <cstdio>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

/// Every line of it: messages of Qt Test are cut off.
const char* listed(const QStringList& lines) {
    for (const QString& line : lines) std::printf("    %s\n", qPrintable(line));
    return "listed above";
}

test::SyntheticOptions smallOptions() {
    test::SyntheticOptions options;
    options.layers = 3;
    options.pairs = 8;
    options.bands = 4;
    options.documents = 2;
    options.contexts = {64, 256};
    options.trainedContext = 64;
    options.ropes = {"none", "yarn:4"};
    return options;
}

std::shared_ptr<const Session> smallSession() {
    return test::makeSyntheticSession(smallOptions());
}

/// With everything that a session can hold: noise and damage, divergences, gradients, a search, what-ifs.
std::shared_ptr<const Session> fullSession(std::uint64_t seed) {
    test::SyntheticOptions options = smallOptions();
    options.divergence = true;
    options.groups = 1 + static_cast<int>(seed % 2);
    options.seed = seed;
    return test::withSearch(test::withNoise(test::makeSyntheticSession(options), options.groups), 3);
}

/// Brings every dock to the front once and calls `look`.
void lookAtEveryDock(const MainWindow& window, const std::function<void(const QString&)>& look) {
    for (auto* dock : window.findChildren<QDockWidget*>()) {
        if (dock->isFloating()) continue;
        dock->show();
        dock->raise();
        QCoreApplication::processEvents();
        for (DiagnosticPanel* panel : dock->findChildren<DiagnosticPanel*>()) panel->ensureFresh();
        QCoreApplication::processEvents();
        QCoreApplication::processEvents();
        look(dock->objectName());
    }
}

} // namespace

class TestWindowEvents : public QObject {
    Q_OBJECT

  private slots:
    void everyInteractiveWidgetHasAName() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        const QStringList nameless = test::namelessWidgets(*bench.window);
        QVERIFY2(nameless.isEmpty(), listed(nameless));
    }

    void everyViewIsReachedByTab() {
        Bench bench;
        bench.load(smallSession());
        for (DiagnosticPanel* panel : bench.window->plots().panels()) {
            bench.window->plots().showPanel(panel);
            QCoreApplication::processEvents();
            QVERIFY2(panel->isAncestorOf(QApplication::focusWidget()) || panel->hasFocus(),
                     qPrintable(panel->title()));
            bool plot = false; // the plot itself takes the keyboard
            for (const auto* widget : panel->findChildren<QWidget*>())
                plot = plot || (widget->inherits("QCustomPlot") && (widget->focusPolicy() & Qt::TabFocus));
            QVERIFY2(plot, qPrintable(panel->title()));
        }
    }

    void keysMeanOneThing() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        QStringList clashes;
        lookAtEveryDock(*bench.window, [&](const QString&) {
            for (const QString& clash : keyClashes(*bench.window)) clashes << clash;
        });
        clashes.removeDuplicates();
        QVERIFY2(clashes.isEmpty(), listed(clashes));
    }

    void longTranslationsAreNotClipped() {
        const test::PseudoTranslation german;
        Bench bench;
        QCOMPARE(bench.window->size(), QSize(1280, 800));
        QStringList clipped = test::clippedTexts(*bench.window);
        bench.load(test::makeSyntheticSession());
        lookAtEveryDock(*bench.window, [&](const QString& dock) {
            for (const QString& text : test::clippedTexts(*bench.window))
                if (!clipped.contains(text)) clipped << text;
            for (const auto* area : bench.window->findChildren<QScrollArea*>())
                if (area->isVisible() && area->horizontalScrollBar()->maximum() > 0)
                    clipped << dock + ": wider than its dock";
        });
        clipped.removeDuplicates();
        QVERIFY2(clipped.isEmpty(), listed(clipped));
        QVERIFY2(bench.window->width() <= 1280, qPrintable(QString::number(bench.window->width())));
    }

    void largeFontsAreNotClipped() {
        const QFont usual = QApplication::font();
        QFont large = usual;
        large.setPointSize(12);
        QApplication::setFont(large);
        {
            Bench bench;
            bench.window->findChild<QDockWidget*>("setup")->raise();
            QCoreApplication::processEvents();
            const QStringList clipped = test::clippedTexts(*bench.window->findChild<QDockWidget*>("setup"));
            QVERIFY2(clipped.isEmpty(), listed(clipped));
            for (const auto* area :
                 bench.window->findChild<QDockWidget*>("setup")->findChildren<QScrollArea*>())
                QCOMPARE(area->horizontalScrollBar()->maximum(), 0);
        }
        QApplication::setFont(usual);
    }

    void tenThousandRandomEvents() {
        const test::WarningNotes warnings;
        const unsigned seed = test::randomSeed(20261128);
        {
            QTemporaryDir folder;
            const QString files = folder.filePath("files"); // all that dialogs are given
            QVERIFY(QDir().mkpath(files)
                    && saveSession(*fullSession(9), (files + "/saved.h5").toStdString()).ok());
            QSettings settings(folder.filePath("settings.ini"), QSettings::IniFormat);
            WindowEnvironment environment; // no model: what runs is in test_window_jobs
            environment.settings = &settings;
            environment.autosaveFolder = folder.filePath("autosave");
            MainWindow window(environment);
            test::RandomEvents hand(window, seed, files);
            window.setQuestion([&hand](const QString&, QMessageBox::StandardButtons buttons) {
                return hand.answerOf(buttons);
            });
            window.show();
            for (QAction* action : window.findChildren<QAction*>()) // not a place to leave
                if (action->menuRole() == QAction::QuitRole) action->setEnabled(false);
            std::uint64_t opened = 0;
            std::size_t most = 0;
            QElapsedTimer clock;
            clock.start();
            for (int count = 0; count < 10000 && warnings.isEmpty(); ++count) {
                Workspace& workspace = window.workspace();
                if (!workspace.hasSession() || (count % 1000 == 0 && workspace.sessions().size() < 3))
                    workspace.open(fullSession(++opened), {});
                hand.step();
                if (count % 10 == 0) QCoreApplication::processEvents();
                most = std::max(most, static_cast<std::size_t>(workspace.sessions().size()));
            }
            qInfo("seed %u, %lld s, %d dialogs accepted, %d questions answered, up to %d sessions open", seed,
                  static_cast<long long>(clock.elapsed() / 1000), hand.accepted(), hand.answered(),
                  static_cast<int>(most));
            QVERIFY2(warnings.isEmpty(), qPrintable(warnings.text()));
            QVERIFY(window.isVisible());
            QVERIFY(hand.accepted() >= 10 && hand.answered() >= 3 && most >= 3);
            window.workspace().open(fullSession(1), {}); // and it still shows what it is given
            int shown = 0;
            for (DiagnosticPanel* panel : window.plots().panels()) {
                panel->ensureFresh();
                shown += panel->emptyText().isEmpty();
            }
            QVERIFY(shown >= 5);
        }
    }
};

QTEST_MAIN(TestWindowEvents)
#include "test_window_events.moc"
