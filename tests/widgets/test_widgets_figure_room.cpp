// The least size at which a figure can be read: named, enough, and hardly more than that.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/figures/figure_room.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QElapsedTimer>
#include <QRegularExpression>
#include <QtTest>

using namespace qroar;
using namespace qroar::test;

namespace {

FigureStyle sized(const QString& size) {
    FigureStyle style;
    if (const QString error = style.set(QStringLiteral("size"), size); !error.isEmpty())
        qFatal("%s", qPrintable(error));
    return style;
}

} // namespace

class TestWidgetsFigureRoom : public QObject {
    Q_OBJECT
  private slots:
    void aSizeThatIsTooSmallIsSaid();
    void whatMustGoIsNamed();
    void presetsAreReadable();
    void axesAreNeverUpsideDown();
};

void TestWidgetsFigureRoom::aSizeThatIsTooSmallIsSaid() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    static const QRegularExpression words(QStringLiteral("at least ([0-9.]+x[0-9.]+(?:in|mm|px))"));
    for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
             panels.tir.get(), panels.histogram.get(), panels.perplexity.get(), panels.spectrum.get()}) {
        const Figure figure = panel->beginFigure();
        for (const char* size : {"1x1in", "3.3x0.8in", "20x20mm", "7x0.8in", "80x60px"}) {
            const FigureStyle style = sized(QLatin1String(size));
            QElapsedTimer timer;
            timer.start();
            const QString problem = figureSizeProblem(figure, style);
            const qint64 took = timer.elapsed();
            const QRegularExpressionMatch match = words.match(problem);
            const QString what = panel->title() + QStringLiteral(" %1: %2").arg(QLatin1String(size), problem);
            QVERIFY2(match.hasMatch(), qPrintable(what));
            QVERIFY2(took < 2000, qPrintable(what + QStringLiteral(" took %1 ms").arg(took)));
            const FigureStyle least = sized(match.captured(1));
            QCOMPARE(least.unit, style.unit);
            QVERIFY2(least.width >= style.width, qPrintable(what));
            QVERIFY2(isReadable(figure, least), qPrintable(what)); // the size it names is enough
            for (const auto& part : figureAxes(figure, least))
                for (const QRectF& axes : part)
                    QVERIFY2(axes.width() >= leastAxesWidth && axes.height() >= leastAxesHeight,
                             qPrintable(what));
            FigureStyle lower = least; // and hardly more than that
            lower.height -= least.unit == FigureStyle::Unit::Inches ? 0.1 : 1;
            QVERIFY2(!isReadable(figure, lower), qPrintable(what));
        }
        panel->endFigure();
    }
}

void TestWidgetsFigureRoom::whatMustGoIsNamed() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    Figure figure = panels.histogram->beginFigure();
    figure.provenance = QStringLiteral("a line at the foot of the page");
    FigureStyle style = sized(QStringLiteral("400x300px"));
    const auto least = leastFigureStyle(figure, style);
    QVERIFY(least);
    style.height = least->height - 6;
    const QString problem = figureSizeProblem(figure, style);
    QVERIFY2(problem.endsWith(QLatin1String(", or without footer")), qPrintable(problem));
    style.footer = false;
    QCOMPARE(figureSizeProblem(figure, style), QString());
    panels.histogram->endFigure();
}

void TestWidgetsFigureRoom::presetsAreReadable() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
             panels.tir.get(), panels.histogram.get(), panels.perplexity.get(), panels.spectrum.get(),
             panels.distortion.get()})
        for (const char* size : {"shown", "3.3in", "7in", "slide"}) {
            const QString problem = figureSizeProblem(panel->beginFigure(), sized(QLatin1String(size)));
            panel->endFigure();
            QVERIFY2(problem.isEmpty(), qPrintable(panel->title() + QStringLiteral(": ") + problem));
        }
}

void TestWidgetsFigureRoom::axesAreNeverUpsideDown() {
    LinePlot plot;
    plot.setLegendAbove(true);
    plot.setAxes(QStringLiteral("x"), LinePlot::Scale::Linear, QStringLiteral("y"), LinePlot::Scale::Linear);
    int none = 0;
    for (int height = 10; height <= 200; height += 5) {
        const QRect axes = plot.axesAt({200, height});
        const bool upright = axes.width() > 0 && axes.height() > 0;
        QCOMPARE(plot.axisRect()->visible(), upright);
        none += !upright;
    }
    QVERIFY(none > 0);
    QVERIFY(plot.axisRect()->visible()); // back when there is room
}

QTEST_MAIN(TestWidgetsFigureRoom)
#include "test_widgets_figure_room.moc"
