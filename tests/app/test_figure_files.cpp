// Figures that the window writes: every plot in every format, every condition and metric, and the name a
// figure gets.
#include "app/gui/window/log_panel.h"
#include "tests/app/main_window_bench.h"

#include <QFileDialog>
#include <QLineEdit>

using namespace qroar;
using test::answerDialog;
using test::heatMap;
using Bench = test::SessionBench;

class TestFigureFiles : public QObject {
    Q_OBJECT

  private slots:
    void exportsEveryPlotInEveryFormat() {
        Bench bench;
        bench.load(test::makeSyntheticSession());
        const QString folder = bench.folder.filePath("figures");
        QVERIFY(bench.window->exportPlots(folder));
        const int panels = static_cast<int>(bench.window->plots().panels().size());
        for (const char* suffix : {"*.svg", "*.png", "*.pdf"})
            QCOMPARE(QDir(folder).entryList({suffix}).size(), panels);
        QCOMPARE(QDir(folder).entryList({"*.csv"}).size(), panels + 1); // the four-way split as well
        QVERIFY(QFile::exists(folder + "/perplexity-four-way-split.csv"));
        for (const QFileInfo& file : QDir(folder).entryInfoList(QDir::Files))
            QVERIFY2(file.size() > 100, qPrintable(file.fileName()));
        // a folder that cannot be made
        QFile blocker(bench.folder.filePath("blocker"));
        QVERIFY(blocker.open(QIODevice::WriteOnly));
        QVERIFY(!bench.window->exportPlots(blocker.fileName() + "/below"));
        QVERIFY(bench.window->messages().text().contains("blocker"));
    }

    void exportsEveryConditionAndMetric() {
        test::SyntheticOptions options;
        options.ropes = {"none", "yarn:4"};
        options.contexts = {256, 1024};
        options.quants = {"none"};
        options.layers = 2;
        auto session = std::make_shared<Session>(*test::makeSyntheticSession(options));
        auto scaled = std::make_shared<ConditionResult>(*session->conditions.back());
        scaled->key.scales = "g1";
        session->conditions.push_back(scaled); // yarn:4, 1024
        Bench bench;
        bench.load(session);
        bench.window->selection().setLayer(1);
        const Selection before = bench.window->selection().selection();
        HeatMapPanel* map = heatMap(*bench.window, HeatMapMetric::TailInflation);
        QVERIFY(map);
        const QString folder = bench.folder.filePath("figures");
        PlotsToExport what;
        what.everyCondition = what.everyMetric = true;
        what.formats = {"csv"};
        int told = 0;
        what.progress = [&told](int done, int all) { return ++told, done < all; };
        QVERIFY(bench.window->exportPlots(folder, what));
        QCOMPARE(bench.window->selection().selection(), before);
        QVERIFY(map->metric() == HeatMapMetric::TailInflation);
        const QStringList folders = QDir(folder).entryList(QDir::Dirs | QDir::NoDotAndDotDot, QDir::Name);
        QCOMPARE(folders,
                 (QStringList{"none-1024-none", "none-256-none", "yarn-4-1024-none", "yarn-4-1024-none-g1",
                              "yarn-4-1024-none-g1-minus-before", "yarn-4-256-none"}));
        QCOMPARE(told, 6 * static_cast<int>(bench.window->plots().panels().size()));
        for (const char* name : {"map-tir", "map-ip-raw", "map-top-share", "outlier-shift", "perplexity"})
            QVERIFY2(QFile::exists(folder + "/yarn-4-1024-none/" + name + ".csv"), name);
        QVERIFY(
            !QFile::exists(folder + "/none-256-none/map-tir.csv")); // the reference has no ratio to itself
        // each file is of its own condition
        const auto valuesOf = [&](const QString& path) {
            QFile file(path);
            std::vector<double> values;
            if (!file.open(QIODevice::ReadOnly)) return values;
            for (const QString& line : QString::fromUtf8(file.readAll()).split('\n', Qt::SkipEmptyParts))
                if (!line.startsWith('#') && !line.startsWith("layer"))
                    values.push_back(line.section(',', -1).toDouble());
            return values;
        };
        for (int index = 1; index < static_cast<int>(session->conditions.size()); ++index) {
            bench.window->selection().setCondition(index);
            const ConditionKey& key = session->conditions[static_cast<std::size_t>(index)]->key;
            const QString name = QStringLiteral("%1-%2-none%3")
                                     .arg(QString::fromStdString(key.rope.text()).replace(':', '-'))
                                     .arg(key.context)
                                     .arg(key.scales.empty() ? "" : "-g1");
            const auto read = valuesOf(folder + '/' + name + "/map-tir.csv");
            QCOMPARE(read.size(), map->grid().values.size());
            for (std::size_t cell = 0; cell < read.size(); ++cell)
                QCOMPARE(read[cell], map->grid().values[cell]);
        }
        for (const double value : valuesOf(folder + "/yarn-4-1024-none-g1-minus-before/map-tir.csv"))
            QCOMPARE(value, 0.0); // the twin is a copy
        // it can be stopped
        what.progress = [](int done, int) { return done < 3; };
        const QString partly = bench.folder.filePath("partly");
        QVERIFY(bench.window->exportPlots(partly, what));
        QCOMPARE(QDir(partly).entryList(QDir::Dirs | QDir::NoDotAndDotDot).size(), 1);
        QCOMPARE(bench.window->selection().selection().condition,
                 static_cast<int>(session->conditions.size()) - 1);
        QCOMPARE(unknownFormats({"svg", "bmp"}), QStringList{"bmp"});
    }

