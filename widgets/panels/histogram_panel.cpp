#include "widgets/panels/histogram_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/point_labels.h"

#include <QStackedWidget>
#include <QToolButton>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

bool sameFamily(const ConditionKey& a, const ConditionKey& b) {
    return a.rope == b.rope && a.weights() == b.weights();
}

} // namespace

HistogramPanel::HistogramPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Magnitudes"), selection, parent), plot_(new LinePlot), map_(new HeatMapPlot),
      stack_(new QStackedWidget(this)), quantileTable_(new ResultTableModel(this)),
      tensorBox_(new TensorBox(selection, this)), viewBox_(new CompactComboBox(this)),
      differenceBox_(new CompactComboBox(this)), log_(new QToolButton(this)), marks_(new QToolButton(this)) {
    buildControls();
    plot_->setLegendAbove(true);
    plot_->setLabelsOptional(true); // the legend has the marks
    plot_->setReadoutNames(tr("|x|"), tr("share of values per octave"), {}, {});
    stack_->addWidget(plot_);
    stack_->addWidget(map_);
    for (std::size_t line = 0; line < 2 * quantileMarks.size(); ++line) {
        markLines_.push_back(new QCPCurve(map_->xAxis, map_->yAxis));
        markLines_.back()->setPen(line % 2 == 0 ? QPen(Qt::black, 3) : QPen(Qt::white, 1));
    }
    markLabels_ = new PointLabels(map_->xAxis, map_->yAxis);
    markLabels_->setTogether(true); // the axis names them as well
    markLabels_->setColours(Qt::white, QColor(0, 0, 0, 190));
    connect(plot_, &LinePlot::seriesClicked, this, [this](int series, double) {
        if (differs() || series >= static_cast<int>(curves_.size())) return;
        const Curve& curve = curves_[static_cast<std::size_t>(series)];
        if (byLayer())
            selectionModel()->setLayer(curve.layer);
        else if (curve.isB)
            selectionModel()->setConditionB(curve.condition);
        else
            selectionModel()->setCondition(curve.condition);
    });
    connect(map_, &HeatMapPlot::cellSelected, this,
            [this](int row, int) { selectionModel()->setLayer(row); });
    setContent(stack_);
    addFigurePart(plot_);
    addFigurePart(map_);
}

void HistogramPanel::buildControls() {
    viewBox_->setAccessibleName(tr("View"));
    viewBox_->setToolTip(
        tr("Curves over each other, a baseline for each context length or layer, or a map of "
           "layers and bins"));
    viewBox_->addEntry(tr("overlay"), tr("overlay"));
    viewBox_->addEntry(tr("ridges by context length"), tr("by context"));
    viewBox_->addEntry(tr("ridges by layer"), tr("by layer"));
    viewBox_->addEntry(tr("map of layers and bins"), tr("map"));
    differenceBox_->setAccessibleName(tr("Comparison"));
    differenceBox_->setToolTip(tr("The difference of the densities around 0, or both curves, B dashed"));
    differenceBox_->addEntry(tr("A − B"), tr("A − B"));
    differenceBox_->addEntry(tr("A and B (dashed)"), tr("A and B"));
    const auto setUp = [](QToolButton* button, const QString& text, const QString& tip) {
        button->setText(text);
        button->setAccessibleName(text);
        button->setToolTip(tip);
        button->setCheckable(true);
        button->setChecked(true);
        button->setAutoRaise(true);
    };
    setUp(log_, tr("Log count"), tr("Logarithmic density: shows the tail"));
    setUp(marks_, tr("Quantiles"), tr("Marks at the 50, 90, 99, 99.9 and 99.99 % quantiles"));
    for (QWidget* control :
         {static_cast<QWidget*>(tensorBox_), static_cast<QWidget*>(viewBox_), static_cast<QWidget*>(log_),
          static_cast<QWidget*>(marks_), static_cast<QWidget*>(differenceBox_)})
        addControl(control);
    addOption(QStringLiteral("view"), viewBox_,
              {QStringLiteral("overlay"), QStringLiteral("ridge-context"), QStringLiteral("ridge-layer"),
               QStringLiteral("map")});
    addOption(QStringLiteral("log"), log_);
    addOption(QStringLiteral("quantiles"), marks_);
    addOption(QStringLiteral("comparison"), differenceBox_,
              {QStringLiteral("difference"), QStringLiteral("both")});
    const auto changed = [this] {
        home();
        invalidate(OptionsChanged);
    };
    connect(viewBox_, &QComboBox::currentIndexChanged, this, changed);
    connect(differenceBox_, &QComboBox::currentIndexChanged, this, changed);
    connect(log_, &QToolButton::toggled, this, changed);
    connect(marks_, &QToolButton::toggled, this, [this] { invalidate(OptionsChanged); });
}

