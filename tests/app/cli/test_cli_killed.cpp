// Long jobs that are killed: what was finished is in the file, and with --resume the job ends with the
// numbers of one that nobody disturbed, bit for bit. What has changed meanwhile is refused by name.
#include "core/session/search_record.h"
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"

#include <QTemporaryDir>

#include <csignal>

using namespace qroar;
using namespace qroar::test;

namespace {

constexpr int enoughKills = 4; ///< then the job may end

/// A program that SIGKILL ends, as the kernel does when memory is short.
class Victim {
  public:
    Victim(const QStringList& arguments, const QString& folder) {
        process_.setWorkingDirectory(folder);
        process_.start(QROAR_PROGRAM, arguments);
    }
    [[nodiscard]] bool runs() {
        process_.waitForFinished(1);
        return process_.state() != QProcess::NotRunning;
    }
    [[nodiscard]] QByteArray said() { return process_.readAllStandardError(); }
    void kill() {
        const auto id = static_cast<pid_t>(process_.processId());
        if (id > 0) ::kill(id, SIGKILL); // 0 is everybody of this group
        process_.waitForFinished(10000);
    }

  private:
    QProcess process_;
};

} // namespace

class TestCliKilled : public QObject {
    Q_OBJECT
  private slots:
    void initTestCase() {
        QVERIFY(folder_.isValid());
        RandomModelOptions options; // a condition takes some tenths of a second
        options.layers = 6;
        options.hidden = 128;
        options.headDim = 32;
        options.intermediate = 384;
        options.maxPositions = 64;
        makeRandomHfModel(file("model").toStdString(), options, 3);
        makeRandomHfModel(file("other").toStdString(), options, 4);
        writeIds(file("a.u16"), 3000, options.vocab);
        writeIds(file("b.u16"), 2500, options.vocab);
    }

    /// Killed a few times, each as soon as the file holds one condition more.
    void analysisLosesTheConditionInHandOnly() {
        const QStringList job{"analyze",    "model",          "--text",
                              "a.u16",      "b.u16",          "--contexts",
                              "256,512",    "--rope",         "none,yarn:2,linear:2",
                              "--quant",    "none,rtn:4:g32", "--divergence",
                              "--gradients"};
        QCOMPARE(runProgram(job + QStringList{"-o", "whole.h5"}, folder_.path()).code, 0);
        const auto whole = *loadSession(file("whole.h5").toStdString());
        int kills = 0;
        for (std::size_t held = 0; held < whole->conditions.size();) {
            Victim victim(job + QStringList{"-o", "killed.h5", "--resume"}, folder_.path());
            std::size_t now = held;
            while (victim.runs() && (now == held || kills == enoughKills)) now = conditionsIn("killed.h5");
            if (victim.runs()) ++kills;
            victim.kill();
            now = conditionsIn("killed.h5"); // one more may have been finished meanwhile
            QVERIFY2(now > held, "a run that was finished or killed added nothing");
            held = now;
        }
        QVERIFY2(kills >= 3, "the machine is too fast for this test");
        const auto resumed = *loadSession(file("killed.h5").toStdString());
        QCOMPARE(resumed->conditions.size(), whole->conditions.size());
        for (const auto& condition : whole->conditions) {
            const auto again = resumed->find(condition->key);
            QVERIFY(again);
            QVERIFY(again->windows == condition->windows && again->statistics == condition->statistics
                    && again->byDocument == condition->byDocument
                    && again->divergence == condition->divergence);
            const Sensitivity &one = again->sensitivity, &other = condition->sensitivity;
            QVERIFY(!one.empty() && one.lnGainQ == other.lnGainQ && one.lnGainK == other.lnGainK
                    && one.lnOmega == other.lnOmega && one.blockGain == other.blockGain);
        }
    }

