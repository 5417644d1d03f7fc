#include "widgets/panels/outlier_panel.h"

#include "core/diagnostics/tails.h"
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

} // namespace

OutlierPanel::OutlierPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Outlier shift"), selection, parent) {
    addControl(new TensorBox(selection, this));
    addControl(new EpsilonBox(selection, this));
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

void OutlierPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // positions do not depend on bands
    const auto shown = condition();
    const Selection& now = selection();
    const bool known = changes == SelectionChanged && shown && shown == shown_ && relative_.layers > 0
                       && now.tensor == computedFor_.tensor && now.stage == computedFor_.stage
                       && now.epsilon == computedFor_.epsilon;
    shown_ = shown;
    if (!known) relative_ = {};
    if (!shown) {
        showEmpty(
            tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
               "Run."));
        return;
    }
    if (shown->statistics.cells() == 0) {
        showEmpty(
            tr("%1 was run for perplexity only. Run it again with capture on to see where its outliers sit.")
                .arg(conditionName(shown->key)));
        return;
    }
    edges_ = shown->statistics.shape().bucketEdges;
    trained_ = session()->model.trainedContext();
    if (!known) { // another layer needs no new numbers
        relative_ = topShareByPosition(*shown, now.tensor, now.stage, now.epsilon, true);
        share_ = topShareByPosition(*shown, now.tensor, now.stage, now.epsilon, false);
        computedFor_ = now;
    }
    updateMap();
    updateLine();
    fillTable();
    const int layer = selectedLayer(relative_.layers);
    int largest = 0;
    for (int bucket = 1; bucket < relative_.bands; ++bucket)
        if (relative_.at(layer, bucket) > relative_.at(layer, largest)) largest = bucket;
    showContent(
        tr("Outlier shift, %1, %2").arg(tensorStageText(now.tensor, now.stage), epsilonText(now.epsilon)),
        conditionName(shown->key),
        tr("Layer %1: positions %2–%3 hold %4 times their share of the top values")
            .arg(layer)
            .arg(groupedCount(edges_[largest]), groupedCount(edges_[largest + 1] - 1),
                 readableNumber(relative_.at(layer, largest), 3)));
}

void OutlierPanel::updateMap() {
    HeatMapPlot::Content content;
    content.rows = relative_.layers;
    content.columns = relative_.bands;
    content.values = relative_.values;
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("First position (tokens)");
    content.valueTitle = tr("Relative share of top ε (ratio)");
    for (int layer = 0; layer < relative_.layers; ++layer) content.rowLabels << QString::number(layer);
    for (int bucket = 0; bucket < relative_.bands; ++bucket) {
        content.columnLabels << groupedCount(edges_[bucket]);
        content.columnDetails
            << tr("positions %1–%2").arg(groupedCount(edges_[bucket]), groupedCount(edges_[bucket + 1] - 1));
    }
    map_->setContent(std::move(content));
    map_->setScale(shiftScale(relative_.values));
    map_->setSelectedCell(selectedLayer(relative_.layers), -1);
}

void OutlierPanel::updateLine() {
    const int layer = selectedLayer(relative_.layers);
    LinePlot::Series line;
    line.name = tr("Layer %1").arg(layer);
    line.marker = QCPScatterStyle::ssCircle;
    line.emphasised = true;
    for (int bucket = 0; bucket < relative_.bands; ++bucket) {
        // Middle of the bucket on a logarithmic axis; position 0 counts as 1.
        line.x.push_back(std::sqrt(std::max(1.0, static_cast<double>(edges_[bucket])) * edges_[bucket + 1]));
        line.y.push_back(relative_.at(layer, bucket));
    }
    std::vector<double> ticks;
    QStringList labels;
    for (size_t edge = 1; edge<edges_.size(); edge += edges_.size()> 8 ? 2 : 1) {
        ticks.push_back(edges_[edge]);
        labels << groupedCount(edges_[edge]);
    }
    line_->setAxes(tr("Position in the context (tokens)"), LinePlot::Scale::Log2,
                   tr("Relative share, layer %1").arg(layer), LinePlot::Scale::Linear);
    line_->setXTicks(ticks, labels);
    line_->setSeries({line});
    line_->fitRanges(true, 1.0);
}

void OutlierPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int layer = 0; layer < relative_.layers; ++layer)
        for (int bucket = 0; bucket < relative_.bands; ++bucket)
            rows.push_back({layer, edges_[bucket], edges_[bucket + 1], share_.at(layer, bucket),
                            relative_.at(layer, bucket)});
    table().setTable(
        {{"layer", tr("Layer"), tr("Decoder layer, from 0")},
         {"from_position", tr("From"), tr("First position of the bucket, tokens")},
         {"to_position", tr("To"), tr("One past the last position, tokens")},
         {"top_share", tr("Share of top ε"), tr("Share of the layer's largest values in the bucket")},
         {"relative_share", tr("Relative"), tr("Divided by the bucket's share of all values. [ours]")}},
        std::move(rows));
}

void OutlierPanel::tableRowActivated(int row) {
    if (relative_.bands > 0) selectionModel()->setLayer(row / relative_.bands);
}

} // namespace qroar
