// What is open and unsaved survives a process that is killed: a run's results, a band edge, what-ifs, gains
// that are being set, a search that nobody has decided about. The child process does it all in a real window,
// waits for the autosave that comes by itself, and is killed (SIGKILL); another window recovers it.
#include "app/gui/search/search_setup.h"
#include "core/session/session_file.h"
#include "tests/app/main_window_bench.h"
#include "tests/app/window_bench.h"

#include <QProcess>

#include <cstdio>

using namespace qroar;

namespace {

constexpr char childVariable[] = "QROAR_TEST_CHILD"; ///< the folder a child process works in

/// What the child had, in its own words.
QString factsPath(const QString& folder) {
    return QDir(folder).filePath("facts.ini");
}

double sumOfLosses(const Session& session) {
    double sum = 0;
    for (const auto& condition : session.conditions)
        for (const WindowNll& window : condition->windows)
            for (const float nll : window.nll) sum += nll;
    return sum;
}

double sumOfGains(const QkGains& gains) {
    double sum = 0;
    for (const double gain : gains.q) sum += gain;
    for (const double gain : gains.k) sum += 3 * gain;
    return sum;
}

/// A search for a few trials, stopped and left undecided.
bool searchAndStop(MainWindow& window) {
    SearchSetup& setup = window.searchSetup();
    setup.setRope("yarn:2");
    setup.setQuant("rtn:3:g32");
    setup.setContexts("64");
    setup.setSteps(50);
    QSignalSpy records(&window.search(), &SearchController::recordChanged);
    emit setup.startRequested();
    if (!QTest::qWaitFor([&] { return window.search().record() && records.count() > 2; }, 60000))
        return false;
    window.search().stop();
    return QTest::qWaitFor([&] { return window.search().state() == SearchController::State::Undecided; },
                           60000);
}

/// Runs in a process of its own until it is killed.
int changeAndWait(const QString& folder) {
    test::WindowBench bench;
    bench.settings.setValue("autosave/seconds", 1);
    WindowEnvironment environment;
    environment.settings = &bench.settings;
    environment.autosaveFolder = QDir(folder).filePath("autosave");
    bench.window = std::make_unique<MainWindow>(environment);
    MainWindow& window = *bench.window;
    window.show();
    if (!bench.ready({bench.document("a", 4000)}, {64}, {"yarn:2"}, {"rtn:3:g32"})) return 1;
    window.startRun();
    if (!bench.waitForEnd()) return 1;
    if (!searchAndStop(window)) return 1;
    const SessionId id = window.workspace().current();
    const BandPartition before = window.workspace().session()->bands;
    window.workspace().setBands(before, before.withEdgeMoved(1, before.edges()[1] + 1));
    const auto session = window.workspace().session();
    ScalesController& gains = window.scales().controller();
    WhatIf pinned;
    pinned.scales.gains = QkGains::ones(session->model);
    for (double& gain : pinned.scales.gains.q) gain = 1.125;
    pinned.scales.rope = "yarn:2";
    pinned.scales.quant = "rtn:3:g32";
    pinned.scales.modelFingerprint = session->modelFingerprint;
    pinned.context = 64;
    pinned.predicted = -0.25;
    gains.pin(id, pinned);
    GainEdit edit = gains.edit();
    edit.set(session->bands, -1, 0, {1.5, 0.75});
    gains.setEdit(edit, "set");
    QTest::qWait(2500); // the autosave comes by itself
    if (!QTest::qWaitFor([&] { return !window.analysis().autosaving(); }, 20000)) return 1;
    QSettings facts(factsPath(folder), QSettings::IniFormat);
    facts.setValue("losses", sumOfLosses(*session));
    facts.setValue("bands", QString::fromStdString(session->bands.text()));
    facts.setValue("edit", sumOfGains(edit.toGains(session->model)));
    facts.setValue("trials", static_cast<int>(window.search().record()->trials.size()));
    facts.setValue("found", sumOfGains(window.search().record()->scales.gains));
    facts.sync();
    std::puts("kept");
    std::fflush(stdout);
    return QApplication::exec();
}

} // namespace

class TestWindowKilled : public QObject {
    Q_OBJECT

  private slots:
    void changesSurviveAKilledProcess() {
        test::SessionBench bench; // its folder, and the window that finds what was left
        bench.window.reset();
        QProcess child;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert(childVariable, bench.folder.path());
        environment.insert("TMPDIR", bench.folder.path()); // it cannot tidy up
        child.setProcessEnvironment(environment);
        child.start(QCoreApplication::applicationFilePath(), {});
        QVERIFY(child.waitForStarted());
        QVERIFY(QTest::qWaitFor([&] { return child.readAllStandardOutput().contains("kept"); }, 120000));
        child.kill(); // SIGKILL: no destructor, no question
        QVERIFY(child.waitForFinished());
        bench.open();
        QVERIFY(bench.recover());
        const QSettings facts(factsPath(bench.folder.path()), QSettings::IniFormat);
        const auto near = [&](double value, const char* fact) {
            const double expected = facts.value(fact).toDouble();
            return expected != 0 && std::abs(value - expected) < 1e-6 * std::abs(expected);
        };
        const auto session = bench.window->workspace().session();
        QVERIFY(bench.window->workspace().dirty());
        QCOMPARE(session->conditions.size(), std::size_t{1});
        QVERIFY(near(sumOfLosses(*session), "losses"));
        QCOMPARE(QString::fromStdString(session->bands.text()), facts.value("bands").toString());
        QCOMPARE(session->whatIfs.size(), std::size_t{1});
        QCOMPARE(session->whatIfs.front()->scales.name, std::string("w1"));
        QCOMPARE(session->whatIfs.front()->predicted, -0.25);
        QCOMPARE(session->whatIfs.front()->scales.gains.q.front(), 1.125);
        QCOMPARE(session->searches.size(), std::size_t{1});
        QCOMPARE(static_cast<int>(session->searches.front()->trials.size()), facts.value("trials").toInt());
        QVERIFY(near(sumOfGains(session->searches.front()->scales.gains), "found"));
        QVERIFY(near(sumOfGains(bench.window->scales().controller().edit().toGains(session->model)), "edit"));
    }
};

int main(int argc, char** argv) {
    QApplication application(argc, argv);
    if (const QString folder = qEnvironmentVariable(childVariable); !folder.isEmpty())
        return changeAndWait(folder);
    QTEST_SET_MAIN_SOURCE_PATH
    TestWindowKilled tests;
    return QTest::qExec(&tests, argc, argv);
}
#include "test_window_killed.moc"
