#include "widgets/panels/distortion_panel.h"

#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/plot/heat_map_plot.h"

#include <QComboBox>

#include <algorithm>
#include <cmath>

namespace qroar {

DistortionPanel::DistortionPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Weight distortion"), selection, parent), plot_(new HeatMapPlot(this)),
      options_(new HeatMapOptions(plot_, this)), measureBox_(new QComboBox(this)) {
    measureBox_->setAccessibleName(tr("Measure"));
    const auto add = [this](const QString& name, Measure measure, const QString& formula,
                            const char* section) {
        measureBox_->addItem(name, measure);
        measureBox_->setItemData(
            measureBox_->count() - 1,
            formula + u'\n' + tr("Handbook (F1): theory.md#%1").arg(QLatin1String(section)), Qt::ToolTipRole);
    };
    const char* const weights = "round-to-nearest-quantization-rtn-std";
    add(tr("SNR (dB)"), SnrDb, tr("10 log₁₀(Σw² / Σ(w − ŵ)²). [std]"), weights);
    add(tr("RMSE"), Rmse, tr("√(mean (w − ŵ)²). [std]"), weights);
    add(tr("1 − cosine"), OneMinusCosine, tr("1 − Σwŵ / √(Σw²·Σŵ²). [std]"), weights);
    add(tr("Max error"), MaxError, tr("max |w − ŵ|. [std]"), weights);
    add(tr("Output SNR (dB)"), OutputSnrDb,
        tr("10 log₁₀(Σy² / Σ(y − ŷ)²) of the projection's outputs on the calibration text: AWQ and GPTQ "
           "only. "
           "[std]"),
        "output-error-std");
    connect(measureBox_, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    connect(options_, &HeatMapOptions::changed, this, [this] { invalidate(OptionsChanged); });
    addControl(measureBox_);
    addControl(options_);
    addOption(QStringLiteral("measure"), measureBox_, variants());
    for (const HeatMapOptions::Entry& entry : options_->entries()) {
        if (entry.box) addOption(entry.name, entry.box, entry.keys);
        if (entry.toggle) addOption(entry.name, entry.toggle);
        if (entry.number) addOption(entry.name, entry.number);
    }
    connect(plot_, &HeatMapPlot::cellSelected, this, &DistortionPanel::setCursor);
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

DistortionPanel::Measure DistortionPanel::measure() const {
    return static_cast<Measure>(measureBox_->currentData().toInt());
}

double DistortionPanel::valueOf(const LayerDistortion* of, Measure measure) {
    if (!of) return std::nan("");
    switch (measure) {
    case SnrDb:
        return of->distortion.snrDb();
    case Rmse:
        return of->distortion.rmse();
    case OneMinusCosine:
        return 1 - of->distortion.cosine();
    case MaxError:
        return of->distortion.maxError;
    case OutputSnrDb:
        return of->output ? of->output->snrDb() : std::nan("");
    }
    return std::nan("");
}

double DistortionPanel::mappedValue(const Pair& pair, Measure measure) const {
    const double a = valueOf(pair.a, measure);
    return subtracts_ ? a - valueOf(pair.b, measure) : a;
}

std::shared_ptr<const ConditionResult> DistortionPanel::quantizedLike(const Side& side) {
    const auto& chosen = side.condition;
    if (!chosen || !chosen->distortions.empty()) return chosen;
    std::shared_ptr<const ConditionResult> any;
    for (const auto& candidate : side.session->conditions) {
        if (candidate->distortions.empty()) continue;
        if (candidate->key.quant == chosen->key.quant) return candidate;
        if (!any) any = candidate;
    }
    return any;
}

QString DistortionPanel::takeSides() {
    subtracts_ = subtracts();
    b_ = nullptr;
    if (selection().compare == CompareMode::Difference && sideB().condition && !subtracts_)
        return whyNotComparable();
    if (subtracts_) {
        a_ = sideA().condition;
        b_ = sideB().condition;
        for (const auto& [side, name] : {std::pair(a_, sideA().name), std::pair(b_, sideB().name)})
            if (side->distortions.empty())
                return tr("%1 has no distortions: its weights were not quantized, or that was not recorded. "
                          "Choose two quantized conditions as A and B.")
                    .arg(name);
        return {};
    }
    a_ = quantizedLike(shown());
    if (a_ && !a_->distortions.empty()) return {};
    return tr("No quantized condition has been run. Add a quantizer such as rtn:4:g128 and press "
              "Run, or use the command line: "
              "qroar analyze MODEL --text FILE --quant none --quant rtn:4:g128 -o run.h5");
}

void DistortionPanel::pairUp() {
    pairs_.clear();
    const auto same = [](const LayerDistortion& one, const LayerDistortion& other) {
        return one.layer == other.layer && one.projection == other.projection;
    };
    const auto find = [&same](const ConditionResult& in, const LayerDistortion& like) {
        const auto found = std::find_if(in.distortions.begin(), in.distortions.end(),
                                        [&](const LayerDistortion& one) { return same(one, like); });
        return found == in.distortions.end() ? nullptr : &*found;
    };
    for (const LayerDistortion& one : a_->distortions)
        pairs_.push_back({&one, b_ ? find(*b_, one) : nullptr});
    if (!b_) return;
    for (const LayerDistortion& one : b_->distortions) // fused in A, apart in B
        if (!find(*a_, one)) pairs_.push_back({nullptr, &one});
}

void DistortionPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // weights do not depend on bands
    if (const QString problem = takeSides(); !problem.isEmpty()) {
        pairs_.clear();
        showEmpty(problem);
        return;
    }
    pairUp();
    updatePlot();
    fillTable();
    describe();
}

void DistortionPanel::setCursor(int row, int column) {
    projection_ = column;
    if (row == selectedLayer(plot_->content().rows))
        describe();
    else
        selectionModel()->setLayer(row);
}

void DistortionPanel::describe() {
    const QString what = tr("Weight distortion, %1").arg(measureBox_->currentText());
    QString summary = layerSummary();
    if (!options_->note().isEmpty()) summary += QStringLiteral(" · ") + options_->note();
    if (subtracts_)
        showContent(tr("Δ %1").arg(what), shownName(), summary);
    else {
        QString whose = shown().condition == a_
                            ? weightsName(a_->key)
                            : tr("%1 (%2, which is selected, has none)")
                                  .arg(weightsName(a_->key), weightsName(shown().condition->key));
        if (hasOtherSession() && shown().session != session()) whose += tr(" (%1)").arg(otherText());
        showContent(what, whose, summary);
    }
}

QString DistortionPanel::layerSummary() const {
    const int layer = selectedLayer(plot_->content().rows);
    const auto number = [](double value) {
        return std::isnan(value) ? tr("no data") : readableNumber(value, 4);
    };
    if (projection_ >= 0 && projection_ < projections_.size())
        for (const Pair& pair : pairs_) {
            if (pair.either().layer != layer
                || QString::fromStdString(pair.either().projection) != projections_[projection_])
                continue;
            QString text =
                tr("Layer %1 %2: %3 %4")
                    .arg(layer)
                    .arg(projections_[projection_],
                         subtracts_ ? tr("Δ %1").arg(measureBox_->currentText()) : measureBox_->currentText(),
                         number(mappedValue(pair, measure())));
            if (subtracts_)
                text += tr(" (A %1, B %2)")
                            .arg(number(valueOf(pair.a, measure())), number(valueOf(pair.b, measure())));
            return text;
        }
    const auto overLayer = [layer](const ConditionResult& of) {
        Distortion sum;
        for (const LayerDistortion& one : of.distortions)
            if (one.layer == layer) sum.add(one.distortion);
        return sum.snrDb();
    };
    if (subtracts_)
        return tr("Layer %1: SNR over its projections A %2 dB, B %3 dB")
            .arg(layer)
            .arg(readableNumber(overLayer(*a_), 4), readableNumber(overLayer(*b_), 4));
    const LayerDistortion* worst = &a_->distortions.front();
    for (const LayerDistortion& one : a_->distortions)
        if (one.distortion.snrDb() < worst->distortion.snrDb()) worst = &one;
    return tr("Layer %1: SNR %2 dB over its projections · worst: layer %3 %4, %5 dB")
        .arg(layer)
        .arg(readableNumber(overLayer(*a_), 4))
        .arg(worst->layer)
        .arg(QString::fromStdString(worst->projection), readableNumber(worst->distortion.snrDb(), 4));
}

void DistortionPanel::updatePlot() {
    projections_.clear();
    int layers = 0;
    for (const Pair& pair : pairs_) {
        const QString name = QString::fromStdString(pair.either().projection);
        if (!projections_.contains(name)) projections_ << name;
        layers = std::max(layers, pair.either().layer + 1);
    }
    HeatMapPlot::Content content;
    content.rows = layers;
    content.columns = static_cast<int>(projections_.size());
    content.values.assign(static_cast<size_t>(content.rows) * content.columns, std::nan(""));
    for (const Pair& pair : pairs_) {
        const auto column = projections_.indexOf(QString::fromStdString(pair.either().projection));
        content.values[static_cast<size_t>(pair.either().layer) * content.columns + column] =
            mappedValue(pair, measure());
    }
    measureBox_->setToolTip(measureBox_->currentData(Qt::ToolTipRole).toString());
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("Projection");
    content.rowsName = tr("layers");
    content.columnsName = tr("projections");
    content.valueTitle =
        subtracts_ ? tr("Δ %1, A − B").arg(measureBox_->currentText()) : measureBox_->currentText();
    content.columnDetails = projections_;
    content.namedColumns = true;
    content.difference = subtracts_;
    for (QString name : projections_) content.columnLabels << name.remove(QStringLiteral("_proj"));
    for (int layer = 0; layer < layers; ++layer) content.rowLabels << QString::number(layer);
    ScaleStyle style{measure() == OneMinusCosine, std::nullopt, 0};
    if (subtracts_) style = {false, 0.0, measure() == SnrDb || measure() == OutputSnrDb ? 0.01 : 1e-9};
    const std::vector<double> values = content.values;
    plot_->setContent(std::move(content));
    plot_->setScale(options_->choose(style, values));
    projection_ = std::min(projection_, static_cast<int>(projections_.size()) - 1);
    plot_->setSelectedCell(selectedLayer(layers), projection_);
}

void DistortionPanel::fillTable() {
    struct Number {
        QString key, title, tip;
        double (*of)(const LayerDistortion&);
    };
    std::vector<Number> numbers{
        {"snr_db", tr("SNR (dB)"), tr("10 log₁₀(Σw² / Σ(w − ŵ)²)"),
         [](const LayerDistortion& one) { return one.distortion.snrDb(); }},
        {"rmse", tr("RMSE"), tr("Root mean squared error of the weights"),
         [](const LayerDistortion& one) { return one.distortion.rmse(); }},
        {"cosine", tr("Cosine"), tr("Between original and quantized weights"),
         [](const LayerDistortion& one) { return one.distortion.cosine(); }},
        {"max_error", tr("Max error"), tr("max |w − ŵ|"),
         [](const LayerDistortion& one) { return static_cast<double>(one.distortion.maxError); }},
        {"clipped", tr("Clipped"), tr("Codes that had to be clamped"),
         [](const LayerDistortion& one) { return static_cast<double>(one.distortion.clipped); }},
        {"count", tr("Weights"), tr("Number of weights"),
         [](const LayerDistortion& one) { return static_cast<double>(one.distortion.count); }}};
    const bool outputs = std::any_of(pairs_.begin(), pairs_.end(), [](const Pair& pair) {
        return (pair.a && pair.a->output) || (pair.b && pair.b->output);
    });
    if (outputs) {
        numbers.push_back(
            {"output_snr_db", tr("Output SNR (dB)"),
             tr("10 log₁₀(Σy² / Σ(y − ŷ)²) of the outputs on the calibration text"),
             [](const LayerDistortion& one) { return one.output ? one.output->snrDb() : NAN; }});
        numbers.push_back(
            {"output_cosine", tr("Output cosine"), tr("Between original and quantized outputs"),
             [](const LayerDistortion& one) { return one.output ? one.output->cosine() : NAN; }});
    }
    std::vector<ResultTableModel::Column> columns{{"layer", tr("Layer"), tr("Decoder layer, from 0")},
                                                  {"projection", tr("Projection"), tr("Linear projection")}};
    for (const Number& number : numbers) {
        if (!subtracts_) {
            columns.push_back({number.key, number.title, number.tip});
            continue;
        }
        columns.push_back({number.key + QStringLiteral("_a"), tr("%1, A").arg(number.title), number.tip});
        columns.push_back({number.key + QStringLiteral("_b"), tr("%1, B").arg(number.title), number.tip});
        columns.push_back(
            {number.key + QStringLiteral("_difference"), tr("Δ %1, A − B").arg(number.title), number.tip});
    }
    std::vector<ResultTableModel::Row> rows;
    for (const Pair& pair : pairs_) {
        ResultTableModel::Row row{pair.either().layer, QString::fromStdString(pair.either().projection)};
        for (const Number& number : numbers) {
            const double a = pair.a ? number.of(*pair.a) : NAN, b = pair.b ? number.of(*pair.b) : NAN;
            const auto cell = [&number](double value) { // counts stay whole
                const bool whole =
                    number.key == QLatin1String("clipped") || number.key == QLatin1String("count");
                return whole && std::isfinite(value) ? QVariant(static_cast<qlonglong>(value))
                                                     : QVariant(value);
            };
            row.emplace_back(cell(a));
            if (subtracts_) row.insert(row.end(), {cell(b), cell(a - b)});
        }
        rows.push_back(std::move(row));
    }
    table().setTable(std::move(columns), std::move(rows));
}

void DistortionPanel::tableRowActivated(int row) {
    if (row >= static_cast<int>(pairs_.size())) return;
    const LayerDistortion& one = pairs_[static_cast<std::size_t>(row)].either();
    const auto column = static_cast<int>(projections_.indexOf(QString::fromStdString(one.projection)));
    setCursor(one.layer, column);
    plot_->setSelectedCell(one.layer, column);
}

} // namespace qroar
