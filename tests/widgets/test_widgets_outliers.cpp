// Outlier shift and layer errors: A, B and A - B of two sessions, magnitudes by position and top values by
// document, against core's functions and naive counts.
#include "tests/widgets/two_sessions.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include "core/diagnostics/tails.h"

#include <QtTest>

#include <algorithm>

using namespace qroar;
using namespace qroar::test;

class TestWidgetsOutliers : public QObject, TwoSessions {
    Q_OBJECT
  private slots:
    void outliersSubtract();
    void magnitudesByPosition();
    void positionsByDocument();
    void coloursOfAAndBAreShared();
    void distortionsSubtract();
};

void TestWidgetsOutliers::outliersSubtract() {
    PanelSet panels;
    show(panels, CompareMode::Difference);
    const auto share = [](const ConditionResult& of, bool relative) {
        return topShareByPosition(of, QkTensor::K, RopeStage::Post, 1e-3, relative);
    };
    const BandGrid ofA = share(a(), true), ofB = share(b(), true);
    QAbstractItemModel* table = panels.outlier->tableModel();
    QCOMPARE(table->rowCount(), ofA.layers * ofA.bands);
    for (int row = 0; row < table->rowCount(); ++row) {
        const int layer = row / ofA.bands, bucket = row % ofA.bands;
        const double difference = ofA.at(layer, bucket) - ofB.at(layer, bucket);
        QVERIFY(same(number(table, row, "relative_share_a"), ofA.at(layer, bucket)));
        QVERIFY(same(number(table, row, "relative_share_b"), ofB.at(layer, bucket)));
        QVERIFY(same(number(table, row, "relative_share_difference"), difference));
        QVERIFY(same(number(table, row, "top_share_b"), share(b(), false).at(layer, bucket)));
        QVERIFY(same(panels.outlier->map()->content().values[static_cast<std::size_t>(row)], difference));
    }
    const auto& lines = panels.outlier->line()->series();
    QCOMPARE(lines.size(), std::size_t{2});
    QCOMPARE(lines[0].dash, Qt::DashLine);
    for (int bucket = 0; bucket < ofA.bands; ++bucket) {
        QVERIFY(same(lines[0].y[static_cast<std::size_t>(bucket)], ofB.at(2, bucket)));
        QVERIFY(same(lines[1].y[static_cast<std::size_t>(bucket)], ofA.at(2, bucket)));
    }
    const ColorScale& scale = panels.outlier->map()->scale();
    QVERIFY(scale.diverging && scale.low == -scale.high);
    // contexts of different length: only the buckets that both have
    Selection next = selected(CompareMode::Difference);
    next.conditionB = indexOf(*other_, "yarn:4 · 4096 · none");
    panels.selection.setSelection(next);
    panels.outlier->ensureFresh();
    QCOMPARE(panels.outlier->map()->content().columns, ofA.bands); // 1,024 is an edge of both
    next.conditionB = indexOf(*other_, "none · 256 · none");
    panels.selection.setSelection(next);
    panels.outlier->ensureFresh();
    QVERIFY(panels.outlier->map()->content().columns < ofA.bands);
    next.compare = CompareMode::B;
    panels.selection.setSelection(next);
    const BandGrid alone = share(*other_->conditions[static_cast<std::size_t>(next.conditionB)], true);
    QVERIFY(std::equal(alone.values.begin(), alone.values.end(),
                       panels.outlier->relativeShare().values.begin(), same));
}

