// The panels of logit noise and of RoPE phases: checked numbers, comparison, empty states, options, tables;
// head groups in the views of noise, and what maps of damage add up to.
#include "core/diagnostics/damage_grid.h"
#include "core/diagnostics/noise_grid.h"
#include "tests/support/noisy_session.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/noise_panel.h"
#include "widgets/panels/outlier_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/plot/heat_map_plot.h"

#include <QLineEdit>
#include <QTemporaryDir>
#include <QtTest>

#include <cmath>
#include <functional>
#include <numbers>
#include <set>
#include <tuple>

using namespace qroar;
using namespace qroar::test;

namespace {

/// Index of a condition by its key's text.
int indexOf(const Session& session, const std::string& text) {
    for (std::size_t at = 0; at < session.conditions.size(); ++at)
        if (session.conditions[at]->key.text() == text) return static_cast<int>(at);
    return -1;
}

/// Noise of two head groups, the second twice as strong and more of one direction.
std::shared_ptr<const Session> withHeadGroups(const std::shared_ptr<const Session>& plain) {
    auto session = std::make_shared<Session>(*withNoise(plain, 2));
    for (auto& condition : session->conditions) {
        if (condition->noise.empty()) continue;
        auto own = std::make_shared<ConditionResult>(*condition);
        NoiseStatistics& noise = own->noise;
        const NoiseShape& shape = noise.shape();
        for (int layer = 0; layer < shape.layers; ++layer) {
            for (const QkTensor tensor : {QkTensor::Q, QkTensor::K})
                for (int pair = 0; pair < shape.pairs; ++pair)
                    for (int bucket = 0; bucket < shape.buckets(); ++bucket)
                        noise.errors()[noise.errorCell(layer, tensor, 1, pair, bucket)].sumXX *= 4;
            for (int distance = 0; distance < shape.distances(); ++distance) {
                const std::size_t cell = noise.logitCell(layer, 1, distance);
                for (std::size_t at = 0; at < static_cast<std::size_t>(shape.pairs); ++at)
                    noise.sumsOfAll()[cell * static_cast<std::size_t>(shape.pairs) + at] *= 2;
                for (std::size_t at = 0; at < shape.triangle(); ++at)
                    noise.productsOfAll()[cell * shape.triangle() + at] *= 4;
            }
        }
        condition = std::move(own);
    }
    return session;
}

const LinePlot::Series& emphasised(const NoisePanel& panel) {
    const auto& all = panel.plot()->series();
    return *std::find_if(all.begin(), all.end(), [](const auto& one) { return one.emphasised; });
}

} // namespace

class TestWidgetsNoise : public QObject {
    Q_OBJECT
    std::shared_ptr<const Session> plain_, noisy_;
    int first_ = -1, second_ = -1; ///< two quantized conditions of one context

  private slots:
    void initTestCase() {
        plain_ = makeSyntheticSession();
        noisy_ = withNoise(plain_);
        first_ = indexOf(*noisy_, "linear:4 · 1024 · rtn:4:g64");
        second_ = indexOf(*noisy_, "yarn:4 · 1024 · rtn:4:g64");
        QVERIFY(first_ >= 0 && second_ >= 0);
    }

