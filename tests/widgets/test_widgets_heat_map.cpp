// The maps of the workbench: A, B and A - B of two conditions of one session or of two against core's
// numbers, colours (linear, logarithmic, clipped, by hand), means beside the cells, and every cell by keys
// alone.
#include "tests/widgets/two_sessions.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include "core/diagnostics/damage_grid.h"
#include "core/diagnostics/noise_grid.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"

#include <QRegularExpression>
#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

using namespace qroar;
using namespace qroar::test;

namespace {

using Compute = std::function<BandGrid(const ConditionResult&, const ConditionResult& reference)>;

/// Core's functions by themselves.
std::vector<std::pair<HeatMapMetric, Compute>> coreMetrics(const BandPartition& bands) {
    constexpr auto k = QkTensor::K;
    constexpr auto post = RopeStage::Post;
    const auto tail = [bands](bool divide) -> Compute {
        return [bands, divide](const auto& one, const auto& reference) {
            return tailInflation(one, reference, bands, {k, post, 1e-3, divide});
        };
    };
    const auto excess = [bands](bool divide) -> Compute {
        return [bands, divide](const auto& one, const auto& reference) {
            return excessTailMass(one, reference, bands, {k, post, 1e-3, divide});
        };
    };
    const auto pressure = [bands](PressureForm form) -> Compute {
        return [bands, form](const auto& one, const auto&) {
            return pressureGrid(form, one.table, one.key.context, bands, one.statistics);
        };
    };
    return {{HeatMapMetric::TailInflation, tail(false)},
            {HeatMapMetric::TailInflationOverM, tail(true)},
            {HeatMapMetric::ExcessTailMass, excess(false)},
            {HeatMapMetric::ExcessTailMassOverM, excess(true)},
            {HeatMapMetric::PressureRaw, pressure(PressureForm::Raw)},
            {HeatMapMetric::PressureSaturated, pressure(PressureForm::Saturated)},
            {HeatMapMetric::PressureWeighted, pressure(PressureForm::EnergyWeighted)},
            {HeatMapMetric::PressureMeasured,
             [bands](const auto& one, const auto&) { return measuredPressure(one.sensitivity, bands); }},
            {HeatMapMetric::GainSensitivity,
             [bands](const auto& one, const auto&) { return gainSensitivity(one.sensitivity, bands); }},
            {HeatMapMetric::RangeDilation,
             [bands](const auto& one, const auto&) { return rangeDilation(one, k, bands); }},
            {HeatMapMetric::BitsLost,
             [bands](const auto& one, const auto& reference) {
                 return calibrationLoss(one, reference, bands, k, post).bitsLost;
             }},
            {HeatMapMetric::ClipRate,
             [bands](const auto& one, const auto& reference) {
                 return calibrationLoss(one, reference, bands, k, post).clipRate;
             }},
            {HeatMapMetric::TopShare,
             [bands](const auto& one, const auto&) { return topShareByBand(one, bands, k, post, 1e-3); }}};
}

/// The session with quantization errors and damage in its quantized conditions, some numbers from `seed` on.
std::shared_ptr<const Session> withErrors(const Session& plain, double seed) {
    auto session = std::make_shared<Session>(plain);
    double next = seed;
    const auto number = [&next] { return 1 + std::abs(std::sin(next += 1.7)); };
    for (auto& condition : session->conditions) {
        if (condition->distortions.empty()) continue;
        auto copy = std::make_shared<ConditionResult>(*condition);
        NoiseShape shape{6, 1, 16, {0, 256, copy->key.context}, distanceBuckets(copy->key.context)};
        copy->noise = NoiseStatistics(shape);
        for (ErrorMoments& error : copy->noise.errors())
            error = {100, number(), number(), 90 * number(), 10 * number(), 40 * number(), 900 * number(),
                     1,   800};
        for (double& samples : copy->noise.samplesOfAll()) samples = 64;
        for (double& sum : copy->noise.sumsOfAll()) sum = number() - 1.5;
        for (double& product : copy->noise.productsOfAll()) product = number();
        Damage& damage = copy->damage;
        damage.layers = 6;
        damage.tokens = 1000;
        damage.bandEdges = plain.bands.edges();
        damage.byLayer.resize(6);
        damage.byBand.resize(6 * 2 * 8);
        for (auto* cells : {&damage.byLayer, &damage.byBand})
            for (DamageCell& cell : *cells)
                cell = {0.01 * number(), 0.02 * number() - 0.03, 0.01 * number(), 0};
        condition = copy;
    }
    return session;
}

} // namespace

