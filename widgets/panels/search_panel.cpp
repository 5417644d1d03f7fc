#include "widgets/panels/search_panel.h"

#include "core/search/objective.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/panels/search_gains.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plot_room.h"

#include <QScrollArea>
#include <QScrollBar>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStackedWidget>

#include <cmath>

namespace qroar {

namespace {

/// Plots one below the other, of which a low panel shows as many as it has height for; the others are
/// scrolled to, and the gains beside them stay whole.
class TraceArea : public QScrollArea {
  public:
    explicit TraceArea(QSplitter* plots) {
        setWidget(plots);
        setWidgetResizable(true);
        setFrameShape(QFrame::NoFrame);
        setFocusPolicy(Qt::NoFocus); // the plots have it, and scroll into sight with it
        setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
        plots->setAutoFillBackground(false);
        viewport()->setAutoFillBackground(false);
    }
    [[nodiscard]] QSize minimumSizeHint() const override {
        const auto* plots = static_cast<QSplitter*>(widget());
        return {plots->minimumSizeHint().width() + verticalScrollBar()->sizeHint().width(),
                plots->widget(0)->minimumSizeHint().height()};
    }
};

} // namespace

SearchPanel::SearchPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Search"), selection, parent), gainTable_(new ResultTableModel(this)),
      controls_(new ResultTableModel(this)), drawnGains_(new ResultTableModel(this)), trace_(new LinePlot),
      guard_(new LinePlot), lengths_(new LinePlot), bandGains_(new LinePlot), gains_(new HeatMapPlot),
      gainViews_(new QStackedWidget), searchBox_(new CompactComboBox), otherBox_(new CompactComboBox),
      rowsBox_(new CompactComboBox) {
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
                    to->drawLater();
                });
        connect(from, &QCustomPlot::afterLayout, to, [from, to] { // its labels may be wider now
            if (from->axisRect()->left() != to->axisRect()->left()) to->drawLater();
        });
    };
    for (LinePlot* plot : {trace_, guard_, lengths_})
        for (LinePlot* other : {trace_, guard_, lengths_})
            if (plot != other) follow(plot, other);
    for (LinePlot* plot : {trace_, guard_, lengths_, bandGains_}) plot->setLegendAbove(true);
    gainViews_->addWidget(gains_);
    gainViews_->addWidget(bandGains_);
    auto* both = new PlotSplit(this);
    both->addWidget(new TraceArea(traces));
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
    otherBox_->setAccessibleName(tr("Search of B"));
    otherBox_->setToolTip(tr("The search that is shown as B, or subtracted"));
    addControl(searchBox_);
    addControl(otherBox_);
    addControl(rowsBox_);
    addOption(QStringLiteral("search"), searchBox_, [this] {
        return isLive() || searchBox_->count() == 0 ? QString() : searchBox_->currentText();
    });
    addOption(QStringLiteral("search-b"), otherBox_, [this] { // while it decides what is seen
        return selection().compare == CompareMode::A ? QString() : otherBox_->currentText();
    });
    addOption(QStringLiteral("gains"), rowsBox_,
              {QStringLiteral("layers"), QStringLiteral("heads"), QStringLiteral("bands")});
    for (CompactComboBox* box : {searchBox_, otherBox_, rowsBox_})
        connect(box, &QComboBox::currentIndexChanged, this, [this] { invalidate(OptionsChanged); });
    connect(searchBox_, &QComboBox::activated, this, [this] { chosen_ = true; });
    connect(otherBox_, &QComboBox::activated, this, [this] { chosenB_ = true; });
}

/// What there is to see; in a low dock the traces scroll.
void SearchPanel::arrange() {
    const auto record = shown(); // figures have them in any case
    guard_->setVisible(!differs());
    lengths_->setVisible(!differs() && record && !record->trials.empty() && shortContext(*record) >= 0
                         && record->settings.contexts.size() > 1);
}