    void aCurveForEveryConditionOfTheContext() {
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(noisy_);
        Selection next;
        next.condition = first_;
        next.layer = 2;
        next.band = 1; // pairs 2 and 3
        selection.setSelection(next);
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
        const auto& series = panel.plot()->series();
        QCOMPARE(series.size(), std::size_t{3}); // three RoPE specs
        const auto chosen =
            std::find_if(series.begin(), series.end(), [](const auto& s) { return s.emphasised; });
        QVERIFY(chosen != series.end());
        QCOMPARE(chosen->x.size(), std::size_t{10}); // 1, 2.., 512..1023
        const NoiseStatistics& noise = noisy_->conditions[static_cast<std::size_t>(first_)]->noise;
        const double scale = std::sqrt(noise.products(noise.logitCell(0, 0, 0))[0] / 100) / 0.01;
        const double expected = 0.01 * scale * 4 * std::sqrt(5.0 * 5 + 6 * 6); // layer 2, bucket 3
        QVERIFY(std::abs(chosen->y[3] - expected) < 1e-12);
        QVERIFY(std::abs(chosen->x[3] - std::sqrt(8.0 * 15)) < 1e-12);
        QCOMPARE(panel.tableModel()->rowCount(), 30);
        QVERIFY(panel.summary().contains(QStringLiteral("logits")));
        QCOMPARE(panel.setOption(QStringLiteral("pairs"), QStringLiteral("all")), QString());
        panel.ensureFresh();
        double squares = 0;
        for (int pair = 0; pair < 16; ++pair) squares += std::pow(0.01 * scale * (3 + pair) * 4, 2);
        const auto& all = panel.plot()->series();
        const auto again = std::find_if(all.begin(), all.end(), [](const auto& s) { return s.emphasised; });
        QVERIFY(std::abs(again->y[3] - std::sqrt(squares)) < 1e-12);
        next.pair = 2; // one pair of the band
        selection.setSelection(next);
        (void)panel.setOption(QStringLiteral("pairs"), QStringLiteral("selected"));
        panel.ensureFresh();
        const auto& one = panel.plot()->series();
        const auto single = std::find_if(one.begin(), one.end(), [](const auto& s) { return s.emphasised; });
        QVERIFY(std::abs(single->y[3] - 0.01 * scale * 4 * 5) < 1e-12);
    }

    void aCurveForEveryBand() {
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(noisy_);
        selection.setCondition(first_);
        QCOMPARE(panel.setOption(QStringLiteral("curves"), QStringLiteral("bands")), QString());
        panel.ensureFresh();
        QCOMPARE(panel.plot()->series().size(), std::size_t{9});
        panel.setBands(BandPartition::equal(16, 16)); // more than there are colours
        panel.ensureFresh();
        const auto& many = panel.plot()->series();
        QCOMPARE(many.size(), std::size_t{17});
        std::set<std::tuple<QRgb, int, int>> looks;
        for (const auto& one : many)
            looks.insert({one.category < 0 ? 0 : PlotTheme::forExport().category(one.category).rgb(),
                          one.marker, static_cast<int>(one.dash)});
        QCOMPARE(looks.size(), many.size());
        QVERIFY(many[1].marker != many[9].marker && many[1].dash != many[9].dash);
        panel.setBands(BandPartition::equal(4, 16)); // a view: no run is needed
        panel.ensureFresh();
        QCOMPARE(panel.plot()->series().size(), std::size_t{5});
        QCOMPARE(panel.setOption(QStringLiteral("measure"), QStringLiteral("mean")), QString());
        panel.ensureFresh();
        QVERIFY(panel.plot()->series().front().y.front() > 0);
    }

    void theDifferenceOfTwo() {
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(noisy_);
        Selection next;
        next.condition = first_;
        next.conditionB = second_;
        next.compare = CompareMode::Difference;
        selection.setSelection(next);
        panel.ensureFresh();
        const auto& series = panel.plot()->series();
        QCOMPARE(series.size(), std::size_t{3});
        for (std::size_t at = 0; at < series[2].y.size(); ++at)
            QVERIFY(std::abs(series[2].y[at] - (series[0].y[at] - series[1].y[at])) < 1e-15);
        QVERIFY(series[2].y.front() < 0); // the second one was made noisier
        next.conditionB = 0;              // full precision
        selection.setSelection(next);
        panel.ensureFresh();
        QVERIFY2(panel.emptyText().startsWith(QStringLiteral("none · 256 · FP is full precision"))
                     && panel.emptyText().contains(QStringLiteral("Choose a quantized condition")),
                 qPrintable(panel.emptyText()));
    }

