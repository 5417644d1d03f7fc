#include "widgets/panels/outlier_panel.h"

#include "core/diagnostics/tails.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/models/result_table_model.h"
#include "widgets/panels/heat_map_options.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plot_room.h"

#include <QSplitter>

#include <algorithm>
#include <cmath>

namespace qroar {

OutlierPanel::OutlierPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Outlier shift"), selection, parent), documentModel_(new ResultTableModel(this)),
      quantileModel_(new ResultTableModel(this)) {
    auto* split = new PlotSplit(this);
    map_ = new HeatMapPlot(split);
    line_ = new LinePlot(split);
    line_->setLegendAbove(true);
    documents_ = new HeatMapPlot(split);
    documents_->hide();
    split->setSizes({500, 500, 500});
    addControls();
    connect(map_, &HeatMapPlot::cellSelected, this, &OutlierPanel::setCursor);
    setContent(split);
    addFigurePart(map_, {0, 0, 0.5, 1});
    addFigurePart(line_, {0.5, 0, 0.5, 1});
    addFigurePart(documents_, {0.5, 0, 0.5, 1});
}

void OutlierPanel::addControls() {
    viewBox_ = new CompactComboBox(this);
    viewBox_->setAccessibleName(tr("View"));
    const auto add = [this](const QString& name, const QString& shortName, const QString& formula) {
        viewBox_->addEntry(name, shortName);
        viewBox_->setItemData(viewBox_->count() - 1,
                              formula + u'\n' + tr("Handbook (F1): theory.md#top-shares-ours"),
                              Qt::ToolTipRole);
    };
    add(tr("Shift: relative share of the top values"), tr("shift"),
        tr("Share of a layer's ε largest |x| that lies in a position bucket, divided by the bucket's share "
           "of "
           "all values: 1 = no shift. Colours end at 16 times more or less. [ours]"));
    add(tr("Magnitudes by position, selected layer"), tr("magnitudes"),
        tr("Of the |x| in each position bucket the share in each quarter octave, from the stored histograms; "
           "the lines are the median and the 1 − ε quantile. [ours]"));
    add(tr("Positions of the top values, by document"), tr("positions"),
        tr("Share of a layer's ε largest |x| that lies in each position bucket; rows sum to 1. At the right "
           "the relative share of each document's own ε largest |x| before and beyond the trained length. "
           "[ours]"));
    options_ = new HeatMapOptions(map_, this);
    addControl(viewBox_);
    addControl(new TensorBox(selectionModel(), this));
    addControl(new EpsilonBox(selectionModel(), this));
    addControl(options_);
    addOption(QStringLiteral("view"), viewBox_, variants());
    for (const HeatMapOptions::Entry& entry : options_->entries()) {
        if (entry.box) addOption(entry.name, entry.box, entry.keys);
        if (entry.toggle) addOption(entry.name, entry.toggle);
        if (entry.number) addOption(entry.name, entry.number);
    }
    connect(viewBox_, &QComboBox::currentIndexChanged, this, [this] {
        viewBox_->setToolTip(viewBox_->currentData(Qt::ToolTipRole).toString());
        invalidate(OptionsChanged);
    });
    viewBox_->setToolTip(viewBox_->currentData(Qt::ToolTipRole).toString());
    connect(options_, &HeatMapOptions::changed, this, [this] { invalidate(OptionsChanged); });
}

QStringList OutlierPanel::variants() const {
    return {"shift", "magnitude", "positions"}; // in the order of View
}

OutlierPanel::View OutlierPanel::view() const {
    return static_cast<View>(viewBox_->currentIndex());
}

void OutlierPanel::setView(View view) {
    viewBox_->setCurrentIndex(static_cast<int>(view));
}

const BandGrid& OutlierPanel::relativeShare() {
    ensureFresh();
    return a_.relative;
}

QString OutlierPanel::whyEmpty(const Side& side) const {
    if (!side.condition)
        return tr(
            "No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
            "Run.");
    if (side.condition->statistics.cells() > 0) return {};
    return noStatisticsText(side.name, tr("where its outliers sit"));
}

QString OutlierPanel::whyEmpty() const {
    if (selection().compare == CompareMode::Difference && sideB().condition && !subtracts())
        return whyNotComparable();
    QString problem = whyEmpty(shown());
    if (problem.isEmpty() && subtracts()) problem = whyEmpty(sideB());
    return problem;
}

void OutlierPanel::compute(Numbers& numbers, const Side& side, bool keepShares) const {
    const ConditionResult& of = *side.condition;
    const Selection& now = selection();
    numbers.side = side;
    numbers.edges = of.statistics.shape().bucketEdges;
    if (!keepShares) { // another layer needs no new ones
        numbers.share = topShareByPosition(of, now.tensor, now.stage, now.epsilon, false);
        numbers.relative = topShareByPosition(of, now.tensor, now.stage, now.epsilon, true);
    }
    const int layer = selectedLayer(numbers.share.layers);
    numbers.magnitudes = {};
    numbers.documents = numbers.documentsRelative = {};
    if (view() == View::Magnitude)
        numbers.magnitudes = magnitudesByPosition(of, layer, now.tensor, now.stage, now.epsilon);
    if (view() != View::Positions || of.byDocument.empty()) return;
    numbers.zones = of.byDocument.front().shape().bucketEdges;
    numbers.documents = topShareByDocument(of, layer, now.tensor, now.stage, now.epsilon, false);
    numbers.documentsRelative = topShareByDocument(of, layer, now.tensor, now.stage, now.epsilon, true);
}

DiagnosticPanel::Side OutlierPanel::unseenSide() const {
    if (subtracts_ || !sideB().condition) return {};
    const Side other = shown().condition == sideB().condition ? sideA() : sideB();
    return whyEmpty(other).isEmpty() ? other : Side();
}

void OutlierPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // positions do not depend on bands
    const QString problem = whyEmpty();
    if (!problem.isEmpty()) {
        a_ = b_ = counterpart_ = {};
        documentModel_->clear();
        quantileModel_->clear();
        showEmpty(problem);
        return;
    }
    const Selection& now = selection();
    const bool sameTail = now.tensor == computedFor_.tensor && now.stage == computedFor_.stage
                          && now.epsilon == computedFor_.epsilon;
    const auto keeps = [&](const Numbers& of, const Side& side) {
        return sameTail && of.side.condition == side.condition && of.share.layers > 0;
    };
    subtracts_ = subtracts();
    const Side a = subtracts_ ? sideA() : shown(), b = subtracts_ ? sideB() : Side();
    if (!keeps(a_, a) && keeps(counterpart_, a)) std::swap(a_, counterpart_); // A and B in turn
    compute(a_, a, keeps(a_, a));
    if (subtracts_)
        compute(b_, b, keeps(b_, b));
    else
        b_ = {};
    const Side unseen = unseenSide();
    if (unseen.condition)
        compute(counterpart_, unseen, keeps(counterpart_, unseen));
    else
        counterpart_ = {};
    computedFor_ = now;
    // Buckets that both have: the last one ends with the context.
    buckets_ = a_.share.bands;
    for (int bucket = 0; subtracts_ && bucket < buckets_; ++bucket) {
        const auto end = static_cast<std::size_t>(bucket) + 1;
        if (end >= b_.edges.size() || a_.edges[end] != b_.edges[end]) buckets_ = bucket;
    }
    if (buckets_ == 0 && subtracts_) {
        showEmpty(tr("A and B have no position bucket in common: their contexts differ too much."));
        return;
    }
    bucket_ = std::min(bucket_, buckets_ - 1);
    arrange();
    describe();
}

