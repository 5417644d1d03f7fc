// What stands beside curves: names of points that keep off them, quantiles on the map of magnitudes, and what
// a wavelength is of.
#include "tests/widgets/two_sessions.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Whether a segment meets a rectangle, by halving it.
bool meets(const QRectF& rect, const QPointF& a, const QPointF& b, int depth = 12) {
    if (rect.contains(a) || rect.contains(b)) return true;
    const QRectF around = QRectF(a, b).normalized().adjusted(-0.01, -0.01, 0.01, 0.01);
    if (depth == 0 || !around.intersects(rect)) return false;
    const QPointF middle = (a + b) / 2;
    return meets(rect, a, middle, depth - 1) || meets(rect, middle, b, depth - 1);
}

int curvesUnder(const LinePlot& plot, const QRectF& rect) {
    int count = 0;
    for (const LinePlot::Series& one : plot.series())
        for (std::size_t point = 1; one.line && point < one.x.size(); ++point) {
            const QPointF a(plot.xAxis->coordToPixel(one.x[point - 1]),
                            plot.yAxis->coordToPixel(one.y[point - 1]));
            const QPointF b(plot.xAxis->coordToPixel(one.x[point]), plot.yAxis->coordToPixel(one.y[point]));
            if (std::isfinite(a.x() + a.y() + b.x() + b.y()) && meets(rect, a, b)) ++count;
        }
    return count;
}

} // namespace

class TestWidgetsLabels : public QObject, TwoSessions {
    Q_OBJECT
  private slots:
    void namesKeepOffCurves();
    void quantilesOfTheMapHaveNames();
    void aWavelengthSaysOfWhat();
    void namesOfLengthsStandOverTheirLines();
    void aSmallSpectrumHasAShortLegend();
};

/// In a figure of one column, too: whatever the curves do below.
void TestWidgetsLabels::namesOfLengthsStandOverTheirLines() {
    SelectionModel selection;
    PhasePanel phases(&selection);
    phases.setSession(session_);
    QCOMPARE(phases.setOption("view", "curves"), QString());
    for (const char* value : {"wrapped", "cosine", "unwrapped"})
        for (const int pair : {2, 5, 12}) {
            QCOMPARE(phases.setOption("value", value), QString());
            Selection next = selection.selection();
            next.pair = pair;
            selection.setSelection(next);
            phases.ensureFresh();
            auto* curves = qobject_cast<LinePlot*>(phases.plots().first());
            (void)curves->axesAt({317, 240});
            const auto& labels = curves->pointLabels().labels();
            const auto places = curves->pointLabels().places();
            int found = 0;
            for (std::size_t at = 0; at < labels.size(); ++at) {
                if (labels[at].text != QStringLiteral("L₀") && labels[at].text != "L") continue;
                ++found;
                const double line = curves->xAxis->coordToPixel(labels[at].key);
                QVERIFY2(places[at].left() - 1 <= line && line <= places[at].right() + 1,
                         qPrintable(QString("%1 %2 %3").arg(value).arg(pair).arg(labels[at].text)));
                QVERIFY(places[at].bottom() < curves->yAxis->coordToPixel(labels[at].value));
                QCOMPARE(curvesUnder(*curves, places[at]), 0);
            }
            QCOMPARE(found, 2);
        }
}

void TestWidgetsLabels::aSmallSpectrumHasAShortLegend() {
    PanelSet panels;
    panels.setSession(session_);
    Selection both = selected(CompareMode::Difference);
    both.conditionB = indexOf(*session_, "linear:4 · 1024 · none");
    QVERIFY(both.conditionB >= 0);
    panels.selection.setSelection(both);
    QCOMPARE(panels.spectrum->setOption("curve", "ip_saturated"), QString());
    panels.spectrum->ensureFresh();
    SpectrumPlot& plot = *panels.spectrum->plot();
    (void)plot.axesAt({317, 230});
    QCOMPARE(plot.legend->itemCount(), 4);
    QVERIFY2(plot.legend->rowCount() <= 2, qPrintable(QString::number(plot.legend->rowCount())));
    QVERIFY(plot.yAxis2->label().contains(QStringLiteral("Δ IP saturated"))); // with the rest
}

