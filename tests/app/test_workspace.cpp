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

    /// A job's last word is its snapshot from before: what was accepted, pinned or styled since stays.
    void resultsKeepAcceptedSearches() {
        const auto before = smallSession();
        Workspace workspace;
        workspace.open(before, {});
        const auto search = std::make_shared<SearchRecord>();
        workspace.addSearch(search);
        const auto pinned = std::make_shared<WhatIf>();
        workspace.setWhatIfs(workspace.current(), {pinned});
        workspace.updateResults(before);
        QCOMPARE(workspace.session()->searches.size(), std::size_t{1});
        QVERIFY(workspace.session()->searches.front() == search);
        QVERIFY(workspace.session()->whatIfs.front() == pinned);
    }

    void whatWasRecoveredIsUnsaved() {
        auto empty = std::make_shared<Session>(*smallSession());
        empty->conditions.clear();
        Workspace workspace;
        const SessionId plain = workspace.open(empty, {});
        QVERIFY(!workspace.dirty());
        const SessionId recovered = workspace.open(empty, {}, true); // bands, gains being set
        QVERIFY(!workspace.isOpen(plain) && workspace.dirty());
        workspace.open(empty, "/somewhere/run.h5"); // does not take its place
        QVERIFY(workspace.isOpen(recovered) && !workspace.dirty());
        auto searched = std::make_shared<Session>(*empty);
        searched->searches.push_back(std::make_shared<SearchRecord>());
        workspace.open(searched, {});
        QVERIFY(workspace.dirty());
        workspace.markSaved("/somewhere/else.h5", workspace.session());
        QVERIFY(!workspace.dirty());
    }

    /// Another condition in place of one, another search: as many as before, and yet not those in the file.
    void resultsThatCameDuringASaveStayUnsaved() {
        Workspace workspace;
        workspace.open(smallSession(), {});
        const auto written = workspace.withViewState("{}");
        workspace.addCondition(std::make_shared<ConditionResult>(*written->conditions.front()));
        QCOMPARE(workspace.session()->conditions.size(), written->conditions.size());
        workspace.markSaved("/somewhere/run.h5", written);
        QVERIFY(workspace.dirty());
        workspace.markSaved("/somewhere/run.h5", workspace.session());
        QVERIFY(!workspace.dirty());
    }

    /// Steps that the session itself does not show, as gains being set.
    void stepsDuringASaveStayUnsaved() {
        Workspace workspace;
        const SessionId id = workspace.open(smallSession(), "/somewhere/run.h5");
        const auto session = workspace.session();
        workspace.undoStack()->push(new QUndoCommand("first"));
        const quint64 revision = workspace.revision(id);
        workspace.undoStack()->push(new QUndoCommand("while it is written"));
        workspace.markSaved(id, "/somewhere/run.h5", session, revision);
        QVERIFY(workspace.dirty());
        workspace.undoStack()->undo();
        workspace.undoStack()->undo();
        QVERIFY(workspace.dirty()); // the file holds the first step
        workspace.markSaved(id, "/somewhere/run.h5", session, workspace.revision(id));
        QVERIFY(!workspace.dirty());
        workspace.undoStack()->redo();
        QVERIFY(workspace.dirty());
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

    void sessionsHaveUndoStacksOfTheirOwn() {
        Workspace workspace;
        const SessionId a = workspace.open(smallSession(), "/somewhere/a.h5");
        const BandPartition first = workspace.session()->bands, second = first.withEdgeMoved(1, 3);
        workspace.setBands(first, second);
        const SessionId b = workspace.open(smallSession(3), "/somewhere/b.h5");
        QCOMPARE(workspace.current(), b);
        QVERIFY(!workspace.undoStack()->canUndo() && !workspace.undoGroup()->canUndo());
        QVERIFY(!workspace.dirty() && workspace.dirty(a) && workspace.anyDirty());
        const BandPartition third = first.withEdgeMoved(1, 1);
        workspace.setBands(workspace.session()->bands, third);
        workspace.undoGroup()->undo();
        QCOMPARE(workspace.session(a)->bands, second); // untouched
        QSignalSpy bands(&workspace, &Workspace::bandsChanged);
        workspace.setCurrent(a);
        QCOMPARE(bands.count(), 0); // another session, not other bands
        workspace.undoGroup()->undo();
        QCOMPARE(workspace.session()->bands, first);
        QVERIFY(!workspace.anyDirty());
        QVERIFY(workspace.undoGroup()->canRedo());
        workspace.close(a);
        QCOMPARE(workspace.current(), b);
        QCOMPARE(workspace.session()->model.layers, 3);
        workspace.close();
        QVERIFY(!workspace.hasSession() && !workspace.dirty() && !workspace.undoGroup()->canUndo());
        QCOMPARE(workspace.undoStack()->count(), 0);
    }

    void resultsGoWhereTheyBelong() {
        Workspace workspace;
        const auto full = smallSession();
        auto start = std::make_shared<Session>(*full);
        start->conditions.clear();
        const SessionId a = workspace.open(start, "/somewhere/a.h5");
        const SessionId b = workspace.open(smallSession(3), "/somewhere/b.h5");
        const auto shown = workspace.session();
        QSignalSpy changed(&workspace, &Workspace::sessionChanged),
            content(&workspace, &Workspace::contentChanged);
        QSignalSpy dirty(&workspace, &Workspace::dirtyChanged);
        workspace.addCondition(a, full->conditions[1]);
        auto search = std::make_shared<SearchRecord>();
        workspace.addSearch(a, search);
        QCOMPARE(workspace.session(a)->conditions.size(), std::size_t{1});
        QVERIFY(workspace.session(a)->searches.front() == search);
        QVERIFY(workspace.session() == shown && workspace.current() == b);
        QVERIFY(changed.isEmpty() && dirty.isEmpty());
        QCOMPARE(content.count(), 2);
        QVERIFY(workspace.dirty(a) && !workspace.dirty(b));
        const auto written = workspace.session(a);
        QSignalSpy settled(&workspace, &Workspace::settled);
        workspace.markSaved(a, "/somewhere/else.h5", written);
        QVERIFY(!workspace.dirty(a));
        QCOMPARE(workspace.path(a), QString("/somewhere/else.h5"));
        QCOMPARE(workspace.path(), QString("/somewhere/b.h5"));
        QCOMPARE(settled.front().front().toInt(), a);
        workspace.close(a);
        workspace.addCondition(a, full->conditions[0]); // closed meanwhile: nothing, and no crash
        QCOMPARE(workspace.sessions(), std::vector<SessionId>{b});
    }

    void whatIsOpenTwice() {
        Workspace workspace;
        const SessionId a = workspace.open(smallSession(), "/somewhere/a.h5");
        const SessionId b = workspace.open(smallSession(), "/elsewhere/a.h5");
        QCOMPARE(workspace.withPath("/somewhere/../somewhere/a.h5"), a);
        QCOMPARE(workspace.withPath("/nowhere/a.h5"), noSession);
        QCOMPARE(workspace.name(a), QString("somewhere/a.h5")); // told from each other
        QCOMPARE(workspace.name(b), QString("elsewhere/a.h5"));
        const SessionId again = workspace.open(smallSession(3), "/somewhere/a.h5"); // read anew
        QVERIFY(!workspace.isOpen(a));
        QCOMPARE(workspace.sessions(), (std::vector<SessionId>{again, b}));
        // an empty session without a file is no loss
        auto empty = std::make_shared<Session>(*smallSession());
        empty->conditions.clear();
        const SessionId blank = workspace.open(empty, {});
        QCOMPARE(workspace.sessions().size(), std::size_t{3});
        const SessionId full = workspace.open(smallSession(), {});
        QVERIFY(!workspace.isOpen(blank));
        QCOMPARE(workspace.sessions(), (std::vector<SessionId>{again, b, full}));
        workspace.open(smallSession(), {});
        QVERIFY(workspace.name(full) != workspace.name(workspace.current()));
    }

    void tabsAreSteppedThroughAndMoved() {
        Workspace workspace;
        const SessionId a = workspace.open(smallSession(), "/a.h5"),
                        b = workspace.open(smallSession(), "/b.h5"),
                        c = workspace.open(smallSession(), "/c.h5");
        workspace.step(1);
        QCOMPARE(workspace.current(), a); // round
        workspace.step(-1);
        QCOMPARE(workspace.current(), c);
        workspace.move(2, 0);
        QCOMPARE(workspace.sessions(), (std::vector<SessionId>{c, a, b}));
        workspace.move(0, 1);
        QCOMPARE(workspace.sessions(), (std::vector<SessionId>{a, c, b}));
        workspace.move(0, 7);
        QCOMPARE(workspace.sessions(), (std::vector<SessionId>{a, c, b}));
        workspace.close(c);
        QCOMPARE(workspace.current(), b);
    }

    void autosaveSlotsAndOrphans() {
        QTemporaryDir folder;
        const QString place = folder.filePath("deep/er");
        {
            Autosave first(place), second(place);
            QVERIFY(first.orphans().isEmpty());
            const QString one = first.pathOf(1), two = first.pathOf(2), three = second.pathOf(1);
            QVERIFY(!one.isEmpty());
            QCOMPARE((QSet<QString>{one, two, three}).size(), qsizetype{3}); // a file for each session
            QCOMPARE(first.pathOf(1), one);
            for (const QString& path : {one, two, three}) {
                QFile file(path);
                QVERIFY(file.open(QIODevice::WriteOnly));
                file.write("x");
            }
            QVERIFY(Autosave(place).orphans().isEmpty()); // both owners live
            first.discard(2);
            second.discardAll();
            QVERIFY(QFile::exists(one) && !QFile::exists(two) && !QFile::exists(three));
        }
        Autosave later(place);
        QCOMPARE(later.orphans().size(), 1);
        QVERIFY(!later.orphans().contains(later.pathOf(1))); // what can be recovered is never overwritten
        Autosave::discardOrphan(later.orphans().first());
        QVERIFY(Autosave(place).orphans().isEmpty());
        QVERIFY(Autosave(QString()).pathOf(1).isEmpty());
    }
};

QTEST_MAIN(TestWorkspace)
#include "test_workspace.moc"
