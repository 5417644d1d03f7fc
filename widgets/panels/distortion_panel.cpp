#include "widgets/panels/distortion_panel.h"

#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/heat_map_plot.h"

#include <QComboBox>

#include <algorithm>
#include <cmath>

namespace qroar {

DistortionPanel::DistortionPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Weight distortion"), selection, parent), plot_(new HeatMapPlot(this)),
      measureBox_(new QComboBox(this)) {
    measureBox_->setAccessibleName(tr("Measure"));
    const auto add = [this](const QString& name, Measure measure, const QString& formula) {
        measureBox_->addItem(name, measure);
        measureBox_->setItemData(measureBox_->count() - 1, formula, Qt::ToolTipRole);
    };
    add(tr("SNR (dB)"), SnrDb, tr("10 log₁₀(Σw² / Σ(w − ŵ)²). [std]"));
    add(tr("RMSE"), Rmse, tr("√(mean (w − ŵ)²). [std]"));
    add(tr("1 − cosine"), OneMinusCosine, tr("1 − Σwŵ / √(Σw²·Σŵ²). [std]"));
    add(tr("Max error"), MaxError, tr("max |w − ŵ|. [std]"));
    add(tr("Output SNR (dB)"), OutputSnrDb,
        tr("10 log₁₀(Σy² / Σ(y − ŷ)²) of the projection's outputs on the calibration text: AWQ and GPTQ "
           "only. "
           "[std]"));
    connect(measureBox_, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    addControl(measureBox_);
    connect(plot_, &HeatMapPlot::cellSelected, this,
            [this](int row, int) { selectionModel()->setLayer(row); });
    setContent(plot_);
    addFigurePart(plot_);
}

QStringList DistortionPanel::variants() const {
    return {"snr_db", "rmse", "one_minus_cosine", "max_error", "output_snr_db"}; // in the order of Measure
}

int DistortionPanel::variant() const {
    return measureBox_->currentIndex();
}

void DistortionPanel::setVariant(int index) {
    measureBox_->setCurrentIndex(index);
}

std::shared_ptr<const ConditionResult> DistortionPanel::quantized() const {
    const auto chosen = condition();
    if (!chosen || !chosen->distortions.empty()) return chosen;
    std::shared_ptr<const ConditionResult> any;
    for (const auto& candidate : session()->conditions) {
        if (candidate->distortions.empty()) continue;
        if (candidate->key.quant == chosen->key.quant) return candidate;
        if (!any) any = candidate;
    }
    return any;
}

void DistortionPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // weights do not depend on bands
    const auto shown = quantized();
    if (!shown) {
        showEmpty(tr("No quantized condition has been run. Add a quantizer such as rtn:4:g128 and press "
                     "Run, or use the command line: "
                     "qroar analyze MODEL --text FILE --quant none --quant rtn:4:g128 -o run.h5"));
        return;
    }
    updatePlot(*shown);
    fillTable(*shown);
    const QString quant = weightsName(shown->key);
    const LayerDistortion* worst = &shown->distortions.front();
    for (const LayerDistortion& one : shown->distortions)
        if (one.distortion.snrDb() < worst->distortion.snrDb()) worst = &one;
    const int layer = selectedLayer(session()->model.layers);
    Distortion sum;
    for (const LayerDistortion& one : shown->distortions)
        if (one.layer == layer) sum.add(one.distortion);
    showContent(
        tr("Weight distortion, %1").arg(measureBox_->currentText()), quant,
        tr("Layer %1: SNR %2 dB over its projections · worst: layer %3 %4, %5 dB")
            .arg(layer)
            .arg(readableNumber(sum.snrDb(), 4))
            .arg(worst->layer)
            .arg(QString::fromStdString(worst->projection), readableNumber(worst->distortion.snrDb(), 4)));
}

void DistortionPanel::updatePlot(const ConditionResult& shown) {
    projections_.clear();
    int layers = 0;
    for (const LayerDistortion& one : shown.distortions) {
        const QString name = QString::fromStdString(one.projection);
        if (!projections_.contains(name)) projections_ << name;
        layers = std::max(layers, one.layer + 1);
    }
    HeatMapPlot::Content content;
    content.rows = layers;
    content.columns = static_cast<int>(projections_.size());
    content.values.assign(static_cast<size_t>(content.rows) * content.columns, std::nan(""));
    const auto measure = static_cast<Measure>(measureBox_->currentData().toInt());
    for (const LayerDistortion& one : shown.distortions) {
        const Distortion& d = one.distortion;
        const double value = measure == SnrDb            ? d.snrDb()
                             : measure == OutputSnrDb    ? (one.output ? one.output->snrDb() : std::nan(""))
                             : measure == Rmse           ? d.rmse()
                             : measure == OneMinusCosine ? 1 - d.cosine()
                                                         : d.maxError;
        const auto column = projections_.indexOf(QString::fromStdString(one.projection));
        content.values[static_cast<size_t>(one.layer) * content.columns + column] = value;
    }
    measureBox_->setToolTip(measureBox_->currentData(Qt::ToolTipRole).toString());
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("Projection");
    content.valueTitle = measureBox_->currentText();
    content.columnDetails = projections_;
    for (QString name : projections_) content.columnLabels << name.remove(QStringLiteral("_proj"));
    for (int layer = 0; layer < layers; ++layer) content.rowLabels << QString::number(layer);
    const ColorScale scale = ColorScale::sequential(content.values, measure == OneMinusCosine);

    plot_->setContent(std::move(content));
    plot_->setScale(scale);
    plot_->setSelectedCell(selectedLayer(layers), -1);
}

void DistortionPanel::fillTable(const ConditionResult& shown) {
    std::vector<ResultTableModel::Row> rows;
    for (const LayerDistortion& one : shown.distortions) {
        const Distortion& d = one.distortion;
        rows.push_back({one.layer, QString::fromStdString(one.projection), d.snrDb(), d.rmse(), d.cosine(),
                        d.maxError, d.clipped, d.count});
        if (!one.output) continue;
        rows.back().emplace_back(one.output->snrDb());
        rows.back().emplace_back(one.output->cosine());
    }
    std::vector<ResultTableModel::Column> columns{
        {"layer", tr("Layer"), tr("Decoder layer, from 0")},
        {"projection", tr("Projection"), tr("Linear projection")},
        {"snr_db", tr("SNR (dB)"), tr("10 log₁₀(Σw² / Σ(w − ŵ)²)")},
        {"rmse", tr("RMSE"), tr("Root mean squared error of the weights")},
        {"cosine", tr("Cosine"), tr("Between original and quantized weights")},
        {"max_error", tr("Max error"), tr("max |w − ŵ|")},
        {"clipped", tr("Clipped"), tr("Codes that had to be clamped")},
        {"count", tr("Weights"), tr("Number of weights")}};
    if (shown.distortions.front().output) {
        columns.push_back({"output_snr_db", tr("Output SNR (dB)"),
                           tr("10 log₁₀(Σy² / Σ(y − ŷ)²) of the outputs on the calibration text")});
        columns.push_back(
            {"output_cosine", tr("Output cosine"), tr("Between original and quantized outputs")});
    }
    table().setTable(std::move(columns), std::move(rows));
}

void DistortionPanel::tableRowActivated(int row) {
    const auto shown = quantized();
    if (shown && row < static_cast<int>(shown->distortions.size()))
        selectionModel()->setLayer(shown->distortions[row].layer);
}

} // namespace qroar
