// The window as a whole, offscreen: empty, with a synthetic session, with bad input, its layout and colours.
// With QROAR_SCREENSHOT_DIR set, screenshots() leaves pictures of it there.
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/choice_button.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/project_tree.h"
#include "app/gui/window/selection_bar.h"
#include "app/gui/window/start_page.h"
#include "core/session/session_file.h"
#include "tests/app/dock_layout.h"
#include "tests/app/main_window_bench.h"
#include "tests/support/contrast.h"
#include "tests/support/grid_compare.h"
#include "tests/support/noisy_session.h"
#include "tests/support/synthetic_session.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/spectrum_plot.h"

#include <QApplication>
#include <QComboBox>
#include <QDir>
#include <QDockWidget>
#include <QDropEvent>
#include <QFileDialog>
#include <QLineEdit>
#include <QMenuBar>
#include <QMimeData>
#include <QPushButton>
#include <QScreen>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>
#include <QTimer>
#include <QToolButton>

using namespace qroar;
using qroar::test::contrast;
using test::answerDialog;
using test::heatMap;
using Bench = test::SessionBench;

namespace {

QAction* actionNamed(const MainWindow& window, const QString& text) {
    for (const QMenu* menu : window.menuBar()->findChildren<QMenu*>())
        for (QAction* action : menu->actions())
            if (QString(action->text()).remove('&').startsWith(text)) return action;
    return nullptr;
}

} // namespace

class TestMainWindow : public QObject {
    Q_OBJECT

  private slots:
    void everyChoiceOfTheStartPageDoesSomething() {
        Bench bench;
        auto* page = bench.window->findChild<StartPage*>();
        QVERIFY(page);
        const auto choices = page->findChildren<ChoiceButton*>();
        QVERIFY(!choices.isEmpty());
        auto* setup = bench.window->findChild<SetupPanel*>();
        QTest::mouseClick(choices.front(), Qt::LeftButton); // "Try the sample"
        QTRY_VERIFY_WITH_TIMEOUT(setup->request().modelPath.endsWith("samples/model"), 5000);
        QVERIFY(!setup->request().documents.isEmpty());
        // What is picked from the recent ones is opened: here a file that is gone gives an error, not
        // silence.
        emit page->sessionPicked(bench.folder.filePath("gone.h5"));
        QTRY_VERIFY_WITH_TIMEOUT(bench.window->messages().isVisible(), 5000);
    }

    void opensWithoutASession() {
        Bench bench;
        QVERIFY(bench.window->showsStartPage());
        QCOMPARE(bench.window->size(), QSize(1280, 800));
        QVERIFY(bench.window->windowTitle().contains("no session"));
        QVERIFY(!actionNamed(*bench.window, "Save session as")->isEnabled());
        for (DiagnosticPanel* panel : bench.window->plots().panels())
            QVERIFY2(!panel->emptyText().isEmpty(), qPrintable(panel->title()));
        bench.window->startRun(); // nothing to run: says so, and nothing else
        QVERIFY(bench.window->messages().text().contains("model"));
        QVERIFY(!bench.window->analysis().running());
    }

    void emptyStatesNameTheButtonThatIsThere() {
        Bench bench;
        const QString button = bench.window->setup().findChild<QPushButton*>("runButton")->text();
        const QString word = button.section(' ', 0, 0);
        int named = 0;
        const auto check = [&] {
            for (DiagnosticPanel* panel : bench.window->plots().panels()) {
                const QString text = panel->emptyText();
                QVERIFY2(!text.contains("analyze again", Qt::CaseInsensitive), qPrintable(text));
                const qsizetype at = text.indexOf("press ");
                if (at < 0) continue;
                ++named;
                QVERIFY2(text.mid(at + 6).startsWith(word), qPrintable(panel->title() + ": " + text));
            }
        };
        check(); // without a session
        const int panels = static_cast<int>(bench.window->plots().panels().size());
        QCOMPARE(named, panels - 3); // spectrum, phases and the audit of RoPE need a model only
        auto nothingRun = std::make_shared<Session>(*test::makeSyntheticSession());
        nothingRun->conditions.clear();
        bench.load(nothingRun);
        check(); // with one that holds no condition yet
        QCOMPARE(named, 2 * (panels - 3));
    }

