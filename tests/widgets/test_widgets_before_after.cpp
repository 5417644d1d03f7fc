// Before and after a search for gains in every diagnostic view: what is shown is the session's statistics of
// the one, the other, or their difference, in pictures, tables and CSV alike.
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/common/before_after.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/tails.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>

using namespace qroar;
using namespace qroar::test;

namespace {

/// A session whose conditions under yarn:4 were run with gains too; their statistics differ from those
/// without.
std::shared_ptr<const Session> sessionWithGains(const std::vector<std::string>& names = {"g1"}) {
    auto session = std::make_shared<Session>(*makeSyntheticSession());
    for (std::size_t set = 0; set < names.size(); ++set) {
        SyntheticOptions other;
        other.seed = 7 + set;
        const auto made = makeSyntheticSession(other);
        for (const auto& condition : made->conditions) {
            if (condition->key.rope.text() != "yarn:4") continue;
            auto scaled = std::make_shared<ConditionResult>(*condition);
            scaled->key.scales = names[set];
            session->conditions.push_back(scaled);
        }
    }
    return session;
}

int indexOf(const Session& session, const std::string& text) {
    for (std::size_t index = 0; index < session.conditions.size(); ++index)
        if (session.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

const ConditionResult& at(const Session& session, int index) {
    return *session.conditions[static_cast<std::size_t>(index)];
}

ConditionKey keyOf(const std::string& rope, int context, const std::string& scales) {
    ConditionKey key;
    key.rope = *RopeSpec::parse(rope);
    key.context = context;
    key.quant = *QuantSpec::parse("rtn:4:g64");
    key.scales = scales;
    return key;
}

double number(QAbstractItemModel* model, int row, const QString& key) {
    const int column = static_cast<ResultTableModel*>(model)->columnOf(key);
    return column < 0 ? std::nan("") : model->index(row, column).data(ResultTableModel::valueRole).toDouble();
}

bool same(double a, double b) {
    return a == b || (std::isnan(a) && std::isnan(b));
}

/// Share of all |x| of a band in [from, to), by counting the cells of the statistics one by one.
double countedShare(const QkStatistics& statistics, const Selection& selection, const BandPartition& bands,
                    int firstBin, int endBin) {
    const StatisticsShape& shape = statistics.shape();
    double inside = 0, all = 0;
    for (int group = 0; group < shape.groups; ++group)
        for (int pair = bands.begin(selection.band); pair < bands.end(selection.band); ++pair)
            for (int bucket = 0; bucket < shape.buckets(); ++bucket) {
                const LogHistogram& cell = statistics.histogram(
                    statistics.cell(selection.layer, selection.tensor, selection.stage, group, pair, bucket));
                all += static_cast<double>(cell.total());
                for (int bin = firstBin; bin < endBin; ++bin)
                    inside += static_cast<double>(cell.countAt(bin));
            }
    return inside / all;
}

} // namespace

class TestWidgetsBeforeAfter : public QObject {
    Q_OBJECT
    std::shared_ptr<const Session> session_ = sessionWithGains();
    int before_ = indexOf(*session_, keyOf("yarn:4", 1024, "").text());
    int after_ = indexOf(*session_, keyOf("yarn:4", 1024, "g1").text());

    [[nodiscard]] Selection selected(int condition, bool difference) const {
        Selection selection;
        selection.layer = 2;
        selection.band = 5;
        selection.condition = condition;
        selection.difference = difference;
        return selection;
    }

  private slots:
    void twinsDifferInGainsOnly() {
        QVERIFY(before_ >= 0 && after_ >= 0);
        for (const int either : {before_, after_})
            QCOMPARE(scaleTwins(*session_, either, {}), (ScaleTwins{before_, after_}));
        const int alone = indexOf(*session_, keyOf("linear:4", 1024, "").text());
        QCOMPARE(scaleTwins(*session_, alone, {}), (ScaleTwins{alone, -1}));
        QVERIFY(whyNoTwins(*session_, alone).contains("linear:4"));
        QVERIFY(whyNoTwins(*session_, after_).isEmpty());
        QVERIFY(!whyNoTwins(*makeSyntheticSession(), 0).isEmpty());
        QCOMPARE(scaleTwins(*session_, -1, {}), ScaleTwins());
        QCOMPARE(scaleTwins(*session_, 10000, {}), ScaleTwins());
        // of several gains: the last, the preferred, or the one that is selected
        const auto several = sessionWithGains({"g1", "g2", "g3"});
        const auto after = [&](const char* name) {
            return indexOf(*several, keyOf("yarn:4", 1024, name).text());
        };
        QCOMPARE(scaleTwins(*several, before_, {}).after, after("g3"));
        QCOMPARE(scaleTwins(*several, before_, "g2").after, after("g2"));
        QCOMPARE(scaleTwins(*several, before_, "g1").after, after("g1"));
        QCOMPARE(scaleTwins(*several, after("g1"), "g2").after, after("g1"));
    }

    void heatMapsSubtractEveryMetric() {
        PanelSet panels;
        panels.setSession(session_);
        const ConditionResult &before = at(*session_, before_), &after = at(*session_, after_);
        const auto reference = session_->shortReference(before);
        QVERIFY(reference == session_->shortReference(after));
        const BandPartition& bands = session_->bands;
        using Compute = std::function<BandGrid(const ConditionResult&)>;
        const std::vector<std::tuple<HeatMapMetric, QString, Compute>> metrics{
            {HeatMapMetric::TailInflation, "tir",
             [&](const auto& one) {
                 return tailInflation(one, *reference, bands, {QkTensor::K, RopeStage::Post, 1e-3, false});
             }},
            {HeatMapMetric::PressureWeighted, "ip_weighted",
             [&](const auto& one) {
                 return pressureGrid(PressureForm::EnergyWeighted, one.table, 1024, bands, one.statistics);
             }},
            {HeatMapMetric::TopShare, "top_share", [&](const auto& one) {
                 return topShareByBand(one, bands, QkTensor::K, RopeStage::Post, 1e-3);
             }}};
        for (const auto& [metric, key, compute] : metrics) {
            panels.tir->setMetric(metric);
            const BandGrid was = compute(before), is = compute(after);
            panels.selection.setSelection(selected(before_, false));
            QVERIFY(same(panels.tir->grid().at(2, 5), was.at(2, 5)));
            const ColorScale first = panels.tir->plot()->scale();
            panels.selection.setSelection(selected(after_, false));
            QVERIFY(same(panels.tir->grid().at(2, 5), is.at(2, 5)));
            QCOMPARE(panels.tir->plot()->scale(), first); // one range for both
            panels.selection.setSelection(selected(after_, true));
            const BandGrid shown = panels.tir->grid();
            QAbstractItemModel* table = panels.tir->tableModel();
            QCOMPARE(table->rowCount(), 6 * 8);
            bool moved = false;
            for (int row = 0; row < table->rowCount(); ++row) {
                const double a = was.at(row / 8, row % 8), b = is.at(row / 8, row % 8);
                QVERIFY(same(shown.at(row / 8, row % 8), b - a));
                QVERIFY(same(number(table, row, key + "_before"), a));
                QVERIFY(same(number(table, row, key + "_after"), b));
                QVERIFY(same(number(table, row, key + "_difference"), b - a));
                QVERIFY(same(panels.tir->plot()->content().values[static_cast<std::size_t>(row)], b - a));
                moved = moved || std::abs(b - a) > 1e-3;
            }
            QVERIFY(moved); // else nothing was tested
            const ColorScale& scale = panels.tir->plot()->scale();
            QVERIFY(scale.diverging && !scale.logarithmic);
            QCOMPARE(scale.low, -scale.high);
            QVERIFY(panels.tir->plot()->content().valueTitle.contains("after − before"));
            QVERIFY(panels.tir->figureTitle().startsWith("Δ"));
            QVERIFY(panels.tir->figureTitle().contains("g1"));
            QVERIFY(panels.tir->summary().contains("before"));
        }
        // the frequencies alone: exactly nothing, said and not lit up
        panels.tir->setMetric(HeatMapMetric::PressureSaturated);
        for (const double value : panels.tir->grid().values) QCOMPARE(value, 0.0);
        QVERIFY(panels.tir->summary().contains("gains change nothing"));
        // a metric that one of the twins cannot have
        panels.tir->setMetric(HeatMapMetric::TailInflation);
        auto partly = std::make_shared<Session>(*session_);
        auto bare = std::make_shared<ConditionResult>(before);
        bare->statistics = {};
        partly->conditions[static_cast<std::size_t>(before_)] = bare;
        panels.setSession(partly);
        QVERIFY2(panels.tir->emptyText().contains("yarn:4"), qPrintable(panels.tir->emptyText()));
        QVERIFY(!panels.outlier->emptyText().isEmpty());
        panels.selection.setSelection(selected(after_, false));
        QVERIFY(panels.tir->emptyText().isEmpty());
    }

    void csvCarriesTheDifference() {
        PanelSet panels;
        panels.setSession(session_);
        panels.selection.setSelection(selected(after_, true));
        const QTemporaryDir folder;
        const QString path = folder.filePath("tir.csv");
        QString error;
        QVERIFY2(panels.tir->exportTo(path, &error), qPrintable(error));
        QFile file(path);
        QVERIFY(file.open(QIODevice::ReadOnly));
        QStringList lines = QString::fromUtf8(file.readAll()).split('\n', Qt::SkipEmptyParts);
        lines.erase(std::remove_if(lines.begin(), lines.end(),
                                   [](const QString& line) { return line.startsWith('#'); }),
                    lines.end());
        QCOMPARE(lines.size(), 1 + 6 * 8);
        QVERIFY2(lines[0].endsWith("tir_before,tir_after,tir_difference"), qPrintable(lines[0]));
        for (int row = 0; row < 6 * 8; ++row) {
            const QStringList cells = lines[row + 1].split(',');
            const double before = cells[6].toDouble(), after = cells[7].toDouble();
            QCOMPARE(cells[8].toDouble(), after - before);
            QVERIFY(same(cells[8].toDouble(), panels.tir->grid().at(row / 8, row % 8)));
        }
    }

    void histogramOverlaysBeforeDashed() {
        PanelSet panels;
        panels.setSession(session_);
        panels.selection.setSelection(selected(after_, false));
        const auto plain = panels.histogram->curves().size(); // three contexts and the reference
        QCOMPARE(plain, std::size_t{4});
        panels.selection.setSelection(selected(after_, true));
        const auto& curves = panels.histogram->curves();
        QCOMPARE(curves.size(), std::size_t{7});
        int dashed = 0;
        for (std::size_t at = 0; at < curves.size(); ++at) {
            const HistogramPanel::Curve& curve = curves[at];
            const ConditionResult& condition = ::at(*session_, curve.condition);
            const LinePlot::Series& drawn = panels.histogram->plot()->series()[at];
            if (!curve.isReference) {
                QCOMPARE(curve.isBefore, condition.key.scales.empty());
                QCOMPARE(drawn.dash, curve.isBefore ? Qt::DashLine : Qt::SolidLine);
                dashed += curve.isBefore ? 1 : 0;
            }
            // the middle point of the curve, counted in the statistics
            const std::size_t point = curve.centre.size() / 2;
            int bin = 1;
            while (LogHistogram::binLower(bin + HistogramPanel::binsPerPoint) < curve.centre[point])
                bin += HistogramPanel::binsPerPoint;
            const double share = countedShare(condition.statistics, panels.selection.selection(),
                                              session_->bands, bin, bin + HistogramPanel::binsPerPoint);
            const double expected = share * LogHistogram::binsPerOctave / HistogramPanel::binsPerPoint;
            QVERIFY2(std::abs(curve.share[point] / expected - 1) < 1e-9, qPrintable(curve.name));
        }
        QCOMPARE(dashed, 3);
        // curves of one context share a colour
        const auto& series = panels.histogram->plot()->series();
        QCOMPARE(series[1].category, series[2].category);
        QVERIFY(series[1].category != series[3].category);
        int beforeRows = 0, afterRows = 0;
        QAbstractItemModel* table = panels.histogram->tableModel();
        const int quant = static_cast<ResultTableModel*>(table)->columnOf("quant");
        for (int row = 0; row < table->rowCount(); ++row)
            (table->index(row, quant).data().toString().contains("g1") ? afterRows : beforeRows) += 1;
        QVERIFY(beforeRows > 0 && afterRows > 0);
        QVERIFY(panels.histogram->summary().contains("before"));
    }

    void outlierShiftSubtracts() {
        PanelSet panels;
        panels.setSession(session_);
        panels.selection.setSelection(selected(before_, true)); // either of the twins will do
        const auto share = [&](int condition, bool relative) {
            return topShareByPosition(at(*session_, condition), QkTensor::K, RopeStage::Post, 1e-3, relative);
        };
        const BandGrid was = share(before_, true), is = share(after_, true);
        QAbstractItemModel* table = panels.outlier->tableModel();
        QCOMPARE(table->rowCount(), is.layers * is.bands);
        for (int row = 0; row < table->rowCount(); ++row) {
            const int layer = row / is.bands, bucket = row % is.bands;
            const double expected = is.at(layer, bucket) - was.at(layer, bucket);
            QVERIFY(same(number(table, row, "relative_share_before"), was.at(layer, bucket)));
            QVERIFY(same(number(table, row, "relative_share_after"), is.at(layer, bucket)));
            QVERIFY(same(number(table, row, "relative_share_difference"), expected));
            QVERIFY(same(number(table, row, "top_share_after"), share(after_, false).at(layer, bucket)));
            QVERIFY(same(panels.outlier->map()->content().values[static_cast<std::size_t>(row)], expected));
        }
        const auto& lines = panels.outlier->line()->series();
        QCOMPARE(lines.size(), std::size_t{2});
        QCOMPARE(lines[0].dash, Qt::DashLine);
        for (int bucket = 0; bucket < is.bands; ++bucket) {
            QVERIFY(same(lines[0].y[static_cast<std::size_t>(bucket)], was.at(2, bucket)));
            QVERIFY(same(lines[1].y[static_cast<std::size_t>(bucket)], is.at(2, bucket)));
        }
        const ColorScale& scale = panels.outlier->map()->scale();
        QVERIFY(scale.diverging && scale.low == -scale.high);
    }

    void theBoxChoosesForAllViews() {
        PanelSet panels;
        panels.tir->show();
        panels.histogram->show();
        panels.setSession(makeSyntheticSession());
        panels.tir->ensureFresh();
        BeforeAfterBox* box = panels.tir->beforeAfter();
        QVERIFY(box->isHidden()); // no gains anywhere: no box
        panels.setSession(session_);
        panels.selection.setSelection(selected(indexOf(*session_, keyOf("linear:4", 1024, "").text()), true));
        panels.tir->ensureFresh();
        QVERIFY(!box->isHidden() && !box->isEnabled());
        QVERIFY2(box->toolTip().contains("not run with gains"), qPrintable(box->toolTip()));
        QVERIFY(!panels.tir->figureTitle().startsWith("Δ")); // asked for, but not possible

        panels.selection.setSelection(selected(before_, false));
        panels.tir->ensureFresh();
        QVERIFY(box->isEnabled());
        QCOMPARE(box->shown(), BeforeAfter::Before);
        box->setFocus();
        QTest::keyClick(box, Qt::Key_Down);
        QCOMPARE(panels.selection.selection().condition, after_);
        QVERIFY(!panels.selection.selection().difference);
        QTest::keyClick(box, Qt::Key_Down);
        QVERIFY(panels.selection.selection().difference);
        panels.tir->ensureFresh();
        panels.histogram->ensureFresh();
        QCOMPARE(box->shown(), BeforeAfter::Difference);
        QCOMPARE(panels.histogram->beforeAfter()->shown(), BeforeAfter::Difference); // linked
        QTest::keyClick(box, Qt::Key_Home);
        QCOMPARE(panels.selection.selection().condition, before_);
        QVERIFY(!panels.selection.selection().difference);
        QCOMPARE(panels.selection.selection().scales, std::string("g1"));
    }

    void lockedRangesAreOfOneKind() {
        PanelSet panels;
        panels.setSession(session_);
        panels.selection.setSelection(selected(before_, false));
        panels.tir->ensureFresh();
        panels.tir->setRangeLocked(true);
        panels.selection.setSelection(selected(after_, true));
        panels.tir->ensureFresh();
        QCOMPARE(panels.tir->plot()->scale().low,
                 -panels.tir->plot()->scale().high); // not that of the ratios
        const ColorScale kept = panels.tir->plot()->scale();
        panels.selection.setSelection(selected(indexOf(*session_, keyOf("yarn:4", 4096, "g1").text()), true));
        panels.tir->ensureFresh();
        QCOMPARE(panels.tir->plot()->scale(), kept);
    }
};

QTEST_MAIN(TestWidgetsBeforeAfter)
#include "test_widgets_before_after.moc"
