#include "widgets/panels/search_panel.h"

#include "core/search/objective.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/nll_columns.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plot_room.h"

#include <QSignalBlocker>
#include <QSplitter>
#include <QStackedWidget>

#include <cmath>

namespace qroar {

namespace {

enum Rows { ByLayer, ByHead, ByBand };

/// What the search varied: gQ gK, or gQ where gK = 1/gQ leaves logits as they are.
double gainAt(const SearchRecord& record, int layer, int head, int pair) {
    const QkGains& gains = record.scales.gains;
    if (record.settings.variant == SearchVariant::Symmetric)
        return gains.queryGains(layer, head)[static_cast<std::size_t>(pair)];
    return gains.effective(layer, head, pair);
}

/// exp(mean ln gain) over heads [first, end) and the pairs of a band.
double meanGain(const SearchRecord& record, int layer, int first, int end, int pairFrom, int pairTo) {
    double sum = 0;
    for (int head = first; head < end; ++head)
        for (int pair = pairFrom; pair < pairTo; ++pair) sum += std::log(gainAt(record, layer, head, pair));
    return std::exp(sum / std::max(1, (end - first) * (pairTo - pairFrom)));
}

QString gainName(const SearchRecord& record) {
    return record.settings.variant == SearchVariant::Symmetric ? SearchPanel::tr("Gain gQ = 1/gK")
                                                               : SearchPanel::tr("Effective gain gQ·gK");
}

} // namespace

SearchPanel::SearchPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Search"), selection, parent), gainTable_(new ResultTableModel(this)),
      controls_(new ResultTableModel(this)), trace_(new LinePlot), guard_(new LinePlot),
      lengths_(new LinePlot), bandGains_(new LinePlot), gains_(new HeatMapPlot),
      gainViews_(new QStackedWidget), searchBox_(new CompactComboBox), rowsBox_(new CompactComboBox) {
    buildControls();
    auto* traces = new QSplitter(Qt::Vertical);
    traces->addWidget(trace_);
    traces->addWidget(guard_);
    traces->addWidget(lengths_);
    traces->setChildrenCollapsible(false);
    traces->setSizes({400, 300, 300});
    // One below the other: the same range and the same edges, so that steps line up.
    auto* edges = new QCPMarginGroup(trace_);
    for (LinePlot* plot : {trace_, guard_, lengths_})
        plot->axisRect()->setMarginGroup(QCP::msLeft | QCP::msRight, edges);
    const auto follow = [](LinePlot* from, LinePlot* to) {
        connect(from->xAxis, qOverload<const QCPRange&>(&QCPAxis::rangeChanged), to,
                [to](const QCPRange& range) {
                    if (to->xAxis->range() == range) return;
                    to->xAxis->setRange(range);
                    to->replot(QCustomPlot::rpQueuedReplot);
                });
        connect(from, &QCustomPlot::afterLayout, to, [from, to] { // its labels may be wider now
            if (from->axisRect()->left() != to->axisRect()->left()) to->replot(QCustomPlot::rpQueuedReplot);
        });
    };
    for (LinePlot* plot : {trace_, guard_, lengths_})
        for (LinePlot* other : {trace_, guard_, lengths_})
            if (plot != other) follow(plot, other);
    for (LinePlot* plot : {trace_, guard_, lengths_, bandGains_}) plot->setLegendAbove(true);
    gainViews_->addWidget(gains_);
    gainViews_->addWidget(bandGains_);
    auto* both = new PlotSplit(this);
    both->addWidget(traces);
    both->addWidget(gainViews_);
    setContent(both);
    for (LinePlot* plot : {trace_, guard_, lengths_}) addFigurePart(plot, {0, 0, 0.5, 1});
    addFigurePart(gains_, {0.5, 0, 0.5, 1});
    addFigurePart(bandGains_, {0.5, 0, 0.5, 1});
    connect(gains_, &HeatMapPlot::cellSelected, this, [this](int row, int column) {
        if (rowsBox_->currentData().toInt() == ByLayer) selectionModel()->setLayer(row);
        selectionModel()->setBand(column);
    });
    connect(bandGains_, &LinePlot::seriesClicked, this,
            [this](int, double band) { selectionModel()->setBand(static_cast<int>(std::lround(band))); });
}

void SearchPanel::buildControls() {
    searchBox_->setAccessibleName(tr("Search shown"));
    rowsBox_->setAccessibleName(tr("View of the gains"));
    rowsBox_->addEntry(tr("gains by layer"), tr("layers"), ByLayer);
    rowsBox_->addEntry(tr("heads of the layer"), tr("heads"), ByHead);
    rowsBox_->addEntry(tr("bands, before and after"), tr("bands"), ByBand);
    rowsBox_->setToolTip(tr("Effective gain gQ·gK: what the attention logits of a band are multiplied with. "
                            "Geometric mean over what a cell takes in."));
    addControl(searchBox_);
    addControl(rowsBox_);
    addOption(QStringLiteral("gains"), rowsBox_,
              {QStringLiteral("layers"), QStringLiteral("heads"), QStringLiteral("bands")});
    for (CompactComboBox* box : {searchBox_, rowsBox_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
}

/// What there is to see; a low dock scrolls.
void SearchPanel::arrange() {
    const auto record = shown(); // figures have them in any case
    lengths_->setVisible(record && !record->trials.empty() && shortContext(*record) >= 0
                         && record->settings.contexts.size() > 1);
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
    updateTraces(*record);
    arrangeParts(*record);
    arrange();
    const bool byBand = rowsBox_->currentData().toInt() == ByBand;
    gainViews_->setCurrentWidget(byBand ? static_cast<QWidget*>(bandGains_) : gains_);
    useFigurePart(gains_, !byBand, {0.5, 0, 0.5, 1});
    useFigurePart(bandGains_, byBand, {0.5, 0, 0.5, 1});
    if (byBand)
        updateBandGains(*record);
    else
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
    else if (!record.verdict.shortEffect.empty()) // searched and reported at the trained length alone
        text = tr("Held out: %1 at short context").arg(QString::fromStdString(record.verdict.shortEffect));
    if (!record.verdict.cause.empty() && record.verdict.cause != "none")
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
    LinePlot::Series rejected, accepted, best;
    rejected.name = tr("rejected");
    rejected.line = accepted.line = false;
    rejected.marker = QCPScatterStyle::ssCross;
    rejected.category = -1;
    accepted.name = tr("accepted");
    accepted.marker = QCPScatterStyle::ssDisc;
    accepted.emphasised = true;
    best.name = tr("best so far");
    best.steps = true;
    double cost = 0, least = INFINITY;
    for (const SearchTrial& trial : record.trials) {
        cost += trial.forwardEquivalents;
        const double objective = trial.overflowed() ? std::nan("") : trial.objective;
        LinePlot::Series& series = trial.accepted ? accepted : rejected;
        series.x.push_back(cost);
        series.y.push_back(objective);
        if (trial.accepted) least = std::min(least, trial.objective);
        best.x.push_back(cost);
        best.y.push_back(std::isfinite(least) ? least : std::nan(""));
    }
    std::vector<LinePlot::Series> series;
    series.push_back(std::move(best));
    if (!rejected.x.empty()) series.push_back(std::move(rejected));
    series.push_back(std::move(accepted));
    trace_->setAxes(tr("Cost (forward passes)"), LinePlot::Scale::Linear, tr("Objective J (nats/token)"),
                    LinePlot::Scale::Linear);
    trace_->setReadoutNames(tr("cost"), tr("J"), tr("passes"), tr("nats"));
    trace_->setReferenceLine(record.trials.front().objective);
    trace_->setSeries(std::move(series));
    trace_->fitRanges(true, std::nullopt, QCPRange(record.trials.front().forwardEquivalents, cost));
}

void SearchPanel::updateTraces(const SearchRecord& record) {
    const bool zoomed = trace_->isZoomed() || guard_->isZoomed() || lengths_->isZoomed();
    const QCPRange shown = trace_->xAxis->range();
    updateTrace(record);
    updateGuard(record);
    if (zoomed) trace_->xAxis->setRange(shown); // one of them may not have kept it
}

int SearchPanel::shortContext(const SearchRecord& record) const {
    if (record.settings.lambda <= 0) return -1;
    return shortContextIndex(record.settings.contexts, session()->model.trainedContext());
}

void SearchPanel::updateGuard(const SearchRecord& record) {
    std::vector<LinePlot::Series> watched, others;
    const int guarded = shortContext(record);
    const SearchTrial& start = record.trials.front();
    const double first = start.forwardEquivalents;
    double last = 0;
    for (const SearchTrial& trial : record.trials) last += trial.forwardEquivalents;
    for (std::size_t index = 0; index < record.settings.contexts.size(); ++index) {
        const bool isShort = static_cast<int>(index) == guarded;
        LinePlot::Series line;
        line.name = (isShort ? tr("%1 tokens (guarded)") : tr("%1 tokens"))
                        .arg(groupedCount(record.settings.contexts[index]));
        line.category = static_cast<int>(index);
        line.marker = QCPScatterStyle::ssDisc;
        line.steps = true;
        line.emphasised = isShort;
        double cost = 0;
        for (const SearchTrial& trial : record.trials) {
            cost += trial.forwardEquivalents;
            if (!trial.accepted || index >= trial.nll.size() || index >= start.nll.size()) continue;
            line.x.push_back(cost);
            line.y.push_back(trial.nll[index] - start.nll[index]);
        }
        (isShort || guarded < 0 ? watched : others).push_back(std::move(line));
    }
    if (guarded >= 0) {
        LinePlot::Series limit;
        limit.name = tr("guard: short context may lose %1").arg(readableNumber(record.settings.delta, 2));
        limit.legendName = tr("guard δ = %1").arg(readableNumber(record.settings.delta, 2));
        limit.x = {first, last};
        limit.y = {record.settings.delta, record.settings.delta};
        limit.category = -1;
        limit.dash = Qt::DashLine;
        watched.push_back(std::move(limit));
    }
    const auto show = [&](LinePlot* plot, std::vector<LinePlot::Series> series, const QString& title) {
        plot->setAxes(tr("Cost (forward passes)"), LinePlot::Scale::Linear, title, LinePlot::Scale::Linear);
        plot->setReadoutNames(tr("cost"), tr("Δ NLL"), tr("passes"), tr("nats"));
        plot->setReferenceLine(0.0);
        plot->setSeries(std::move(series));
        plot->fitRanges(true, 0.0, QCPRange(first, last)); // as the trace above
    };
    show(guard_, std::move(watched), guarded < 0 ? tr("Δ NLL (nats)") : tr("Δ NLL, guarded (nats)"));
    show(lengths_, std::move(others), tr("Δ NLL, others (nats)"));
}

void SearchPanel::arrangeParts(const SearchRecord& record) {
    const bool apart = shortContext(record) >= 0 && record.settings.contexts.size() > 1;
    const double top = apart ? 0.38 : 0.56, each = apart ? (1 - top) / 2 : 1 - top;
    useFigurePart(trace_, true, {0, 0, 0.5, top});
    useFigurePart(guard_, true, {0, top, 0.5, each});
    useFigurePart(lengths_, apart, {0, top + each, 0.5, each});
}

void SearchPanel::updateBandGains(const SearchRecord& record) {
    const QkGains& gains = record.scales.gains;
    const auto partition = BandPartition::fromEdges(record.settings.bandEdges, gains.pairs);
    if (gains.empty() || !partition) return;
    LinePlot::Series before, after, low, high;
    before.name = tr("before");
    before.category = -1;
    before.dash = Qt::DashLine;
    after.name = tr("after: mean, least and largest");
    after.legendName = tr("after");
    after.marker = QCPScatterStyle::ssDisc;
    after.emphasised = true;
    after.intervalName = tr("least and largest of all layers and heads");
    low.name = high.name = tr("window of the search");
    low.category = high.category = -1;
    low.dash = high.dash = Qt::DotLine;
    high.inLegend = false;
    std::vector<double> positions;
    QStringList labels;
    const auto bands = static_cast<std::size_t>(partition->count());
    for (int band = 0; band < partition->count(); ++band) {
        double least = INFINITY, largest = 0, sum = 0;
        for (int layer = 0; layer < gains.layers; ++layer) {
            for (int head = 0; head < gains.heads; ++head) {
                const double one =
                    meanGain(record, layer, head, head + 1, partition->begin(band), partition->end(band));
                least = std::min(least, one);
                largest = std::max(largest, one);
                sum += std::log(one);
            }
        }
        for (LinePlot::Series* line : {&before, &after, &low, &high}) line->x.push_back(band);
        before.y.push_back(1);
        after.y.push_back(std::exp(sum / (gains.layers * gains.heads)));
        after.low.push_back(least);
        after.high.push_back(largest);
        double window = 1; // the widest of all layers
        for (std::size_t at = static_cast<std::size_t>(band); at < record.settings.windows.size();
             at += bands)
            window = std::max(window, record.settings.windows[at]);
        low.y.push_back(1 / window);
        high.y.push_back(window);
        positions.push_back(band);
        labels << QString::number(band);
    }
    bandGains_->setAxes(tr("Band (high → low freq.)"), LinePlot::Scale::Linear, gainName(record),
                        LinePlot::Scale::Log);
    bandGains_->setReadoutNames(tr("band"), tr("gain"), {}, {});
    bandGains_->setXTicks(positions, labels);
    std::vector<LinePlot::Series> series{std::move(before), std::move(after)};
    if (!record.settings.windows.empty()) {
        series.push_back(std::move(low));
        series.push_back(std::move(high));
    }
    bandGains_->setSeries(std::move(series));
    bandGains_->fitRanges(true);
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
                byHead ? meanGain(record, layer, row, row + 1, partition->begin(band), partition->end(band))
                       : meanGain(record, row, 0, gains.heads, partition->begin(band), partition->end(band)));
    }
    for (int band = 0; band < content.columns; ++band) {
        content.columnLabels << QString::number(band);
        content.columnDetails << pairsText(partition->begin(band), partition->end(band) - 1);
    }
    content.rowName = byHead ? tr("head") : tr("layer");
    content.rowTitle = byHead ? tr("Query head of layer %1").arg(layer) : tr("Layer");
    content.columnName = tr("band");
    content.columnTitle = tr("Band (high → low freq.)");
    content.valueTitle = gainName(record);
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
    const int guarded = shortContext(record);
    if (guarded >= 0)
        columns.push_back({"short_change", tr("Δ short"),
                           tr("NLL at the guarded context minus that of the start; the guard lets δ pass")});
    columns.push_back({"best_objective", tr("Best J"), tr("Least J accepted so far")});
    columns.push_back({"forward_equivalents", tr("Cost"), tr("In forward passes over all search windows")});
    columns.push_back({"seconds", tr("Seconds"), tr("Wall time")});
    std::vector<ResultTableModel::Row> rows;
    double least = INFINITY;
    for (std::size_t at = 0; at < record.trials.size(); ++at) {
        const SearchTrial& trial = record.trials[at];
        ResultTableModel::Row row{static_cast<int>(at), QLatin1String(trialKindName(trial.kind)),
                                  trial.accepted ? tr("yes") : tr("no"), trial.objective};
        for (const double nll : trial.nll) row.emplace_back(nll);
        if (guarded >= 0) {
            const auto watched = static_cast<std::size_t>(guarded);
            const bool known = watched < trial.nll.size() && watched < record.trials.front().nll.size();
            row.push_back(known ? QVariant(trial.nll[watched] - record.trials.front().nll[watched])
                                : QVariant());
        }
        if (trial.accepted) least = std::min(least, trial.objective);
        row.push_back(std::isfinite(least) ? QVariant(least) : QVariant());
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
    say(tr("effect at long context"), verdict.longEffect);
    say(tr("effect at short context"), verdict.shortEffect);
    if (verdict.cause != "none") say(tr("cause"), verdict.cause);
    say(tr("verdict"), verdict.words);
}

} // namespace qroar
