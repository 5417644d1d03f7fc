// Curves of losses, divergences, pairs and searches: what is drawn is what core computes, for A,
// for B, for A - B, within a session and between two.
#include "tests/widgets/two_sides.h"
#include "widgets/figures/figure_layout.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "core/diagnostics/tails.h"
#include "core/evaluate/blocks.h"
#include "core/session/search_record.h"

#include <QTemporaryDir>
#include <QtTest>

#include <algorithm>
#include <cmath>

using namespace qroar;
using namespace qroar::test;

class TestWidgetsCurves : public QObject {
    Q_OBJECT
  private slots:
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
        for (const char* word : {"--divergence", "--resume", "Tick \"Divergence\"", "press Run"})
            QVERIFY2(panel.emptyText().contains(word), qPrintable(panel.emptyText()));
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
            std::vector<WindowSum> sums; // of each window's tokens there
            for (const WindowNll& window : sides.ofA().windows) {
                sums.push_back({window.document, {}});
                for (std::size_t token = 0; token < window.nll.size(); ++token) {
                    const int position = static_cast<int>(token) + 1; // that is predicted
                    if (position >= edges[bucket] && position < edges[bucket + 1])
                        sums.back().values.add(window.nll[token]);
                }
            }
            const Pooled expected = poolWindows(sums, 1000);
            QCOMPARE(expected.blocks, 7); // documents
            QVERIFY(expected.low && *expected.low < *expected.high);
            QVERIFY(close(line->y[bucket], shown(expected.all.mean())));
            QVERIFY(close(line->low[bucket], shown(*expected.low)));
            QVERIFY(close(line->high[bucket], shown(*expected.high)));
        }
    }

    void pairedDifferences_data() {
        QTest::addColumn<bool>("two");
        QTest::newRow("one session") << false;
        QTest::newRow("two sessions") << true;
    }
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
        // mean losses are no ratio of A and B: the split is of one session, as on screen
        const auto comments = [&panel] {
            for (const DiagnosticPanel::Table& one : panel.tables())
                if (one.key == "four-way-split") return one.comments.join(u'|');
            return QStringLiteral("none");
        };
        QCOMPARE(comments(), QString("none"));
        sides.look(CompareMode::A);
        panel.ensureFresh();
        QVERIFY2(comments().contains("mean NLL (nats/token)"), qPrintable(comments()));
        QCOMPARE(panel.setOption("measure", "kl"), QString());
        panel.ensureFresh();
        QCOMPARE(comments(), QString("none"));
        sides.look(CompareMode::Difference); // B is full precision
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
        QVERIFY2(panel.emptyText().contains("have other tokens in B's session")
                     && panel.emptyText().contains(QString::fromStdString(others->documents[0].name))
                     && panel.emptyText().contains("tokenizers differ"),
                 qPrintable(panel.emptyText()));
        others = std::make_shared<Session>(*others);
        for (SessionDocument& document : others->documents) document.name += "2";
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
            {"displacement", // |omega - omega'| L, from the stored spec
             [&](int pair) {
                 const auto at = std::size_t(pair);
                 return std::abs(shown.table.plain[at] - shown.table.omega[at]) * 1024;
             }},
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
};

QTEST_MAIN(TestWidgetsCurves)
#include "test_widgets_curves.moc"