HistogramPanel::View HistogramPanel::view() const {
    return static_cast<View>(viewBox_->currentIndex());
}

bool HistogramPanel::byLayer() const {
    return view() == View::RidgeLayer || view() == View::Map;
}

bool HistogramPanel::isRidge() const {
    return view() == View::RidgeContext || view() == View::RidgeLayer;
}

bool HistogramPanel::differs() const {
    return subtracts() && (differenceBox_->currentIndex() == 0 || view() == View::Map);
}

bool HistogramPanel::logarithmic() const {
    return log_->isChecked() && !differs();
}

const std::vector<HistogramPanel::Curve>& HistogramPanel::curves() {
    ensureFresh();
    return curves_;
}

std::vector<DiagnosticPanel::Table> HistogramPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    if (quantileTable_->rowCount() > 0) all.push_back({"quantiles", tr("quantiles"), quantileTable_});
    return all;
}

void HistogramPanel::refresh(Changes) {
    const Side side = shown();
    curves_.clear();
    quantileTable_->clear();
    differenceBox_->setVisible(selection().compare == CompareMode::Difference);
    differenceBox_->setEnabled(view() != View::Map);
    if (!side.condition) {
        showEmpty(
            tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
               "Run."));
        return;
    }
    if (const QString why = whyNotComparable();
        !why.isEmpty() && selection().compare == CompareMode::Difference) {
        showEmpty(why);
        return;
    }
    for (const Side& one : {sideA(), sideB()})
        if ((subtracts() || one.condition == side.condition) && one.condition
            && one.condition->statistics.cells() == 0) {
            showEmpty(noStatisticsText(one.name, tr("their distribution")));
            return;
        }
    collect();
    if (std::all_of(curves_.begin(), curves_.end(), [](const Curve& one) { return one.share.empty(); })) {
        showEmpty(tr("%1 recorded no values here.").arg(side.name));
        return;
    }
    stack_->setCurrentWidget(view() == View::Map ? static_cast<QWidget*>(map_) : plot_);
    useFigurePart(plot_, view() != View::Map);
    useFigurePart(map_, view() == View::Map);
    log_->setEnabled(!differs());
    marks_->setEnabled(!differs());
    findScale();
    if (view() == View::Map)
        updateMap();
    else
        updateLines();
    fillTablesBy([this] {
        fillTable();
        fillQuantiles();
    });
    showContent((differs() ? tr("Δ magnitudes of %1, %2") : tr("Magnitudes of %1, %2"))
                    .arg(tensorStageText(selection().tensor, selection().stage), whereText()),
                sidesText(), quantileSummary());
}

/// The conditions, or their families where every context length has a curve.
QString HistogramPanel::sidesText() const {
    const bool families = view() == View::RidgeContext;
    if (!subtracts()) return families || !byLayer() ? familyText(shown()) : shownName();
    if (!families) return differs() ? shownName() : tr("%1, dashed: %2").arg(sideA().name, sideB().name);
    return (differs() ? tr("%1 minus %2, at each length") : tr("%1, dashed: %2, at each length"))
        .arg(familyText(sideA()), familyText(sideB()));
}

/// The family of context lengths, with B's session where that is another one.
QString HistogramPanel::familyText(const Side& side) const {
    const QString name = familyName(side.condition->key);
    const QString file = side.session == session() ? ownText() : hasOtherSession() ? otherText() : QString();
    return file.isEmpty() ? name : tr("%1 (%2)").arg(name, file);
}

