// Every panel on a synthetic session: the numbers are core's, selections link both ways, and nothing falls
// over when there is little or nothing to show.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/common/empty_text.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"

#include <QAbstractItemModelTester>
#include <QTableView>
#include <QToolButton>
#include <QtTest>

#include <algorithm>

#include <cmath>
#include <limits>

using namespace qroar;
using namespace qroar::test;

namespace {

double numberAt(QAbstractItemModel* model, int row, const QString& key) {
    const int column = static_cast<ResultTableModel*>(model)->columnOf(key);
    return column < 0 ? std::nan("") : model->index(row, column).data(ResultTableModel::valueRole).toDouble();
}

bool sameValues(const std::vector<double>& a, const std::vector<double>& b) {
    if (a.size() != b.size()) return false;
    for (size_t index = 0; index < a.size(); ++index)
        if (!(a[index] == b[index] || (std::isnan(a[index]) && std::isnan(b[index])))) return false;
    return true;
}

int indexOf(const Session& session, const std::string& rope, int context, const std::string& quant) {
    for (size_t index = 0; index < session.conditions.size(); ++index) {
        const ConditionKey& key = session.conditions[index]->key;
        if (key.rope.text() == rope && key.context == context && key.quant.text() == quant)
            return static_cast<int>(index);
    }
    return -1;
}

} // namespace

class TestWidgetsPanels : public QObject {
    Q_OBJECT
  private slots:
    void heatMapsShowWhatCoreComputes();
    void heatMapFollowsConditionTensorAndTail();
    void heatMapSaysWhatToRun();
    void clickAndKeysSelectTheCell();
    void selectionOfOneViewMovesTheOthers();
    void lockedColoursStay();
    void cellGetsItsInterval();
    void histogramMatchesCore();
    void outliersMatchCore();
    void perplexityMatchesCore();
    void distortionMatchesCore();
    void spectrumTableMatchesCore();
    void tableTwinsAreProperModels();
    void tableTwinShowsAndSelects();
    void tablesOutOfSightAreFilledWhenAskedFor();
    void emptyAndOddSessions();
    void emptyViewsSayWhatTheyAreAndWhy();
    void hiddenPanelsCatchUp();
    void accessibleNamesAndSummaries();
};

void TestWidgetsPanels::heatMapsShowWhatCoreComputes() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    const int index = indexOf(*session, "yarn:4", 1024, "rtn:4:g64");
    QVERIFY(index >= 0);
    panels.selection.setCondition(index);
    const ConditionResult& shown = *session->conditions[index];
    const auto reference = session->shortReference(shown);
    const BandPartition& bands = session->bands;
    const auto form = [&](PressureForm which) {
        return pressureGrid(which, shown.table, 1024, bands, shown.statistics);
    };
    const CalibrationLoss loss = calibrationLoss(shown, *reference, bands, QkTensor::K, RopeStage::Post);
    const std::vector<std::pair<HeatMapMetric, BandGrid>> expected{
        {HeatMapMetric::TailInflation,
         tailInflation(shown, *reference, bands, {QkTensor::K, RopeStage::Post, 1e-3, false})},
        {HeatMapMetric::TailInflationOverM,
         tailInflation(shown, *reference, bands, {QkTensor::K, RopeStage::Post, 1e-3, true})},
        {HeatMapMetric::PressureRaw, form(PressureForm::Raw)},
        {HeatMapMetric::PressureSaturated, form(PressureForm::Saturated)},
        {HeatMapMetric::PressureWeighted, form(PressureForm::EnergyWeighted)},
        {HeatMapMetric::PressureMeasured, measuredPressure(shown.sensitivity, bands)},
        {HeatMapMetric::GainSensitivity, gainSensitivity(shown.sensitivity, bands)},
        {HeatMapMetric::RangeDilation, rangeDilation(shown, QkTensor::K, bands)},
        {HeatMapMetric::BitsLost, loss.bitsLost},
        {HeatMapMetric::ClipRate, loss.clipRate},
        {HeatMapMetric::TopShare, topShareByBand(shown, bands, QkTensor::K, RopeStage::Post, 1e-3)}};
    for (const auto& [metric, grid] : expected) {
        panels.tir->setMetric(metric);
        QVERIFY2(panels.tir->emptyText().isEmpty(), qPrintable(panels.tir->emptyText()));
        QVERIFY(sameValues(panels.tir->grid().values, grid.values));
        QVERIFY(sameValues(panels.tir->plot()->content().values, grid.values));
        QAbstractItemModel* table = panels.tir->tableModel();
        QCOMPARE(table->rowCount(), 6 * 8);
        int value = table->columnCount() - 1; // intervals come behind it
        while (table->headerData(value, Qt::Horizontal).toString().contains("95 %")) --value;
        for (int row = 0; row < table->rowCount(); ++row)
            QCOMPARE(table->index(row, value).data(ResultTableModel::valueRole).toDouble(),
                     grid.at(row / 8, row % 8));
    }
}

