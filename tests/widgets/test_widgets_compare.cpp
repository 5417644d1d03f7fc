// A, B and A - B where views cannot simply subtract two grids: phases of two RoPE specs, two searches,
// sessions with other numbers of pairs; what figures and tables say of the session of B; tables that hold
// what is drawn.
#include "core/diagnostics/pressure.h"
#include "core/session/search_record.h"
#include "core/session/what_if.h"
#include "tests/support/svg_text.h"
#include "tests/support/synthetic_session.h"
#include "tests/widgets/panel_set.h"
#include "widgets/figures/text_lines.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/search_panel.h"
#include "widgets/panels/what_if_comparison.h"
#include "widgets/plot/figure_export.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/spectrum_plot.h"

#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <numbers>

using namespace qroar;
using namespace qroar::test;

namespace {

constexpr double turn = 2 * std::numbers::pi;

int indexOf(const Session& in, const std::string& text) {
    for (std::size_t index = 0; index < in.conditions.size(); ++index)
        if (in.conditions[index]->key.text() == text) return static_cast<int>(index);
    return -1;
}

double number(const ResultTableModel& model, int row, const QString& key) {
    const int column = model.columnOf(key);
    return column < 0 ? std::nan("") : model.index(row, column).data(ResultTableModel::valueRole).toDouble();
}

double number(QAbstractItemModel* model, int row, const QString& key) {
    return number(*static_cast<ResultTableModel*>(model), row, key);
}

bool close(double a, double b) {
    return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b));
}

std::shared_ptr<const Session> sessionOf(int pairs, std::uint64_t seed = 1) {
    SyntheticOptions options;
    options.pairs = pairs;
    options.bands = pairs == 4 ? 2 : 8;
    options.seed = seed;
    return makeSyntheticSession(options);
}

/// A search with e^`ln` in band 1 of every layer and head, and trials whose objectives are `objectives`.
std::shared_ptr<SearchRecord> searchOf(const Session& session, const std::string& name,
                                       const std::string& rope, double ln,
                                       const std::vector<double>& objectives) {
    auto record = std::make_shared<SearchRecord>();
    record->scales.name = name;
    record->settings.rope = rope;
    record->settings.quant = "none";
    record->settings.contexts = {256, 1024};
    const int pairs = session.model.pairs();
    record->settings.bandEdges = {0, pairs / 2, pairs};
    record->settings.windows = std::vector<double>(static_cast<std::size_t>(session.model.layers) * 2, 1.5);
    QkGains gains = QkGains::ones(session.model);
    for (int layer = 0; layer < gains.layers; ++layer)
        for (int head = 0; head < gains.heads; ++head)
            for (int pair = pairs / 2; pair < pairs; ++pair)
                gains.queryGains(layer, head)[static_cast<std::size_t>(pair)] = std::exp(ln * (layer + 1));
    record->scales.gains = gains;
    for (const double objective : objectives) {
        SearchTrial trial;
        trial.objective = objective;
        trial.nll = {2.0, objective};
        trial.forwardEquivalents = 2;
        trial.accepted = true;
        record->trials.push_back(trial);
    }
    return record;
}

std::shared_ptr<const Session> withSearches(const std::shared_ptr<const Session>& plain,
                                            std::vector<std::shared_ptr<const SearchRecord>> searches) {
    auto session = std::make_shared<Session>(*plain);
    session->searches = std::move(searches);
    return session;
}

Selection comparing(int a, int b, CompareMode mode) {
    Selection selection;
    selection.condition = a;
    selection.conditionB = b;
    selection.compare = mode;
    return selection;
}

const ResultTableModel* tableNamed(DiagnosticPanel& panel, const QString& key) {
    for (const DiagnosticPanel::Table& table : panel.tables())
        if (table.key == key) return table.model;
    return nullptr;
}

