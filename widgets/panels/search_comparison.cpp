// Which search SearchPanel shows: that of A or of B, by what the user chose or by the specs of the
// conditions; and A - B: both objectives over each other, gains as the difference of their logarithms.
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/panels/search_gains.h"
#include "widgets/panels/search_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QSignalBlocker>

#include <cmath>

namespace qroar {

namespace {

/// Index of the newest search that ended in the condition's gains, or else was made under its RoPE spec and
/// weights; -1: none.
int searchFor(const Session& session, const ConditionKey& key) {
    const auto& all = session.searches;
    for (std::size_t at = all.size(); at-- > 0;)
        if (!key.scales.empty() && all[at]->scales.name == key.scales) return static_cast<int>(at);
    for (std::size_t at = all.size(); at-- > 0;)
        if (all[at]->settings.rope == key.rope.text() && all[at]->settings.quant == key.quant.text())
            return static_cast<int>(at);
    return -1;
}

bool hasTrials(const std::shared_ptr<const SearchRecord>& record) {
    return record && !record->trials.empty();
}

bool bothSymmetric(const SearchRecord& a, const SearchRecord& b) {
    return a.settings.variant == SearchVariant::Symmetric && b.settings.variant == SearchVariant::Symmetric;
}

/// Difference of mean ln gain; of gQ gK unless both searches kept that at 1.
double gainDifference(const SearchRecord& a, const SearchRecord& b, int layer, int first, int end,
                      const BandPartition& bands, int band) {
    const bool effective = !bothSymmetric(a, b);
    return meanLnGain(a, layer, first, end, bands.begin(band), bands.end(band), effective)
           - meanLnGain(b, layer, first, end, bands.begin(band), bands.end(band), effective);
}

QString differenceTitle(const SearchRecord& a, const SearchRecord& b) {
    return bothSymmetric(a, b) ? SearchPanel::tr("Δ ln gQ (= −ln gK), A − B")
                               : SearchPanel::tr("Δ ln (gQ·gK), A − B");
}

} // namespace

bool SearchPanel::isLive() const {
    return live_ && (searchBox_->currentIndex() < 0 || searchBox_->currentData().toInt() < 0);
}

void SearchPanel::listInto(CompactComboBox& box, const Session& from) const {
    for (std::size_t at = from.searches.size(); at-- > 0;) { // the newest first
        const QString name = QString::fromStdString(from.searches[at]->scales.name);
        box.addEntry(name, name.left(12), static_cast<int>(at));
    }
}

/// A and B differ in nothing but gains.
bool SearchPanel::isTwin(const Side& a, const Side& b) {
    const ConditionKey &one = a.condition->key, &other = b.condition->key;
    return a.session == b.session && one.rope == other.rope && one.context == other.context
           && one.quant == other.quant;
}

void SearchPanel::chooseByConditions() {
    const bool compared = sideB().condition != nullptr;
    if (!chosen_ && !live_ && searchBox_->count() > 0) {
        const QSignalBlocker quiet(searchBox_);
        const Side a = sideA();
        const int own = compared && a.condition ? searchFor(*a.session, a.condition->key) : -1;
        searchBox_->setCurrentIndex(own < 0 ? 0 : searchBox_->findData(own)); // else the newest
    }
    const QSignalBlocker quiet(otherBox_);
    const Side b = sideB();
    if (otherListed_.lock() != b.session) {
        otherListed_ = b.session;
        chosenB_ = false;
        otherBox_->clear();
        if (b.session) listInto(*otherBox_, *b.session);
    }
    if (!chosenB_) {
        int own = b.condition ? searchFor(*b.session, b.condition->key) : -1;
        if (const Side a = sideA(); own < 0 && b.condition && a.condition && isTwin(a, b))
            own = searchBox_->currentIndex() < 0 ? -1 : searchBox_->currentData().toInt(); // that of A
        if (own < 0 && hasOtherSession())
            own = static_cast<int>(b.session ? b.session->searches.size() : 0) - 1;
        otherBox_->setCurrentIndex(own < 0 ? -1 : otherBox_->findData(own));
    }
    otherBox_->setVisible(compared && selection().compare != CompareMode::A && otherBox_->count() > 1);
}

std::shared_ptr<const SearchRecord> SearchPanel::searchOfA() const {
    const int at = searchBox_->currentIndex() < 0 ? -1 : searchBox_->currentData().toInt();
    if (at < 0 || !session() || at >= static_cast<int>(session()->searches.size())) return live_;
    return session()->searches[static_cast<std::size_t>(at)];
}

std::shared_ptr<const SearchRecord> SearchPanel::searchOfB() const {
    const auto of = sideB().session;
    const int at = otherBox_->currentIndex() < 0 ? -1 : otherBox_->currentData().toInt();
    if (!of || at < 0 || at >= static_cast<int>(of->searches.size())) return nullptr;
    return of->searches[static_cast<std::size_t>(at)];
}

std::shared_ptr<const SearchRecord> SearchPanel::shown() const {
    if (isLive()) return live_; // whatever is compared
    return selection().compare == CompareMode::B && sideB().condition ? searchOfB() : searchOfA();
}

QString SearchPanel::whyNothing() const {
    if (isLive() && hasTrials(live_)) return {};
    const bool difference = selection().compare == CompareMode::Difference;
    const Side b = sideB();
    if (difference && !b.condition) return tr("Choose the conditions A and B to compare.");
    if (b.condition && selection().compare != CompareMode::A && !hasTrials(searchOfB())) {
        if (b.session->searches.empty())
            return tr("The session of B, %1, has no search: search there (Search, or qroar search), or "
                      "choose another B.")
                .arg(b.name);
        QStringList names;
        for (const auto& one : b.session->searches)
            names << tr("%1 (%2)").arg(
                QString::fromStdString(one->scales.name),
                QString::fromStdString(one->settings.rope + " \u00b7 " + one->settings.quant));
        return tr("No search was made under the RoPE spec and weights of B, %1. Choose another B, or as the "
                  "search of B one of these: %2.")
            .arg(b.name, names.join(QStringLiteral(", ")));
    }
    const bool needsA = difference || selection().compare == CompareMode::A || !b.condition;
    if (needsA && !hasTrials(searchOfA()))
        return tr("No search has been run for this session. Choose search and report documents under Search "
                  "and press Start, or use the command line: qroar search run.h5 --model MODEL --text FILE");
    if (!difference || searchOfA() == searchOfB()) return {};
    const QkGains &first = searchOfA()->scales.gains, &second = searchOfB()->scales.gains;
    if (first.empty() || second.empty())
        return tr("%1 has no gains yet: there is nothing to subtract.")
            .arg(first.empty() ? tr("A") : tr("B"));
    if (first.layers != second.layers || first.heads != second.heads || first.pairs != second.pairs)
        return tr("The search of A has gains of %1 layers, %2 heads and %3 pairs, that of B of %4, %5 and "
                  "%6: "
                  "they cannot be subtracted.")
            .arg(first.layers)
            .arg(first.heads)
            .arg(first.pairs)
            .arg(second.layers)
            .arg(second.heads)
            .arg(second.pairs);
    if (!BandPartition::fromEdges(searchOfA()->settings.bandEdges, first.pairs))
        return tr("The search of A has no bands: its gains cannot be subtracted.");
    return {};
}

bool SearchPanel::differs() const {
    return session() && !isLive() && selection().compare == CompareMode::Difference && sideB().condition
           && hasTrials(searchOfA()) && hasTrials(searchOfB()) && searchOfA() != searchOfB();
}

QString SearchPanel::comparisonNote() const {
    if (isLive() || selection().compare != CompareMode::Difference || !sideB().condition
        || !hasTrials(searchOfA()) || searchOfA() != searchOfB())
        return {};
    return tr("A and B share the search %1: it is shown as it is, there is nothing to subtract")
        .arg(QString::fromStdString(searchOfA()->scales.name));
}

QString SearchPanel::nameOf(const SearchRecord& record) const {
    QString text = QString::fromStdString(record.settings.rope + " \u00b7 " + record.settings.quant);
    if (!record.scales.name.empty())
        text = tr("%1 (%2)").arg(QString::fromStdString(record.scales.name), text);
    if (!comparisonNote().isEmpty()) return tr("of both A and B, %1").arg(text);
    if (isLive() || selection().compare != CompareMode::B || !sideB().condition) return text;
    return hasOtherSession() ? tr("B, %1, of %2").arg(text, otherText()) : tr("B, %1").arg(text);
}

void SearchPanel::showDifference() {
    const auto a = searchOfA(), b = searchOfB();
    overlayTraces(*a, *b);
    subtractGains(*a, *b);
    fillDifferenceTables(*a, *b);
    const auto name = [](const SearchRecord& record) {
        return tr("%1 (%2)").arg(
            QString::fromStdString(record.scales.name),
            QString::fromStdString(record.settings.rope + " \u00b7 " + record.settings.quant));
    };
    QString nameA = name(*a);
    if (const QString own = ownText(); !own.isEmpty()) nameA += tr(" of %1").arg(own);
    QString detail = tr("%1 minus %2").arg(nameA, name(*b));
    if (hasOtherSession()) detail += tr(" of %1").arg(otherText());
    showContent(tr("Searches: objectives of A and B, difference of their gains"), detail,
                differenceSummary(*a, *b));
}

void SearchPanel::overlayTraces(const SearchRecord& a, const SearchRecord& b) {
    std::vector<LinePlot::Series> all;
    double last = 0;
    int side = 0;
    for (const SearchRecord* record : {&a, &b}) {
        LinePlot::Series best, accepted;
        best.name = side == 0 ? tr("A: best so far") : tr("B: best so far");
        accepted.name = side == 0 ? tr("A: accepted") : tr("B: accepted");
        best.category = accepted.category = side;
        best.steps = true;
        best.dash = side == 0 ? Qt::SolidLine : Qt::DashLine;
        accepted.line = false;
        accepted.inLegend = false;
        accepted.marker = side == 0 ? QCPScatterStyle::ssDisc : QCPScatterStyle::ssSquare;
        double cost = 0, least = INFINITY;
        for (const SearchTrial& trial : record->trials) {
            cost += trial.forwardEquivalents;
            if (trial.accepted) {
                least = std::min(least, trial.objective);
                accepted.x.push_back(cost);
                accepted.y.push_back(trial.objective);
            }
            best.x.push_back(cost);
            best.y.push_back(std::isfinite(least) ? least : std::nan(""));
        }
        last = std::max(last, cost);
        all.push_back(std::move(best));
        all.push_back(std::move(accepted));
        ++side;
    }
    trace_->setAxes(tr("Cost (forward passes)"), LinePlot::Scale::Linear, tr("Objective J (nats/token)"),
                    LinePlot::Scale::Linear);
    trace_->setReadoutNames(tr("cost"), tr("J"), tr("passes"), tr("nats"));
    trace_->setReferenceLine(std::nullopt);
    trace_->setSeries(std::move(all));
    trace_->fitRanges(true, std::nullopt, QCPRange(0, last));
}

void SearchPanel::subtractGains(const SearchRecord& a, const SearchRecord& b) {
    const QkGains& gains = a.scales.gains;
    const BandPartition bands = *BandPartition::fromEdges(a.settings.bandEdges, gains.pairs);
    const bool byHead = rowsBox_->currentData().toInt() == ByHead;
    const int layer = selectedLayer(gains.layers);
    HeatMapPlot::Content content;
    content.rows = byHead ? gains.heads : gains.layers;
    content.columns = bands.count();
    for (int row = 0; row < content.rows; ++row) {
        content.rowLabels << QString::number(row);
        for (int band = 0; band < bands.count(); ++band)
            content.values.push_back(byHead ? gainDifference(a, b, layer, row, row + 1, bands, band)
                                            : gainDifference(a, b, row, 0, gains.heads, bands, band));
    }
    LinePlot::Series line;
    line.name = tr("A − B: mean, least and largest");
    line.legendName = tr("A − B");
    line.marker = QCPScatterStyle::ssDisc;
    line.emphasised = true;
    line.intervalName = tr("least and largest of all layers and heads");
    std::vector<double> positions;
    for (int band = 0; band < bands.count(); ++band) {
        content.columnLabels << QString::number(band);
        content.columnDetails << tr("pairs %1–%2").arg(bands.begin(band)).arg(bands.end(band) - 1);
        positions.push_back(band);
        double sum = 0, least = INFINITY, largest = -INFINITY;
        for (int at = 0; at < gains.layers; ++at)
            for (int head = 0; head < gains.heads; ++head) {
                const double one = gainDifference(a, b, at, head, head + 1, bands, band);
                sum += one;
                least = std::min(least, one);
                largest = std::max(largest, one);
            }
        line.x.push_back(band);
        line.y.push_back(sum / (gains.layers * gains.heads));
        line.low.push_back(least);
        line.high.push_back(largest);
    }
    bandGains_->setAxes(tr("Band (high → low freq.)"), LinePlot::Scale::Linear, differenceTitle(a, b),
                        LinePlot::Scale::Linear);
    bandGains_->setReadoutNames(tr("band"), tr("Δ ln g"), {}, {});
    bandGains_->setXTicks(positions, content.columnLabels);
    bandGains_->setReferenceLine(0.0);
    bandGains_->setSeries({std::move(line)});
    bandGains_->fitRanges(true, 0.0);
    content.rowName = byHead ? tr("head") : tr("layer");
    content.rowTitle = byHead ? tr("Query head of layer %1").arg(layer) : tr("Layer");
    content.columnName = tr("band");
    content.columnTitle = tr("Band (high → low freq.)");
    content.valueTitle = differenceTitle(a, b);
    const ColorScale scale = ColorScale::around(0, content.values, false, std::log(1.02));
    gains_->setContent(std::move(content));
    gains_->setScale(scale);
    gains_->setSelectedCell(byHead ? -1 : layer, byHead ? -1 : selection().band);
}

QString SearchPanel::differenceSummary(const SearchRecord& a, const SearchRecord& b) const {
    const auto course = [](const SearchRecord& record) {
        const SearchTrial* best = record.best();
        return QStringLiteral("%1 → %2").arg(
            readableNumber(record.trials.front().objective, 5),
            readableNumber(best ? best->objective : record.trials.front().objective, 5));
    };
    QString text =
        tr("J of A %1, of B %2: over each other, not subtracted, because trials of two searches do "
           "not pair up")
            .arg(course(a), course(b));
    if (a.settings.bandEdges != b.settings.bandEdges)
        text += tr(" · gains averaged over the bands of A; B was searched in others");
    if (a.settings.variant != b.settings.variant)
        text += tr(" · variants differ (%1, %2): what is subtracted is gQ·gK")
                    .arg(QLatin1String(searchVariantName(a.settings.variant)),
                         QLatin1String(searchVariantName(b.settings.variant)));
    return text;
}

void SearchPanel::fillDifferenceTables(const SearchRecord& a, const SearchRecord& b) {
    fillBothTrials(a, b);
    fillGainDifferences(a, b);
    Columns columns = controlColumns();
    columns.insert(columns.begin(), {"side", tr("Side"), tr("A or B")});
    controls_->setTable(std::move(columns), ofBoth(controlRows(a), controlRows(b)));
    verdict_.clear();
    for (const QString& line : verdictLines(a)) verdict_ << tr("A: %1").arg(line);
    for (const QString& line : verdictLines(b)) verdict_ << tr("B: %1").arg(line);
}

SearchPanel::Rows SearchPanel::ofBoth(Rows a, const Rows& b) {
    const std::size_t first = a.size();
    a.insert(a.end(), b.begin(), b.end());
    for (std::size_t row = 0; row < a.size(); ++row)
        a[row].insert(a[row].begin(), row < first ? tr("A") : tr("B"));
    return a;
}

/// Columns depend on the contexts of a search: all of A, then what only B has.
void SearchPanel::fillBothTrials(const SearchRecord& a, const SearchRecord& b) {
    Columns columns = trialColumns(a);
    const Columns own = trialColumns(b);
    std::vector<std::size_t> places; // of B's columns
    for (const ResultTableModel::Column& column : own) {
        const auto known = std::find_if(columns.begin(), columns.end(),
                                        [&](const auto& one) { return one.key == column.key; });
        places.push_back(static_cast<std::size_t>(known - columns.begin()));
        if (known == columns.end()) columns.push_back(column);
    }
    Rows rowsA = trialRows(a), rowsB;
    for (ResultTableModel::Row& row : rowsA) row.resize(columns.size());
    for (const ResultTableModel::Row& row : trialRows(b)) {
        rowsB.emplace_back(columns.size());
        for (std::size_t at = 0; at < own.size(); ++at) rowsB.back()[places[at]] = row[at];
    }
    columns.insert(columns.begin(), {"side", tr("Side"), tr("A or B")});
    table().setTable(std::move(columns), ofBoth(std::move(rowsA), rowsB));
}

void SearchPanel::fillGainDifferences(const SearchRecord& a, const SearchRecord& b) {
    const QkGains& gains = a.scales.gains;
    const BandPartition bands = *BandPartition::fromEdges(a.settings.bandEdges, gains.pairs);
    const bool effective = !bothSymmetric(a, b);
    const auto cells = [&](ResultTableModel::Row row, int layer, int first, int end, int band) {
        const int from = bands.begin(band), to = bands.end(band);
        const double ofA = meanLnGain(a, layer, first, end, from, to, effective),
                     ofB = meanLnGain(b, layer, first, end, from, to, effective);
        row.insert(row.end(), {band, from, to, std::exp(ofA), std::exp(ofB), ofA - ofB});
        return row;
    };
    Rows all, drawn;
    const int view = rowsBox_->currentData().toInt();
    for (int layer = 0; layer < gains.layers; ++layer) {
        for (int head = 0; head < gains.heads; ++head)
            for (int band = 0; band < bands.count(); ++band) {
                all.push_back(cells({layer, head}, layer, head, head + 1, band));
                if (view == ByHead && layer == selectedLayer(gains.layers)) drawn.push_back(all.back());
            }
        for (int band = 0; view == ByLayer && band < bands.count(); ++band)
            drawn.push_back(cells({layer}, layer, 0, gains.heads, band));
    }
    const Columns band{{"band", tr("Band"), tr("Band of the search of A, from 0")},
                       {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
                       {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")}};
    Columns columns = band;
    columns.insert(columns.end(),
                   {{"gain_a", tr("A"), tr("Geometric mean")},
                    {"gain_b", tr("B"), tr("Geometric mean")},
                    {"ln_gain_difference", differenceTitle(a, b), tr("ln of A minus ln of B")}});
    columns.insert(columns.begin(), {"layer", tr("Layer"), tr("Decoder layer, from 0")});
    Columns byHead = columns;
    byHead.insert(byHead.begin() + 1, {"head", tr("Head"), tr("Query head, from 0")});
    gainTable_->setTable(byHead, std::move(all));
    if (view != ByBand) return drawnGains_->setTable(view == ByHead ? byHead : columns, std::move(drawn));
    columns = band;
    columns.insert(columns.end(),
                   {{"ln_gain_difference", differenceTitle(a, b), tr("Mean of layers and heads")},
                    {"least", tr("Least"), tr("Of all layers and heads")},
                    {"largest", tr("Largest"), tr("Of all layers and heads")}});
    const LinePlot::Series& line = bandGains_->series().front();
    for (int at = 0; at < bands.count(); ++at) {
        const auto point = static_cast<std::size_t>(at);
        drawn.push_back(
            {at, bands.begin(at), bands.end(at), line.y[point], line.low[point], line.high[point]});
    }
    drawnGains_->setTable(std::move(columns), std::move(drawn));
}

} // namespace qroar