void TestWidgetsPanels::heatMapFollowsConditionTensorAndTail() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    const int index = indexOf(*session, "linear:4", 4096, "none");
    Selection wanted{.tensor = QkTensor::Q, .stage = RopeStage::Pre, .condition = index, .epsilon = 1e-2};
    panels.selection.setSelection(wanted);
    const ConditionResult& shown = *session->conditions[index];
    const auto expected = tailInflation(shown, *session->shortReference(shown), session->bands,
                                        {QkTensor::Q, RopeStage::Pre, 1e-2, false});
    QVERIFY(sameValues(panels.tir->grid().values, expected.values));
    QVERIFY(panels.tir->figureTitle().contains(QLatin1String("q before RoPE")));
    QVERIFY(panels.tir->figureTitle().contains(QLatin1String("linear:4")));
}

void TestWidgetsPanels::heatMapSaysWhatToRun() {
    PanelSet panels;
    SyntheticOptions options;
    options.ropes = {"yarn:4"};
    panels.setSession(makeSyntheticSession(options)); // nothing without scaling: no reference
    QVERIFY2(panels.tir->emptyText().contains(QLatin1String("none")), qPrintable(panels.tir->emptyText()));
    QVERIFY(panels.tir->emptyText().contains(QLatin1String("256")));
    QVERIFY(panels.pressure->emptyText().isEmpty()); // needs no reference

    const auto session = makeSyntheticSession();
    panels.setSession(session);
    const int reference = indexOf(*session, "none", 256, "none");
    panels.selection.setCondition(reference);
    QVERIFY(panels.tir->emptyText().contains(QLatin1String("itself")));
    QVERIFY(panels.pressure->emptyText().contains(QLatin1String("scal"))); // nothing is scaled

    options = {};
    options.capture = false;
    panels.setSession(makeSyntheticSession(options));
    panels.selection.setCondition(-1);
    for (DiagnosticPanel* panel : {static_cast<DiagnosticPanel*>(panels.tir.get()),
                                   static_cast<DiagnosticPanel*>(panels.histogram.get()),
                                   static_cast<DiagnosticPanel*>(panels.outlier.get())})
        QVERIFY2(panel->emptyText().contains(QLatin1String("press Run")), qPrintable(panel->emptyText()));
    QVERIFY(panels.perplexity->emptyText().isEmpty());
    panels.tir->setMetric(HeatMapMetric::GainSensitivity); // needs gradients, but no statistics
    QVERIFY2(panels.tir->emptyText().isEmpty(), qPrintable(panels.tir->emptyText()));
    options.gradients = false;
    panels.setSession(makeSyntheticSession(options));
    QVERIFY2(panels.tir->emptyText().contains(QLatin1String("--gradients")),
             qPrintable(panels.tir->emptyText()));
}

void TestWidgetsPanels::clickAndKeysSelectTheCell() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    HeatMapPanel& panel = *panels.tir;
    panel.resize(700, 450);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    QTest::qWait(20);
    QSignalSpy changed(&panels.selection, &SelectionModel::changed);
    QTest::mouseClick(panel.plot(), Qt::LeftButton, {}, panel.plot()->cellCentre(4, 6).toPoint());
    QCOMPARE(changed.count(), 1);
    QCOMPARE(panels.selection.selection().layer, 4);
    QCOMPARE(panels.selection.selection().band, 6);
    panel.plot()->setFocus();
    QTest::keyClick(panel.plot(), Qt::Key_Left);
    QTest::keyClick(panel.plot(), Qt::Key_Down);
    QTest::keyClick(panel.plot(), Qt::Key_Down); // layer 5 is the last
    QCOMPARE(panels.selection.selection().layer, 5);
    QCOMPARE(panels.selection.selection().band, 5);
    QTest::qWait(20);
    QCOMPARE(panel.plot()->selectedRow(), 5);
    QCOMPARE(panel.plot()->selectedColumn(), 5);
}

