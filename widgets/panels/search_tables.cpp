// The tables of SearchPanel: trials, gains, controls and what is drawn of them.
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/number_format.h"
#include "widgets/models/nll_columns.h"
#include "widgets/panels/search_gains.h"
#include "widgets/panels/search_panel.h"

#include <cmath>

namespace qroar {

SearchPanel::Columns SearchPanel::trialColumns(const SearchRecord& record) const {
    Columns columns{{"trial", tr("Trial"), tr("In the order they were made")},
                    {"kind", tr("Kind"), tr("start, grid, step or backtrack")},
                    {"accepted", tr("Accepted"), tr("J fell, and the search went on from here")},
                    {"objective", tr("J (nats)"), tr("Objective: weighted NLL, guard and prior")}};
    for (const int context : record.settings.contexts)
        columns.push_back({QStringLiteral("nll_%1").arg(context), tr("NLL at %1").arg(groupedCount(context)),
                           tr("Mean over the search windows, nats per token")});
    const int guarded = shortContext(record);
    if (guarded >= 0)
        columns.push_back({"short_change", tr("Δ short"),
                           tr("NLL at the guarded context minus that of the start; the guard lets δ pass")});
    columns.push_back({"best_objective", tr("Best J"), tr("Least J accepted so far")});
    columns.push_back({"forward_equivalents", tr("Cost"), tr("In forward passes over all search windows")});
    columns.push_back({"seconds", tr("Seconds"), tr("Wall time")});
    columns.push_back({"cost_total", tr("Total cost"), tr("Up to this trial: where it is drawn")});
    for (const int context : record.settings.contexts)
        columns.push_back({QStringLiteral("nll_change_%1").arg(context),
                           tr("Δ NLL at %1").arg(groupedCount(context)),
                           tr("NLL minus that of the start; drawn of accepted trials")});
    return columns;
}

SearchPanel::Rows SearchPanel::trialRows(const SearchRecord& record) const {
    const int guarded = shortContext(record);
    const std::vector<double>& start = record.trials.front().nll;
    Rows rows;
    double least = INFINITY, total = 0;
    for (std::size_t at = 0; at < record.trials.size(); ++at) {
        const SearchTrial& trial = record.trials[at];
        ResultTableModel::Row row{static_cast<int>(at), QLatin1String(trialKindName(trial.kind)),
                                  trial.accepted ? tr("yes") : tr("no"), trial.objective};
        const std::size_t contexts = record.settings.contexts.size();
        const auto nllAt = [&trial](std::size_t index) {
            return index < trial.nll.size() ? QVariant(trial.nll[index]) : QVariant();
        };
        const auto changeAt = [&trial, &start](std::size_t index) {
            const bool known = index < trial.nll.size() && index < start.size();
            return known ? QVariant(trial.nll[index] - start[index]) : QVariant();
        };
        for (std::size_t index = 0; index < contexts; ++index) row.push_back(nllAt(index));
        if (guarded >= 0) row.push_back(changeAt(static_cast<std::size_t>(guarded)));
        if (trial.accepted) least = std::min(least, trial.objective);
        row.push_back(std::isfinite(least) ? QVariant(least) : QVariant());
        row.emplace_back(trial.forwardEquivalents);
        row.emplace_back(trial.seconds);
        row.emplace_back(total += trial.forwardEquivalents);
        for (std::size_t index = 0; index < contexts; ++index) row.push_back(changeAt(index));
        rows.push_back(std::move(row));
    }
    return rows;
}

std::vector<DiagnosticPanel::Table> SearchPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    all.front().name = tr("trials");
    if (drawnGains_->rowCount() > 0) all.push_back({"gains-drawn", tr("gains as drawn"), drawnGains_});
    if (gainTable_->rowCount() > 0) all.push_back({"gains", tr("gains"), gainTable_});
    if (controls_->rowCount() > 0) all.push_back({"controls", tr("controls"), controls_, verdict_});
    return all;
}