class TestWidgetsHeatMap : public QObject, TwoSessions {
    Q_OBJECT

  private slots:
    void everyMetricOfTwoSessions();
    void conditionsOfOneSession();
    void csvCarriesBothSides();
    void otherModelsAreNotSubtracted();
    void logarithmsAreRefusedNotBent();
    void rangesByHandAndWithoutExtremes();
    void meansBesideTheCells();
    void keysReachEveryCell();
    void hoverTellsTheCell();
    void optionsHaveNames();
    void quantizationErrorsHaveMaps();
    void labelsOfColumnsKeepAGap();
};

void TestWidgetsHeatMap::everyMetricOfTwoSessions() {
    QVERIFY(a_ >= 0 && b_ >= 0);
    PanelSet panels;
    const auto referenceA = session_->shortReference(a()), referenceB = other_->shortReference(b());
    for (const auto& [metric, compute] : coreMetrics(session_->bands)) {
        panels.tir->setMetric(metric);
        const QString key = metricKey(metric);
        const BandGrid ofA = compute(a(), *referenceA), ofB = compute(b(), *referenceB);
        show(panels, CompareMode::A);
        QVERIFY2(panels.tir->emptyText().isEmpty(), qPrintable(panels.tir->emptyText()));
        QVERIFY2(std::equal(ofA.values.begin(), ofA.values.end(), panels.tir->grid().values.begin(), same),
                 qPrintable(key));
        QVERIFY(panels.tir->figureTitle().contains(QLatin1String("yarn:4")));
        const ColorScale scaleOfA = panels.tir->plot()->scale();
        show(panels, CompareMode::B);
        QVERIFY2(std::equal(ofB.values.begin(), ofB.values.end(), panels.tir->grid().values.begin(), same),
                 qPrintable(key));
        QVERIFY(panels.tir->figureTitle().contains(QLatin1String("linear:4")));
        QCOMPARE(panels.tir->plot()->scale(), scaleOfA); // one range for both
        QCOMPARE(number(panels.tir->tableModel(), 7, key), ofB.values[7]);

        show(panels, CompareMode::Difference);
        const BandGrid shown = panels.tir->grid();
        QAbstractItemModel* table = panels.tir->tableModel();
        QCOMPARE(table->rowCount(), 6 * 8);
        bool moved = false;
        for (int row = 0; row < table->rowCount(); ++row) {
            const auto cell = static_cast<std::size_t>(row);
            const double difference = ofA.values[cell] - ofB.values[cell];
            QVERIFY(same(shown.values[cell], difference));
            QVERIFY(same(panels.tir->plot()->content().values[cell], difference));
            QVERIFY(same(number(table, row, key + "_a"), ofA.values[cell]));
            QVERIFY(same(number(table, row, key + "_b"), ofB.values[cell]));
            QVERIFY(same(number(table, row, key + "_difference"), difference));
            moved = moved || std::abs(difference) > 1e-6;
        }
        QVERIFY2(moved || metric == HeatMapMetric::ClipRate, qPrintable(key)); // else nothing was tested
        const ColorScale& scale = panels.tir->plot()->scale();
        QVERIFY(scale.diverging && !scale.logarithmic);
        QCOMPARE(scale.low, -scale.high); // centred at 0
        QVERIFY(panels.tir->figureTitle().startsWith(QStringLiteral("Δ")));
        QVERIFY(panels.tir->plot()->content().valueTitle.contains(QStringLiteral("A − B")));
        QVERIFY(panels.tir->summary().contains(QLatin1String("(A ")));
    }
    // Each side against the reference of its own session: the other's would give another number.
    const auto tail = coreMetrics(session_->bands).front().second;
    QVERIFY(tail(b(), *referenceB).values[3] != tail(b(), *referenceA).values[3]);
}