void OutlierPanel::arrange() {
    const bool magnitude = view() == View::Magnitude, positions = view() == View::Positions;
    if (magnitude) {
        updateMagnitudeMap();
        updateQuantiles();
        fillMagnitudeTable();
        fillQuantileTable();
    } else {
        updateMap();
        updateLine();
        fillTable();
    }
    if (view() != View::Magnitude) quantileModel_->clear();
    documentModel_->clear();
    const bool perDocument =
        positions && a_.documents.layers > 0 && a_.documents.bands > 1 && whyNoDocuments().isEmpty();
    if (perDocument) {
        updateDocuments();
        fillDocumentTable();
    }
    line_->setVisible(!positions);
    documents_->setVisible(perDocument);
    useFigurePart(map_, true, positions && !perDocument ? QRectF(0, 0, 1, 1) : QRectF(0, 0, 0.5, 1));
    useFigurePart(line_, !positions, {0.5, 0, 0.5, 1});
    useFigurePart(documents_, perDocument, {0.5, 0, 0.5, 1});
}

std::vector<DiagnosticPanel::Table> OutlierPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    if (documentModel_->rowCount() > 0)
        all.push_back(
            {"by-document", tr("by document, layer %1").arg(selectedLayer(a_.share.layers)), documentModel_});
    if (quantileModel_->rowCount() > 0)
        all.push_back({"lines", tr("lines, layer %1").arg(selectedLayer(a_.share.layers)), quantileModel_});
    return all;
}

