#include "widgets/panels/spectrum_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/spectrum_plot.h"

#include <QMenu>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace qroar {

SpectrumPanel::SpectrumPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Spectrum and bands"), selection, parent), plot_(new SpectrumPlot(this)),
      curveBox_(new CompactComboBox(this)), differenceBox_(new CompactComboBox(this)) {
    buildControls();
    setContent(plot_);
    addFigurePart(plot_);
    connect(plot_, &SpectrumPlot::bandsEdited, this, [this](const BandPartition& bands) {
        setBands(bands);
        emit bandsEdited(bands);
    });
    connect(plot_, &SpectrumPlot::bandEditFinished, this,
            [this](const BandPartition& before, const BandPartition& after, BandEdit what) {
                setBands(after);
                emit bandEditFinished(before, after, what);
            });
    connect(plot_, &SpectrumPlot::edgeFocused, this, [this] { invalidate(BandsChanged); });
    connect(plot_, &SpectrumPlot::bandClicked, selection, &SelectionModel::setBand);
    connect(plot_, &SpectrumPlot::pairClicked, this, [this](int pair) {
        Selection next = this->selection();
        next.pair = pair;
        next.band = shownBands().bandOf(pair);
        selectionModel()->setSelection(next);
    });
}

void SpectrumPanel::buildControls() {
    curveBox_->setAccessibleName(tr("Curve on the right axis"));
    QStringList keys;
    for (const PairMetric metric : pairMetrics) {
        const PairMetricText text = pairMetricText(metric);
        curveBox_->addEntry(text.name, text.name, static_cast<int>(metric));
        curveBox_->setItemData(curveBox_->count() - 1, text.formula, Qt::ToolTipRole);
        keys << text.key;
    }
    differenceBox_->setAccessibleName(tr("Comparison"));
    differenceBox_->setToolTip(tr("The difference of the curve, or both curves, B dashed"));
    differenceBox_->addEntry(tr("A − B"), tr("A − B"));
    differenceBox_->addEntry(tr("A and B (dashed)"), tr("A and B"));
    for (CompactComboBox* box : {curveBox_, differenceBox_}) {
        addControl(box);
        connect(box, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    }
    addOption(QStringLiteral("curve"), curveBox_, keys);
    addOption(QStringLiteral("comparison"), differenceBox_,
              {QStringLiteral("difference"), QStringLiteral("both")});
}

std::vector<DiagnosticPanel::Table> SpectrumPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    all.front().comments << tr(
        "wavelength_trained: 2π/ω of the unscaled frequencies; wavelength: 2π/ω′ of the "
        "scaled ones; both in tokens");
    return all;
}

QString SpectrumPanel::noSessionText() const {
    return tr("Open a model to see the frequencies of its rotary pairs.");
}

void SpectrumPanel::tableRowActivated(int row) {
    Selection next = selection();
    next.pair = row;
    next.band = shownBands().bandOf(row);
    selectionModel()->setSelection(next);
}

void SpectrumPanel::extendPlotMenu(QMenu& menu, const QPoint& globalPosition) {
    if (showsOtherBands()) return; // B's session has other bands than those that are edited
    const QPointF position = plot_->mapFromGlobal(globalPosition);
    const int place = std::clamp(plot_->edgePlaceAt(position), 1, std::max(1, bands().pairs() - 1));
    // The edge under the pointer; else the focused one, where the pointer is in a band on either side of it.
    int edge = plot_->edgeNear(position);
    if (edge == 0 && plot_->focusedEdge() > 0) {
        const int band = bands().bandOf(place), focused = plot_->focusedEdge();
        if (band == focused || band == focused - 1) edge = focused;
    }
    QAction* add = menu.addAction(tr("&Add a band edge before pair %1").arg(place), this,
                                  [this, place] { plot_->addEdge(place); });
    add->setObjectName(QStringLiteral("addEdge"));
    add->setEnabled(bands().begin(bands().bandOf(place)) != place);
    QAction* remove = menu.addAction(edge > 0 ? tr("&Remove edge %1").arg(edge) : tr("&Remove edge"), this,
                                     [this, edge] { plot_->removeEdge(edge); });
    remove->setObjectName(QStringLiteral("removeEdge"));
    remove->setEnabled(edge > 0);
    const auto pair = static_cast<int>(std::lround(plot_->xAxis->pixelToCoord(position.x())));
    const int band = bands().bandOf(std::clamp(pair, 0, std::max(0, bands().pairs() - 1)));
    QAction* rename = menu.addAction(tr("Re&name %1...").arg(bandName(band)), this,
                                     [this, band] { emit renameRequested(band); });
    rename->setObjectName(QStringLiteral("renameBand"));
    menu.addSeparator();
}

