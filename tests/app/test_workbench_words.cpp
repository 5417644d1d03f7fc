// The command line of the built workbench: exit codes, what it says on standard error, and that it needs a
// display for nothing but its window.
#include <QDir>
#include <QFile>
#include <QProcess>
#include <QTemporaryDir>
#include <QtTest>

namespace {

struct Ended {
    int code = -1;
    QByteArray out, err;
};

class Workbench {
  public:
    explicit Workbench(const QTemporaryDir& home, bool display = true) {
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        for (const char* name : {"HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"})
            environment.insert(name, home.path());
        for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}) environment.remove(name);
        if (display) environment.insert("QT_QPA_PLATFORM", "offscreen");
        process_.setProcessEnvironment(environment);
        process_.setWorkingDirectory(home.path());
    }
    ~Workbench() {
        process_.kill();
        process_.waitForFinished();
    }
    QProcess& start(const QStringList& words) {
        process_.start(QROAR_WORKBENCH, words);
        return process_;
    }
    Ended run(const QStringList& words) {
        start(words);
        if (!process_.waitForFinished(20000)) return {};
        return {process_.exitStatus() == QProcess::NormalExit ? process_.exitCode() : -1,
                process_.readAllStandardOutput(), process_.readAllStandardError()};
    }

  private:
    QProcess process_;
};

} // namespace

class TestWorkbenchWords : public QObject {
    Q_OBJECT
    QTemporaryDir home_;

  private slots:
    void wrongWordsEndWithTwo_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QString>("named");
        QTest::newRow("option") << QStringList{"--bogus"} << "bogus";
        QTest::newRow("short option") << QStringList{"-q"} << "q";
        QTest::newRow("value that is missing") << QStringList{"--export-figures"} << "export-figures";
        QTest::newRow("value that is not wanted") << QStringList{"--sample=yes"} << "sample";
        QTest::newRow("two paths") << QStringList{"a.h5", "b.h5"} << "b.h5";
        QTest::newRow("figures of nothing") << QStringList{"--export-figures", "f"} << "session";
        QTest::newRow("format") << QStringList{"--export-figures", "f", "--formats", "gif", "a.h5"} << "gif";
        QTest::newRow("no format") << QStringList{"--export-figures", "f", "--formats", ",", "a.h5"}
                                   << "svg,png";
        QTest::newRow("formats of no figures")
            << QStringList{"--formats", "png", "a.h5"} << "--export-figures";
        QTest::newRow("sample and path") << QStringList{"--sample", "a.h5"} << "a.h5";
    }
    void wrongWordsEndWithTwo() {
        QFETCH(QStringList, words);
        QFETCH(QString, named);
        for (const bool display : {true, false}) {
            const Ended ended = Workbench(home_, display).run(words);
            QCOMPARE(ended.code, 2);
            QVERIFY2(ended.err.startsWith("qroar-workbench: ") && ended.err.contains(named.toUtf8())
                         && ended.err.contains("--help"),
                     ended.err.constData());
            QVERIFY2(ended.out.isEmpty(), ended.out.constData());
        }
    }

    void helpNeedsNoDisplay() {
        const Ended help = Workbench(home_, false).run({"--help"});
        QCOMPARE(help.code, 0);
        QVERIFY2(help.out.contains("--export-figures") && help.out.contains("[path]"), help.out.constData());
        const Ended version = Workbench(home_, false).run({"--version"});
        QCOMPARE(version.code, 0);
        QVERIFY2(version.out.startsWith("qroar-workbench "), version.out.constData());
    }

    void aWindowNeedsOne() {
        const Ended ended = Workbench(home_, false).run({});
        QCOMPARE(ended.code, 1);
        QVERIFY2(ended.err.contains("DISPLAY"), ended.err.constData());
    }

    void whatIsMissingIsNamed_data() {
        QTest::addColumn<QString>("path");
        for (const char* path : {"gone.h5", "gone.gguf", "gone.safetensors", "gone/", "rubbish.h5"})
            QTest::newRow(path) << path;
    }
    void whatIsMissingIsNamed() {
        QFETCH(QString, path);
        if (path.startsWith("rubbish")) {
            QFile file(home_.filePath(path));
            QVERIFY(file.open(QIODevice::WriteOnly));
            file.write("no session");
        }
        Workbench workbench(home_);
        QProcess& process = workbench.start({path});
        QByteArray said;
        QVERIFY2(QTest::qWaitFor(
                     [&] {
                         said += process.readAllStandardError();
                         return said.contains("qroar-workbench: ") && said.endsWith('\n');
                     },
                     20000),
                 "nothing was said");
        QVERIFY2(said.contains(QDir::cleanPath(path).toUtf8()), said.constData());
        QCOMPARE(process.state(), QProcess::Running); // another one can be chosen
    }

    void figuresOfAMissingSessionEndWithOne() {
        const Ended ended = Workbench(home_, false).run({"--export-figures", "f", "gone.h5"});
        QCOMPARE(ended.code, 1);
        QVERIFY2(ended.err.contains("gone.h5"), ended.err.constData());
    }
};

QTEST_GUILESS_MAIN(TestWorkbenchWords)
#include "test_workbench_words.moc"
