// Search and export driven from the window on a tiny random model: start, pause, resume, accept, discard,
// before and after, a calibrated export, and what is refused.
#include "app/gui/export/export_panel.h"
#include "app/gui/search/search_setup.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session_file.h"
#include "tests/app/window_bench.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QElapsedTimer>
#include <QPushButton>
#include <QSignalSpy>

using namespace qroar;
using Bench = test::WindowBench;
using State = SearchController::State;

class TestSearchExport : public QObject {
    Q_OBJECT

    static void click(const QWidget& in, const QString& text) {
        for (auto* button : in.findChildren<QPushButton*>())
            if (button->text() == text) {
                QVERIFY2(button->isEnabled(), qPrintable(text));
                QTest::mouseClick(button, Qt::LeftButton);
                return;
            }
        QFAIL(qPrintable("no button " + text));
    }
    /// A window with an analyzed session and a search filled in; the second document is to report on.
    static void prepare(Bench& bench, int tokens = 600) {
        QVERIFY(bench.ready({bench.document("search", tokens), bench.document("report", 700)}, {64},
                            {"none", "yarn:2"}, {"rtn:3:g32"}));
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        SearchSetup& setup = bench.window->searchSetup();
        setup.setRope("yarn:2");
        setup.setQuant("rtn:3:g32");
        setup.setContexts("32, 64");
        setup.setScope(SearchScope::Layer);
        setup.setSteps(4);
        QVERIFY2(setup.task().ok(), setup.task() ? "" : setup.task().error().message.c_str());
    }
    static bool reaches(Bench& bench, State state) {
        return QTest::qWaitFor([&] { return bench.window->search().state() == state; }, 60000);
    }

  private slots:
    void searchReportAcceptBeforeAndAfter() {
        Bench bench;
        prepare(bench);
        const auto task = *bench.window->searchSetup().task();
        QCOMPARE(task.plan.documents->front().name, std::string("search.u16"));
        QCOMPARE(task.report->front().name, std::string("report.u16"));
        QVERIFY(task.plan.windows.has_value()); // from the session's diagnostics
        click(bench.window->searchSetup(), "Start search");
        QTRY_VERIFY(bench.window->plots().searches()->isVisible()); // brought to the front
        QVERIFY(reaches(bench, State::Undecided));
        QVERIFY2(bench.window->messages().text().isEmpty(), qPrintable(bench.window->messages().text()));
        const auto found = bench.window->search().record();
        QVERIFY(found->finished && !found->verdict.words.empty());
        // the same search by core alone
        SearchPlan plan = task.plan;
        plan.weights = *openWeights(plan.model, task.quant);
        ProgressSink silent;
        const auto alone = runSearch(plan, silent);
        QVERIFY(alone->scales.gains == found->scales.gains);
        // the view shows every trial, live
        SearchPanel* view = bench.window->plots().searches();
        view->ensureFresh();
        QVERIFY(view->emptyText().isEmpty());
        QCOMPARE(view->tableModel()->rowCount(), static_cast<int>(found->trials.size()));
        QCOMPARE(view->gains()->content().rows, 2);
        for (const auto* box : view->findChildren<CompactComboBox*>())
            QVERIFY2(!box->shownText().isEmpty(),
                     qPrintable(box->accessibleName())); // closed, it says what is chosen
        // nothing is part of the session before it is accepted
        QVERIFY(bench.window->workspace().session()->searches.empty());
        click(bench.window->searchSetup(), "Accept");
        const auto session = bench.window->workspace().session();
        QCOMPARE(session->searches.size(), std::size_t{1});
        QVERIFY(bench.window->workspace().dirty());
        QVERIFY(view->shown() == session->searches.front());
        click(bench.window->messages(), "Run with gains");
        QVERIFY(bench.waitForEnd());
        const auto after = bench.window->workspace().session();
        QCOMPARE(after->conditions.size(), 2 * session->conditions.size());
        int scaled = 0;
        for (const auto& condition : after->conditions)
            scaled += condition->key.scales == session->searches.front()->scales.name ? 1 : 0;
        QCOMPARE(scaled, static_cast<int>(session->conditions.size()));
        bench.window->saveTo(bench.folder.filePath("run.h5"));
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        const auto kept = loadSession(bench.folder.filePath("run.h5").toStdString());
        QVERIFY(kept.ok() && (*kept)->searches.front()->scales.gains == found->scales.gains);
    }

