// How maps are drawn: colours (linear, logarithmic, clipped, by hand, around), means beside the cells,
// labels, numbers in cells, and every cell by keys alone. Their metrics: test_widgets_heat_map.cpp.
#include "tests/widgets/two_sessions.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/plot/heat_map_plot.h"

#include <QLabel>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

using namespace qroar;
using namespace qroar::test;

namespace {

HeatMapPlot::Content mapOf(int rows, int columns, const std::function<double(int, int)>& value) {
    HeatMapPlot::Content content;
    content.rows = rows;
    content.columns = columns;
    for (int row = 0; row < rows; ++row) {
        content.rowLabels << QString::number(row);
        for (int column = 0; column < columns; ++column) content.values.push_back(value(row, column));
    }
    for (int column = 0; column < columns; ++column) content.columnLabels << QString::number(column);
    return content;
}

QCPAxis* barAxis(const HeatMapPlot& plot) {
    for (QCPAxisRect* rect : plot.axisRects())
        if (rect != plot.axisRect()) return rect->axis(QCPAxis::atRight);
    return nullptr;
}

QStringList shownLabels(const QCPAxis& axis) {
    QStringList labels;
    for (const QString& label : axis.tickVectorLabels())
        if (!label.isEmpty()) labels << label;
    return labels;
}

/// CIE lightness, by itself.
double lightness(const QColor& colour) {
    const auto linear = [](double c) {
        return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
    };
    const double y =
        0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
    return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389.0 / 27;
}

} // namespace

class TestWidgetsMapLooks : public QObject, TwoSessions {
    Q_OBJECT

  private slots:
    void logarithmsAreRefusedNotBent();
    void rangesByHandAndWithoutExtremes();
    void meansBesideTheCells();
    void keysReachEveryCell();
    void hoverTellsTheCell();
    void labelsOfColumnsKeepAGap();
    void namesOfColumnsAreAllThere();
    void noDifferenceIsSaid();
    void differencesHaveNumbersInTheirCells();
    void anglesHaveColoursThatGoAround();
    void theFrameLeavesTheColourOfSmallCells();
    void aCutNameIsReadBesideTheCells();
};

void TestWidgetsMapLooks::logarithmsAreRefusedNotBent() {
    const std::vector<double> positive{0.5, 2, 8}, withZero{0, 2, 8};
    QVERIFY(HeatMapOptions::whyNotLogarithmic({}, positive).isEmpty());
    QVERIFY(HeatMapOptions::whyNotLogarithmic({}, withZero).contains("1 of 3"));
    QVERIFY(!HeatMapOptions::whyNotLogarithmic({false, 0.0, 0.1}, positive).isEmpty()); // centred at 0
    SyntheticOptions options;
    options.bands = options.pairs; // the fastest pair, which yarn leaves alone, in a band of its own
    const auto session = makeSyntheticSession(options);
    PanelSet panels;
    panels.setSession(session);
    const auto look = [&](const char* condition) {
        Selection alone = selected(CompareMode::A);
        alone.condition = indexOf(*session, condition);
        alone.conditionB = -1; // else the range is that of both
        panels.selection.setSelection(alone);
        panels.tir->ensureFresh();
    };
    const auto zeros = [&] {
        const auto& values = panels.tir->grid().values;
        return std::count_if(values.begin(), values.end(), [](double value) { return value <= 0; });
    };
    const auto isLogarithmic = [&] {
        panels.tir->ensureFresh();
        return panels.tir->plot()->scale().logarithmic;
    };
    const char *allScaled = "linear:4 \u00b7 1024 \u00b7 rtn:4:g64",
               *someScaled = "yarn:4 \u00b7 1024 \u00b7 rtn:4:g64";
    look(allScaled);
    panels.tir->setMetric(HeatMapMetric::PressureSaturated);
    QVERIFY(!isLogarithmic());
    QCOMPARE(panels.tir->setOption("scale", "log"), QString());
    QVERIFY(isLogarithmic() && zeros() == 0);
    look(someScaled);
    QVERIFY(!isLogarithmic() && zeros() > 0);
    QVERIFY2(panels.tir->summary().contains("No logarithm"), qPrintable(panels.tir->summary()));
    // gains pull both ways: no logarithm, and the view says why
    panels.tir->setMetric(HeatMapMetric::GainSensitivity);
    QVERIFY(!panels.tir->summary().isEmpty());
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
    QVERIFY2(panels.tir->summary().contains("No logarithm"), qPrintable(panels.tir->summary()));
    // raw pressure is logarithmic by itself, unless a band is not scaled at all
    QCOMPARE(panels.tir->setOption("scale", "auto"), QString());
    panels.tir->setMetric(HeatMapMetric::PressureRaw);
    QVERIFY(!isLogarithmic() && zeros() > 0);
    look(allScaled);
    QVERIFY(isLogarithmic() && zeros() == 0);
    QCOMPARE(panels.tir->setOption("scale", "linear"), QString());
    panels.tir->ensureFresh();
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
    look(someScaled);
    // TIR around 1 stays around 1 on a linear scale
    panels.tir->setMetric(HeatMapMetric::TailInflation);
    panels.tir->ensureFresh();
    QCOMPARE(panels.tir->plot()->scale().position(1), 0.5);
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
}

