// Docks of the real window by their keys, the start page between them, and what an empty Bands dock says.
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/drop_overlay.h"
#include "app/gui/window/log_panel.h"
#include "tests/app/docks_by_keys.h"
#include "tests/support/safetensors_writer.h"
#include "widgets/panels/band_editor.h"

#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QShortcut>
#include <QTreeWidget>

using namespace qroar;
using namespace qroar::test;
using Bench = test::SessionBench;

namespace {

/// All that can be read in it.
QString saidBy(const QDockWidget& dock) {
    QStringList said;
    for (const auto* label : dock.findChildren<QLabel*>())
        if (label->isVisible()) said << label->text();
    for (const auto* tree : dock.findChildren<QTreeWidget*>())
        for (int row = 0; row < tree->topLevelItemCount(); ++row) said << tree->topLevelItem(row)->text(0);
    return said.join('\n');
}

} // namespace

class TestWindowDocks : public QObject {
    Q_OBJECT

  private slots:
    void aKeyRaisesADockBehindAnother() {
        Bench bench;
        QVERIFY(activated(bench));
        QVERIFY(inFront(bench, "setup") && !inFront(bench, "searchSetup"));
        press(bench, Qt::Key_F6);
        QVERIFY(inFront(bench, "searchSetup") && !dockOf(bench, "setup")->isHidden());
        QVERIFY(dockOf(bench, "searchSetup")->isAncestorOf(QApplication::focusWidget()));
        press(bench, Qt::Key_F7);
        QVERIFY(inFront(bench, "export") && !dockOf(bench, "searchSetup")->isHidden());
        press(bench, Qt::Key_F2);
        QVERIFY(inFront(bench, "setup"));
        press(bench, Qt::Key_F2); // in front: goes
        QVERIFY(dockOf(bench, "setup")->isHidden());
        press(bench, Qt::Key_F2);
        QVERIFY(inFront(bench, "setup"));
    }

    void docksOfTheRightAndBelow() {
        Bench bench;
        QVERIFY(activated(bench));
        bench.load(test::makeSyntheticSession());
        press(bench, Qt::Key_F9);
        QVERIFY(inFront(bench, "scales"));
        press(bench, Qt::Key_F8);
        QVERIFY(inFront(bench, "bands") && !inFront(bench, "scales"));
        press(bench, Qt::Key_F9);
        QVERIFY(inFront(bench, "scales") && !inFront(bench, "bands"));
        QVERIFY(!dockOf(bench, "bands")->isHidden());
        press(bench, Qt::Key_F9);
        QVERIFY(dockOf(bench, "scales")->isHidden() && inFront(bench, "bands"));
        press(bench, Qt::Key_F4);
        press(bench, Qt::Key_F9, Qt::ShiftModifier);
        QVERIFY(inFront(bench, "whatIfs") && !inFront(bench, "log"));
        press(bench, Qt::Key_F4);
        QVERIFY(inFront(bench, "log") && !dockOf(bench, "whatIfs")->isHidden());
        press(bench, Qt::Key_F4);
        QVERIFY(dockOf(bench, "log")->isHidden());
    }

    void theMenuTicksWhatIsInFront() {
        Bench bench;
        QVERIFY(activated(bench));
        const auto ticked = [&bench](const QString& text) {
            for (const QAction* top : bench.window->menuBar()->actions())
                for (const QAction* action : top->menu()->actions())
                    if (action->text() == text && action->isCheckable()) return action->isChecked();
            return false;
        };
        QVERIFY(ticked("Setup") && !ticked("Search") && !ticked("Bands"));
        dockOf(bench, "searchSetup")->raise(); // as a click on its tab
        QTest::qWait(20);
        QVERIFY(!ticked("Setup") && ticked("Search"));
        press(bench, Qt::Key_F6);
        QVERIFY(!ticked("Search"));
    }

    /// What each says is true of what is open, and names the next step.
    void emptyDocksSayWhatToDo_data() {
        QTest::addColumn<QString>("open");
        QTest::addColumn<QString>("dock");
        QTest::addColumn<QStringList>("words");
        const auto add = [](const char* open, const char* dock, const QStringList& words) {
            QTest::addRow("%s, %s", open, dock) << open << dock << words;
        };
        add("nothing", "setup", {"Choose a model first"});
        add("nothing", "project", {"Run an analysis", "open a session"});
        add("nothing", "searchSetup", {"Choose a model in Setup"});
        add("nothing", "export", {"Choose a model in Setup"});
        add("nothing", "bands", {"Open a session", "open a model"});
        add("nothing", "scales", {"Run an analysis", "open a session"});
        add("nothing", "whatIfs", {"Run an analysis", "open a session"});
        add("model", "setup", {"Add at least one document"});
        add("model", "project", {"Run an analysis", "open a session"});
        add("model", "searchSetup", {"Add documents in Setup"});
        add("model", "export", {"Choose the folder of the new model"});
        add("model", "bands", {"press Run", "open a session"});
        add("model", "scales", {"Run an analysis", "open a session"});
        add("model", "whatIfs", {"Run an analysis", "open a session"});
        add("losses", "setup", {"Choose a model first"});
        add("losses", "searchSetup", {"Choose a model in Setup"});
        add("losses", "export", {"Choose a model in Setup"});
        add("losses", "scales", {"Gradients", "Setup", "model and documents"});
        add("losses", "whatIfs", {"Scales"});
        add("losses", "tailInflation", {"perplexity only", "Run in Setup", "Tail inflation"});
        add("losses", "pressure", {"perplexity only", "Run in Setup"});
        add("losses", "histogram", {"perplexity only", "Run in Setup"});
        add("losses", "outliers", {"perplexity only", "Run in Setup"});
        add("losses", "logitNoise", {"Quantization noise", "press Run"});
        add("losses", "searches", {"Search", "press Start"});
    }
    void emptyDocksSayWhatToDo() {
        QFETCH(QString, open);
        QFETCH(QString, dock);
        QFETCH(QStringList, words);
        Bench bench;
        if (open == "model") {
            const QString model = bench.folder.filePath("model");
            test::makeRandomHfModel(model.toStdString());
            bench.window->openModel(model);
            QTRY_VERIFY_WITH_TIMEOUT(bench.window->analysis().openedModel().model, 20000);
        }
        if (open == "losses") {
            test::SyntheticOptions options;
            options.gradients = options.capture = false;
            bench.load(test::makeSyntheticSession(options));
        }
        QDockWidget* shown = dockOf(bench, dock.toUtf8().constData());
        shown->show();
        shown->raise();
        for (DiagnosticPanel* panel : shown->findChildren<DiagnosticPanel*>()) panel->ensureFresh();
        QCoreApplication::processEvents();
        const QString said = saidBy(*shown);
        for (const QString& word : words) QVERIFY2(said.contains(word), qPrintable(said));
    }