void SpectrumPanel::refresh(Changes changes) {
    differenceBox_->setVisible(selection().compare == CompareMode::Difference);
    if (changes & (SessionChanged | SelectionChanged | OptionsChanged)) {
        if (!updateTable()) return;
        updateCurve();
    }
    if (frequencies_.omega.empty()) return;
    plot_->setEditable(!showsOtherBands());
    if (plot_->bands() != shownBands()) plot_->setBands(shownBands());
    plot_->setStyles(shownBandStyles());
    plot_->setSelected(selectedBand(), selection().pair);
    fillTablesBy([this] { fillTable(); });
    showContent(tr("Rotary spectrum"), conditionText_, bandSummary());
}

PairMetric SpectrumPanel::metric() const {
    return static_cast<PairMetric>(curveBox_->currentData().toInt());
}

bool SpectrumPanel::drawsDifference() const {
    return subtracts() && differenceBox_->currentIndex() == 0;
}

PairQuestion SpectrumPanel::question(const ConditionResult& condition) const {
    const int layers = condition.statistics.cells() > 0 ? condition.statistics.shape().layers
                                                        : shown().session->model.layers;
    return {selectedLayer(layers), selection().group, selection().tensor, selection().stage,
            selection().epsilon};
}

std::vector<double> SpectrumPanel::valuesOf(const Side& side, PairMetric metric) const {
    if (!side.condition) return {};
    return pairValues(metric, *side.session, *side.condition, question(*side.condition));
}

bool SpectrumPanel::updateTable() {
    const Side side = shown();
    frequencies_ = otherFrequencies_ = {};
    const ModelConfig& model = side.session ? side.session->model : session()->model;
    if (const QString why = whyNotComparable();
        selection().compare == CompareMode::Difference && sideB().condition && !why.isEmpty()) {
        showEmpty(why);
        return false;
    }
    if (side.condition) {
        frequencies_ = side.condition->table;
        conditionText_ = subtracts() && !drawsDifference()
                             ? tr("%1, dashed: %2").arg(sideA().name, sideB().name)
                             : shownName();
        distance_ = side.condition->key.context;
        if (subtracts()) otherFrequencies_ = sideB().condition->table;
    } else { // nothing run yet: what the checkpoint asks for
        RopeSpec stored;
        stored.kind = RopeKind::Model;
        distance_ = model.maxPositions;
        auto built = buildFrequencyTable(stored, model.ropeModel(), model.maxPositions);
        if (!built) {
            showEmpty(QString::fromStdString(built.error().message));
            return false;
        }
        frequencies_ = std::move(*built);
        conditionText_ = tr("as the model stores it");
    }
    pressure_ = pairPressure(frequencies_, distance_);
    values_.clear();
    for (const PairMetric metric : pairMetrics) values_.push_back(valuesOf(side, metric));
    curve_ = values_[static_cast<std::size_t>(metric())];
    if (!side.condition) // of the frequencies alone
        for (const PairPressure& pair : pressure_)
            if (metric() == PairMetric::Saturated || metric() == PairMetric::Raw
                || metric() == PairMetric::Displacement)
                curve_.push_back(metric() == PairMetric::Raw         ? pair.raw
                                 : metric() == PairMetric::Saturated ? pair.saturated
                                                                     : pair.displacement);
    otherCurve_ = subtracts() ? valuesOf(sideB(), metric()) : std::vector<double>();
    plot_->setOther(otherFrequencies_.omega, drawsDifference() ? std::vector<double>() : otherCurve_);
    plot_->setTable(frequencies_, snapPoints(frequencies_, model.ropeTheta, distance_));
    return true;
}

