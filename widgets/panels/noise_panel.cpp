#include "widgets/panels/noise_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// By marker and dashes where the colours come again. Plain dashes are those of all pairs.
void tellApart(LinePlot::Series& series, int index) {
    constexpr QCPScatterStyle::ScatterShape markers[] = {QCPScatterStyle::ssCircle, QCPScatterStyle::ssSquare,
                                                         QCPScatterStyle::ssTriangle,
                                                         QCPScatterStyle::ssDiamond};
    constexpr Qt::PenStyle dashes[] = {Qt::SolidLine, Qt::DashDotLine, Qt::DotLine, Qt::DashDotDotLine};
    const auto round = static_cast<size_t>(index / PlotTheme::categories) % std::size(markers);
    series.marker = markers[round];
    series.dash = dashes[round];
}

/// Full precision: what noise is measured against.
bool isReference(const ConditionKey& key) {
    return key.quant.kind == QuantKind::None && key.scales.empty();
}

QString referenceText(const QString& name) {
    return NoisePanel::tr("%1 is full precision, which the noise of the others is measured against: it has "
                          "none of its own. Choose a quantized condition in its place.")
        .arg(name);
}

} // namespace

NoisePanel::NoisePanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Logit noise"), selection, parent), plot_(new LinePlot(this)),
      formBox_(new CompactComboBox(this)), curvesBox_(new CompactComboBox(this)),
      pairsBox_(new CompactComboBox(this)) {
    formBox_->addEntry(tr("RMS of the noise"), tr("RMS"));
    formBox_->addEntry(tr("Mean of the noise"), tr("Mean"));
    formBox_->setAccessibleName(tr("Measure"));
    const QString handbook = u'\n' + tr("Handbook (F1): theory.md#quantization-noise-ours");
    formBox_->setItemData(
        0,
        tr("√(mean (c − c_ref)²) over sampled queries and keys, c = q·k/√d_head of the band's pairs after "
           "RoPE. [ours]")
            + handbook,
        Qt::ToolTipRole);
    formBox_->setItemData(
        1,
        tr("mean (c − c_ref) over sampled queries and keys, c = q·k/√d_head of the band's pairs after "
           "RoPE. [ours]")
            + handbook,
        Qt::ToolTipRole);
    curvesBox_->addEntry(tr("One curve for every condition"), tr("by condition"));
    curvesBox_->addEntry(tr("One curve for every band"), tr("by band"));
    curvesBox_->setAccessibleName(tr("Curves"));
    pairsBox_->addEntry(tr("The selected band or pair"), tr("band"));
    pairsBox_->addEntry(tr("All pairs together"), tr("all pairs"));
    pairsBox_->setAccessibleName(tr("Pairs"));
    addOption(QStringLiteral("measure"), formBox_, {QStringLiteral("rms"), QStringLiteral("mean")});
    addOption(QStringLiteral("curves"), curvesBox_, {QStringLiteral("conditions"), QStringLiteral("bands")});
    addOption(QStringLiteral("pairs"), pairsBox_, {QStringLiteral("selected"), QStringLiteral("all")});
    for (CompactComboBox* box : {formBox_, curvesBox_, pairsBox_}) {
        addControl(box);
        connect(box, &QComboBox::currentIndexChanged, this, [this] {
            home();
            invalidate(OptionsChanged);
        });
    }
    plot_->setLegendAbove(true);
    setContent(plot_);
    addFigurePart(plot_);
}

LogitNoise NoisePanel::form() const {
    return formBox_->currentIndex() == 0 ? LogitNoise::Rms : LogitNoise::Mean;
}

void NoisePanel::refresh(Changes) {
    pairsBox_->setEnabled(curvesBox_->currentIndex() == Conditions);
    std::vector<Curve> curves;
    QString note;
    if (selection().compare == CompareMode::Difference)
        note = addDifference(curves);
    else if (curvesBox_->currentIndex() == Bands)
        addBands(curves);
    else
        addConditions(curves);
    if (curves.empty()) return showEmpty(note.isEmpty() ? emptyReason() : note);
    draw(curves);
    fillTable(curves);
    showContent(tr("Logit noise by distance"), whereText(curves.front().layer), summaryOf(curves));
}

