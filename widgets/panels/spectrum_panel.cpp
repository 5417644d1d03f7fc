#include "widgets/panels/spectrum_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/spectrum_plot.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

SpectrumPanel::SpectrumPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Spectrum and bands"), selection, parent), plot_(new SpectrumPlot(this)),
      curveBox_(new CompactComboBox(this)) {
    curveBox_->setAccessibleName(tr("Curve on the right axis"));
    const auto add = [this](const QString& name, Curve curve, const QString& formula) {
        curveBox_->addEntry(name, name, curve);
        curveBox_->setItemData(curveBox_->count() - 1, formula, Qt::ToolTipRole);
    };
    add(tr("IP saturated"), Saturated,
        tr("min(IP, π)/π at the distance D = context length; IP = |dφ/d ln s|. [ours, after the papers' "
           "wording]"));
    add(tr("IP raw"), Raw,
        tr("IP = |dφ/d ln s|, φ = ω′(s)·D, at the distance D = context length. [ours, after the papers' "
           "wording]"));
    add(tr("Phase displacement"), Displacement, tr("|ω − ω′|·D at the distance D = context length. [ours]"));
    add(tr("Energy"), Energy, tr("E|q|·E|k| of the pair in the selected layer, before RoPE. [ours]"));
    connect(curveBox_, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    addControl(curveBox_);
    setContent(plot_);
    addFigurePart(plot_);
    connect(plot_, &SpectrumPlot::bandsEdited, this, [this](const BandPartition& bands) {
        setBands(bands);
        emit bandsEdited(bands);
    });
    connect(plot_, &SpectrumPlot::bandEditFinished, this, &SpectrumPanel::bandEditFinished);
    connect(plot_, &SpectrumPlot::pairClicked, this, [this](int pair) {
        Selection next = this->selection();
        next.pair = pair;
        next.band = bands().bandOf(pair);
        selectionModel()->setSelection(next);
    });
}

QString SpectrumPanel::noSessionText() const {
    return tr("Open a model to see the frequencies of its rotary pairs.");
}

void SpectrumPanel::tableRowActivated(int row) {
    Selection next = selection();
    next.pair = row;
    next.band = bands().bandOf(row);
    selectionModel()->setSelection(next);
}

void SpectrumPanel::refresh(Changes changes) {
    const auto shown = condition();
    if (changes & (SessionChanged | SelectionChanged)) updateTable(shown.get());
    if (frequencies_.omega.empty()) return;
    if (changes & (SessionChanged | SelectionChanged | OptionsChanged)) updateCurve();
    if (plot_->bands() != bands()) plot_->setBands(bands());
    plot_->setSelected(selectedBand(), selection().pair);
    fillTable();
    showContent(tr("Rotary spectrum"), conditionText_, bandSummary());
}

void SpectrumPanel::updateTable(const ConditionResult* condition) {
    const ModelConfig& model = session()->model;
    if (condition) {
        frequencies_ = condition->table;
        conditionText_ = conditionName(condition->key);
        distance_ = condition->key.context;
    } else { // nothing run yet: what the checkpoint asks for
        RopeSpec stored;
        stored.kind = RopeKind::Model;
        distance_ = model.maxPositions;
        auto built = buildFrequencyTable(stored, model.ropeModel(), model.maxPositions);
        if (!built) {
            frequencies_ = {};
            showEmpty(QString::fromStdString(built.error().message));
            return;
        }
        frequencies_ = std::move(*built);
        conditionText_ = tr("as the model stores it");
    }
    pressure_ = pairPressure(frequencies_, distance_);
    energy_.clear();
    if (condition && condition->statistics.cells() > 0)
        energy_ = pairEnergy(condition->statistics, selectedLayer(condition->statistics.shape().layers));
    plot_->setTable(frequencies_, snapPoints(frequencies_, model.ropeTheta, distance_));
}

void SpectrumPanel::updateCurve() {
    const auto curve = static_cast<Curve>(curveBox_->currentData().toInt());
    curveBox_->setToolTip(curveBox_->currentData(Qt::ToolTipRole).toString());
    std::vector<double> values;
    for (const PairPressure& pair : pressure_)
        values.push_back(curve == Raw ? pair.raw : curve == Saturated ? pair.saturated : pair.displacement);
    const QString at = groupedCount(std::llround(distance_));
    switch (curve) {
    case Saturated:
        plot_->setCurve(values, tr("IP saturated at D = %1").arg(at), QString(), false);
        break;
    case Raw:
        plot_->setCurve(values, tr("IP at D = %1").arg(at), tr("rad"), true);
        break;
    case Displacement:
        plot_->setCurve(values, tr("|ω − ω′|·D at D = %1").arg(at), tr("rad"), true);
        break;
    case Energy:
        plot_->setCurve(energy_, tr("E|q|·E|k|, layer %1").arg(selection().layer), QString(), true);
        break;
    }
}

QString SpectrumPanel::bandSummary() const {
    const int band = selectedBand();
    if (bands().count() < 1) return {};
    const int first = bands().begin(band), last = bands().end(band) - 1;
    const auto wavelength = [this](int pair) { return readableNumber(frequencies_.wavelength(pair), 3); };
    QString text = tr("Band %1: pairs %2–%3, wavelength %4–%5 tokens")
                       .arg(band)
                       .arg(first)
                       .arg(last)
                       .arg(wavelength(first), wavelength(last));
    const int pair = selection().pair;
    if (pair >= first && pair <= last)
        text += tr(" · pair %1: ω′ %2 rad/token, wavelength %3 tokens, IP %4 rad")
                    .arg(pair)
                    .arg(readableNumber(frequencies_.omega[pair], 4), wavelength(pair),
                         readableNumber(pressure_[pair].raw, 4));
    return text;
}

void SpectrumPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    for (int pair = 0; pair < static_cast<int>(frequencies_.omega.size()); ++pair) {
        const PairPressure& at = pressure_[pair];
        rows.push_back({pair, pair < bands().pairs() ? QVariant(bands().bandOf(pair)) : QVariant(),
                        frequencies_.plain[pair], frequencies_.omega[pair], at.wavelength,
                        frequencies_.wavelength(pair), at.raw, at.saturated, at.displacement,
                        at.aliasingDistance, at.partialCycle ? tr("yes") : tr("no"),
                        pair < static_cast<int>(energy_.size()) ? QVariant(energy_[pair]) : QVariant()});
    }
    table().setTable(
        {{"pair", tr("Pair"), tr("Rotary pair index")},
         {"band", tr("Band"), tr("Band of the partition in force")},
         {"omega_trained", tr("ω"), tr("Trained frequency, rad/token")},
         {"omega", tr("ω′"), tr("Frequency after scaling, rad/token")},
         {"wavelength_trained", tr("Wavelength"), tr("2π/ω, tokens")},
         {"wavelength", tr("Wavelength′"), tr("2π/ω′, tokens")},
         {"ip_raw", tr("IP"), tr("|dφ/d ln s| at the context length, rad")},
         {"ip_saturated", tr("IP sat."), tr("min(IP, π)/π")},
         {"displacement", tr("Displacement"), tr("|ω − ω′|·D, rad")},
         {"aliasing_distance", tr("Aliasing"), tr("First aliasing distance π/|ω − ω′|, tokens")},
         {"partial_cycle", tr("Partial cycle"), tr("Wavelength longer than the trained context")},
         {"energy", tr("Energy"), tr("E|q|·E|k| in the selected layer")}},
        std::move(rows));
}

} // namespace qroar
