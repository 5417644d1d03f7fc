// The metrics of maps: A, B and A - B of two conditions of one session or of two against core's numbers. How
// they are drawn: test_widgets_map_looks.cpp.
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
#include <QTableView>
#include <QTemporaryDir>
#include <QToolButton>
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
    void bIsGoneWhenItsIntervalIsDue();
    void tailsHaveIntervalsInTheTable();
    void aTableOnScreenIsFilledInBitByBit();
    void otherModelsAreNotSubtracted();
    void optionsHaveNames();
    void quantizationErrorsHaveMaps();
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
    QVERIFY2(lines[0].endsWith("tir_a,tir_b,tir_difference,tir_a_ci95_low,tir_a_ci95_high,tir_b_ci95_low,"
                               "tir_b_ci95_high"),
             qPrintable(lines[0]));
    for (int row = 0; row < 6 * 8; ++row) {
        const QStringList cells = lines[row + 1].split(',');
        QCOMPARE(cells[8].toDouble(), cells[6].toDouble() - cells[7].toDouble());
        QVERIFY(same(cells[8].toDouble(), panels.tir->grid().at(row / 8, row % 8)));
    }
}

void TestWidgetsHeatMap::tailsHaveIntervalsInTheTable() {
    PanelSet panels;
    const auto referenceA = session_->shortReference(a()), referenceB = other_->shortReference(b());
    const auto expected = [&](const ConditionResult& one, const ConditionResult& reference, int row,
                              bool overM) {
        const int band = row % 8;
        return tailInflationInterval(one, reference, row / 8, session_->bands.begin(band),
                                     session_->bands.end(band), {QkTensor::K, RopeStage::Post, 1e-3, overM},
                                     200);
    };
    int known = 0;
    for (const HeatMapMetric metric : {HeatMapMetric::TailInflation, HeatMapMetric::TailInflationOverM}) {
        panels.tir->setMetric(metric);
        const QString key = metricKey(metric);
        const bool overM = metric == HeatMapMetric::TailInflationOverM;
        show(panels, CompareMode::A);
        for (int row = 0; row < 6 * 8; ++row) {
            const Interval of = expected(a(), *referenceA, row, overM);
            QAbstractItemModel* table = panels.tir->tableModel();
            QVERIFY(same(number(table, row, key + "_ci95_low"), of.low));
            QVERIFY(same(number(table, row, key + "_ci95_high"), of.high));
            known += std::isfinite(of.low) && of.low <= of.high;
        }
        show(panels, CompareMode::Difference);
        const int row = 13;
        const Interval ofA = expected(a(), *referenceA, row, overM),
                       ofB = expected(b(), *referenceB, row, overM);
        QAbstractItemModel* table = panels.tir->tableModel();
        QVERIFY(same(number(table, row, key + "_a_ci95_high"), ofA.high));
        QVERIFY(same(number(table, row, key + "_b_ci95_low"), ofB.low));
        QVERIFY(panels.tir->tableText().contains(key + "_b_ci95_high"));
    }
    QVERIFY(known > 40); // else nothing was compared
    // another cell keeps them, another tensor has others, another metric has none
    const double was = number(panels.tir->tableModel(), 3, "tir_over_m_a_ci95_low");
    Selection next = panels.selection.selection();
    next.layer = 4;
    panels.selection.setSelection(next);
    QVERIFY(same(number(panels.tir->tableModel(), 3, "tir_over_m_a_ci95_low"), was));
    next.tensor = QkTensor::Q;
    panels.selection.setSelection(next);
    QVERIFY(!same(number(panels.tir->tableModel(), 3, "tir_over_m_a_ci95_low"), was));
    panels.tir->setMetric(HeatMapMetric::RangeDilation);
    for (const char* part : {"_ci95_low", "_a_ci95_low"})
        QCOMPARE(static_cast<ResultTableModel*>(panels.tir->tableModel())
                     ->columnOf(metricKey(HeatMapMetric::RangeDilation) + part),
                 -1);
}

void TestWidgetsHeatMap::aTableOnScreenIsFilledInBitByBit() {
    PanelSet panels;
    panels.tir->setMetric(HeatMapMetric::TailInflation);
    show(panels, CompareMode::A);
    panels.tir->resize(600, 400);
    panels.tir->show();
    auto* view = panels.tir->findChild<QTableView*>();
    for (auto* button : panels.tir->findChildren<QToolButton*>())
        if (button->isCheckable() && button->toolTip().contains("numbers behind")) button->click();
    QTRY_VERIFY(view->isVisible());
    const auto shown = [view](int row) {
        for (int column = 0; column < view->model()->columnCount(); ++column)
            if (view->model()->headerData(column, Qt::Horizontal).toString() == "95 % low")
                return view->model()->index(row, column).data().toString();
        return QString();
    };
    QTRY_VERIFY(!shown(47).isEmpty() && shown(47) != QStringLiteral("–"));
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
        QVERIFY2(panels.tir->emptyText().isEmpty(), qPrintable(panels.tir->emptyText())); // in its own bands
        if (other == fewerPairs) QCOMPARE(panels.tir->grid().bands, other->bands.count());
        if (other == fewerLayers) QCOMPARE(panels.tir->grid().layers, 3);
    }
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
    const double logitScale = ofA->model.attentionFactor();
    using Grid = std::function<BandGrid(const ConditionResult&)>;
    const std::vector<std::pair<HeatMapMetric, Grid>> metrics{
        {HeatMapMetric::Anisotropy, [&](const auto& one) { return anisotropyGrid(one, bands, QkTensor::K); }},
        {HeatMapMetric::NoiseDepth, [&](const auto& one) { return noiseDepthGrid(one, logitScale, bands); }},
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

/// The interval of B's cell is due, and B is taken away in the same event: nothing of B is left to compute.
void TestWidgetsHeatMap::bIsGoneWhenItsIntervalIsDue() {
    const auto session = makeSyntheticSession();
    SelectionModel selection;
    HeatMapPanel panel(HeatMapMetric::TailInflation, &selection);
    panel.resize(700, 500);
    panel.setSession(session);
    panel.show();
    Selection next;
    next.condition = 6;
    next.conditionB = 7;
    next.compare = CompareMode::B;
    selection.setSelection(next);
    panel.ensureFresh();
    QVERIFY(panel.emptyText().isEmpty());
    QTest::qSleep(200); // the interval is due
    next.compare = CompareMode::A;
    next.conditionB = -1;
    selection.setSelection(next);
    QTest::qWait(400); // and so is that of A
    SelectionModel other;
    HeatMapPanel alone(HeatMapMetric::TailInflation, &other);
    alone.resize(700, 500);
    alone.setSession(session);
    alone.show();
    other.setSelection(next);
    QTest::qWait(400);
    QVERIFY(panel.summary().contains("95 %"));
    QCOMPARE(panel.summary(), alone.summary()); // A's, as a panel says that never saw B
}

QTEST_MAIN(TestWidgetsHeatMap)
#include "test_widgets_heat_map.moc"