void TestWidgetsHeatMap::conditionsOfOneSession() {
    PanelSet panels;
    panels.setSession(session_);
    Selection selection = selected(CompareMode::Difference);
    selection.conditionB = selection.condition;
    panels.selection.setSelection(selection);
    for (const double value : panels.tir->grid().values) QVERIFY(value == 0 || std::isnan(value));
    // of the frequencies alone: exactly nothing, and said
    selection.conditionB = indexOf(*session_, "yarn:4 · 1024 · none");
    QVERIFY(selection.conditionB >= 0);
    panels.selection.setSelection(selection);
    panels.tir->setMetric(HeatMapMetric::PressureSaturated);
    for (const double value : panels.tir->grid().values) QCOMPARE(value, 0.0);
    QVERIFY2(panels.tir->summary().contains("which A and B share"), qPrintable(panels.tir->summary()));
    // nothing chosen as B: A, and the title says so
    selection.conditionB = -1;
    panels.selection.setSelection(selection);
    QVERIFY(panels.tir->emptyText().isEmpty());
    QVERIFY(!panels.tir->figureTitle().startsWith("Δ"));
    // one that has no statistics
    auto partly = std::make_shared<Session>(*session_);
    auto bare = std::make_shared<ConditionResult>(*session_->conditions[0]);
    bare->statistics = {};
    partly->conditions[0] = bare;
    panels.setSession(partly);
    panels.tir->setMetric(HeatMapMetric::TopShare);
    selection.conditionB = 0;
    panels.selection.setSelection(selection);
    QVERIFY2(panels.tir->emptyText().contains("perplexity only"), qPrintable(panels.tir->emptyText()));
    QVERIFY(!panels.outlier->emptyText().isEmpty());
    selection.compare = CompareMode::A;
    panels.selection.setSelection(selection);
    QVERIFY(panels.tir->emptyText().isEmpty());
    QVERIFY(panels.outlier->emptyText().isEmpty());
}

void TestWidgetsHeatMap::csvCarriesBothSides() {
    PanelSet panels;
    show(panels, CompareMode::Difference);
    const QTemporaryDir folder;
    const QString path = folder.filePath("tir.csv");
    QString error;
    QVERIFY2(panels.tir->exportTo(path, &error), qPrintable(error));
    QFile file(path);
    QVERIFY(file.open(QIODevice::ReadOnly));
    QStringList lines = QString::fromUtf8(file.readAll()).split('\n', Qt::SkipEmptyParts);
    erase_if(lines, [](const QString& line) { return line.startsWith('#'); });
    QCOMPARE(lines.size(), 1 + 6 * 8);
    QVERIFY2(lines[0].endsWith("tir_a,tir_b,tir_difference"), qPrintable(lines[0]));
    for (int row = 0; row < 6 * 8; ++row) {
        const QStringList cells = lines[row + 1].split(',');
        QCOMPARE(cells[8].toDouble(), cells[6].toDouble() - cells[7].toDouble());
        QVERIFY(same(cells[8].toDouble(), panels.tir->grid().at(row / 8, row % 8)));
    }
}

void TestWidgetsHeatMap::otherModelsAreNotSubtracted() {
    SyntheticOptions options;
    options.layers = 3;
    const auto fewerLayers = makeSyntheticSession(options);
    options.layers = 6;
    options.pairs = 8;
    const auto fewerPairs = makeSyntheticSession(options);
    PanelSet panels;
    panels.setSession(session_);
    for (const auto& other : {fewerLayers, fewerPairs}) {
        panels.selection.setSelection(selected(CompareMode::Difference));
        for (DiagnosticPanel* panel : {static_cast<DiagnosticPanel*>(panels.tir.get()),
                                       static_cast<DiagnosticPanel*>(panels.outlier.get()),
                                       static_cast<DiagnosticPanel*>(panels.distortion.get())}) {
            panel->setOther(other);
            QVERIFY2(panel->emptyText().contains("cannot be subtracted"), qPrintable(panel->emptyText()));
        }
        panels.selection.setSelection(selected(CompareMode::A));
        QVERIFY(panels.tir->emptyText().isEmpty());
        panels.selection.setSelection(selected(CompareMode::B));
        panels.tir->ensureFresh();
        if (other == fewerPairs)
            QVERIFY2(panels.tir->emptyText().contains("8"), qPrintable(panels.tir->emptyText()));
        if (other == fewerLayers) QCOMPARE(panels.tir->grid().layers, 3);
    }
}