void TestWidgetsOutliers::magnitudesByPosition() {
    PanelSet panels;
    show(panels, CompareMode::Difference);
    QCOMPARE(panels.outlier->setOption("view", "magnitude"), QString());
    QAbstractItemModel* table = panels.outlier->tableModel();
    QVERIFY(table->rowCount() > 100);
    const auto counted = [](const ConditionResult& of, double from, double to, double low, double high) {
        const QkStatistics& statistics = of.statistics; // naive, bin by bin
        const StatisticsShape& shape = statistics.shape();
        double inside = 0, all = 0;
        for (int bucket = 0; bucket < shape.buckets(); ++bucket) {
            if (shape.bucketEdges[static_cast<std::size_t>(bucket)] != static_cast<int>(from)) continue;
            for (int pair = 0; pair < shape.pairs; ++pair) {
                const LogHistogram& cell =
                    statistics.histogram(statistics.cell(2, QkTensor::K, RopeStage::Post, 0, pair, bucket));
                for (int bin = 0; bin < LogHistogram::binCount; ++bin) {
                    const auto count = static_cast<double>(cell.countAt(bin));
                    const double start = LogHistogram::binLower(bin);
                    all += count;
                    if (start >= low && start < high) inside += count;
                }
            }
        }
        return to > from ? inside / all : std::nan("");
    };
    double sum = 0;
    for (int row = 0; row < table->rowCount(); ++row) {
        const double from = number(table, row, "from_position"), to = number(table, row, "to_position");
        const double low = number(table, row, "from_magnitude"), high = number(table, row, "to_magnitude");
        const double shareA = number(table, row, "share_a"), shareB = number(table, row, "share_b");
        if (from == 0) sum += shareA;
        if (row % 7 != 0) continue; // every seventh is enough
        QVERIFY(std::abs(shareA - counted(a(), from, to, low, high)) < 1e-12);
        QVERIFY(std::abs(shareB - counted(b(), from, to, low, high)) < 1e-12);
        QCOMPARE(number(table, row, "share_difference"), shareA - shareB);
    }
    QVERIFY(std::abs(sum - 1) < 1e-9); // of one bucket
    panels.selection.setSelection(selected(CompareMode::A));
    panels.outlier->ensureFresh();
    const auto& content = panels.outlier->map()->content();
    QCOMPARE(static_cast<int>(content.values.size()), content.rows * content.columns);
    QVERIFY(panels.outlier->map()->scale().logarithmic); // shares of several decades
    QVERIFY(content.rowLabels.front().toDouble() > content.rowLabels.back().toDouble()); // large ones on top
    const auto& lines = panels.outlier->line()->series();
    QCOMPARE(lines.size(), std::size_t{2});
    for (std::size_t bucket = 0; bucket < lines[0].y.size(); ++bucket)
        QVERIFY(lines[0].y[bucket] > lines[1].y[bucket]); // the tail lies above the median
    panels.outlier->resize(900, 450);
    panels.outlier->show();
    QTest::keyClick(panels.outlier->map(), Qt::Key_Down); // a cell is told by keys alone
    QVERIFY2(panels.outlier->summary().contains("|x| from"), qPrintable(panels.outlier->summary()));
}

/// A colour is the same value in both, in every view: the range is that of the values of both.
void TestWidgetsOutliers::coloursOfAAndBAreShared() {
    PanelSet panels;
    OutlierPanel& panel = *panels.outlier;
    show(panels, CompareMode::A);
    const auto look = [&](CompareMode mode, bool alone) {
        Selection next = selected(mode);
        next.epsilon = 0.3; // so many that no share is all or nothing
        if (alone) next.conditionB = -1;
        panels.selection.setSelection(next);
        panel.ensureFresh();
        return std::pair(panel.map()->scale(), panel.documents()->scale());
    };
    int moved = 0, movedDocuments = 0;
    for (const char* view : {"shift", "magnitude", "positions"}) {
        QCOMPARE(panel.setOption("view", view), QString());
        const auto alone = look(CompareMode::A, true), ofA = look(CompareMode::A, false),
                   ofB = look(CompareMode::B, false);
        const bool perDocument = view == QLatin1String("positions");
        QVERIFY2(ofA.first == ofB.first, view);
        if (perDocument) QVERIFY(ofA.second == ofB.second);
        QVERIFY2(look(CompareMode::A, false).first == ofA.first, view);
        QVERIFY2(ofA.first.low <= alone.first.low && ofA.first.high >= alone.first.high, view);
        moved += alone.first != ofA.first;
        movedDocuments += perDocument && alone.second != ofA.second;
        QVERIFY(look(CompareMode::Difference, false).first.diverging);
    }
    QCOMPARE(moved, 3); // else nothing was tested
    QCOMPARE(movedDocuments, 1);
}

