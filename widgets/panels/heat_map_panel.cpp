#include "widgets/panels/heat_map_panel.h"

#include "core/diagnostics/pressure.h"
#include "core/diagnostics/sensitivity_grid.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/icons.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/plot/heat_map_plot.h"

#include <QEvent>
#include <QTimer>
#include <QToolButton>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {
/// In the thread of the window: enough for three digits of a bound, few enough not to be felt.
constexpr int intervalDraws = 200;

/// a - b, cell by cell; NaN where either has no data.
BandGrid difference(const BandGrid& a, const BandGrid& b) {
    BandGrid result = a;
    for (std::size_t cell = 0; cell < result.values.size(); ++cell) result.values[cell] -= b.values[cell];
    return result;
}
} // namespace

HeatMapPanel::HeatMapPanel(HeatMapMetric initial, SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(metricText(initial).name, selection, parent), metric_(initial),
      intervalTimer_(new QTimer(this)), plot_(new HeatMapPlot(this)), metricBox_(new CompactComboBox(this)),
      tensorBox_(new TensorBox(selection, this)), epsilonBox_(new EpsilonBox(selection, this)),
      beforeAfter_(new BeforeAfterBox(BeforeAfterBox::Both::Subtracts, selection, this)),
      lock_(new QToolButton(this)) {
    metricBox_->setAccessibleName(tr("Metric"));
    for (const HeatMapMetric metric : heatMapMetrics) {
        metricBox_->addEntry(metricText(metric).name, metricText(metric).shortName, static_cast<int>(metric));
        metricBox_->setItemData(metricBox_->count() - 1, metricText(metric).formula, Qt::ToolTipRole);
    }
    lock_->setCheckable(true);
    lock_->setAccessibleName(tr("Lock colours"));
    lock_->setToolTip(tr("Lock colours: keep the range of the colour bar while switching conditions"));
    updateLockIcon();
    for (QWidget* control : {static_cast<QWidget*>(metricBox_), static_cast<QWidget*>(tensorBox_),
                             static_cast<QWidget*>(epsilonBox_), static_cast<QWidget*>(beforeAfter_),
                             static_cast<QWidget*>(lock_)})
        addControl(control);
    connect(metricBox_, &QComboBox::activated, this,
            [this] { setMetric(static_cast<HeatMapMetric>(metricBox_->currentData().toInt())); });
    connect(lock_, &QToolButton::toggled, this, [this] { invalidate(OptionsChanged); });
    connect(plot_, &HeatMapPlot::cellSelected, this, [this](int row, int column) {
        Selection next = this->selection();
        next.layer = row;
        next.band = column;
        next.pair = -1;
        selectionModel()->setSelection(next);
    });
    intervalTimer_->setSingleShot(true);
    intervalTimer_->setInterval(150);
    connect(intervalTimer_, &QTimer::timeout, this, &HeatMapPanel::updateInterval);
    setContent(plot_);
    addFigurePart(plot_);
    updateControls();
}

void HeatMapPanel::setMetric(HeatMapMetric metric) {
    if (metric == metric_) return;
    metric_ = metric;
    updateControls();
    invalidate(OptionsChanged);
}

QStringList HeatMapPanel::variants() const {
    QStringList keys;
    for (const HeatMapMetric metric : heatMapMetrics) keys << metricKey(metric);
    return keys;
}

int HeatMapPanel::variant() const {
    return static_cast<int>(variants().indexOf(metricKey(metric_)));
}

void HeatMapPanel::setVariant(int index) {
    setMetric(heatMapMetrics[static_cast<size_t>(index)]);
}

bool HeatMapPanel::isRangeLocked() const {
    return lock_->isChecked();
}
void HeatMapPanel::setRangeLocked(bool locked) {
    lock_->setChecked(locked);
}

const BandGrid& HeatMapPanel::grid() {
    ensureFresh();
    return grid_;
}

void HeatMapPanel::updateControls() {
    metricBox_->setCurrentIndex(metricBox_->findData(static_cast<int>(metric_)));
    metricBox_->setToolTip(metricText(metric_).formula);
    tensorBox_->setVisible(usesStage(metric_));
    epsilonBox_->setVisible(usesEpsilon(metric_));
}

void HeatMapPanel::updateLockIcon() {
    lock_->setIcon(panelIcon(PanelIcon::Lock, palette()));
}

void HeatMapPanel::changeEvent(QEvent* event) {
    DiagnosticPanel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && lock_) updateLockIcon();
}

