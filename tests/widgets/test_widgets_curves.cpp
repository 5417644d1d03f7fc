// Curves of magnitudes, losses, divergences, pairs and searches: what is drawn is what core computes, for A,
// for B, for A - B, within a session and between two.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/session/search_record.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

std::shared_ptr<const Session> session(std::uint64_t seed = 1) {
    SyntheticOptions options;
    options.seed = seed;
    options.divergence = true;
    options.contexts = {256, 1024};
    options.documents = 7;
    options.groups = 2;
    return makeSyntheticSession(options);
}

/// "yarn:4 . 1024 . none"
int indexOf(const Session& in, const std::string& words) {
    const std::string text = QString::fromStdString(words).replace(" . ", " · ").toStdString();
    for (std::size_t index = 0; index < in.conditions.size(); ++index)
        if (in.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

double number(QAbstractItemModel* model, int row, const QString& key) {
    const int column = static_cast<ResultTableModel*>(model)->columnOf(key);
    return column < 0 ? std::nan("") : model->index(row, column).data(ResultTableModel::valueRole).toDouble();
}

bool close(double a, double b) {
    return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
}

/// Two conditions of a session, or of two.
struct Sides {
    PanelSet panels;
    std::shared_ptr<const Session> a = session(), b = a;
    int indexA = indexOf(*a, "yarn:4 . 1024 . rtn:4:g64"), indexB = indexOf(*a, "linear:4 . 1024 . none");

    explicit Sides(bool two = false) {
        if (two) b = session(8);
        panels.setSession(a);
        for (const auto& [name, panel] : panels.all()) panel->setOther(two ? b : nullptr);
    }
    void look(CompareMode mode, int layer = 2, int band = 4) {
        Selection selection;
        selection.layer = layer;
        selection.band = band;
        selection.condition = indexA;
        selection.conditionB = indexB;
        selection.compare = mode;
        panels.selection.setSelection(selection);
    }
    [[nodiscard]] const ConditionResult& ofA() const {
        return *a->conditions[static_cast<std::size_t>(indexA)];
    }
    [[nodiscard]] const ConditionResult& ofB() const {
        return *b->conditions[static_cast<std::size_t>(indexB)];
    }
    [[nodiscard]] LogHistogram pooled(const ConditionResult& one, int layer = 2) const {
        return pooledHistogram(one.statistics, layer, QkTensor::K, RopeStage::Post, a->bands.begin(4),
                               a->bands.end(4));
    }
};

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

const LinePlot::Series* seriesNamed(const LinePlot& plot, const QString& part) {
    for (const LinePlot::Series& one : plot.series())
        if (one.name.contains(part)) return &one;
    return nullptr;
}

} // namespace

class TestWidgetsCurves : public QObject {
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

    void divergenceAgainstLengthAndPosition() {
        Sides sides;
        sides.look(CompareMode::A);
        PerplexityPanel& panel = *sides.panels.perplexity;
        const std::vector<std::pair<QString, std::function<double(const DivergenceSummary&)>>> measures{
            {"kl", [](const auto& kl) { return kl.mean; }},
            {"kl-median", [](const auto& kl) { return kl.median; }},
            {"kl-p99", [](const auto& kl) { return kl.p99; }},
            {"same-top", [](const auto& kl) { return kl.sameTop; }}};
        for (const auto& [key, valueOf] : measures) {
            QCOMPARE(panel.setOption("measure", key), QString());
            QVERIFY2(panel.emptyText().isEmpty(), qPrintable(panel.emptyText()));
            const LinePlot::Series* line = seriesNamed(*panel.byContext(), "yarn:4 · rtn:4:g64");
            QVERIFY(line);
            QCOMPARE(line->x.size(), std::size_t{2});
            for (std::size_t point = 0; point < 2; ++point) {
                const int context = point == 0 ? 256 : 1024;
                const int index = indexOf(*sides.a, "yarn:4 . " + std::to_string(context) + " . rtn:4:g64");
                const DivergenceSummary expected =
                    summarizeDivergence(sides.a->conditions[static_cast<std::size_t>(index)]->divergence,
                                        context, 256, Convention::All);
                QVERIFY(close(line->y[point], valueOf(expected)));
                QVERIFY(line->low[point] < line->y[point] && line->high[point] > line->y[point]);
                if (key == "kl") QVERIFY(close(line->low[point], *expected.ciLow));
            }
        }
        // all of it in the table
        for (const auto& [key, of] :
             std::vector<std::pair<QString, std::function<double(const DivergenceSummary&)>>>{
                 {"kl_p90", [](const auto& kl) { return kl.p90; }},
                 {"kl_max", [](const auto& kl) { return kl.max; }},
                 {"rms_delta_p", [](const auto& kl) { return kl.rmsDeltaP; }}}) {
            auto* table = static_cast<ResultTableModel*>(panel.tableModel());
            const int column = table->columnOf(key);
            QVERIFY2(column >= 0, qPrintable(key));
            for (std::size_t row = 0; row < sides.a->conditions.size(); ++row) {
                const ConditionResult& one = *sides.a->conditions[row];
                const QVariant value =
                    table->index(static_cast<int>(row), column).data(ResultTableModel::valueRole);
                if (one.divergence.empty()) {
                    QVERIFY(!value.isValid());
                    continue;
                }
                const auto summary =
                    summarizeDivergence(one.divergence, one.key.context, 256, Convention::All);
                QVERIFY2(close(value.toDouble(), of(summary)), qPrintable(key));
            }
        }
        // by position, counted by hand
        QCOMPARE(panel.setOption("measure", "kl"), QString());
        panel.ensureFresh();
        const LinePlot::Series* line = seriesNamed(*panel.byPosition(), "yarn:4 · rtn:4:g64");
        QVERIFY(line && line->band && line->low.size() == line->x.size());
        const DivergenceSummary summary =
            summarizeDivergence(sides.ofA().divergence, 1024, 256, Convention::All);
        QCOMPARE(line->y.size(), summary.buckets.size());
        for (std::size_t at = 0; at < line->y.size(); ++at)
            QVERIFY(close(line->y[at], summary.buckets[at].kl));
        // full precision has none, and says so
        const LinePlot::Series* full = seriesNamed(*panel.byContext(), "yarn:4 · FP");
        QVERIFY(full && std::isnan(full->y[0]));
        sides.panels.setSession(makeSyntheticSession());
        QVERIFY2(panel.emptyText().contains("--divergence"), qPrintable(panel.emptyText()));
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

    /// Losses and perplexities: where each point stands, its value and both ends of its interval.
    void lossesAgainstLengthAndPosition_data() {
        QTest::addColumn<QString>("measure");
        QTest::newRow("nll") << "nll";
        QTest::newRow("ppl") << "ppl";
    }
    void lossesAgainstLengthAndPosition() {
        QFETCH(QString, measure);
        Sides sides;
        sides.look(CompareMode::A);
        PerplexityPanel& panel = *sides.panels.perplexity;
        QCOMPARE(panel.setOption("measure", measure), QString());
        panel.ensureFresh();
        const auto shown = [&](double nll) { return measure == "ppl" ? std::exp(nll) : nll; };
        const auto sameAs = [&](const LinePlot::Series& line, std::size_t at, double x,
                                const NllSummary& expected) {
            return close(line.x[at], x) && close(line.y[at], shown(expected.nll)) && expected.ciLow
                   && close(line.low[at], shown(*expected.ciLow))
                   && close(line.high[at], shown(*expected.ciHigh));
        };
        const LinePlot::Series* byLength = seriesNamed(*panel.byContext(), "yarn:4 · rtn:4:g64");
        QVERIFY(byLength);
        for (std::size_t point = 0; point < 2; ++point) {
            const int context = point == 0 ? 256 : 1024;
            const int index = indexOf(*sides.a, "yarn:4 . " + std::to_string(context) + " . rtn:4:g64");
            const auto& windows = sides.a->conditions[static_cast<std::size_t>(index)]->windows;
            QVERIFY(sameAs(*byLength, point, context, summarizeNll(windows, context, 256, Convention::All)));
        }
        // by position: the losses of a bucket counted by hand, at the middle of its octave
        const LinePlot::Series* line = seriesNamed(*panel.byPosition(), "yarn:4 · rtn:4:g64");
        QVERIFY(line && line->x.size() >= 3);
        const std::vector<int> edges = positionBuckets(1024, 256);
        QCOMPARE(line->x.size(), edges.size() - 1);
        for (std::size_t bucket = 0; bucket < line->x.size(); ++bucket) {
            QVERIFY(
                close(line->x[bucket], std::sqrt(std::max(1.0, double(edges[bucket])) * edges[bucket + 1])));
            double sum = 0, count = 0;
            for (const WindowNll& window : sides.ofA().windows)
                for (std::size_t token = 0; token < window.nll.size(); ++token) {
                    const int position = static_cast<int>(token) + 1; // that is predicted
                    if (position < edges[bucket] || position >= edges[bucket + 1]) continue;
                    sum += window.nll[token];
                    count += 1;
                }
            QVERIFY(close(line->y[bucket], shown(sum / count)));
            QVERIFY(line->low[bucket] < line->y[bucket] && line->y[bucket] < line->high[bucket]);
            const double lower = measure == "ppl" ? std::log(line->low[bucket]) : line->low[bucket],
                         upper = measure == "ppl" ? std::log(line->high[bucket]) : line->high[bucket];
            QVERIFY(upper - lower < 1); // ends of one interval, in the same unit
        }
    }

    void pairedDifferences_data() { magnitudesOfTwo_data(); }
    void pairedDifferences() {
        QFETCH(bool, two);
        Sides sides(two);
        PerplexityPanel& panel = *sides.panels.perplexity;
        sides.look(CompareMode::Difference);
        QVERIFY2(panel.emptyText().isEmpty(), qPrintable(panel.emptyText()));
        const LinePlot::Series& line = panel.byContext()->series().front();
        QCOMPARE(line.x, (std::vector<double>{256, 1024}));
        double sum = 0, count = 0; // naive, at 1,024 tokens
        std::map<int, TokenEstimate> byBucket;
        const auto &windowsA = sides.ofA().windows, &windowsB = sides.ofB().windows;
        QCOMPARE(windowsA.size(), windowsB.size());
        double bucketSum = 0, bucketCount = 0; // of the last bucket: positions 512 to 1023
        for (std::size_t window = 0; window < windowsA.size(); ++window)
            for (std::size_t token = 0; token < 1023; ++token) {
                const double by = static_cast<double>(windowsA[window].nll[token])
                                  - static_cast<double>(windowsB[window].nll[token]);
                sum += by;
                count += 1;
                if (token + 1 < 512) continue;
                bucketSum += by;
                bucketCount += 1;
            }
        QVERIFY(close(line.y[1], sum / count));
        QVERIFY(line.low[1] <= line.y[1] && line.high[1] >= line.y[1]);
        if (!two) QVERIFY(line.high[1] - line.low[1] < 1e-3); // the noise of a token is common to both
        QVERIFY(close(panel.byPosition()->series().front().y.back(), bucketSum / bucketCount));
        QAbstractItemModel* table = panel.tableModel();
        QCOMPARE(table->rowCount(), 2);
        QVERIFY(close(number(table, 1, "difference"), sum / count));
        QVERIFY(close(number(table, 1, "value_a") - number(table, 1, "value_b"), sum / count));
        QCOMPARE(number(table, 1, "difference_ci95_low"), line.low[1]);
        // perplexities as a ratio
        QCOMPARE(panel.setOption("measure", "ppl"), QString());
        panel.ensureFresh();
        QVERIFY(close(panel.byContext()->series().front().y[1], std::exp(sum / count)));
        QVERIFY(panel.figureTitle().contains("A / B"));
        QCOMPARE(panel.setOption("measure", "kl"), QString()); // B is full precision
        QVERIFY2(panel.emptyText().contains("no divergence"), qPrintable(panel.emptyText()));
    }

    void losesThatCannotBePairedSayWhy() {
        Sides sides;
        PerplexityPanel& panel = *sides.panels.perplexity;
        SyntheticOptions options;
        options.contexts = {512};
        const auto lengths = makeSyntheticSession(options);
        panel.setOther(lengths);
        sides.indexB = 0;
        sides.look(CompareMode::Difference);
        QVERIFY2(panel.emptyText().contains("512"), qPrintable(panel.emptyText()));
        auto others = std::make_shared<Session>(*session());
        for (SessionDocument& document : others->documents) document.fingerprint += "other";
        panel.setOther(others);
        QVERIFY2(panel.emptyText().contains("no document in common"), qPrintable(panel.emptyText()));
        sides.indexB = -1;
        sides.look(CompareMode::Difference);
        QVERIFY(!panel.emptyText().isEmpty());
    }

    void everyPairHasItsValues() {
        Sides sides;
        sides.look(CompareMode::A, 3);
        SpectrumPanel& panel = *sides.panels.spectrum;
        const ConditionResult& shown = sides.ofA();
        const BandPartition single = BandPartition::equal(16, 16);
        const auto reference = sides.a->shortReference(shown);
        const BandGrid tir =
            tailInflation(shown, *reference, single, {QkTensor::K, RopeStage::Post, 1e-3, false});
        const std::vector<std::pair<QString, std::function<double(int)>>> metrics{
            {"ip_raw", [&](int pair) { return pairPressure(shown.table, 1024)[std::size_t(pair)].raw; }},
            {"ip_saturated",
             [&](int pair) { return pairPressure(shown.table, 1024)[std::size_t(pair)].saturated; }},
            {"wavelength", [&](int pair) { return 2 * M_PI / shown.table.omega[std::size_t(pair)]; }},
            {"energy", [&](int pair) { return pairEnergy(shown.statistics, 3)[std::size_t(pair)]; }},
            {"ip_measured",
             [&](int pair) { return measuredPressure(shown.sensitivity, single).at(3, pair); }},
            {"gain_sensitivity",
             [&](int pair) { return gainSensitivity(shown.sensitivity, single).at(3, pair); }},
            {"tir", [&](int pair) { return tir.at(3, pair); }}};
        for (const auto& [key, expected] : metrics) {
            QCOMPARE(panel.setOption("curve", key), QString());
            panel.ensureFresh();
            QCOMPARE(panel.plot()->curve().size(), std::size_t{16});
            for (int pair = 0; pair < 16; ++pair) {
                QVERIFY2(close(panel.plot()->curve()[std::size_t(pair)], expected(pair)), qPrintable(key));
                QVERIFY2(close(number(panel.tableModel(), pair, key), expected(pair)), qPrintable(key));
            }
        }
        QCOMPARE(panel.setOption("curve", "wavelength"), QString());
        panel.ensureFresh();
        const auto& marks = panel.plot()->curveMarks();
        QCOMPARE(marks.size(), std::size_t{2});
        QCOMPARE(marks[0].value, 256.0);
        QCOMPARE(marks[1].label, QString("L = 1,024"));
        QCOMPARE(panel.setOption("curve", "gain"), QString()); // run without scales
        panel.ensureFresh();
        QVERIFY(panel.plot()->curve().empty());
    }

    void gainsOfTheScalesOfACondition() {
        Sides sides;
        auto with = std::make_shared<Session>(*sides.a);
        auto search = std::make_shared<SearchRecord>();
        search->scales.name = "g1";
        search->scales.gains = QkGains::ones(with->model);
        for (int pair = 0; pair < 16; ++pair) {
            for (int head = 0; head < 4; ++head)
                search->scales.gains.queryGains(2, head)[std::size_t(pair)] = 1 + 0.1 * head;
            search->scales.gains.keyGains(2, 1)[std::size_t(pair)] = 2; // of query heads 2 and 3
        }
        with->searches = {search};
        auto condition = std::make_shared<ConditionResult>(sides.ofA());
        condition->key.scales = "g1";
        with->conditions.push_back(condition);
        SpectrumPanel& panel = *sides.panels.spectrum;
        panel.setSession(with);
        sides.indexA = static_cast<int>(with->conditions.size()) - 1;
        sides.look(CompareMode::A);
        QCOMPARE(panel.setOption("curve", "gain"), QString());
        panel.ensureFresh();
        QVERIFY(close(panel.plot()->curve()[5], std::pow(1.0 * 1.1 * 2.4 * 2.6, 0.25)));
        Selection now = sides.panels.selection.selection();
        now.group = 1;
        sides.panels.selection.setSelection(now);
        panel.ensureFresh();
        QVERIFY(close(panel.plot()->curve()[5], std::sqrt(2.4 * 2.6)));
    }

    void spectraOfTwo() {
        Sides sides;
        SpectrumPanel& panel = *sides.panels.spectrum;
        QCOMPARE(panel.setOption("curve", "ip_raw"), QString());
        const auto a = pairPressure(sides.ofA().table, 1024), b = pairPressure(sides.ofB().table, 1024);
        sides.look(CompareMode::B);
        panel.ensureFresh();
        QVERIFY(close(panel.plot()->curve()[3], b[3].raw));
        sides.look(CompareMode::Difference);
        panel.ensureFresh();
        for (std::size_t pair = 0; pair < 16; ++pair) {
            QVERIFY(close(panel.plot()->curve()[pair], a[pair].raw - b[pair].raw));
            QCOMPARE(number(panel.tableModel(), int(pair), "omega_b"), sides.ofB().table.omega[pair]);
            QVERIFY(
                close(number(panel.tableModel(), int(pair), "ip_raw_difference"), a[pair].raw - b[pair].raw));
        }
        QVERIFY(panel.plot()->otherCurve().empty());
        QCOMPARE(panel.setOption("comparison", "both"), QString());
        panel.ensureFresh();
        QVERIFY(close(panel.plot()->curve()[3], a[3].raw) && close(panel.plot()->otherCurve()[3], b[3].raw));
    }

    void searchesShowTheirCourse() {
        SelectionModel selection;
        SearchPanel panel(&selection);
        const auto opened = session();
        panel.setSession(opened);
        auto record = std::make_shared<SearchRecord>();
        record->settings.contexts = {256, 1024};
        record->settings.lambda = 1;
        record->settings.delta = 0.01;
        record->settings.bandEdges = {0, 8, 16};
        record->settings.windows = std::vector<double>(6 * 2, 1.5);
        record->scales.gains = QkGains::ones(opened->model);
        record->scales.gains.queryGains(1, 2)[9] = std::exp(8.0); // e^1 in the mean of band 1
        const double infinite = std::numeric_limits<double>::infinity();
        const auto trial = [&](double objective, double atShort, double atLong, bool accepted) {
            SearchTrial one;
            one.objective = objective;
            one.nll = {atShort, atLong};
            one.forwardEquivalents = 2;
            one.accepted = accepted;
            record->trials.push_back(one);
        };
        trial(3.0, 2.0, 3.0, true);
        trial(3.4, 2.0, 3.4, false);
        trial(infinite, infinite, infinite, false);
        trial(2.5, 2.02, 2.5, true);
        panel.setLive(record);
        panel.ensureFresh();
        const LinePlot::Series* best = seriesNamed(*panel.trace(), "best so far");
        QVERIFY(best);
        QCOMPARE(best->x, (std::vector<double>{2, 4, 6, 8}));
        QCOMPARE(best->y, (std::vector<double>{3, 3, 3, 2.5}));
        QCOMPARE(seriesNamed(*panel.trace(), "rejected")->y[0], 3.4);
        QVERIFY(std::isnan(seriesNamed(*panel.trace(), "rejected")->y[1]));
        const LinePlot::Series* guarded = seriesNamed(*panel.guard(), "256 tokens (guarded)");
        QVERIFY(guarded && close(guarded->y[1], 0.02));
        const LinePlot::Series* atLong = seriesNamed(*panel.lengths(), "1,024 tokens");
        QVERIFY(atLong && !atLong->name.contains(QLatin1String("guarded")));
        QCOMPARE(atLong->x, (std::vector<double>{2, 8})); // the accepted trials of the trace
        QCOMPARE(atLong->y, (std::vector<double>{0, -0.5}));
        QCOMPARE(guarded->x, atLong->x);
        QCOMPARE(panel.guard()->series().size(), std::size_t(2)); // and the guard itself
        QCOMPARE(panel.lengths()->series().size(), std::size_t(1));
        // 0.02 beside a guard of 0.01 is seen, however much the other lengths gain
        QVERIFY(panel.guard()->yAxis->range().size() < 0.05);
        QVERIFY(panel.lengths()->yAxis->range().contains(-0.5));
        QCOMPARE(panel.lengths()->xAxis->range(), panel.trace()->xAxis->range());
        QCOMPARE(panel.guard()->xAxis->range(), panel.trace()->xAxis->range());
        panel.trace()->zoomTo({3, 5}, panel.trace()->yAxis->range());
        QCOMPARE(panel.guard()->xAxis->range(), panel.trace()->xAxis->range());
        panel.trace()->home();
        panel.resize(900, 700);
        panel.show();
        QVERIFY(QTest::qWaitForWindowExposed(&panel));
        QTRY_COMPARE(panel.guard()->axisRect()->left(), panel.trace()->axisRect()->left());
        QVERIFY2(panel.guard()->yAxis->label().contains("guarded"),
                 qPrintable(panel.guard()->yAxis->label()));
        QTRY_COMPARE(panel.lengths()->axisRect()->left(), panel.trace()->axisRect()->left());
        QCOMPARE(panel.guard()->axisRect()->right(), panel.trace()->axisRect()->right());
        Figure stacked;
        FigureCell cell;
        cell.parts = {FigurePart{panel.trace(), QRectF(0, 0, 1, 0.56)},
                      FigurePart{panel.guard(), QRectF(0, 0.56, 1, 0.44)}};
        stacked.cells = {cell};
        QVERIFY(!renderFigure(stacked, FigureStyle(FigureSize::TwoColumn)).isNull());
        const auto axes = figureAxes(stacked, FigureStyle(FigureSize::TwoColumn)).front();
        QCOMPARE(axes[0].left(), axes[1].left());
        QCOMPARE(axes[0].right(), axes[1].right());
        QCOMPARE(number(panel.tableModel(), 3, "nll_1024"), 2.5);
        QCOMPARE(seriesNamed(*panel.guard(), "guard:")->y[0], 0.01);
        QVERIFY(close(number(panel.tableModel(), 3, "short_change"), 0.02));
        QCOMPARE(number(panel.tableModel(), 2, "best_objective"), 3.0);
        QCOMPARE(panel.setOption("gains", "bands"), QString());
        panel.ensureFresh();
        const LinePlot::Series* after = seriesNamed(*panel.bandGains(), "after");
        QVERIFY(after && close(after->y[0], 1) && close(after->high[1], std::exp(1.0)));
        QVERIFY(close(after->y[1], std::exp(1.0 / 24)) && close(after->low[1], 1));
        auto longer = std::make_shared<SearchRecord>(*record); // live: another trial comes in
        longer->trials.push_back(longer->trials.back());
        longer->trials.back().objective = 2.4;
        panel.setLive(longer);
        panel.ensureFresh();
        QCOMPARE(seriesNamed(*panel.trace(), "best so far")->y.back(), 2.4);
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

QTEST_MAIN(TestWidgetsCurves)
#include "test_widgets_curves.moc"