    void everyPanelShowsASession() {
        Bench bench;
        bench.load(test::withNoise(test::makeSyntheticSession()));
        QVERIFY(!bench.window->showsStartPage());
        for (DiagnosticPanel* panel : bench.window->plots().panels()) {
            panel->ensureFresh();
            QVERIFY2(panel->emptyText().isEmpty(), qPrintable(panel->title() + ": " + panel->emptyText()));
            QVERIFY2(panel->tableModel()->rowCount() > 0, qPrintable(panel->title()));
            QVERIFY2(!panel->renderFigure().isNull(), qPrintable(panel->title()));
        }
        // the most telling condition: longest, scaled, quantized
        const Selection& now = bench.window->selection().selection();
        const ConditionKey& key =
            bench.window->workspace().session()->conditions[static_cast<std::size_t>(now.condition)]->key;
        QCOMPARE(key.context, 4096);
        QVERIFY(key.rope.kind != RopeKind::None);
        QVERIFY(key.quant.kind == QuantKind::Rtn);
    }

    /// Qt calls docks behind the tab of another one visible: what nobody sees is not computed, and is there
    /// when the tab is chosen.
    void panelsBehindTabsWaitUntilTheyAreSeen() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        PlotArea& plots = bench.window->plots();
        const auto dockOf = [&](const char* name) { return plots.findChild<QDockWidget*>(name); };
        QDockWidget *front = dockOf("histogram"), *behind = dockOf("outliers");
        auto* seen = qobject_cast<DiagnosticPanel*>(front->widget());
        auto* waiting = qobject_cast<DiagnosticPanel*>(behind->widget());
        QVERIFY(seen && waiting && waiting->isVisible());
        front->raise();
        QCoreApplication::processEvents();
        // Not summary(), which would bring it up to date.
        const QString before = waiting->accessibleDescription(), shown = seen->accessibleDescription();
        SelectionModel& selection = bench.window->selection();
        selection.setLayer(selection.selection().layer == 3 ? 4 : 3);
        QTRY_VERIFY(seen->accessibleDescription() != shown);
        QCOMPARE(waiting->accessibleDescription(), before);
        test::letViewsSettle(); // what comes into sight then is not seen empty
        behind->raise();
        const QString after = waiting->accessibleDescription(); // before any event, so before it is painted
        QVERIFY(after != before);
        QCOMPARE(after, waiting->summary());
        // The other way round, and by the window itself growing a place for it.
        const QString late = seen->accessibleDescription();
        selection.setLayer(selection.selection().layer == 3 ? 4 : 3);
        QTRY_VERIFY(waiting->accessibleDescription() != after);
        QCOMPARE(seen->accessibleDescription(), late);
        front->setFloating(true);
        QTRY_VERIFY(seen->accessibleDescription() != late);
        QCOMPARE(seen->accessibleDescription(), seen->summary());
    }

    void draggingABandEdgeChangesTheMapsAndUndoRestoresThem() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        HeatMapPanel* tails = heatMap(*bench.window, HeatMapMetric::TailInflation);
        QVERIFY(tails);
        const BandGrid before = tails->grid();
        const BandPartition bands = bench.window->workspace().session()->bands;

        SpectrumPlot* plot = bench.window->plots().spectrum()->plot();
        bench.window->plots().spectrum()->ensureFresh();
        QCoreApplication::processEvents();
        const QPoint from = plot->edgePosition(3).toPoint();
        const int step = static_cast<int>(plot->pairPosition(1) - plot->pairPosition(0));
        QTest::mousePress(plot, Qt::LeftButton, {}, from);
        for (int part = 1; part <= 4; ++part) QTest::mouseMove(plot, from + QPoint(part * step / 4, 0));
        QVERIFY(bench.window->workspace().session()->bands != bands); // already while dragging
        QTest::mouseRelease(plot, Qt::LeftButton, {}, from + QPoint(step, 0));

        const BandPartition moved = bench.window->workspace().session()->bands;
        QCOMPARE(moved.edges()[3], bands.edges()[3] + 1);
        QCOMPARE(tails->bands(), moved);
        QVERIFY(!test::sameValues(tails->grid(), before));
        QCOMPARE(bench.window->workspace().undoStack()->count(), 1);

        actionNamed(*bench.window, "Undo")->trigger();
        QCOMPARE(bench.window->workspace().session()->bands, bands);
        QVERIFY(test::sameValues(tails->grid(), before));
        QCOMPARE(bench.window->plots().spectrum()->bands(), bands);
    }

    void selectionIsSharedByTreeBarAndPanels() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        auto* tree = bench.window->findChild<ProjectTree*>();
        auto* bar = bench.window->findChild<SelectionBar*>();
        QTreeWidgetItem* conditions = tree->topLevelItem(2);
        tree->setCurrentItem(conditions->child(4));
        QCOMPARE(bench.window->selection().selection().condition, 4);
        QVERIFY(bar->breadcrumb().contains("layer 0"));
        actionNamed(*bench.window, "Next layer")->trigger();
        actionNamed(*bench.window, "Next band")->trigger();
        actionNamed(*bench.window, "Query or key")->trigger();
        QVERIFY2(bar->breadcrumb().contains("layer 1") && bar->breadcrumb().contains("band 1")
                     && bar->breadcrumb().contains(QString::fromUtf8("› Q ›")),
                 qPrintable(bar->breadcrumb()));
        for (int press = 0; press < 20; ++press) bar->stepLayer(1); // stops at the last
        QCOMPARE(bench.window->selection().selection().layer, 5);
        bench.window->selection().setCondition(2);
        QCOMPARE(tree->currentItem(), conditions->child(2));
    }

    void badPathsShowAnErrorAndTheWindowStaysUsable_data() {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<QString>("named");
        QTest::newRow("session that is not there") << "missing.h5" << QByteArray() << "missing.h5";
        QTest::newRow("session that is text") << "text.h5" << QByteArray("not HDF5 at all") << "text.h5";
        QTest::newRow("model that is not there") << "missing-model" << QByteArray() << "missing-model";
        QTest::newRow("model that is rubbish")
            << "rubbish.safetensors" << QByteArray(64, '\xff') << "config.json";
        QTest::newRow("llama2.c that is too short") << "short.bin" << QByteArray("abc") << "short.bin";
    }
    void badPathsShowAnErrorAndTheWindowStaysUsable() {
        QFETCH(QString, name);
        QFETCH(QByteArray, content);
        QFETCH(QString, named);
        Bench bench;
        const QString path = bench.folder.filePath(name);
        if (!content.isEmpty()) {
            QFile file(path);
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write(content);
        }
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        bench.window->openPath(path);
        QVERIFY(QTest::qWaitFor([&] { return errors.count() > 0; }, 10000));
        QVERIFY2(bench.window->messages().text().contains(named),
                 qPrintable(bench.window->messages().text()));
        QVERIFY(!bench.window->messages().isHidden());
        QCOMPARE(bench.window->messages().kind(), MessageBar::Kind::Error);
        QVERIFY(bench.window->log().toPlainText().contains(named));
        bench.load(test::makeSyntheticSession()); // and life goes on
        QVERIFY(!bench.window->showsStartPage());
        bench.window->messages().dismiss();
        QVERIFY(bench.window->messages().isHidden());
    }

    void savesAndOpensASessionWithItsSelection() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        QVERIFY(bench.window->workspace().dirty());
        bench.window->selection().setLayer(3);
        bench.window->selection().setCondition(5);
        bench.window->selection().setTensor(QkTensor::Q);
        const QString path = bench.folder.filePath("run.h5");
        bench.window->saveTo(path);
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QVERIFY(QFile::exists(path));
        QVERIFY(bench.window->windowTitle().contains("run.h5"));

        bench.window->closeSession(bench.window->workspace().current());
        bench.window->selection().setSelection({});
        QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
        bench.window->openSession(path);
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        const Selection& now = bench.window->selection().selection();
        QCOMPARE(now.layer, 3);
        QCOMPARE(now.condition, 5);
        QVERIFY(now.tensor == QkTensor::Q);
        QVERIFY(!bench.window->workspace().dirty());
        QVERIFY(AppSettings(bench.settings).recentSessions().contains(path));
        // nothing of the session went into the settings
        bench.settings.sync();
        QVERIFY(QFileInfo(bench.settings.fileName()).size() < 64 * 1024);
    }

    void layoutIsRestoredAndReset() {
        Bench bench;
        bench.window->resize(1500, 900);
        auto* log = bench.window->findChild<QDockWidget*>("log");
        auto* outliers = bench.window->findChild<QDockWidget*>("outliers");
        QVERIFY(log->isHidden());
        log->show();
        outliers->hide();
        QVERIFY(bench.window->close());
        bench.open();
        if (bench.window->screen()->availableSize().width()
            >= 1500) // a window is never larger than its screen
            QCOMPARE(bench.window->size(), QSize(1500, 900));
        QVERIFY(!bench.window->findChild<QDockWidget*>("log")->isHidden());
        QVERIFY(bench.window->findChild<QDockWidget*>("outliers")->isHidden());
        bench.window->resetLayout();
        QVERIFY(bench.window->findChild<QDockWidget*>("log")->isHidden());
        QVERIFY(!bench.window->findChild<QDockWidget*>("outliers")->isHidden());
    }

    void anArrangedLayoutComesBack() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        bench.window->resetLayout();
        test::rearrange(*bench.window);
        const test::DockLayout wanted = test::layoutOf(*bench.window);
        QVERIFY(bench.window->close());
        bench.open();
        bench.load(test::makeSyntheticSession());
        QCOMPARE(test::otherLayout(test::layoutOf(*bench.window), wanted), QString());
    }

    void rubbishInTheSettingsDoesNoHarm() {
        Bench bench;
        QVERIFY(bench.window->close());
        bench.settings.setValue("window/geometry", QByteArray("rubbish"));
        bench.settings.setValue("window/docks", QByteArray(300, 'x'));
        bench.settings.setValue("window/plots", 12);
        bench.settings.setValue("window/appearance", "plaid");
        bench.open();
        QVERIFY(bench.window->showsStartPage());
    }

    void lightAndDark() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        bench.window->setAppearance(AppearanceMode::Dark);
        QVERIFY(Appearance::isDark(bench.window->palette()));
        QVERIFY(Appearance::isDark(bench.window->plots().panels().first()->palette()));
        QVERIFY(AppSettings(bench.settings).appearance() == AppearanceMode::Dark);
        bench.window->setAppearance(AppearanceMode::Light);
        QVERIFY(!Appearance::isDark(bench.window->palette()));
        // what the user reads, on what it stands on: WCAG AA for text
        for (const QPalette& palette : {Appearance::lightPalette(), Appearance::darkPalette()}) {
            QVERIFY(contrast(palette.color(QPalette::WindowText), palette.color(QPalette::Window)) >= 7);
            QVERIFY(contrast(palette.color(QPalette::HighlightedText), palette.color(QPalette::Highlight))
                    >= 4);
            QVERIFY(contrast(Appearance::problemColor(palette), palette.color(QPalette::Window)) >= 4.5);
        }
    }

    void unsavedChangesAreAskedAbout() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        int asked = 0;
        bench.window->setQuestion([&asked](const QString&, QMessageBox::StandardButtons) {
            ++asked;
            return QMessageBox::Cancel;
        });
        QVERIFY(!bench.window->close());
        QCOMPARE(asked, 1);
        bench.window->closeSession(bench.window->workspace().current());
        QCOMPARE(asked, 2);
        QVERIFY(bench.window->workspace().hasSession());
        bench.window->setQuestion(
            [](const QString&, QMessageBox::StandardButtons) { return QMessageBox::Discard; });
        QVERIFY(bench.window->close());
    }

    void aSessionThatIsCutOffIsOneClearError() {
        Bench bench;
        const QString whole = bench.folder.filePath("whole.h5"), cut = bench.folder.filePath("cut.h5");
        QVERIFY(saveSession(*test::makeSyntheticSession(), whole.toStdString()).ok());
        QFile from(whole), to(cut);
        QVERIFY(from.open(QIODevice::ReadOnly) && to.open(QIODevice::WriteOnly));
        to.write(from.read(from.size() / 2));
        to.close();
        const auto before = test::makeSyntheticSession();
        bench.load(before);
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        bench.window->openSession(cut);
        QVERIFY(QTest::qWaitFor([&] { return errors.count() > 0; }, 20000));
        QTest::qWait(50);
        QCOMPARE(errors.count(), 1);
        const QString text = errors.front().front().toString();
        QVERIFY2(text.contains("cut.h5") && text.contains("cut off"), qPrintable(text));
        QCOMPARE(bench.window->messages().text(), text);
        QVERIFY(bench.window->workspace().session() == before); // what was open stays open
    }

    void leftoversOfACrashAreOffered() {
        Bench bench;
        const QString left = bench.leaveAutosave();
        QVERIFY(!left.isEmpty());
        QVERIFY(bench.recover());
        QVERIFY(bench.window->workspace().dirty()); // recovered, not saved
        QVERIFY(bench.window->workspace().path().isEmpty());
    }

    void recoveredResultsAreOfferedUntilTheyAreSavedOrDiscarded() {
        Bench bench;
        const QString left = bench.leaveAutosave();
        QVERIFY(bench.recover());
        QVERIFY(Autosave(QFileInfo(left).path()).orphans().isEmpty()); // not to a second process meanwhile
        bench.window.reset(); // ends without closing: nothing was decided
        QVERIFY(QFile::exists(left));
        bench.open();
        QVERIFY(bench.recover());
        bench.window->saveTo(bench.folder.filePath("kept.h5"));
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QVERIFY(QTest::qWaitFor([&] { return !QFile::exists(left); }, 2000));
        QVERIFY(bench.window->close());
        bench.window.reset();
        bench.open();
        bench.window->offerRecovery();
        QVERIFY2(bench.window->recovery().text().isEmpty(), qPrintable(bench.window->recovery().text()));

        QVERIFY(!bench.leaveAutosave().isEmpty());
        QVERIFY(bench.recover());
        QVERIFY(bench.window->close()); // answers Discard
        QVERIFY(!QFile::exists(left));
    }

    void dropsAreOpened() {
        Bench bench;
        const QString path = bench.folder.filePath("dropped.h5");
        QVERIFY(saveSession(*test::makeSyntheticSession(), path.toStdString()).ok());
        QMimeData data;
        data.setUrls({QUrl::fromLocalFile(path)});
        // Qt delivers a drop to where a drag came in
        QDragEnterEvent enter(QPoint(600, 400), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &enter);
        QVERIFY(enter.isAccepted());
        QDropEvent drop(QPointF(600, 400), Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
        QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
        QCoreApplication::sendEvent(bench.window.get(), &drop);
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        QMimeData elsewhere;
        elsewhere.setUrls({QUrl("https://example.org/model")});
        QDragEnterEvent again(QPoint(600, 400), Qt::CopyAction, &elsewhere, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &again);
        QDropEvent refused(QPointF(600, 400), Qt::CopyAction, &elsewhere, Qt::LeftButton, Qt::NoModifier);
        QCoreApplication::sendEvent(bench.window.get(), &refused);
        QVERIFY(bench.window->messages().text().contains("this machine"));
    }

    void shortcutsAreUniqueAndWidgetsHaveNames() {
        Bench bench;
        QStringList seen;
        for (const QMenu* menu : bench.window->menuBar()->findChildren<QMenu*>())
            for (const QAction* action : menu->actions())
                for (const QKeySequence& keys : action->shortcuts()) {
                    QVERIFY2(!seen.contains(keys.toString()), qPrintable(action->text() + keys.toString()));
                    seen << keys.toString();
                }
        // Alt and a letter opens a menu, and moves the keyboard to what such a label stands before.
        QStringList texts;
        for (const QAction* menu : bench.window->menuBar()->actions()) texts << menu->text();
        for (const auto* label : bench.window->findChildren<QLabel*>())
            if (label->buddy()) texts << label->text();
        for (const auto* button : bench.window->findChildren<QAbstractButton*>())
            if (!button->isHidden() && !bench.window->findChild<StartPage*>()->isAncestorOf(button))
                texts << button->text();
        for (const QString& text : texts) {
            const QString keys = QKeySequence::mnemonic(text).toString();
            QVERIFY2(keys.isEmpty() || !seen.contains(keys), qPrintable(text + ' ' + keys));
        }
        QVERIFY(seen.size() > 25);
        for (const auto* box : bench.window->findChild<SelectionBar*>()->findChildren<QComboBox*>())
            QVERIFY(!box->accessibleName().isEmpty());
    }

    void screenshots() {
        const QString folder = qEnvironmentVariable("QROAR_SCREENSHOT_DIR");
        if (folder.isEmpty()) QSKIP("QROAR_SCREENSHOT_DIR is not set");
        QVERIFY(QDir().mkpath(folder));
        Bench bench;
        const auto shoot = [&](const QString& name) {
            QTest::qWait(300);
            for (DiagnosticPanel* panel : bench.window->plots().panels())
                if (panel->isVisible()) panel->ensureFresh();
            QTest::qWait(100);
            QVERIFY(bench.window->grab().save(folder + '/' + name + ".png"));
        };
        AppSettings(bench.settings).addRecentModel(QDir(QROAR_SOURCE_DIR).filePath("samples/model"));
        bench.open();
        bench.window->setAppearance(AppearanceMode::Light);
        shoot("start-light");
        bench.window->setAppearance(AppearanceMode::Dark);
        shoot("start-dark");
        bench.load(test::makeSyntheticSession());
        bench.window->setup().setDocuments({"/texts/a_rather_long_document_name_that_must_be_elided.txt"});
        bench.window->selection().setLayer(3);
        bench.window->selection().setBand(5);
        shoot("session-dark");
        bench.window->setAppearance(AppearanceMode::Light);
        shoot("session-light");
        bench.window->messages().show(
            MessageBar::Kind::Error, "samples/model/config.json: hidden_size: expected a whole number, found "
                                     "\"many\"");
        for (const char* name : {"project", "outliers", "distortion"})
            bench.window->findChild<QDockWidget*>(name)->raise();
        bench.window->findChild<QDockWidget*>("log")->show();
        shoot("session-light-tabs");
        QCOMPARE(bench.window->size(), QSize(1280, 800)); // nothing made it grow
        bench.window->messages().dismiss();
        bench.window->findChild<QDockWidget*>("log")->hide();
        bench.window->findChild<QDockWidget*>("perplexity")->raise();
        bench.window->findChild<QDockWidget*>("pressure")->raise();
        shoot("session-light-other-tabs");
        bench.window->resize(1600, 1100);
        bench.window->resetLayout();
        shoot("session-light-large");
        bench.window->resize(1280, 800);
        bench.window->resetLayout();
        bench.window->resize(1024, 700);
        shoot("session-light-small");
    }
};

QTEST_MAIN(TestMainWindow)
#include "test_main_window.moc"
