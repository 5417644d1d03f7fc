// Exit codes of every sub-command: 2 for a command line that is wrong by itself, before any file is looked
// at; 1 for files that are; 3 for what Ctrl-C stopped. Runs the built program.
#include "tests/app/cli/cli_test.h"

#include <QElapsedTimer>
#include <QTemporaryDir>
#include <QtTest>

#include <csignal>

using namespace qroar::test;
using Result = ProgramResult;

class TestCliExitCodes : public QObject {
    Q_OBJECT
    QTemporaryDir folder_;

    Result run(const QStringList& arguments) const { return runProgram(arguments, folder_.path()); }

    /// A command line of each sub-command that lacks nothing; its files are not there.
    static QMap<QString, QStringList> complete() {
        const QStringList text{"--text", "gone.txt"}, contexts{"--contexts", "64"};
        return {{"inspect", {"inspect", "gone"}},
                {"rope", {"rope", "gone"}},
                {"analyze", QStringList{"analyze", "gone"} + text + contexts + QStringList{"-o", "x.h5"}},
                {"diagnose", {"diagnose", "gone.h5"}},
                {"compare", {"compare", "gone.h5", "gone.h5"}},
                {"evaluate", QStringList{"evaluate", "gone"} + text + contexts},
                {"export", {"export", "gone", "--format", "hf", "-o", "x"}},
                {"search", QStringList{"search", "--model", "gone"} + text + contexts}};
    }

  private slots:
    void initTestCase() { writeModelAndIds(folder_.path()); }

    void usage_data() {
        QTest::addColumn<QStringList>("arguments");
        QTest::newRow("nothing") << QStringList{};
        QTest::newRow("sub-command") << QStringList{"frobnicate"};
        const auto commands = complete();
        const auto add = [&](const char* command, const QStringList& more) {
            QTest::addRow("%s %s", command, qPrintable(more.join(' '))) << commands[command] + more;
        };
        for (auto command = commands.begin(); command != commands.end(); ++command) {
            const QByteArray name = command.key().toUtf8();
            QTest::addRow("%s alone", name.constData()) << QStringList{command.key()};
            add(name.constData(), {"--frobnicate"});
            add(name.constData(), {"--threads", "0"});
            add(name.constData(), {"one", "argument", "too", "many"});
        }
        for (const char* command : {"rope", "analyze", "evaluate", "export", "search"})
            for (const char* value : {"magic:4", "yarn:-2", "linear", "yarn:4:beta_fast=x"})
                add(command, {"--rope", value});
        for (const char* command : {"analyze", "evaluate", "export", "search"})
            for (const char* value : {"int4", "rtn:9:g64", "rtn:4"}) add(command, {"--quant", value});
        for (const char* command : {"analyze", "evaluate", "search"})
            for (const char* value : {"many", "0", "1", "-64", "1e9", "64,x"})
                add(command, {"--contexts", value});
        for (const char* command : {"diagnose", "search"})
            for (const char* value : {"0,3,2", "", "a,b", "-4,2"}) add(command, {"--band-edges", value});
        add("diagnose", {"--bands", "0"});
        add("diagnose", {"--bands", "2", "--band-edges", "0,1"});
        add("diagnose", {"--metric", "heat"});
        add("compare", {"--epsilon", "0.5"});
        add("compare", {"--convention", "some"});
        add("diagnose", {"--scope", "band"});
        add("evaluate", {"--convention", "some"});
        add("evaluate", {"--copy", "1"});
        add("evaluate", {"--answers-from", "2"});
        add("analyze", {"--resume", "--overwrite"});
        add("analyze", {"--calib-windows", "0"});
        add("export", {"--format", "zip"});
        add("export", {"--dtype", "f64"});
        add("search", {"--variant", "both"});
        add("search", {"--tau-max", "0.5"});
        add("search", {"--lambda", "nan"});
        add("search", {"--resume"});
        QTest::newRow("no format") << QStringList{"export", "model", "-o", "x"};
        QTest::newRow("no output") << QStringList{"analyze", "model", "--text", "a.u16", "--contexts", "64"};
        QTest::newRow("no text") << QStringList{"evaluate", "model"};
        QTest::newRow("passkey without contexts") << QStringList{"evaluate", "model", "--passkey"};
    }
    void usage() {
        QFETCH(QStringList, arguments);
        const Result result = run(arguments);
        QVERIFY2(result.code == 2, qPrintable(QString::number(result.code) + ": " + result.err));
        QVERIFY2(result.out.isEmpty() && result.err.startsWith("qroar: "), result.err);
    }