    /// So that no event keeps the window waiting long; whoever hears of it finds all of it there.
    void openingIsSeveralEvents() {
        Bench bench;
        QStringList paths;
        for (const char* name : {"one.h5", "two.h5"}) {
            paths << bench.folder.filePath(name);
            QVERIFY(saveSession(*test::makeSyntheticSession(), paths.last().toStdString()).ok());
        }
        bool startPage = false;
        connect(&bench.window->workspace(), &Workspace::sessionChanged, this,
                [&](const std::shared_ptr<const Session>& session) {
                    if (session) startPage = startPage || bench.window->showsStartPage();
                });
        QStringList heard;
        connect(bench.window.get(), &MainWindow::sessionOpened, this, [&](const QString& path) {
            heard << path;
            QCOMPARE(bench.window->workspace().path(), path);
            QVERIFY(!bench.window->showsStartPage());
        });
        for (const QString& path : paths) bench.window->openSession(path); // at once, as a drop does
        QTRY_COMPARE_WITH_TIMEOUT(heard, paths, 20000);
        QVERIFY(startPage); // the views came later
        QCOMPARE(bench.window->workspace().sessions().size(), std::size_t{2});
        bench.window->workspace().close(bench.window->workspace().current());
        bench.window->workspace().close(bench.window->workspace().current());
        bool closed = false; // what is closed again before it is told is not told
        connect(&bench.window->workspace(), &Workspace::listChanged, this, [&] {
            if (closed || !bench.window->workspace().hasSession()) return;
            closed = true;
            QMetaObject::invokeMethod(
                this, [&] { bench.window->workspace().close(bench.window->workspace().current()); },
                Qt::QueuedConnection);
        });
        bench.window->openSession(paths.first());
        QTRY_VERIFY_WITH_TIMEOUT(closed && !bench.window->workspace().hasSession(), 20000);
        QTest::qWait(50);
        QCOMPARE(heard, paths);
    }

    void whatIsDroppedAtOnceIsAllThere() {
        Bench bench;
        QStringList files;
        for (const char* name : {"one.h5", "two.h5"}) {
            files << bench.folder.filePath(name);
            QVERIFY(saveSession(*test::makeSyntheticSession(), files.last().toStdString()).ok());
        }
        const QString model = bench.folder.filePath("model"), text = bench.folder.filePath("a.txt"),
                      broken = bench.folder.filePath("broken.h5"), unknown = bench.folder.filePath("a.png");
        test::makeRandomHfModel(model.toStdString());
        test::writeBytes(text.toStdString(), "some text");
        test::writeBytes(broken.toStdString(), "no session");
        test::writeBytes(unknown.toStdString(), std::string("\x89PNG\r\n\x1a\n", 8));
        const DroppedPaths sorted = sortDropped(files + QStringList{model, text, broken, unknown});
        QCOMPARE(sorted.refused, QStringList{unknown});
        bench.window->openDropped(sorted, describeRefused(sorted));
        QTRY_VERIFY_WITH_TIMEOUT(bench.window->setup().request().documents.contains(text), 20000);
        QCOMPARE(bench.window->workspace().sessions().size(), std::size_t{2});
        QCOMPARE(bench.window->setup().request().modelPath, model); // and not that of a session
        QVERIFY(bench.window->log().toPlainText().contains("a.png"));
        QVERIFY(bench.window->log().toPlainText().contains("broken.h5"));
    }

    void everyKeyIsAnAction() { // which the sheet of shortcuts lists
        Bench bench;
        for (const auto* shortcut : bench.window->findChildren<QShortcut*>())
            QFAIL(
                qPrintable(shortcut->key().toString() + ' ' + shortcut->parent()->metaObject()->className()));
    }

    void anEmptyBandsDockSaysWhatToDo() {
        Bench bench;
        const auto said = [&bench] { return bench.window->bandEditor().findChild<QLabel*>()->text(); };
        QVERIFY2(said().contains("open a model"), qPrintable(said()));
        const QString model = bench.folder.filePath("model");
        test::makeRandomHfModel(model.toStdString());
        bench.window->openModel(model);
        QTRY_VERIFY_WITH_TIMEOUT(said().contains("press Run"), 20000);
        QVERIFY2(!said().contains("open a model"), qPrintable(said()));
    }
};

QTEST_MAIN(TestWindowDocks)
#include "test_window_docks.moc"