void SearchPanel::fillGains(const SearchRecord& record) {
    const QkGains& gains = record.scales.gains;
    const auto partition = BandPartition::fromEdges(record.settings.bandEdges, gains.pairs);
    std::vector<ResultTableModel::Row> rows;
    for (int layer = 0; partition && layer < gains.layers; ++layer)
        for (int head = 0; head < gains.heads; ++head)
            for (int band = 0; band < partition->count(); ++band)
                rows.push_back(
                    {layer, head, band, partition->begin(band), partition->end(band),
                     meanGain(record, layer, head, head + 1, partition->begin(band), partition->end(band))});
    gainTable_->setTable(
        {{"layer", tr("Layer"), tr("Decoder layer, from 0")},
         {"head", tr("Head"), tr("Query head, from 0")},
         {"band", tr("Band"), tr("Band of the search, from 0")},
         {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
         {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")},
         {"effective_gain", tr("gQ·gK"), tr("What the logits of the band are multiplied with")}},
        std::move(rows));
}

SearchPanel::Rows SearchPanel::controlRows(const SearchRecord& record) {
    const auto withoutGains = [&record](const SearchReportRow& row) -> const SearchReportRow* {
        for (const SearchReportRow& other : record.report)
            if (other.scales.empty() && other.rope == row.rope && other.quant == row.quant
                && other.context == row.context)
                return &other;
        return nullptr;
    };
    std::vector<ResultTableModel::Row> rows;
    for (const SearchReportRow& row : record.report) {
        const SearchReportRow* before = row.scales.empty() ? nullptr : withoutGains(row);
        rows.push_back({QString::fromStdString(row.role), QString::fromStdString(row.rope),
                        QString::fromStdString(row.quant), row.context, row.documents, row.windows,
                        row.tokens, row.nll, row.ciLow, row.ciHigh, std::exp(row.nll),
                        before ? QVariant(row.nll - before->nll) : QVariant()});
    }
    return rows;
}

SearchPanel::Columns SearchPanel::controlColumns() {
    Columns columns{{"role", tr("Role"), tr("FP: full precision, Q: quantized, +g: with the gains")},
                    {"rope", tr("RoPE"), tr("RoPE spec")},
                    {"quant", tr("Weights"), tr("Quantizer")},
                    {"context", tr("Context"), tr("Tokens")}};
    for (auto& column : nllColumns(tr("That the search never saw"))) columns.push_back(std::move(column));
    columns.push_back(
        {"nll_change_by_gains", tr("Δ by g"), tr("NLL minus that of the same weights without the gains")});
    return columns;
}

QStringList SearchPanel::verdictLines(const SearchRecord& record) {
    QStringList lines;
    const SearchVerdict& verdict = record.verdict;
    const auto say = [&lines](const QString& what, const std::string& words) {
        if (!words.empty()) lines << QStringLiteral("%1: %2").arg(what, QString::fromStdString(words));
    };
    say(tr("effect at long context"), verdict.longEffect);
    say(tr("effect at short context"), verdict.shortEffect);
    if (verdict.cause != "none") say(tr("cause"), verdict.cause);
    say(tr("verdict"), verdict.words);
    return lines;
}

void SearchPanel::fillTables(const SearchRecord& record) {
    table().setTable(trialColumns(record), trialRows(record));
    fillGains(record);
    fillDrawnGains(record);
    controls_->setTable(controlColumns(), controlRows(record));
    verdict_ = verdictLines(record);
}

/// The points of the map or of the curves.
void SearchPanel::fillDrawnGains(const SearchRecord& record) {
    const QkGains& gains = record.scales.gains;
    const auto partition = BandPartition::fromEdges(record.settings.bandEdges, gains.pairs);
    const int view = rowsBox_->currentData().toInt();
    if (gains.empty() || !partition) return drawnGains_->clear();
    Columns columns{{"band", tr("Band"), tr("Band of the search, from 0")},
                    {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
                    {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")},
                    {"gain", gainName(record), tr("Geometric mean over what the cell or point takes in")}};
    Rows rows;
    if (view == ByBand) {
        columns.push_back({"least", tr("Least"), tr("Of all layers and heads")});
        columns.push_back({"largest", tr("Largest"), tr("Of all layers and heads")});
        columns.push_back({"window", tr("Window"), tr("The search keeps gains in 1/window to window")});
        for (const BandGain& one : bandGainsOf(record, *partition))
            rows.push_back({one.band, partition->begin(one.band), partition->end(one.band), one.mean,
                            one.least, one.largest, one.window > 0 ? QVariant(one.window) : QVariant()});
    } else {
        const bool byHead = view == ByHead;
        const int layer = selectedLayer(gains.layers), count = byHead ? gains.heads : gains.layers;
        columns.insert(columns.begin(), {"layer", tr("Layer"), tr("Decoder layer, from 0")});
        if (byHead) columns.insert(columns.begin() + 1, {"head", tr("Head"), tr("Query head, from 0")});
        for (int row = 0; row < count; ++row)
            for (int band = 0; band < partition->count(); ++band) {
                const int from = partition->begin(band), to = partition->end(band);
                ResultTableModel::Row cells{byHead ? layer : row};
                if (byHead) cells.emplace_back(row);
                cells.insert(cells.end(), {band, from, to,
                                           byHead ? meanGain(record, layer, row, row + 1, from, to)
                                                  : meanGain(record, row, 0, gains.heads, from, to)});
                rows.push_back(std::move(cells));
            }
    }
    drawnGains_->setTable(std::move(columns), std::move(rows));
}

} // namespace qroar
