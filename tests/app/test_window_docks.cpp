// Docks of the real window by their keys, the start page between them, and what an empty Bands dock says.
#include "tests/app/main_window_bench.h"
#include "tests/support/safetensors_writer.h"
#include "widgets/panels/band_editor.h"

#include <QDockWidget>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

QDockWidget* dockOf(const Bench& bench, const char* name) {
    return bench.window->findChild<QDockWidget*>(QLatin1String(name));
}

/// Some of it can be seen.
bool inFront(const Bench& bench, const char* name) {
    const QDockWidget* dock = dockOf(bench, name);
    return dock->isVisible() && !dock->visibleRegion().isEmpty();
}

void press(const Bench& bench, Qt::Key key, Qt::KeyboardModifiers modifiers = {}) {
    QWidget* focus = QApplication::focusWidget();
    QTest::keyClick(focus ? focus : bench.window.get(), key, modifiers);
    QTest::qWait(20);
}

bool activated(const Bench& bench) {
    bench.window->activateWindow();
    return QTest::qWaitForWindowActive(bench.window.get());
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
