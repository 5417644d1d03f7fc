// Commands that draw what the window shows: the same figure again, with its bands, its comparison and its
// tables, and what they say where there is none.
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/plot_command.h"
#include "tests/app/figure_bench.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"
#include "tests/support/svg_text.h"

#include "widgets/panels/phase_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/base_plot.h"

using namespace qroar;
using test::contentsOf;
using test::firstDifference;
using test::SavedBench;
using test::shellWords;
using test::spec;
using test::svgText;
using Bench = test::SessionBench;

class TestFigureCommands : public QObject {
    Q_OBJECT

  private slots:
    void aCommandHasTheNamesOfBands_data() {
        QTest::addColumn<bool>("taken");
        QTest::newRow("given") << false;
        QTest::newRow("taken away") << true;
    }
    void aCommandHasTheNamesOfBands() { // which the file does not have
        QFETCH(bool, taken);
        auto session = std::make_shared<Session>(*test::makeSyntheticSession());
        BandLayout layout{session->bands, {}};
        layout.setStyle(0, {"fast, 100 %", "#e69f00"});
        layout.setStyle(1, {"it's @ home", {}});
        if (taken) session->bandStyles = layout.styles;
        SavedBench bench(session);
        MainWindow& window = *bench.window;
        window.selection().setBand(1);
        if (taken) layout.styles.clear();
        window.workspace().setBandLayout(layout.withEdgeAdded(1), "name bands", {});
        int compared = 0, named = 0;
        for (DiagnosticPanel* panel : window.plots().panels()) {
            if (!panel->emptyText().isEmpty() || figureKey(*panel).isEmpty()) continue;
            for (const char* suffix : {"svg", "csv"}) {
                const QString shown = bench.folder.filePath(QString("shown.") + suffix),
                              made = bench.folder.filePath(QString("made.") + suffix);
                QVERIFY(panel->exportTo(shown, nullptr, FigureSize::TwoColumn));
                QStringList words = shellWords(window.figures().commandFor(*panel, FigureSize::TwoColumn));
                words.last() = made;
                QCOMPARE(runPlot(words.mid(2)), 0);
                const QString difference = firstDifference(contentsOf(shown), contentsOf(made));
                QVERIFY2(difference.isEmpty(), qPrintable(words.join(' ') + difference));
                ++compared;
                named += contentsOf(made).contains("fast, 100 %");
            }
        }
        QVERIFY2(compared >= 10 && (taken ? named == 0 : named >= 2),
                 qPrintable(QString("%1 %2").arg(compared).arg(named)));
    }
    void aCommandReproducesWhatIsShown() {
        SavedBench bench;
        MainWindow& window = *bench.window;
        Selection selected;
        selected.layer = 3;
        selected.band = 2;
        selected.tensor = QkTensor::Q;
        selected.condition = 5;
        selected.conditionB = 3;
        selected.compare = CompareMode::Difference;
        window.selection().setSelection(selected);
        window.workspace().setBands(bench.window->plots().panels().first()->bands(),
                                    BandPartition::equal(5, 16));
        auto* phases = window.plots().findChild<PhasePanel*>();
        phases->specEdit()->setText("ntk:8  yarm linear:2"); // what is not a spec is in no figure
        emit phases->specEdit()->editingFinished();
        QVERIFY(window.figures().commandFor(*phases, {}).contains("'specs=ntk:8 linear:2'"));
        FigureStyle style(FigureSize::TwoColumn);
        style.legend = false;
        int compared = 0;
        for (DiagnosticPanel* panel : window.plots().panels()) {
            if (!panel->emptyText().isEmpty() || figureKey(*panel).isEmpty()) continue;
            for (BasePlot* plot : panel->plots())
                if (plot->isNavigable()) {
                    const QCPRange x = plot->xAxis->range(), y = plot->yAxis->range();
                    plot->zoomTo({x.lower, x.center()}, {y.lower, y.center()});
                }
            for (const FigureStyle& look : {style, FigureStyle()}) {
                const QString shown = bench.folder.filePath("shown.svg"),
                              made = bench.folder.filePath("made.svg");
                QVERIFY(panel->exportTo(shown, nullptr, look));
                QStringList words = shellWords(window.figures().commandFor(*panel, look));
                QVERIFY2(words.size() > 6 && words[0] == "qroar" && words[1] == "plot"
                             && words[2] == bench.path,
                         qPrintable(words.join(' ')));
                words.last() = made;
                QCOMPARE(runPlot(words.mid(2)), 0);
                const QString difference = firstDifference(contentsOf(shown), contentsOf(made));
                QVERIFY2(difference.isEmpty(), qPrintable(words.join(' ') + difference));
                ++compared;
            }
        }
        QVERIFY(compared >= 10);
        window.figures().copyCommand(window.plots().panels().first(), style);
        QVERIFY(QApplication::clipboard()->text().contains("--figure spectrum"));
    }