    void theDifferenceOfEveryBand() {
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(noisy_);
        Selection next;
        next.condition = first_;
        next.conditionB = second_;
        next.compare = CompareMode::Difference;
        next.layer = 1;
        next.band = 3;
        QCOMPARE(panel.setOption(QStringLiteral("curves"), QStringLiteral("bands")), QString());
        const auto curvesOf = [&](CompareMode mode) {
            next.compare = mode;
            selection.setSelection(next);
            panel.ensureFresh();
            return panel.plot()->series();
        };
        const auto a = curvesOf(CompareMode::A), b = curvesOf(CompareMode::B),
                   difference = curvesOf(CompareMode::Difference);
        QCOMPARE(difference.size(), std::size_t{9}); // all pairs, and eight bands
        for (std::size_t curve = 0; curve < difference.size(); ++curve) {
            QCOMPARE(difference[curve].legendName, a[curve].name);
            QCOMPARE(difference[curve].y.size(), a[curve].y.size());
            for (std::size_t at = 0; at < a[curve].y.size(); ++at)
                QVERIFY(std::abs(difference[curve].y[at] - (a[curve].y[at] - b[curve].y[at])) < 1e-15);
        }
        QVERIFY(emphasised(panel).name.startsWith(QStringLiteral("A − B, ")));
        QVERIFY2(!panel.figureTitle().contains(difference[4].legendName), qPrintable(panel.figureTitle()));
        QCOMPARE(panel.tableModel()->rowCount(), static_cast<int>(9 * a[0].y.size()));
    }

    void mapsOfAHeadGroup() {
        const auto session = withHeadGroups(plain_);
        SelectionModel selection;
        HeatMapPanel panel(HeatMapMetric::Anisotropy, &selection);
        panel.setSession(session);
        const ConditionResult& one = *session->conditions[static_cast<std::size_t>(first_)];
        const BandPartition& bands = session->bands;
        const std::vector<std::pair<HeatMapMetric, std::function<BandGrid(int)>>> metrics{
            {HeatMapMetric::Anisotropy,
             [&](int group) { return anisotropyGrid(one, bands, QkTensor::K, group); }},
            {HeatMapMetric::NoiseDepth,
             [&](int group) { return noiseDepthGrid(one, session->model.attentionFactor(), bands, group); }},
            {HeatMapMetric::LogitNoiseRms,
             [&](int group) { return logitNoiseGrid(one, bands, LogitNoise::Rms, -1, group); }},
            {HeatMapMetric::LogitNoiseMean,
             [&](int group) { return logitNoiseGrid(one, bands, LogitNoise::Mean, -1, group); }}};
        Selection next;
        next.condition = first_;
        for (const auto& [metric, compute] : metrics) {
            panel.setMetric(metric);
            for (const int group : {-1, 0, 1}) { // only the group changes from one to the next
                next.group = group;
                selection.setSelection(next);
                QCOMPARE(panel.grid().values, compute(group).values);
                QCOMPARE(panel.figureTitle().contains(QStringLiteral("head group %1").arg(group)),
                         group >= 0);
            }
            QVERIFY(compute(0).values != compute(1).values && compute(1).values != compute(-1).values);
            QCOMPARE(panel.tableModel()->index(0, 1).data(ResultTableModel::valueRole).toInt(), 1);
        }
        panel.setMetric(HeatMapMetric::TopShare); // pooled, and says so
        QVERIFY2(panel.figureTitle().contains(QStringLiteral("all heads")), qPrintable(panel.figureTitle()));
        QCOMPARE(panel.tableModel()->index(0, 1).data().toString(), QStringLiteral("all"));
        panel.setMetric(HeatMapMetric::LogitNoiseRms);
        panel.setSession(noisy_); // has no groups
        QVERIFY(panel.figureTitle().contains(QStringLiteral("all heads")));
        QVERIFY(!panel.figureTitle().contains(QStringLiteral("head group")));
        panel.setSession(session);
        panel.setOther(noisy_); // A has them and B has not: neither is narrowed
        next.conditionB = second_;
        next.compare = CompareMode::Difference;
        selection.setSelection(next);
        const auto& other = *noisy_->conditions[static_cast<std::size_t>(second_)];
        QCOMPARE(panel.grid().values[5], logitNoiseGrid(one, bands, LogitNoise::Rms).values[5]
                                             - logitNoiseGrid(other, bands, LogitNoise::Rms).values[5]);
        QVERIFY(panel.figureTitle().contains(QStringLiteral("all heads")));
        OutlierPanel outliers(&selection);
        outliers.setSession(session);
        next.compare = CompareMode::A;
        selection.setSelection(next);
        outliers.ensureFresh();
        QVERIFY(outliers.figureTitle().contains(QStringLiteral("all heads")));
    }