void TestWidgetsMapLooks::rangesByHandAndWithoutExtremes() {
    PanelSet panels;
    panels.setSession(session_);
    Selection alone = selected(CompareMode::A);
    alone.conditionB = -1; // else the range is that of both
    panels.selection.setSelection(alone);
    HeatMapPlot* plot = panels.tir->plot();
    panels.tir->setMetric(HeatMapMetric::PressureMeasured); // no two cells alike
    QCOMPARE(panels.tir->setOption("scale", "linear"), QString());
    panels.tir->ensureFresh();
    std::vector<double> sorted = panels.tir->grid().values; // naive quantiles
    std::sort(sorted.begin(), sorted.end());
    QCOMPARE(plot->scale().low, sorted.front());
    QCOMPARE(plot->scale().high, sorted.back());
    QVERIFY(!plot->hasValuesAbove() && !plot->hasValuesBelow());
    QCOMPARE(panels.tir->setOption("clip", "on"), QString());
    panels.tir->ensureFresh();
    const double rank = 0.99 * static_cast<double>(sorted.size() - 1); // 46.53 of 48 values
    const auto at = static_cast<std::size_t>(rank);
    QCOMPARE(plot->scale().high,
             sorted[at] + (rank - static_cast<double>(at)) * (sorted[at + 1] - sorted[at]));
    QVERIFY(plot->hasValuesAbove()); // an arrow at the bar
    const double low = sorted[0] + static_cast<double>(sorted.size() - 1) * 0.01 * (sorted[1] - sorted[0]);
    QVERIFY(std::abs(plot->scale().low - low) < 1e-12);
    QCOMPARE(plot->hasValuesBelow(), sorted[0] < low);
    QVERIFY(!panels.tir->grab().isNull());

    QCOMPARE(panels.tir->setOption("range", "manual"), QString());
    QCOMPARE(panels.tir->setOption("min", "0.05"), QString());
    QCOMPARE(panels.tir->setOption("max", "0.25"), QString());
    panels.tir->ensureFresh();
    QCOMPARE(plot->scale(), (ColorScale{0.05, 0.25, false, false}));
    QCOMPARE(plot->hasValuesAbove(), sorted.back() > 0.25);
    QVERIFY(!panels.tir->setOption("max", "much").isEmpty());
    // an impossible range is said, not shown
    QCOMPARE(panels.tir->setOption("min", "0.5"), QString());
    QVERIFY2(panels.tir->summary().contains("begin below"), qPrintable(panels.tir->summary()));
    QCOMPARE(panels.tir->setOption("min", "0.05"), QString());
    // by hand around 1: the middle stays where it is
    panels.tir->setMetric(HeatMapMetric::TailInflation);
    QCOMPARE(panels.tir->setOption("scale", "auto"), QString());
    QCOMPARE(panels.tir->setOption("max", "4"), QString());
    panels.tir->ensureFresh();
    QCOMPARE(plot->scale(), (ColorScale{0.25, 4, true, true}));
    // a range by hand is that of A - B too, around 0
    show(panels, CompareMode::Difference);
    panels.tir->ensureFresh();
    QCOMPARE(plot->scale(), (ColorScale{-4, 4, false, true}));
    // locked: it stays while conditions change, and is of one kind
    QCOMPARE(panels.tir->setOption("range", "auto"), QString());
    panels.tir->ensureFresh();
    QCOMPARE(panels.tir->setOption("lock", "on"), QString());
    const ColorScale kept = plot->scale();
    QVERIFY(kept != (ColorScale{-4, 4, false, true}));
    Selection next = selected(CompareMode::Difference);
    next.condition = indexOf(*session_, "yarn:4 · 4096 · none");
    panels.selection.setSelection(next);
    panels.tir->ensureFresh();
    QCOMPARE(plot->scale(), kept);
    next.compare = CompareMode::A;
    panels.selection.setSelection(next);
    panels.tir->ensureFresh();
    QVERIFY(plot->scale().logarithmic); // not that of differences
}