void HeatMapPanel::setShown() {
    const auto referenceOf = [this](const auto& one) {
        return one ? session()->shortReference(*one) : nullptr;
    };
    shown_ = condition();
    beforeAfter_->follow(session(), conditionIndex());
    const ScaleTwins& twins = beforeAfter_->twins();
    plain_ = twins.complete() ? session()->conditions[static_cast<size_t>(twins.before)] : nullptr;
    gained_ = twins.complete() ? session()->conditions[static_cast<size_t>(twins.after)] : nullptr;
    if (subtracts()) shown_ = gained_; // its name says what was subtracted from what
    reference_ = referenceOf(shown_);
    plainReference_ = referenceOf(plain_);
    gainedReference_ = referenceOf(gained_);
}

void HeatMapPanel::refresh(Changes changes) {
    const auto shownBefore = shown_, plainBefore = plain_, gainedBefore = gained_;
    setShown();
    QString problem = whyEmpty(shown_.get(), reference_.get());
    if (problem.isEmpty() && subtracts()) problem = whyEmpty(plain_.get(), plainReference_.get());
    if (!problem.isEmpty()) {
        grid_ = before_ = after_ = {};
        showEmpty(problem);
        return;
    }
    const Selection& now = selection();
    const bool known = changes == SelectionChanged && shownBefore == shown_ && plainBefore == plain_
                       && gainedBefore == gained_ && grid_.layers > 0 && now.tensor == computedFor_.tensor
                       && now.stage == computedFor_.stage && now.epsilon == computedFor_.epsilon
                       && now.difference == computedFor_.difference;
    if (!known) computeGrids(); // another cell needs no new numbers
    computedFor_ = now;
    if (!isRangeLocked() || scaledFor_ != metric_ || scaledForDifference_ != subtracts()) updateScale();
    updatePlot();
    interval_.reset();
    if (needsReference(metric_) && usesEpsilon(metric_) && !subtracts()) intervalTimer_->start();
    fillTable();
    describe();
}

void HeatMapPanel::computeGrids() {
    before_ = after_ = {};
    if (plain_ && whyEmpty(plain_.get(), plainReference_.get()).isEmpty()
        && whyEmpty(gained_.get(), gainedReference_.get()).isEmpty()) {
        before_ = compute(*plain_, plainReference_.get());
        after_ = compute(*gained_, gainedReference_.get());
    }
    if (subtracts() && before_.values.size() != after_.values.size())
        before_ =
            BandGrid(after_.layers, after_.bands); // of one model, so never; no data is the honest answer
    if (before_.values.size() != after_.values.size() || before_.layers == 0)
        grid_ = compute(*shown_, reference_.get());
    else if (subtracts())
        grid_ = difference(after_, before_);
    else
        grid_ = shown_ == plain_ ? before_ : after_;
}

QString HeatMapPanel::whyEmpty(const ConditionResult* condition, const ConditionResult* reference) const {
    const int trained = session()->model.trainedContext();
    if (!condition)
        return tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and "
                  "press Run, "
                  "or use the command line: qroar analyze MODEL --text FILE --contexts %1,%2 --rope none "
                  "--rope yarn:4 -o "
                  "run.h5")
            .arg(trained)
            .arg(4 * trained);
    const QString name = conditionName(condition->key);
    if (usesGradient(metric_)) {
        if (!condition->sensitivity.empty()) return {};
        return tr("%1 was run without gradients. Tick \"Gradients\" among the options of the setup and press "
                  "Run "
                  "(what is done stays), or use qroar analyze with --gradients --resume, to see %2.")
            .arg(name, metricText(metric_).name);
    }
    if (condition->statistics.cells() == 0)
        return tr("%1 was run for perplexity only. Run it again with capture on to see %2.")
            .arg(name, metricText(metric_).name);
    if (isPressure(metric_) && condition->table.spec.kind == RopeKind::None)
        return tr("%1 scales nothing, so there is no interpolation pressure. Select a condition with RoPE "
                  "scaling.")
            .arg(name);
    if (!needsReference(metric_)) return {};
    if (!reference)
        return tr("%1 compares with a short reference, and there is none: add the RoPE spec \"none\" at a "
                  "context of "
                  "%2 tokens (the trained length) or fewer, with capture, and run again.")
            .arg(metricText(metric_).name, groupedCount(trained));
    if (reference == condition)
        return tr("%1 is itself the short reference that %2 compares with. Select a longer condition or one "
                  "with RoPE "
                  "scaling.")
            .arg(name, metricText(metric_).name);
    return {};
}