    void curvesOfAHeadGroup() {
        const auto session = withHeadGroups(plain_);
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(session);
        Selection next;
        next.condition = first_;
        next.group = 0;
        next.layer = 99; // of another session
        selection.setSelection(next);
        panel.ensureFresh();
        const double first = emphasised(panel).y[2];
        const QString title = panel.figureTitle();
        QVERIFY2(title.contains(QStringLiteral("layer 5, head group 0")), qPrintable(title));
        QCOMPARE(panel.tableModel()->index(0, 1).data(ResultTableModel::valueRole).toInt(), 5);
        next.group = 1;
        selection.setSelection(next);
        panel.ensureFresh();
        QCOMPARE(emphasised(panel).y[2], 2 * first);
        panel.setSession(noisy_); // pooled: the same as without a group, and said
        panel.ensureFresh();
        QVERIFY(panel.figureTitle().contains(QStringLiteral("layer 5, all heads")));
        auto* table = static_cast<ResultTableModel*>(panel.tableModel());
        const int samples = table->columnOf(QStringLiteral("samples"));
        QCOMPARE(table->index(0, samples).data(ResultTableModel::valueRole).toDouble(), 100.0);
    }

    void damagesOfLayersAddUp() {
        SelectionModel selection;
        HeatMapPanel panel(HeatMapMetric::LayerDamageKl, &selection);
        panel.setSession(noisy_);
        selection.setCondition(first_);
        panel.ensureFresh(); // 0.01 (1 + ... + 6) / 0.1
        QVERIFY2(panel.summary().contains(QStringLiteral("all layers together: 2.10 ")),
                 qPrintable(panel.summary()));
        panel.setMetric(HeatMapMetric::BandDamageKl);
        panel.ensureFresh();
        QVERIFY(!panel.summary().contains(QStringLiteral("all layers together")));
    }

    void withoutNoiseItSaysWhatToRun() {
        SelectionModel selection;
        NoisePanel panel(&selection);
        panel.setSession(plain_);
        panel.ensureFresh();
        QVERIFY(panel.emptyText().contains(QStringLiteral("--noise")));
        QVERIFY(!panel.emptyText().contains(QStringLiteral("Add a quantizer"))); // it has one
        SyntheticOptions options;
        options.quants = {"none"};
        panel.setSession(makeSyntheticSession(options));
        panel.ensureFresh();
        QVERIFY2(panel.emptyText().contains(QStringLiteral("No condition with quantized weights"))
                     && panel.emptyText().contains(QStringLiteral("Add a quantizer")),
                 qPrintable(panel.emptyText()));
    }