void OutlierPanel::setCursor(int row, int column) {
    bucket_ = column;
    if (view() == View::Magnitude)
        level_ = lastLevel_ - row;
    else if (row != selectedLayer(a_.share.layers))
        return selectionModel()->setLayer(row);
    describe();
}

void OutlierPanel::describe() {
    const Selection& now = selection();
    QString what = tr("Outlier shift");
    if (view() == View::Magnitude)
        what = tr("Magnitudes by position, layer %1").arg(selectedLayer(a_.share.layers));
    if (view() == View::Positions) what = tr("Positions of the top values");
    what += QStringLiteral(", ") + tensorStageText(now.tensor, now.stage);
    what += QStringLiteral(", ") + epsilonText(now.epsilon);
    if (now.group >= 0) what += tr(", all heads"); // core pools them here
    QString summary = view() == View::Magnitude ? magnitudeSummary() : layerSummary();
    if (!options_->note().isEmpty()) summary += QStringLiteral(" · ") + options_->note();
    if (const QString why = whyNoDocuments(); !why.isEmpty()) summary += QStringLiteral(" · ") + why;
    showContent(subtracts_ ? tr("Δ %1").arg(what) : what, shownName(), summary);
}

OutlierPanel::Cell OutlierPanel::shiftCell(int layer, int bucket) const {
    const bool share = view() == View::Positions;
    const double a = (share ? a_.share : a_.relative).at(layer, bucket);
    if (!subtracts_) return {a, std::nan(""), a};
    const double b = (share ? b_.share : b_.relative).at(layer, bucket);
    return {a, b, a - b};
}

OutlierPanel::Cell OutlierPanel::magnitudeCell(int bucket, int level) const {
    const double a = a_.magnitudes.at(bucket, level);
    const double b = subtracts_ ? b_.magnitudes.at(bucket, level) : std::nan("");
    const double mapped = subtracts_ ? a - b : a;
    // No value of that size is nothing to colour.
    return {a, b, (subtracts_ ? a == 0 && b == 0 : a == 0) ? std::nan("") : mapped};
}

int OutlierPanel::documentOfB(int document) const {
    const auto& ofA = a_.side.session->documents;
    if (!subtracts_ || document >= static_cast<int>(ofA.size())) return -1;
    const auto& ofB = b_.side.session->documents;
    const auto found = std::find_if(ofB.begin(), ofB.end(), [&](const SessionDocument& other) {
        return other.fingerprint == ofA[static_cast<std::size_t>(document)].fingerprint;
    });
    const auto index = static_cast<int>(found - ofB.begin());
    return found == ofB.end() || index >= b_.documents.layers ? -1 : index;
}

QString OutlierPanel::whyNoDocuments() const {
    if (!subtracts_ || view() != View::Positions) return {};
    if (a_.documents.layers == 0 && b_.documents.layers == 0) return {};
    const auto &ofA = a_.side.condition->key, &ofB = b_.side.condition->key;
    if (a_.zones != b_.zones)
        return tr("no map of documents: the positions before and beyond the trained length are others of A "
                  "(%1 tokens) than of B (%2 tokens)")
            .arg(groupedCount(ofA.context), groupedCount(ofB.context));
    for (int document = 0; document < a_.documents.layers; ++document)
        if (documentOfB(document) >= 0) return {};
    return tr("no map of documents: A and B have none in common");
}

