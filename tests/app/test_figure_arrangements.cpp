// Commands and tables of the whole arrangement, the composer's list, and figures of two files of one name.
#include "app/gui/figures/composed_figure.h"
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/figures/plot_command.h"
#include "tests/app/figure_bench.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"

#include <QClipboard>
#include <QListWidget>

using namespace qroar;
using namespace qroar::test;
using Bench = SessionBench;

class TestFigureArrangements : public QObject {
    Q_OBJECT

  private slots:
    void theComposersListHasNamesForPeople() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        window.figures().compose();
        ComposerDialog* composer = window.figures().composer();
        DiagnosticPanel* panel = heatMap(window, HeatMapMetric::TailInflation);
        window.plots().showPanel(panel);
        composer->findChild<QPushButton*>("addCurrentPlot")->click();
        auto* list = composer->findChild<QListWidget*>();
        QVERIFY(!list->item(0)->text().contains("heatmap") && !list->item(0)->text().contains("tir"));
        composer->preview().refreshNow();
        QCOMPARE(list->item(0)->text(), QStringLiteral("(a) ") + panel->figureTitle());
        QVERIFY(list->item(0)->toolTip().contains("--figure heatmap"));
        Composition named = composer->composition();
        named.cells[0].figure.title = "Mine";
        composer->setComposition(named);
        composer->preview().refreshNow();
        QCOMPARE(list->item(0)->text(), QStringLiteral("(a) Mine"));
    }

    /// It stays open beside the window; closed, it costs nothing until it is shown again.
    void aClosedComposerDrawsNothing() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        window.figures().compose();
        ComposerDialog* composer = window.figures().composer();
        composer->findChild<QPushButton*>("addCurrentPlot")->click();
        QSignalSpy drawn(&composer->preview(), &FigurePreview::refreshed);
        QTRY_COMPARE(drawn.count(), 1);
        composer->close();
        composer->preview().refresh();
        QTest::qWait(200);
        QCOMPARE(drawn.count(), 1);
        composer->show();
        QTRY_COMPARE(drawn.count(), 2);
    }

    void theArrangementHasACommandAndTables() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        window.resize(1280, 800);
        Selection selected = window.selection().selection();
        selected.layer = 2;
        selected.condition = 5;
        selected.conditionB = 3;
        selected.compare = CompareMode::Difference;
        window.selection().setSelection(selected);
        QCoreApplication::processEvents();
        const QList<DiagnosticPanel*> visible = visiblePanels(window.plots());
        QVERIFY(visible.size() >= 3);
        FigureStyle wide(FigureSize::TwoColumn);
        QCOMPARE(wide.set("size", "9x8in"), QString());
        AppSettings settings(bench.settings);
        FigureDialog dialog(window.plots(), settings, &window);
        QObject::connect(&dialog, &FigureDialog::commandWanted, &window.figures(),
                         &FigureCenter::copyCommand);
        FigureStyle millimetres(FigureSize::Custom); // as high as it needs
        millimetres.width = 190;
        for (const FigureStyle& look : {wide, FigureStyle(), FigureStyle(FigureSize::TwoColumn),
                                        FigureStyle(FigureSize::Slide), millimetres}) {
            dialog.setStyle(look);
            dialog.choose(nullptr);
            dialog.preview().refreshNow();
            for (const char* suffix : {"svg", "csv"}) {
                const QString shown = bench.folder.filePath(QStringLiteral("shown.") + suffix),
                              made = bench.folder.filePath(QStringLiteral("made.") + suffix);
                QString error;
                QVERIFY2(dialog.saveTo(shown, &error), qPrintable(error));
                QApplication::clipboard()->clear();
                for (auto* button : dialog.findChildren<QPushButton*>())
                    if (button->text().remove('&') == "Copy command")
                        QTest::mouseClick(button, Qt::LeftButton);
                QStringList words = shellWords(QApplication::clipboard()->text());
                QVERIFY2(words.size() > 10 && words[2] == bench.path && words.contains("--place"),
                         qPrintable(words.join(' ')));
                words.last() = made;
                QCOMPARE(runPlot(words.mid(2)), 0);
                const QString difference = firstDifference(contentsOf(shown), contentsOf(made));
                QVERIFY2(difference.isEmpty(), qPrintable(words.join(' ') + difference.left(2000)));
            }
        }
        for (auto* button : dialog.findChildren<QPushButton*>())
            if (button->text().remove('&') == "Copy table") QTest::mouseClick(button, Qt::LeftButton);
        const QString tables = QApplication::clipboard()->text();
        for (DiagnosticPanel* panel : visible) {
            QVERIFY2(tables.contains(panel->figureTitle().simplified() + '\n'),
                     qPrintable(panel->figureTitle()));
            for (const DiagnosticPanel::Table& table : panel->tables())
                QVERIFY2(tables.contains(table.model->toTsv()), qPrintable(panel->title() + table.name));
        }
    }

    void wrongArrangements_data() {
        QTest::addColumn<QStringList>("words");
        const QStringList one{"--place", "0:0:1:1", "--figure", "spectrum"};
        QTest::newRow("beyond the page") << QStringList{"--place", "0.5:0:0.6:1", "--figure", "spectrum"};
        QTest::newRow("three numbers") << QStringList{"--place", "0:0:1", "--figure", "spectrum"};
        QTest::newRow("no size") << QStringList{"--place", "0:0:0:1", "--figure", "spectrum"};
        QTest::newRow("no value") << QStringList{"--place"};
        QTest::newRow("a figure before") << QStringList{"--figure", "spectrum"} + one;
        QTest::newRow("and a composition") << QStringList{"--composition", "x.qfigure"} + one;
        QTest::newRow("no figure") << QStringList{"--place", "0:0:1:1"};
        QStringList many;
        for (int plot = 0; plot < 10; ++plot) many << one;
        QTest::newRow("too many") << many;
    }
    void wrongArrangements() {
        QFETCH(QStringList, words);
        SavedBench bench;
        const QString path = bench.folder.filePath("x.svg");
        QCOMPARE(runPlot(QStringList{bench.path} + words + QStringList{"-o", path}), 2);
        QVERIFY(!QFile::exists(path));
    }

    /// Two runs are often called the same and lie in folders of their own: figures and tables tell them
    /// apart, from the command as from the window.
    void filesOfOneNameAreToldApart() {
        Bench bench;
        const QDir folder(bench.folder.path());
        QVERIFY(folder.mkpath("first/out") && folder.mkpath("second/out"));
        const QString a = folder.filePath("first/out/run.h5"), b = folder.filePath("second/out/run.h5"),
                      third = folder.filePath("third.h5");
        test::SyntheticOptions other;
        other.seed = 7;
        const auto sessionA = test::withSearch(test::withNoise(test::makeSyntheticSession()), 0),
                   sessionB = test::withSearch(test::withNoise(test::makeSyntheticSession(other)), 0);
        for (const auto& [path, session] :
             {std::pair(a, sessionA), std::pair(b, sessionB), std::pair(third, sessionB)})
            QVERIFY(saveSession(*session, path.toStdString()).ok());
        const QString condition = "yarn:4 . 1024 . rtn:4:g64", made = folder.filePath("made");
        const auto plot = [&](const QString& view, const QString& compared, const char* suffix) {
            const QString path = made + suffix;
            return runPlot({a, "--figure", view, "--condition", condition, "--other", condition, "--compare",
                            compared, "--show", "a-b", "-o", path})
                           == 0
                       ? contentsOf(path)
                       : QByteArray();
        };
        int seen = 0;
        for (const char* view : {"spectrum", "heatmap", "histogram", "perplexity", "outliers", "distortion",
                                 "noise", "phases", "rope-audit"}) {
            const QByteArray svg = plot(view, b, ".svg"), csv = plot(view, b, ".csv");
            const QString text = svgText(svg), table = QString::fromUtf8(csv);
            QVERIFY2(text.contains("(first/out/run.h5)") && text.contains("(second/out/run.h5)"),
                     qPrintable(view + text.left(400)));
            for (const QString& comments : {QString::fromUtf8(svg), table}) {
                QVERIFY2(comments.contains("A, first/out/run.h5: "), view);
                QVERIFY2(comments.contains("B, second/out/run.h5: "), view);
            }
            const QString title = table.section('\n', 0, 0);
            QVERIFY2(title.contains("(first/out/run.h5)") && title.contains("(second/out/run.h5)"),
                     qPrintable(title));
            const QByteArray apart = plot(view, third, ".svg"); // one name is enough
            QVERIFY2(svgText(apart).contains("(third.h5)") && !svgText(apart).contains("(run.h5)"), view);
            QVERIFY2(apart.contains("A, run.h5: ") && apart.contains("B, third.h5: "), view);
            ++seen;
        }
        QCOMPARE(seen, 9);
        MainWindow& window = *bench.window;
        window.workspace().open(sessionB, b);
        window.workspace().open(sessionA, a);
        window.compare().choose(window.workspace().withPath(b), 11);
        window.selection().setCondition(11);
        QCOMPARE(window.compare().show(CompareMode::Difference), QString());
        QCoreApplication::processEvents();
        DiagnosticPanel* panel = heatMap(window, HeatMapMetric::TailInflation);
        QVERIFY2(panel->figureTitle().contains("(first/out/run.h5)")
                     && panel->figureTitle().contains("(second/out/run.h5)"),
                 qPrintable(panel->figureTitle()));
        const FigureStyle style(FigureSize::TwoColumn);
        QVERIFY(panel->exportTo(made + "-shown.svg", nullptr, style));
        QStringList words = shellWords(window.figures().commandFor(*panel, style));
        words.last() = made + ".svg";
        QCOMPARE(runPlot(words.mid(2)), 0);
        QCOMPARE(firstDifference(contentsOf(made + "-shown.svg"), contentsOf(made + ".svg")), QString());
    }
};

QTEST_MAIN(TestFigureArrangements)
#include "test_figure_arrangements.moc"
