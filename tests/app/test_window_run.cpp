// A real analysis of a tiny random model, driven from the window: progress, results as they come, cancel,
// continuing, autosave, closing in the middle.
#include "app/gui/export/export_panel.h"
#include "app/gui/search/search_setup.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/window_bench.h"
#include "tests/support/synthetic_session.h"

#include <QDir>
#include <QElapsedTimer>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace qroar;

namespace {

using Bench = test::WindowBench;

/// Answers one after the other, the last one again and again, and what was asked.
struct Answers {
    QStringList asked;
    QList<QMessageBox::StandardButton> answers;
    void to(MainWindow& window) {
        window.setQuestion([this](const QString& text, QMessageBox::StandardButtons) {
            asked << text;
            return answers.size() > 1 ? answers.takeFirst() : answers.first();
        });
    }
};

/// A search that goes on until it is stopped; returns after its first trials.
bool searches(Bench& bench) {
    SearchSetup& setup = bench.window->searchSetup();
    setup.setRope("yarn:2");
    setup.setQuant("rtn:3:g32");
    setup.setContexts("64");
    setup.setSteps(50);
    QSignalSpy records(&bench.window->search(), &SearchController::recordChanged);
    emit setup.startRequested();
    const auto tried = [&] { return bench.window->search().record() && records.count() > 2; };
    return QTest::qWaitFor(tried, 60000) && bench.window->search().running();
}

/// Without a model: gains by hand, their list.
std::shared_ptr<const Session> plainSession() {
    test::SyntheticOptions options;
    options.contexts = {256};
    options.ropes = {"none"};
    options.gradients = false;
    return test::makeSyntheticSession(options);
}

} // namespace

class TestWindowRun : public QObject {
    Q_OBJECT