OutlierPanel::Cell OutlierPanel::documentCell(int document, int zone, bool relative) const {
    const double a = (relative ? a_.documentsRelative : a_.documents).at(document, zone);
    if (!subtracts_) return {a, std::nan(""), a};
    const int other = documentOfB(document);
    const bool known = other >= 0 && b_.zones == a_.zones;
    const double b = known ? (relative ? b_.documentsRelative : b_.documents).at(other, zone) : std::nan("");
    return {a, b, a - b};
}

QString OutlierPanel::bucketText(int bucket) const {
    const auto edge = static_cast<std::size_t>(bucket);
    return tr("positions %1–%2").arg(groupedCount(a_.edges[edge]), groupedCount(a_.edges[edge + 1] - 1));
}

QString OutlierPanel::layerSummary() const {
    const int layer = selectedLayer(a_.share.layers);
    if (a_.share.layers == 0 || buckets_ == 0) return {};
    const auto weight = [&](int bucket) {
        const double value = shiftCell(layer, bucket).mapped;
        return std::isnan(value) ? -1.0 : subtracts_ ? std::abs(value) : value;
    };
    int told = bucket_;
    const bool chosen = told >= 0;
    for (int bucket = 0; !chosen && bucket < buckets_; ++bucket)
        if (told < 0 || weight(bucket) > weight(told)) told = bucket;
    const Cell cell = shiftCell(layer, told);
    const QString where = tr("Layer %1: %2").arg(layer).arg(bucketText(told));
    const QString a = readableNumber(cell.a, 3), b = readableNumber(cell.b, 3);
    if (view() == View::Positions)
        return subtracts_ ? tr("%1 hold of the top values: A %2, B %3 (share)").arg(where, a, b)
                          : tr("%1 hold %2 of the top values (share)").arg(where, a);
    if (!subtracts_) return tr("%1 hold %2 times their share of the top values").arg(where, a);
    return chosen ? tr("%1: A %2, B %3 times their share of the top values").arg(where, a, b)
                  : tr("%1 differ most: A %2, B %3 times their share of the top values").arg(where, a, b);
}

QString OutlierPanel::magnitudeSummary() const {
    const int layer = selectedLayer(a_.share.layers), bucket = std::max(0, bucket_);
    if (a_.magnitudes.buckets == 0) return tr("Layer %1: no values").arg(layer);
    const auto at = static_cast<std::size_t>(bucket);
    const QString where = tr("Layer %1, %2").arg(layer).arg(bucketText(bucket));
    if (bucket_ >= 0 && level_ >= firstLevel_ && level_ <= lastLevel_) {
        const Cell cell = magnitudeCell(bucket, level_);
        const QString size = tr("|x| from %1 to %2")
                                 .arg(readableNumber(MagnitudeMap::lowerEdge(level_)),
                                      readableNumber(MagnitudeMap::upperEdge(level_)));
        return subtracts_ ? tr("%1, %2: A %3, B %4 of the values")
                                .arg(where, size, readableNumber(cell.a), readableNumber(cell.b))
                          : tr("%1, %2: %3 of the values").arg(where, size, readableNumber(cell.a));
    }
    const QString tail = epsilonText(selection().epsilon);
    QString text = tr("%1: half of |x| up to %2, the %3 from %4 on")
                       .arg(where, readableNumber(a_.magnitudes.median[at]), tail,
                            readableNumber(a_.magnitudes.tail[at]));
    if (subtracts_)
        text += tr(" (B: %1, %2)")
                    .arg(readableNumber(b_.magnitudes.median[at]), readableNumber(b_.magnitudes.tail[at]));
    return text;
}

void OutlierPanel::tableRowActivated(int row) {
    if (buckets_ == 0) return;
    const int levels = lastLevel_ - firstLevel_ + 1;
    const bool magnitude = view() == View::Magnitude;
    const int mapRow = magnitude ? rowOfLevel(firstLevel_ + row % levels) : row / buckets_;
    const int column = magnitude ? row / levels : row % buckets_;
    map_->setSelectedCell(mapRow, column);
    setCursor(mapRow, column);
}

} // namespace qroar