BandGrid HeatMapPanel::compute(const ConditionResult& condition, const ConditionResult* reference) const {
    const Selection& now = selection();
    const double distance = condition.key.context;
    switch (metric_) {
    case HeatMapMetric::TailInflation:
    case HeatMapMetric::TailInflationOverM:
        return tailInflation(
            condition, *reference, bands(),
            {now.tensor, now.stage, now.epsilon, metric_ == HeatMapMetric::TailInflationOverM});
    case HeatMapMetric::PressureRaw:
        return pressureGrid(PressureForm::Raw, condition.table, distance, bands(), condition.statistics);
    case HeatMapMetric::PressureSaturated:
        return pressureGrid(PressureForm::Saturated, condition.table, distance, bands(),
                            condition.statistics);
    case HeatMapMetric::PressureWeighted:
        return pressureGrid(PressureForm::EnergyWeighted, condition.table, distance, bands(),
                            condition.statistics);
    case HeatMapMetric::PressureMeasured:
        return measuredPressure(condition.sensitivity, bands());
    case HeatMapMetric::GainSensitivity:
        return gainSensitivity(condition.sensitivity, bands());
    case HeatMapMetric::RangeDilation:
        return rangeDilation(condition, now.tensor, bands());
    case HeatMapMetric::BitsLost:
        return calibrationLoss(condition, *reference, bands(), now.tensor, now.stage).bitsLost;
    case HeatMapMetric::ClipRate:
        return calibrationLoss(condition, *reference, bands(), now.tensor, now.stage).clipRate;
    case HeatMapMetric::TopShare:
        return topShareByBand(condition, bands(), now.tensor, now.stage, now.epsilon);
    }
    return {};
}

void HeatMapPanel::updateScale() {
    if (subtracts()) {
        scale_ = differenceScaleFor(metric_, grid_);
    } else {
        BandGrid all = grid_; // before and after on one range: colours of both can be compared
        for (const BandGrid* other : {&before_, &after_})
            all.values.insert(all.values.end(), other->values.begin(), other->values.end());
        scale_ = scaleFor(metric_, all);
    }
    scaledFor_ = metric_;
    scaledForDifference_ = subtracts();
}

QString HeatMapPanel::valueTitle() const {
    return subtracts() ? tr("Δ %1, after − before").arg(metricText(metric_).bar) : metricText(metric_).bar;
}

void HeatMapPanel::updatePlot() {
    HeatMapPlot::Content content;
    content.rows = grid_.layers;
    content.columns = grid_.bands;
    content.values = grid_.values;
    content.rowTitle = tr("Layer");
    content.columnTitle = tr("Band and its pairs (high → low frequency)");
    content.valueTitle = valueTitle();
    content.rowName = tr("Layer");
    content.columnName = tr("band");
    for (int layer = 0; layer < grid_.layers; ++layer) content.rowLabels << QString::number(layer);
    for (int band = 0; band < grid_.bands; ++band) {
        const int first = bands().begin(band), last = bands().end(band) - 1;
        const QString pairs =
            first == last ? QString::number(first) : QStringLiteral("%1–%2").arg(first).arg(last);
        content.columnLabels << QStringLiteral("%1\n%2").arg(band).arg(pairs);
        content.columnDetails << tr("band %1 (pairs %2)").arg(band).arg(pairs);
    }
    plot_->setContent(std::move(content));
    plot_->setScale(scale_);
    plot_->setSelectedCell(selectedLayer(grid_.layers), selectedBand());
}