void TestWidgetsLabels::namesKeepOffCurves() {
    PanelSet panels;
    panels.setSession(session_);
    panels.selection.setSelection(selected(CompareMode::A));
    LinePlot& plot = *panels.histogram->plot();
    int drawn = 0;
    for (const char* view : {"overlay", "ridge-context"})
        for (const QSize size : {QSize(316, 230), QSize(672, 340), QSize(1200, 600)}) {
            QCOMPARE(panels.histogram->setOption("view", view), QString());
            panels.histogram->ensureFresh();
            (void)plot.axesAt(size);
            QCOMPARE(plot.pointLabels().labels().size(), std::size_t{5});
            for (const QRectF& place : plot.pointLabels().places()) {
                if (place.isEmpty()) continue; // the legend has it
                ++drawn;
                const QRectF text = place.adjusted(2, 2, -2, -2);
                QVERIFY2(curvesUnder(plot, text) == 0, view);
                QVERIFY(QRectF(plot.axisRect()->rect()).contains(place));
            }
        }
    QVERIFY2(drawn >= 12, qPrintable(QString::number(drawn)));

    SelectionModel selection; // marks of the phases: their names are nowhere else
    PhasePanel phases(&selection);
    phases.setSession(session_);
    QCOMPARE(phases.setOption("view", "curves"), QString());
    Selection slow = selection.selection();
    slow.pair = 12;
    selection.setSelection(slow);
    phases.ensureFresh();
    auto* curves = qobject_cast<LinePlot*>(phases.plots().first());
    QVERIFY(curves);
    (void)curves->axesAt({672, 340});
    const auto places = curves->pointLabels().places();
    QVERIFY(places.size() >= 2);
    for (const QRectF& place : places) {
        QVERIFY(!place.isEmpty());
        QCOMPARE(curvesUnder(*curves, place.adjusted(2, 2, -2, -2)), 0);
    }
}

void TestWidgetsLabels::quantilesOfTheMapHaveNames() {
    PanelSet panels;
    panels.setSession(session_);
    panels.selection.setSelection(selected(CompareMode::A));
    HistogramPanel& panel = *panels.histogram;
    QCOMPARE(panel.setOption("view", "map"), QString());
    panel.ensureFresh();
    HeatMapPlot& map = *panel.map();
    (void)map.axesAt({672, 340});
    const PointLabels* names = nullptr;
    for (int index = 0; index < map.plottableCount(); ++index)
        if (const auto* labels = dynamic_cast<const PointLabels*>(map.plottable(index))) names = labels;
    QVERIFY(names && names->labels().size() == 5);
    QVERIFY2(map.xAxis->label().contains("50, 90, 99, 99.9, 99.99 % quantiles"),
             qPrintable(map.xAxis->label()));
    for (const QSize size : {QSize(672, 340), QSize(317, 262), QSize(200, 150)}) {
        (void)map.axesAt(size);
        const std::vector<QRectF> places = names->places();
        const auto drawn =
            std::count_if(places.begin(), places.end(), [](const QRectF& place) { return !place.isEmpty(); });
        QVERIFY2(drawn == 5 || (drawn == 0 && size.width() < 672), qPrintable(QString::number(drawn)));
        for (std::size_t one = 0; drawn > 0 && one < places.size(); ++one) {
            for (std::size_t other = 0; other < one; ++other) // with a gap between them
                QVERIFY(!places[one].adjusted(-4, -2, 4, 2).intersects(places[other]));
            double nearest = 1e9; // each beside its own line, in one row or another
            const PointLabels::Label& label = names->labels()[one];
            std::vector<QPointF> points(label.others);
            points.emplace_back(label.key, label.value);
            for (const QPointF& point : points) {
                const QPointF at(map.xAxis->coordToPixel(point.x()), map.yAxis->coordToPixel(point.y()));
                const QPointF near(std::clamp(at.x(), places[one].left(), places[one].right()),
                                   std::clamp(at.y(), places[one].top(), places[one].bottom()));
                nearest = std::min(nearest, QLineF(at, near).length());
            }
            QVERIFY2(nearest <= 12, qPrintable(QString::number(nearest)));
        }
    }
    (void)map.axesAt({672, 340});
    // Ticks of |x| are round numbers where they belong: the edge of a column is a power of two.
    int ticks = 0;
    const auto& content = map.content();
    for (const auto& [column, label] : content.columnMarks) {
        QVERIFY2(QStringList({"10⁻⁵", "10⁻⁴", "10⁻³", "0.01", "0.1", "1", "10", "100", "0.2", "0.5", "2", "5",
                              "0.02", "0.05", "20", "50"})
                     .contains(label),
                 qPrintable(label));
        if (label == "1") { // the column whose lower edge is 1 begins half a column before its middle
            QVERIFY(content.columnDetails.value(static_cast<int>(std::lround(column + 0.5)))
                        .startsWith("|x| 1.00"));
            QCOMPARE(column + 0.5, std::round(column + 0.5));
        }
        ++ticks;
    }
    QVERIFY(ticks >= 3);
    int shown = 0;
    for (const QString& label : map.xAxis->tickVectorLabels()) shown += !label.isEmpty();
    QVERIFY(shown >= 3 && shown <= 12);
}

