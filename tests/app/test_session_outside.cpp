// Session files that another program writes while they are open: what it added appears, nothing that is saved
// takes it away, and what cannot be joined is said.
#include "core/session/what_if.h"
#include "tests/app/main_window_bench.h"

using namespace qroar;
using test::SessionBench;

namespace {

std::shared_ptr<const WhatIf> whatIf(const Session& session, const std::string& name) {
    auto made = std::make_shared<WhatIf>();
    made->scales.name = name;
    made->scales.gains = QkGains::ones(session.model);
    made->scales.modelFingerprint = session.modelFingerprint;
    made->scales.rope = made->scales.quant = "none";
    made->context = 256;
    made->created = "2026-01-01";
    made->program = "test";
    return made;
}

QStringList whatIfs(const Session& session) {
    QStringList names;
    for (const auto& one : session.whatIfs) names << QString::fromStdString(one->scales.name);
    return names;
}

std::shared_ptr<const Session> read(const QString& path) {
    auto session = loadSession(path.toStdString());
    if (!session) qFatal("%s", session.error().message.c_str());
    return *session;
}

void write(const Session& session, const QString& path) {
    if (const Status saved = saveSession(session, path.toStdString()); !saved)
        qFatal("%s", saved.error().message.c_str());
}

void addOutside(const QString& path, const std::string& name) {
    Session theirs = *read(path);
    theirs.whatIfs.push_back(whatIf(theirs, name));
    write(theirs, path);
}

} // namespace

class TestSessionOutside : public QObject {
    Q_OBJECT
    std::unique_ptr<SessionBench> bench_;
    QString path_;

    MainWindow& window() { return *bench_->window; }
    QStringList shown() { return whatIfs(*window().workspace().session()); }
    void moveEdge() {
        const auto now = window().workspace().session()->bands;
        auto edges = now.edges();
        edges[1] = edges[1] == 1 ? 2 : 1;
        window().workspace().setBands(now, BandPartition::fromEdges(edges, now.pairs()).value());
    }

  private slots:
    void init() {
        bench_ = std::make_unique<SessionBench>();
        path_ = bench_->folder.filePath("run.h5");
        write(*test::makeSyntheticSession(), path_);
        QSignalSpy opened(&window(), &MainWindow::sessionOpened);
        window().openSession(path_);
        QTRY_COMPARE(opened.count(), 1);
    }
    void cleanup() { bench_.reset(); }

    void whatAnotherProgramAddsAppears() {
        addOutside(path_, "theirs");
        QTRY_COMPARE_WITH_TIMEOUT(shown(), QStringList{"theirs"}, 10000);
        QVERIFY(!window().workspace().dirty());
        addOutside(path_, "again"); // the file was replaced: it is still watched
        QTRY_COMPARE_WITH_TIMEOUT(shown(), (QStringList{"theirs", "again"}), 10000);
    }

    void whatIsUnsavedStays() {
        moveEdge();
        const BandPartition moved = window().workspace().session()->bands;
        addOutside(path_, "theirs");
        QTRY_COMPARE_WITH_TIMEOUT(shown(), QStringList{"theirs"}, 10000);
        QCOMPARE(window().workspace().session()->bands, moved);
        QVERIFY(window().workspace().dirty());
    }

    /// Also when nobody noticed: the save itself looks.
    void savingKeepsWhatWasAdded() {
        moveEdge();
        const BandPartition moved = window().workspace().session()->bands;
        addOutside(path_, "theirs");
        QVERIFY(window().save()); // before the event that says that the file changed
        QTRY_VERIFY_WITH_TIMEOUT(!window().workspace().dirty(), 10000);
        const auto written = read(path_);
        QCOMPARE(whatIfs(*written), QStringList{"theirs"});
        QCOMPARE(written->bands, moved);
        QTRY_COMPARE_WITH_TIMEOUT(shown(), QStringList{"theirs"}, 10000);
        QVERIFY(!window().workspace().dirty());
    }

    void openingItAgainReadsIt() {
        const SessionId id = window().workspace().current();
        window().workspace().hold(id); // a run: nothing is read into the session by itself
        addOutside(path_, "theirs");
        QTest::qWait(600);
        QCOMPARE(shown(), QStringList());
        window().workspace().release(id);
        window().openSession(path_);
        QTRY_COMPARE_WITH_TIMEOUT(shown(), QStringList{"theirs"}, 10000);
        QCOMPARE(window().workspace().sessions().size(), std::size_t{1});
    }

    void anotherSessionInItsPlaceIsSaidAndNotOverwritten() {
        Session other = *test::makeSyntheticSession();
        other.modelFingerprint = "another";
        moveEdge();
        write(other, path_);
        QTRY_VERIFY_WITH_TIMEOUT(window().messages().text().contains("another program"), 10000);
        QVERIFY(window().messages().text().contains("run.h5"));
        QSignalSpy settled(&window().workspace(), &Workspace::settled);
        QVERIFY(window().save());
        QTRY_VERIFY_WITH_TIMEOUT(window().messages().text().contains("cannot take"), 10000);
        QVERIFY(settled.isEmpty() && window().workspace().dirty());
        QCOMPARE(read(path_)->modelFingerprint, std::string("another"));
    }
};

QTEST_MAIN(TestSessionOutside)
#include "test_session_outside.moc"