QString HistogramPanel::whereText() const {
    const int band = selectedBand(), pair = selection().pair;
    const int first = shownBands().begin(band), end = shownBands().end(band);
    const QString layer =
        byLayer() ? tr("all layers") : tr("layer %1").arg(selectedLayer(shown().session->model.layers));
    QString text = tr("%1, %2 (%3)").arg(layer, bandName(band), pairsText(first, end - 1));
    if (pair >= first && pair < end) text = tr("%1, %2, pair %3").arg(layer, bandName(band)).arg(pair);
    const int groups = shown().condition->statistics.shape().groups;
    if (selection().group >= 0 && selection().group < groups && groups > 1)
        text += tr(", head group %1").arg(selection().group);
    return text;
}

HistogramPanel::Curve HistogramPanel::curveOf(const Side& side, int condition, int layer) const {
    const ConditionResult& of = *side.session->conditions[static_cast<std::size_t>(condition)];
    const Selection& now = selection();
    Curve curve;
    curve.name = byLayer() ? tr("layer %1").arg(layer) : tr("%1 tokens").arg(groupedCount(of.key.context));
    curve.condition = condition;
    curve.context = of.key.context;
    curve.layer = layer;
    MagnitudePlace place{
        layer,      now.group, shownBands().begin(selectedBand()), shownBands().end(selectedBand()),
        now.tensor, now.stage};
    if (now.pair >= place.firstPair && now.pair < place.endPair) {
        place.firstPair = now.pair;
        place.endPair = now.pair + 1;
    }
    curve.histogram = magnitudesAt(of.statistics, place);
    fillDensity(curve);
    return curve;
}

void HistogramPanel::collectFamily(const Side& side, bool isB, bool reference) {
    const auto shortOne = reference ? side.session->shortReference(*side.condition) : nullptr;
    for (int index = 0; index < static_cast<int>(side.session->conditions.size()); ++index) {
        const ConditionResult& candidate = *side.session->conditions[static_cast<std::size_t>(index)];
        const bool isReference = shortOne.get() == &candidate;
        if ((!sameFamily(candidate.key, side.condition->key) && !isReference)
            || candidate.statistics.cells() == 0)
            continue;
        Curve curve = curveOf(side, index, selectedLayer(candidate.statistics.shape().layers));
        if (isReference) curve.name = tr("short reference: %1").arg(conditionName(candidate.key));
        curve.isReference = isReference;
        curve.isB = isB;
        curves_.push_back(std::move(curve));
    }
}

void HistogramPanel::collectLayers(const Side& side, bool isB) {
    for (int layer = 0; layer < side.condition->statistics.shape().layers; ++layer) {
        curves_.push_back(curveOf(side, side.index, layer));
        curves_.back().isB = isB;
    }
}

void HistogramPanel::collect() {
    const bool both = subtracts();
    const Side side = shown();
    const bool isB = !both && side.condition == sideB().condition && selection().compare == CompareMode::B;
    if (byLayer()) {
        collectLayers(side, isB);
        if (both) collectLayers(sideB(), true);
    } else if (view() == View::RidgeContext || !both) {
        collectFamily(side, isB, !both);
        if (both) collectFamily(sideB(), true, false);
    } else {
        for (const Side& one : {sideA(), sideB()}) {
            curves_.push_back(curveOf(one, one.index, selectedLayer(one.session->model.layers)));
            curves_.back().isB = one.condition != side.condition || one.session != side.session;
        }
        curves_.back().isB = true;
    }
    if (both)
        for (Curve& curve : curves_)
            curve.name =
                (curve.isB ? tr("B: %1") : tr("A: %1"))
                    .arg(view() == View::Overlay ? (curve.isB ? sideB() : sideA()).name : curve.name);
    placeRows();
}