void TestWidgetsMapLooks::meansBesideTheCells() {
    PanelSet panels;
    panels.setSession(session_);
    panels.selection.setSelection(selected(CompareMode::A));
    HeatMapPanel& panel = *panels.tir;
    panel.resize(900, 600);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    panel.ensureFresh();
    QTest::qWait(20);
    const MapMargins& margins = panel.plot()->margins();
    const BandGrid& grid = panel.grid();
    for (int layer = 0; layer < grid.layers; ++layer) { // naive
        double sum = 0;
        for (int band = 0; band < grid.bands; ++band) sum += grid.at(layer, band);
        QVERIFY(std::abs(margins.rows()[static_cast<std::size_t>(layer)] - sum / grid.bands) < 1e-12);
        QVERIFY(std::abs(margins.rowPoint(layer).y() - panel.plot()->cellCentre(layer, 0).y()) <= 1);
    }
    for (int band = 0; band < grid.bands; ++band) {
        double sum = 0;
        for (int layer = 0; layer < grid.layers; ++layer) sum += grid.at(layer, band);
        const double mean = sum / grid.layers;
        QVERIFY(std::abs(margins.columns()[static_cast<std::size_t>(band)] - mean) < 1e-12);
        const QPointF point = margins.columnPoint(band);
        QVERIFY(std::abs(point.x() - panel.plot()->cellCentre(0, band).x()) <= 1);
        QVERIFY(margins.topStrip().contains(point));
        const double height =
            (margins.topStrip().bottom() - 2 - point.y()) / (margins.topStrip().height() - 4);
        QVERIFY(std::abs(height - panel.plot()->scale().position(mean))
                < 0.05); // the place on the colour bar
        QVERIFY(panel.plot()->readoutAt(point).contains("mean over the layers"));
    }
    QVERIFY(margins.topStrip().bottom() < panel.plot()->cellCentre(0, 0).y());
    const double above = panel.plot()->cellCentre(0, 0).y();
    QCOMPARE(panel.setOption("marginals", "off"), QString());
    QTest::qWait(20);
    QVERIFY(margins.topStrip().isEmpty() && margins.rightStrip().isEmpty());
    QVERIFY(panel.plot()->cellCentre(0, 0).y() < above); // cells take the room
    QCOMPARE(panel.setOption("marginals", "on"), QString());
    panel.resize(260, 230); // too small for them
    QTest::qWait(20);
    QVERIFY(margins.rightStrip().isEmpty());
}

void TestWidgetsMapLooks::keysReachEveryCell() {
    PanelSet panels;
    panels.setSession(session_);
    HeatMapPanel& panel = *panels.tir;
    panel.resize(700, 450);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    panel.ensureFresh();
    HeatMapPlot* plot = panel.plot();
    const QImage without = plot->grab().toImage();
    panel.activateWindow();
    plot->setFocus();
    QTRY_VERIFY(plot->hasFocus());
    QTest::qWait(20);
    QVERIFY(plot->grab().toImage() != without); // the ring of the focus
    const auto now = [&] { return panels.selection.selection(); };
    QTest::keyClick(plot, Qt::Key_PageUp);
    QTest::keyClick(plot, Qt::Key_Home);
    QCOMPARE(std::pair(now().layer, now().band), std::pair(0, 0));
    std::set<std::pair<int, int>> seen;
    for (int layer = 0; layer < 6; ++layer) {
        for (int band = 0; band < 8; ++band) {
            seen.insert({now().layer, now().band});
            QTest::keyClick(plot, Qt::Key_Right);
        }
        QTest::keyClick(plot, Qt::Key_Home);
        QTest::keyClick(plot, Qt::Key_Down);
    }
    QCOMPARE(seen.size(), std::size_t{48});
    QTest::keyClick(plot, Qt::Key_End);
    QCOMPARE(now().band, 7);
    QTest::keyClick(plot, Qt::Key_PageUp);
    QCOMPARE(now().layer, 0);
    QTest::keyClick(plot, Qt::Key_PageDown);
    QCOMPARE(now().layer, 5);

    HeatMapPlot* map = panels.outlier->map(); // cells that are no part of the selection
    panels.outlier->resize(900, 450);
    panels.outlier->show();
    panels.outlier->ensureFresh();
    QTest::keyClick(map, Qt::Key_End);
    QCOMPARE(map->selectedColumn(), map->content().columns - 1);
    QVERIFY2(panels.outlier->summary().contains("Layer 5: positions"), qPrintable(panels.outlier->summary()));
    QTest::keyClick(map, Qt::Key_Up);
    QCOMPARE(now().layer, 4);
    panels.outlier->ensureFresh();
    QCOMPARE(map->selectedColumn(), map->content().columns - 1);
}