void HeatMapPanel::describe() {
    QString title = metricText(metric_).name;
    if (metric_ == HeatMapMetric::RangeDilation)
        title += selection().tensor == QkTensor::Q ? tr(", q") : tr(", k");
    else if (usesStage(metric_))
        title += QStringLiteral(", ") + tensorStageText(selection().tensor, selection().stage);
    if (usesEpsilon(metric_)) title += QStringLiteral(", ") + epsilonText(selection().epsilon);
    if (isPressure(metric_)) title += tr(", D = %1").arg(groupedCount(shown_->key.context));
    QString conditions = conditionName(shown_->key);
    if (subtracts()) {
        title.prepend(tr("Δ "));
        conditions = tr("%1 minus without gains").arg(conditions);
    }
    if (needsReference(metric_) && reference_)
        conditions += (subtracts() ? tr(", vs %1") : tr(" vs %1")).arg(conditionName(reference_->key));
    showContent(title, conditions, cellSummary());
}

QString HeatMapPanel::cellSummary() const {
    if (grid_.layers == 0 || grid_.bands == 0) return {};
    const int layer = selectedLayer(grid_.layers), band = selectedBand();
    const int first = bands().begin(band), last = bands().end(band) - 1;
    const double value = grid_.at(layer, band);
    QString text = tr("Layer %1 · band %2 (pairs %3–%4): %5 %6")
                       .arg(layer)
                       .arg(band)
                       .arg(first)
                       .arg(last)
                       .arg(subtracts() ? tr("Δ %1").arg(metricText(metric_).bar) : metricText(metric_).bar,
                            std::isnan(value) ? tr("no data") : readableNumber(value, 4));
    if (subtracts())
        text +=
            tr(" (before %1, after %2)")
                .arg(readableNumber(before_.at(layer, band), 4), readableNumber(after_.at(layer, band), 4));
    if (subtracts() && isAnalytic(metric_))
        text += tr(" · follows from the frequencies alone: gains change nothing");
    if (interval_ && std::isfinite(interval_->low))
        text += tr("  [%1, %2] 95 % CI")
                    .arg(readableNumber(interval_->low, 4), readableNumber(interval_->high, 4));
    return text;
}

void HeatMapPanel::updateInterval() {
    if (!shown_ || !reference_ || grid_.layers == 0 || !emptyText().isEmpty()) return;
    const int band = selectedBand();
    interval_ = tailInflationInterval(*shown_, *reference_, selectedLayer(grid_.layers), bands().begin(band),
                                      bands().end(band),
                                      {selection().tensor, selection().stage, selection().epsilon,
                                       metric_ == HeatMapMetric::TailInflationOverM},
                                      intervalDraws);
    describe();
}

void HeatMapPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    const std::vector<double>& plain = shown_->table.plain;
    for (int layer = 0; layer < grid_.layers; ++layer)
        for (int band = 0; band < grid_.bands; ++band) {
            const int first = bands().begin(band), last = bands().end(band) - 1;
            rows.push_back({layer, band, first, last + 1, plain[last], plain[first]});
            if (subtracts())
                rows.back().insert(rows.back().end(), {before_.at(layer, band), after_.at(layer, band)});
            rows.back().emplace_back(grid_.at(layer, band));
        }
    std::vector<ResultTableModel::Column> columns{
        {"layer", tr("Layer"), tr("Decoder layer, from 0")},
        {"band", tr("Band"), tr("Band of the partition in force, from 0")},
        {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
        {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")},
        {"omega_low", tr("ω low"), tr("Trained frequency of the last pair, rad/token")},
        {"omega_high", tr("ω high"), tr("Trained frequency of the first pair, rad/token")}};
    const MetricText text = metricText(metric_);
    const QString key = metricKey(metric_);
    if (subtracts()) {
        columns.push_back({key + QStringLiteral("_before"), tr("before"), text.formula});
        columns.push_back({key + QStringLiteral("_after"), tr("after"), text.formula});
        columns.push_back({key + QStringLiteral("_difference"), valueTitle(), text.formula});
    } else {
        columns.push_back({key, text.bar, text.formula});
    }
    table().setTable(std::move(columns), std::move(rows));
}

void HeatMapPanel::tableRowActivated(int row) {
    if (grid_.bands == 0) return;
    Selection next = selection();
    next.layer = row / grid_.bands;
    next.band = row % grid_.bands;
    next.pair = -1;
    selectionModel()->setSelection(next);
}

} // namespace qroar