NoisePanel::Curve NoisePanel::curveOf(const Result& condition, int band) const {
    const NoiseStatistics& noise = condition->noise;
    const NoiseShape& shape = noise.shape();
    Curve curve;
    curve.condition = condition;
    curve.band = band;
    curve.edges = shape.distanceEdges;
    int first = 0, end = shape.pairs;
    const int pair = selection().pair;
    if (band >= 0) {
        first = bands().begin(band);
        end = bands().end(band);
        if (curvesBox_->currentIndex() == Conditions && pair >= first && pair < end) {
            first = pair;
            end = pair + 1;
        }
    }
    const int layer = curve.layer = selectedLayer(shape.layers), group = headGroup();
    for (int distance = 0; distance < shape.distances(); ++distance) {
        const auto at = static_cast<size_t>(distance);
        double samples = 0;
        for (int each = 0; each < shape.groups; ++each)
            if (group < 0 || each == group) samples += noise.samples(noise.logitCell(layer, each, distance));
        curve.samples.push_back(samples);
        curve.series.x.push_back(
            std::sqrt(static_cast<double>(shape.distanceEdges[at]) * (shape.distanceEdges[at + 1] - 1)));
        curve.series.y.push_back(logitNoise(noise, form(), layer, first, end, distance, group));
    }
    curve.series.marker = QCPScatterStyle::ssCircle;
    return curve;
}

void NoisePanel::addConditions(std::vector<Curve>& curves) const {
    const Side side = shown();
    if (!side.condition) return;
    const int band = pairsBox_->currentIndex() == 1 ? -1 : selectedBand();
    const auto& all = side.session->conditions;
    std::vector<int> contexts;
    for (const auto& one : all)
        if (!one->noise.empty()) contexts.push_back(one->key.context);
    // of one context, so that curves differ by what was changed: that of the selected condition, if it has
    // any
    const int wanted = side.condition->key.context;
    const bool narrow = std::find(contexts.begin(), contexts.end(), wanted) != contexts.end();
    for (size_t index = 0; index < all.size(); ++index) {
        if (all[index]->noise.empty() || (narrow && all[index]->key.context != wanted)) continue;
        Curve curve = curveOf(all[index], band);
        curve.conditionIndex = static_cast<int>(index);
        curve.series.name = conditionName(all[index]->key);
        curve.series.legendName = narrow ? familyName(all[index]->key) : curve.series.name;
        curve.series.category = static_cast<int>(curves.size());
        tellApart(curve.series, curve.series.category);
        curve.series.emphasised = static_cast<int>(index) == side.index;
        curves.push_back(std::move(curve));
    }
}

void NoisePanel::addBands(std::vector<Curve>& curves) const {
    const Side side = shown();
    if (!side.condition || side.condition->noise.empty()) return;
    for (int band = -1; band < bands().count(); ++band) {
        Curve curve = curveOf(side.condition, band);
        curve.conditionIndex = side.index;
        curve.series.name = band < 0 ? tr("all pairs") : bandName(band);
        lookLikeBand(curve, band);
        curves.push_back(std::move(curve));
    }
}

/// Over the distances that both have.
NoisePanel::Curve NoisePanel::minus(const Curve& a, const Curve& b) {
    Curve difference = a;
    const size_t common = std::min(a.series.x.size(), b.series.x.size());
    difference.series.x.clear();
    difference.series.y.clear();
    for (size_t at = 0; at < common && a.edges[at + 1] == b.edges[at + 1]; ++at) {
        difference.series.x.push_back(a.series.x[at]);
        difference.series.y.push_back(a.series.y[at] - b.series.y[at]);
    }
    difference.condition = nullptr;
    return difference;
}

void NoisePanel::lookLikeBand(Curve& curve, int band) const {
    curve.series.category = band;
    if (band < 0)
        curve.series.dash = Qt::DashLine;
    else
        tellApart(curve.series, band);
    curve.series.emphasised = band == selectedBand();
}