void TestWidgetsMapLooks::hoverTellsTheCell() {
    PanelSet panels;
    show(panels, CompareMode::Difference);
    panels.tir->resize(900, 600);
    panels.tir->show();
    QVERIFY(QTest::qWaitForWindowExposed(panels.tir.get()));
    panels.tir->ensureFresh();
    QTest::qWait(20);
    const QString text = panels.tir->plot()->readoutAt(panels.tir->plot()->cellCentre(4, 6));
    QVERIFY2(text.startsWith("Layer 4 · band 6 (pairs 12–13)"), qPrintable(text));
    QVERIFY2(text.contains("A: ") && text.contains("B: ") && text.contains("wavelengths"), qPrintable(text));
    panels.selection.setSelection(selected(CompareMode::A));
    panels.tir->ensureFresh();
    QTRY_VERIFY(panels.tir->plot()->readoutAt(panels.tir->plot()->cellCentre(2, 5)).contains("95 % CI"));
    QVERIFY(!panels.tir->plot()->readoutAt(panels.tir->plot()->cellCentre(2, 6)).contains("95 % CI"));
}

void TestWidgetsMapLooks::labelsOfColumnsKeepAGap() {
    HeatMapPlot::Content content;
    content.rows = 4;
    content.columns = 64; // a band for each rotary pair
    content.values.assign(256, 1.0);
    for (int row = 0; row < content.rows; ++row) content.rowLabels << QString::number(row);
    for (int pair = 0; pair < content.columns; ++pair)
        content.columnLabels << QStringLiteral("%1\n%1").arg(pair);
    HeatMapPlot plot;
    plot.setContent(std::move(content));
    for (const int pixels : {8, 11, 13, 17, 24})
        for (int width = 240; width <= 1600; width += 17) {
            plot.setTheme(plot.theme(), pixels);
            QVERIFY(plot.axesAt({width, 260}).width() > 0);
            const QVector<double> ticks = plot.xAxis->tickVector();
            const QVector<QString> labels = plot.xAxis->tickVectorLabels();
            QVERIFY(ticks.size() >= 2);
            const QFontMetricsF metrics(plot.xAxis->tickLabelFont());
            const auto half = [&](qsizetype tick) {
                return metrics.horizontalAdvance(labels[tick].section('\n', 0, 0)) / 2;
            };
            for (qsizetype tick = 1; tick < ticks.size(); ++tick) {
                const double gap = plot.xAxis->coordToPixel(ticks[tick])
                                   - plot.xAxis->coordToPixel(ticks[tick - 1]) - half(tick) - half(tick - 1);
                QVERIFY2(gap >= 5, qPrintable(QStringLiteral("%1 px font, %2 wide: %3 between %4 and %5")
                                                  .arg(pixels)
                                                  .arg(width)
                                                  .arg(gap)
                                                  .arg(ticks[tick - 1])
                                                  .arg(ticks[tick])));
            }
        }
}

