// Figures that the window writes: every plot in every format, every condition and metric, and the name a
// figure gets.
#include "app/gui/figures/composed_figure.h"
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/figures/plot_command.h"
#include "app/gui/window/log_panel.h"
#include "tests/app/figure_bench.h"
#include "tests/support/noisy_session.h"
#include "tests/support/svg_text.h"
#include "widgets/figures/figure_layout.h"

#include <QClipboard>
#include <QFileDialog>
#include <QLineEdit>

using namespace qroar;
using test::answerDialog;
using test::contentsOf;
using test::heatMap;
using test::SavedBench;
using test::spec;
using test::svgText;
using Bench = test::SessionBench;

class TestFigureFiles : public QObject {
    Q_OBJECT

  private slots:
    void exportsEveryPlotInEveryFormat() {
        Bench bench;
        bench.load(test::withNoise(test::makeSyntheticSession()));
        const QString folder = bench.folder.filePath("figures");
        QVERIFY(bench.window->exportPlots(folder));
        const int panels = static_cast<int>(bench.window->plots().panels().size());
        for (const char* suffix : {"*.svg", "*.png", "*.pdf"})
            QCOMPARE(QDir(folder).entryList({suffix}).size(), panels);
        std::size_t tables = 0; // the four-way split as well
        for (DiagnosticPanel* panel : bench.window->plots().panels()) tables += panel->tables().size();
        QCOMPARE(static_cast<std::size_t>(QDir(folder).entryList({"*.csv"}).size()), tables);
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
            int column = -1; // the last one but for intervals
            for (const QString& line : QString::fromUtf8(file.readAll()).split('\n', Qt::SkipEmptyParts)) {
                if (line.startsWith('#')) continue;
                const QStringList fields = line.split(',');
                if (!line.startsWith("layer"))
                    values.push_back(fields.value(column).toDouble());
                else
                    for (int at = 0; at < fields.size(); ++at)
                        if (!fields[at].contains("ci95")) column = at;
            }
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
            FigureDialog* dialog = bench.window->figures().dialog();
            if (!dialog) return;
            for (auto* button : dialog->findChildren<QPushButton*>())
                if (button->text() == "&Save...") button->click();
            if (dialog->isVisible()) dialog->close();
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

    void theDialogShowsSavesAndRemembers() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        DiagnosticPanel* panel = heatMap(window, HeatMapMetric::TailInflation);
        FigureStyle style(FigureSize::OneColumn);
        style.fontPoints = 9;
        style.footer = false;
        AppSettings settings(bench.settings);
        FigureDialog dialog(window.plots(), settings, &window);
        dialog.choose(panel);
        QCOMPARE(dialog.panel(), panel);
        dialog.setStyle(style);
        QVERIFY(dialog.style() == style);
        dialog.show();
        dialog.preview().refreshNow();
        QVERIFY(!dialog.preview().image().isNull());
        // A page without room is said, and is not exported; its numbers are.
        const auto button = [&dialog](const char* text) -> QPushButton* {
            for (auto* one : dialog.findChildren<QPushButton*>())
                if (one->text() == QLatin1String(text)) return one;
            return nullptr;
        };
        QVERIFY(button("&Save...")->isEnabled() && button("Copy &image")->isEnabled());
        FigureStyle low = style;
        QCOMPARE(low.set("size", "3.3x0.8in"), QString());
        dialog.setStyle(low);
        dialog.preview().refreshNow();
        QVERIFY2(dialog.preview().tooSmall().contains("3.3x0.8in is too small")
                     && dialog.preview().tooSmall().contains("at least 3.3x"),
                 qPrintable(dialog.preview().tooSmall()));
        QVERIFY(!button("Save...") && !button("&Save...")->isEnabled());
        QVERIFY(!button("Copy &image")->isEnabled());
        QString refused;
        const QString small = bench.folder.filePath("small.svg"),
                      numbers = bench.folder.filePath("small.csv");
        QVERIFY(!dialog.saveTo(small, &refused) && refused == dialog.preview().tooSmall());
        QVERIFY(!QFile::exists(small));
        QVERIFY(dialog.saveTo(numbers, &refused) && QFile::exists(numbers));
        dialog.setStyle(style);
        dialog.preview().refreshNow();
        QVERIFY(dialog.preview().tooSmall().isEmpty() && button("&Save...")->isEnabled());
        dialog.copyImage(); // remembers
        QVERIFY(settings.figureStyle() == style);
        QCOMPARE(QApplication::clipboard()->image().width(), 990);
        FigureDialog next(window.plots(), settings, &window);
        QVERIFY(next.style() == style);
        // the whole arrangement
        dialog.choose(nullptr);
        const QList<DiagnosticPanel*> visible = visiblePanels(window.plots());
        QVERIFY(visible.size() >= 2 && visible.size() < window.plots().panels().size());
        QString narrow; // one column is too narrow for all of them
        QVERIFY(!dialog.saveTo(bench.folder.filePath("narrow.svg"), &narrow) && narrow.contains("at least"));
        FigureStyle wide = style;
        QCOMPARE(wide.set("size", "8x7in"), QString());
        dialog.setStyle(wide);
        for (const char* suffix : {"svg", "pdf", "png", "csv"}) {
            QString error;
            const QString path = bench.folder.filePath(QStringLiteral("all.") + suffix);
            QVERIFY2(dialog.saveTo(path, &error), qPrintable(error));
            QVERIFY(QFileInfo(path).size() > 1000);
        }
        const QString words = svgText(contentsOf(bench.folder.filePath("all.svg")));
        const QString csv = QString::fromUtf8(contentsOf(bench.folder.filePath("all.csv")));
        for (DiagnosticPanel* shown : visible) {
            QVERIFY2(words.contains(shown->figureTitle().remove(' ').left(12)),
                     qPrintable(shown->figureTitle()));
            QVERIFY(csv.contains(shown->figureTitle()));
        }
    }