void TestWidgetsPanels::selectionOfOneViewMovesTheOthers() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    panels.selection.setLayer(2);
    panels.selection.setBand(3);
    panels.tir->ensureFresh();
    QCOMPARE(panels.tir->plot()->selectedRow(), 2);
    QCOMPARE(panels.tir->plot()->selectedColumn(), 3);
    QVERIFY(panels.histogram->figureTitle().contains(QLatin1String("layer 2, band 3")));
    panels.outlier->ensureFresh();
    QCOMPARE(panels.outlier->map()->selectedRow(), 2);
    QVERIFY(panels.distortion->summary().startsWith(QLatin1String("Layer 2")));
    emit panels.outlier->map()->cellSelected(5, 0); // what a click emits
    QCOMPARE(panels.selection.selection().layer, 5);
    QVERIFY(panels.tir->summary().startsWith(QLatin1String("Layer 5")));
}

void TestWidgetsPanels::lockedColoursStay() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    panels.selection.setCondition(indexOf(*session, "yarn:4", 4096, "none"));
    panels.tir->ensureFresh();
    const ColorScale scale = panels.tir->plot()->scale();
    QVERIFY(scale.diverging && scale.logarithmic);
    QCOMPARE(scale.position(1), 0.5);
    panels.tir->setRangeLocked(true);
    panels.selection.setCondition(indexOf(*session, "yarn:4", 1024, "none"));
    panels.tir->ensureFresh();
    QVERIFY(panels.tir->plot()->scale() == scale);
    panels.tir->setRangeLocked(false);
    panels.tir->ensureFresh();
    QVERIFY(panels.tir->plot()->scale() != scale);
}

void TestWidgetsPanels::cellGetsItsInterval() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    panels.tir->show();
    QTRY_VERIFY(panels.tir->summary().contains(QLatin1String("95 %")));
}

void TestWidgetsPanels::histogramMatchesCore() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    panels.selection.setCondition(indexOf(*session, "yarn:4", 1024, "rtn:4:g64"));
    panels.selection.setLayer(2);
    panels.selection.setBand(4);
    const auto& curves = panels.histogram->curves();
    QCOMPARE(static_cast<int>(curves.size()), 4); // the reference and three context lengths
    QVERIFY(curves[0].isReference);
    for (const auto& curve : curves) {
        const LogHistogram expected =
            pooledHistogram(session->conditions[curve.condition]->statistics, 2, QkTensor::K, RopeStage::Post,
                            session->bands.begin(4), session->bands.end(4));
        QVERIFY(curve.histogram == expected);
        // A point's share, counted naively, over the octaves its bins span; the area under the curve is all
        // the mass that lies in the closed bins.
        double area = 0;
        for (size_t point = 0; point < curve.centre.size(); ++point) {
            double count = 0, lower = HUGE_VAL, upper = 0;
            for (int bin = 1; bin < LogHistogram::binCount - 1; ++bin) {
                const double middle = std::sqrt(LogHistogram::binLower(bin) * LogHistogram::binUpper(bin));
                if (std::abs(std::log2(middle / curve.centre[point])) >= 0.05) continue;
                count += static_cast<double>(expected.countAt(bin));
                lower = std::min(lower, LogHistogram::binLower(bin));
                upper = std::max(upper, LogHistogram::binUpper(bin));
            }
            const double octaves = std::log2(upper / lower);
            area += curve.share[point] * octaves;
            QCOMPARE(curve.share[point], count / static_cast<double>(expected.total()) / octaves);
        }
        QVERIFY(std::abs(area - 1) < 1e-9);
    }
    panels.selection.setPair(session->bands.begin(4)); // one pair only
    QVERIFY(panels.histogram->curves()[0].histogram.total() < curves[0].histogram.total() + 1);
}

void TestWidgetsPanels::outliersMatchCore() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    const int index = indexOf(*session, "linear:4", 1024, "none");
    panels.selection.setCondition(index);
    const BandGrid expected =
        topShareByPosition(*session->conditions[index], QkTensor::K, RopeStage::Post, 1e-3, true);
    QVERIFY(sameValues(panels.outlier->relativeShare().values, expected.values));
    QAbstractItemModel* table = panels.outlier->tableModel();
    QCOMPARE(table->rowCount(), expected.layers * expected.bands);
    QCOMPARE(numberAt(table, table->rowCount() - 1, QStringLiteral("relative_share")),
             expected.at(expected.layers - 1, expected.bands - 1));
    QCOMPARE(numberAt(table, table->rowCount() - 1, QStringLiteral("to_position")), 1024.0);
    QCOMPARE(panels.outlier->line()->series().front().y.back(), expected.at(0, expected.bands - 1));
}