    void phasesOfTheSessionsSpecs() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        selection.setCondition(indexOf(*plain_, "yarn:4 · 1024 · none"));
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
        const HeatMapPlot& none = *panel.maps()[0];
        QCOMPARE(none.content().rows, 16);
        const double theta = plain_->model.ropeTheta;
        const auto columns = static_cast<std::size_t>(none.content().columns);
        QCOMPARE(none.content().columnLabels.back(), QStringLiteral("1,024"));
        for (const int pair : {0, 3, 15}) {
            const double angle = 1024 * std::pow(theta, -2.0 * pair / plain_->model.rotaryDim);
            const double turns = std::floor(angle / (2 * std::numbers::pi) + 0.5);
            const double found = none.content().values[static_cast<std::size_t>(pair + 1) * columns - 1];
            QVERIFY(std::abs(found - (angle - 2 * std::numbers::pi * turns)) < 1e-6);
        }
        QCOMPARE(panel.setOption(QStringLiteral("value"), QStringLiteral("unwrapped")), QString());
        panel.ensureFresh();
        const HeatMapPlot& linear = *panel.maps()[2];
        QVERIFY(std::abs(linear.content().values[columns - 1] - 256) < 1e-9); // none, yarn:4, linear:4
        QVERIFY(panel.tableModel()->rowCount() > 3 * 16);
    }

    void typedSpecsAreAddedOrRefused() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        panel.specEdit()->setText(QStringLiteral("ntk:8"));
        emit panel.specEdit()->editingFinished();
        panel.ensureFresh();
        QCOMPARE(panel.specError(), QString());
        QVERIFY(panel.summary().contains(QStringLiteral("ntk:8")));
        panel.specEdit()->setText(QStringLiteral("yarm:8"));
        emit panel.specEdit()->editingFinished();
        panel.ensureFresh();
        QCOMPARE(panel.specError(), QString::fromStdString(RopeSpec::parse("yarm:8").error().message));
        QVERIFY(panel.emptyText().isEmpty()); // the others are still there
    }

    void typedSpecsAreAnOption() {
        SelectionModel selection;
        PhasePanel panel(&selection), other(&selection);
        for (PhasePanel* one : {&panel, &other}) one->setSession(plain_);
        const auto specs = [](const PhasePanel& of) {
            for (const DiagnosticPanel::Option& option : of.options())
                if (option.name == QLatin1String("specs")) return option.value;
            return QStringLiteral("no such option");
        };
        QCOMPARE(specs(panel), QString());
        panel.specEdit()->setText(QStringLiteral(" ntk:8 yarm:8  linear:2 "));
        emit panel.specEdit()->editingFinished();
        QCOMPARE(specs(panel), QStringLiteral("ntk:8 linear:2"));
        QCOMPARE(other.setOption(QStringLiteral("specs"), specs(panel)), QString());
        QVERIFY(other.summary().contains(QStringLiteral("ntk:8"))
                && other.summary().contains(QStringLiteral("linear:2")));
        const QString wrong = other.setOption(QStringLiteral("specs"), QStringLiteral("yarm:8"));
        QVERIFY2(wrong.contains(QString::fromStdString(RopeSpec::parse("yarm:8").error().message)),
                 qPrintable(wrong));
        QCOMPARE(specs(other), QStringLiteral("ntk:8 linear:2")); // as it was
        QCOMPARE(other.setOption(QStringLiteral("specs"), QString()), QString());
        QVERIFY(!other.summary().contains(QStringLiteral("ntk:8")));
    }

    void specsWithoutRoomAreNamed() {
        auto session = std::make_shared<Session>(*plain_);
        const ConditionResult& any = *session->conditions.front();
        for (const char* spec : {"ntk:8", "linear:8", "linear:2"}) {
            auto more = std::make_shared<ConditionResult>(any);
            more->key.rope = *RopeSpec::parse(spec);
            session->conditions.push_back(std::move(more));
        }
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(session);
        panel.ensureFresh();
        QVERIFY2(panel.specError().contains(QStringLiteral("4 different specs: linear:8, linear:2")),
                 qPrintable(panel.specError()));
        panel.specEdit()->setText(QStringLiteral("linear:2")); // what is typed comes first
        emit panel.specEdit()->editingFinished();
        panel.ensureFresh();
        QVERIFY2(panel.specError().endsWith(QStringLiteral("specs: ntk:8, linear:8")),
                 qPrintable(panel.specError()));
        QVERIFY(panel.summary().contains(QStringLiteral("linear:2")));
    }

    /// Two specs may give one table, at one L and not at another: both are named, and L is.
    void specsThatAreEqualAtALength() {
        auto session = std::make_shared<Session>(*plain_);
        for (const int context : {256, 1024}) {
            auto more = std::make_shared<ConditionResult>(*session->conditions.front());
            more->key.rope = *RopeSpec::parse("dynamic:2");
            more->key.context = context;
            session->conditions.push_back(std::move(more));
        }
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(session);
        selection.setCondition(indexOf(*session, "dynamic:2 · 256 · none"));
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().startsWith(
                     "Phases by pair and distance, L = 256: none = dynamic:2 · linear:4 · yarn:4"),
                 qPrintable(panel.figureTitle()));
        QCOMPARE(panel.maps()[0]->heading(), QString("none = dynamic:2"));
        QVERIFY(panel.summary().contains("none = dynamic:2: "));
        QVERIFY(panel.tableText().contains("\nnone = dynamic:2\t256\t0\t"));
        selection.setCondition(indexOf(*session, "dynamic:2 · 1024 · none"));
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().startsWith(
                     "Phases by pair and distance, L = 1,024: none · dynamic:2 · linear:4 · yarn:4"),
                 qPrintable(panel.figureTitle()));
        QVERIFY(panel.tableText().contains("\ndynamic:2\t1024\t0\t"));
        QCOMPARE(panel.setOption(QStringLiteral("value"), QStringLiteral("unwrapped")), QString());
        panel.ensureFresh();
        const auto& content = panel.maps()[1]->content(); // s in force: 2 L/L0 - 1 = 7
        const double d = session->model.rotaryDim;
        for (const int pair : {0, 7, 15}) {
            const double omega =
                std::pow(session->model.ropeTheta * std::pow(7.0, d / (d - 2)), -2.0 * pair / d);
            const double found = content.values[static_cast<std::size_t>((pair + 1) * content.columns) - 1];
            QVERIFY(std::abs(found - 1024 * omega) < 1e-9 * found);
        }
        QCOMPARE(panel.setOption(QStringLiteral("view"), QStringLiteral("curves")), QString());
        panel.ensureFresh();
        QVERIFY2(panel.figureTitle().contains("by distance, L = 1,024: "), qPrintable(panel.figureTitle()));
    }

    /// Short lists up to L0, long ones beyond.
    void longropeIsOfTheLengthThatIsNamed() {
        auto session = std::make_shared<Session>(*plain_);
        RopeSpec& stored = session->model.storedRope;
        stored = {};
        stored.kind = RopeKind::LongRope;
        stored.shortFactors.assign(16, 2.0);
        stored.longFactors.assign(16, 8.0);
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(session);
        QCOMPARE(panel.setOption(QStringLiteral("value"), QStringLiteral("unwrapped")), QString());
        QCOMPARE(panel.setOption(QStringLiteral("specs"), QStringLiteral("longrope")), QString());
        const std::tuple<const char*, const char*, double> cases[] = {
            {"none · 256 · none", ", L = 256: none · ", 256 / 2.0},
            {"none · 1024 · none", ", L = 1,024: none · ", 1024 / 8.0}};
        for (const auto& [condition, title, angle] : cases) {
            selection.setCondition(indexOf(*session, condition));
            panel.ensureFresh();
            QCOMPARE(panel.specError(), QString());
            QVERIFY2(panel.figureTitle().contains(QString::fromUtf8(title)), qPrintable(panel.figureTitle()));
            QCOMPARE(panel.maps()[3]->heading(), QString(condition).contains("256")
                                                     ? QString("longrope, short factors")
                                                     : QString("longrope, long factors"));
            QVERIFY(panel.tables().front().model->toCsv({}).contains(
                "\nlongrope,")); // files have the spec itself
            const auto& content = panel.maps()[3]->content();
            QCOMPARE(content.values[static_cast<std::size_t>(content.columns) - 1], angle); // pair 0: omega 1
        }
    }

    void curvesOfOnePair() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_);
        QCOMPARE(panel.setOption(QStringLiteral("view"), QStringLiteral("curves")), QString());
        QCOMPARE(panel.setOption(QStringLiteral("value"), QStringLiteral("cosine")), QString());
        selection.setPair(15);
        panel.ensureFresh();
        const auto& line = panel.curves()->series().front();
        const double omega = std::pow(plain_->model.ropeTheta, -30.0 / plain_->model.rotaryDim);
        QVERIFY(std::abs(line.y.back() - std::cos(omega * line.x.back())) < 1e-9);
    }

    /// Every spec with its own frequencies, written out here once more.
    void curvesOfEverySpec() {
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(plain_); // none, linear:4, yarn:4
        selection.setCondition(indexOf(*plain_, "linear:4 · 1024 · none"));
        panel.specEdit()->setText(QStringLiteral("ntk:8"));
        emit panel.specEdit()->editingFinished();
        QCOMPARE(panel.setOption(QStringLiteral("view"), QStringLiteral("curves")), QString());
        const ModelConfig& model = plain_->model;
        const double d = model.rotaryDim, theta = model.ropeTheta, pi = std::numbers::pi;
        const auto yarn = [&](double omega) { // YaRN, ramp over 1 to 32 turns within L0
            const double edges[] = {32.0, 1.0};
            double at[2];
            for (int edge = 0; edge < 2; ++edge)
                at[edge] =
                    d * std::log(model.trainedContext() / (edges[edge] * 2 * pi)) / (2 * std::log(theta));
            const double low = std::max(0.0, std::floor(at[0])), high = std::min(d - 1, std::ceil(at[1]));
            const double pair = -d / 2 * std::log(omega) / std::log(theta);
            const double ramp = std::clamp((pair - low) / (high - low), 0.0, 1.0);
            return omega * (1 - ramp) + omega / 4 * ramp;
        };
        const std::vector<std::pair<QString, std::function<double(double, int)>>> specs{
            {"none", [](double omega, int) { return omega; }},
            {"linear:4", [](double omega, int) { return omega / 4; }},
            {"yarn:4", [&](double omega, int) { return yarn(omega); }},
            {"ntk:8", [&](double omega, int i) { return omega * std::pow(8, -2 * i / (d - 2)); }}};
        const std::vector<std::pair<QString, std::function<double(double)>>> values{
            {"unwrapped", [](double angle) { return angle; }},
            {"cosine", [](double angle) { return std::cos(angle); }},
            {"wrapped", [&](double angle) { return angle - 2 * pi * std::round(angle / (2 * pi)); }}};
        for (const auto& [key, value] : values) {
            QCOMPARE(panel.setOption(QStringLiteral("value"), key), QString());
            for (const int pair : {3, 9, 15}) {
                selection.setPair(pair);
                panel.ensureFresh();
                const double omega = std::pow(theta, -2.0 * pair / d);
                for (const auto& [name, scaled] : specs) {
                    const auto& all = panel.curves()->series();
                    const auto line = std::find_if(all.begin(), all.end(),
                                                   [&](const auto& one) { return one.name == name; });
                    QVERIFY2(line != all.end(), qPrintable(name));
                    QCOMPARE(line->x.front(), 1.0);
                    QCOMPARE(line->x.back(), 1024.0);
                    for (std::size_t at = 0; at < line->x.size(); at += 37) {
                        const double angle = scaled(omega, pair) * line->x[at];
                        if (key == "wrapped" && pi - std::abs(value(angle)) < 1e-6) continue; // either end
                        QVERIFY2(std::abs(line->y[at] - value(angle)) < 1e-6,
                                 qPrintable(QString("%1 %2 pair %3").arg(key, name).arg(pair)));
                    }
                }
            }
        }
    }

    /// Only a model: no condition was run.
    void phasesWithoutAnAnalysis() {
        auto empty = std::make_shared<Session>(*plain_);
        empty->conditions.clear();
        SelectionModel selection;
        PhasePanel panel(&selection);
        panel.setSession(empty);
        panel.ensureFresh();
        QCOMPARE(panel.emptyText(), QString());
        QCOMPARE(panel.maps()[0]->content().rows, 16);
        panel.setSession(nullptr);
        QVERIFY(panel.emptyText().contains(QStringLiteral("Open a model")));
    }

    void figuresAndTablesAreWritten() {
        QTemporaryDir folder;
        SelectionModel selection;
        NoisePanel noise(&selection);
        PhasePanel phase(&selection);
        noise.setSession(noisy_);
        phase.setSession(noisy_);
        selection.setCondition(first_);
        for (DiagnosticPanel* panel : std::initializer_list<DiagnosticPanel*>{&noise, &phase})
            for (const char* suffix : {"png", "svg", "pdf", "csv"}) {
                QString error;
                const QString path =
                    folder.filePath(panel->title() + QLatin1Char('.') + QLatin1String(suffix));
                QVERIFY2(panel->exportTo(path, &error), qPrintable(error));
                QVERIFY(QFileInfo(path).size() > 500);
            }
    }
};

QTEST_MAIN(TestWidgetsNoise)
#include "test_widgets_noise.moc"