    void aFigureNamedWithoutASuffixTakesThatOfTheChosenKind_data() {
        QTest::addColumn<QString>("typed");
        QTest::addColumn<QString>("kind");
        QTest::addColumn<QString>("written");
        QTest::newRow("png") << "figure"
                             << "PNG (*.png)"
                             << "figure.png";
        QTest::newRow("csv") << "table"
                             << "CSV table (*.csv)"
                             << "table.csv";
        QTest::newRow("as offered") << "figure"
                                    << ""
                                    << "figure.svg";
        QTest::newRow("a number is no suffix") << "eps_0.01"
                                               << "PDF (*.pdf)"
                                               << "eps_0.01.pdf";
        QTest::newRow("a suffix stays") << "figure.pdf"
                                        << "PNG (*.png)"
                                        << "figure.pdf";
    }
    void aFigureNamedWithoutASuffixTakesThatOfTheChosenKind() {
        QFETCH(QString, typed);
        QFETCH(QString, kind);
        QFETCH(QString, written);
        Bench bench;
        bench.load(test::makeSyntheticSession());
        AppSettings(bench.settings).setFolder("export", bench.folder.path());
        const QString path = bench.folder.filePath(written);
        int answered = 0;
        const auto exportAs = [&] {
            bench.window->activateWindow(); // no window manager gives it back after a dialog
            if (!QTest::qWaitForWindowActive(bench.window.get())) return;
            answerDialog<QFileDialog>([&](QFileDialog& dialog) {
                ++answered;
                if (!kind.isEmpty()) dialog.selectNameFilter(kind);
                dialog.findChild<QLineEdit*>("fileNameEdit")->setText(typed);
                static_cast<QDialog&>(dialog).accept();
            });
            QTest::keyClick(bench.window.get(), Qt::Key_E, Qt::ControlModifier);
        };
        exportAs();
        QCOMPARE(answered, 1);
        QVERIFY2(QFile::exists(path), qPrintable(QDir(bench.folder.path()).entryList().join(' ')));
        QVERIFY(bench.window->log().toPlainText().contains(written));
        QCOMPARE(bench.window->log().toPlainText().contains("no suffix"), typed != written);
        QVERIFY(bench.window->messages().text().isEmpty());
        if (typed == written) return; // then the file dialog itself asks before it replaces
        QFile old(path);
        QVERIFY(old.open(QIODevice::WriteOnly) && old.write("mine") == 4);
        old.close();
        exportAs(); // the question about the file that is there is answered with No
        QCOMPARE(answered, 2);
        QCOMPARE(QFileInfo(path).size(), 4);
    }
};

QTEST_MAIN(TestFigureFiles)
#include "test_figure_files.moc"