void TestWidgetsMapLooks::namesOfColumnsAreAllThere() {
    const QStringList names{"q", "k", "v", "o", "gate", "up", "down"};
    HeatMapPlot::Content content = mapOf(5, 7, [](int row, int column) { return row + column; });
    content.columnLabels = names;
    content.namedColumns = true;
    HeatMapPlot plot;
    plot.setContent(std::move(content));
    std::set<double> rotations;
    for (int width = 180; width <= 700; width += 13) {
        QVERIFY(plot.axesAt({width, 260}).width() > 0);
        QCOMPARE(shownLabels(*plot.xAxis), names);
        rotations.insert(plot.xAxis->tickLabelRotation());
        if (plot.xAxis->tickLabelRotation() != 0) continue;
        const QFontMetricsF metrics(plot.xAxis->tickLabelFont());
        for (int next = 1; next < 7; ++next) {
            const double apart = plot.xAxis->coordToPixel(next) - plot.xAxis->coordToPixel(next - 1);
            QVERIFY(apart
                    > (metrics.horizontalAdvance(names[next]) + metrics.horizontalAdvance(names[next - 1]))
                          / 2);
        }
    }
    QCOMPARE(rotations, (std::set<double>{-90, 0})); // both ways out were taken
}

void TestWidgetsMapLooks::noDifferenceIsSaid() {
    PanelSet panels;
    panels.setSession(session_);
    Selection both = selected(CompareMode::Difference);
    both.conditionB = both.condition;
    panels.selection.setSelection(both);
    for (const auto& [panel, plot] :
         {std::pair<DiagnosticPanel*, HeatMapPlot*>{panels.tir.get(), panels.tir->plot()},
          std::pair<DiagnosticPanel*, HeatMapPlot*>{panels.distortion.get(), panels.distortion->plot()}}) {
        panel->ensureFresh();
        QVERIFY2(panel->emptyText().isEmpty(), qPrintable(panel->emptyText()));
        (void)plot->axesAt({480, 320});
        QCOMPARE(shownLabels(*barAxis(*plot)), QStringList{"no\ndifference"});
        QVERIFY(plot->scale().diverging);
        both.conditionB = indexOf(*session_, "linear:4 · 1024 · rtn:4:g64");
        if (panel == panels.distortion.get()) continue; // the same weights all the same
        panels.selection.setSelection(both);
        panel->ensureFresh();
        (void)plot->axesAt({480, 320});
        QVERIFY(shownLabels(*barAxis(*plot)).size() > 1);
    }
}

void TestWidgetsMapLooks::differencesHaveNumbersInTheirCells() {
    const auto digitsAt = [](bool difference, int width) {
        HeatMapPlot::Content content =
            mapOf(4, 7, [](int row, int column) { return -0.0123 * (row + 1) + 0.0077 * column; });
        content.difference = difference;
        HeatMapPlot plot;
        plot.setContent(std::move(content));
        (void)plot.axesAt({width, 300});
        for (int index = 0; index < plot.plottableCount(); ++index)
            if (const auto* cells = dynamic_cast<CellMap*>(plot.plottable(index)))
                return cells->shownDigits();
        return -1;
    };
    std::set<std::pair<int, int>> seen;
    for (int width = 200; width <= 900; width += 10)
        seen.insert({digitsAt(false, width), digitsAt(true, width)});
    // The difference has numbers wherever others have them, and with fewer digits in smaller cells.
    QCOMPARE(seen, (std::set<std::pair<int, int>>{{0, 0}, {0, 2}, {3, 3}}));
}

void TestWidgetsMapLooks::theFrameLeavesTheColourOfSmallCells() {
    for (const int rows : {4, 64}) {
        HeatMapPlot plot;
        plot.resize(420, 420);
        plot.setContent(mapOf(rows, rows, [](int row, int column) { return row * 7 % 5 + column % 3; }));
        plot.setScale(ColorScale::sequential(std::vector<double>{0, 6}, false));
        plot.setVisible(true);
        const auto at = [&plot](const QPointF& place) {
            return plot.grab().toImage().pixelColor(place.toPoint());
        };
        for (const auto& [row, column] : {std::pair{rows / 2, rows / 2}, std::pair{0, 0}}) {
            plot.setSelectedCell(-1, -1);
            const QImage before = plot.grab().toImage();
            const QPointF middle = plot.cellCentre(row, column);
            const QColor plain = before.pixelColor(middle.toPoint());
            plot.setSelectedCell(row, column);
            const QImage after = plot.grab().toImage();
            QCOMPARE(after.pixelColor(middle.toPoint()), plain);
            QCOMPARE(at(middle), plain);
            int framed = 0;
            for (int y = 0; y < after.height(); ++y)
                for (int x = 0; x < after.width(); ++x)
                    framed += after.pixel(x, y) != before.pixel(x, y) ? 1 : 0;
            QVERIFY2(framed > 20, qPrintable(QString::number(framed)));
            const double cell = plot.cellCentre(1, 0).y() - plot.cellCentre(0, 0).y();
            if (rows == 64) QVERIFY2(cell < 8, qPrintable(QString::number(cell)));
        }
    }
}