QString SpectrumPanel::curveTitle() const {
    const PairMetricText text = pairMetricText(metric());
    QString title = text.name;
    if (metric() == PairMetric::Saturated || metric() == PairMetric::Raw
        || metric() == PairMetric::Displacement) {
        const QString own = groupedCount(std::llround(distance_));
        const int ofB = subtracts() ? sideB().condition->key.context : 0;
        if (!subtracts() || ofB == std::llround(distance_))
            title = tr("%1 at D = %2").arg(title, own);
        else if (drawsDifference()) // each at the length it was run at
            return tr("Δ %1, A (D = %2) − B (D = %3)").arg(title, own, groupedCount(ofB));
        else
            title = tr("%1 at D = %2 (B: %3)").arg(title, own, groupedCount(ofB));
    }
    if (text.ofLayer && shown().condition)
        title = tr("%1, layer %2").arg(title).arg(question(*shown().condition).layer);
    if (text.ofLayer && selection().group >= 0
        && shown().condition) { // only gains are kept head by head here
        const int group = shownHeadGroup(selection().group, shown().session->model.kvHeads);
        title +=
            metric() == PairMetric::Gain && group >= 0 ? tr(", head group %1").arg(group) : tr(", all heads");
    }
    return drawsDifference() ? tr("Δ %1, A − B").arg(title) : title;
}

void SpectrumPanel::updateCurve() {
    curveBox_->setToolTip(curveBox_->currentData(Qt::ToolTipRole).toString());
    const PairMetricText text = pairMetricText(metric());
    std::vector<double> drawn = curve_;
    if (drawsDifference()) {
        if (curve_.size() != otherCurve_.size()) drawn.clear(); // one of them has no data
        for (std::size_t pair = 0; pair < drawn.size(); ++pair) drawn[pair] -= otherCurve_[pair];
    }
    QString title = curveTitle();
    if (drawn.empty() && shown().condition) {
        const bool ofB = drawsDifference() && !curve_.empty();
        const Side lacking = ofB ? sideB() : shown();
        const QString why = whyNoPairValues(metric(), *lacking.session, *lacking.condition);
        title = drawsDifference() ? tr("Δ %1, %2: %3").arg(text.name, ofB ? tr("B") : tr("A"), why)
                                  : tr("%1: %2").arg(text.name, why);
    }
    const QString name = drawsDifference() ? tr("Δ %1").arg(text.name) : text.name; // the axis says the rest
    plot_->setCurve(drawn, {name, title, text.unit}, text.logarithmic && !drawsDifference(),
                    drawsDifference());
    updateMarks();
    updateDetails();
}

void SpectrumPanel::updateMarks() {
    std::vector<SpectrumPlot::CurveMark> marks;
    if (metric() == PairMetric::Wavelength && !drawsDifference()) {
        const double trained = frequencies_.trainedContext;
        marks.push_back({trained, tr("L0 = %1").arg(groupedCount(std::llround(trained)))});
        if (distance_ != trained)
            marks.push_back({distance_, tr("L = %1").arg(groupedCount(std::llround(distance_)))});
    } else if (metric() == PairMetric::GainSensitivity && !drawsDifference()) {
        if (!curve_.empty()) marks.push_back({0, tr("0: no effect")});
    } else if (metric() == PairMetric::Gain || metric() == PairMetric::TailInflation) {
        if (!drawsDifference() && !curve_.empty()) marks.push_back({1, tr("1: unchanged")});
    }
    if (drawsDifference()) marks.push_back({0, tr("A = B")});
    plot_->setCurveMarks(std::move(marks));
}

void SpectrumPanel::updateDetails() {
    QStringList details;
    for (std::size_t pair = 0; pair < frequencies_.omega.size(); ++pair) {
        QStringList lines;
        for (std::size_t index = 0; index < pairMetrics.size(); ++index) {
            const PairMetricText text = pairMetricText(pairMetrics[index]);
            if (pairMetrics[index] == PairMetric::Wavelength || pair >= values_[index].size()) continue;
            lines << QStringLiteral("%1 %2 %3")
                         .arg(text.name, readableNumber(values_[index][pair], 4), text.unit)
                         .trimmed();
        }
        if (subtracts() && pair < otherCurve_.size())
            lines << tr("B: ω′ %1, %2 %3")
                         .arg(readableNumber(otherFrequencies_.omega[pair], 4), pairMetricText(metric()).name,
                              readableNumber(otherCurve_[pair], 4));
        details << lines.join(u'\n');
    }
    plot_->setPairDetails(std::move(details));
}