    void compositionsHaveLabelsAndAlignedAxes() {
        SavedBench bench;
        AppSettings settings(bench.settings);
        ComposerDialog dialog(settings, {});
        dialog.setSession(bench.window->workspace().session());
        Composition page;
        page.rows = page.columns = 1;
        page.title = "A composed figure";
        dialog.setComposition(page);
        QVERIFY(dialog.add(spec({"--figure", "heatmap", "--condition", "yarn:4 . 1024 . rtn:4:g64"})));
        QVERIFY(dialog.add(spec({"--figure", "spectrum", "--title", "Frequencies"})));
        QCOMPARE(dialog.composition().rows, 2); // grown
        page = dialog.composition();
        page.columns = 2;
        dialog.setComposition(page);
        QVERIFY(dialog.add(spec({"--figure", "perplexity", "--part", "1"})));
        page = dialog.composition();
        page.cells.last().columnSpan = 2;
        page.flow();
        QCOMPARE(page.cells.last().row, 1);
        page.cells << page.cells.first();
        page.cells.last().columnSpan = 1;
        page.rows = 3;
        page.flow();
        QCOMPARE(static_cast<int>(page.cells.size()), 4);
        dialog.setComposition(page);
        dialog.show();
        dialog.preview().refreshNow();
        QVERIFY2(!dialog.preview().image().isNull(), qPrintable(dialog.preview().problem()));

        const QString file = bench.folder.filePath("page.qfigure"), svg = bench.folder.filePath("page.svg");
        QString error;
        QVERIFY2(dialog.saveTo(file, &error) && dialog.saveTo(svg, &error), qPrintable(error));
        const QString words = svgText(contentsOf(svg));
        for (const char* text : {"(a)", "(b)", "(c)", "(d)", "Frequencies", "Acomposedfigure"})
            QVERIFY2(words.contains(text), qPrintable(words));
        const auto read = Composition::fromJson(contentsOf(file));
        QVERIFY(read.ok() && *read == dialog.composition());
        const QString again = bench.folder.filePath("again.svg");
        QCOMPARE(runPlot({bench.path, "--composition", file, "-o", again}), 0);
        QVERIFY(contentsOf(again) == contentsOf(svg));
        const QString png = bench.folder.filePath("page.png");
        QCOMPARE(runPlot({bench.path, "--composition", file, "--size", "3.3in", "-o", png}), 1); // no room
        QVERIFY(!QFile::exists(png));
        QCOMPARE(runPlot({bench.path, "--composition", file, "--size", "7in", "-o", png}), 0);
        QCOMPARE(QImage(png).width(), 2100);

        ComposedFigure composed;
        QCOMPARE(composed.set(page, bench.window->workspace().session(), {}), QString());
        const auto axes = figureAxes(composed.begin(), page.style);
        composed.end();
        QCOMPARE(axes[0].first().left(), axes[2].first().left());
        QCOMPARE(axes[0].first().left(), axes[3].first().left());
        QCOMPARE(axes[0].first().right(), axes[3].first().right());
        QCOMPARE(axes[0].first().top(), axes[1].first().top());
        QCOMPARE(axes[0].first().bottom(), axes[1].first().bottom());
    }