    void theCommandComparesOrSaysWhyNot() {
        Bench bench;
        auto session = std::make_shared<Session>(*test::makeSyntheticSession());
        const auto named = [&](const char* name, const char* rope) {
            auto search = std::make_shared<SearchRecord>(*test::syntheticSearch(*session));
            search->scales.name = name;
            search->settings.rope = search->scales.rope = rope;
            search->settings.quant = search->scales.quant = "none";
            return search;
        };
        session->searches = {named("one", "yarn:4"), named("two", "linear:4")};
        auto& other = session->searches.back(); // with other gains
        auto gains = std::make_shared<SearchRecord>(*other);
        for (double& gain : gains->scales.gains.q) gain *= 1.1;
        other = gains;
        test::SyntheticOptions small;
        small.pairs = 4;
        small.bands = 2;
        const QString a = bench.folder.filePath("a.h5"), b = bench.folder.filePath("b.h5");
        QVERIFY(saveSession(*session, a.toStdString()).ok());
        QVERIFY(saveSession(*test::makeSyntheticSession(small), b.toStdString()).ok());
        const auto plot = [&](const char* name, const QStringList& words) {
            const QString path = bench.folder.filePath(name);
            QFile::remove(path);
            const int code = runPlot(QStringList{a} + words + QStringList{"-o", path});
            return code == 0 ? contentsOf(path) : QByteArray::number(code);
        };
        const QStringList both{"--condition", "yarn:4 . 1024 . none", "--other", "linear:4 . 1024 . none"};
        for (const char* view : {"phases", "search"}) {
            const QStringList words = QStringList{"--figure", view} + both;
            const QByteArray ofA = plot("a.svg", words),
                             ofB = plot("b.svg", words + QStringList{"--show", "b"}),
                             difference = plot("d.svg", words + QStringList{"--show", "a-b"});
            QVERIFY2(ofA.size() > 1000 && ofB.size() > 1000 && difference.size() > 1000, view);
            QVERIFY2(ofA != ofB && ofB != difference && ofA != difference, view);
        }
        // one of two searches by its name
        const QByteArray one = plot("one.svg", {"--figure", "search", "--option", "search=one"});
        QVERIFY(one.size() > 1000 && svgText(one).contains("one(yarn:4"));
        QVERIFY(svgText(plot("new.svg", {"--figure", "search"})).contains("two(linear:4"));
        // nothing to compare: not A instead
        QCOMPARE(plot("no.svg", {"--figure", "search", "--condition", "yarn:4 . 1024 . none", "--other",
                                 "none . 1024 . none", "--show", "b"}),
                 QByteArray("1"));
        for (const char* view : {"phases", "spectrum", "heatmap", "histogram", "search"}) {
            const QStringList words{"--figure", view, "--compare", b, "--other", "yarn:4 . 1024 . none",
                                    "--show"};
            QCOMPARE(plot("no.svg", words + QStringList{"a-b"}), QByteArray("1"));
            const QByteArray ofB = plot("b.svg", words + QStringList{"b"});
            if (qstrcmp(view, "search") == 0) continue; // the other session has none
            QVERIFY2(svgText(ofB).contains("(b.h5"), view);
            QVERIFY2(ofB.contains("B, b.h5: "), view); // its provenance
        }
    }