void TestWidgetsPanels::perplexityMatchesCore() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    QAbstractItemModel* table = panels.perplexity->tableModel();
    QCOMPARE(table->rowCount(), static_cast<int>(session->conditions.size()));
    for (int row = 0; row < table->rowCount(); ++row) {
        const ConditionResult& result = *session->conditions[row];
        double sum = 0, count = 0; // naive
        for (const WindowNll& window : result.windows)
            for (const float nll : window.nll) {
                sum += nll;
                count += 1;
            }
        QVERIFY(std::abs(numberAt(table, row, QStringLiteral("nll")) - sum / count) < 1e-9);
        QCOMPARE(numberAt(table, row, QStringLiteral("tokens")), count);
    }
    const auto split = interactions(session->conditions, Convention::All);
    QVERIFY(!split.empty());
    QAbstractItemModel* model = panels.perplexity->interactionModel();
    QCOMPARE(model->rowCount(), static_cast<int>(split.size()));
    for (int row = 0; row < model->rowCount(); ++row) {
        const auto& one = split[static_cast<size_t>(row)];
        QCOMPARE(numberAt(model, row, QStringLiteral("interaction")), one.value);
        QVERIFY(std::abs(one.qpi - one.q - one.pi + one.fp - one.value) < 1e-12);
    }
    // A line per rope and quantizer, a point per context.
    QCOMPARE(static_cast<int>(panels.perplexity->byContext()->series().size()), 6);
    QCOMPARE(static_cast<int>(panels.perplexity->byContext()->series()[0].x.size()), 3);
    emit panels.perplexity->byContext()->seriesClicked(0, 1024); // what a click on a point emits
    QCOMPARE(panels.selection.selection().condition, indexOf(*session, "none", 1024, "none"));
}

void TestWidgetsPanels::distortionMatchesCore() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    panels.selection.setCondition(
        indexOf(*session, "none", 256, "none")); // full precision: shows a quantized one
    QAbstractItemModel* table = panels.distortion->tableModel();
    const auto& expected = session->conditions.back()->distortions;
    QCOMPARE(table->rowCount(), static_cast<int>(expected.size()));
    for (int row = 0; row < table->rowCount(); ++row) {
        const Distortion& d = expected[static_cast<size_t>(row)].distortion;
        const double snr = 10 * std::log10(d.sumSquaredWeight / d.sumSquaredError);
        QVERIFY(std::abs(numberAt(table, row, QStringLiteral("snr_db")) - snr) < 1e-9);
    }
    SyntheticOptions options;
    options.quants = {"none"};
    panels.setSession(makeSyntheticSession(options));
    QVERIFY(panels.distortion->emptyText().contains(QLatin1String("rtn")));
}

void TestWidgetsPanels::spectrumTableMatchesCore() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    const int index = indexOf(*session, "yarn:4", 1024, "none");
    panels.selection.setCondition(index);
    QAbstractItemModel* table = panels.spectrum->tableModel();
    QCOMPARE(table->rowCount(), 16);
    for (int pair = 0; pair < 16; ++pair) {
        const double omega = std::pow(session->model.ropeTheta, -2.0 * pair / session->model.rotaryDim);
        QVERIFY(std::abs(numberAt(table, pair, QStringLiteral("omega_trained")) / omega - 1) < 1e-12);
        QCOMPARE(numberAt(table, pair, QStringLiteral("omega")),
                 session->conditions[index]->table.omega[pair]);
        QCOMPARE(numberAt(table, pair, QStringLiteral("band")),
                 static_cast<double>(session->bands.bandOf(pair)));
    }
}

void TestWidgetsPanels::tableTwinsAreProperModels() {
    PanelSet panels;
    std::vector<std::unique_ptr<QAbstractItemModelTester>> testers;
    for (const auto& [name, panel] : panels.all())
        testers.push_back(std::make_unique<QAbstractItemModelTester>(
            panel->tableModel(), QAbstractItemModelTester::FailureReportingMode::QtTest));
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) QVERIFY2(panel->tableModel()->rowCount() > 0, name);
    SyntheticOptions small;
    small.layers = 2;
    small.pairs = 8;
    small.bands = 3;
    panels.setSession(makeSyntheticSession(small));
    for (const auto& [name, panel] : panels.all()) panel->ensureFresh();
    QCOMPARE(panels.tir->tableModel()->rowCount(), 2 * 3);
    panels.setSession(nullptr);
    for (const auto& [name, panel] : panels.all()) QCOMPARE(panel->tableModel()->rowCount(), 0);
}

