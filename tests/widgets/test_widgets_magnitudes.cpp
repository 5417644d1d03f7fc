// The histograms of magnitudes: overlays, ridges and maps are what core counts, for A, for B, for A - B,
// within a session and between two.
#include "tests/widgets/two_sides.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"

#include <QTemporaryDir>
#include <QtTest>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Share of values per octave around `centre`, counted bin by bin.
double countedShare(const LogHistogram& histogram, double centre) {
    double count = 0, octaves = 0;
    for (int bin = 1; bin + 1 < LogHistogram::binCount; ++bin) {
        const double middle = std::sqrt(LogHistogram::binLower(bin) * LogHistogram::binUpper(bin));
        if (std::abs(std::log2(middle / centre)) >= 0.05) continue; // four bins
        count += static_cast<double>(histogram.countAt(bin));
        octaves += std::log2(LogHistogram::binUpper(bin) / LogHistogram::binLower(bin));
    }
    return count / static_cast<double>(histogram.total()) / octaves;
}

} // namespace

class TestWidgetsMagnitudes : public QObject {
    Q_OBJECT
  private slots:
    void quantileMarksAreThoseOfTheHistogram() {
        Sides sides;
        sides.look(CompareMode::A);
        HistogramPanel& panel = *sides.panels.histogram;
        QCOMPARE(panel.setOption("view", "overlay"), QString());
        QVERIFY(!panel.curves().empty());
        const LogHistogram expected = sides.pooled(sides.ofA());
        const std::pair<const char*, double> marks[] = {
            {"50 %", 0.5}, {"90 %", 0.9}, {"99 %", 0.99}, {"99.9 %", 0.999}, {"99.99 %", 0.9999}};
        for (const auto& [text, p] : marks) {
            const LinePlot::Series* mark = seriesNamed(*panel.plot(), QString("1,024 tokens ") + text);
            QVERIFY2(mark, text);
            QVERIFY(close(mark->x[0], expected.quantile(p)));
            QCOMPARE(mark->labels, QStringList{text}); // of the selected curve
        }
        QCOMPARE(panel.setOption("quantiles", "off"), QString());
        panel.ensureFresh();
        QVERIFY(!seriesNamed(*panel.plot(), "99.9 %"));
        // the table of quantiles
        ResultTableModel* quantiles = panel.tables().back().model;
        QCOMPARE(panel.tables().back().key, QString("quantiles"));
        QCOMPARE(quantiles->rowCount(), static_cast<int>(panel.curves().size()));
        for (int row = 0; row < quantiles->rowCount(); ++row)
            QVERIFY(close(number(quantiles, row, "q99_9"),
                          panel.curves()[static_cast<std::size_t>(row)].histogram.quantile(0.999)));
    }

    void aHeadGroupOrAPairAlone() {
        Sides sides;
        sides.look(CompareMode::A);
        Selection now = sides.panels.selection.selection();
        now.group = 1;
        now.pair = sides.a->bands.begin(4);
        sides.panels.selection.setSelection(now);
        LogHistogram expected; // the cells by hand
        const QkStatistics& statistics = sides.ofA().statistics;
        for (int bucket = 0; bucket < statistics.shape().buckets(); ++bucket)
            expected.merge(
                statistics.histogram(statistics.cell(2, QkTensor::K, RopeStage::Post, 1, now.pair, bucket)));
        const auto& curves = sides.panels.histogram->curves();
        QVERIFY(std::any_of(curves.begin(), curves.end(),
                            [&](const auto& curve) { return curve.histogram == expected; }));
        QVERIFY(sides.panels.histogram->figureTitle().contains("head group 1"));
        QVERIFY(sides.panels.histogram->figureTitle().contains(QString("pair %1").arg(now.pair)));
    }