  private slots:
    void analyzesAndFillsThePanels() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("a", 600), bench.document("b", 300)}, {64, 256},
                            {"none", "yarn:2"}, {"none", "rtn:4:g32"}));
        QSignalSpy conditions(&bench.window->analysis(), &AnalysisController::conditionFinished);
        QSignalSpy progress(&bench.window->analysis(), &AnalysisController::progressed);
        bench.window->startRun();
        QVERIFY(bench.window->analysis().running());
        QVERIFY(bench.window->setup().problem().contains("running"));
        QVERIFY(bench.waitForEnd());
        QVERIFY2(bench.window->messages().text().isEmpty(), qPrintable(bench.window->messages().text()));
        QCOMPARE(conditions.count(), 8);
        QVERIFY(progress.count() >= 8);
        const auto session = bench.window->workspace().session();
        QCOMPARE(session->conditions.size(), std::size_t(8));
        QVERIFY(session->provenance.command.find("qroar analyze") == 0);
        QVERIFY(bench.window->workspace().dirty());
        for (DiagnosticPanel* panel : bench.window->plots().panels()) {
            panel->ensureFresh();
            if (panel->emptyText().contains("Quantization noise")) continue; // that was not asked for
            QVERIFY2(panel->emptyText().isEmpty(), qPrintable(panel->title() + ": " + panel->emptyText()));
        }
        // the autosave holds the same conditions and can be read back
        const QString autosave = bench.folder.filePath("autosave/autosave-1.h5");
        const auto kept = loadSession(autosave.toStdString());
        QVERIFY2(kept.ok(), kept.ok() ? "" : kept.error().message.c_str());
        QCOMPARE((*kept)->conditions.size(), std::size_t(8));
        // saving makes it superfluous
        bench.window->saveTo(bench.folder.filePath("run.h5"));
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QTest::qWait(10);
        QVERIFY(!QFile::exists(autosave));
    }

    void runningAgainKeepsWhatIsDone() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("a", 600)}, {64}, {"none"}, {"none"}));
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        const auto first = bench.window->workspace().session();
        QCOMPARE(first->conditions.size(), std::size_t(1));
        // what the user does to the bands in between survives the second run
        const BandPartition edited = BandPartition::equal(2, first->bands.pairs());
        QVERIFY(edited != first->bands);
        bench.window->workspace().setBands(first->bands, edited);
        bench.window->setup().setRopes({"none", "linear:2"});
        QSignalSpy conditions(&bench.window->analysis(), &AnalysisController::conditionFinished);
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        QCOMPARE(conditions.count(), 1); // only the new one ran
        const auto second = bench.window->workspace().session();
        QCOMPARE(second->conditions.size(), std::size_t(2));
        QCOMPARE(second->conditions.front().get(), first->conditions.front().get());
        QCOMPARE(second->bands, edited);
        // everything is done: the button says so
        const auto* run = bench.window->setup().findChild<QPushButton*>("runButton");
        QVERIFY(!run->isEnabled());
        // other documents make one more session; the first stays open as it is
        bench.window->setup().setDocuments({bench.document("c", 500)});
        QVERIFY(QTest::qWaitFor([&] { return bench.window->analysis().inputsReady(); }, 20000));
        const SessionId kept = bench.window->workspace().current();
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        QCOMPARE(bench.window->workspace().session(kept).get(), second.get());
        QVERIFY(bench.window->workspace().current() != kept);
        QCOMPARE(bench.window->workspace().session()->documents.front().name, std::string("c.u16"));
    }

    void anOpenedSessionFillsTheSetupAndCanBeContinued() {
        Bench bench;
        const QStringList documents{bench.document("a", 600), bench.document("b", 300)};
        QVERIFY(bench.ready(documents, {64, 256}, {"none", "yarn:3"}, {"rtn:4:g32"}));
        bench.window->setup().setMaxWindows(1);
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        const QString path = bench.folder.filePath("run.h5");
        bench.window->saveTo(path);
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QVERIFY(bench.window->close());
        bench.open();
        bench.window->openSession(path);
        QVERIFY(QTest::qWaitFor([&] { return bench.window->analysis().inputsReady(); }, 20000));
        const SetupRequest shown = bench.window->setup().request();
        QCOMPARE(shown.modelPath, bench.model());
        QCOMPARE(shown.documents, documents);
        QCOMPARE(shown.contexts, (std::vector<int>{64, 256}));
        QCOMPARE(shown.ropes, (std::vector{*RopeSpec::parse("none"), *RopeSpec::parse("yarn:3")}));
        QCOMPARE(shown.quants, (std::vector{*QuantSpec::parse("rtn:4:g32")}));
        QCOMPARE(shown.maxWindows, 1);
        QCOMPARE(shown.bands, bench.window->workspace().session()->bands.count());
        const auto* run = bench.window->setup().findChild<QPushButton*>("runButton");
        QVERIFY2(run->text().contains("all 4"), qPrintable(run->text()));
        QVERIFY(bench.window->messages().text().isEmpty());
        // one more condition goes into the same session
        bench.window->setup().setContexts({64, 128, 256});
        bench.window->setup().setRopes({"none"});
        QVERIFY2(run->text().contains("1 more"), qPrintable(run->text()));
        // the estimate is of that one: 2 documents, 1 window each, of 128 tokens
        QSignalSpy estimated(&bench.window->analysis(), &AnalysisController::estimated);
        QVERIFY(QTest::qWaitFor([&] { return estimated.count() > 0; }, 20000));
        QCOMPARE(estimated.last().first().value<AnalysisEstimate>().tokens, 256LL);
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        QCOMPARE(bench.window->workspace().session()->conditions.size(), std::size_t(5));
    }

    void aSessionWhoseFilesAreGoneSaysSoAndStaysUsable() {
        Bench bench;
        const QStringList documents{bench.document("a", 600), bench.document("b", 300)};
        QVERIFY(bench.ready(documents, {64}, {"none", "yarn:3"}, {"none"}));
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        const QString path = bench.folder.filePath("run.h5");
        bench.window->saveTo(path);
        QVERIFY(QTest::qWaitFor([&] { return !bench.window->workspace().dirty(); }, 20000));
        QVERIFY(QFile::remove(documents[1]));
        QSignalSpy errors(bench.window.get(), &MainWindow::errorShown);
        const auto reopen = [&] {
            bench.window->closeSession(bench.window->workspace().current()); // else it is open already
            QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
            bench.window->openSession(path);
            return QTest::qWaitFor([&] { return opened.count() > 0; }, 20000);
        };
        QVERIFY(reopen());
        QVERIFY(bench.window->messages().text().contains("b.u16"));
        QVERIFY(!bench.window->messages().text().contains("a.u16"));
        QCOMPARE(bench.window->messages().kind(), MessageBar::Kind::Warning);
        QCOMPARE(bench.window->setup().request().documents, documents); // listed, so that one sees which
        QVERIFY(
            QTest::qWaitFor([&] { return bench.window->analysis().openedModel().model != nullptr; }, 20000));
        QVERIFY(bench.window->setup().problem().contains("documents"));

        QVERIFY(QDir().rename(bench.model(), bench.folder.filePath("moved")));
        QVERIFY(reopen());
        QVERIFY(bench.window->messages().text().contains(bench.folder.filePath("model")));
        QVERIFY(!bench.window->analysis().openedModel().model);
        bench.window->startRun(); // refused with words
        QVERIFY(!bench.window->analysis().running());
        for (DiagnosticPanel* panel : bench.window->plots().panels())
            if (panel->title().contains("Perplexity")) QVERIFY(panel->tableModel()->rowCount() > 0);
        QCOMPARE(errors.count(), 1); // the refusal only

        // chosen anew, the session goes on
        bench.window->openModel(bench.folder.filePath("moved"));
        bench.window->setup().setDocuments({documents[0], bench.document("b", 300)});
        QVERIFY(QTest::qWaitFor([&] { return bench.window->analysis().inputsReady(); }, 20000));
        const auto* run = bench.window->setup().findChild<QPushButton*>("runButton");
        QVERIFY2(run->text().contains("all 2"), qPrintable(run->text()));
    }

    void cancelAnswersAtOnceAndKeepsWhatIsDone() {
        Bench bench;
        // one short condition, then one of minutes
        QVERIFY(bench.ready({bench.document("long", 65000)}, {64}, {"none"}, {"none"}));
        bench.window->setup().setMaxWindows(0);
        bench.window->startRun();
        QVERIFY(bench.waitForEnd());
        bench.window->setup().setContexts({64, 60000});
        QSignalSpy progress(&bench.window->analysis(), &AnalysisController::progressed);
        bench.window->startRun();
        QVERIFY(QTest::qWaitFor([&] { return progress.count() > 3; }, 20000));
        QVERIFY2(bench.window->windowTitle().contains('%'), qPrintable(bench.window->windowTitle()));
        QVERIFY(!bench.window->runStatus().isHidden());
        QTRY_VERIFY_WITH_TIMEOUT(!bench.window->runStatus().timeLeft().isEmpty(), 20000);
        const RunStatus& status = bench.window->runStatus();
        QVERIFY2(bench.window->windowTitle().startsWith(
                     QString("%1 %, %2 left - ").arg(status.percent()).arg(status.timeLeft())),
                 qPrintable(bench.window->windowTitle()));
        auto* cancel = bench.window->findChild<QPushButton*>("cancelButton");
        QElapsedTimer clock;
        clock.start();
        QTest::mouseClick(cancel, Qt::LeftButton);
        QVERIFY(!cancel->isEnabled());
        QVERIFY2(clock.elapsed() < 200, qPrintable(QString::number(clock.elapsed())));
        QVERIFY(bench.waitForEnd(20000)); // between tiles, long before the end
        QCOMPARE(bench.window->workspace().session()->conditions.size(), std::size_t(1));
        QVERIFY(bench.window->runStatus().isHidden());
        QVERIFY(bench.window->log().toPlainText().contains("1 condition kept"));
        QVERIFY(!bench.window->windowTitle().contains('%'));
    }

    void closingDuringARunStopsItAndAsksAboutTheResults() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("long", 65000)}, {60000}, {"none"}, {"none"}));
        QStringList questions;
        QMessageBox::StandardButton answer = QMessageBox::No;
        bench.window->setQuestion([&](const QString& text, QMessageBox::StandardButtons) {
            questions << text;
            return answer;
        });
        QSignalSpy progress(&bench.window->analysis(), &AnalysisController::progressed);
        bench.window->startRun();
        QVERIFY(QTest::qWaitFor([&] { return progress.count() > 1; }, 20000));
        QVERIFY(!bench.window->close());
        QVERIFY(bench.window->analysis().running());
        answer = QMessageBox::Yes;
        bench.window->close();
        QVERIFY(QTest::qWaitFor([&] { return bench.window->isHidden(); }, 20000));
        QCOMPARE(questions.size(), 2);
    }

    void closingDuringOtherJobsAsks_data() {
        QTest::addColumn<QString>("job");
        for (const char* job : {"search", "evaluation", "export"}) QTest::newRow(job) << QString(job);
    }
    void closingDuringOtherJobsAsks() {
        QFETCH(QString, job);
        Bench bench;
        QVERIFY(bench.ready({bench.document("a", 4000)}, {64}, {"yarn:2"}, {"rtn:3:g32"}));
        MainWindow& window = *bench.window;
        const QString target = bench.folder.filePath("out");
        if (job == "search") {
            QVERIFY(searches(bench));
        } else if (job == "evaluation") {
            window.setup().setMaxWindows(1);
            window.startRun();
            QVERIFY(bench.waitForEnd());
            window.saveTo(bench.folder.filePath("run.h5"));
            QVERIFY(QTest::qWaitFor([&] { return !window.workspace().dirty(); }, 20000));
            window.scales().evaluate();
            QVERIFY(window.scales().running());
        } else {
            window.exportPanel().setQuant("rtn:4:g32");
            window.exportPanel().setTarget(target);
            emit window.exportPanel().exportRequested();
            QVERIFY(window.exporting().running());
        }
        const auto* cancel = window.findChild<QPushButton*>("cancelButton");
        QVERIFY2(cancel->toolTip().contains(job), qPrintable(cancel->toolTip()));
        Answers answers{{}, {QMessageBox::No}};
        answers.to(window);
        QVERIFY(!window.close());
        QCOMPARE(answers.asked.size(), 1);
        QVERIFY2(answers.asked.front().contains(job, Qt::CaseInsensitive), qPrintable(answers.asked.front()));
        QVERIFY(window.search().running() || window.scales().running() || window.exporting().running());
        answers.answers = {QMessageBox::Yes, QMessageBox::Discard};
        window.close();
        QVERIFY(QTest::qWaitFor([&] { return window.isHidden(); }, 20000));
        QVERIFY(answers.asked.at(1).contains(job, Qt::CaseInsensitive));
        if (job == "search") QVERIFY(answers.asked.at(2).contains("neither accepted nor discarded"));
        QVERIFY(!QFile::exists(target));
    }

    /// Stopped or paused, a search is worth a question, and an autosave meanwhile.
    void quittingAsksAboutASearchThatIsUndecided() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("a", 4000)}, {64}, {"yarn:2"}, {"rtn:3:g32"}));
        MainWindow& window = *bench.window;
        QVERIFY(searches(bench));
        window.search().pause();
        QVERIFY(QTest::qWaitFor([&] { return !window.search().running(); }, 20000));
        const auto found = window.search().record();
        QVERIFY(found && !window.workspace().dirty());
        window.autosaveChanges();
        QVERIFY(QTest::qWaitFor([&] { return !window.analysis().autosaving(); }, 20000));
        const QString autosave = bench.folder.filePath("autosave/autosave-1.h5");
        const auto kept = loadSession(autosave.toStdString());
        QVERIFY2(kept.ok(), kept ? "" : kept.error().message.c_str());
        QCOMPARE((*kept)->searches.size(), std::size_t{1});
        QVERIFY((*kept)->searches.front()->scales.gains == found->scales.gains);
        QCOMPARE((*kept)->searches.front()->trials.size(), found->trials.size());
        QVERIFY(window.workspace().session()->searches.empty());

        Answers answers{{}, {QMessageBox::Cancel}};
        answers.to(window);
        QVERIFY(!window.close());
        QCOMPARE(answers.asked.size(), 1);
        QVERIFY(window.search().record() == found);
        // given up, but then one stays: it is still there and asked about again
        answers.answers = {QMessageBox::Discard, QMessageBox::Cancel};
        window.workspace().addCondition(plainSession()->conditions.front());
        QVERIFY(!window.close());
        QCOMPARE(answers.asked.size(), 3);
        QVERIFY(window.search().record() == found);
        answers.answers = {QMessageBox::Save, QMessageBox::Cancel};
        QVERIFY(!window.close());
        QCOMPARE(window.workspace().session()->searches.size(), std::size_t{1});
        QVERIFY(!window.search().record() && window.workspace().dirty());
        answers.answers = {QMessageBox::Discard};
        QVERIFY(window.close());
        QVERIFY(!QFile::exists(autosave));
    }

    /// Gains being set are in the autosave; what they are on top of is found under any name, or kept.
    void gainsBeingSetAreKept() {
        Bench bench;
        MainWindow& window = *bench.window;
        const SessionId id = window.workspace().open(plainSession(), {});
        const ModelConfig model = window.workspace().session()->model;
        WhatIf perHead;
        perHead.scales.gains = QkGains::ones(model);
        for (std::size_t at = 0; at < perHead.scales.gains.q.size(); ++at)
            perHead.scales.gains.q[at] = 1 + 0.01 * static_cast<double>(at % 7);
        perHead.scales.rope = perHead.scales.quant = "none";
        perHead.context = 64;
        perHead.scales.modelFingerprint = window.workspace().session()->modelFingerprint;
        ScalesController& gains = window.scales().controller();
        gains.pin(id, perHead);
        GainEdit edit = GainEdit::from(perHead.scales.gains, "w1");
        QVERIFY(edit.base() != nullptr);
        edit.set(window.workspace().session()->bands, -1, 0, {1.5, 1});
        gains.setEdit(edit, "set");
        window.autosaveChanges();
        QVERIFY(QTest::qWaitFor([&] { return !window.analysis().autosaving(); }, 20000));
        const auto kept = loadSession(bench.folder.filePath("autosave/autosave-1.h5").toStdString());
        QVERIFY2(kept.ok(), kept.ok() ? "" : kept.error().message.c_str());
        const auto restored = [&](const std::string& state) {
            gains.restoreEdit(id, GainEdit(model.layers, model.pairs()));
            window.scales().restoreEdit(state, id);
            return gains.edit().toGains(model) == edit.toGains(model);
        };
        QVERIFY(restored((*kept)->viewState));
        QCOMPARE(gains.rename(0, "heads"), QString());
        QVERIFY(restored(window.scales().withEdit("{}", id)));
        QCOMPARE(gains.edit().baseName(), std::string("heads"));
        gains.remove({0});
        const std::string alone = window.scales().withEdit("{}", id);
        QVERIFY(restored(alone));
        // what names something that is gone, as older files do, is said
        QSignalSpy errors(&window, &MainWindow::errorShown);
        QVERIFY(!restored(R"({"gains":{"base":"w1","q":[],"k":[]}})"));
        QVERIFY(errors.count() == 1 && errors.front().front().toString().contains("w1"));
    }

    /// A name that was free when a step was undone may be a search's by the time it is done again.
    void namesStayUniqueAcrossUndo() {
        Bench bench;
        MainWindow& window = *bench.window;
        const SessionId id = window.workspace().open(plainSession(), {});
        const auto session = window.workspace().session();
        WhatIf pinned;
        pinned.scales.gains = QkGains::ones(session->model);
        pinned.scales.modelFingerprint = session->modelFingerprint;
        window.scales().controller().pin(id, pinned);
        QCOMPARE(window.scales().controller().rename(0, "g1"), QString());
        window.workspace().undoStack()->undo();
        auto search = std::make_shared<SearchRecord>();
        search->scales = pinned.scales;
        search->scales.name = "g1";
        window.workspace().addSearch(search);
        QSignalSpy errors(&window, &MainWindow::errorShown);
        window.workspace().undoStack()->redo();
        QCOMPARE(window.workspace().session()->whatIfs.size(), std::size_t{1});
        QCOMPARE(window.workspace().session()->whatIfs.front()->scales.name, std::string("w1"));
        QCOMPARE(errors.count(), 1); // said
        window.workspace().undoStack()->undo();
        window.workspace().undoStack()->undo();
        QVERIFY(window.workspace().session()->whatIfs.empty());
    }

    /// Nor that of a condition which was run with other gains, whose own are in no list by then.
    void namesOfConditionsStayTheirsAcrossUndo() {
        Bench bench;
        MainWindow& window = *bench.window;
        const SessionId id = window.workspace().open(plainSession(), {});
        const auto session = window.workspace().session();
        ScalesController& controller = window.scales().controller();
        const auto pin = [&](double gain) {
            WhatIf pinned;
            pinned.scales.gains = QkGains::ones(session->model);
            for (double& one : pinned.scales.gains.q) one = gain;
            pinned.scales.modelFingerprint = session->modelFingerprint;
            controller.pin(id, pinned);
        };
        const auto list = [&] { return window.workspace().session()->whatIfs; };
        pin(1.5);
        QCOMPARE(controller.rename(0, "mine"), QString());
        pin(0.75);
        QCOMPARE(list().back()->scales.name, std::string("w1"));
        auto run = std::make_shared<ConditionResult>(*session->conditions.front());
        run->key.scales = "w1";
        window.workspace().addCondition(id, run);
        QSignalSpy errors(&window, &MainWindow::errorShown);
        QUndoStack& undo = *window.workspace().undoStack();
        undo.undo(); // the pin: no list has the condition's gains
        undo.undo(); // the renaming: the first was w1 once
        QCOMPARE(list().size(), std::size_t{1});
        QCOMPARE(list().front()->scales.gains.q.front(), 1.5);
        QCOMPARE(list().front()->scales.name, std::string("w2"));
        QCOMPARE(errors.count(), 1);
        QVERIFY(errors.front().front().toString().contains("w1"));
        undo.redo();
        QCOMPARE(list().front()->scales.name, std::string("mine"));
        undo.redo(); // and here are the condition's own gains again, under its name
        QCOMPARE(list().size(), std::size_t{2});
        QCOMPARE(list().back()->scales.name, std::string("w1"));
        QCOMPARE(list().back()->scales.gains.q.front(), 0.75);
        QCOMPARE(errors.count(), 1);
    }

    void destroyingTheWindowDuringARunIsSafe() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("long", 65000)}, {60000}, {"none"}, {"none"}));
        bench.window->startRun();
        QTest::qWait(50);
        QElapsedTimer clock;
        clock.start();
        bench.window.reset();
        QVERIFY(clock.elapsed() < 10000);
    }

    void supersededInputsAreDropped() {
        Bench bench;
        const QString model = bench.model();
        QSignalSpy opened(&bench.window->analysis(), &AnalysisController::modelOpened);
        QSignalSpy failed(&bench.window->analysis(), &AnalysisController::modelFailed);
        bench.window->openModel(bench.folder.filePath("nowhere"));
        bench.window->openModel(model);
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        QTest::qWait(20);
        QCOMPARE(failed.count(), 0);
        QCOMPARE(opened.count(), 1);
    }

    void badDocumentsAreNamed() {
        Bench bench;
        bench.window->openModel(bench.model());
        QSignalSpy failed(&bench.window->analysis(), &AnalysisController::documentsFailed);
        const QString bad = bench.folder.filePath("bad.u16");
        test::writeBytes(bad.toStdString(), std::string("\xff\xff\xff\xff", 4)); // id 65535 of 64
        bench.window->setup().setDocuments({bad});
        QVERIFY(QTest::qWaitFor([&] { return failed.count() > 0; }, 20000));
        QVERIFY(bench.window->messages().text().contains("bad.u16"));
        QVERIFY(!bench.window->setup().problem().isEmpty());
        bench.window->setup().setDocuments({bench.document("good", 600)});
        QVERIFY(QTest::qWaitFor([&] { return bench.window->analysis().inputsReady(); }, 20000));
        QCOMPARE(bench.window->setup().problem(), QString());
    }

    void impossiblePlansAreExplainedBeforeTheyRun() {
        Bench bench;
        QVERIFY(bench.ready({bench.document("a", 100)}, {64}, {"none"}, {"none"}));
        QSignalSpy failed(&bench.window->analysis(), &AnalysisController::estimateFailed);
        bench.window->setup().setContexts({4096});
        QVERIFY(QTest::qWaitFor([&] { return failed.count() > 0; }, 20000));
        QVERIFY2(bench.window->setup().problem().contains("4096")
                     || bench.window->setup().problem().contains("4,096"),
                 qPrintable(bench.window->setup().problem()));
        QSignalSpy estimated(&bench.window->analysis(), &AnalysisController::estimated);
        bench.window->setup().setContexts({64});
        QVERIFY(QTest::qWaitFor([&] { return estimated.count() > 0; }, 20000));
        QCOMPARE(bench.window->setup().problem(), QString());
    }
};

QTEST_MAIN(TestWindowRun)
#include "test_window_run.moc"
