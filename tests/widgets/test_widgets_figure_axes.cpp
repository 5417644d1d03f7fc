// Axes of composed and stacked figures: equal maps have equal axes and ticks, plots below each other share
// edges and height, nothing makes room for a colour bar it does not have, headings are there in full.
#include "tests/support/svg_text.h"
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_look.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QtTest>

using namespace qroar;
using namespace qroar::test;

namespace {

/// (a) and (b) maps, (c) two plots below each other, (d) two axes.
struct TwoByTwo {
    PanelSet panels;
    Figure figure;

    TwoByTwo() {
        panels.setSession(makeSyntheticSession());
        DiagnosticPanel* shown[] = {panels.tir.get(), panels.pressure.get(), panels.perplexity.get(),
                                    panels.spectrum.get()};
        figure.rows = figure.columns = 2;
        for (int index = 0; index < 4; ++index) {
            const Figure one = shown[index]->beginFigure();
            FigureCell cell;
            cell.parts = one.cells.first().parts;
            cell.label = QStringLiteral("(%1)").arg(QChar(u'a' + static_cast<char16_t>(index)));
            cell.heading = one.title;
            cell.row = index / 2;
            cell.column = index % 2;
            figure.cells << cell;
        }
    }
    ~TwoByTwo() {
        for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
                 panels.tir.get(), panels.pressure.get(), panels.perplexity.get(), panels.spectrum.get()})
            panel->endFigure();
    }
};

QString within(double a, double b, double most) {
    return std::abs(a - b) <= most ? QString() : QStringLiteral("%1 and %2").arg(a).arg(b);
}

} // namespace

class TestWidgetsFigureAxes : public QObject {
    Q_OBJECT
  private slots:
    void equalMapsAreLabelledAlike();
    void plotsBelowEachOtherShareTheirCell();
    void nothingMakesRoomForAnothersColourBar();
    void headingsAreThereInFull();
    void titlesOfAxesTakeTwoLines();
    void ticksFollowTheRoom();
};

void TestWidgetsFigureAxes::equalMapsAreLabelledAlike() {
    TwoByTwo page;
    QStringList sizes{"7in", "slide", "150mm", "180mm"};
    for (int width = 560; width <= 900; width += 17) sizes << QStringLiteral("%1px").arg(width);
    // the ticks of (b) are narrower than those of (a), so that other plots could take the room of one of them
    for (const HeatMapMetric metric :
         {HeatMapMetric::PressureSaturated, HeatMapMetric::PressureRaw, HeatMapMetric::RangeDilation}) {
        page.panels.pressure->setMetric(metric);
        page.panels.pressure->ensureFresh();
        for (const QString& size : std::as_const(sizes)) {
            FigureStyle style;
            QCOMPARE(style.set("size", size), QString());
            QList<BasePlot*> plots;
            for (const FigureCell& cell : page.figure.cells)
                for (const FigurePart& part : cell.parts) plots << part.plot;
            const FigureLook look(plots, style,
                                  style.fontPixels()); // until it ends they are as in the figure
            const auto axes = placedAxes(page.figure, style);
            QCOMPARE(axes[0].first().size(), axes[1].first().size());
            QCOMPARE(axes[0].first().top(), axes[1].first().top());
            const auto marginsOf = [](const HeatMapPanel& panel) {
                const MapMargins& margins = panel.plot()->margins();
                return QSize(margins.right(), margins.top());
            };
            QCOMPARE(marginsOf(*page.panels.tir), marginsOf(*page.panels.pressure));
            QCOMPARE(page.panels.tir->plot()->xAxis->tickVector(),
                     page.panels.pressure->plot()->xAxis->tickVector());
            QCOMPARE(page.panels.tir->plot()->xAxis->label(), page.panels.pressure->plot()->xAxis->label());
        }
    }
}

