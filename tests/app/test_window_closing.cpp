// Closing a session and quitting: what is asked, what is saved first, runs and evaluations that are stopped,
// or end while the question is read.
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/report/report_action.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/run_status.h"
#include "app/gui/window/session_tabs.h"
#include "core/analysis/analysis.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/window_bench.h"

#include <QDirIterator>
#include <QFileDialog>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

std::shared_ptr<const Session> someSession(std::uint64_t seed) {
    test::SyntheticOptions options;
    options.layers = 3;
    options.seed = seed;
    options.contexts = {256, 1024};
    options.ropes = {"none", "yarn:4"};
    options.gradients = false;
    return test::makeSyntheticSession(options);
}

QByteArray contentsOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

bool opens(Bench& bench, const QString& path) {
    QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
    bench.window->openSession(path);
    return QTest::qWaitFor([&] { return opened.count() > 0; }, 20000);
}

/// A run that has given its first condition and has another before it.
bool runs(test::WindowBench& bench) {
    MainWindow& window = *bench.window;
    if (!bench.ready({bench.document("a", 16000)}, {2048}, {"none", "yarn:2"}, {"none"})) return false;
    window.startRun();
    return QTest::qWaitFor([&] { return window.workspace().hasSession(); }, 20000)
           && window.analysis().running();
}

} // namespace

class TestWindowClosing : public QObject {
    Q_OBJECT

  private slots:
    /// Its file dialog is its child, and stands on the stack: deleted with it, the program ended.
    void aFigureDialogThatAsksStaysOpen() {
        Bench bench;
        bench.load(someSession(1));
        FigureCenter& figures = bench.window->figures();
        DiagnosticPanel* panel = test::heatMap(*bench.window, HeatMapMetric::TailInflation);
        panel->ensureFresh();
        figures.exportFigure(panel);
        const QPointer<FigureDialog> dialog = figures.dialog();
        QVERIFY(dialog);
        bool stayed = false;
        test::answerDialog<QFileDialog>([&](QFileDialog& files) {
            dialog->reject();
            figures.exportFigure(panel); // another one has to wait, too
            QCoreApplication::sendPostedEvents(nullptr, QEvent::DeferredDelete);
            stayed = dialog && dialog->isVisible() && figures.dialog() == dialog;
            files.reject();
        });
        for (auto* button : dialog->findChildren<QPushButton*>())
            if (button->text() == QLatin1String("&Save...")) button->click();
        QVERIFY(stayed);
        dialog->reject();
        QTRY_VERIFY(!dialog);
    }

    void quittingAsksAboutEach() {
        Bench bench;
        MainWindow& window = *bench.window;
        bench.load(someSession(1));
        bench.load(someSession(2));
        QStringList asked;
        auto answer = QMessageBox::Discard;
        window.setQuestion([&](const QString& text, QMessageBox::StandardButtons) {
            asked << text;
            return asked.size() == 2 ? QMessageBox::Cancel : answer;
        });
        QVERIFY(!window.close());
        QCOMPARE(asked.size(), 2);
        QVERIFY(asked[0] != asked[1]); // by name
        QVERIFY(window.close());
        QCOMPARE(asked.size(), 4); // a cancelled quit forgets what was answered
    }

    void closingAsksAndSavesFirst() {
        Bench bench;
        MainWindow& window = *bench.window;
        const QString path = bench.folder.filePath("a.h5");
        QVERIFY(saveSession(*someSession(1), path.toStdString()).ok());
        QVERIFY(opens(bench, path));
        const SessionId a = window.workspace().current();
        bench.load(someSession(2));
        const BandPartition bands = window.workspace().session(a)->bands;
        window.workspace().setCurrent(a);
        window.workspace().setBands(bands, bands.withEdgeMoved(1, 1));
        QVERIFY(window.tabs().tabText(0).endsWith('*'));
        auto answer = QMessageBox::Cancel;
        window.setQuestion([&](const QString&, QMessageBox::StandardButtons) { return answer; });
        window.closeSession(a);
        QVERIFY(window.workspace().isOpen(a));
        answer = QMessageBox::Save;
        window.closeSession(a);
        QVERIFY(QTest::qWaitFor([&] { return !window.workspace().isOpen(a); }, 20000));
        QCOMPARE((*loadSession(path.toStdString()))->bands, bands.withEdgeMoved(1, 1));
        QCOMPARE(window.tabs().count(), 1);
    }