    void ridgesStandOnTheirBaselines() {
        Sides sides;
        sides.look(CompareMode::A);
        HistogramPanel& panel = *sides.panels.histogram;
        QCOMPARE(panel.setOption("view", "ridge-layer"), QString());
        QCOMPARE(panel.setOption("log", "off"), QString());
        const auto& curves = panel.curves();
        QCOMPARE(curves.size(), std::size_t{6});
        double highest = 0;
        for (const auto& curve : curves)
            for (const double share : curve.share) highest = std::max(highest, share);
        for (int layer = 0; layer < 6; ++layer) {
            const auto& curve = curves[static_cast<std::size_t>(layer)];
            const LinePlot::Series& line = panel.plot()->series()[static_cast<std::size_t>(layer)];
            QCOMPARE(panel.baseline(layer), 5.0 - layer); // layer 0 on top, as in the maps
            QCOMPARE(line.cover, std::optional<double>(5.0 - layer));
            const std::size_t point = curve.centre.size() / 2;
            const double share = countedShare(sides.pooled(sides.ofA(), layer), curve.centre[point]);
            QVERIFY(close(line.y[point], 5.0 - layer + share / highest * HistogramPanel::ridgeHeight));
            QVERIFY(close(line.readout[point], share)); // what the pointer reads
        }
        QCOMPARE(panel.setOption("log", "on"), QString());
        panel.ensureFresh();
        for (const LinePlot::Series& line : panel.plot()->series())
            for (const double y : line.y) QVERIFY(std::isnan(y) || y >= -1e-9);
        // by context length: the short reference and two lengths
        QCOMPARE(panel.setOption("view", "ridge-context"), QString());
        QCOMPARE(panel.curves().size(), std::size_t{3});
        QVERIFY(panel.curves()[0].isReference);
        QCOMPARE(panel.baseline(panel.curves()[2].row), 0.0);
    }

    void theMapHoldsAllLayers() {
        Sides sides;
        sides.look(CompareMode::A);
        HistogramPanel& panel = *sides.panels.histogram;
        QCOMPARE(panel.setOption("view", "map"), QString());
        panel.ensureFresh();
        const HeatMapPlot::Content& map = panel.map()->content();
        QCOMPARE(map.rows, 6);
        QVERIFY(map.columns > 10);
        int first = INT_MAX;
        for (const auto& curve : panel.curves()) first = std::min(first, curve.firstPoint);
        double total = 0;
        for (int layer = 0; layer < 6; ++layer) {
            const LogHistogram expected = sides.pooled(sides.ofA(), layer);
            for (int column = 0; column < map.columns; column += 7)
                QVERIFY(close(map.values[static_cast<std::size_t>(layer * map.columns + column)],
                              countedShare(expected, centreOf(first + column))));
            for (int column = 0; column < map.columns; ++column)
                total += map.values[static_cast<std::size_t>(layer * map.columns + column)]
                         * std::log2(lowerEdgeOf(first + column + 1) / lowerEdgeOf(first + column));
            // the line of a quantile runs through the column that holds it
            const double at = panel.markColumns()[3][static_cast<std::size_t>(layer)];
            const int column = static_cast<int>(std::lround(at));
            const double value = expected.quantile(0.999);
            QVERIFY(value >= lowerEdgeOf(first + column) * 0.999
                    && value <= lowerEdgeOf(first + column + 1) * 1.001);
        }
        QVERIFY(close(total, 6)); // everything is on the map
        emit panel.map()->cellSelected(4, 3);
        QCOMPARE(sides.panels.selection.selection().layer, 4);
    }

