// `mpirun -n N qroar ...` on this machine: what one process computes, writes and prints, bit for bit; errors
// and cancellations of one rank end all of them with the right words and code. Runs the built program.
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/support/session_compare.h"

#include <QFile>
#include <QFileInfo>
#include <QTemporaryDir>
#include <QtTest>

#include <csignal>

using namespace qroar::test;
using Json = nlohmann::json;

namespace {

/// A search's answer without what depends on the clock.
Json withoutTimes(Json found) {
    for (Json& trial : found["trace"]) trial.erase("seconds");
    return found;
}

} // namespace

class TestCliRanks : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;
    const QString sample_ = QStringLiteral(QROAR_SOURCE_DIR "/samples/model");

    QString file(const QString& name) const { return folder_.filePath(name); }
    static QString text(const QString& name) {
        return QStringLiteral(QROAR_SOURCE_DIR "/samples/texts/") + name;
    }
    static QStringList launcher() { return {"--allow-run-as-root", "--oversubscribe", "--bind-to", "none"}; }

    ProgramResult alone(const QStringList& arguments) const { return runProgram(arguments, folder_.path()); }
    ProgramResult launch(const QStringList& arguments) const {
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_MPIRUN, launcher() + arguments);
        if (!process.waitForFinished(120000)) qFatal("mpirun hangs: %s", qPrintable(arguments.join(' ')));
        return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
                process.readAllStandardOutput(), process.readAllStandardError()};
    }
    ProgramResult ranks(int count, const QStringList& arguments) const {
        return launch(QStringList{"-n", QString::number(count), QROAR_PROGRAM} + arguments);
    }
    std::shared_ptr<const qroar::Session> session(const QString& name) const {
        const auto loaded = qroar::loadSession(file(name).toStdString());
        if (!loaded) qFatal("%s", loaded.error().message.c_str());
        return *loaded;
    }
    void compareSessions(const QString& found, const QString& expected) const {
        const auto a = session(found), b = session(expected);
        QCOMPARE(a->conditions.size(), b->conditions.size());
        for (std::size_t at = 0; at < a->conditions.size(); ++at)
            QCOMPARE(difference(*a->conditions[at], *b->conditions[at]), std::string());
        QVERIFY(a->documents == b->documents);
    }
    QStringList analysis(const QString& output) const {
        return {"analyze",
                sample_,
                "--text",
                text("search_01_tidegate_manual.txt"),
                text("search_02_almanac_admin_guide.txt"),
                "--contexts",
                "256,96",
                "--rope",
                "yarn:4",
                "--quant",
                "none,rtn:4:g64",
                "--max-windows",
                "4",
                "--divergence",
                "--gradients",
                "--noise",
                "-o",
                output};
    }

    /// Eight conditions of some tenths of a second.
    QStringList longAnalysis(const QString& output) const {
        QStringList words = analysis(output) << "--resume";
        words[words.indexOf("yarn:4")] = "none,yarn:4";
        words.removeAll("--noise");
        return words;
    }
    /// The words of mpirun for two ranks, of which rank 1 leaves the number of its process in rank1.pid.
    static QStringList known(const QStringList& arguments) {
        const QStringList rank{"-n", "1"}, program = QStringList{QROAR_PROGRAM} + arguments;
        return launcher() + rank + program + QStringList{":"} + rank
               + QStringList{"sh", "-c", "echo $$ > rank1.pid; exec \"$@\"", "sh"} + program;
    }
    /// Two ranks go on with a session, until they have saved something new and `signal` meets mpirun or
    /// rank 1.
    ProgramResult interrupted(const QString& output, int signal, bool wholeJob) const {
        const auto stamp = [&] { return QFileInfo(file(output)).lastModified().toMSecsSinceEpoch(); };
        const qint64 before = stamp();
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_MPIRUN, known(longAnalysis(output)));
        while (stamp() == before && !process.waitForFinished(2)) {
        }
        QFile id(file("rank1.pid"));
        const auto whom = wholeJob                       ? static_cast<pid_t>(process.processId())
                          : id.open(QIODevice::ReadOnly) ? static_cast<pid_t>(id.readAll().trimmed().toInt())
                                                         : 0;
        if (whom > 0) kill(whom, signal); // 0 is everybody of this group
        if (!process.waitForFinished(60000)) qFatal("the other rank hangs");
        return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
                process.readAllStandardOutput(), process.readAllStandardError()};
    }

  private slots:
    void initTestCase() { writeModelAndIds(folder_.path()); }
    void init() {
        const bool ranked = QString(QTest::currentTestFunction()) != "builtWithoutMpi";
        if (ranked == QString(QROAR_MPIRUN).isEmpty()) QSKIP("not of this build");
    }

    void builtWithoutMpi() {
        qputenv("OMPI_COMM_WORLD_SIZE", "4");
        const auto one = alone({"inspect", "model"});
        qunsetenv("OMPI_COMM_WORLD_SIZE");
        QCOMPARE(one.code, 1);
        QVERIFY2(one.err.startsWith("qroar: started as 4 ranks, but this qroar was built without MPI"),
                 one.err);
        QCOMPARE(alone({"inspect", "model"}).code, 0);
    }

    /// Two conditions at two lengths, one that fills tiles of the engine and one that does not.
    void analyze() {
        const auto whole = alone(analysis("alone.h5"));
        QVERIFY2(whole.code == 0, whole.err);
        for (const int count : {2, 3}) {
            const QString name = QString("ranks%1.h5").arg(count);
            const auto shared = ranks(count, analysis(name));
            QVERIFY2(shared.code == 0, shared.err);
            compareSessions(name, "alone.h5");
            QCOMPARE(QByteArray(shared.out).replace(name.toUtf8(), "FILE"),
                     QByteArray(whole.out).replace("alone.h5", "FILE"));
            QVERIFY(session(name)->provenance.host.find(QString(", %1 ranks").arg(count).toStdString())
                    != std::string::npos);
        }
    }

    void resumeAndMoreRanksThanWork() {
        const QStringList base{"analyze",    "model", "--text",   "a.u16",
                               "--contexts", "128",   "--damage", "layers"};
        const auto with = [&](const QString& quants, const QString& output) {
            return base + QStringList{"--quant", quants, "-o", output};
        };
        QVERIFY(alone(with("none,rtn:4:g32", "whole.h5")).code == 0);
        QVERIFY(alone(with("none", "part.h5")).code == 0);
        const auto more = ranks(4, with("none,rtn:4:g32", "part.h5") << "--resume"); // two windows
        QVERIFY2(more.code == 0, more.err);
        compareSessions("part.h5", "whole.h5");
        const auto again = ranks(2, with("none", "part.h5"));
        QVERIFY(again.code == 1 && again.err.count("exists already") == 1);
        const auto dry = ranks(2, with("none", "dry.h5") << "--dry-run");
        QVERIFY2(dry.out.contains(" of memory on each of 2 ranks, "), dry.out);
        QVERIFY(dry.code == 0 && !QFile::exists(file("dry.h5")));
    }

    void evaluate() {
        const QStringList base{"evaluate", "model",  "--text",      "a.u16",   "b.u16",         "--contexts",
                               "128",      "--rope", "none,yarn:2", "--quant", "none,rtn:3:g32"};
        for (const QStringList& how :
             {QStringList{}, QStringList{"--json"}, QStringList{"--copy", "16", "--json"}})
            QCOMPARE(ranks(2, base + how).out, alone(base + how).out);
        QVERIFY(alone(base + QStringList{"--save-logits", "alone.kld"}).code == 0);
        const auto saved = ranks(2, base + QStringList{"--save-logits", "ranks.kld"});
        QVERIFY2(saved.code == 0, saved.err);
        QFile a(file("alone.kld")), b(file("ranks.kld"));
        QVERIFY(a.open(QIODevice::ReadOnly) && b.open(QIODevice::ReadOnly));
        QVERIFY(a.size() > 1000 && a.readAll() == b.readAll());
        const QStringList against = base + QStringList{"--kl-base", "alone.kld", "--json"};
        QCOMPARE(ranks(3, against).out, alone(against).out);
    }

    void search() {
        for (const char* method : {"gradient", "grid"}) {
            const QStringList base{
                "search",    "--model",       "model",  "--text",   "a.u16",  "--report-text",
                "b.u16",     "--contexts",    "64,128", "--rope",   "yarn:2", "--quant",
                "rtn:3:g32", "--bands",       "2",      "--method", method,   "--steps",
                "2",         "--grid-points", "3",      "-o"};
            const auto whole = alone(base + QStringList{QString("%1.h5").arg(method), "--json"});
            const auto shared = ranks(3, base + QStringList{QString("%1-ranks.h5").arg(method), "--json"});
            QVERIFY2(shared.code == 0, shared.err);
            Json a = withoutTimes(shared.json()), b = withoutTimes(whole.json());
            a.erase("session");
            b.erase("session");
            QVERIFY(a["trials"] > 2);
            QCOMPARE(a, b);
            const auto found = session(QString("%1-ranks.h5").arg(method))->searches.at(0);
            const auto expected = session(QString("%1.h5").arg(method))->searches.at(0);
            QVERIFY(found->scales.gains == expected->scales.gains
                    && found->trials.size() == expected->trials.size());
            for (std::size_t at = 0; at < found->trials.size(); ++at)
                QVERIFY(sameBits(found->trials[at].theta, expected->trials[at].theta)
                        && sameBits(found->trials[at].gradientError, expected->trials[at].gradientError));
        }
    }

    /// Rank 1 is given something else to read than rank 0.
    void oneRankMeetsAnError() {
        const auto different = [this](const QString& first, const QString& second) {
            const auto of = [](const QString& document) {
                return QStringList{"-n",     "1",          QROAR_PROGRAM, "analyze", "model",   "--text",
                                   document, "--contexts", "64",          "-o",      "never.h5"};
            };
            return launch(of(first) + QStringList{":"} + of(second));
        };
        const auto missing = different("a.u16", "nowhere.u16");
        QCOMPARE(missing.code, 1);
        QVERIFY2(missing.err.count("qroar: rank 1 of 2: nowhere.u16: no such document") == 1, missing.err);
        const auto other = different("a.u16", "b.u16");
        QCOMPARE(other.code, 1);
        QVERIFY2(other.err.contains("documents' fingerprints: expected the same on all ranks"), other.err);
        QVERIFY(!QFile::exists(file("never.h5")));
        const auto place =
            ranks(2, {"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "nowhere/never.h5"});
        QCOMPARE(place.code, 1);
        QVERIFY2(place.err.count("qroar: ") == 1 && place.err.contains("nowhere"), place.err);
        const auto usage = ranks(2, {"analyze", "model"});
        QVERIFY(usage.code == 2 && usage.err.count("--text is required") == 1);
    }

    /// Whatever ends a job, the ranks end, what was saved stays, and any number of ranks goes on with it.
    void interruptedJobsGoOn() {
        QVERIFY(alone(longAnalysis("undisturbed.h5")).code == 0);
        const auto asked = interrupted("disturbed.h5", SIGTERM, false); // of one rank: all of them stop
        QVERIFY2(asked.code == 3, asked.err);
        QVERIFY2(asked.err.contains(" of 8 conditions are in disturbed.h5; go on with --resume"), asked.err);
        const auto killed = interrupted("disturbed.h5", SIGKILL, false);
        QVERIFY2(killed.code != 0 && killed.code != 3, killed.err);
        const auto stopped = interrupted("disturbed.h5", SIGINT, true); // Ctrl-C
        QVERIFY2(stopped.code != 0, stopped.err);
        const std::size_t saved = session("disturbed.h5")->conditions.size();
        QVERIFY2(saved >= 3 && saved < 8, qPrintable(QString::number(saved)));
        const auto rest = ranks(3, longAnalysis("disturbed.h5"));
        QVERIFY2(rest.code == 0, rest.err);
        compareSessions("disturbed.h5", "undisturbed.h5");
    }

    void rankZeroRunsTheRestAlone() {
        QCOMPARE(ranks(2, {"inspect", "model"}).out, alone({"inspect", "model"}).out);
    }
};

QTEST_GUILESS_MAIN(TestCliRanks)
#include "test_cli_ranks.moc"