void TestWidgetsHeatMap::logarithmsAreRefusedNotBent() {
    const std::vector<double> positive{0.5, 2, 8}, withZero{0, 2, 8};
    QVERIFY(HeatMapOptions::whyNotLogarithmic({}, positive).isEmpty());
    QVERIFY(HeatMapOptions::whyNotLogarithmic({}, withZero).contains("1 of 3"));
    QVERIFY(!HeatMapOptions::whyNotLogarithmic({false, 0.0, 0.1}, positive).isEmpty()); // centred at 0
    PanelSet panels;
    show(panels, CompareMode::A);
    panels.tir->setMetric(HeatMapMetric::TopShare);
    panels.tir->ensureFresh();
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
    QCOMPARE(panels.tir->setOption("scale", "log"), QString());
    panels.tir->ensureFresh();
    const auto& values = panels.tir->grid().values;
    const bool positiveOnly =
        std::all_of(values.begin(), values.end(), [](double value) { return value > 0; });
    QCOMPARE(panels.tir->plot()->scale().logarithmic, positiveOnly);
    // gains pull both ways: no logarithm, and the view says why
    panels.tir->setMetric(HeatMapMetric::GainSensitivity);
    QVERIFY(!panels.tir->summary().isEmpty());
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
    QVERIFY2(panels.tir->summary().contains("No logarithm"), qPrintable(panels.tir->summary()));
    // raw pressure is logarithmic by itself, unless a band is not scaled at all
    QCOMPARE(panels.tir->setOption("scale", "auto"), QString());
    panels.tir->setMetric(HeatMapMetric::PressureRaw);
    const auto& raw = panels.tir->grid().values;
    const bool anyZero = std::any_of(raw.begin(), raw.end(), [](double value) { return value <= 0; });
    QCOMPARE(panels.tir->plot()->scale().logarithmic, !anyZero);
    QCOMPARE(panels.tir->setOption("scale", "linear"), QString());
    panels.tir->ensureFresh();
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
    // TIR around 1 stays around 1 on a linear scale
    panels.tir->setMetric(HeatMapMetric::TailInflation);
    panels.tir->ensureFresh();
    QCOMPARE(panels.tir->plot()->scale().position(1), 0.5);
    QVERIFY(!panels.tir->plot()->scale().logarithmic);
}

