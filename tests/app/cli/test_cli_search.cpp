// `qroar search`: what it writes and says, going on after Ctrl-C, and what it refuses. Runs the built
// program.
#include "core/session/scales_file.h"
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/support/safetensors_writer.h"

#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

#include <nlohmann/json.hpp>

#include <cmath>
#include <csignal>
#include <set>

using namespace qroar::test;
using Json = nlohmann::json;

namespace {

struct Result {
    int code = -1;
    QByteArray out, err;
    [[nodiscard]] Json json() const { return Json::parse(out.toStdString()); }
};

void writeIds(const QString& path, int count, int vocab, int stride) {
    std::string bytes;
    for (int at = 0; at < count; ++at) {
        const int id = (at * stride + at * at / 7) % vocab;
        bytes.push_back(static_cast<char>(id & 255));
        bytes.push_back(static_cast<char>(id >> 8));
    }
    writeBytes(path.toStdString(), bytes);
}

} // namespace

class TestCliSearch : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    QString file(const QString& name) const { return folder_.filePath(name); }
    Result run(const QStringList& arguments) const {
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_PROGRAM, arguments);
        if (!process.waitForFinished(300000)) qFatal("qroar hangs: %s", qPrintable(arguments.join(' ')));
        return {process.exitStatus() == QProcess::NormalExit ? process.exitCode() : -1,
                process.readAllStandardOutput(), process.readAllStandardError()};
    }
    static QStringList base() {
        return {"search", "--model", "model",   "--text",    "a.u16",   "b.u16", "--contexts", "64,32",
                "--rope", "yarn:2",  "--quant", "rtn:3:g32", "--bands", "2",     "--l2",       "0.001"};
    }

  private slots:
    void initTestCase() {
        RandomModelOptions options;
        options.maxPositions = 32;
        options.gain = 1.4;
        makeRandomHfModel(file("model").toStdString(), options, 3);
        int stride = 31;
        for (const char* name : {"a.u16", "b.u16", "c.u16", "d.u16"})
            writeIds(file(name), 200, options.vocab, stride += 6);
        QVERIFY(QFile::copy(file("a.u16"), file("again.u16")));
        writeIds(file("short.u16"), 20, options.vocab, 5);
    }

    void windowsByHand() {
        const auto held = run(base() + QStringList{"--steps", "2", "--window", "0:1:1,1:0:1", "--json"});
        QVERIFY2(held.code == 0, held.err);
        const Json gains = held.json()["scales"]["q"];
        QCOMPARE(gains[0][1].get<double>(), 1.0); // held
        QCOMPARE(gains[1][0].get<double>(), 1.0);
        QVERIFY(gains[0][0].get<double>() != 1.0 && gains[1][1].get<double>() != 1.0);
        const Json shown = run(base() + QStringList{"--window", "all:1:1.5", "--dry-run", "--json"})
                               .json()["preview"]["windows"];
        QCOMPARE(shown["tau"][0][1].get<double>(), 1.5);
        QCOMPARE(shown["tau"][1][1].get<double>(), 1.5);
        QVERIFY(shown["tau"][0][0].get<double>() > 1.5);
        QVERIFY(QString::fromStdString(shown["source"].get<std::string>()).contains("edited"));
        for (const char* wrong : {"x", "0:1", "0:9:2", "9:0:2", "-1:0:2", "0:0:0.5", "0:0:nan"}) {
            const auto refused = run(base() + QStringList{"--window", wrong, "--dry-run"});
            QVERIFY2(refused.code != 0 && refused.err.contains("window"), wrong);
        }
    }

    void jsonAndSession() {
        const Result result = run(base()
                                  + QStringList{"--steps", "4", "--report-text", "c.u16", "d.u16", "-o",
                                                "run.h5", "--name", "mine", "--json"});
        QVERIFY2(result.code == 0, result.err);
        const Json found = result.json();
        for (const char* key : {"schema",
                                "model",
                                "session",
                                "name",
                                "rope",
                                "quant",
                                "variant",
                                "scope",
                                "method",
                                "contexts",
                                "l2",
                                "trials",
                                "forward_equivalents",
                                "finished",
                                "ending",
                                "dev",
                                "band_edges",
                                "scales",
                                "trace",
                                "report",
                                "controls",
                                "verdict"})
            QVERIFY2(found.contains(key), key);
        QVERIFY(found["dev"]["end"].get<double>() < found["dev"]["start"].get<double>());
        QCOMPARE(found["trials"].get<std::size_t>(), found["trace"].size());
        QCOMPARE(found["scales"]["q"].size(), std::size_t{2});                 // layers
        QCOMPARE(found["scales"]["q"][0].size(), std::size_t{2});              // bands
        QVERIFY(found["scales"]["k"] == Json::parse("[[1.0,1.0],[1.0,1.0]]")); // variant query
        QCOMPARE(found["report"].size(),
                 std::size_t{16}); // FP, Q, each with and without g, RoPE and contexts
        QVERIFY(found["report"][0].contains("role") && found["report"][0].contains("kl"));
        QVERIFY(found["verdict"].contains("long") && found["verdict"].contains("words"));

        const auto session = qroar::loadSession(file("run.h5").toStdString());
        QVERIFY2(session.ok(), session ? "" : session.error().message.c_str());
        QCOMPARE((*session)->searches.size(), std::size_t{1});
        const qroar::SearchRecord& record = *(*session)->searches.front();
        QCOMPARE(record.trials.size(), found["trace"].size());
        QCOMPARE(record.report.size(), std::size_t{16});
        QVERIFY(record.provenance.command.find("qroar search") == 0 && record.finished);
        const auto scales = qroar::loadScalesFrom(file("run.h5").toStdString() + ":mine");
        QVERIFY(scales.ok());
        QCOMPARE(scales->scales.gains.queryGains(0, 1)[0], found["scales"]["q"][0][0].get<double>());
    }

    /// Somebody else writes the file while a search runs: both are there afterwards.
  private:
    /// What a search says to whose file something is added while it runs.
    QByteArray saidWhileOthersWrite() {
        QProcess search;
        search.setWorkingDirectory(folder_.path());
        search.start(
            QROAR_PROGRAM,
            base() + QStringList{"--steps", "40", "--budget", "0", "--name", "late", "-o", "shared.h5"});
        // It has read the file when it says how far it is.
        QByteArray said;
        while (search.state() != QProcess::NotRunning && !said.contains('%')) {
            search.waitForReadyRead(50);
            said += search.readAllStandardError();
        }
        if (search.state() == QProcess::NotRunning) return said;
        const auto process = static_cast<pid_t>(search.processId());
        kill(process, SIGSTOP); // a search of a moment waits
        qroar::Session theirs = **qroar::loadSession(file("shared.h5").toStdString());
        auto more = std::make_shared<qroar::SearchRecord>(*theirs.searches.front());
        more->scales.name = "meanwhile";
        theirs.searches.push_back(more);
        const bool saved = qroar::saveSession(theirs, file("shared.h5").toStdString()).ok();
        kill(process, SIGCONT);
        if (!search.waitForFinished(120000) || search.exitCode() != 0 || !saved) return {};
        return said + search.readAllStandardError();
    }

  private slots:
    void aFileThatOthersWrite() {
        QByteArray said;
        for (int attempt = 0; attempt < 5 && !said.contains("shared.h5 was changed while this ran");
             ++attempt) {
            QFile::remove(file("shared.h5")); // where a busy machine let it end before it was stopped
            QVERIFY(QFile::copy(file("run.h5"), file("shared.h5")));
            said = saidWhileOthersWrite();
        }
        QVERIFY2(said.contains("shared.h5 was changed while this ran"), said);
        const auto now = qroar::loadSession(file("shared.h5").toStdString());
        std::set<std::string> names;
        for (const auto& one : (*now)->searches) names.insert(one->scales.name);
        QCOMPARE(names, (std::set<std::string>{"late", "meanwhile", "mine"}));
    }

    void anotherSearchIsAdded() {
        const Result model = run(base()
                                 + QStringList{"--scope", "model", "--method", "grid", "--grid-points", "3",
                                               "--steps", "1", "-o", "run.h5", "--json"});
        QVERIFY2(model.code == 0, model.err);
        QCOMPARE(model.json()["name"].get<std::string>(), std::string("001"));
        const Result head = run(base() + QStringList{"--scope", "head", "--steps", "1", "--json"});
        QVERIFY2(head.code == 0, head.err);
        QCOMPARE(head.json()["scales"]["q"][1].size(), std::size_t{4});    // query heads
        QCOMPARE(head.json()["scales"]["q"][1][3].size(), std::size_t{2}); // bands
        QVERIFY(head.json()["session"].is_null());
        QCOMPARE((*qroar::loadSession(file("run.h5").toStdString()))->searches.size(), std::size_t{2});
        const Result taken = run(base() + QStringList{"-o", "run.h5", "--name", "mine"});
        QCOMPARE(taken.code, 1);
        QVERIFY2(taken.err.contains("mine"), taken.err);
    }

    void diagnosticsGiveWindows() {
        const Result analyzed =
            run({"analyze", "model", "--text", "a.u16", "b.u16", "--contexts", "32,64", "--rope",
                 "none,yarn:2", "--quant", "none,rtn:3:g32", "--bands", "4", "-o", "diagnostics.h5"});
        QVERIFY2(analyzed.code == 0, analyzed.err);
        const QStringList arguments{"search", "diagnostics.h5", "--model", "model",   "--text",
                                    "a.u16",  "--rope",         "yarn:2",  "--quant", "rtn:3:g32"};
        const Result preview = run(arguments + QStringList{"--dry-run", "--json"});
        QVERIFY2(preview.code == 0, preview.err);
        const Json found = preview.json()["preview"];
        QCOMPARE(found["contexts"], Json::parse("[32,64]"));
        QCOMPARE(found["band_edges"], Json::parse("[0,1,2,3,4]"));
        QVERIFY(found["windows"]["source"].get<std::string>().find("TIR") != std::string::npos);
        double least = 1e9, most = 0;
        for (const Json& layer : found["windows"]["tau"])
            for (const Json& tau : layer) {
                least = std::min(least, tau.get<double>());
                most = std::max(most, tau.get<double>());
            }
        QVERIFY(least >= 1.25 && most <= 2.5 && most > least);
        const Result printed = run(arguments + QStringList{"--dry-run"});
        QVERIFY(printed.code == 0 && printed.out.contains("tau"));
        QVERIFY(!printed.out.contains("without the report"));
        const Result reporting = run(arguments + QStringList{"--report-text", "c.u16", "--dry-run"});
        QVERIFY2(reporting.code == 0 && reporting.out.contains("of memory, without the report"),
                 reporting.out);
        // The search goes into a copy of the diagnostics, which stay as they are.
        const Result searched = run(arguments + QStringList{"--steps", "1", "-o", "both.h5"});
        QVERIFY2(searched.code == 0, searched.err);
        const auto both = *qroar::loadSession(file("both.h5").toStdString());
        QVERIFY(both->conditions.size() == 8 && both->searches.size() == 1);
        QVERIFY((*qroar::loadSession(file("diagnostics.h5").toStdString()))->searches.empty());
    }

    void interruptAndResume() {
        const QStringList long_ =
            base() + QStringList{"--method", "grid", "--grid-points", "41", "--steps", "3"};
        const Result whole = run(long_ + QStringList{"--json"});
        QVERIFY2(whole.code == 0, whole.err);
        // Later and later after the first progress, until a trial was done by then.
        for (int wait = 5; wait < 5000 && !QFile::exists(file("stopped.h5")); wait *= 2) {
            QProcess process;
            process.setWorkingDirectory(folder_.path());
            process.setReadChannel(QProcess::StandardError);
            process.start(QROAR_PROGRAM, long_ + QStringList{"-o", "stopped.h5"});
            QByteArray said;
            while (!said.contains('%') && process.waitForReadyRead(20000))
                said += process.readAllStandardError();
            QTest::qWait(wait);
            ::kill(static_cast<pid_t>(process.processId()), SIGINT);
            QVERIFY(process.waitForFinished(60000));
            QCOMPARE(process.exitCode(), 3);
        }
        QVERIFY(QFile::exists(file("stopped.h5")));
        const Result resumed = run(long_ + QStringList{"-o", "stopped.h5", "--resume", "--json"});
        QVERIFY2(resumed.code == 0, resumed.err);
        for (const char* key : {"scales", "trials", "dev", "ending", "forward_equivalents"})
            QVERIFY2(resumed.json()[key] == whole.json()[key], key);
        QCOMPARE((*qroar::loadSession(file("stopped.h5").toStdString()))->searches.size(), std::size_t{1});
    }

    /// A verdict on what the search saw must say so.
    void evaluateKnowsWhatTheSearchSaw() {
        QVERIFY(run(base() + QStringList{"--steps", "1", "-o", "seen.h5"}).code == 0);
        const QStringList evaluate{"evaluate", "model",     "--contexts",  "32",       "--rope",  "yarn:2",
                                   "--quant",  "rtn:3:g32", "--reference", "--scales", "seen.h5", "--text"};
        const Result seen = run(evaluate + QStringList{"d.u16", "a.u16"});
        QVERIFY2(seen.code == 0 && seen.out.contains("NOT HELD OUT"), seen.out + seen.err);
        QCOMPARE(run(evaluate + QStringList{"d.u16", "a.u16", "--json"}).json()["not_held_out"],
                 Json::array({"a.u16"}));
        const Result fresh = run(evaluate + QStringList{"d.u16"});
        QVERIFY(fresh.code == 0 && !fresh.out.contains("NOT HELD OUT") && fresh.out.contains("Verdict"));
    }

    void resumingForgetsNothing() {
        const QStringList first =
            base()
            + QStringList{"--steps", "4", "--report-text", "c.u16", "--max-windows", "2", "-o", "keep.h5"};
        QVERIFY(run(first).code == 0);
        const auto record = [this] {
            return (*qroar::loadSession(file("keep.h5").toStdString()))->searches[0];
        };
        const auto before = record();
        QVERIFY(before->finished && !before->report.empty() && !before->verdict.words.empty());
        const auto again = [&](const QStringList& more) {
            return run(base() + QStringList{"--max-windows", "2", "-o", "keep.h5", "--resume"} + more);
        };
        QCOMPARE(again({"--steps", "1"}).code, 1);
        QCOMPARE(again({"--steps", "4", "--budget", "1"}).code, 1);
        QVERIFY(again({"--steps", "4"}).code == 0); // without report documents
        const auto after = record();
        QVERIFY(after->trials.size() >= before->trials.size() && after->scales.gains == before->scales.gains);
        QVERIFY(after->report == before->report && after->verdict == before->verdict);
    }

    void refusals_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("says");
        QTest::newRow("overlap by file")
            << base() + QStringList{"--report-text", "b.u16"} << 1 << "--report-text";
        QTest::newRow("overlap by content")
            << base() + QStringList{"--report-text", "again.u16"} << 1 << "again.u16";
        QTest::newRow("symmetric") << base() + QStringList{"--variant", "symmetric"} << 1 << "1/g";
        QTest::newRow("no contexts") << QStringList{"search", "--model", "model", "--text", "a.u16"} << 1
                                     << "--contexts";
        QTest::newRow("too long") << QStringList{"search", "--model",    "model", "--text",
                                                 "a.u16",  "--contexts", "999"}
                                  << 1 << "999";
        QTest::newRow("resume without a file") << base() + QStringList{"--resume"} << 2 << "-o";
        QTest::newRow("nothing to resume")
            << base() + QStringList{"--resume", "-o", "nothing.h5"} << 1 << "nothing.h5";
        QTest::newRow("a name that cannot be said") << base() + QStringList{"--name", "a:b"} << 1 << "a:b";
        QTest::newRow("lambda is no number") << base() + QStringList{"--lambda", "nan"} << 2 << "lambda";
        QTest::newRow("endless window") << base() + QStringList{"--tau-max", "inf"} << 2 << "tau-max";
        QTest::newRow("report too short")
            << base() + QStringList{"--report-text", "short.u16"} << 1 << "--report-text";
        QTest::newRow("unknown scope") << base() + QStringList{"--scope", "world"} << 2 << "scope";
        QTest::newRow("no model") << QStringList{"search", "--text", "a.u16", "--contexts", "32"} << 2
                                  << "--model";
        QTest::newRow("no folder") << base() + QStringList{"-o", "nowhere/run.h5"} << 1 << "nowhere";
    }
    void refusals() {
        QFETCH(QStringList, arguments);
        QFETCH(int, code);
        QFETCH(QString, says);
        const Result result = run(arguments);
        QCOMPARE(result.code, code);
        QVERIFY2(result.err.contains(says.toUtf8()), result.err);
    }
};

QTEST_GUILESS_MAIN(TestCliSearch)
#include "test_cli_search.moc"