void TestWidgetsFigureAxes::plotsBelowEachOtherShareTheirCell() {
    TwoByTwo page;
    FigureStyle style(FigureSize::TwoColumn);
    const auto axes = figureAxes(page.figure, style)[2];
    QCOMPARE(static_cast<int>(axes.size()), 2);
    QVERIFY(axes[0].bottom() < axes[1].top());
    QCOMPARE(axes[0].left(), axes[1].left());
    QCOMPARE(within(axes[0].height(), axes[1].height(), 3), QString()); // the legend costs both of them
    QCOMPARE(axes[0].left(), figureAxes(page.figure, style)[0].first().left());

    PanelSet panels; // by itself
    panels.setSession(makeSyntheticSession());
    for (DiagnosticPanel* panel :
         std::initializer_list<DiagnosticPanel*>{panels.perplexity.get(), panels.outlier.get()}) {
        const auto alone = figureAxes(panel->beginFigure(), FigureStyle(FigureSize::OneColumn)).first();
        panel->endFigure();
        QCOMPARE(static_cast<int>(alone.size()), 2);
        QCOMPARE(alone[0].left(), alone[1].left());
        QCOMPARE(within(alone[0].height(), alone[1].height(), 3), QString());
    }
}

void TestWidgetsFigureAxes::nothingMakesRoomForAnothersColourBar() {
    TwoByTwo page;
    const auto axes = figureAxes(page.figure, FigureStyle(FigureSize::TwoColumn));
    for (const QRectF& lines : axes[2]) QVERIFY(lines.right() > axes[0].first().right() + 30);
    QCOMPARE(axes[2][0].right(), axes[2][1].right());
}

void TestWidgetsFigureAxes::headingsAreThereInFull() {
    TwoByTwo page;
    FigureStyle style(FigureSize::TwoColumn);
    const QString words = svgText(figureBytes(page.figure, QStringLiteral("svg"), style));
    for (const FigureCell& cell : page.figure.cells)
        QVERIFY2(words.contains(QString(cell.heading).remove(u' ')), qPrintable(cell.heading + words));
    const double before = figurePageSize(page.figure, style).height();
    page.figure.cells[0].heading = QStringLiteral("word ").repeated(80); // the page gets higher for it
    const QString longer = svgText(figureBytes(page.figure, QStringLiteral("svg"), style));
    QCOMPARE(longer.count(QLatin1String("word")), 80);
    QVERIFY(!longer.contains(u'…'));
    QVERIFY(figurePageSize(page.figure, style).height() > before + 20);
}

void TestWidgetsFigureAxes::titlesOfAxesTakeTwoLines() {
    LinePlot plot;
    const QString title = QStringLiteral("Position of the predicted token, 1,024 tokens");
    plot.setAxes(title, LinePlot::Scale::Linear, QStringLiteral("y"), LinePlot::Scale::Linear);
    int broken = 0, elided = 0;
    for (int width = 120; width <= 420; width += 10) {
        (void)plot.axesAt({width, 220});
        const QString label = plot.xAxis->label();
        broken += label.contains(u'\n');
        elided += label.contains(u'…');
        if (!label.contains(u'…')) QCOMPARE(QString(label).replace(u'\n', u' '), title);
        if (width >= 230) QVERIFY2(!label.contains(u'…'), qPrintable(label));
    }
    QVERIFY(broken > 0 && elided > 0);
    plot.settle(); // on the screen a line is a line
    QVERIFY(!plot.xAxis->label().contains(u'\n'));
}

void TestWidgetsFigureAxes::ticksFollowTheRoom() {
    LinePlot plot;
    LinePlot::Series line;
    line.x = {0, 1};
    line.y = {3.2, 4.7};
    plot.setAxes(QStringLiteral("x"), LinePlot::Scale::Linear, QStringLiteral("y"), LinePlot::Scale::Linear);
    plot.setSeries({line});
    plot.fitRanges(false);
    for (int height = 90; height <= 400; height += 10) {
        const QRect axes = plot.axesAt({260, height});
        const auto ticks = plot.yAxis->tickVector();
        const double lineHeight = QFontMetricsF(plot.yAxis->tickLabelFont()).height();
        int shown = 0;
        for (const double tick : ticks) shown += plot.yAxis->range().contains(tick);
        QVERIFY2(shown < 2 || axes.height() < 50
                     || axes.height() / static_cast<double>(shown) > 1.1 * lineHeight,
                 qPrintable(QStringLiteral("%1 ticks in %2").arg(shown).arg(axes.height())));
    }
}

QTEST_MAIN(TestWidgetsFigureAxes)
#include "test_widgets_figure_axes.moc"
