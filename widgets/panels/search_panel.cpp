#include "widgets/panels/search_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/number_format.h"
#include "widgets/models/nll_columns.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"

#include <QSignalBlocker>
#include <QSplitter>

#include <cmath>

namespace qroar {

namespace {

enum Rows { ByLayer, ByHead };

/// exp(mean ln gQ gK) over heads [first, end) and the pairs of a band.
double meanGain(const QkGains& gains, int layer, int first, int end, int pairFrom, int pairTo) {
    double sum = 0;
    for (int head = first; head < end; ++head)
        for (int pair = pairFrom; pair < pairTo; ++pair) sum += std::log(gains.effective(layer, head, pair));
    return std::exp(sum / std::max(1, (end - first) * (pairTo - pairFrom)));
}

} // namespace

SearchPanel::SearchPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Search"), selection, parent), gainTable_(new ResultTableModel(this)),
      controls_(new ResultTableModel(this)), trace_(new LinePlot), gains_(new HeatMapPlot),
      searchBox_(new CompactComboBox), rowsBox_(new CompactComboBox) {
    searchBox_->setAccessibleName(tr("Search shown"));
    rowsBox_->setAccessibleName(tr("Rows of the map of gains"));
    rowsBox_->addEntry(tr("gains by layer"), tr("layers"), ByLayer);
    rowsBox_->addEntry(tr("heads of the layer"), tr("heads"), ByHead);
    rowsBox_->setToolTip(tr("Effective gain gQ·gK: what the attention logits of a band are multiplied with. "
                            "Geometric mean over what a cell takes in."));
    addControl(searchBox_);
    addControl(rowsBox_);
    for (CompactComboBox* box : {searchBox_, rowsBox_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    auto* both = new QSplitter(Qt::Horizontal, this);
    both->addWidget(trace_);
    both->addWidget(gains_);
    both->setChildrenCollapsible(false);
    setContent(both);
    addFigurePart(trace_, {0, 0, 0.5, 1});
    addFigurePart(gains_, {0.5, 0, 0.5, 1});
    connect(gains_, &HeatMapPlot::cellSelected, this, [this](int row, int column) {
        if (rowsBox_->currentData().toInt() == ByLayer) selectionModel()->setLayer(row);
        selectionModel()->setBand(column);
    });
}

QString SearchPanel::noSessionText() const {
    return tr(
        "A search looks for gains of W_Q and W_K that lower the loss at long context. Choose a model and "
        "documents in Setup, then start one under Search.");
}

void SearchPanel::setSession(std::shared_ptr<const Session> session) {
    DiagnosticPanel::setSession(std::move(session));
    listSearches();
}

void SearchPanel::setLive(std::shared_ptr<const SearchRecord> record) {
    live_ = std::move(record);
    listSearches();
    invalidate(SessionChanged);
}

void SearchPanel::listSearches() {
    const QSignalBlocker quiet(searchBox_);
    const QString before = searchBox_->currentText();
    searchBox_->clear();
    if (live_) searchBox_->addEntry(tr("current search"), tr("current"), -1);
    if (session())
        for (std::size_t at = session()->searches.size(); at-- > 0;) // the newest first
            searchBox_->addEntry(QString::fromStdString(session()->searches[at]->scales.name),
                                 QString::fromStdString(session()->searches[at]->scales.name).left(12),
                                 static_cast<int>(at));
    if (const int same = searchBox_->findText(before); same >= 0 && !live_) searchBox_->setCurrentIndex(same);
    searchBox_->setVisible(searchBox_->count() > 1);
}

std::shared_ptr<const SearchRecord> SearchPanel::shown() const {
    const int at = searchBox_->currentIndex() < 0 ? -1 : searchBox_->currentData().toInt();
    if (at < 0 || !session() || at >= static_cast<int>(session()->searches.size())) return live_;
    return session()->searches[static_cast<std::size_t>(at)];
}

void SearchPanel::refresh(Changes) {
    const auto record = shown();
    if (!record || record->trials.empty()) {
        showEmpty(
            tr("No search has been run for this session. Choose search and report documents under Search "
               "and press Start, or use the command line: qroar search run.h5 --model MODEL --text FILE"));
        return;
    }
    updateTrace(*record);
    updateGains(*record);
    fillTable(*record);
    fillGains(*record);
    fillControls(*record);
    const SearchSettings& s = record->settings;
    showContent(tr("Search, %1, %2 scope, %3 variant")
                    .arg(QLatin1String(searchMethodName(s.method)), QLatin1String(searchScopeName(s.scope)),
                         QLatin1String(searchVariantName(s.variant))),
                QString::fromStdString(s.rope + " \u00b7 " + s.quant), describe(*record));
}

QString SearchPanel::describe(const SearchRecord& record) const {
    const SearchTrial* best = record.best();
    // What it is good for comes first: the line may be cut off.
    QString text;
    if (!record.verdict.longEffect.empty())
        text =
            tr("Held out: %1 at long, %2 at short context")
                .arg(QString::fromStdString(record.verdict.longEffect),
                     record.verdict.shortEffect.empty() ? tr("not measured")
                                                        : QString::fromStdString(record.verdict.shortEffect));
    if (!record.verdict.cause.empty())
        text += tr(" (cause: %1)").arg(QString::fromStdString(record.verdict.cause));
    if (!text.isEmpty()) text += QStringLiteral(" · ");
    return text
           + tr("J %1 → %2 nats/token · %3 trials · %4 forward passes")
                 .arg(readableNumber(record.trials.front().objective, 5),
                      readableNumber(best ? best->objective : record.trials.front().objective, 5),
                      groupedCount(static_cast<long long>(record.trials.size())),
                      readableNumber(record.forwardEquivalents(), 3));
}

void SearchPanel::updateTrace(const SearchRecord& record) {
    LinePlot::Series tried, accepted;
    tried.name = tr("trial");
    tried.line = false;
    tried.marker = QCPScatterStyle::ssCross;
    tried.category = -1;
    accepted.name = tr("accepted");
    accepted.marker = QCPScatterStyle::ssDisc;
    accepted.emphasised = true;
    double cost = 0;
    for (const SearchTrial& trial : record.trials) {
        cost += trial.forwardEquivalents;
        LinePlot::Series& series = trial.accepted ? accepted : tried;
        series.x.push_back(cost);
        series.y.push_back(trial.objective);
    }
    std::vector<LinePlot::Series> series;
    if (!tried.x.empty()) series.push_back(std::move(tried));
    series.push_back(std::move(accepted));
    trace_->setAxes(tr("Cost (forward passes)"), LinePlot::Scale::Linear, tr("Objective J (nats/token)"),
                    LinePlot::Scale::Linear);
    trace_->setReadoutNames(tr("cost"), tr("J"), tr("passes"), tr("nats"));
    trace_->setReferenceLine(record.trials.front().objective);
    trace_->setSeries(std::move(series));
    trace_->fitRanges(true);
}

void SearchPanel::updateGains(const SearchRecord& record) {
    const QkGains& gains = record.scales.gains;
    const auto partition = BandPartition::fromEdges(record.settings.bandEdges, gains.pairs);
    if (gains.empty() || !partition) return;
    const bool byHead = rowsBox_->currentData().toInt() == ByHead;
    const int layer = selectedLayer(gains.layers);
    HeatMapPlot::Content content;
    content.rows = byHead ? gains.heads : gains.layers;
    content.columns = partition->count();
    for (int row = 0; row < content.rows; ++row) {
        content.rowLabels << QString::number(row);
        for (int band = 0; band < content.columns; ++band)
            content.values.push_back(
                byHead ? meanGain(gains, layer, row, row + 1, partition->begin(band), partition->end(band))
                       : meanGain(gains, row, 0, gains.heads, partition->begin(band), partition->end(band)));
    }
    for (int band = 0; band < content.columns; ++band) {
        content.columnLabels << QString::number(band);
        content.columnDetails << tr("pairs %1–%2").arg(partition->begin(band)).arg(partition->end(band) - 1);
    }
    content.rowName = byHead ? tr("head") : tr("layer");
    content.rowTitle = byHead ? tr("Query head of layer %1").arg(layer) : tr("Layer");
    content.columnName = tr("band");
    content.columnTitle = tr("Band (high → low freq.)");
    content.valueTitle = tr("Effective gain gQ·gK");
    const ColorScale scale = ColorScale::around(1, content.values, true, 1.02);
    gains_->setContent(std::move(content));
    gains_->setScale(scale);
    gains_->setSelectedCell(byHead ? -1 : layer, byHead ? -1 : selection().band);
}

void SearchPanel::fillTable(const SearchRecord& record) {
    std::vector<ResultTableModel::Column> columns{
        {"trial", tr("Trial"), tr("In the order they were made")},
        {"kind", tr("Kind"), tr("start, grid, step or backtrack")},
        {"accepted", tr("Accepted"), tr("J fell, and the search went on from here")},
        {"objective", tr("J (nats)"), tr("Objective: weighted NLL, guard and prior")}};
    for (const int context : record.settings.contexts)
        columns.push_back({QStringLiteral("nll_%1").arg(context), tr("NLL at %1").arg(groupedCount(context)),
                           tr("Mean over the search windows, nats per token")});
    columns.push_back({"forward_equivalents", tr("Cost"), tr("In forward passes over all search windows")});
    columns.push_back({"seconds", tr("Seconds"), tr("Wall time")});
    std::vector<ResultTableModel::Row> rows;
    for (std::size_t at = 0; at < record.trials.size(); ++at) {
        const SearchTrial& trial = record.trials[at];
        ResultTableModel::Row row{static_cast<int>(at), QLatin1String(trialKindName(trial.kind)),
                                  trial.accepted ? tr("yes") : tr("no"), trial.objective};
        for (const double nll : trial.nll) row.emplace_back(nll);
        row.emplace_back(trial.forwardEquivalents);
        row.emplace_back(trial.seconds);
        rows.push_back(std::move(row));
    }
    table().setTable(std::move(columns), std::move(rows));
}

std::vector<DiagnosticPanel::Table> SearchPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    all.front().name = tr("trials");
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
                     meanGain(gains, layer, head, head + 1, partition->begin(band), partition->end(band))});
    gainTable_->setTable(
        {{"layer", tr("Layer"), tr("Decoder layer, from 0")},
         {"head", tr("Head"), tr("Query head, from 0")},
         {"band", tr("Band"), tr("Band of the search, from 0")},
         {"from_pair", tr("From pair"), tr("First rotary pair of the band")},
         {"to_pair", tr("To pair"), tr("One past the last rotary pair of the band")},
         {"effective_gain", tr("gQ·gK"), tr("What the logits of the band are multiplied with")}},
        std::move(rows));
}

void SearchPanel::fillControls(const SearchRecord& record) {
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
    std::vector<ResultTableModel::Column> columns{
        {"role", tr("Role"), tr("FP: full precision, Q: quantized, +g: with the gains")},
        {"rope", tr("RoPE"), tr("RoPE spec")},
        {"quant", tr("Weights"), tr("Quantizer")},
        {"context", tr("Context"), tr("Tokens")}};
    for (auto& column : nllColumns(tr("That the search never saw"))) columns.push_back(std::move(column));
    columns.push_back(
        {"nll_change_by_gains", tr("Δ by g"), tr("NLL minus that of the same weights without the gains")});
    controls_->setTable(std::move(columns), std::move(rows));
    verdict_.clear();
    const SearchVerdict& verdict = record.verdict;
    const auto say = [this](const QString& what, const std::string& words) {
        if (!words.empty()) verdict_ << QStringLiteral("%1: %2").arg(what, QString::fromStdString(words));
    };
    say(QStringLiteral("effect at long context"), verdict.longEffect);
    say(QStringLiteral("effect at short context"), verdict.shortEffect);
    say(QStringLiteral("cause"), verdict.cause);
    say(QStringLiteral("verdict"), verdict.words);
}

} // namespace qroar