void TestWidgetsOutliers::positionsByDocument() {
    PanelSet panels;
    show(panels, CompareMode::A);
    QCOMPARE(panels.outlier->setOption("view", "positions"), QString());
    const auto tables = panels.outlier->tables();
    QCOMPARE(tables.size(), std::size_t{2});
    ResultTableModel* byDocument = tables[1].model;
    QCOMPARE(byDocument->rowCount(), 4 * 2);           // documents x zones
    for (int document = 0; document < 4; ++document) { // naive: walk down the bins to the top 0.1 %
        const QkStatistics& statistics = a().byDocument[static_cast<std::size_t>(document)];
        double counts[2][LogHistogram::binCount] = {};
        double total = 0, zoneTotal[2] = {};
        for (int zone = 0; zone < 2; ++zone)
            for (int pair = 0; pair < 16; ++pair)
                for (int bin = 0; bin < LogHistogram::binCount; ++bin) {
                    const auto count = static_cast<double>(
                        statistics.histogram(statistics.cell(2, QkTensor::K, RopeStage::Post, 0, pair, zone))
                            .countAt(bin));
                    counts[zone][bin] += count;
                    zoneTotal[zone] += count;
                    total += count;
                }
        double wanted = 1e-3 * total, top[2] = {};
        for (int bin = LogHistogram::binCount - 1; bin >= 0 && wanted > 0; --bin) {
            const double inBin = counts[0][bin] + counts[1][bin];
            const double part = inBin > 0 ? std::min(1.0, wanted / inBin) : 0;
            for (int zone = 0; zone < 2; ++zone) top[zone] += part * counts[zone][bin];
            wanted -= inBin;
        }
        for (int zone = 0; zone < 2; ++zone) {
            const double share = top[zone] / (top[0] + top[1]);
            const int row = 2 * document + zone;
            QVERIFY(std::abs(number(byDocument, row, "top_share") - share) < 1e-9);
            QVERIFY(std::abs(number(byDocument, row, "relative_share") - share / (zoneTotal[zone] / total))
                    < 1e-9);
        }
    }
    const BandGrid share = topShareByPosition(a(), QkTensor::K, RopeStage::Post, 1e-3, false);
    QVERIFY(std::equal(share.values.begin(), share.values.end(),
                       panels.outlier->map()->content().values.begin(), same));
    // a document of another session is compared with itself, found by its fingerprint
    panels.selection.setSelection(selected(CompareMode::Difference));
    const auto both = panels.outlier->tables();
    QCOMPARE(both.size(), std::size_t{2});
    QVERIFY(both[1].model->columnOf("relative_share_difference") > 0);
    QVERIFY(!panels.outlier->documents()->isHidden());
    // without statistics per document: the map alone
    auto pooled = std::make_shared<Session>(*session_);
    for (auto& condition : pooled->conditions) {
        auto copy = std::make_shared<ConditionResult>(*condition);
        copy->byDocument.clear();
        condition = copy;
    }
    panels.setSession(pooled);
    panels.selection.setSelection(selected(CompareMode::A));
    panels.outlier->ensureFresh();
    QVERIFY(panels.outlier->documents()->isHidden());
    QCOMPARE(panels.outlier->tables().size(), std::size_t{1});
}

void TestWidgetsOutliers::distortionsSubtract() {
    PanelSet panels;
    show(panels, CompareMode::Difference);
    panels.distortion->setVariant(1); // RMSE
    QAbstractItemModel* table = panels.distortion->tableModel();
    QCOMPARE(table->rowCount(), static_cast<int>(a().distortions.size()));
    for (int row = 0; row < table->rowCount(); ++row) {
        const Distortion& ofA = a().distortions[static_cast<std::size_t>(row)].distortion;
        const Distortion& ofB = b().distortions[static_cast<std::size_t>(row)].distortion;
        QVERIFY(same(number(table, row, "rmse_a"), ofA.rmse()));
        QVERIFY(same(number(table, row, "rmse_b"), ofB.rmse()));
        QVERIFY(same(number(table, row, "rmse_difference"), ofA.rmse() - ofB.rmse()));
        QVERIFY(same(number(table, row, "snr_db_difference"), ofA.snrDb() - ofB.snrDb()));
        QVERIFY(same(panels.distortion->plot()->content().values[static_cast<std::size_t>(row)],
                     ofA.rmse() - ofB.rmse()));
    }
    QVERIFY(number(table, 0, "rmse_difference") < 0);
    const ColorScale& scale = panels.distortion->plot()->scale();
    QVERIFY(scale.diverging && scale.low == -scale.high);
    QVERIFY(panels.distortion->summary().contains("A "));
    Selection next = selected(CompareMode::Difference);
    next.conditionB = indexOf(*other_, "yarn:4 · 1024 · none");
    panels.selection.setSelection(next);
    QVERIFY2(panels.distortion->emptyText().contains("no distortions"),
             qPrintable(panels.distortion->emptyText()));
}

QTEST_MAIN(TestWidgetsOutliers)
#include "test_widgets_outliers.moc"