void NoisePanel::addBandDifferences(std::vector<Curve>& curves) const {
    for (int band = -1; band < bands().count(); ++band) {
        Curve curve = minus(curveOf(sideA().condition, band), curveOf(sideB().condition, band));
        curve.series.legendName = band < 0 ? tr("all pairs") : bandName(band);
        curve.series.name = tr("A − B, %1").arg(curve.series.legendName);
        lookLikeBand(curve, band);
        curves.push_back(std::move(curve));
    }
}

QString NoisePanel::addDifference(std::vector<Curve>& curves) const {
    const Side a = sideA(), b = sideB();
    if (!b.condition) return whyNotComparable();
    for (const Side& side : {a, b}) {
        if (!side.condition) return whyNotComparable();
        if (!side.condition->noise.empty()) continue;
        if (isReference(side.condition->key)) return referenceText(side.name);
        return tr("No quantization noise was recorded for %1. Compare two conditions that have it: tick "
                  "\"Quantization noise\" among the options of the setup and press Run, or use qroar analyze "
                  "with --noise --resume.")
            .arg(side.name);
    }
    if (!subtracts()) return whyNotComparable();
    if (curvesBox_->currentIndex() == Bands) {
        addBandDifferences(curves);
        return {};
    }
    const int band = pairsBox_->currentIndex() == 1 ? -1 : selectedBand();
    Curve first = curveOf(a.condition, band), second = curveOf(b.condition, band);
    Curve difference = minus(first, second);
    first.series.name = tr("A: %1").arg(a.name);
    first.series.category = 0;
    second.series.name = tr("B: %1").arg(b.name);
    second.series.category = 1;
    difference.series.name = tr("A − B");
    difference.series.category = 2;
    difference.series.emphasised = true;
    curves = {std::move(first), std::move(second), std::move(difference)};
    return {};
}

int NoisePanel::headGroup() const {
    int group = selection().group;
    const auto narrow = [&group](const Result& one) {
        if (one && !one->noise.empty()) group = shownHeadGroup(group, one->noise.shape().groups);
    };
    if (selection().compare == CompareMode::Difference) {
        narrow(sideA().condition);
        narrow(sideB().condition);
    } else if (const Side side = shown(); side.session) {
        for (const Result& one : side.session->conditions) narrow(one);
    }
    return group;
}

QString NoisePanel::whereText(int layer) const {
    const Side side = shown();
    QString where = side.condition ? side.name + tr(", layer %1").arg(layer) : QString();
    if (selection().compare == CompareMode::Difference)
        where = tr("%1, layer %2").arg(shownName()).arg(layer);
    if (const int group = headGroup(); group >= 0)
        where += tr(", head group %1").arg(group);
    else if (selection().group >= 0)
        where += tr(", all heads");
    if (curvesBox_->currentIndex() == Bands) return where;
    if (pairsBox_->currentIndex() == 1) return where + tr(", all pairs");
    const int band = selectedBand();
    const int pair = selection().pair;
    if (band >= 0 && pair >= bands().begin(band) && pair < bands().end(band))
        return where + tr(", pair %1").arg(pair);
    return where + QStringLiteral(", ") + bandName(band);
}

QString NoisePanel::emptyReason() const {
    const Side side = shown();
    const auto& all = side.session ? side.session->conditions : session()->conditions;
    if (!side.condition)
        return tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and "
                  "press Run.");
    if (std::any_of(all.begin(), all.end(), [](const Result& one) { return !one->noise.empty(); }))
        return tr("%1 has no quantization noise: it is the reference, or was not run with it. Select a "
                  "quantized "
                  "condition.")
            .arg(side.name);
    if (std::all_of(all.begin(), all.end(), [](const Result& one) { return isReference(one->key); }))
        return tr("No condition with quantized weights has been run, and noise is the difference of one from "
                  "full precision on the same tokens. Add a quantizer such as rtn:4:g128 to the weight "
                  "variants of the setup, tick \"Quantization noise\" among its options and press Run (what "
                  "is done stays), or use the command line: qroar analyze MODEL --text FILE --quant none "
                  "--quant rtn:4:g128 --noise --resume -o run.h5");
    return tr(
        "No quantization noise was recorded: the difference of a quantized condition from full precision on "
        "the same tokens. Tick \"Quantization noise\" among the options of the setup and press Run (what is "
        "done stays), or use qroar analyze with --noise --resume.");
}

