#include "widgets/panels/outlier_panel.h"

#include "core/diagnostics/tails.h"
#include "widgets/common/before_after.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QSplitter>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

/// Symmetric around 1 in the logarithm, wide enough for what is over- and under-represented; beyond 16 times
/// more or less, where early positions hold a handful of values or none, a cell is as dark as can be.
ColorScale shiftScale(const std::vector<double>& values) {
    constexpr double farthest = 16;
    std::vector<double> ratios;
    for (const double value : values)
        if (std::isfinite(value)) ratios.push_back(std::clamp(value, 1 / farthest, farthest));
    return ColorScale::around(1, ratios, true, 1.25);
}

/// Around 0; beyond four times more or less a cell is as dark as can be.
ColorScale differenceScale(const std::vector<double>& values) {
    constexpr double farthest = 4;
    std::vector<double> differences;
    for (const double value : values)
        if (std::isfinite(value)) differences.push_back(std::clamp(value, -farthest, farthest));
    return ColorScale::around(0, differences, false, 0.05);
}

} // namespace

OutlierPanel::OutlierPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Outlier shift"), selection, parent) {
    addControl(new TensorBox(selection, this));
    addControl(new EpsilonBox(selection, this));
    beforeAfter_ = new BeforeAfterBox(BeforeAfterBox::Both::Subtracts, selection, this);
    addControl(beforeAfter_);
    auto* split = new QSplitter(Qt::Horizontal, this);
    split->setChildrenCollapsible(false);
    map_ = new HeatMapPlot(split);
    line_ = new LinePlot(split);
    line_->setReadoutNames(tr("position"), tr("relative share"), tr("tokens"),
                           tr("× its share of all values"));
    line_->setReferenceLine(1.0);
    split->setSizes({500, 500});
    connect(map_, &HeatMapPlot::cellSelected, this,
            [this](int row, int) { selectionModel()->setLayer(row); });
    setContent(split);
    addFigurePart(map_, {0, 0, 0.5, 1});
    addFigurePart(line_, {0.5, 0, 0.5, 1});
}

const BandGrid& OutlierPanel::relativeShare() {
    ensureFresh();
    return relative_;
}

bool OutlierPanel::subtracts() const {
    return before_ != nullptr;
}

bool OutlierPanel::findShown() {
    shown_ = condition();
    before_ = nullptr;
    beforeAfter_->follow(session(), conditionIndex());
    if (beforeAfter_->shown() == BeforeAfter::Difference) {
        shown_ = session()->conditions[static_cast<size_t>(beforeAfter_->twins().after)];
        before_ = session()->conditions[static_cast<size_t>(beforeAfter_->twins().before)];
    }
    if (!shown_) {
        showEmpty(
            tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
               "Run."));
        return false;
    }
    for (const auto* one : {&shown_, &before_})
        if (*one && (*one)->statistics.cells() == 0) {
            showEmpty(tr("%1 was run for perplexity only. Run it again with capture on to see where its "
                         "outliers sit.")
                          .arg(conditionName((*one)->key)));
            return false;
        }
    return true;
}

void OutlierPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // positions do not depend on bands
    const auto shownBefore = shown_, beforeBefore = before_;
    const Selection& now = selection();
    const bool shows = findShown();
    const bool known = shows && changes == SelectionChanged && shownBefore == shown_
                       && beforeBefore == before_ && relative_.layers > 0 && now.tensor == computedFor_.tensor
                       && now.stage == computedFor_.stage && now.epsilon == computedFor_.epsilon;
    if (!known) relative_ = {};
    if (!shows) return;
    edges_ = shown_->statistics.shape().bucketEdges;
    if (!known) { // another layer needs no new numbers
        const auto share = [&now](const ConditionResult& of, bool relative) {
            return topShareByPosition(of, now.tensor, now.stage, now.epsilon, relative);
        };
        mapped_ = relative_ = share(*shown_, true);
        share_ = share(*shown_, false);
        relativeBefore_ = before_ ? share(*before_, true) : BandGrid();
        shareBefore_ = before_ ? share(*before_, false) : BandGrid();
        for (size_t cell = 0; before_ && cell < mapped_.values.size(); ++cell)
            mapped_.values[cell] -= relativeBefore_.values[cell];
        computedFor_ = now;
    }
    updateMap();
    updateLine();
    fillTable();
    const QString what =
        tr("Outlier shift, %1, %2").arg(tensorStageText(now.tensor, now.stage), epsilonText(now.epsilon));
    const QString name = conditionName(shown_->key);
    showContent(subtracts() ? tr("Δ %1").arg(what) : what,
                subtracts() ? tr("%1 minus without gains").arg(name) : name, layerSummary());
}

