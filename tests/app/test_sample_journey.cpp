// The main journey on the real sample, as a user goes it: load the sample, run, drag a band edge, look at a
// cell, stop a long run. What the window shows is compared with core's functions on the stored statistics.
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/choice_button.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/project_tree.h"
#include "app/gui/window/selection_bar.h"
#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/session/session_file.h"
#include "tests/support/grid_compare.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/distortion_panel.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/histogram_panel.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/panels/perplexity_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/rope_audit_panel.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QDir>
#include <QElapsedTimer>
#include <QPushButton>
#include <QSignalSpy>
#include <QTemporaryDir>
#include <QTest>

using namespace qroar;

namespace {

/// What core says a heat map must show.
BandGrid expectedGrid(const Session& session, const ConditionResult& shown, HeatMapMetric metric,
                      const Selection& at) {
    const ConditionResult& reference = *session.shortReference(shown);
    const BandPartition& bands = session.bands;
    const double distance = shown.key.context;
    const auto pressure = [&](PressureForm form) {
        return pressureGrid(form, shown.table, distance, bands, shown.statistics);
    };
    switch (metric) {
    case HeatMapMetric::TailInflation:
        return tailInflation(shown, reference, bands, {at.tensor, at.stage, at.epsilon, false});
    case HeatMapMetric::TailInflationOverM:
        return tailInflation(shown, reference, bands, {at.tensor, at.stage, at.epsilon, true});
    case HeatMapMetric::ExcessTailMass:
        return excessTailMass(shown, reference, bands, {at.tensor, at.stage, at.epsilon, false});
    case HeatMapMetric::ExcessTailMassOverM:
        return excessTailMass(shown, reference, bands, {at.tensor, at.stage, at.epsilon, true});
    case HeatMapMetric::PressureRaw:
        return pressure(PressureForm::Raw);
    case HeatMapMetric::PressureSaturated:
        return pressure(PressureForm::Saturated);
    case HeatMapMetric::PressureWeighted:
        return pressure(PressureForm::EnergyWeighted);
    case HeatMapMetric::PressureMeasured:
        return measuredPressure(shown.sensitivity, bands);
    case HeatMapMetric::GainSensitivity:
        return gainSensitivity(shown.sensitivity, bands);
    case HeatMapMetric::RangeDilation:
        return rangeDilation(shown, at.tensor, bands);
    case HeatMapMetric::BitsLost:
        return calibrationLoss(shown, reference, bands, at.tensor, at.stage).bitsLost;
    case HeatMapMetric::ClipRate:
        return calibrationLoss(shown, reference, bands, at.tensor, at.stage).clipRate;
    case HeatMapMetric::TopShare:
        return topShareByBand(shown, bands, at.tensor, at.stage, at.epsilon);
    default: // of quantization errors, which this run does not record
        return {};
    }
}

} // namespace

class TestSampleJourney : public QObject {
    Q_OBJECT

    QTemporaryDir folder_;
    std::unique_ptr<QSettings> settings_;
    std::unique_ptr<MainWindow> window_;