void NoisePanel::draw(const std::vector<Curve>& curves) {
    std::vector<LinePlot::Series> series;
    std::vector<double> ticks;
    QStringList labels;
    size_t longest = 0;
    for (size_t at = 0; at < curves.size(); ++at) {
        series.push_back(curves[at].series);
        if (curves[at].edges.size() > curves[longest].edges.size()) longest = at;
    }
    for (const int edge : curves[longest].edges) {
        ticks.push_back(edge);
        labels << groupedCount(edge);
    }
    const bool signedValues = form() == LogitNoise::Mean || selection().compare == CompareMode::Difference;
    const bool rms = form() == LogitNoise::Rms;
    QString title = rms ? tr("RMS noise (logits)") : tr("Mean noise (logits)");
    if (selection().compare == CompareMode::Difference && curvesBox_->currentIndex() == Bands)
        title = rms ? tr("Δ RMS noise, A − B (logits)") : tr("Δ mean noise, A − B (logits)");
    plot_->setAxes(tr("Distance of query and key (tokens)"), LinePlot::Scale::Log2, title,
                   LinePlot::Scale::Linear);
    plot_->setXTicks(ticks, labels);
    plot_->setReadoutNames(tr("distance"), form() == LogitNoise::Rms ? tr("RMS noise") : tr("mean noise"),
                           tr("tokens"), tr("logits"));
    plot_->setReferenceLine(signedValues ? std::optional<double>(0) : std::nullopt);
    plot_->setSeries(std::move(series));
    plot_->fitRanges(true, 0.0);
}

void NoisePanel::fillTable(const std::vector<Curve>& curves) {
    std::vector<ResultTableModel::Row> rows;
    rowBands_.clear();
    rowConditions_.clear();
    for (const Curve& curve : curves)
        for (size_t at = 0; at < curve.series.y.size(); ++at) {
            rows.push_back({curve.series.name, curve.layer,
                            curve.band < 0 ? QVariant() : QVariant(curve.band), curve.edges[at],
                            curve.edges[at + 1], curve.condition ? QVariant(curve.samples[at]) : QVariant(),
                            curve.series.y[at]});
            rowBands_.push_back(curve.band);
            rowConditions_.push_back(curve.conditionIndex);
        }
    table().setTable({{"curve", tr("Curve"), tr("Condition, band or difference")},
                      {"layer", tr("Layer"), tr("Decoder layer, from 0")},
                      {"band", tr("Band"), tr("Empty: all pairs")},
                      {"from_distance", tr("From distance"), tr("Tokens between query and key")},
                      {"to_distance", tr("To distance"), tr("One past the last, tokens")},
                      {"samples", tr("Samples"), tr("Sampled queries, keys and heads")},
                      {form() == LogitNoise::Rms ? "rms" : "mean",
                       form() == LogitNoise::Rms ? tr("RMS noise") : tr("Mean noise"), tr("Logits")}},
                     std::move(rows));
}

QString NoisePanel::summaryOf(const std::vector<Curve>& curves) const {
    const auto chosen = std::find_if(curves.begin(), curves.end(),
                                     [](const Curve& curve) { return curve.series.emphasised; });
    const Curve& curve = chosen == curves.end() ? curves.front() : *chosen;
    if (curve.series.y.empty()) return {};
    const auto last = curve.series.y.size() - 1;
    return tr("%1: %2 logits at distance %3, %4 at %5–%6 tokens")
        .arg(curve.series.name, readableNumber(curve.series.y.front()))
        .arg(curve.edges.front())
        .arg(readableNumber(curve.series.y[last]), groupedCount(curve.edges[last]),
             groupedCount(curve.edges[last + 1] - 1));
}

void NoisePanel::tableRowActivated(int row) {
    const auto at = static_cast<size_t>(row);
    if (at >= rowBands_.size()) return;
    Selection next = selection();
    if (rowBands_[at] >= 0) next.band = rowBands_[at];
    if (rowConditions_[at] >= 0 && selection().compare == CompareMode::A) next.condition = rowConditions_[at];
    selectionModel()->setSelection(next);
}

} // namespace qroar
