// What ties the window to files that come and go meanwhile: B's file, the offer of recovery, relative paths.
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/window/compare_bar.h"
#include "app/gui/window/session_tabs.h"
#include "app/gui/window/view_state.h"
#include "tests/app/main_window_bench.h"
#include "tests/support/safetensors_writer.h"
#include "widgets/common/elided.h"

#include <QFile>

using namespace qroar;
using Bench = test::SessionBench;
using Source = CompareController::Source;

namespace {

std::shared_ptr<const Session> someSession(std::uint64_t seed) {
    test::SyntheticOptions options;
    options.seed = seed;
    options.contexts = {256, 1024};
    options.ropes = {"none", "yarn:4"};
    options.gradients = false;
    return test::makeSyntheticSession(options);
}

bool write(const QString& path, std::uint64_t seed) {
    return saveSession(*someSession(seed), path.toStdString()).ok();
}

bool opens(Bench& bench, const QString& path) {
    QSignalSpy opened(bench.window.get(), &MainWindow::sessionOpened);
    bench.window->openSession(path);
    return QTest::qWaitFor([&] { return opened.count() > 0; }, 20000);
}

bool saves(Bench& bench, const QString& path) {
    QSignalSpy changed(&bench.window->workspace(), &Workspace::pathChanged);
    bench.window->saveTo(path);
    return QTest::qWaitFor([&] { return changed.count() > 0; }, 20000);
}

QPushButton* button(const MessageBar& bar, const QString& word) {
    for (auto* one : bar.findChildren<QPushButton*>())
        if (one->text().contains(word) && one->isVisible()) return one;
    return nullptr;
}

/// a.h5 and b.h5, both open, A in front, its B the fourth condition of b.h5, the difference asked for.
struct PairBench : Bench {
    QString pathA = folder.filePath("a.h5"), pathB = folder.filePath("b.h5");
    std::string condition;

    [[nodiscard]] bool ready() {
        if (!write(pathA, 1) || !write(pathB, 2) || !opens(*this, pathB) || !opens(*this, pathA))
            return false;
        const SessionId b = window->workspace().withPath(pathB);
        condition = window->workspace().session(b)->conditions[3]->key.text();
        window->selection().setCondition(5);
        window->compare().choose(b, 3);
        return window->compare().show(CompareMode::Difference).isEmpty();
    }
    [[nodiscard]] bool awaits(const QString& path) const {
        return window->compare().state()
                   == CompareController::State{Source::Awaited, noSession, condition, path}
               && window->compareBar().boxB()->currentText().contains("b.h5");
    }
};

/// In a folder of its own until the end of the block.
struct CurrentFolder {
    QString before = QDir::currentPath();
    explicit CurrentFolder(const QString& path) { QDir::setCurrent(path); }
    ~CurrentFolder() { QDir::setCurrent(before); }
    CurrentFolder(const CurrentFolder&) = delete;
    CurrentFolder& operator=(const CurrentFolder&) = delete;
};

} // namespace

class TestSessionLinks : public QObject {
    Q_OBJECT