QString OutlierPanel::layerSummary() const {
    const int layer = selectedLayer(mapped_.layers);
    if (mapped_.layers == 0 || mapped_.bands == 0) return {};
    int largest = 0;
    const auto weight = [&](int bucket) {
        const double value = mapped_.at(layer, bucket);
        return std::isnan(value) ? -1.0 : subtracts() ? std::abs(value) : value;
    };
    for (int bucket = 1; bucket < mapped_.bands; ++bucket)
        if (weight(bucket) > weight(largest)) largest = bucket;
    const QString where = tr("Layer %1: positions %2–%3")
                              .arg(layer)
                              .arg(groupedCount(edges_[static_cast<size_t>(largest)]),
                                   groupedCount(edges_[static_cast<size_t>(largest) + 1] - 1));
    if (!subtracts())
        return tr("%1 hold %2 times their share of the top values")
            .arg(where, readableNumber(mapped_.at(layer, largest), 3));
    return tr("%1 change most: %2 → %3 times their share of the top values")
        .arg(where, readableNumber(relativeBefore_.at(layer, largest), 3),
             readableNumber(relative_.at(layer, largest), 3));
}

void OutlierPanel::updateMap() {
    HeatMapPlot::Content content;
    content.rows = mapped_.layers;
    content.columns = mapped_.bands;
    content.values = mapped_.values;
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("First position (tokens)");
    content.valueTitle =
        subtracts() ? tr("Δ relative share, after − before") : tr("Relative share of top ε (ratio)");
    for (int layer = 0; layer < mapped_.layers; ++layer) content.rowLabels << QString::number(layer);
    for (int bucket = 0; bucket < mapped_.bands; ++bucket) {
        content.columnLabels << groupedCount(edges_[bucket]);
        content.columnDetails
            << tr("positions %1–%2").arg(groupedCount(edges_[bucket]), groupedCount(edges_[bucket + 1] - 1));
    }
    map_->setContent(std::move(content));
    map_->setScale(subtracts() ? differenceScale(mapped_.values) : shiftScale(mapped_.values));
    map_->setSelectedCell(selectedLayer(mapped_.layers), -1);
}

void OutlierPanel::updateLine() {
    const int layer = selectedLayer(relative_.layers);
    const auto lineOf = [&](const BandGrid& grid, const QString& name, bool emphasised) {
        LinePlot::Series line;
        line.name = name;
        line.marker = QCPScatterStyle::ssCircle;
        line.emphasised = emphasised;
        line.dash = emphasised ? Qt::SolidLine : Qt::DashLine;
        for (int bucket = 0; bucket < grid.bands; ++bucket) {
            const auto edge = static_cast<size_t>(bucket);
            // Middle of the bucket on a logarithmic axis; position 0 counts as 1.
            line.x.push_back(std::sqrt(std::max(1.0, static_cast<double>(edges_[edge])) * edges_[edge + 1]));
            line.y.push_back(grid.at(layer, bucket));
        }
        return line;
    };
    std::vector<LinePlot::Series> series;
    if (subtracts()) series.push_back(lineOf(relativeBefore_, tr("before"), false));
    series.push_back(lineOf(relative_, subtracts() ? tr("after") : tr("Layer %1").arg(layer), true));
    std::vector<double> ticks;
    QStringList labels;
    for (size_t edge = 1; edge<edges_.size(); edge += edges_.size()> 8 ? 2 : 1) {
        ticks.push_back(edges_[edge]);
        labels << groupedCount(edges_[edge]);
    }
    line_->setAxes(tr("Position in the context (tokens)"), LinePlot::Scale::Log2,
                   tr("Relative share, layer %1").arg(layer), LinePlot::Scale::Linear);
    line_->setXTicks(ticks, labels);
    line_->setSeries(std::move(series));
    line_->fitRanges(true, 1.0);
}

void OutlierPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int layer = 0; layer < relative_.layers; ++layer)
        for (int bucket = 0; bucket < relative_.bands; ++bucket) {
            const auto edge = static_cast<size_t>(bucket);
            ResultTableModel::Row row{layer, edges_[edge], edges_[edge + 1]};
            if (subtracts())
                row.insert(row.end(), {shareBefore_.at(layer, bucket), relativeBefore_.at(layer, bucket)});
            row.insert(row.end(), {share_.at(layer, bucket), relative_.at(layer, bucket)});
            if (subtracts()) row.emplace_back(mapped_.at(layer, bucket));
            rows.push_back(std::move(row));
        }
    std::vector<ResultTableModel::Column> columns{
        {"layer", tr("Layer"), tr("Decoder layer, from 0")},
        {"from_position", tr("From"), tr("First position of the bucket, tokens")},
        {"to_position", tr("To"), tr("One past the last position, tokens")}};
    const QString shareTip = tr("Share of the layer's largest values in the bucket"),
                  relativeTip = tr("Divided by the bucket's share of all values. [ours]");
    if (subtracts()) {
        columns.push_back({"top_share_before", tr("Share before"), shareTip});
        columns.push_back({"relative_share_before", tr("Relative before"), relativeTip});
        columns.push_back({"top_share_after", tr("Share after"), shareTip});
        columns.push_back({"relative_share_after", tr("Relative after"), relativeTip});
        columns.push_back({"relative_share_difference", tr("Δ relative"), tr("After − before. [ours]")});
    } else {
        columns.push_back({"top_share", tr("Share of top ε"), shareTip});
        columns.push_back({"relative_share", tr("Relative"), relativeTip});
    }
    table().setTable(std::move(columns), std::move(rows));
}

void OutlierPanel::tableRowActivated(int row) {
    if (relative_.bands > 0) selectionModel()->setLayer(row / relative_.bands);
}

} // namespace qroar