void TestWidgetsLabels::aWavelengthSaysOfWhat() {
    PanelSet panels;
    panels.setSession(session_);
    panels.selection.setSelection(selected(CompareMode::A)); // yarn:4: both differ
    SpectrumPanel& panel = *panels.spectrum;
    panel.resize(900, 500);
    panel.ensureFresh();
    SpectrumPlot& plot = *panel.plot();
    (void)plot.axesAt({900, 420});
    QVERIFY2(plot.xAxis->label().contains("unscaled"), qPrintable(plot.xAxis->label()));
    // The mark of L0 stands where 2 pi theta^(2i/d) = L0: the frequencies before scaling.
    const double pairs = session_->model.pairs(),
                 at = pairs * std::log(256 / (2 * M_PI)) / std::log(session_->model.ropeTheta);
    bool found = false;
    for (const SnapPoint& mark : plot.marks())
        if (mark.reason == "unscaled wavelength = 256 (trained)") found = std::abs(mark.pair - at) < 1e-9;
    QVERIFY(found);
    const auto table = panel.tables().front();
    QVERIFY(table.comments.join(' ').contains("unscaled"));
    const int pair = 15;
    const auto& frequencies = session_->conditions[static_cast<std::size_t>(a_)]->table;
    QVERIFY(std::abs(number(table.model, pair, "wavelength_trained") - 2 * M_PI / frequencies.plain[pair])
            < 1e-6);
    QVERIFY(std::abs(number(table.model, pair, "wavelength") - 2 * M_PI / frequencies.omega[pair]) < 1e-6);
    QVERIFY(number(table.model, pair, "wavelength") > 2 * number(table.model, pair, "wavelength_trained"));
    for (const auto& [key, word] :
         {std::pair("wavelength_trained", "unscaled"), std::pair("wavelength", ", scaled")}) {
        const int column = table.model->columnOf(key);
        const QString title = table.model->headerData(column, Qt::Horizontal, Qt::DisplayRole).toString();
        QVERIFY2(title.contains(word), qPrintable(title));
    }
    QCOMPARE(panel.setOption("curve", "wavelength"), QString());
    panel.ensureFresh();
    (void)plot.axesAt({900, 420});
    QVERIFY2(plot.yAxis2->label().contains("(scaled)"), qPrintable(plot.yAxis2->label()));
}

QTEST_MAIN(TestWidgetsLabels)
#include "test_widgets_labels.moc"