    void pausedSearchesGoOnAsIfNothingHadHappened() {
        Bench bench;
        prepare(bench, 4000);
        SearchSetup& setup = bench.window->searchSetup();
        const auto task = *setup.task();
        QSignalSpy trials(&bench.window->search(), &SearchController::recordChanged);
        click(setup, "Start search");
        QVERIFY(QTest::qWaitFor([&] { return trials.count() > 2; }, 60000)); // the first is of the start
        QElapsedTimer clock;
        clock.start();
        click(setup, "Pause");
        QVERIFY(reaches(bench, State::Paused));
        qInfo("paused after %lld ms", static_cast<long long>(clock.elapsed()));
        const auto half = bench.window->search().record();
        QVERIFY(!half->finished && !half->trials.empty());
        click(setup, "Resume");
        QVERIFY(reaches(bench, State::Undecided));
        const auto whole = bench.window->search().record();
        QVERIFY(whole->finished && whole->trials.size() > half->trials.size());
        SearchPlan plan = task.plan;
        plan.weights = *openWeights(plan.model, task.quant);
        ProgressSink silent;
        QVERIFY(runSearch(plan, silent)->scales.gains == whole->scales.gains);
        const auto before = bench.window->workspace().session();
        click(setup, "Discard");
        QVERIFY(bench.window->search().state() == State::Idle);
        QVERIFY(bench.window->workspace().session() == before);
        QVERIFY(!bench.window->search().record());
    }

    void stoppedSearchesCanBeAccepted() {
        Bench bench;
        prepare(bench, 4000);
        QSignalSpy trials(&bench.window->search(), &SearchController::recordChanged);
        click(bench.window->searchSetup(), "Start search");
        QVERIFY(QTest::qWaitFor([&] { return trials.count() > 2; }, 60000));
        click(bench.window->searchSetup(), "Stop");
        QVERIFY(reaches(bench, State::Undecided));
        QVERIFY(!bench.window->search().record()->finished);
        click(bench.window->searchSetup(), "Accept");
        QCOMPARE(bench.window->workspace().session()->searches.size(), std::size_t{1});
    }

    void calibratedExport_data() {
        QTest::addColumn<QString>("quant");
        QTest::addColumn<int>("format");
        QTest::newRow("rounded, as compressed-tensors")
            << "rtn:4:g32" << static_cast<int>(ExportFormat::CompressedTensors);
        QTest::newRow("calibrated, as GPTQ") << "gptq:4:g32" << static_cast<int>(ExportFormat::Gptq);
    }
    void calibratedExport() {
        QFETCH(QString, quant);
        QFETCH(int, format);
        Bench bench;
        prepare(bench);
        ExportPanel& panel = bench.window->exportPanel();
        const QString target = bench.folder.filePath("out");
        panel.setQuant(quant);
        panel.setFormat(static_cast<ExportFormat>(format));
        panel.setTarget(target);
        QVERIFY2(panel.task().ok(), panel.task() ? "" : panel.task().error().message.c_str());
        QSignalSpy estimated(&bench.window->exporting(), &ExportController::estimated);
        QVERIFY(QTest::qWaitFor([&] { return estimated.count() > 0; }, 20000));
        QVERIFY(!QFile::exists(target)); // an estimate writes nothing
        QSignalSpy exported(&bench.window->exporting(), &ExportController::exported);
        QSignalSpy failed(&bench.window->exporting(), &ExportController::failed);
        emit panel.exportRequested();
        QVERIFY(QTest::qWaitFor([&] { return exported.count() + failed.count() > 0; }, 60000));
        QVERIFY2(failed.isEmpty(), failed.isEmpty() ? "" : qPrintable(failed.front().front().toString()));
        const auto written = openModel(target.toStdString());
        QVERIFY2(written.ok(), written ? "" : written.error().message.c_str());
        QVERIFY((*written)->isQuantized());
        // a second one does not replace the first unasked
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->exporting().running(); }, 20000));
        emit panel.exportRequested();
        QVERIFY(QTest::qWaitFor([&] { return failed.count() > 0; }, 20000));
        QVERIFY(failed.front().front().toString().contains("out"));
    }

    void whatCannotMatterIsSaid() {
        Bench bench;
        QVERIFY(!bench.window->searchSetup().task().ok()); // no model
        prepare(bench);
        SearchSetup& setup = bench.window->searchSetup();
        setup.setVariant(SearchVariant::Symmetric);
        const auto refused = setup.task();
        QVERIFY(!refused.ok());
        QVERIFY2(refused.error().message.find("1/g") != std::string::npos, refused.error().message.c_str());
    }
};

QTEST_MAIN(TestSearchExport)
#include "test_search_export.moc"