void HistogramPanel::placeRows() {
    std::stable_sort(curves_.begin(), curves_.end(), [this](const Curve& a, const Curve& b) {
        if (a.isReference != b.isReference) return a.isReference;
        if (byLayer()) return a.layer != b.layer ? a.layer < b.layer : a.isB < b.isB;
        if (view() == View::Overlay && subtracts()) return a.isB < b.isB;
        return a.context != b.context ? a.context < b.context : a.isB < b.isB;
    });
    contexts_.clear();
    for (const Curve& curve : curves_)
        if (!curve.isReference) contexts_.push_back(curve.context);
    std::sort(contexts_.begin(), contexts_.end());
    contexts_.erase(std::unique(contexts_.begin(), contexts_.end()), contexts_.end());
    rows_ = 0;
    const Curve* before = nullptr;
    for (Curve& curve : curves_) {
        const bool sameRow = before && !before->isReference
                             && (view() == View::Overlay ? subtracts()
                                 : byLayer()             ? before->layer == curve.layer
                                                         : before->context == curve.context);
        if (before && !sameRow) ++rows_;
        curve.row = rows_;
        before = &curve;
    }
    rows_ = curves_.empty() ? 0 : rows_ + 1;
}

HistogramPanel::Pair HistogramPanel::pairOf(int row) const {
    Pair pair;
    for (const Curve& curve : curves_)
        if (curve.row == row) (curve.isB ? pair.b : pair.a) = &curve;
    return pair;
}

bool HistogramPanel::isEmphasised(const Curve& curve) const {
    if (curve.isReference) return false;
    if (byLayer()) return curve.layer == selectedLayer(shown().session->model.layers);
    return curve.condition == (subtracts() && curve.isB ? sideB() : shown()).index;
}

void HistogramPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    std::vector<ResultTableModel::Column> columns{{"rope", tr("RoPE"), tr("RoPE spec")},
                                                  {"quant", tr("Quant"), tr("Quantizer")},
                                                  {"context", tr("Context"), tr("Tokens")},
                                                  {"layer", tr("Layer"), tr("Decoder layer, from 0")},
                                                  {"from", tr("|x| from"), tr("Lower edge of the bin")},
                                                  {"to", tr("|x| to"), tr("Upper edge of the bin")}};
    const auto begin = [](const Side& side, const Curve& curve, double from,
                          const QVariant& to) -> ResultTableModel::Row {
        const ConditionKey& key = side.session->conditions[static_cast<std::size_t>(curve.condition)]->key;
        return {QString::fromStdString(key.rope.text()),
                QString::fromStdString(key.weights()),
                key.context,
                curve.layer,
                from,
                to};
    };
    const QString unit = tr("Share of all values, per octave of |x|; none of the values below and above the "
                            "histogram's range"),
                  part = tr("Share of all values");
    /// What is subtracted in a row, behind A's condition.
    const auto insertB = [&rows, this](const Curve& b) {
        const ConditionKey& key = sideB().session->conditions[static_cast<std::size_t>(b.condition)]->key;
        rows.back().insert(rows.back().begin() + 3, {QString::fromStdString(key.rope.text()),
                                                     QString::fromStdString(key.weights()), key.context});
    };
    /// The values outside the range, where there are any: no curve shows them.
    const auto addEnds = [&](const Side& side, const Curve& a, const Curve* b) {
        for (const int bin : {0, LogHistogram::binCount - 1}) {
            const double first = openShare(a, bin), second = b ? openShare(*b, bin) : 0;
            if (first == 0 && second == 0) continue;
            rows.push_back(begin(side, a, LogHistogram::binLower(bin),
                                 bin == 0 ? QVariant(LogHistogram::binUpper(bin)) : QVariant()));
            if (b) {
                rows.back().insert(rows.back().end(),
                                   {QVariant(), QVariant(), QVariant(), first, second, first - second});
                insertB(*b);
            } else {
                rows.back().insert(rows.back().end(), {QVariant(), first});
            }
        }
    };
    if (subtracts()) {
        columns.insert(columns.begin() + 3, {{"rope_b", tr("RoPE, B"), tr("RoPE spec of B")},
                                             {"quant_b", tr("Quant, B"), tr("Quantizer of B")},
                                             {"context_b", tr("Context, B"), tr("Tokens, B")}});
        columns.push_back({"share_per_octave_a", tr("Share, A"), unit});
        columns.push_back({"share_per_octave_b", tr("Share, B"), unit});
        columns.push_back({"share_per_octave_difference", tr("A − B"), unit});
        columns.push_back({"share_a", tr("Of all, A"), part});
        columns.push_back({"share_b", tr("Of all, B"), part});
        columns.push_back({"share_difference", tr("Of all, A − B"), part});
        for (int row = 0; row < rows_; ++row) {
            const auto [a, b] = pairOf(row);
            if (!a || !b) continue;
            const PointRange range = pointsOf({a, b});
            for (int point = range.first; point < range.end; ++point) {
                rows.push_back(begin(sideA(), *a, lowerEdgeOf(point), lowerEdgeOf(point + 1)));
                const double first = a->shareOf(point), second = b->shareOf(point),
                             octaves = octavesOf(point);
                rows.back().insert(rows.back().end(), {first, second, first - second, first * octaves,
                                                       second * octaves, (first - second) * octaves});
                insertB(*b);
            }
            addEnds(sideA(), *a, b);
        }
    } else {
        columns.push_back({"share_per_octave", tr("Share per octave"), unit});
        columns.push_back({"share", tr("Of all"), part});
        for (const Curve& curve : curves_) {
            for (std::size_t index = 0; index < curve.share.size(); ++index) {
                const int point = curve.firstPoint + static_cast<int>(index);
                rows.push_back(begin(shown(), curve, lowerEdgeOf(point), lowerEdgeOf(point + 1)));
                rows.back().insert(rows.back().end(),
                                   {curve.share[index], curve.share[index] * octavesOf(point)});
            }
            addEnds(shown(), curve, nullptr);
        }
    }
    table().setTable(std::move(columns), std::move(rows));
}