    /// Gains of a session are being evaluated: closing it asks, and stops them first.
    void closingATabDuringItsEvaluation() {
        test::WindowBench bench;
        MainWindow& window = *bench.window;
        QVERIFY(bench.ready({bench.document("long", 20000)}, {8192}, {"yarn:2"}, {"none"}));
        Session session = emptySession(window.analysis().plan(window.setup().request()));
        auto condition = std::make_shared<ConditionResult>();
        condition->key = {*RopeSpec::parse("yarn:2"), 8192, *QuantSpec::parse("none")};
        condition->table = *buildFrequencyTable(condition->key.rope, session.model.ropeModel(), 8192);
        session.conditions = {condition};
        const QString path = bench.folder.filePath("run.h5");
        QVERIFY(saveSession(session, path.toStdString()).ok());
        const SessionId target = window.workspace().open(std::make_shared<const Session>(session), path);
        QCoreApplication::processEvents();
        QStringList asked;
        auto answer = QMessageBox::No;
        window.setQuestion([&](const QString& text, QMessageBox::StandardButtons) {
            asked << text;
            return answer;
        });
        window.scales().evaluate();
        QVERIFY(window.scales().running());
        QCOMPARE(window.scales().controller().target(), target);
        const SessionId other = window.workspace().open(someSession(3), {});
        emit window.tabs().closeWanted(target);
        QCOMPARE(asked.size(), 1);
        QVERIFY2(asked.front().contains("evaluation") && asked.front().contains("run.h5"),
                 qPrintable(asked.front()));
        QVERIFY(window.scales().running() && window.workspace().isOpen(target));
        QSignalSpy errors(&window, &MainWindow::errorShown);
        answer = QMessageBox::Yes;
        emit window.tabs().closeWanted(target);
        QVERIFY(window.workspace().isOpen(target)); // until it has stopped
        QVERIFY(QTest::qWaitFor([&] { return !window.workspace().isOpen(target); }, 20000));
        QVERIFY(!window.scales().running());
        QCOMPARE(window.scales().controller().target(), noSession);
        QCOMPARE(asked.size(), 2);
        QCOMPARE(errors.count(), 0); // no result came for a session that is gone
        QCOMPARE(window.workspace().current(), other);
        QVERIFY(window.workspace().session()->whatIfs.empty());
    }

    void closingATabDuringItsRun() {
        test::WindowBench bench;
        MainWindow& window = *bench.window;
        QVERIFY(bench.ready({bench.document("long", 65000)}, {60000}, {"none"}, {"none"}));
        QSignalSpy progress(&window.analysis(), &AnalysisController::progressed);
        window.startRun();
        QVERIFY(QTest::qWaitFor([&] { return progress.count() > 1; }, 20000));
        const SessionId target = window.workspace().current();
        const SessionId other = window.workspace().open(someSession(3), {});
        QStringList asked;
        auto answer = QMessageBox::No;
        window.setQuestion([&](const QString& text, QMessageBox::StandardButtons) {
            asked << text;
            return answer;
        });
        const auto close = [&] { emit window.tabs().closeWanted(target); };
        close();
        QCOMPARE(asked.size(), 1);
        QVERIFY(window.analysis().running() && window.workspace().isOpen(target));
        answer = QMessageBox::Yes;
        close();
        QVERIFY(QTest::qWaitFor([&] { return !window.workspace().isOpen(target); }, 20000));
        QVERIFY(!window.analysis().running());
        QCOMPARE(window.workspace().current(), other);
    }

    void closingWhileFilesAreWritten_data() {
        QTest::addColumn<QString>("job");
        QTest::addColumn<bool>("quits"); // else: the session's tab
        for (const char* job : {"export", "report"}) {
            QTest::addRow("%s, quit", job) << job << true;
            QTest::addRow("%s, close the session", job) << job << false;
        }
    }
    /// Events come through while plots are exported or a report is drawn: what is closed meanwhile is closed,
    /// and every file that is there is whole.
    void closingWhileFilesAreWritten() {
        QFETCH(QString, job);
        QFETCH(bool, quits);
        Bench bench;
        MainWindow& window = *bench.window;
        test::SyntheticOptions options;
        options.layers = 12;
        bench.load(test::makeSyntheticSession(options));
        const SessionId target = window.workspace().current();
        const QString folder = bench.folder.filePath("out"), page = bench.folder.filePath("report.html");
        int closed = 0;
        const auto close = [&] {
            if (closed++ > 0) return;
            if (quits)
                window.close();
            else
                window.closeSession(target);
        };
        if (job == "export") {
            PlotsToExport what;
            what.formats = {"svg", "pdf"};
            what.progress = [&](int done, int) {
                if (done == 3) close();
                QCoreApplication::processEvents();
                return true;
            };
            window.exportPlots(folder, what);
        } else {
            QTimer timer;
            connect(&timer, &QTimer::timeout, this, [&] {
                if (QApplication::activeModalWidget()) close(); // its progress is in sight
            });
            timer.start(5);
            const SavedReport saved = saveReportTo(&window, window.workspace().session(), "run.h5", page);
            QCOMPARE(saved.error, QString());
            QVERIFY(saved.path.isEmpty() || contentsOf(page).endsWith("</html>\n"));
        }
        QVERIFY(closed > 0);
        QCoreApplication::processEvents();
        if (quits)
            QVERIFY(!window.isVisible());
        else
            QVERIFY(!window.workspace().isOpen(target));
        QDirIterator files(folder, QDir::Files, QDirIterator::Subdirectories);
        int whole = 0;
        while (files.hasNext()) {
            const QByteArray bytes = contentsOf(files.next());
            if (files.fileName().endsWith(".svg")) QVERIFY(bytes.trimmed().endsWith("</svg>"));
            if (files.fileName().endsWith(".pdf")) QVERIFY(bytes.trimmed().endsWith("%%EOF"));
            whole += !bytes.isEmpty();
        }
        QVERIFY(job == "report" || whole >= 3);
        bench.window.reset(); // and nothing is left that needs it
    }