void TestWidgetsHeatMap::rangesByHandAndWithoutExtremes() {
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

void TestWidgetsHeatMap::meansBesideTheCells() {
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

void TestWidgetsHeatMap::keysReachEveryCell() {
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

void TestWidgetsHeatMap::hoverTellsTheCell() {
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

void TestWidgetsHeatMap::optionsHaveNames() {
    PanelSet panels;
    show(panels, CompareMode::A);
    QStringList names;
    for (const auto& option : panels.tir->options()) {
        names << option.name;
        QVERIFY2(!option.text.isEmpty(), qPrintable(option.name));
        for (const QString& value : option.values) {
            QCOMPARE(panels.tir->setOption(option.name, value), QString());
            panels.tir->ensureFresh();
        }
    }
    for (const char* name :
         {"metric", "scale", "range", "min", "max", "clip", "colormap", "marginals", "colorbar", "lock"})
        QVERIFY2(names.contains(name), name);
    QCOMPARE(panels.tir->setOption("metric", "clip_rate"), QString());
    QVERIFY(panels.tir->metric() == HeatMapMetric::ClipRate);
    QCOMPARE(panels.tir->setOption("metric", "top_share"), QString());
    QCOMPARE(panels.tir->setOption("colormap", "viridis"), QString());
    panels.tir->ensureFresh();
    const QColor viridis = panels.tir->plot()->cellColour(0, 0);
    QCOMPARE(panels.tir->setOption("colormap", "cividis"), QString());
    QVERIFY(panels.tir->plot()->cellColour(0, 0) != viridis);
    QCOMPARE(panels.tir->setOption("colorbar", "off"), QString());
    QVERIFY(!panels.tir->plot()->hasColorBar());
    QFile theory(QStringLiteral(QROAR_SOURCE_DIR "/resources/help/theory.md"));
    QVERIFY(theory.open(QIODevice::ReadOnly));
    QStringList anchors; // of its headings, as GitHub makes them
    for (QString line : QString::fromUtf8(theory.readAll()).split('\n')) {
        if (!line.startsWith("## ")) continue;
        line = line.mid(3).toLower().replace(' ', '-');
        anchors << "theory.md#" + line.remove(QRegularExpression("[^\\p{L}\\p{N}_-]"));
    }
    for (const HeatMapMetric metric : heatMapMetrics) {
        QVERIFY2(anchors.contains(metricAnchor(metric)), qPrintable(metricAnchor(metric)));
        const QString tip = metricTip(metric);
        QVERIFY2(tip.contains("[ours") && tip.contains("theory.md#"), qPrintable(tip));
    }
}

void TestWidgetsHeatMap::quantizationErrorsHaveMaps() {
    const auto ofA = withErrors(*session_, 0), ofB = withErrors(*other_, 50);
    PanelSet panels;
    panels.setSession(ofA);
    panels.tir->setOther(ofB);
    const ConditionResult& oneA = *ofA->conditions[static_cast<std::size_t>(a_)];
    const ConditionResult& oneB = *ofB->conditions[static_cast<std::size_t>(b_)];
    const BandPartition& bands = ofA->bands;
    const int headDim = ofA->model.headDim;
    using Grid = std::function<BandGrid(const ConditionResult&)>;
    const std::vector<std::pair<HeatMapMetric, Grid>> metrics{
        {HeatMapMetric::Anisotropy, [&](const auto& one) { return anisotropyGrid(one, bands, QkTensor::K); }},
        {HeatMapMetric::NoiseDepth, [&](const auto& one) { return noiseDepthGrid(one, headDim, bands); }},
        {HeatMapMetric::LogitNoiseRms,
         [&](const auto& one) { return logitNoiseGrid(one, bands, LogitNoise::Rms); }},
        {HeatMapMetric::LogitNoiseMean,
         [&](const auto& one) { return logitNoiseGrid(one, bands, LogitNoise::Mean); }},
        {HeatMapMetric::BandDamageKl,
         [&](const auto& one) { return damageGrid(one, bands, QkTensor::K, &DamageCell::kl); }},
        {HeatMapMetric::BandDamageNll,
         [&](const auto& one) { return damageGrid(one, bands, QkTensor::K, &DamageCell::nll); }},
        {HeatMapMetric::BandDamageNoise,
         [&](const auto& one) { return damageGrid(one, bands, QkTensor::K, &DamageCell::noiseKl); }},
        {HeatMapMetric::LayerDamageKl, [&](const auto& one) { return layerDamage(one, &DamageCell::kl); }},
        {HeatMapMetric::LayerDamageNll, [&](const auto& one) { return layerDamage(one, &DamageCell::nll); }},
        {HeatMapMetric::LayerDamageNoise,
         [&](const auto& one) { return layerDamage(one, &DamageCell::noiseKl); }}};
    for (const auto& [metric, compute] : metrics) {
        panels.tir->setMetric(metric);
        const BandGrid gridA = compute(oneA), gridB = compute(oneB);
        panels.selection.setSelection(selected(CompareMode::A));
        QVERIFY2(panels.tir->emptyText().isEmpty(), qPrintable(panels.tir->emptyText()));
        QCOMPARE(panels.tir->grid().values.size(), gridA.values.size());
        QVERIFY(
            std::equal(gridA.values.begin(), gridA.values.end(), panels.tir->grid().values.begin(), same));
        QVERIFY(!std::isnan(gridA.values[3]));
        panels.selection.setSelection(selected(CompareMode::Difference));
        QAbstractItemModel* table = panels.tir->tableModel();
        QCOMPARE(table->rowCount(), static_cast<int>(gridA.values.size()));
        for (int row = 0; row < table->rowCount(); ++row) {
            const auto cell = static_cast<std::size_t>(row);
            QVERIFY(same(number(table, row, metricKey(metric) + "_difference"),
                         gridA.values[cell] - gridB.values[cell]));
        }
    }
    // one column of whole layers: a click leaves the band alone
    QCOMPARE(panels.tir->plot()->content().columns, 1);
    emit panels.tir->plot()->cellSelected(4, 0);
    QCOMPARE(panels.selection.selection().layer, 4);
    QCOMPARE(panels.selection.selection().band, 5);
    QVERIFY2(panels.tir->summary().startsWith("Layer 4: "), qPrintable(panels.tir->summary()));
    // what to run, and for which bands
    panels.selection.setSelection(selected(CompareMode::A));
    panels.tir->setMetric(HeatMapMetric::BandDamageKl);
    panels.tir->setBands(BandPartition::equal(4, 16));
    QVERIFY2(panels.tir->emptyText().contains("0,2,4,6"), qPrintable(panels.tir->emptyText()));
    panels.tir->setSession(session_);
    QVERIFY2(panels.tir->emptyText().contains("--damage bands"), qPrintable(panels.tir->emptyText()));
    panels.tir->setMetric(HeatMapMetric::LogitNoiseRms);
    QVERIFY2(panels.tir->emptyText().contains("--noise"), qPrintable(panels.tir->emptyText()));
    Selection plain = selected(CompareMode::A);
    plain.condition = indexOf(*session_, "yarn:4 · 1024 · none");
    panels.selection.setSelection(plain);
    QVERIFY2(panels.tir->emptyText().contains("no quantization error"), qPrintable(panels.tir->emptyText()));
}

void TestWidgetsHeatMap::labelsOfColumnsKeepAGap() {
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

QTEST_MAIN(TestWidgetsHeatMap)
#include "test_widgets_heat_map.moc"