QString optionOf(const DiagnosticPanel& panel, const QString& name) {
    for (const DiagnosticPanel::Option& option : panel.options())
        if (option.name == name) return option.value;
    return QStringLiteral("no such option");
}

} // namespace

class TestWidgetsCompare : public QObject {
    Q_OBJECT
    std::shared_ptr<const Session> plain_, small_, searched_;
    int none_ = -1, linear_ = -1, yarn_ = -1;

  private slots:
    void initTestCase() {
        plain_ = sessionOf(16);
        small_ = sessionOf(4, 5);
        none_ = indexOf(*plain_, "none · 1024 · none");
        linear_ = indexOf(*plain_, "linear:4 · 1024 · none");
        yarn_ = indexOf(*plain_, "yarn:4 · 1024 · none");
        QVERIFY(none_ >= 0 && linear_ >= 0 && yarn_ >= 0);
        searched_ = withSearches(plain_, {searchOf(*plain_, "one", "linear:4", 0.1, {3, 2.5}),
                                          searchOf(*plain_, "two", "none", 0.3, {4, 3, 2})});
    }

    void phasesOfB() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        selection.setSelection(comparing(none_, linear_, CompareMode::B));
        panel.ensureFresh();
        QCOMPARE(panel.setOption("value", "unwrapped"), QString());
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().contains("B: linear:4"), qPrintable(panel.figureTitle()));
        QCOMPARE(panel.plots().size(), 1);
        const auto& content = panel.maps()[0]->content();
        const std::size_t columns = static_cast<std::size_t>(content.columns);
        for (const std::size_t pair : {0U, 7U, 15U}) {
            const double omega =
                std::pow(plain_->model.ropeTheta, -2.0 * static_cast<double>(pair) / plain_->model.rotaryDim);
            QVERIFY(close(content.values[(pair + 1) * columns - 1], omega / 4 * 1024));
        }
        panel.setOther(small_, "small.h5"); // of another session, with other pairs
        selection.setSelection(comparing(none_, linear_, CompareMode::B));
        panel.ensureFresh();
        QCOMPARE(panel.maps()[0]->content().rows, 4);
        QVERIFY2(panel.figureTitle().contains("small.h5"), qPrintable(panel.figureTitle()));
        selection.setCompare(CompareMode::Difference);
        QVERIFY2(panel.emptyText().contains("16") && panel.emptyText().contains("4"),
                 qPrintable(panel.emptyText()));
    }

    void phaseErrorOfAandB() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        selection.setSelection(comparing(none_, linear_, CompareMode::Difference));
        panel.ensureFresh();
        QCOMPARE(panel.plots().size(), 1);
        QVERIFY2(panel.figureTitle().contains("none · 1,024 · FP minus linear:4 · 1,024 · FP"),
                 qPrintable(panel.figureTitle()));
        const auto values = [&panel](const char* value) {
            if (!panel.setOption("value", value).isEmpty()) return std::vector<double>();
            panel.ensureFresh();
            return panel.maps()[0]->content().values;
        };
        const std::size_t columns = static_cast<std::size_t>(panel.maps()[0]->content().columns);
        const auto unwrapped = values("unwrapped"), wrapped = values("wrapped"), cosine = values("cosine");
        QVERIFY(panel.maps()[0]->scale().diverging);
        QVERIFY(close(panel.maps()[0]->scale().low, -panel.maps()[0]->scale().high));
        int row = -1;
        for (const std::size_t pair : {0U, 3U, 15U}) {
            const double omega =
                std::pow(plain_->model.ropeTheta, -2.0 * static_cast<double>(pair) / plain_->model.rotaryDim);
            const double error = omega * 0.75 * 1024;
            const std::size_t cell = (pair + 1) * columns - 1;
            row = static_cast<int>(cell);
            QVERIFY(close(unwrapped[cell], error));
            QVERIFY(std::abs(wrapped[cell] - (error - turn * std::round(error / turn))) < 1e-6);
            QVERIFY(std::abs(cosine[cell] - (std::cos(omega * 1024) - std::cos(omega * 256))) < 1e-6);
            QVERIFY(close(number(panel.tableModel(), row, "angle_difference"), error));
            QCOMPARE(number(panel.tableModel(), row, "distance"), 1024.0);
        }
        // the curve of one pair, and its table
        selection.setPair(15);
        QCOMPARE(panel.setOption("view", "curves"), QString());
        QCOMPARE(panel.setOption("value", "unwrapped"), QString());
        panel.ensureFresh();
        const LinePlot::Series& line = panel.curves()->series().front();
        QCOMPARE(panel.tableModel()->rowCount(), static_cast<int>(line.x.size()));
        QVERIFY(close(number(panel.tableModel(), 500, "angle_difference"), line.y[500]));
        // the same spec
        selection.setSelection(
            comparing(none_, indexOf(*plain_, "none · 256 · none"), CompareMode::Difference));
        QVERIFY2(panel.summary().contains("no phase error"), qPrintable(panel.summary()));
    }

    /// Means subtract; the ends of two intervals do not.
    void endsOfIntervalsAreNotSubtracted() {
        WhatIf one, two;
        one.scales.gains = two.scales.gains = QkGains::ones(plain_->model);
        one.scales.name = "one";
        two.scales.name = "two";
        one.quantized.mean = -0.5, one.quantized.low = -0.75, one.quantized.high = -0.25;
        two.quantized.mean = -0.25, two.quantized.low = -0.5, two.quantized.high = 0;
        WhatIfComparison dialog(one, two, plain_->bands);
        const ResultTableModel& table = dialog.effects();
        int ends = 0;
        for (int row = 0; row < table.rowCount(); ++row) {
            const QString what = table.index(row, 0).data().toString();
            const QModelIndex difference = table.index(row, table.columnOf("difference"));
            if (what == QStringLiteral("Q+g − Q")) QCOMPARE(number(table, row, "difference"), -0.25);
            if (!what.contains("end of its interval")) continue;
            ++ends;
            QVERIFY(table.index(row, table.columnOf("a")).data(ResultTableModel::valueRole).isValid());
            QCOMPARE(difference.data().toString(), QStringLiteral("–"));
            QVERIFY(!difference.data(ResultTableModel::valueRole).isValid());
        }
        QCOMPARE(ends, 2);
    }

    void tablesOfPhasesHoldWhatIsDrawn() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        selection.setCondition(none_);
        panel.ensureFresh();
        const auto& map = panel.maps()[0]->content();
        QCOMPARE(panel.tableModel()->rowCount(), 3 * map.rows * map.columns); // three specs
        QVERIFY(close(number(panel.tableModel(), 6, "wrapped"), map.values[6]));
        const auto distances = [&panel] { // as they are read
            auto* model = static_cast<ResultTableModel*>(panel.tableModel());
            QStringList texts;
            for (int row = 0; row < panel.maps()[0]->content().columns; ++row)
                texts << model->index(row, model->columnOf("distance")).data().toString();
            return texts;
        };
        QCOMPARE(distances(), map.columnLabels);
        selection.setSelection(comparing(none_, linear_, CompareMode::Difference));
        panel.ensureFresh();
        QCOMPARE(distances(), panel.maps()[0]->content().columnLabels);
        selection.setSelection(comparing(none_, -1, CompareMode::A));
        QCOMPARE(panel.setOption("view", "curves"), QString());
        panel.ensureFresh();
        const auto& line = panel.curves()->series().front();
        QVERIFY(close(number(panel.tableModel(), 1999, "wrapped"), line.y[1999]));
    }

    void searchesAreChosenByTheirSpecs() {
        SelectionModel selection;
        SearchPanel panel(&selection);
        panel.setSession(searched_);
        selection.setCondition(linear_);
        panel.ensureFresh();
        QCOMPARE(panel.shown()->scales.name, std::string("two")); // alone: the newest
        QVERIFY2(panel.figureTitle().contains("two"), qPrintable(panel.figureTitle()));
        QCOMPARE(optionOf(panel, "search"), QString("two"));
        QCOMPARE(panel.setOption("search", "one"), QString());
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().contains("one"), qPrintable(panel.figureTitle()));
        QVERIFY(panel.setOption("search", "three").contains("one of two, one"));

        SearchPanel other(&selection);
        other.setSession(searched_);
        selection.setSelection(comparing(linear_, none_, CompareMode::A));
        other.ensureFresh();
        QCOMPARE(other.shown()->scales.name, std::string("one")); // A's, once it is compared
        selection.setCompare(CompareMode::B);
        other.ensureFresh();
        QCOMPARE(other.shown()->scales.name, std::string("two"));
        QVERIFY2(other.figureTitle().contains("B, two"), qPrintable(other.figureTitle()));
        QCOMPARE(other.trace()->series().back().y.back(), 2.0);
        selection.setConditionB(yarn_); // without a search of its own: words, not A's
        QVERIFY2(other.emptyText().contains("yarn:4") && other.emptyText().contains("two (none"),
                 qPrintable(other.emptyText()));
        QCOMPARE(other.setOption("search-b", "two"), QString());
        QCOMPARE(other.emptyText(), QString());
        QCOMPARE(other.shown()->scales.name, std::string("two"));
    }

    void searchesAreSubtracted() {
        SelectionModel selection;
        SearchPanel panel(&selection);
        panel.setSession(searched_);
        selection.setSelection(comparing(linear_, none_, CompareMode::Difference));
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
        const auto& content = panel.gains()->content();
        QCOMPARE(content.columns, 2);
        for (int layer = 0; layer < content.rows; ++layer) {
            QVERIFY(close(content.values[static_cast<std::size_t>(2 * layer)], 0));
            QVERIFY(
                close(content.values[static_cast<std::size_t>(2 * layer + 1)], (0.1 - 0.3) * (layer + 1)));
        }
        QVERIFY(panel.gains()->scale().diverging);
        QCOMPARE(panel.trace()->series().size(), std::size_t(4)); // best and accepted of both
        QCOMPARE(panel.trace()->series()[0].y.back(), 2.5);
        QCOMPARE(panel.trace()->series()[2].y.back(), 2.0);
        QVERIFY2(panel.summary().contains("not subtracted"), qPrintable(panel.summary()));
        QCOMPARE(panel.tableModel()->rowCount(), 5);
        QCOMPARE(number(panel.tableModel(), 2, "objective"), 4.0); // the first of B
        QVERIFY(close(number(*tableNamed(panel, "gains-drawn"), 3, "ln_gain_difference"), -0.4));
        QCOMPARE(panel.setOption("gains", "bands"), QString());
        panel.ensureFresh();
        const auto& line = panel.bandGains()->series().front();
        QVERIFY(close(line.y[1], -0.2 * 3.5) && close(line.low[1], -1.2) && close(line.high[1], -0.2));
        QVERIFY(close(number(*tableNamed(panel, "gains-drawn"), 1, "least"), -1.2));
        // a search that runs is seen whatever is compared
        panel.setLive(searchOf(*plain_, "running", "yarn:4", 0.2, {9, 8}));
        panel.ensureFresh();
        QCOMPARE(panel.trace()->series().front().y.back(), 8.0);
        panel.setLive(nullptr);
        // with itself
        selection.setSelection(comparing(none_, none_, CompareMode::Difference));
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().contains("of both A and B"), qPrintable(panel.figureTitle()));
        QVERIFY(panel.comparisonNote().contains("two"));
    }

    void searchesOfTwoSessions() {
        SelectionModel selection;
        SearchPanel panel(&selection);
        panel.setSession(searched_);
        const auto other =
            withSearches(sessionOf(16, 3), {searchOf(*plain_, "theirs", "yarn:4", 0.5, {1, 0.5})});
        panel.setOther(other, "other.h5");
        selection.setSelection(comparing(linear_, linear_, CompareMode::B));
        panel.ensureFresh();
        QCOMPARE(panel.shown()->scales.name, std::string("theirs"));
        QVERIFY2(panel.figureTitle().contains("other.h5"), qPrintable(panel.figureTitle()));
        selection.setCompare(CompareMode::Difference);
        panel.ensureFresh();
        QVERIFY(close(panel.gains()->content().values[1], 0.1 - 0.5));
        panel.setOther(plain_, "none.h5");
        QVERIFY2(panel.emptyText().contains("none.h5"), qPrintable(panel.emptyText()));
        panel.setOther(withSearches(small_, {searchOf(*small_, "small", "none", 0.5, {1, 0.5})}), "small.h5");
        QVERIFY2(panel.emptyText().contains("16 pairs"), qPrintable(panel.emptyText()));
        selection.setCompare(CompareMode::B);
        QCOMPARE(panel.emptyText(), QString());
    }

    void tablesOfSearchesHoldWhatIsDrawn() {
        SelectionModel selection;
        SearchPanel panel(&selection);
        panel.setSession(searched_);
        panel.ensureFresh();
        QCOMPARE(number(panel.tableModel(), 2, "cost_total"), 6.0);
        QCOMPARE(number(panel.tableModel(), 2, "nll_change_1024"), -2.0);
        const ResultTableModel* drawn = tableNamed(panel, "gains-drawn");
        QVERIFY(drawn);
        QCOMPARE(drawn->rowCount(), 6 * 2);
        QVERIFY(close(number(*drawn, 3, "gain"), std::exp(0.6)));
        QCOMPARE(panel.setOption("gains", "heads"), QString());
        selection.setLayer(2);
        panel.ensureFresh();
        drawn = tableNamed(panel, "gains-drawn");
        QCOMPARE(number(*drawn, 1, "layer"), 2.0);
        QVERIFY(close(number(*drawn, 1, "gain"), std::exp(0.9)));
        QCOMPARE(panel.setOption("gains", "bands"), QString());
        panel.ensureFresh();
        QVERIFY(close(number(*tableNamed(panel, "gains-drawn"), 1, "largest"), std::exp(1.8)));
        QCOMPARE(number(*tableNamed(panel, "gains-drawn"), 1, "window"), 1.5);
    }

    /// B is simply shown, whatever A has.
    void sessionsWithOtherPairs() {
        PanelSet panels;
        panels.setSession(plain_);
        const int b = indexOf(*small_, "yarn:4 · 1024 · none");
        for (const auto& [name, panel] : panels.all()) panel->setOther(small_, "small.h5");
        panels.selection.setSelection(comparing(yarn_, b, CompareMode::B));
        for (const auto& [name, panel] : panels.all())
            if (panel != panels.distortion.get()) // of weights as they are there is none
                QVERIFY2(panel->emptyText().isEmpty(), qPrintable(name + (": " + panel->emptyText())));
        const ConditionResult& of = *small_->conditions[static_cast<std::size_t>(b)];
        const auto pressure = pairPressure(of.table, of.key.context);
        QCOMPARE(panels.spectrum->setOption("curve", "ip_raw"), QString());
        panels.spectrum->ensureFresh();
        QCOMPARE(panels.spectrum->plot()->curve().size(), std::size_t(4));
        QVERIFY(close(panels.spectrum->plot()->curve()[3], pressure[3].raw));
        QCOMPARE(panels.spectrum->plot()->bands(), small_->bands);
        panels.spectrum->plot()->addEdge(3); // edges of B are not edited
        QCOMPARE(panels.spectrum->plot()->bands(), small_->bands);
        QCOMPARE(panels.tir->grid().bands, 2);
        QVERIFY(panels.pressure->figureTitle().contains("small.h5"));
        SelectionModel alone; // what its own session shows
        HistogramPanel own(&alone);
        own.setSession(small_);
        alone.setCondition(b);
        QCOMPARE(panels.histogram->curves().size(), own.curves().size());
        QCOMPARE(panels.histogram->curves().front().share, own.curves().front().share);
        panels.selection.setCompare(CompareMode::Difference);
        for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{
                 panels.spectrum.get(), panels.histogram.get(), panels.tir.get(), panels.pressure.get()})
            QVERIFY2(panel->emptyText().contains("cannot be subtracted"), qPrintable(panel->emptyText()));
        panels.selection.setCompare(CompareMode::A);
        QCOMPARE(panels.tir->grid().bands, plain_->bands.count());
        panels.spectrum->ensureFresh();
        QCOMPARE(panels.spectrum->plot()->bands(), plain_->bands);
    }

    void figuresNameTheSessionOfB() {
        PanelSet panels;
        panels.setSession(plain_);
        HistogramPanel& panel = *panels.histogram;
        panel.setProvenance("made of the first");
        panel.setOther(sessionOf(16, 9), "a-rather-long-name-of-a-session.h5", "made of the second");
        panels.selection.setSelection(comparing(yarn_, linear_, CompareMode::Difference));
        QCOMPARE(panel.setOption("comparison", "both"), QString());
        QVERIFY(panel.figureTitle().contains("(a-rather-long-name-of-a-session.h5)"));
        const QTemporaryDir folder;
        QString error;
        for (const char* suffix : {"svg", "csv"})
            QVERIFY2(panel.exportTo(folder.filePath(QString("x.") + suffix), &error,
                                    FigureStyle(FigureSize::TwoColumn)),
                     qPrintable(error));
        const QString csv = QString::fromUtf8(contentsOf(folder.filePath("x.csv")));
        QVERIFY2(
            csv.contains(
                "\n# A: made of the first\n# B, a-rather-long-name-of-a-session.h5: made of the second\n"),
            qPrintable(csv.left(400)));
        const QByteArray svg = contentsOf(folder.filePath("x.svg"));
        QVERIFY(svg.contains("made of the first") && svg.contains("made of the second"));
        // the legend has the whole name, and titles break between words only
        const QString text = svgText(svg);
        QVERIFY2(text.contains("B:linear:4·1,024·FP(a-rather-long-name-of-a-session.h5)"), qPrintable(text));
        panels.selection.setCompare(CompareMode::A);
        QCOMPARE(panel.tableComments().size(), 2);
        QCOMPARE(panel.tableComments().back(), QString("made of the first"));
    }

    void linesBreakBetweenWords() {
        const QFontMetricsF metrics(QFont{});
        const QString text = "Magnitudes of k: yarn:4 · 1,024 · rtn:4:g64, dashed";
        for (int width = 60; width < 600; width += 20)
            for (const QString& line : inLines(text, metrics, width).split('\n')) {
                QVERIFY(metrics.horizontalAdvance(line) <= width);
                if (width < 160) continue; // wider than any of its words
                for (const QString& word : line.split(' '))
                    QVERIFY2(text.split(' ').contains(word), qPrintable(word));
            }
        QCOMPARE(inLines(text, metrics, 100).remove('\n').remove(' '), QString(text).remove(' '));
        QVERIFY(inLines("rtn:4:g64:sym:act-in-one-word", metrics, 40).contains('\n'));
    }

    void tablesOfLossesHoldWhatIsDrawn() {
        SyntheticOptions options;
        options.divergence = true;
        const auto session = makeSyntheticSession(options);
        SelectionModel selection;
        PerplexityPanel panel(&selection);
        panel.setSession(session);
        const int a = indexOf(*session, "yarn:4 · 1024 · rtn:4:g64"),
                  b = indexOf(*session, "linear:4 · 1024 · rtn:4:g64");
        selection.setSelection(comparing(a, b, CompareMode::A));
        QCOMPARE(panel.setOption("measure", "ppl"), QString());
        panel.ensureFresh();
        QVERIFY(
            close(number(panel.tableModel(), a, "value"), std::exp(number(panel.tableModel(), a, "nll"))));
        bool whole = false; // the point of the figure with its interval
        for (const auto& line : panel.byContext()->series())
            for (std::size_t at = 0; at < line.x.size(); ++at)
                whole = whole
                        || (line.emphasised && line.x[at] == 1024
                            && close(number(panel.tableModel(), a, "value"), line.y[at])
                            && close(number(panel.tableModel(), a, "value_ci95_low"), line.low[at])
                            && close(number(panel.tableModel(), a, "value_ci95_high"), line.high[at]));
        QVERIFY(whole);
        const ResultTableModel* positions = tableNamed(panel, "by-position");
        QVERIFY(positions);
        bool drawn = false; // some row has the first point of the emphasised line
        for (const auto& line : panel.byPosition()->series())
            for (int row = 0; row < positions->rowCount(); ++row)
                drawn = drawn || (line.emphasised && close(number(*positions, row, "value"), line.y.front()));
        QVERIFY(drawn);
        for (const char* measure : {"kl-median", "kl-p99", "same-top"}) {
            QCOMPARE(panel.setOption("measure", measure), QString());
            panel.ensureFresh();
            const double low = number(panel.tableModel(), a, "value_ci95_low"),
                         value = number(panel.tableModel(), a, "value"),
                         high = number(panel.tableModel(), a, "value_ci95_high");
            QVERIFY2(low <= value && value <= high && high > 0, measure);
        }
        QCOMPARE(panel.setOption("measure", "nll"), QString());
        selection.setCompare(CompareMode::Difference);
        panel.ensureFresh();
        int row = 0;
        while (number(panel.tableModel(), row, "context") != 1024) ++row;
        const double difference = number(panel.tableModel(), row, "difference"),
                     high = number(panel.tableModel(), row, "difference_ci95_high"),
                     lossOfA = number(panel.tableModel(), row, "value_a");
        QCOMPARE(panel.setOption("measure", "ppl"), QString());
        panel.ensureFresh();
        QVERIFY(close(number(panel.tableModel(), row, "ratio"), std::exp(difference)));
        QVERIFY(close(number(panel.tableModel(), row, "ratio_ci95_high"), std::exp(high)));
        QVERIFY(close(number(panel.tableModel(), row, "value_a"), std::exp(lossOfA)));
        QVERIFY(std::isnan(number(panel.tableModel(), row, "difference"))); // no such column
    }

    void linesOfMagnitudesAreATable() {
        SelectionModel selection;
        OutlierPanel panel(&selection);
        panel.setSession(plain_);
        selection.setSelection(comparing(yarn_, linear_, CompareMode::A));
        panel.ensureFresh();
        QVERIFY(!tableNamed(panel, "lines"));
        QCOMPARE(panel.setOption("view", "magnitude"), QString());
        panel.ensureFresh();
        const ResultTableModel* lines = tableNamed(panel, "lines");
        QVERIFY(lines && lines->rowCount() > 3);
        const LinePlot* plot = qobject_cast<LinePlot*>(panel.plots().back());
        QVERIFY(plot && plot->series().size() == 2);
        int compared = 0;
        for (int bucket = 0; bucket < lines->rowCount(); ++bucket) {
            const auto at = static_cast<std::size_t>(bucket);
            if (std::isnan(plot->series()[0].y[at])) continue; // no samples
            QVERIFY(close(number(*lines, bucket, "tail_quantile"), plot->series()[0].y[at]));
            QVERIFY(close(number(*lines, bucket, "median"), plot->series()[1].y[at]));
            ++compared;
        }
        QVERIFY(compared > 3);
    }
};

QTEST_MAIN(TestWidgetsCompare)
#include "test_widgets_compare.moc"