    template<class Panel>
    Panel* panel(int which = 0) const {
        for (DiagnosticPanel* candidate : window_->plots().panels())
            if (auto* found = qobject_cast<Panel*>(candidate); found && which-- == 0) return found;
        return nullptr;
    }
    [[nodiscard]] HeatMapPanel* tails() const { return panel<HeatMapPanel>(0); }
    [[nodiscard]] HeatMapPanel* pressure() const { return panel<HeatMapPanel>(1); }
    [[nodiscard]] const Session& session() const { return *window_->workspace().session(); }
    [[nodiscard]] const Selection& now() const { return window_->selection().selection(); }
    [[nodiscard]] const ConditionResult& shown() const {
        return *session().conditions[static_cast<std::size_t>(now().condition)];
    }
    /// The map, its colours' input and its table twin are core's numbers under the bands in force.
    void compareWithCore(HeatMapPanel* map) const {
        const BandGrid expected = expectedGrid(session(), shown(), map->metric(), now());
        const auto name = metricText(map->metric()).name;
        const HeatMapMetric metric = map->metric();
        if ((shown().sensitivity.empty() && usesGradient(metric)) || usesNoise(metric)
            || usesDamage(metric)) {
            QCOMPARE(map->grid().layers, 0); // nothing is made up where it was not asked for
            return;
        }
        QVERIFY2(expected.layers == session().model.layers && expected.bands == session().bands.count(),
                 qPrintable(name));
        QVERIFY2(test::sameValues(map->grid(), expected), qPrintable(name));
        QVERIFY2(test::sameValues(map->plot()->content().values, expected.values), qPrintable(name));
        const QAbstractItemModel* table = map->tableModel();
        QCOMPARE(table->rowCount(), expected.layers * expected.bands);
        int value = table->columnCount() - 1; // intervals come behind it
        while (table->headerData(value, Qt::Horizontal).toString().contains("95 %")) --value;
        std::vector<double> column;
        for (int row = 0; row < table->rowCount(); ++row)
            column.push_back(table->index(row, value).data(ResultTableModel::valueRole).toDouble());
        QVERIFY2(test::sameValues(column, expected.values), qPrintable(name));
    }
    /// Drags inner edge `edge` of the spectrum by `pairs`, with the mouse.
    void dragEdge(int edge, int pairs) const {
        SpectrumPlot* plot = panel<SpectrumPanel>()->plot();
        const QPoint from = plot->edgePosition(edge).toPoint();
        const int way = static_cast<int>(plot->pairPosition(pairs) - plot->pairPosition(0));
        QTest::mousePress(plot, Qt::LeftButton, {}, from);
        for (int part = 1; part <= 8; ++part) QTest::mouseMove(plot, from + QPoint(part * way / 8, 0));
        QTest::mouseRelease(plot, Qt::LeftButton, {}, from + QPoint(way, 0));
    }