    void magnitudesOfTwo_data() {
        QTest::addColumn<bool>("two");
        QTest::newRow("one session") << false;
        QTest::newRow("two sessions") << true;
    }
    void magnitudesOfTwo() {
        QFETCH(bool, two);
        Sides sides(two);
        HistogramPanel& panel = *sides.panels.histogram;
        QCOMPARE(panel.setOption("log", "off"), QString());
        sides.look(CompareMode::B);
        const auto& ofB = panel.curves();
        QVERIFY(std::any_of(ofB.begin(), ofB.end(),
                            [&](const auto& curve) { return curve.histogram == sides.pooled(sides.ofB()); }));
        QVERIFY(panel.figureTitle().contains("linear:4"));
        sides.look(CompareMode::Difference);
        QCOMPARE(panel.setOption("comparison", "both"), QString());
        QCOMPARE(panel.curves().size(), std::size_t{2});
        QVERIFY(panel.curves()[0].histogram == sides.pooled(sides.ofA()));
        QVERIFY(panel.curves()[1].histogram == sides.pooled(sides.ofB()));
        QCOMPARE(panel.plot()->series()[0].dash, Qt::SolidLine);
        QCOMPARE(panel.plot()->series()[1].dash, Qt::DashLine);
        QCOMPARE(panel.setOption("comparison", "difference"), QString());
        panel.ensureFresh();
        const LinePlot::Series& line = panel.plot()->series().front();
        double area = 0;
        for (std::size_t point = 0; point < line.x.size(); ++point) {
            const double expected = countedShare(sides.pooled(sides.ofA()), line.x[point])
                                    - countedShare(sides.pooled(sides.ofB()), line.x[point]);
            QVERIFY(close(line.y[point], expected));
        }
        QAbstractItemModel* table = panel.tableModel();
        for (int row = 0; row < table->rowCount(); ++row) area += number(table, row, "share_difference");
        QVERIFY(std::abs(area) < 1e-9); // both are densities
        QCOMPARE(table->rowCount(), static_cast<int>(line.x.size()));
        QCOMPARE(number(table, 3, "share_per_octave_difference"), line.y[3]);
        // the map of layers
        QCOMPARE(panel.setOption("view", "map"), QString());
        panel.ensureFresh();
        const HeatMapPlot::Content& map = panel.map()->content();
        int first = INT_MAX;
        for (const auto& curve : panel.curves()) first = std::min(first, curve.firstPoint);
        for (int layer = 0; layer < 6; ++layer)
            for (int column = 0; column < map.columns; column += 5)
                QVERIFY(
                    close(map.values[static_cast<std::size_t>(layer * map.columns + column)],
                          countedShare(sides.pooled(sides.ofA(), layer), centreOf(first + column))
                              - countedShare(sides.pooled(sides.ofB(), layer), centreOf(first + column))));
        QVERIFY(panel.map()->scale().diverging && panel.map()->scale().low == -panel.map()->scale().high);
    }

    /// A curve's rows add up to all of its values, those outside the range of histograms among them.
    void rowsOfMagnitudesAddUpToAll() {
        Sides sides;
        auto session = std::make_shared<Session>(*sides.a);
        auto changed = std::make_shared<ConditionResult>(sides.ofA());
        const int pair = session->bands.begin(4);
        LogHistogram& cell = changed->statistics.histogram(
            changed->statistics.cell(2, QkTensor::K, RopeStage::Post, 0, pair, 0));
        cell.addCount(0, 5000); // zeros, say
        cell.addCount(LogHistogram::binCount - 1, 7);
        session->conditions[static_cast<std::size_t>(sides.indexA)] = changed;
        HistogramPanel& panel = *sides.panels.histogram;
        panel.setSession(session);
        sides.look(CompareMode::A);
        panel.ensureFresh();
        QAbstractItemModel* table = panel.tableModel();
        double all = 0;
        int curves = 0, below = 0, above = 0;
        const auto total = static_cast<double>(sides.pooled(*changed).total());
        for (int row = 0; row < table->rowCount(); ++row) {
            all += number(table, row, "share");
            const double from = number(table, row, "from"), share = number(table, row, "share");
            if (from == 0 && close(share, 5000 / total)) ++below;
            if (from == std::ldexp(1.0, LogHistogram::maxExponent) && close(share, 7 / total)) ++above;
        }
        curves = static_cast<int>(panel.curves().size());
        QVERIFY(curves > 0 && std::abs(all - curves) < 1e-9);
        QCOMPARE(below, 1);
        QCOMPARE(above, 1);
    }

    void figuresOfEveryView() {
        Sides sides;
        const QTemporaryDir folder;
        for (const CompareMode mode : {CompareMode::A, CompareMode::Difference})
            for (const QString view : {"overlay", "ridge-context", "ridge-layer", "map"}) {
                sides.look(mode);
                QCOMPARE(sides.panels.histogram->setOption("view", view), QString());
                QString error;
                QVERIFY2(sides.panels.histogram->exportTo(folder.filePath(view + ".svg"), &error),
                         qPrintable(error));
                const QImage image = sides.panels.histogram->renderFigure();
                QVERIFY(!image.isNull());
            }
    }
};

QTEST_MAIN(TestWidgetsMagnitudes)
#include "test_widgets_magnitudes.moc"