  private slots:
    void theOfferOfRecoveryStaysUntilItIsAnswered_data() {
        QTest::addColumn<QString>("answer");
        QTest::newRow("recover") << "Recover";
        QTest::newRow("discard") << "Discard";
    }
    void theOfferOfRecoveryStaysUntilItIsAnswered() {
        QFETCH(QString, answer);
        Bench bench;
        const QString path = bench.folder.filePath("a.h5");
        QVERIFY(write(path, 1)); // its model is nowhere: a message comes when it is open
        const QString left = bench.leaveAutosave();
        QVERIFY(!left.isEmpty());
        MainWindow& window = *bench.window;
        QSignalSpy opened(&window, &MainWindow::sessionOpened);
        window.openPath(path); // as the program starts with a file
        window.offerRecovery();
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 0; }, 20000));
        QVERIFY2(window.messages().text().contains("not where they were"),
                 qPrintable(window.messages().text()));
        QVERIFY(window.messages().isVisible() && window.recovery().isVisible());
        window.openDropped({}, "no.xyz");
        QVERIFY(opens(bench, path)); // dismisses what is said
        QVERIFY(window.messages().isHidden());
        QVERIFY(window.recovery().text().contains("recovered"));
        QPushButton* chosen = button(window.recovery(), answer);
        QVERIFY(chosen);
        chosen->click();
        QVERIFY(window.recovery().isHidden());
        if (answer == "Discard") {
            QVERIFY(!QFile::exists(left));
            return;
        }
        QVERIFY(QTest::qWaitFor([&] { return opened.count() > 2; }, 20000));
        QCOMPARE(window.tabs().count(), 2);
        QVERIFY(window.workspace().dirty());
    }

    void bIsAwaitedWhenItsTabIsClosed() {
        PairBench bench;
        QVERIFY(bench.ready());
        MainWindow* window = bench.window.get();
        window->closeSession(window->workspace().withPath(bench.pathB));
        QVERIFY(bench.awaits(bench.pathB));
        QCOMPARE(window->selection().selection().conditionB, -1);
        QCOMPARE(window->compare().shown(), CompareMode::A);
        QVERIFY(saves(bench, bench.pathA));
        QVERIFY(window->close());
        bench.open();
        window = bench.window.get();
        QVERIFY(opens(bench, bench.pathA));
        QVERIFY(bench.awaits(bench.pathB)); // saved with it
        QVERIFY(opens(bench, bench.pathB));
        window->workspace().setCurrent(window->workspace().withPath(bench.pathA));
        QCOMPARE(window->selection().selection().conditionB, 3);
        QCOMPARE(window->compare().shown(), CompareMode::Difference);
    }

    void bIsClosedWhileAnotherTabIsInFront() {
        PairBench bench;
        QVERIFY(bench.ready());
        MainWindow& window = *bench.window;
        Workspace& workspace = window.workspace();
        const SessionId a = workspace.current(), b = workspace.withPath(bench.pathB);
        const ViewState shown = viewStateOf(window.selection(), window.compare(), window.plots());
        workspace.setCurrent(b);
        window.closeSession(b);
        QCOMPARE(workspace.current(), a);
        QVERIFY(bench.awaits(bench.pathB));
        // what a tab in the background keeps names the file, too
        QVERIFY(QString::fromStdString(viewStateJson(shown, workspace, a)).contains(bench.pathB));
        window.closeSession(a);
        QVERIFY(window.compare().state().source == Source::None);
    }

    void pathsAreKeptWhole() {
        PairBench bench;
        QVERIFY(write(bench.pathA, 1) && write(bench.pathB, 2));
        MainWindow& window = *bench.window;
        {
            const CurrentFolder there(bench.folder.path());
            QSignalSpy opened(&window, &MainWindow::sessionOpened);
            window.openPath("b.h5"); // as typed in a shell
            QVERIFY(QTest::qWaitFor([&] { return opened.count() == 1; }, 20000));
            QVERIFY(QDir::isAbsolutePath(window.workspace().path()));
            QCOMPARE(AppSettings(bench.settings).recentSessions().first(), window.workspace().path());
            QVERIFY(saves(bench, "c.h5"));
            QVERIFY(QDir::isAbsolutePath(window.workspace().path()));
            Workspace workspace;
            const SessionId a = workspace.open(someSession(1), bench.pathA);
            const SessionId b = workspace.open(someSession(2), "b.h5");
            const std::string condition = workspace.session(b)->conditions[3]->key.text();
            for (const CompareController::State& state :
                 {CompareController::State{Source::Chosen, b, condition},
                  CompareController::State{Source::Awaited, noSession, condition, "b.h5"}}) {
                const auto json = QString::fromStdString(viewStateJson({{}, state, {}}, workspace, a));
                QVERIFY2(json.contains('"' + QFileInfo("b.h5").absoluteFilePath() + '"'), qPrintable(json));
            }
        }
        QCOMPARE(window.workspace().path(), bench.folder.filePath("c.h5"));
    }

    void bIsFoundBesideAMovedFile() {
        PairBench bench;
        const QString before = bench.folder.filePath("before"), after = bench.folder.filePath("after");
        QVERIFY(QDir().mkpath(before));
        bench.pathA = before + "/a.h5";
        bench.pathB = before + "/b.h5";
        QVERIFY(bench.ready());
        QVERIFY(saves(bench, bench.pathA));
        QVERIFY(bench.window->close());
        QVERIFY(QDir().rename(before, after));
        bench.open();
        QVERIFY(opens(bench, after + "/a.h5"));
        QVERIFY(bench.awaits(after + "/b.h5"));
        QTRY_VERIFY(button(bench.window->messages(), "b.h5")); // to open it
        // not the session itself, when B was of that name
        Workspace workspace;
        const SessionId a = workspace.open(someSession(1), after + "/a.h5");
        const auto read = [&](const char* file) {
            const std::string json =
                "{\"b\": {\"condition\": \"" + bench.condition + "\", \"session\": \"" + file + "\"}}";
            return viewStateFrom(json, {}, workspace, a).b;
        };
        QCOMPARE(read("/elsewhere/a.h5").path, QString("/elsewhere/a.h5"));
        // as earlier versions wrote it: relative
        QCOMPARE(read("b.h5").path, after + "/b.h5");
        QCOMPARE(read("results/b.h5").path, after + "/b.h5");
        QCOMPARE(read("gone.h5").path, after + "/gone.h5");
    }

    void aFileThatFailedToOpenLeavesNothingBehind() {
        PairBench bench;
        QVERIFY(bench.ready());
        QVERIFY(saves(bench, bench.pathA));
        QVERIFY(bench.window->close());
        QVERIFY(QFile::remove(bench.pathB));
        test::writeBytes(bench.pathB.toStdString(), "rubbish");
        bench.open();
        MainWindow& window = *bench.window;
        QVERIFY(opens(bench, bench.pathA));
        QPushButton* open = nullptr;
        QTRY_VERIFY((open = button(window.messages(), "b.h5")));
        QSignalSpy errors(&window, &MainWindow::errorShown);
        open->click();
        QVERIFY(QTest::qWaitFor([&] { return errors.count() > 0; }, 20000));
        QVERIFY(QFile::remove(bench.pathB) && write(bench.pathB, 2));
        QVERIFY(opens(bench, bench.pathB));
        QCOMPARE(window.workspace().path(), bench.pathB); // one stays where one went
    }
};

QTEST_MAIN(TestSessionLinks)
#include "test_session_links.moc"