void HistogramPanel::fillQuantiles() {
    std::vector<ResultTableModel::Column> columns{{"side", tr("Side"), tr("A or B")},
                                                  {"rope", tr("RoPE"), tr("RoPE spec")},
                                                  {"quant", tr("Quant"), tr("Quantizer")},
                                                  {"context", tr("Context"), tr("Tokens")},
                                                  {"layer", tr("Layer"), tr("Decoder layer, from 0")}};
    for (const QuantileMark& mark : quantileMarks)
        columns.push_back({QLatin1String(mark.key), QLatin1String(mark.text),
                           tr("Quantile of |x|, within 1.8 % of the exact one")});
    std::vector<ResultTableModel::Row> rows;
    for (const Curve& curve : curves_) {
        const Side side = subtracts() && curve.isB ? sideB() : shown();
        const ConditionKey& key = side.session->conditions[static_cast<std::size_t>(curve.condition)]->key;
        rows.push_back({curve.isB ? tr("B") : tr("A"), QString::fromStdString(key.rope.text()),
                        QString::fromStdString(key.weights()), key.context, curve.layer});
        for (const QuantileMark& mark : quantileMarks)
            rows.back().emplace_back(curve.histogram.quantile(mark.quantile));
    }
    quantileTable_->setTable(std::move(columns), std::move(rows));
}

QString HistogramPanel::quantileSummary() const {
    QStringList parts, names;
    for (const QuantileMark& mark : quantileMarks) names << QLatin1String(mark.text).chopped(2);
    for (const Curve& curve : curves_) {
        if (!curve.isReference && !isEmphasised(curve)) continue;
        QStringList values;
        for (const QuantileMark& mark : quantileMarks)
            values << readableNumber(curve.histogram.quantile(mark.quantile), 3);
        const QString name = curve.isReference ? tr("short")
                             : subtracts()     ? (curve.isB ? tr("B") : tr("A"))
                             : byLayer()       ? curve.name
                                               : groupedCount(curve.context);
        parts << QStringLiteral("%1 %2").arg(name, values.join(u'/'));
    }
    QString text = tr("%1 %: %2").arg(names.join(u'/'), parts.join(QStringLiteral("; ")));
    if (selection().group >= 0 && shown().condition->statistics.shape().groups < 2)
        text += tr(" · all heads together: analyze with --per-kv-head for head groups");
    return text;
}

} // namespace qroar
