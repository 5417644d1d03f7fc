// `mpirun -n N qroar ...` on this machine: what one process computes, writes and prints, bit for bit; errors
// and cancellations of one rank end all of them with the right words and code. Runs the built program.
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/support/imatrix_writer.h"
#include "tests/support/quantized_checkpoint.h"
#include "tests/support/session_compare.h"

#include <QDir>
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

    /// Sixteen conditions, which end one after the other.
    QStringList longAnalysis(const QString& output) const {
        QStringList words = analysis(output) << "--resume";
        words[words.indexOf("yarn:4")] = "none,yarn:2,yarn:4,linear:4";
        words.removeAll("--noise");
        words[words.indexOf("--max-windows") + 1] = "2";
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

    QString roomOf(const QString& name) const {
        if (!QDir(folder_.path()).mkpath(name)) qFatal("no folder");
        return file(name);
    }
    /// Two ranks, each in a folder of its own: r0 and r1, or those from `first` on.
    ProgramResult inRooms(int first, const QStringList& arguments) const {
        const QString enter = "cd r$((%1 + ${OMPI_COMM_WORLD_RANK:-$PMI_RANK})) && exec \"$@\"";
        return launch(QStringList{"-n", "2", "sh", "-c", enter.arg(first), "sh", QROAR_PROGRAM} + arguments);
    }
    /// The last bit of a tensor's first element is the other one from now on.
    static void nudge(const QString& path, const char* tensor) {
        QFile data(path);
        if (!data.open(QIODevice::ReadWrite)) qFatal("%s cannot be changed", qPrintable(path));
        std::uint64_t header = 0;
        data.read(reinterpret_cast<char*>(&header), 8);
        const Json entry = Json::parse(data.read(static_cast<qint64>(header)).toStdString()).at(tensor);
        const auto at = static_cast<qint64>(8 + header) + entry.at("data_offsets").at(0).get<qint64>();
        char low = 0;
        if (!data.seek(at) || !data.getChar(&low) || !data.seek(at)
            || !data.putChar(static_cast<char>(low ^ 1)))
            qFatal("%s cannot be changed", qPrintable(path));
    }
    /// They end with code 1 and this error, once.
    void refused(const QStringList& arguments, const QString& error, int first = 0) const {
        const auto found = inRooms(first, arguments);
        QVERIFY2(found.code == 1 && found.err.count("qroar: ") == 1 && found.err.contains(error.toUtf8()),
                 (error.toUtf8() + "\n" + found.err).constData());
    }
    static RandomModelOptions modelOptions() {
        RandomModelOptions options;
        options.maxPositions = 64;
        return options;
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
        const QStringList passkey{"evaluate", sample_, "--contexts", "256",         "--passkey",
                                  "--trials", "2",     "--rope",     "none,yarn:2", "--json"};
        const auto whole = alone(passkey);
        QVERIFY2(whole.json()["tasks"]["passkey"].size() == 10, whole.out);
        QCOMPARE(ranks(2, passkey).out, whole.out);
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

    void oneRankMeetsAnError() {
        for (const char* folder : {"r0", "r1"}) writeModelAndIds(roomOf(folder));
        const QStringList words{"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "never.h5"};
        QVERIFY(QFile::rename(file("r1/a.u16"), file("r1/kept.u16")));
        refused(words, "qroar: rank 1 of 2: a.u16: no such document");
        QVERIFY(QFile::copy(file("r1/b.u16"), file("r1/a.u16")));
        refused(words,
                "qroar: --text, document 1: expected the same on all ranks, found \"a.u16, 300 tokens, ");
        QVERIFY(QFile::remove(file("r1/a.u16")) && QFile::rename(file("r1/kept.u16"), file("r1/a.u16")));
        makeRandomHfModel(file("r1/model").toStdString(), modelOptions(), 4);
        refused(words, "qroar: the model: expected the same on all ranks, found \"");
        QVERIFY(!QFile::exists(file("r0/never.h5")) && !QFile::exists(file("r1/never.h5")));
        const auto place =
            ranks(2, {"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "nowhere/never.h5"});
        QCOMPARE(place.code, 1);
        QVERIFY2(place.err.count("qroar: ") == 1 && place.err.contains("nowhere"), place.err);
        const auto usage = ranks(2, {"analyze", "model"});
        QVERIFY(usage.code == 2 && usage.err.count("--text is required") == 1);
    }

    void otherWordsAreRefused() {
        const auto of = [](const QStringList& words) {
            return QStringList{"-n", "1", QROAR_PROGRAM, "analyze", "model", "--text", "a.u16"} + words;
        };
        const QStringList first{"--contexts", "64", "-o", "never.h5"};
        const auto other = [&](const QStringList& second) {
            return launch(of(first) + QStringList{":"} + of(second));
        };
        const auto option = other({"--contexts", "128", "-o", "never.h5"});
        QCOMPARE(option.code, 1);
        QVERIFY2(
            option.err.count("qroar: ") == 1
                && option.err.contains("word 6 of the command line: expected the same on all ranks, found "
                                       "\"64\" on rank 0 and \"128\" on rank 1 of 2"),
            option.err);
        const auto more = other(first + QStringList{"--noise"});
        QVERIFY2(more.code == 1 && more.err.contains("found nothing on rank 0 and \"--noise\" on rank 1"),
                 more.err);
        QVERIFY(!QFile::exists(file("never.h5")));
    }

    /// Where -o is a folder of each machine only rank 0 has the session: nothing is run, and nothing is lost.
    void sessionsOfRankZeroOnly() {
        for (const char* folder : {"r2", "r3"}) writeModelAndIds(roomOf(folder));
        const QStringList base{"analyze", "model", "--text", "a.u16", "--contexts", "64", "-o", "run.h5"};
        const QStringList more = base + QStringList{"--rope", "none,yarn:4", "--resume"};
        const auto begun = inRooms(2, base + QStringList{"--rope", "none", "--resume"}); // none has one
        QVERIFY2(begun.code == 0, begun.err);
        QVERIFY(QFile::exists(file("r2/run.h5")) && !QFile::exists(file("r3/run.h5")));
        refused(more,
                "qroar: run.h5: expected the same on all ranks, found \"a session\" on rank 0 and nothing on "
                "rank "
                "1 of 2",
                2);
        compareSessions("r2/run.h5", "r2/run.h5");
        QCOMPARE(session("r2/run.h5")->conditions.size(), std::size_t{1});
        QVERIFY(runProgram(base + QStringList{"--rope", "yarn:4"}, file("r3")).code == 0);
        refused(more, "qroar: run.h5: missing of ", 2);
        QVERIFY(QFile::remove(file("r3/run.h5")) && QFile::copy(file("r2/run.h5"), file("r3/run.h5")));
        const auto rest = inRooms(2, more); // the same on both: it goes on
        QVERIFY2(rest.code == 0, rest.err);
        QVERIFY(runProgram(base + QStringList{"--rope", "none,yarn:4", "--overwrite"}, file("r3")).code == 0);
        compareSessions("r2/run.h5", "r3/run.h5");
        const auto again = inRooms(2, base + QStringList{"--rope", "none", "--overwrite"});
        QVERIFY2(again.code == 0, again.err); // what is replaced, or stands there, is rank 0's own affair
    }

    /// Everything that is read, one after the other.
    void otherInputsAreRefused() {
        for (const char* folder : {"r4", "r5"}) writeModelAndIds(roomOf(folder));
        const auto at = [this](int rank, const QString& name) {
            return file(QString("r%1/").arg(4 + rank) + name);
        };
        for (const int rank : {0, 1}) {
            writeIds(at(rank, "other.u16"), 310 + rank, 64);
            std::vector<ImatrixEntry> entries;
            for (int layer = 0; layer < 2; ++layer)
                for (const auto& [stem, width] :
                     {std::pair{"attn_q", 32}, {"attn_output", 32}, {"ffn_up", 32}, {"ffn_down", 48}})
                    entries.push_back(
                        {"blk." + std::to_string(layer) + "." + stem + ".weight",
                         std::vector<float>(static_cast<std::size_t>(width), rank == 0 ? 1.0F : 2.0F), 2});
            writeBytes(at(rank, "i.dat").toStdString(), legacyImatrix(entries, 3, "text"));
            const QString rope = rank == 0 ? "none" : "linear:2", steps = QString::number(1 + rank);
            const QString room = file(QString("r%1").arg(4 + rank));
            const auto made = [&](const QStringList& words) {
                const auto one = runProgram(words, room);
                if (one.code != 0) qFatal("%s", one.err.constData());
            };
            const QStringList on{"--text", "a.u16", "--contexts", "64", "--rope"};
            made(QStringList{"evaluate", "model", "--save-logits", "base.kld"} + on + QStringList{rope});
            made(QStringList{"analyze", "model", "-o", "run.h5"} + on
                 + QStringList{rank == 0 ? "none" : "none,linear:2"});
            made(QStringList{"search", "--model", "model", "-o", "scales.h5", "--steps", steps, "--name", "s"}
                 + on + QStringList{"linear:4"});
        }
        const QStringList on{"--text", "a.u16", "--contexts", "64"};
        const auto evaluate = QStringList{"evaluate", "model"} + on;
        const auto search = QStringList{"search", "--model", "model", "--steps", "1"} + on;
        const auto differs = [&](const QStringList& words, const QString& what) {
            refused(words, "qroar: " + what, 4);
        };
        differs(evaluate + QStringList{"--quant", "awq:4:g16", "--calib-text", "other.u16"},
                "--calib-text, document 1: expected");
        differs(evaluate + QStringList{"--quant", "rtn:3:g16", "--imatrix", "i.dat"},
                "--imatrix, i.dat: expected");
        differs(evaluate + QStringList{"--kl-base", "base.kld"}, "--kl-base, base.kld: expected");
        differs(evaluate + QStringList{"--scales", "scales.h5"}, "--scales, s: expected");
        differs(QStringList{"analyze", "model", "--scales", "scales.h5", "--dry-run"} + on,
                "--scales, s: expected");
        auto stored =
            QuantizedCheckpoint::make(qroar::StoredFormat::Gptq, *qroar::QuantSpec::parse("rtn:4:g32:sym"));
        for (const int rank : {0, 1}) {
            writeQuantizedModel(at(rank, "stored").toStdString(), stored, 5);
            makeRandomHfModel(at(rank, "reference").toStdString(), stored.model, 5);
        }
        nudge(at(1, "reference/model.safetensors"), "model.layers.1.mlp.down_proj.weight");
        differs(QStringList{"evaluate", "stored", "--reference-model", "reference"} + on,
                "--reference-model, reference: expected");
        differs(search + QStringList{"--report-text", "other.u16"}, "--report-text, document 1: expected");
        differs(search + QStringList{"--rope", "none", "run.h5"}, "SESSION, run.h5: expected");
        differs(search + QStringList{"--quant", "rtn:3:g16", "--imatrix", "i.dat"},
                "--imatrix, i.dat: expected");
        differs(search + QStringList{"--rope", "linear:4", "-o", "scales.h5", "--resume"},
                "the search in scales.h5: expected");
    }

    /// Whatever ends a job, the ranks end, what was saved stays, and any number of ranks goes on with it.
    void interruptedJobsGoOn() {
        QVERIFY(alone(longAnalysis("undisturbed.h5")).code == 0);
        const auto asked = interrupted("disturbed.h5", SIGTERM, false); // of one rank: all of them stop
        QVERIFY2(asked.code == 3, asked.err);
        QVERIFY2(asked.err.contains(" of 16 conditions are in disturbed.h5; go on with --resume"), asked.err);
        const auto killed = interrupted("disturbed.h5", SIGKILL, false);
        QVERIFY2(killed.code != 0 && killed.code != 3, killed.err);
        const auto stopped = interrupted("disturbed.h5", SIGINT, true); // Ctrl-C
        QVERIFY2(stopped.code != 0, stopped.err);
        // how many more were finished before the signals arrived is the machine's affair
        QVERIFY(session("disturbed.h5")->conditions.size() >= 3);
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
