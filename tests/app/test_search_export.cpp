// Search and export driven from the window on a tiny random model: start, pause, resume, accept, discard,
// before and after, a calibrated export, and what is refused.
#include "app/gui/export/export_panel.h"
#include "app/gui/search/search_setup.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"
#include "core/diagnostics/pressure.h"
#include "core/session/session_file.h"
#include "tests/app/window_bench.h"
#include "widgets/common/before_after.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QComboBox>
#include <QElapsedTimer>
#include <QPushButton>
#include <QSignalSpy>
#include <QTableWidget>
#include <QToolButton>

#include <cmath>

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
    /// The energy-weighted pressure follows the queries, which the gains scale: after - before as core says.
    static void checkDifference(Bench& bench) {
        const auto session = bench.window->workspace().session();
        const int selected = bench.window->selection().selection().condition;
        const ScaleTwins twins = scaleTwins(*session, selected, {});
        QVERIFY(twins.complete() && selected == twins.after);
        QCOMPARE(bench.window->selection().selection().conditionB, twins.before);
        HeatMapPanel* map = nullptr;
        for (DiagnosticPanel* panel : bench.window->plots().panels())
            if (auto* one = qobject_cast<HeatMapPanel*>(panel)) map = one;
        map->setMetric(HeatMapMetric::PressureWeighted);
        const auto pressure = [&](int index) {
            const ConditionResult& of = *session->conditions[static_cast<std::size_t>(index)];
            return pressureGrid(PressureForm::EnergyWeighted, of.table, of.key.context, session->bands,
                                of.statistics);
        };
        const BandGrid before = pressure(twins.before), after = pressure(twins.after);
        const BandGrid& shown = map->grid();
        double largest = 0;
        QCOMPARE(shown.values.size(), after.values.size());
        for (std::size_t cell = 0; cell < shown.values.size(); ++cell) {
            if (std::isnan(after.values[cell])) continue;
            QCOMPARE(shown.values[cell], after.values[cell] - before.values[cell]);
            largest = std::max(largest, std::abs(shown.values[cell]));
        }
        QVERIFY(largest > 0); // the gains did something
    }
    /// The controls of the report and the verdict, on screen and in files.
    static void checkTables(SearchPanel& view, const SearchRecord& found, const QString& folder,
                            Bench& bench) {
        const auto tables = view.tables();
        QCOMPARE(tables.size(), std::size_t{4});
        QCOMPARE(tables.back().key, QString("controls"));
        ResultTableModel* controls = tables.back().model;
        QCOMPARE(controls->rowCount(), static_cast<int>(found.report.size()));
        const int nll = controls->columnOf("nll"), change = controls->columnOf("nll_change_by_gains");
        int compared = 0;
        for (int row = 0; row < controls->rowCount(); ++row) {
            const SearchReportRow& expected = found.report[static_cast<std::size_t>(row)];
            QCOMPARE(controls->index(row, 0).data().toString(), QString::fromStdString(expected.role));
            QCOMPARE(controls->index(row, nll).data(ResultTableModel::valueRole).toDouble(), expected.nll);
            const QVariant by = controls->index(row, change).data(ResultTableModel::valueRole);
            for (const SearchReportRow& plain : found.report)
                if (expected.role == plain.role + "+g" && plain.rope == expected.rope
                    && plain.context == expected.context) {
                    QCOMPARE(by.toDouble(), expected.nll - plain.nll);
                    ++compared;
                }
        }
        QVERIFY(compared > 0);
        QVERIFY(bench.window->exportPlots(folder));
        QFile file(folder + "/search-controls.csv");
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString text = QString::fromUtf8(file.readAll());
        QVERIFY(text.contains(QString::fromStdString(found.verdict.words).section('\n', 0, 0)));
        QVERIFY(text.contains("Q+g,"));
        QVERIFY(QFile::exists(folder + "/search-gains.csv"));
    }
    /// A model and a document of which one trial takes well over a second.
    static void prepareLarge(Bench& bench) {
        test::RandomModelOptions large;
        large.layers = 12;
        large.heads = 8;
        large.kvHeads = 4;
        large.headDim = 32;
        large.hidden = 256;
        large.intermediate = 704;
        test::makeRandomHfModel(bench.folder.filePath("model").toStdString(), large);
        QVERIFY(bench.ready({bench.document("search", 16000)}, {64}, {"yarn:2"}, {"rtn:3:g32"}));
        SearchSetup& setup = bench.window->searchSetup();
        setup.setRope("yarn:2");
        setup.setQuant("rtn:3:g32");
        setup.setContexts("64");
        setup.setSteps(20);
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
        for (const auto* box : view->findChildren<CompactComboBox*>()) // closed, it says what is chosen
            if (!box->isHidden()) QVERIFY2(!box->shownText().isEmpty(), qPrintable(box->accessibleName()));
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
        // every view shows the difference now, with the session's own numbers
        QVERIFY(bench.window->selection().selection().compare == CompareMode::Difference);
        bench.window->selection().setTensor(QkTensor::Q);
        checkDifference(bench);
        checkTables(*view, *found, bench.folder.filePath("figures"), bench);
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

    /// Cancel means now. What is cancelled would go on for more than a second, so an engine that asks for
    /// cancellation only between trials, or between matrices, fails; the least of three tries counts, because
    /// other programs may take the processor for a moment.
    void searchesStopWithin200Milliseconds() {
        Bench bench;
        prepareLarge(bench);
        SearchSetup& setup = bench.window->searchSetup();
        SearchController& search = bench.window->search();
        QSignalSpy records(&search, &SearchController::recordChanged);
        const auto trials = [&] { return search.record() ? search.record()->trials.size() : 0; };
        click(setup, "Start search");
        QVERIFY(QTest::qWaitFor([&] { return trials() > 0; }, 60000));
        QElapsedTimer clock;
        clock.start();
        QVERIFY(QTest::qWaitFor([&] { return trials() > 1; }, 60000));
        const qint64 trial = clock.elapsed();
        QVERIFY2(trial > 1000, qPrintable(QString("a trial of %1 ms cannot tell").arg(trial)));
        qint64 least = 1000000;
        for (int attempt = 0; attempt < 3 && least > 200; ++attempt) {
            if (attempt > 0) click(setup, "Resume");
            QSignalSpy progress(&search, &SearchController::progressed);
            QVERIFY(QTest::qWaitFor([&] { return progress.count() > 1; }, 60000)); // in the middle of a trial
            clock.restart();
            click(setup, "Pause");
            QVERIFY(reaches(bench, State::Paused));
            least = std::min(least, clock.elapsed());
        }
        qInfo("a trial takes %lld ms, paused after %lld ms", static_cast<long long>(trial),
              static_cast<long long>(least));
        QVERIFY2(least <= 200, qPrintable(QString("%1 ms").arg(least)));
    }

    void exportsStopWithin200Milliseconds() {
        Bench bench;
        prepareLarge(bench);
        ExportPanel& panel = bench.window->exportPanel();
        ExportController& exporting = bench.window->exporting();
        panel.setQuant("gptq:4:g32");
        panel.setFormat(ExportFormat::Gptq);
        const auto run = [&](const QString& target) {
            panel.setTarget(target);
            QSignalSpy progress(&exporting, &ExportController::progressed);
            emit panel.exportRequested();
            QVERIFY2(exporting.running(), qPrintable(bench.window->messages().text()));
            QVERIFY(QTest::qWaitFor([&] { return progress.count() > 1; }, 60000));
        };
        QElapsedTimer clock;
        run(bench.folder.filePath("whole"));
        clock.start();
        QVERIFY(QTest::qWaitFor([&] { return !exporting.running(); }, 60000));
        const qint64 whole = clock.elapsed();
        QVERIFY(QFile::exists(bench.folder.filePath("whole")));
        QVERIFY2(whole > 1000, qPrintable(QString("an export of %1 ms cannot tell").arg(whole)));
        qint64 least = 1000000;
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        for (int attempt = 0; attempt < 3 && least > 200; ++attempt) {
            const QString target = bench.folder.filePath(QString("cancelled%1").arg(attempt));
            run(target);
            clock.restart();
            click(bench.window->runStatus(), "Cancel");
            QVERIFY(QTest::qWaitFor([&] { return !exporting.running(); }, 60000));
            least = std::min(least, clock.elapsed());
            QVERIFY(!QFile::exists(target));
        }
        QCOMPARE(errors.count(), 0); // what was asked for is no error
        qInfo("an export takes %lld ms, cancelled after %lld ms", static_cast<long long>(whole),
              static_cast<long long>(least));
        QVERIFY2(least <= 200, qPrintable(QString("%1 ms").arg(least)));
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

    /// The table of windows: a value that is typed is in the plan and its command, rubbish is not, Reset
    /// forgets.
    void windowsOfTheGainsCanBeEdited() {
        Bench bench;
        prepare(bench);
        SearchSetup& setup = bench.window->searchSetup();
        auto* table = setup.findChild<QTableWidget*>();
        QVERIFY(table && table->rowCount() > 0 && table->columnCount() > 1);
        const auto before = windowsOf(setup.task()->plan);
        QCOMPARE(table->rowCount(), before.tau.layers);
        QCOMPARE(table->item(0, 1)->text(), QString::number(before.tau.at(0, 1), 'f', 2));
        table->item(0, 1)->setText("1.37");
        const auto edited = setup.task();
        QVERIFY(edited.ok() && edited->plan.windows);
        QCOMPARE(edited->plan.windows->tau.at(0, 1), 1.37);
        QCOMPARE(edited->plan.windows->tau.at(0, 0), before.tau.at(0, 0));
        QVERIFY(edited->plan.command.find("--window 0:1:1.37") != std::string::npos);
        QVERIFY(table->item(0, 1)->font().bold() && !table->item(0, 0)->font().bold());
        for (const char* rubbish : {"0.5", "wide", ""}) {
            table->item(0, 0)->setText(rubbish);
            QCOMPARE(table->item(0, 0)->text(), QString::number(before.tau.at(0, 0), 'f', 2));
        }
        for (auto* button : setup.findChildren<QToolButton*>())
            if (button->text() == "Reset") button->click();
        QCOMPARE(windowsOf(setup.task()->plan).tau.at(0, 1), before.tau.at(0, 1));
        QVERIFY(setup.task()->plan.command.find("--window") == std::string::npos);
    }

    void exportsOfGainsCalibrateWhereTheyWereSearched() {
        Bench bench;
        prepare(bench);
        ExportPanel& panel = bench.window->exportPanel();
        panel.setQuant("gptq:4:g32");
        panel.setFormat(ExportFormat::Gptq);
        panel.setTarget(bench.folder.filePath("out"));
        QVERIFY(panel.task().ok());
        QCOMPARE(panel.task()->calibrationContext, 0); // what the scaling is for
        auto session = std::make_shared<Session>(*bench.window->workspace().session());
        auto record = std::make_shared<SearchRecord>();
        record->scales = {"g1", QkGains::ones(session->model), session->modelFingerprint, "yarn:2",
                          "gptq:4:g32"};
        record->settings.contexts = {32, 64};
        session->searches.push_back(record);
        panel.setSession(session);
        for (auto* box : panel.findChildren<QComboBox*>())
            if (box->count() > 1 && box->itemText(1).contains("g1")) box->setCurrentIndex(1);
        QVERIFY(panel.task().ok());
        QCOMPARE(panel.task()->request.scalesName, std::string("g1"));
        QCOMPARE(panel.task()->calibrationContext, 64);
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
        for (auto* box : setup.findChildren<QComboBox*>())
            if (const int at = box->findText("symmetric"); at >= 0) {
                const auto flags = box->model()->flags(box->model()->index(at, 0));
                QVERIFY(!flags.testFlag(Qt::ItemIsEnabled)); // offered only where it can act
            }
    }
};

QTEST_MAIN(TestSearchExport)
#include "test_search_export.moc"