QString SearchPanel::gainName(const SearchRecord& record) {
    return record.settings.variant == SearchVariant::Symmetric ? tr("Gain gQ = 1/gK")
                                                               : tr("Effective gain gQ·gK");
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
    if (session()) listInto(*searchBox_, *session());
    const int same = searchBox_->findText(before);
    chosen_ = chosen_ && same >= 0 && !live_;
    if (same >= 0 && !live_) searchBox_->setCurrentIndex(same);
    searchBox_->setVisible(searchBox_->count() > 1);
}

void SearchPanel::refresh(Changes) {
    chooseByConditions();
    if (const QString why = whyNothing(); !why.isEmpty()) return showEmpty(why);
    const auto record = shown();
    const bool byBand = rowsBox_->currentData().toInt() == ByBand, both = differs();
    gainViews_->setCurrentWidget(byBand ? static_cast<QWidget*>(bandGains_) : gains_);
    useFigurePart(gains_, !byBand, {0.5, 0, 0.5, 1});
    useFigurePart(bandGains_, byBand, {0.5, 0, 0.5, 1});
    arrangeParts(*record);
    arrange();
    if (both) return showDifference();
    updateTraces(*record);
    if (byBand)
        updateBandGains(*record);
    else
        updateGains(*record);
    fillTables(*record);
    const SearchSettings& s = record->settings;
    showContent(tr("Search, %1, %2 scope, %3 variant")
                    .arg(QLatin1String(searchMethodName(s.method)), QLatin1String(searchScopeName(s.scope)),
                         QLatin1String(searchVariantName(s.variant))),
                nameOf(*record), describe(*record));
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

/// In a difference the curves of both are in the upper plot, and take its room.
void SearchPanel::arrangeParts(const SearchRecord& record) {
    const bool both = differs(), apart = shortContext(record) >= 0 && record.settings.contexts.size() > 1;
    const double top = both ? 1 : apart ? 0.38 : 0.56, each = apart ? (1 - top) / 2 : 1 - top;
    useFigurePart(trace_, true, {0, 0, 0.5, top});
    useFigurePart(guard_, !both, {0, top, 0.5, each});
    useFigurePart(lengths_, apart && !both, {0, top + each, 0.5, each});
}

std::vector<SearchPanel::BandGain> SearchPanel::bandGainsOf(const SearchRecord& record,
                                                            const BandPartition& bands) {
    const QkGains& gains = record.scales.gains;
    const std::vector<double>& windows = record.settings.windows;
    std::vector<BandGain> all;
    for (int band = 0; band < bands.count(); ++band) {
        BandGain one{band, 1, INFINITY, 0, windows.empty() ? 0.0 : 1.0};
        double sum = 0;
        for (int layer = 0; layer < gains.layers; ++layer)
            for (int head = 0; head < gains.heads; ++head) {
                const double gain =
                    meanGain(record, layer, head, head + 1, bands.begin(band), bands.end(band));
                one.least = std::min(one.least, gain);
                one.largest = std::max(one.largest, gain);
                sum += std::log(gain);
            }
        one.mean = std::exp(sum / (gains.layers * gains.heads));
        for (std::size_t at = static_cast<std::size_t>(band); at < windows.size();
             at += static_cast<std::size_t>(bands.count()))
            one.window = std::max(one.window, windows[at]);
        all.push_back(one);
    }
    return all;
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
    for (const BandGain& one : bandGainsOf(record, *partition)) {
        for (LinePlot::Series* line : {&before, &after, &low, &high}) line->x.push_back(one.band);
        before.y.push_back(1);
        after.y.push_back(one.mean);
        after.low.push_back(one.least);
        after.high.push_back(one.largest);
        low.y.push_back(1 / std::max(one.window, 1.0));
        high.y.push_back(std::max(one.window, 1.0));
        positions.push_back(one.band);
        labels << QString::number(one.band);
    }
    bandGains_->setAxes(tr("Band (high → low freq.)"), LinePlot::Scale::Linear, gainName(record),
                        LinePlot::Scale::Log);
    bandGains_->setReadoutNames(tr("band"), tr("gain"), {}, {});
    bandGains_->setXTicks(positions, labels);
    bandGains_->setReferenceLine(std::nullopt);
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

} // namespace qroar