void TestWidgetsPanels::tableTwinShowsAndSelects() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    HeatMapPanel& panel = *panels.tir;
    panel.resize(700, 400);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    QToolButton* button = nullptr;
    for (QToolButton* one : panel.findChildren<QToolButton*>())
        if (one->toolTip().contains(QLatin1String("numbers behind"))) button = one;
    QVERIFY(button);
    button->click();
    auto* view = panel.findChild<QTableView*>();
    QVERIFY(view->isVisible());
    const int high = view->model()->columnCount() - 1; // ends of intervals come in while one looks
    const auto end = [&] {
        return view->model()->index(0, high).data(ResultTableModel::valueRole).toDouble();
    };
    QVERIFY(!std::isfinite(end())); // the click waits for none of them
    QTRY_VERIFY(std::isfinite(end()));
    const auto* table = static_cast<ResultTableModel*>(panel.tableModel());
    view->sortByColumn(table->columnOf(QStringLiteral("tir")), Qt::DescendingOrder); // the largest first
    const int layer = view->model()->index(0, 0).data(ResultTableModel::valueRole).toInt();
    const int band = view->model()->index(0, 1).data(ResultTableModel::valueRole).toInt();
    QTest::mouseClick(view->viewport(), Qt::LeftButton, {},
                      view->visualRect(view->model()->index(0, 0)).center());
    QCOMPARE(panels.selection.selection().layer, layer);
    QCOMPARE(panels.selection.selection().band, band);
    const auto& values = panel.grid().values;
    QCOMPARE(panel.grid().at(layer, band), *std::max_element(values.begin(), values.end()));
    button->click();
    QVERIFY(panel.plot()->isVisible());
}

/// While a band edge is dragged nobody reads them; what is read is what is shown.
void TestWidgetsPanels::tablesOutOfSightAreFilledWhenAskedFor() {
    PanelSet panels;
    const auto session = makeSyntheticSession();
    panels.setSession(session);
    HeatMapPanel& panel = *panels.tir;
    panel.resize(700, 400);
    panel.show();
    QVERIFY(QTest::qWaitForWindowExposed(&panel));
    const QAbstractItemModel* table = panel.tableModel();
    int filled = 0;
    connect(table, &QAbstractItemModel::modelReset, this, [&filled] { ++filled; });
    connect(table, &QAbstractItemModel::dataChanged, this, [&filled] { ++filled; });
    const int layers = session->model.layers;
    panel.setBands(BandPartition::equal(2, session->model.pairs()));
    QCOMPARE(panel.grid().bands, 2);
    QTRY_VERIFY(
        panel.summary().contains(QLatin1String("95 % CI"))); // that of the selected cell, and no other
    QCOMPARE(filled, 0);
    QCOMPARE(panel.tableModel()->rowCount(), layers * 2);
    QVERIFY(filled > 0);
    panel.setBands(BandPartition::equal(3, session->model.pairs()));
    QCOMPARE(panel.tables().front().model->rowCount(), layers * 3);
    panel.setBands(BandPartition::equal(4, session->model.pairs()));
    QVERIFY(panel.tableText().count(u'\n') == layers * 4 + 1);
    panel.setBands(BandPartition::equal(5, session->model.pairs()));
    panel.findChild<QToolButton*>(QStringLiteral("tableTwin"))->click();
    QCOMPARE(table->rowCount(), layers * 5); // it came into sight
    panel.setBands(BandPartition::equal(6, session->model.pairs()));
    QTRY_COMPARE(table->rowCount(), layers * 6);
}