  private slots:
    void initTestCase() {
        settings_ = std::make_unique<QSettings>(folder_.filePath("settings.ini"), QSettings::IniFormat);
        WindowEnvironment environment;
        environment.settings = settings_.get();
        environment.autosaveFolder = folder_.filePath("autosave");
        environment.sampleFolders = {QDir(QROAR_SOURCE_DIR).filePath("samples")};
        window_ = std::make_unique<MainWindow>(environment);
        window_->setQuestion(
            [](const QString&, QMessageBox::StandardButtons) { return QMessageBox::Discard; });
        window_->show();
        QVERIFY(QTest::qWaitForWindowExposed(window_.get()));

        for (auto* choice : window_->findChildren<ChoiceButton*>())
            if (choice->text().contains("sample", Qt::CaseInsensitive))
                QTest::mouseClick(choice, Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(window_->analysis().inputsReady(), 20000);
        SetupPanel& setup = window_->setup();
        setup.setRopes({"none", "yarn:2"});
        setup.setQuants({"none", "rtn:4:g64"});
        setup.setContexts({256, 512});
        setup.setMaxWindows(1);
        QTRY_COMPARE(setup.problem(), QString());
        QSignalSpy finished(&window_->analysis(), &AnalysisController::analysisFinished);
        QTest::mouseClick(setup.findChild<QPushButton*>("runButton"), Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(finished.count(), 1, 120000);
        QTRY_VERIFY(!window_->analysis().running());
        QVERIFY2(window_->messages().text().isEmpty(), qPrintable(window_->messages().text()));
        QCOMPARE(session().conditions.size(), std::size_t(8));
    }

    void theMostTellingConditionIsShown() {
        QCOMPARE(shown().key.text(),
                 (ConditionKey{*RopeSpec::parse("yarn:2"), 512, *QuantSpec::parse("rtn:4:g64")}.text()));
        for (HeatMapPanel* map : {tails(), pressure()}) compareWithCore(map);
    }

    void draggingABandEdgeShowsWhatCoreSaysOfTheNewBands() {
        const BandPartition before = session().bands;
        const BandGrid tailsBefore = tails()->grid(), pressureBefore = pressure()->grid();
        QSignalSpy runs(&window_->analysis(), &AnalysisController::runningChanged);
        dragEdge(5, 1);
        const BandPartition after = session().bands;
        QVERIFY2(after == before.withEdgeMoved(5, before.edges()[5] + 1), after.text().c_str());
        QVERIFY(!test::sameValues(tails()->grid(), tailsBefore));
        QVERIFY(!test::sameValues(pressure()->grid(), pressureBefore));
        for (HeatMapPanel* map : {tails(), pressure()}) {
            const HeatMapMetric own = map->metric();
            for (const HeatMapMetric metric : heatMapMetrics) {
                map->setMetric(metric);
                compareWithCore(map);
            }
            map->setMetric(own);
        }
        QCOMPARE(runs.count(), 0); // from stored statistics
        window_->workspace().undoStack()->undo();
        QCOMPARE(session().bands, before);
        QVERIFY(test::sameValues(tails()->grid(), tailsBefore));
        window_->workspace().undoStack()->redo();
        QCOMPARE(session().bands, after);
    }

    void aCellPickedInAHeatMapIsPickedEverywhere() {
        window_->plots().showPanel(tails());
        const int layer = 3, band = 5;
        QVERIFY(now().layer != layer && now().band != band);
        HeatMapPlot* plot = tails()->plot();
        QTest::mouseClick(plot, Qt::LeftButton, {}, plot->cellCentre(layer, band).toPoint());
        QCOMPARE(now().layer, layer);
        QCOMPARE(now().band, band);
        for (DiagnosticPanel* each : window_->plots().panels()) each->ensureFresh();

        for (HeatMapPanel* map : {tails(), pressure()}) {
            QCOMPARE(map->plot()->selectedRow(), layer);
            QCOMPARE(map->plot()->selectedColumn(), band);
            QVERIFY2(map->summary().startsWith("Layer 3 · band 5"), qPrintable(map->summary()));
        }
        const int first = session().bands.begin(band), end = session().bands.end(band);
        auto* histogram = panel<HistogramPanel>();
        QVERIFY2(histogram->figureTitle().contains("layer 3, band 5"), qPrintable(histogram->figureTitle()));
        QCOMPARE(histogram->curves().size(), std::size_t(3)); // the short reference, 256 and 512
        for (const HistogramPanel::Curve& curve : histogram->curves()) {
            const QkStatistics& statistics =
                session().conditions[static_cast<std::size_t>(curve.condition)]->statistics;
            const LogHistogram expected =
                pooledHistogram(statistics, layer, now().tensor, now().stage, first, end);
            QCOMPARE(curve.histogram.total(), expected.total());
            for (const double p : {0.5, 0.99, 0.999})
                QCOMPARE(curve.histogram.quantile(p), expected.quantile(p));
        }
        const QString bandText = panel<SpectrumPanel>()->summary();
        QVERIFY2(bandText.startsWith("Band 5"), qPrintable(bandText));
        QCOMPARE(panel<OutlierPanel>()->map()->selectedRow(), layer);
        QVERIFY(panel<OutlierPanel>()->summary().startsWith("Layer 3"));
        QCOMPARE(panel<DistortionPanel>()->plot()->selectedRow(), layer);
        QVERIFY(panel<DistortionPanel>()->summary().startsWith("Layer 3"));
        const QString path = window_->findChild<SelectionBar*>()->breadcrumb();
        QVERIFY2(path.contains("layer 3") && path.contains("band 5"), qPrintable(path));
    }

    void aConditionPickedInTheProjectIsShownEverywhere() {
        auto* tree = window_->findChild<ProjectTree*>();
        QTreeWidgetItem* conditions = tree->topLevelItem(2);
        QCOMPARE(conditions->childCount(), 8);
        const int longest = 3; // of none x {none, yarn:2} x {256, 512}
        QCOMPARE(session().conditions[longest]->key.text(),
                 (ConditionKey{*RopeSpec::parse("yarn:2"), 512, *QuantSpec::parse("none")}.text()));
        tree->setCurrentItem(conditions->child(longest));
        QCOMPARE(now().condition, longest);
        for (HeatMapPanel* map : {tails(), pressure()}) compareWithCore(map);
        const QString name = "yarn:2 · 512 · FP";
        for (DiagnosticPanel* each : window_->plots().panels()) {
            const bool ofAll = each == panel<PerplexityPanel>() || each == panel<DistortionPanel>()
                               || each == panel<PhasePanel>() || each == panel<RopeAuditPanel>(); // of specs
            const bool ofFamily = each == panel<HistogramPanel>(); // one curve per context
            const QString part = ofFamily ? QStringLiteral("yarn:2 · FP") : name;
            if (!each->emptyText().isEmpty()) continue; // of something that was not measured
            if (!ofAll) QVERIFY2(each->figureTitle().contains(part), qPrintable(each->figureTitle()));
        }
        QVERIFY(panel<PerplexityPanel>()->figureTitle().contains("512"));
    }

    /// From the click to the end of the job, and to a window that would run again; with finished conditions
    /// to autosave. Cancel is asked between tiles, so these are milliseconds; the bound is for busy machines.
    void cancelEndsALongRunAtOnce() {
        SetupPanel& setup = window_->setup();
        setup.setRopes({"linear:2"});
        setup.setQuants({"none"});
        auto* run = setup.findChild<QPushButton*>("runButton");
        auto* cancel = window_->findChild<QPushButton*>("cancelButton");
        qint64 slowest = 0;
        std::size_t done = session().conditions.size();
        for (const int first : {128, 160, 192, 224, 288}) { // each run finishes a short one, then is cut
            setup.setContexts({first, 4096});
            QTRY_VERIFY_WITH_TIMEOUT(run->isEnabled(), 20000);
            QSignalSpy conditions(&window_->analysis(), &AnalysisController::conditionFinished);
            QSignalSpy progress(&window_->analysis(), &AnalysisController::progressed);
            QTest::mouseClick(run, Qt::LeftButton);
            QTRY_COMPARE_WITH_TIMEOUT(conditions.count(), 1, 60000);
            const qsizetype before = progress.count();
            QTRY_VERIFY_WITH_TIMEOUT(progress.count() > before + 2, 20000);
            QElapsedTimer clock;
            qint64 ended = -1;
            const auto connection = connect(&window_->analysis(), &AnalysisController::runningChanged, this,
                                            [&](bool running) { ended = running ? -1 : clock.elapsed(); });
            clock.start();
            QTest::mouseClick(cancel, Qt::LeftButton);
            QVERIFY(QTest::qWaitFor([&] { return ended >= 0 && run->isEnabled(); }, 20000));
            const qint64 usable = clock.elapsed();
            disconnect(connection);
            qInfo("cancel at context 4096: ended after %lld ms, usable after %lld ms", ended, usable);
            slowest = std::max(slowest, usable);
            QCOMPARE(session().conditions.size(), ++done);
        }
        QVERIFY2(slowest < 2000, qPrintable(QString::number(slowest)));
        QTRY_VERIFY_WITH_TIMEOUT(!window_->analysis().autosaving(), 20000);
        const auto kept = loadSession(folder_.filePath("autosave/autosave-1.h5").toStdString());
        QVERIFY2(kept.ok(), kept.ok() ? "" : kept.error().message.c_str());
        QCOMPARE((*kept)->conditions.size(), done);
    }
};

QTEST_MAIN(TestSampleJourney)
#include "test_sample_journey.moc"
