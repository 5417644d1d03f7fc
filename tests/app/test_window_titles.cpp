// Words of the plots in the window at 1280 x 800, light and dark, for every view, curve and comparison: none
// is elided, cut or on another one.
#include "tests/app/main_window_bench.h"
#include "tests/support/drawn_texts.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"

#include "widgets/plot/line_plot.h"

#include <QDockWidget>
#include <QScrollArea>

using namespace qroar;
using Bench = test::SessionBench;

namespace {

void show(const Bench& bench, const char* dock) {
    auto* one = bench.window->findChild<QDockWidget*>(QLatin1String(dock));
    one->show();
    one->raise();
    QTest::qWait(30);
    test::letViewsSettle();
}

QStringList unreadableIn(const Bench& bench, const QString& where) {
    test::letViewsSettle();
    QStringList found;
    for (BasePlot* plot : bench.window->plots().findChildren<BasePlot*>()) {
        if (!plot->isVisible() || plot->visibleRegion().isEmpty()) continue;
        plot->grab(); // what is stale is laid out when it is painted
        std::vector<test::DrawnText> texts = test::shownTexts(*plot);
        for (test::DrawnText& one : texts) // names of documents leave the cells of a map their room
            if (one.text.contains(u'…') && one.text.endsWith(QStringLiteral(".txt"))) one.text.remove(u'…');
        for (const QString& problem : test::unreadable(texts, plot->size()))
            found << QStringLiteral("%1, %2, %3 x %4: %5")
                         .arg(where, plot->accessibleName())
                         .arg(plot->width())
                         .arg(plot->height())
                         .arg(problem);
    }
    found.removeDuplicates();
    return found;
}

std::shared_ptr<const Session> session() {
    test::SyntheticOptions options;
    options.divergence = true;
    return test::withSearch(test::withNoise(test::makeSyntheticSession(options)), 1);
}

} // namespace

class TestWindowTitles : public QObject {
    Q_OBJECT

  private slots:
    void everyTitleCanBeRead_data() {
        QTest::addColumn<QString>("dock");
        QTest::addColumn<QString>("option");
        const std::pair<const char*, const char*> docks[] = {
            {"spectrum", "curve"},       {"phases", "value"},       {"ropeAudit", "value"},
            {"tailInflation", "metric"}, {"logitNoise", "measure"}, {"histogram", "view"},
            {"perplexity", "measure"},   {"outliers", "view"},      {"distortion", "measure"},
            {"searches", "gains"}};
        for (const auto& [dock, option] : docks) QTest::newRow(dock) << QString(dock) << QString(option);
    }
    void everyTitleCanBeRead() {
        QFETCH(QString, dock);
        QFETCH(QString, option);
        Bench bench;
        MainWindow& window = *bench.window;
        window.resize(1280, 800);
        bench.load(session());
        auto* widget = window.findChild<QDockWidget*>(dock);
        QVERIFY(widget);
        show(bench, qPrintable(dock));
        DiagnosticPanel* panel = widget->findChild<DiagnosticPanel*>();
        QVERIFY(panel);
        QStringList values{{}}, problems;
        for (const DiagnosticPanel::Option& one : panel->options())
            if (one.name == option) values = one.values;
        int seen = 0;
        for (const CompareMode mode : {CompareMode::A, CompareMode::B, CompareMode::Difference}) {
            Selection selected = window.selection().selection();
            selected.condition = 16; // yarn:4, 1024, quantized
            selected.conditionB = 7;
            selected.compare = mode;
            window.selection().setSelection(selected);
            for (const QString& value : values) {
                if (!value.isEmpty() && !panel->setOption(option, value).isEmpty()) continue;
                test::letViewsSettle();
                if (!panel->emptyText().isEmpty()) continue;
                ++seen;
                problems << unreadableIn(
                    bench, QStringLiteral("%1 %2=%3").arg(static_cast<int>(mode)).arg(option, value));
            }
        }
        QVERIFY(seen > 0);
        QCOMPARE(window.size(), QSize(1280, 800));
        QVERIFY2(problems.isEmpty(), qPrintable(u'\n' + problems.join(u'\n')));
    }