    void searchLosesTheTrialInHandOnly() {
        const QStringList job{"search", "--model", "model",  "--text",  "a.u16",     "--contexts",
                              "256",    "--rope",  "yarn:4", "--quant", "rtn:3:g32", "--bands",
                              "2",      "--steps", "8",      "--l2",    "0"};
        QCOMPARE(runProgram(job + QStringList{"-o", "all.h5"}, folder_.path()).code, 0);
        const auto whole = (*loadSession(file("all.h5").toStdString()))->searches.back();
        QVERIFY(whole->trials.size() >= 3);
        int kills = 0;
        for (bool finished = false; !finished;) {
            const std::size_t held = trialsIn("part.h5");
            Victim victim(job + QStringList{"-o", "part.h5"}
                              + (held > 0 ? QStringList{"--resume"} : QStringList{}),
                          folder_.path());
            while (victim.runs() && (trialsIn("part.h5") == held || kills == enoughKills)) {
            }
            if (victim.runs()) ++kills;
            victim.kill();
            QVERIFY2(trialsIn("part.h5") > held || isFinished("part.h5"), victim.said());
            finished = isFinished("part.h5");
        }
        QVERIFY2(kills >= 2, "the machine is too fast for this test");
        const auto part = (*loadSession(file("part.h5").toStdString()))->searches.back();
        QCOMPARE(part->trials.size(), whole->trials.size());
        for (std::size_t at = 0; at < whole->trials.size(); ++at) {
            const SearchTrial &one = part->trials[at], &other = whole->trials[at];
            QVERIFY(one.theta == other.theta && one.nll == other.nll && one.objective == other.objective
                    && one.gradient == other.gradient && one.accepted == other.accepted);
        }
        QVERIFY(part->scales.gains == whole->scales.gains && part->ending == whole->ending);
    }

    void whatHasChangedIsRefusedByName() {
        const QStringList analyze{"analyze", "MODEL", "--text", "c.u16", "b.u16", "--contexts", "64"};
        const QStringList search{"search",     "--model", "MODEL",   "--text",    "c.u16",   "b.u16",
                                 "--contexts", "64",      "--quant", "rtn:3:g32", "--steps", "1"};
        for (const QStringList& job : {analyze, search}) {
            const auto with = [&](const char* model, const QStringList& more) {
                QStringList words = job + QStringList{"-o", "run.h5"} + more;
                words.replaceInStrings("MODEL", model);
                return runProgram(words, folder_.path());
            };
            QFile::remove(file("run.h5"));
            writeIds(file("c.u16"), 600, 64);
            QCOMPARE(with("model", {}).code, 0);
            writeIds(file("c.u16"), 601, 64);
            const ProgramResult text = with("model", {"--resume"});
            QCOMPARE(text.code, 1);
            QVERIFY2(text.err.contains("c.u16 has changed since: 600 tokens then, 601 now"), text.err);
            writeIds(file("c.u16"), 600, 64);
            const ProgramResult model = with("other", {"--resume"});
            QCOMPARE(model.code, 1);
            QVERIFY2(model.err.contains("another model") && model.err.contains("fingerprint"), model.err);
            const ProgramResult limit = with("model", {"--resume", "--max-windows", "1"});
            QCOMPARE(limit.code, 1);
            QVERIFY2(limit.err.contains("window limit"), limit.err);
            QCOMPARE(with("model", {"--resume"}).code, 0);
        }
    }

  private:
    [[nodiscard]] QString file(const char* name) const { return folder_.path() + '/' + name; }
    /// Of what stands there now: it is replaced as a whole, never seen in part.
    [[nodiscard]] std::size_t conditionsIn(const char* name) const {
        if (!QFile::exists(file(name))) return 0;
        const auto session = loadSession(file(name).toStdString());
        if (!session) qFatal("%s", session.error().message.c_str());
        return (*session)->conditions.size();
    }
    [[nodiscard]] std::shared_ptr<const SearchRecord> searchIn(const char* name) const {
        if (!QFile::exists(file(name))) return nullptr;
        const auto session = loadSession(file(name).toStdString());
        if (!session) qFatal("%s", session.error().message.c_str());
        return (*session)->searches.empty() ? nullptr : (*session)->searches.back();
    }
    [[nodiscard]] std::size_t trialsIn(const char* name) const {
        const auto record = searchIn(name);
        return record ? record->trials.size() : 0;
    }
    [[nodiscard]] bool isFinished(const char* name) const {
        const auto record = searchIn(name);
        return record && record->finished;
    }

    QTemporaryDir folder_;
};

QTEST_APPLESS_MAIN(TestCliKilled)
#include "test_cli_killed.moc"