void TestWidgetsPanels::emptyAndOddSessions() {
    PanelSet panels;
    const auto survives = [&](const std::shared_ptr<const Session>& session) {
        panels.setSession(session);
        for (const auto& [name, panel] : panels.all()) {
            panel->resize(420, 300);
            panel->show();
            panel->ensureFresh();
            panel->home();
            QVERIFY2(!panel->grab().isNull(), name);
            if (!session) QVERIFY2(!panel->emptyText().isEmpty(), name);
        }
    };
    survives(nullptr);
    survives(makeSyntheticSession());
    survives(nullptr);
    auto without = std::make_shared<Session>(*makeSyntheticSession()); // opened, nothing run
    without->conditions.clear();
    survives(without);
    QVERIFY(panels.spectrum->emptyText().isEmpty()); // the frequencies are known all the same
    SyntheticOptions one;
    one.contexts = {256};
    one.ropes = {"none"};
    one.quants = {"none"};
    one.documents = 1;
    one.windows = 1;
    survives(makeSyntheticSession(one));
    one.layers = 1;
    one.pairs = 1;
    one.bands = 1;
    survives(makeSyntheticSession(one));
    one.capture = false;
    survives(makeSyntheticSession(one));
    // Statistics without samples: every metric NaN.
    auto hollow = std::make_shared<Session>(*makeSyntheticSession());
    for (auto& condition : hollow->conditions) {
        auto copy = std::make_shared<ConditionResult>(*condition);
        copy->statistics = QkStatistics(copy->statistics.shape());
        copy->byDocument.clear();
        copy->windows.clear();
        condition = copy;
    }
    survives(hollow);
    QVERIFY(std::isnan(panels.tir->grid().at(0, 0)));
    panels.tir->setMetric(HeatMapMetric::TopShare);
    survives(hollow);
    // A selection that fits nothing.
    panels.selection.setSelection({.layer = 999, .band = 999, .pair = 999, .condition = 999, .epsilon = 0.5});
    survives(makeSyntheticSession());
    panels.selection.setSelection({.layer = -5, .band = -5, .pair = -5, .condition = -5});
    survives(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all())
        panel->setBands(BandPartition::equal(3, 99)); // of another model: ignored
    QCOMPARE(panels.tir->bands().pairs(), 16);
}

void TestWidgetsPanels::emptyViewsSayWhatTheyAreAndWhy() {
    PanelSet panels;
    const auto said = [](DiagnosticPanel* panel) { return panel->findChild<EmptyText*>()->fullText(); };
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) panel->ensureFresh();
    panels.setSession(nullptr);
    for (const auto& [name, panel] : panels.all()) { // closed: what is read is what there is
        panel->ensureFresh();
        QVERIFY2(!panel->emptyText().isEmpty(), name);
        QCOMPARE(said(panel), panel->emptyText());
    }
    panels.setSession(makeSyntheticSession());
    panels.selection.setCondition(0); // scales nothing: no metric of pressure has values
    for (const HeatMapMetric metric : {HeatMapMetric::PressureRaw, HeatMapMetric::PressureSaturated}) {
        panels.pressure->setMetric(metric);
        panels.pressure->ensureFresh();
        QVERIFY(!panels.pressure->emptyText().isEmpty());
        QVERIFY2(panels.pressure->figureTitle().contains(metricText(metric).name),
                 qPrintable(panels.pressure->figureTitle()));
        QCOMPARE(said(panels.pressure.get()), panels.pressure->emptyText());
    }
}

void TestWidgetsPanels::hiddenPanelsCatchUp() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    const BandPartition bands = BandPartition::equal(4, 16);
    panels.tir->setBands(bands); // never shown
    QCOMPARE(panels.tir->grid().bands, 4);
    panels.tir->show();
    panels.tir->setBands(BandPartition::equal(2, 16));
    QTRY_COMPARE(panels.tir->plot()->content().columns, 2); // by itself, within a turn of the event loop
}

void TestWidgetsPanels::accessibleNamesAndSummaries() {
    PanelSet panels;
    panels.setSession(makeSyntheticSession());
    for (const auto& [name, panel] : panels.all()) {
        panel->ensureFresh();
        QVERIFY2(!panel->accessibleName().isEmpty(), name);
        QVERIFY2(!panel->accessibleDescription().isEmpty(), name);
        for (const BasePlot* plot : panel->findChildren<BasePlot*>()) {
            QVERIFY2(!plot->accessibleName().isEmpty(), name);
            QCOMPARE(plot->accessibleDescription(), panel->summary());
        }
        for (const QToolButton* button : panel->findChildren<QToolButton*>())
            if (button->objectName().isEmpty()) QVERIFY2(!button->toolTip().isEmpty(), name);
    }
    const QString before = panels.tir->summary();
    panels.selection.setLayer(5);
    QVERIFY(panels.tir->summary() != before);
}

QTEST_MAIN(TestWidgetsPanels)
#include "test_widgets_panels.moc"