QString SpectrumPanel::bandSummary() const {
    const int band = selectedBand();
    if (shownBands().count() < 1) return {};
    const int first = shownBands().begin(band), last = shownBands().end(band) - 1;
    const auto wavelength = [this](int pair) { return readableNumber(frequencies_.wavelength(pair), 3); };
    const bool named = !BandLayout{shownBands(), shownBandStyles()}.style(band).name.empty();
    QString text =
        tr("%1: %2, wavelength (scaled) %3 tokens")
            .arg(named ? bandName(band) : tr("Band %1").arg(band), pairsText(first, last),
                 first == last ? wavelength(first) : tr("%1–%2").arg(wavelength(first), wavelength(last)));
    const int pair = selection().pair;
    if (pair >= first && pair <= last)
        text += tr(" · pair %1: ω′ %2 rad/token, wavelength (scaled) %3 tokens, IP %4 rad")
                    .arg(pair)
                    .arg(readableNumber(frequencies_.omega[pair], 4), wavelength(pair),
                         readableNumber(pressure_[pair].raw, 4));
    if (plot_->focusedEdge() > 0) // what arrow keys move
        text += QStringLiteral(" · ")
                + plot_->edgeText(plot_->focusedEdge()).replace(u'\n', QStringLiteral(" · "));
    return text;
}

void SpectrumPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    const auto valueAt = [](const std::vector<double>& values, std::size_t pair) {
        return pair < values.size() ? QVariant(values[pair]) : QVariant();
    };
    const std::array<PairMetric, 5> measured{PairMetric::Energy, PairMetric::Measured,
                                             PairMetric::GainSensitivity, PairMetric::TailInflation,
                                             PairMetric::Gain};
    for (std::size_t index = 0; index < frequencies_.omega.size(); ++index) {
        const auto pair = static_cast<int>(index);
        const PairPressure& at = pressure_[index];
        rows.push_back({pair, pair < shownBands().pairs() ? QVariant(shownBands().bandOf(pair)) : QVariant(),
                        frequencies_.plain[index], frequencies_.omega[index], at.wavelength,
                        frequencies_.wavelength(pair), at.raw, at.saturated, at.displacement,
                        at.aliasingDistance, at.partialCycle ? tr("yes") : tr("no")});
        for (const PairMetric metric : measured)
            rows.back().push_back(valueAt(values_[static_cast<std::size_t>(metric)], index));
        if (!subtracts()) continue;
        const QVariant a = valueAt(curve_, index), b = valueAt(otherCurve_, index);
        rows.back().insert(rows.back().end(),
                           {otherFrequencies_.omega[index], a, b,
                            a.isValid() && b.isValid() ? QVariant(a.toDouble() - b.toDouble()) : QVariant()});
    }
    std::vector<ResultTableModel::Column> columns{
        {"pair", tr("Pair"), tr("Rotary pair index")},
        {"band", tr("Band"), tr("Band of the partition in force")},
        {"omega_trained", tr("ω"), tr("Trained frequency, rad/token")},
        {"omega", tr("ω′"), tr("Frequency after scaling, rad/token")},
        {"wavelength_trained", tr("Wavelength, unscaled"),
         tr("2π/ω of the frequencies before scaling, tokens")},
        {"wavelength", tr("Wavelength, scaled"), tr("2π/ω′ of the frequencies after scaling, tokens")},
        {"ip_raw", tr("IP"), tr("|dφ/d ln s| at the context length, rad")},
        {"ip_saturated", tr("IP sat."), tr("min(IP, π)/π")},
        {"displacement", tr("Displacement"), tr("|ω − ω′|·D, rad")},
        {"aliasing_distance", tr("Aliasing"), tr("First aliasing distance π/|ω − ω′|, tokens")},
        {"partial_cycle", tr("Partial cycle"), tr("Wavelength longer than the trained context")}};
    for (const PairMetric metric : measured) {
        const PairMetricText text = pairMetricText(metric);
        columns.push_back({text.key, text.name, text.formula});
    }
    if (subtracts()) {
        const PairMetricText text = pairMetricText(metric());
        columns.push_back({"omega_b", tr("ω′ of B"), tr("Frequency after scaling, rad/token")});
        columns.push_back({text.key + "_a", tr("%1, A").arg(text.name), text.formula});
        columns.push_back({text.key + "_b", tr("%1, B").arg(text.name), text.formula});
        columns.push_back({text.key + "_difference", tr("%1, A − B").arg(text.name), text.formula});
    }
    if (!shownBandStyles().empty()) {
        columns.insert(columns.begin() + 2, {"band_name", tr("Band name"), tr("What the band is called")});
        for (std::size_t pair = 0; pair < rows.size(); ++pair)
            rows[pair].insert(rows[pair].begin() + 2, bandName(shownBands().bandOf(static_cast<int>(pair))));
    }
    table().setTable(std::move(columns), std::move(rows));
}

} // namespace qroar