    void theCommandWritesEveryTable() {
        SavedBench bench;
        const QDir folder(bench.folder.path());
        const QString csv = folder.filePath("x.csv");
        const QStringList words{bench.path, "--figure", "perplexity", "-o", csv};
        QCOMPARE(runPlot(words), 0);
        QVERIFY(contentsOf(csv).contains("nll_ci95_low"));
        QCOMPARE(folder.entryList({"x*.csv"}).size(), 1);
        QCOMPARE(runPlot(words + QStringList{"--table", "by-position"}), 0);
        QVERIFY(contentsOf(csv).contains("from_position"));
        QCOMPARE(runPlot(words + QStringList{"--table", "all"}), 0);
        QVERIFY(contentsOf(csv).contains("nll_ci95_low"));
        QVERIFY(contentsOf(folder.filePath("x-by-position.csv")).contains("from_position"));
        QVERIFY(contentsOf(folder.filePath("x-four-way-split.csv")).contains("interaction"));
        QCOMPARE(runPlot(words + QStringList{"--table", "tables"}), 1);
        QCOMPARE(runPlot(words + QStringList{"--part", "2"}), 2);
        QCOMPARE(
            runPlot({bench.path, "--figure", "perplexity", "--table", "all", "-o", folder.filePath("x.svg")}),
            2);
    }

    /// Away from every default: tail, stage, head group, pair, colour map, and each option of each view at
    /// its last value. As SVG and PDF byte by byte, as PNG pixel by pixel.
    void aCommandReproducesWhateverIsChosen() {
        test::SyntheticOptions options;
        options.groups = 2;
        options.divergence = true;
        SavedBench bench(test::withSearch(test::withNoise(test::makeSyntheticSession(options), 2), 1));
        MainWindow& window = *bench.window;
        Selection selected;
        selected.layer = 2;
        selected.band = 1;
        selected.pair = 3;
        selected.group = 1;
        selected.tensor = QkTensor::Q;
        selected.stage = RopeStage::Pre;
        selected.epsilon = 0.01;
        selected.condition = static_cast<int>(window.workspace().session()->conditions.size()) - 1;
        window.selection().setSelection(selected);
        QList<DiagnosticPanel*> panels = window.plots().panels();
        panels << window.plots().searches();
        int compared = 0, moved = 0;
        for (DiagnosticPanel* panel : panels) {
            panel->setSequentialMap(ColorMap::cividis());
            panel->ensureFresh();
            if (!panel->emptyText().isEmpty() || figureKey(*panel).isEmpty()) continue;
            for (const DiagnosticPanel::Option& option : panel->options()) {
                if (option.values.isEmpty() || option.name == "metric") continue;
                if (!panel->setOption(option.name, option.values.last()).isEmpty())
                    continue; // not of this session
                panel->ensureFresh();
                moved += option.values.last() != option.value;
                if (!panel->emptyText().isEmpty())
                    QCOMPARE(panel->setOption(option.name, option.value), QString());
            }
            panel->ensureFresh();
            QVERIFY2(panel->emptyText().isEmpty(), qPrintable(panel->emptyText()));
            FigureStyle look(FigureSize::TwoColumn);
            look.dpi = 96;
            for (const char* suffix : {"svg", "pdf", "png"}) {
                const QString shown = bench.folder.filePath(QStringLiteral("shown.") + suffix),
                              made = bench.folder.filePath(QStringLiteral("made.") + suffix);
                QString error;
                QVERIFY2(panel->exportTo(shown, &error, look), qPrintable(error));
                QStringList words = shellWords(window.figures().commandFor(*panel, look));
                words[2] = bench.path;
                words.last() = made;
                QCOMPARE(runPlot(words.mid(2)), 0);
                if (QLatin1String(suffix) == QLatin1String("png")) {
                    QVERIFY2(QImage(shown) == QImage(made), qPrintable(words.join(' ')));
                } else {
                    const QString difference = firstDifference(contentsOf(shown), contentsOf(made));
                    QVERIFY2(difference.isEmpty(), qPrintable(words.join(' ') + difference.left(2000)));
                }
            }
            ++compared;
        }
        QVERIFY2(compared >= 10 && moved >= 20, qPrintable(QString("%1 %2").arg(compared).arg(moved)));
    }
};

QTEST_MAIN(TestFigureCommands)
#include "test_figure_commands.moc"
