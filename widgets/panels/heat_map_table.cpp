// HeatMapPanel's table twin, and the intervals of its cells, which take too long for every refresh: that of
// the selected cell comes when things are quiet, those of the table while it is on screen or when it is read.
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/plot/heat_map_plot.h"

#include <QElapsedTimer>
#include <QTimer>

#include <cmath>

namespace qroar {

namespace {

/// In the thread of the window: enough for three digits of a bound, few enough not to be felt.
constexpr int intervalDraws = 200;
constexpr int patience = 12; ///< milliseconds of it at a time

} // namespace

Interval HeatMapPanel::intervalOf(const Compared& one, int layer, int band) const {
    return tailInflationInterval(*one.side.condition, *one.reference, layer, columns_.begin(band),
                                 columns_.end(band),
                                 {selection().tensor, selection().stage, selection().epsilon,
                                  metric_ == HeatMapMetric::TailInflationOverM},
                                 intervalDraws);
}

void HeatMapPanel::updateInterval() {
    if (!emptyText().isEmpty()) return; // which brings everything up to date: what was compared may be gone
    const Compared& one = shownSide();
    if (!one.side.condition || !one.reference || grid_.layers == 0) return;
    interval_ = intervalOf(one, selectedLayer(grid_.layers), selectedColumn());
    if (std::isfinite(interval_->low))
        plot_->setSelectedNote(
            tr("[%1, %2] 95 % CI over documents")
                .arg(readableNumber(interval_->low, 4), readableNumber(interval_->high, 4)));
    describe();
}

void HeatMapPanel::forgetIntervals() {
    cellsTimer_->stop();
    cells_.clear();
}

/// A minus B has those of A and of B.
std::vector<const HeatMapPanel::Compared*> HeatMapPanel::sidesWithIntervals() const {
    std::vector<const Compared*> sides;
    if (!isTailInflation(metric_) || grid_.layers == 0) return sides;
    for (const Compared* one : subtracts_ ? std::vector{&a_, &b_} : std::vector{&shownSide()})
        if (one->side.condition && one->reference) sides.push_back(one);
    return sides;
}

bool HeatMapPanel::lacksIntervals() const {
    return cells_.size() < sidesWithIntervals().size() * static_cast<std::size_t>(grid_.layers * grid_.bands);
}

void HeatMapPanel::addNextInterval() {
    const auto sides = sidesWithIntervals();
    const auto cell = static_cast<int>(cells_.size() / sides.size());
    cells_.push_back(
        intervalOf(*sides[cells_.size() % sides.size()], cell / grid_.bands, cell % grid_.bands));
}

void HeatMapPanel::completeIntervals() {
    if (refreshing_ || !lacksIntervals()) return;
    while (lacksIntervals()) addNextInterval();
    cellsTimer_->stop();
    fillTable();
}

QAbstractItemModel* HeatMapPanel::tableModel() {
    QAbstractItemModel* model = DiagnosticPanel::tableModel();
    completeIntervals();
    return model;
}

std::vector<DiagnosticPanel::Table> HeatMapPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    if (!isListing())
        completeIntervals();
    else if (lacksIntervals())
        cellsTimer_->start(0);
    return all;
}

void HeatMapPanel::addIntervals() {
    QElapsedTimer clock;
    clock.start();
    while (lacksIntervals() && clock.elapsed() < patience) addNextInterval();
    if (lacksIntervals()) return;
    cellsTimer_->stop();
    fillTable();
}

void HeatMapPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    const std::vector<double>& plain = shownSide().side.condition->table.plain;
    for (int layer = 0; layer < grid_.layers; ++layer)
        for (int band = 0; band < grid_.bands; ++band) {
            const int first = columns_.begin(band), last = columns_.end(band) - 1;
            rows.push_back({layer, band, first, last + 1, plain[static_cast<std::size_t>(last)],
                            plain[static_cast<std::size_t>(first)]});
            if (subtracts_)
                rows.back().insert(rows.back().end(), {gridA_.at(layer, band), gridB_.at(layer, band)});
            rows.back().emplace_back(grid_.at(layer, band));
        }
    std::vector<ResultTableModel::Column> columns{
        {"layer", tr("Layer"), tr("Decoder layer, from 0")},
        {"band", tr("Band"), tr("Band of the partition in force, from 0")},
        {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
        {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")},
        {"omega_low", tr("ω low"), tr("Trained frequency of the last pair, rad/token")},
        {"omega_high", tr("ω high"), tr("Trained frequency of the first pair, rad/token")}};
    const QString formula = metricTip(metric_);
    const QString key = metricKey(metric_);
    if (subtracts_) {
        columns.push_back({key + QStringLiteral("_a"), tr("A"), a_.side.name + u'\n' + formula});
        columns.push_back({key + QStringLiteral("_b"), tr("B"), b_.side.name + u'\n' + formula});
        columns.push_back({key + QStringLiteral("_difference"), valueTitle(), formula});
    } else {
        columns.push_back({key, metricText(metric_).bar, formula});
    }
    addIntervalColumns(columns, rows);
    if (!shownBandStyles().empty() && !isOfLayers(metric_)) {
        columns.insert(columns.begin() + 2, {"band_name", tr("Band name"), tr("What the band is called")});
        for (std::size_t row = 0; row < rows.size(); ++row)
            rows[row].insert(rows[row].begin() + 2, bandName(static_cast<int>(row) % grid_.bands));
    }
    addHeadsColumn(columns, rows);
    table().setTable(std::move(columns), std::move(rows));
}

void HeatMapPanel::addIntervalColumns(std::vector<ResultTableModel::Column>& columns,
                                      std::vector<ResultTableModel::Row>& rows) const {
    const auto sides = sidesWithIntervals().size();
    const QString key = metricKey(metric_), tip = tr("Bootstrap over documents, %1 draws").arg(intervalDraws);
    for (std::size_t side = 0; side < sides; ++side) {
        const QString of = !subtracts_ ? QString() : side == 0 ? QStringLiteral("_a") : QStringLiteral("_b");
        const QString name = !subtracts_ ? QString() : side == 0 ? tr("A, ") : tr("B, ");
        columns.push_back({key + of + QStringLiteral("_ci95_low"), name + tr("95 % low"), tip});
        columns.push_back({key + of + QStringLiteral("_ci95_high"), name + tr("95 % high"), tip});
        for (std::size_t row = 0; row < rows.size(); ++row) {
            const std::size_t cell = row * sides + side;
            const Interval known = cell < cells_.size() ? cells_[cell] : Interval{NAN, NAN};
            rows[row].insert(rows[row].end(), {known.low, known.high});
        }
    }
}

void HeatMapPanel::addHeadsColumn(std::vector<ResultTableModel::Column>& columns,
                                  std::vector<ResultTableModel::Row>& rows) const {
    if (selection().group < 0 || !isOfHeads(metric_)) return;
    columns.insert(columns.begin() + 1, {"heads", tr("Heads"), tr("Head group, or all heads pooled")});
    const int group = headGroup(shownSide());
    const QVariant heads = group >= 0 ? QVariant(group) : QVariant(tr("all"));
    for (ResultTableModel::Row& row : rows) row.insert(row.begin() + 1, heads);
}

} // namespace qroar
