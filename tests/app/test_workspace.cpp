// Workspace: bands as undo steps, results that arrive while the user works, what counts as unsaved. Autosave
// slots.
#include "app/gui/autosave.h"
#include "app/gui/workspace.h"
#include "tests/support/synthetic_session.h"

#include <QDir>
#include <QFile>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace qroar;

namespace {
std::shared_ptr<const Session> smallSession(int layers = 2) {
    test::SyntheticOptions options;
    options.layers = layers;
    options.documents = 2;
    options.contexts = {64, 256};
    options.ropes = {"none", "yarn:4"};
    options.quants = {"none"};
    options.trainedContext = 64;
    return test::makeSyntheticSession(options);
}
} // namespace

class TestWorkspace : public QObject {
    Q_OBJECT

  private slots:
    void bandsAreUndoSteps() {
        Workspace workspace;
        workspace.open(smallSession(), "/somewhere/run.h5");
        const BandPartition first = workspace.session()->bands;
        const BandPartition second = first.withEdgeMoved(1, 3);
        QVERIFY(first != second);
        QSignalSpy changed(&workspace, &Workspace::bandsChanged);
        workspace.setBands(first, second);
        QCOMPARE(changed.count(), 1);
        QCOMPARE(workspace.session()->bands, second);
        QVERIFY(workspace.dirty());
        workspace.undoStack()->undo();
        QCOMPARE(workspace.session()->bands, first);
        QVERIFY(!workspace.dirty());
        workspace.undoStack()->redo();
        QCOMPARE(workspace.session()->bands, second);
    }

    void aGestureIsOneStep() {
        Workspace workspace;
        workspace.open(smallSession(), "/somewhere/run.h5");
        const BandPartition before = workspace.session()->bands;
        BandPartition after = before;
        for (const int pair : {1, 3, 2, 3}) {
            after = before.withEdgeMoved(1, pair);
            workspace.previewBands(after);
        }
        QCOMPARE(workspace.undoStack()->count(), 0);
        workspace.setBands(before, after);
        QCOMPARE(workspace.undoStack()->count(), 1);
        workspace.undoStack()->undo();
        QCOMPARE(workspace.session()->bands, before);
    }

    void foreignBandsAreRefused() {
        Workspace workspace;
        workspace.open(smallSession(), "/somewhere/run.h5");
        const BandPartition own = workspace.session()->bands;
        workspace.setBands(own, BandPartition::equal(3, own.pairs() + 1));
        QCOMPARE(workspace.session()->bands, own);
        QCOMPARE(workspace.undoStack()->count(), 0);
        Workspace empty;
        empty.setBands(own, own.withEdgeMoved(1, 3));
        QVERIFY(!empty.hasSession());
        QCOMPARE(empty.undoStack()->count(), 0);
    }

    void sessionsAreNeverChangedInPlace() {
        Workspace workspace;
        const auto session = smallSession();
        const BandPartition bands = session->bands;
        workspace.open(session, {});
        workspace.setBands(bands, bands.withEdgeMoved(1, 3));
        QCOMPARE(session->bands, bands);
        QVERIFY(workspace.session() != session);
        // unchanged parts are shared, not copied
        QCOMPARE(workspace.session()->conditions.front().get(), session->conditions.front().get());
    }

    void resultsKeepTheUsersBands() {
        const auto full = smallSession();
        auto start = std::make_shared<Session>(*full);
        start->conditions.clear();
        Workspace workspace;
        workspace.open(start, {});
        QVERIFY(!workspace.dirty()); // nothing is lost with an empty session
        const BandPartition edited = full->bands.withEdgeMoved(1, 3);
        workspace.setBands(full->bands, edited);
        QSignalSpy changed(&workspace, &Workspace::sessionChanged);
        workspace.addCondition(full->conditions[0]);
        workspace.addCondition(full->conditions[0]); // twice: ignored
        QCOMPARE(changed.count(), 1);
        auto richer = std::make_shared<ConditionResult>(*full->conditions[0]); // as when gradients come later
        richer->sensitivity = {};
        workspace.addCondition(richer);
        QCOMPARE(workspace.session()->conditions.size(), std::size_t{1});
        QVERIFY(workspace.session()->conditions[0] == richer);
        workspace.updateResults(full);
        QCOMPARE(workspace.session()->conditions.size(), full->conditions.size());
        QCOMPARE(workspace.session()->bands, edited);
        QVERIFY(workspace.dirty());
        workspace.undoStack()->undo();
        QCOMPARE(workspace.session()->bands, full->bands);
        QVERIFY(workspace.dirty()); // the results are still unsaved
    }

    void savingCleans() {
        Workspace workspace;
        workspace.open(smallSession(), {});
        QVERIFY(workspace.dirty());
        QSignalSpy dirty(&workspace, &Workspace::dirtyChanged);
        const auto written = workspace.withViewState("{}");
        QCOMPARE(written->viewState, std::string("{}"));
        // the user goes on while the file is written: that edit is not saved
        const BandPartition before = workspace.session()->bands;
        workspace.setBands(before, before.withEdgeMoved(1, 3));
        workspace.markSaved("/somewhere/run.h5", written);
        QCOMPARE(workspace.path(), QString("/somewhere/run.h5"));
        QVERIFY(workspace.dirty());
        workspace.markSaved("/somewhere/run.h5", workspace.session());
        QVERIFY(!workspace.dirty());
        QCOMPARE(dirty.count(), 1);
    }

    void openingClearsTheUndoStack() {
        Workspace workspace;
        workspace.open(smallSession(), "/somewhere/a.h5");
        const BandPartition before = workspace.session()->bands;
        workspace.setBands(before, before.withEdgeMoved(1, 3));
        workspace.open(smallSession(3), "/somewhere/b.h5");
        QVERIFY(!workspace.undoStack()->canUndo());
        QVERIFY(!workspace.dirty());
        workspace.close();
        QVERIFY(!workspace.hasSession());
        QVERIFY(!workspace.dirty());
    }

    void autosaveSlotsAndOrphans() {
        QTemporaryDir folder;
        const QString place = folder.filePath("deep/er");
        {
            Autosave first(place), second(place);
            QVERIFY(!first.path().isEmpty());
            QVERIFY(first.path() != second.path());
            QVERIFY(first.orphans().isEmpty());
            for (const QString& path : {first.path(), second.path()}) {
                QFile file(path);
                QVERIFY(file.open(QIODevice::WriteOnly));
                file.write("x");
            }
            QVERIFY(Autosave(place).orphans().isEmpty()); // both owners live
            second.discard();
            QVERIFY(!QFile::exists(second.path()));
        }
        const Autosave later(place);
        QCOMPARE(later.orphans().size(), 1);
        QVERIFY(!later.orphans().contains(later.path())); // what can be recovered is never overwritten
        Autosave::discardOrphan(later.orphans().first());
        QVERIFY(Autosave(place).orphans().isEmpty());
        QVERIFY(Autosave(QString()).path().isEmpty());
    }
};

QTEST_MAIN(TestWorkspace)
#include "test_workspace.moc"