    void closingWhileASessionIsSaved_data() {
        QTest::addColumn<bool>("wanted");
        QTest::newRow("wanted") << true;
        QTest::newRow("not wanted") << false;
    }
    void closingWhileASessionIsSaved() {
        QFETCH(bool, wanted);
        Bench bench;
        MainWindow& window = *bench.window;
        test::SyntheticOptions options;
        options.layers = 16;
        const auto session = test::makeSyntheticSession(options);
        const QString path = bench.folder.filePath("a.h5");
        QVERIFY(saveSession(*session, path.toStdString()).ok());
        QVERIFY(opens(bench, path));
        const BandPartition before = session->bands, after = before.withEdgeMoved(1, 1);
        window.workspace().setBands(before, after);
        window.setQuestion([&](const QString&, QMessageBox::StandardButtons) {
            return wanted ? QMessageBox::Save : QMessageBox::Discard;
        });
        window.save();
        window.close();
        if (wanted) QVERIFY(QTest::qWaitFor([&] { return window.isHidden(); }, 20000));
        bench.window.reset();                              // waits for the thread of files
        const auto read = loadSession(path.toStdString()); // whole, before or after
        QVERIFY2(read.ok(), read ? "" : read.error().message.c_str());
        QCOMPARE((*read)->conditions.size(), session->conditions.size());
        QVERIFY((*read)->bands == after || (!wanted && (*read)->bands == before));
        QCOMPARE(QDir(bench.folder.path()).entryList({"a.h5*"}).size(), 1); // nothing half written beside it
    }

    void closingWhileASessionIsRead() {
        Bench bench;
        test::SyntheticOptions options;
        options.layers = 16;
        const QString path = bench.folder.filePath("a.h5");
        QVERIFY(saveSession(*test::makeSyntheticSession(options), path.toStdString()).ok());
        for (const bool another : {false, true}) { // there is something open, or nothing
            if (another) bench.load(someSession(1));
            bench.window->openSession(path);
            QVERIFY(bench.window->close());
            QVERIFY(bench.window->isHidden());
            QCoreApplication::processEvents();
            bench.window.reset();
            bench.open();
        }
        QVERIFY(opens(bench, path)); // it was not touched
    }

    void aRunEndsWhileItsClosingIsAsked() {
        test::WindowBench bench;
        MainWindow& window = *bench.window;
        QVERIFY(runs(bench));
        const SessionId target = window.workspace().current();
        QStringList asked;
        window.setQuestion([&](const QString& text, QMessageBox::StandardButtons buttons) {
            asked << text;
            if (!(buttons & QMessageBox::Yes)) return QMessageBox::Discard;
            if (!QTest::qWaitFor([&] { return !window.analysis().running(); }, 60000)) asked << "too slow";
            return QMessageBox::Yes;
        });
        window.closeSession(target);
        QCOMPARE(asked.size(), 2); // the second: about its results
        QVERIFY2(asked.back().contains("unsaved"), qPrintable(asked.back()));
        QVERIFY(!window.workspace().isOpen(target));
        QVERIFY(window.runStatus().isHidden());
        // Nothing waits for the end of the next run.
        const SessionId other = window.workspace().open(someSession(3), {});
        window.startRun();
        QVERIFY(QTest::qWaitFor([&] { return window.analysis().running(); }, 20000));
        QVERIFY(bench.waitForEnd());
        QVERIFY(window.workspace().isOpen(other));
        QCOMPARE(window.tabs().count(), 2);
    }

    void aClosedSessionIsLetGo() {
        test::SessionBench bench;
        const QString path = bench.folder.filePath("one.h5");
        QVERIFY(saveSession(*test::makeSyntheticSession(), path.toStdString()).ok());
        bench.load(test::makeSyntheticSession());
        bench.window->openSession(path);
        QTRY_VERIFY_WITH_TIMEOUT(bench.window->workspace().path() == path, 20000);
        test::letViewsSettle();
        const std::weak_ptr<const Session> session = bench.window->workspace().session();
        bench.window->closeSession(bench.window->workspace().current());
        QVERIFY(bench.window->workspace().hasSession());
        for (DiagnosticPanel* panel : bench.window->plots().findChildren<DiagnosticPanel*>())
            panel->ensureFresh(); // those behind tabs keep theirs until they are seen
        QTRY_VERIFY(session.expired());
    }

    void aRunEndsWhileQuittingIsAsked() {
        test::WindowBench bench;
        MainWindow& window = *bench.window;
        QVERIFY(runs(bench));
        window.setQuestion([&](const QString&, QMessageBox::StandardButtons buttons) {
            if (!(buttons & QMessageBox::Yes)) return QMessageBox::Discard;
            return bench.waitForEnd() ? QMessageBox::Yes : QMessageBox::No;
        });
        QVERIFY(window.close());
        QVERIFY(!window.isVisible());
    }
};

QTEST_MAIN(TestWindowClosing)
#include "test_window_closing.moc"