    /// The same command lines without the mistake get as far as the files.
    void filesThatAreNotThere() {
        const auto commands = complete();
        for (auto command = commands.begin(); command != commands.end(); ++command) {
            const Result result = run(*command);
            QVERIFY2(result.code == 1, qPrintable(command.key() + ": " + result.err));
            QVERIFY2(result.out.isEmpty() && result.err.startsWith("qroar: gone"), result.err);
        }
    }
    void filesThatAreWrong() {
        const QStringList text{"--text", "a.u16", "--contexts", "32"};
        for (const QStringList& arguments :
             {QStringList{"inspect", "a.u16"}, QStringList{"rope", "a.u16"}, QStringList{"diagnose", "a.u16"},
              QStringList{"analyze", "a.u16", "-o", "x.h5"} + text, QStringList{"evaluate", "a.u16"} + text,
              QStringList{"export", "a.u16", "--format", "hf", "-o", "x"},
              QStringList{"search", "--model", "a.u16"} + text,
              QStringList{"search", "a.u16", "--model", "model"} + text,
              QStringList{"evaluate", "model", "--scales", "a.u16"} + text,
              QStringList{"evaluate", "model", "--choices", "a.u16"},
              QStringList{"evaluate", "model", "--kl-base", "a.u16"} + text,
              QStringList{"export", "model", "--format", "hf", "-o", "x", "--scales", "a.u16"}}) {
            const Result result = run(arguments);
            QVERIFY2(result.code == 1 && result.out.isEmpty() && result.err.startsWith("qroar: "),
                     qPrintable(arguments.join(' ') + ": " + result.err));
        }
    }

    void cancelled_data() {
        QTest::addColumn<QStringList>("arguments");
        const QStringList text{"--text", "long.u16", "--contexts", "16384"};
        QTest::newRow("analyze") << QStringList{"analyze", "model", "-o", "cut.h5"} + text;
        QTest::newRow("evaluate") << QStringList{"evaluate", "model"} + text;
        QTest::newRow("search") << QStringList{"search", "--model", "model"} + text;
        QTest::newRow("export") << QStringList{
            "export", "model", "--format",     "gptq",     "--quant",         "gptq:4:g32",
            "-o",     "cut",   "--calib-text", "long.u16", "--calib-context", "16384"};
    }
    void cancelled() {
        QFETCH(QStringList, arguments);
        writeIds(folder_.filePath("long.u16"), 200000, 64);
        QProcess process;
        process.setWorkingDirectory(folder_.path());
        process.start(QROAR_PROGRAM, arguments);
        QByteArray said; // the first line of progress: it is at work
        QElapsedTimer timer;
        timer.start();
        while (!said.contains(" %  ") && process.state() != QProcess::NotRunning && timer.elapsed() < 60000) {
            process.waitForReadyRead(200);
            said += process.readAllStandardError();
        }
        ::kill(static_cast<pid_t>(process.processId()), SIGINT);
        QVERIFY(process.waitForFinished(60000));
        QCOMPARE(process.exitStatus(), QProcess::NormalExit);
        QVERIFY2(process.exitCode() == 3, said + process.readAllStandardError());
    }
};

QTEST_APPLESS_MAIN(TestCliExitCodes)
#include "test_cli_exit_codes.moc"
