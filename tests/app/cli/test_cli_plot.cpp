// qroar plot, as a user runs it: figures by their command, the same again, and what it says when a word is
// wrong or the workbench is not there.
#include "core/session/session_file.h"
#include "tests/app/cli/cli_test.h"
#include "tests/support/synthetic_session.h"

#include <QImage>
#include <QTemporaryDir>
#include <QXmlStreamReader>

using namespace qroar;
using test::ProgramResult;

class TestCliPlot : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    ProgramResult run(const QStringList& words) { return test::runProgram(words, folder_.path()); }
    QByteArray read(const QString& name) {
        QFile file(folder_.filePath(name));
        return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
    }

  private slots:
    void initTestCase() {
        const auto session = test::makeSyntheticSession();
        QVERIFY(saveSession(*session, folder_.filePath("run.h5").toStdString()).ok());
    }

    void namesOfBandsWithoutRoomAreSaid() {
        const QStringList words{
            "plot",     "run.h5",  "--figure",
            "spectrum", "--bands", "0=a name that is longer than any strip of two pairs has room for,2=b,8",
            "--size"};
        const ProgramResult narrow = run(words + QStringList{"3.3in", "-o", "n.png"});
        QVERIFY2(narrow.code == 0, narrow.err.constData());
        QVERIFY2(narrow.err.contains("no room for the names of these bands: 0 \"a name")
                     && !narrow.err.contains("1 \"b\""),
                 narrow.err.constData());
        QStringList map = words;
        map[3] = "heatmap";
        map[5] = "0=low frequencies,1=a,2=b,3=mid,4=c,5=d,6=e,7=f,8";
        const ProgramResult narrowMap = run(map + QStringList{"3.3in", "-o", "n.png"});
        QVERIFY2(narrowMap.code == 0 && narrowMap.err.contains("no room for the names of these bands: a"),
                 narrowMap.err.constData());
        for (const char* size : {"3.3in", "7in"}) { // numbers have room, and say all of "band 1"
            const ProgramResult plain = run({"plot", "run.h5", "--figure", "spectrum", "--bands", "0,4,8",
                                             "--size", size, "-o", "n.png"});
            QVERIFY2(plain.code == 0 && !plain.err.contains("of these bands"), plain.err.constData());
        }
    }

    void everyFormat() {
        const QStringList figure{
            "plot",    "run.h5", "--figure", "heatmap", "--condition", "yarn:4 . 1024 . rtn:4:g64",
            "--layer", "2",      "--size",   "3.3in"};
        for (const char* suffix : {"svg", "pdf", "png", "csv"}) {
            const QString name = QStringLiteral("a.") + suffix;
            const ProgramResult result = run(figure + QStringList{"-o", name});
            QVERIFY2(result.code == 0, result.err.constData());
            QVERIFY2(!read(name).isEmpty(), suffix);
        }
        QCOMPARE(QImage(folder_.filePath("a.png")).width(), 990);
        QVERIFY(read("a.pdf").startsWith("%PDF"));
        QVERIFY(read("a.csv").contains("yarn:4"));
        QXmlStreamReader xml(read("a.svg"));
        QString words;
        while (!xml.atEnd())
            if (xml.readNext() == QXmlStreamReader::StartElement && xml.name() == QLatin1String("title"))
                words += xml.readElementText();
        QVERIFY2(!xml.hasError() && words.contains("yarn:4"), qPrintable(words));
        QCOMPARE(run(figure + QStringList{"-o", "again.svg"}).code, 0);
        QCOMPARE(read("again.svg"), read("a.svg")); // byte for byte
    }

    void filesThatCannotBeReadAreFailures() {
        QFile file(folder_.filePath("x.pdf"));
        QVERIFY(file.open(QIODevice::WriteOnly) && file.write("%PDF-1.4 no JSON") > 0);
        file.close();
        const ProgramResult result = run({"plot", "run.h5", "--composition", "x.pdf", "-o", "y.png"});
        QCOMPARE(result.code, 1);
        QVERIFY2(result.err.contains("x.pdf: expected a composition"), result.err.constData());
        QCOMPARE(run({"plot", "run.h5", "--composition", "x.pdf", "--size", "big", "-o", "y.png"}).code, 2);
    }

    void listsWhatThereIs() {
        const ProgramResult result = run({"plot", "run.h5", "--list"});
        QCOMPARE(result.code, 0);
        for (const char* word : {"spectrum", "heatmap", "perplexity", "yarn:4 · 1024 · rtn:4:g64"})
            QVERIFY2(result.out.contains(word), result.out.constData());
        QVERIFY(run({"plot", "--help"}).out.contains("--condition"));
    }

    void wrongWords_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<int>("code");
        QTest::addColumn<QString>("message");
        const auto row = [](const char* name, const QStringList& words, int code, const QString& message) {
            QTest::newRow(name) << words << code << message;
        };
        row("no session", {"--figure", "heatmap", "-o", "x.svg"}, 2, "expected a session");
        row("no file", {"run.h5", "--figure", "heatmap"}, 2, "-o: expected a file name");
        row("suffix", {"run.h5", "--figure", "heatmap", "-o", "x.gif"}, 2, "\"x.gif\"");
        row("figure", {"run.h5", "--figure", "pie", "-o", "x.svg"}, 2, "found \"pie\"");
        row("option", {"run.h5", "--figure", "heatmap", "--option", "colour=red", "-o", "x.svg"}, 2,
            "\"colour\"");
        row("condition", {"run.h5", "--figure", "heatmap", "--condition", "yarn:9", "-o", "x.svg"}, 1,
            "found \"yarn:9\"");
        row("layer", {"run.h5", "--figure", "heatmap", "--layer", "40", "-o", "x.svg"}, 1,
            "--layer: expected 0 to 5, found \"40\"");
        row("bands", {"run.h5", "--figure", "heatmap", "--bands", "0,99", "-o", "x.svg"}, 1, "--bands");
        row("bands that never fit", {"run.h5", "--figure", "heatmap", "--bands", "4,2", "-o", "x.svg"}, 2,
            "--bands");
        row("nothing to show", {"run.h5", "--figure", "search", "-o", "x.svg"}, 1, "has nothing to show");
        row("several", {"run.h5", "--figure", "heatmap", "--condition", "yarn:4", "-o", "x.svg"}, 1,
            "only one condition");
        row("unknown", {"run.h5", "--colour", "red", "-o", "x.svg"}, 2, "--colour: unknown option");
        row("too small", {"run.h5", "--figure", "heatmap", "--size", "3.3x0.7in", "-o", "x.svg"}, 1,
            "--size 3.3x0.7in is too small for axes and legends to be readable: at least 3.3x");
        row("missing session", {"none.h5", "--figure", "heatmap", "-o", "x.svg"}, 1, "none.h5");
        row("folder", {"run.h5", "--figure", "spectrum", "-o", "no/such/x.svg"}, 1, "no/such/x.svg");
    }
    void wrongWords() {
        QFETCH(QStringList, words);
        QFETCH(int, code);
        QFETCH(QString, message);
        const ProgramResult result = run(QStringList{"plot"} + words);
        QCOMPARE(result.code, code);
        QVERIFY2(result.err.contains(message.toUtf8()), result.err.constData());
        QVERIFY(!QFile::exists(folder_.filePath("x.svg")));
    }

    void conditionsAsTitlesSpellThem() {
        const QStringList figure{"plot", "run.h5", "--figure", "heatmap"};
        const auto drawn = [&](const char* text) {
            const ProgramResult result = run(figure + QStringList{"--condition", text, "-o", "named.svg"});
            return result.code == 0 ? read("named.svg") : result.err;
        };
        const QByteArray plain = drawn("yarn:4 . 1024 . none");
        QVERIFY2(plain.contains("<svg"), plain.constData());
        QCOMPARE(drawn("yarn:4 · 1,024 · FP"), plain);
    }

    void saysWhatItDoesNotDraw() {
        const ProgramResult specs = run({"plot", "run.h5", "--figure", "phases", "--option",
                                         "specs=ntk:8 linear:2 linear:3 linear:5 linear:6", "-o", "p.svg"});
        QCOMPARE(specs.code, 0);
        QVERIFY2(specs.err.contains("room for 4") && specs.err.contains("linear:6"), specs.err.constData());
        const QStringList figure{"plot",         "run.h5",   "--figure", "heatmap", "--option",
                                 "range=manual", "--option", "min=5",    "-o",      "r.svg"};
        const ProgramResult range = run(figure + QStringList{"--option", "max=1", "--option", "metric=tir"});
        QCOMPARE(range.code, 0);
        QVERIFY2(range.err.contains("the range is that") || range.err.contains("it is that of the values"),
                 range.err.constData());
        QCOMPARE(run({"plot", "run.h5", "--figure", "heatmap", "-o", "q.svg"}).err, QByteArray());
    }

    void withoutTheWorkbench() {
        const QString alone = folder_.filePath("alone");
        QVERIFY(QDir().mkpath(alone));
        QVERIFY(QFile::copy(QROAR_PROGRAM, alone + "/qroar"));
        QProcess process;
        QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
        environment.insert("PATH", alone);
        process.setProcessEnvironment(environment);
        process.start(alone + "/qroar", {"plot", "run.h5", "--list"});
        QVERIFY(process.waitForFinished());
        QCOMPARE(process.exitCode(), 1);
        QVERIFY(process.readAllStandardError().contains("qroar-workbench was found neither"));
    }
};

QTEST_GUILESS_MAIN(TestCliPlot)
#include "test_cli_plot.moc"