    /// A legend above the plots of one row is no reason for them to be lower than those of another.
    void rowsOfAGridHaveAxesOfOneHeight() {
        SavedBench bench;
        for (const QString& size :
             {QStringLiteral("7in"), QStringLiteral("9x9in"), QStringLiteral("3.5x9in")}) {
            Composition page;
            page.rows = 2;
            page.columns = 1;
            QCOMPARE(page.style.set("size", size), QString());
            for (const char* view : {"perplexity", "outliers"}) {
                Composition::Cell cell;
                cell.figure = spec({"--figure", view});
                page.cells << cell;
            }
            page.flow();
            ComposedFigure composed;
            QCOMPARE(composed.set(page, bench.window->workspace().session(), {}), QString());
            const auto axes = figureAxes(composed.begin(), page.style);
            composed.end();
            QCOMPARE(axes[0].size(), 2);
            QCOMPARE(axes[1].size(), 2);
            for (const QList<QRectF>& cell : axes)
                for (const QRectF& one : cell)
                    QVERIFY2(std::abs(one.height() - axes[0][0].height()) <= 3,
                             qPrintable(
                                 QString("%1: %2, %3").arg(size).arg(one.height()).arg(axes[0][0].height())));
        }
    }

    void theComposerTakesTheCurrentPlot() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        window.figures().compose();
        ComposerDialog* composer = window.figures().composer();
        QVERIFY(composer && composer->composition().cells.isEmpty());
        window.selection().setLayer(2);
        window.plots().showPanel(heatMap(window, HeatMapMetric::TailInflation));
        composer->findChild<QPushButton*>("addCurrentPlot")->click();
        QCOMPARE(static_cast<int>(composer->composition().cells.size()), 1);
        const FigureSpec& added = composer->composition().cells.first().figure;
        QCOMPARE(added.view, QStringLiteral("heatmap"));
        QCOMPARE(added.selection.layer, 2);
        composer->preview().refreshNow();
        QVERIFY2(!composer->preview().image().isNull(), qPrintable(composer->preview().problem()));
    }

    void wrongCompositions_data() {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QString>("message");
        QTest::newRow("no JSON") << QByteArray("rows: 1") << "a JSON object";
        QTest::newRow("schema") << QByteArray(R"({"schema":9})") << "schema: expected 1, found 9";
        QTest::newRow("rows") << QByteArray(R"({"schema":1,"rows":7})")
                              << "rows: expected a whole number from 1";
        QTest::newRow("labels") << QByteArray(R"({"schema":1,"labels":"x"})") << "labels: expected none";
        QTest::newRow("style") << QByteArray(R"({"schema":1,"style":["--size","big"]})") << "style: --size";
        QTest::newRow("figure") << QByteArray(R"({"schema":1,"cells":[{"figure":["--layer","x"]}]})")
                                << "cells[0].figure: --layer";
        QTest::newRow("outside") << QByteArray(R"({"schema":1,"cells":[{"row":2,"figure":[]}]})") << "cell 1";
        QTest::newRow("twice") << QByteArray(R"({"schema":1,"cells":[{"figure":[]},{"figure":[]}]})")
                               << "cell 2 lies on cell 1";
    }
    void wrongCompositions() {
        QFETCH(QByteArray, json);
        QFETCH(QString, message);
        const auto read = Composition::fromJson(json);
        QVERIFY(!read.ok());
        QVERIFY2(QString::fromStdString(read.error().message).contains(message),
                 read.error().message.c_str());
    }

    void everyViewOfTheWindowHasAKind() {
        Bench bench;
        for (DiagnosticPanel* panel : bench.window->plots().findChildren<DiagnosticPanel*>())
            QVERIFY2(!figureKey(*panel).isEmpty(), panel->metaObject()->className());
    }
};

QTEST_MAIN(TestFigureFiles)
#include "test_figure_files.moc"