void TestWidgetsMapLooks::aCutNameIsReadBesideTheCells() {
    HeatMapPlot plot;
    HeatMapPlot::Content content = mapOf(3, 4, [](int row, int column) { return row + column; });
    for (int row = 0; row < 3; ++row)
        content.rowLabels[row] = QString(80, u'a') + QString::number(row) + QString(80, u'b');
    content.rowLabels[2] = "short";
    plot.resize(360, 300);
    plot.setContent(content);
    plot.setScale(ColorScale::sequential(std::vector<double>{0, 6}, false));
    plot.setVisible(true);
    QVERIFY(!plot.grab().isNull());
    const auto hover = [&plot](int row) {
        const QPointF at(plot.axisRect()->left() - 12, plot.cellCentre(row, 0).y());
        QMouseEvent event(QEvent::MouseMove, at, plot.mapToGlobal(at), Qt::NoButton, Qt::NoButton,
                          Qt::NoModifier);
        QApplication::sendEvent(&plot, &event);
        return plot.readoutText();
    };
    QCOMPARE(hover(1), content.rowLabels[1]);
    QVERIFY(plot.findChild<QLabel*>()->width() <= plot.width());
    QCOMPARE(hover(2), QString());
    const QStringList drawn = shownLabels(*plot.yAxis);
    QCOMPARE(QSet<QString>(drawn.begin(), drawn.end()).size(), qsizetype(3));
}

void TestWidgetsMapLooks::anglesHaveColoursThatGoAround() {
    for (const auto& map : {ColorMap::cyclicLight(), ColorMap::cyclicDark()}) {
        QCOMPARE(map.at(0), map.at(1)); // -pi is pi
        const double middle = lightness(map.at(0.5)), ends = lightness(map.at(0));
        QVERIFY(std::abs(middle - ends) > 60);
        for (int step = 0; step <= 16; ++step) { // even steps, the same on both sides
            const double wanted = middle + (ends - middle) * step / 16;
            QVERIFY(std::abs(lightness(map.at(0.5 + step / 32.0)) - wanted) < 1.5);
            QVERIFY(std::abs(lightness(map.at(0.5 - step / 32.0)) - wanted) < 1.5);
        }
        // A quarter turn to either side: blue and orange, apart without red or green, too.
        const QColor before = map.at(0.25), behind = map.at(0.75);
        QVERIFY(before.blue() - behind.blue() > 60 && before.blue() > before.red()
                && behind.red() > behind.blue());
    }
    SelectionModel selection;
    PhasePanel panel(&selection);
    panel.setSession(session_);
    panel.ensureFresh();
    auto* map = panel.findChildren<HeatMapPlot*>().first();
    (void)map->axesAt({480, 320});
    QVERIFY(map->scale().cyclic && map->scale().high == std::numbers::pi);
    QCOMPARE(shownLabels(*barAxis(*map)), (QStringList{"−π", "−π/2", "0", "π/2", "π"}));
    QVERIFY(map->theme().cyclic.at(0.25) != map->theme().diverging.at(0.25));
    for (const double value : map->content().values)
        QVERIFY(value > -std::numbers::pi && value <= std::numbers::pi);
    QCOMPARE(panel.setOption("value", "cosine"), QString());
    panel.ensureFresh();
    QVERIFY(!map->scale().cyclic && map->scale().diverging);
    QCOMPARE(panel.setOption("value", "wrapped"), QString());
    QCOMPARE(panel.setOption("view", "curves"), QString());
    panel.ensureFresh();
    auto* curves = panel.plots().first();
    (void)curves->axesAt({640, 400});
    QCOMPARE(shownLabels(*curves->yAxis), (QStringList{"−π", "−π/2", "0", "π/2", "π"}));
}

QTEST_MAIN(TestWidgetsMapLooks)
#include "test_widgets_map_looks.moc"
