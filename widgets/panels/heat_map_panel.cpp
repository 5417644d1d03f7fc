#include "widgets/panels/heat_map_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/icons.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/plot/heat_map_plot.h"

#include <QEvent>
#include <QScopedValueRollback>
#include <QTableView>
#include <QTimer>
#include <QToolButton>

#include <cmath>
#include <numbers>

namespace qroar {

namespace {
/// a - b, cell by cell; NaN where either has no data.
BandGrid difference(const BandGrid& a, const BandGrid& b) {
    BandGrid result = a;
    for (std::size_t cell = 0; cell < result.values.size(); ++cell) result.values[cell] -= b.values[cell];
    return result;
}
} // namespace

HeatMapPanel::HeatMapPanel(HeatMapMetric initial, SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(metricText(initial).name, selection, parent), metric_(initial),
      intervalTimer_(new QTimer(this)), cellsTimer_(new QTimer(this)), plot_(new HeatMapPlot(this)),
      metricBox_(new CompactComboBox(this)), tensorBox_(new TensorBox(selection, this)),
      epsilonBox_(new EpsilonBox(selection, this)), options_(new HeatMapOptions(plot_, this)),
      lock_(new QToolButton(this)) {
    addControls();
    connect(plot_, &HeatMapPlot::cellSelected, this,
            [this](int row, int column) { selectCell(row, column); });
    intervalTimer_->setSingleShot(true);
    intervalTimer_->setInterval(150);
    connect(intervalTimer_, &QTimer::timeout, this, &HeatMapPanel::updateInterval);
    connect(cellsTimer_, &QTimer::timeout, this, &HeatMapPanel::addIntervals);
    setContent(plot_);
    addFigurePart(plot_);
    updateControls();
}

void HeatMapPanel::addControls() {
    metricBox_->setAccessibleName(tr("Metric"));
    for (const HeatMapMetric metric : heatMapMetrics) {
        metricBox_->addEntry(metricText(metric).name, metricText(metric).shortName, static_cast<int>(metric));
        metricBox_->setItemData(metricBox_->count() - 1, metricTip(metric), Qt::ToolTipRole);
    }
    lock_->setCheckable(true);
    lock_->setAccessibleName(tr("Lock colours"));
    lock_->setToolTip(tr("Lock colours: keep the range of the colour bar while switching conditions"));
    updateLockIcon();
    for (QWidget* control :
         {static_cast<QWidget*>(metricBox_), static_cast<QWidget*>(tensorBox_),
          static_cast<QWidget*>(epsilonBox_), static_cast<QWidget*>(options_), static_cast<QWidget*>(lock_)})
        addControl(control);
    addOption(QStringLiteral("metric"), metricBox_, variants());
    for (const HeatMapOptions::Entry& entry : options_->entries()) {
        if (entry.box) addOption(entry.name, entry.box, entry.keys);
        if (entry.toggle) addOption(entry.name, entry.toggle);
        if (entry.number) addOption(entry.name, entry.number);
    }
    addOption(QStringLiteral("lock"), lock_);
    connect(metricBox_, &QComboBox::activated, this,
            [this] { setMetric(static_cast<HeatMapMetric>(metricBox_->currentData().toInt())); });
    connect(options_, &HeatMapOptions::changed, this, [this] {
        wantsScale_ = true;
        invalidate(OptionsChanged);
    });
    connect(lock_, &QToolButton::toggled, this, [this] { invalidate(OptionsChanged); });
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

QString HeatMapPanel::emptyTitle() const {
    return metricText(metric_).name;
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
    metricBox_->setToolTip(metricTip(metric_));
    tensorBox_->setVisible(usesTensor(metric_));
    epsilonBox_->setVisible(usesEpsilon(metric_));
}

void HeatMapPanel::updateLockIcon() {
    lock_->setIcon(panelIcon(PanelIcon::Lock, palette()));
}

void HeatMapPanel::changeEvent(QEvent* event) {
    DiagnosticPanel::changeEvent(event);
    if (event->type() == QEvent::PaletteChange && lock_) updateLockIcon();
}

HeatMapPanel::Compared HeatMapPanel::comparedWith(Side side) const {
    Compared result{std::move(side), nullptr};
    if (result.side.condition) result.reference = result.side.session->shortReference(*result.side.condition);
    return result;
}

bool HeatMapPanel::takeSides() {
    const auto was = [](const Compared& one) { return std::pair(one.side.condition, one.reference); };
    const auto aWas = was(a_), bWas = was(b_);
    const bool shownWas = showsB_, subtractedWas = subtracts_;
    a_ = comparedWith(sideA());
    b_ = comparedWith(sideB());
    subtracts_ = subtracts();
    showsB_ = selection().compare == CompareMode::B && b_.side.condition != nullptr;
    return aWas != was(a_) || bWas != was(b_) || shownWas != showsB_ || subtractedWas != subtracts_;
}

QString HeatMapPanel::whyEmpty(const Compared& one) const {
    const Session& of = one.side.session ? *one.side.session : *session();
    if (one.side.condition && of.model.pairs() != shownBands().pairs())
        return tr("%1 has %2 rotary pairs, the bands are of %3: this map cannot show it. Open its session by "
                  "itself.")
            .arg(one.side.name)
            .arg(of.model.pairs())
            .arg(shownBands().pairs());
    return whyNoMetric(metric_, of.model, one.side.condition.get(), one.reference.get(), shownBands());
}

QString HeatMapPanel::whyEmpty() const {
    if (selection().compare == CompareMode::Difference && b_.side.condition && !subtracts_)
        return whyNotComparable();
    const QString problem = whyEmpty(shownSide());
    return problem.isEmpty() && subtracts_ ? whyEmpty(b_) : problem;
}

void HeatMapPanel::refresh(Changes changes) {
    const QScopedValueRollback<bool> within(refreshing_, true);
    const bool otherSides = takeSides();
    const QString problem = whyEmpty();
    if (!problem.isEmpty()) {
        grid_ = gridA_ = gridB_ = {};
        showEmpty(problem);
        return;
    }
    columns_ = isOfLayers(metric_) ? BandPartition::equal(1, shownBands().pairs()) : shownBands();
    const Selection& now = selection();
    const bool known = changes == SelectionChanged && !otherSides && grid_.layers > 0
                       && now.tensor == computedFor_.tensor && now.stage == computedFor_.stage
                       && now.epsilon == computedFor_.epsilon && now.group == computedFor_.group;
    if (!known) computeGrids(); // another cell needs no new numbers
    computedFor_ = now;
    if (!isRangeLocked() || wantsScale_ || scaledFor_ != metric_ || scaledForDifference_ != subtracts_)
        updateScale();
    updatePlot();
    interval_.reset();
    if (isTailInflation(metric_) && !subtracts_) intervalTimer_->start();
    if (!known) forgetIntervals();
    fillTablesBy([this] { fillTable(); });
    describe();
    if (const auto* view = findChild<QTableView*>(); view && view->isVisible() && lacksIntervals())
        cellsTimer_->start(0);
}

int HeatMapPanel::headGroup(const Compared& one) const {
    const auto of = [this](const Compared& side) {
        return shownHeadGroup(selection().group, side.side.condition->noise.shape().groups);
    };
    if (!usesHeadGroup(metric_) || (subtracts_ && (of(a_) < 0 || of(b_) < 0))) return -1;
    return of(one);
}

BandGrid HeatMapPanel::compute(const Compared& one) {
    Selection now = selection();
    now.group = headGroup(one);
    return metricGrid(metric_, one.side.session->model, *one.side.condition, one.reference.get(),
                      shownBands(), now, &pools_);
}

void HeatMapPanel::computeGrids() {
    pools_.keep({a_.side.condition, a_.reference, b_.side.condition, b_.reference});
    gridA_ = gridB_ = {};
    if (b_.side.condition && whyEmpty(a_).isEmpty() && whyEmpty(b_).isEmpty()) {
        gridA_ = compute(a_);
        gridB_ = compute(b_);
    }
    if (subtracts_)
        grid_ = difference(gridA_, gridB_);
    else if (gridB_.layers > 0)
        grid_ = showsB_ ? gridB_ : gridA_;
    else
        grid_ = compute(shownSide());
}

void HeatMapPanel::updateScale() {
    std::vector<double> values = grid_.values;
    if (!subtracts_ && gridB_.layers > 0) { // A and B on one range: their colours can be compared
        values = gridA_.values;
        values.insert(values.end(), gridB_.values.begin(), gridB_.values.end());
    }
    scale_ = options_->choose(subtracts_ ? differenceStyleOf(metric_) : styleOf(metric_), values);
    scaledFor_ = metric_;
    scaledForDifference_ = subtracts_;
    wantsScale_ = false;
}

QString HeatMapPanel::valueTitle() const {
    return subtracts_ ? tr("Δ %1, A − B").arg(metricText(metric_).bar) : metricText(metric_).bar;
}

QString HeatMapPanel::bandText(int band) const {
    const int first = columns_.begin(band), last = columns_.end(band) - 1;
    return first == last ? QString::number(first) : QStringLiteral("%1–%2").arg(first).arg(last);
}

void HeatMapPanel::updatePlot() {
    HeatMapPlot::Content content;
    content.rows = grid_.layers;
    content.columns = grid_.bands;
    content.values = grid_.values;
    content.rowTitle = tr("Layer");
    content.columnTitle =
        isOfLayers(metric_) ? tr("All pairs") : tr("Band and its pairs (high → low frequency)");
    content.valueTitle = valueTitle();
    content.difference = subtracts_;
    content.rowName = tr("Layer");
    content.columnName = tr("band");
    content.rowsName = tr("layers");
    content.columnsName = tr("bands");
    for (int layer = 0; layer < grid_.layers; ++layer) content.rowLabels << QString::number(layer);
    for (int band = 0; band < grid_.bands; ++band) {
        if (isOfLayers(metric_)) {
            content.columnLabels << bandText(band);
            content.columnDetails << tr("whole layer");
            continue;
        }
        const bool named = static_cast<std::size_t>(band) < shownBandStyles().size()
                           && !shownBandStyles()[static_cast<std::size_t>(band)].name.empty();
        content.columnLabels << QStringLiteral("%1\n%2").arg(named ? bandName(band) : QString::number(band),
                                                             bandText(band));
        content.longNames = content.longNames || named;
        content.columnDetails << tr("%1 (pairs %2)").arg(bandName(band), bandText(band));
    }
    content.details = [this](int layer, int band) { return cellDetails(layer, band); };
    plot_->setContent(std::move(content));
    plot_->setScale(scale_);
    plot_->setSelectedCell(selectedLayer(grid_.layers), selectedColumn());
}

QString HeatMapPanel::cellDetails(int layer, int band) const {
    if (layer >= grid_.layers || band >= std::min(grid_.bands, columns_.count())) return {};
    const std::vector<double>& omega = shownSide().side.condition->table.plain;
    const auto wavelength = [&omega](int pair) {
        return readableNumber(2 * std::numbers::pi / omega[static_cast<std::size_t>(pair)], 3);
    };
    const int first = columns_.begin(band), last = columns_.end(band) - 1;
    QString text = first == last
                       ? tr("unscaled wavelength %1 tokens").arg(wavelength(first))
                       : tr("unscaled wavelengths %1–%2 tokens").arg(wavelength(first), wavelength(last));
    if (subtracts_)
        text.prepend(
            tr("A: %1 · B: %2")
                .arg(readableNumber(gridA_.at(layer, band), 4), readableNumber(gridB_.at(layer, band), 4))
            + u'\n');
    return text;
}

QString HeatMapPanel::metricTitle() const {
    QString title = metricText(metric_).name;
    if (usesStage(metric_))
        title += QStringLiteral(", ") + tensorStageText(selection().tensor, selection().stage);
    else if (usesTensor(metric_))
        title += selection().tensor == QkTensor::Q ? tr(", q") : tr(", k");
    if (usesEpsilon(metric_)) title += QStringLiteral(", ") + epsilonText(selection().epsilon);
    if (const int group = headGroup(shownSide()); group >= 0)
        title += tr(", head group %1").arg(group);
    else if (selection().group >= 0 && isOfHeads(metric_))
        title += tr(", all heads");
    if (isPressure(metric_)) {
        const int distance = shownSide().side.condition->key.context;
        if (!subtracts_ || b_.side.condition->key.context == distance)
            title += tr(", D = %1").arg(groupedCount(distance));
    }
    return subtracts_ ? tr("Δ %1").arg(title) : title;
}

void HeatMapPanel::describe() {
    QString conditions = shownName();
    if (needsReference(metric_) && shownSide().reference) {
        QString against = conditionName(shownSide().reference->key);
        if (subtracts_ && b_.reference && conditionName(b_.reference->key) != against)
            against = tr("%1 and %2").arg(against, conditionName(b_.reference->key));
        conditions += (subtracts_ ? tr(", vs %1") : tr(" vs %1")).arg(against);
    }
    showContent(metricTitle(), conditions, cellSummary());
}

QString HeatMapPanel::cellSummary() const {
    if (grid_.layers == 0 || grid_.bands == 0) return {};
    const int layer = selectedLayer(grid_.layers), band = selectedColumn();
    const int first = columns_.begin(band), last = columns_.end(band) - 1;
    const double value = grid_.at(layer, band);
    const QString where =
        isOfLayers(metric_) ? tr("Layer %1").arg(layer)
                            : tr("Layer %1 · %2 (%3)").arg(layer).arg(bandName(band), pairsText(first, last));
    QString text =
        tr("%1: %2 %3")
            .arg(where, subtracts_ ? tr("Δ %1").arg(metricText(metric_).bar) : metricText(metric_).bar,
                 std::isnan(value) ? tr("no data") : readableNumber(value, 4));
    if (subtracts_)
        text +=
            tr(" (A %1, B %2)")
                .arg(readableNumber(gridA_.at(layer, band), 4), readableNumber(gridB_.at(layer, band), 4));
    if (subtracts_ && isAnalytic(metric_) && a_.side.condition->table.omega == b_.side.condition->table.omega)
        text += tr(" · follows from the frequencies alone, which A and B share");
    if (interval_ && std::isfinite(interval_->low))
        text += tr("  [%1, %2] 95 % CI")
                    .arg(readableNumber(interval_->low, 4), readableNumber(interval_->high, 4));
    text += additivityText();
    if (!options_->note().isEmpty()) text += QStringLiteral(" · ") + options_->note();
    return text;
}

QString HeatMapPanel::additivityText() const {
    if (!isOfLayers(metric_)) return {};
    const auto of = [this](const Compared& one) {
        return layerAdditivity(one.side.condition->damage, damageMember(metric_));
    };
    const double a = of(subtracts_ ? a_ : shownSide()), b = subtracts_ ? of(b_) : a;
    if (!std::isfinite(a) || !std::isfinite(b)) return {};
    const QString text =
        subtracts_ ? tr("A %1, B %2").arg(readableNumber(a, 3), readableNumber(b, 3)) : readableNumber(a, 3);
    return tr(" · sum of the layers / all layers together: %1 (1 = damages add)").arg(text);
}

void HeatMapPanel::tableRowActivated(int row) {
    if (grid_.bands > 0) selectCell(row / grid_.bands, row % grid_.bands);
}

int HeatMapPanel::selectedColumn() const {
    return isOfLayers(metric_) ? 0 : selectedBand();
}

void HeatMapPanel::selectCell(int row, int column) {
    Selection next = selection();
    next.layer = row;
    if (!isOfLayers(metric_)) {
        next.band = column;
        next.pair = -1;
    }
    selectionModel()->setSelection(next);
}

} // namespace qroar