    /// Beside Bands and Scales views are hardly wider than they must be.
    void titlesAreWholeBesideDocks_data() {
        QTest::addColumn<QString>("dock");
        for (const char* dock : {"spectrum", "phases", "ropeAudit", "tailInflation", "pressure", "histogram",
                                 "perplexity", "outliers", "distortion", "logitNoise"})
            QTest::newRow(dock) << QString(QLatin1String(dock));
    }
    void titlesAreWholeBesideDocks() {
        QFETCH(QString, dock);
        test::SyntheticOptions options;
        options.ropes = {"none", "yarn:2:orig=256:beta_fast=16:beta_slow=2:attn=1.25",
                         "yarn:2:orig=256:beta_fast=24:beta_slow=1:attn=1.5"};
        options.contexts = {256, 1024};
        Bench bench;
        MainWindow& window = *bench.window;
        window.resize(1280, 800);
        bench.load(test::withNoise(test::makeSyntheticSession(options)));
        for (const char* one : {"bands", "scales"}) show(bench, one);
        show(bench, qPrintable(dock));
        QStringList problems;
        int seen = 0;
        for (const CompareMode mode : {CompareMode::A, CompareMode::B, CompareMode::Difference}) {
            Selection selected = window.selection().selection();
            selected.condition = 8; // the first long spec, 256, quantized
            selected.conditionB = 11;
            selected.compare = mode;
            window.selection().setSelection(selected);
            for (int pass = 0; pass < 4; ++pass) test::letViewsSettle();
            auto* widget = window.findChild<QDockWidget*>(dock);
            for (BasePlot* plot : widget->findChildren<BasePlot*>()) {
                if (!plot->isVisible() || plot->visibleRegion().isEmpty()) continue;
                plot->grab();
                ++seen;
                const QString where = QStringLiteral("%1, %2 x %3: ")
                                          .arg(static_cast<int>(mode))
                                          .arg(plot->width())
                                          .arg(plot->height());
                if (!plot->titlesAreWhole())
                    for (const QCPAxis* axis : {plot->xAxis, plot->yAxis, plot->yAxis2})
                        problems << where + axis->label();
                for (const QString& one : test::unreadable(test::shownTexts(*plot), plot->size()))
                    if (!one.startsWith("elided") && !one.contains(u'…')) problems << where + one;
            }
        }
        QVERIFY(seen > 0);
        QCOMPARE(window.size(), QSize(1280, 800));
        QVERIFY2(problems.isEmpty(), qPrintable(u'\n' + problems.join(u'\n')));
    }

    /// Traces of a search stand in a column of their own, hardly wider than their titles are long.
    void lowPlotsHaveTitlesBelowTheirLegend() {
        LinePlot plot;
        plot.setLegendAbove(true);
        plot.setAxes("Cost (forward passes)", LinePlot::Scale::Linear, "Objective J (nats/token)",
                     LinePlot::Scale::Linear);
        std::vector<LinePlot::Series> series(3);
        for (int line = 0; line < 3; ++line) {
            series[line].name = QStringLiteral("best so far %1").arg(line);
            series[line].x = {0, 20};
            series[line].y = {3.3, 3.35 + line};
        }
        plot.setSeries(series);
        plot.fitRanges(false);
        static_cast<QWidget&>(plot).show();
        int two = 0;
        for (int height = plot.minimumSizeHint().height(); height < 400; height += 7)
            for (const int width : {plot.minimumSizeHint().width(), 216, 260, 400}) {
                plot.resize(width, height);
                plot.grab();
                const QStringList problems = test::unreadable(test::shownTexts(plot), plot.size());
                QVERIFY2(problems.isEmpty(), qPrintable(QStringLiteral("%1 x %2: ").arg(width).arg(height)
                                                        + problems.join("; ")));
                two += plot.yAxis->label().contains('\n');
            }
        QVERIFY(two > 3);
        QVERIFY(!plot.yAxis->label().contains('\n')); // high enough again
    }
};

QTEST_MAIN(TestWindowTitles)
#include "test_window_titles.moc"
