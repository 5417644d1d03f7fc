// What must hold for the whole window, whatever it shows: a name for every widget, room for long
// translations, keys that mean one thing, ten thousand random events without a warning, changes that survive
// a killed process.
#include "app/gui/help/action_list.h"
#include "app/gui/window/plot_area.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/pseudo_translation.h"
#include "tests/app/random_events.h"
#include "tests/app/window_texts.h"

#include <QDockWidget>
#include <QProcess>
#include <QScrollArea>
#include <QScrollBar>

#include <cstdio>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

constexpr char childVariable[] = "QROAR_TEST_CHILD"; ///< the folder a child process works in

QStringList warnings;
QtMessageHandler usualHandler = nullptr;

/// The offscreen platform says what it cannot do; nothing else may be said.
void noteWarning(QtMsgType type, const QMessageLogContext& context, const QString& text) {
    if (type != QtDebugMsg && type != QtInfoMsg && !text.startsWith("This plugin does not support"))
        warnings << text;
    usualHandler(type, context, text);
}

/// Every line of it: messages of Qt Test are cut off.
const char* listed(const QStringList& lines) {
    for (const QString& line : lines) std::printf("    %s\n", qPrintable(line));
    return "listed above";
}

std::shared_ptr<const Session> smallSession() {
    test::SyntheticOptions options;
    options.layers = 3;
    options.pairs = 8;
    options.bands = 4;
    options.documents = 2;
    options.contexts = {64, 256};
    options.trainedContext = 64;
    options.ropes = {"none", "yarn:4"};
    return test::makeSyntheticSession(options);
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

/// Runs in a process of its own until it is killed: changes a session and keeps it.
int changeAndWait(const QString& folder) {
    QSettings settings(QDir(folder).filePath("settings.ini"), QSettings::IniFormat);
    settings.setValue("autosave/seconds", 1);
    WindowEnvironment environment;
    environment.settings = &settings;
    environment.autosaveFolder = QDir(folder).filePath("autosave");
    MainWindow window(environment);
    window.show();
    const QString path = QDir(folder).filePath("run.h5");
    if (!saveSession(*smallSession(), path.toStdString()).ok()) return 1;
    window.openSession(path);
    if (!QTest::qWaitFor([&] { return window.workspace().hasSession(); }, 20000)) return 1;
    const BandPartition before = window.workspace().session()->bands;
    window.workspace().setBands(before, before.withEdgeMoved(1, before.edges()[1] + 1)); // bands only
    const QString kept = QDir(folder).filePath("autosave/autosave-1.h5");
    if (!QTest::qWaitFor([&] { return QFile::exists(kept) && !window.analysis().autosaving(); }, 20000))
        return 1;
    std::puts("kept");
    std::fflush(stdout);
    return QApplication::exec();
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
        warnings.clear();
        usualHandler = qInstallMessageHandler(noteWarning);
        {
            QTemporaryDir folder;
            QSettings settings(folder.filePath("settings.ini"), QSettings::IniFormat);
            WindowEnvironment environment; // no sample: nothing heavy can start
            environment.settings = &settings;
            environment.autosaveFolder = folder.filePath("autosave");
            MainWindow window(environment);
            window.setQuestion([](const QString&, QMessageBox::StandardButtons buttons) {
                return buttons & QMessageBox::Discard ? QMessageBox::Discard : QMessageBox::No;
            });
            window.show();
            for (QAction* action : window.findChildren<QAction*>()) // not a place to leave
                if (action->menuRole() == QAction::QuitRole) action->setEnabled(false);
            test::RandomEvents hand(window, 20261128);
            for (int count = 0; count < 10000 && warnings.isEmpty(); ++count) {
                if (!window.workspace().hasSession()) window.workspace().open(smallSession(), {});
                hand.step();
                if (count % 10 == 0) QCoreApplication::processEvents();
            }
            QVERIFY2(warnings.isEmpty(), qPrintable(warnings.join('\n')));
            QVERIFY(window.isVisible());
            window.workspace().open(smallSession(), {}); // and it still shows what it is given
            for (DiagnosticPanel* panel : window.plots().panels()) panel->ensureFresh();
        }
        qInstallMessageHandler(usualHandler);
    }

    void changesSurviveAKilledProcess() {
        Bench bench; // its folder, and the window that finds what was left
        bench.window.reset();
        QProcess child;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(childVariable, bench.folder.path());
        child.setProcessEnvironment(environment);
        child.start(QCoreApplication::applicationFilePath(), {});
        QVERIFY(child.waitForStarted());
        QVERIFY(QTest::qWaitFor([&] { return child.readAllStandardOutput().contains("kept"); }, 30000));
        child.kill(); // SIGKILL: no destructor, no question
        QVERIFY(child.waitForFinished());
        bench.settings.sync();
        bench.open();
        QVERIFY(bench.recover());
        const BandPartition before = smallSession()->bands;
        QCOMPARE(bench.window->workspace().session()->bands, before.withEdgeMoved(1, before.edges()[1] + 1));
        QVERIFY(bench.window->workspace().dirty());
    }
};

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    if (const QString folder = qEnvironmentVariable(childVariable); !folder.isEmpty())
        return changeAndWait(folder);
    QTEST_SET_MAIN_SOURCE_PATH
    TestWindowEvents tests;
    return QTest::qExec(&tests, argc, argv);
}
#include "test_window_events.moc"
