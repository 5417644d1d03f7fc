#include "widgets/panels/perplexity_panel.h"

#include "widgets/common/cell_tips.h"
#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/line_plot.h"
#include "widgets/plot/plot_room.h"

#include <QComboBox>
#include <QHeaderView>
#include <QSplitter>
#include <QTableView>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

Qt::PenStyle dashOf(int quantIndex) {
    constexpr Qt::PenStyle styles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine, Qt::DashDotLine};
    return styles[quantIndex % 4];
}

QCPScatterStyle::ScatterShape markerOf(int quantIndex) {
    constexpr QCPScatterStyle::ScatterShape shapes[] = {QCPScatterStyle::ssCircle, QCPScatterStyle::ssSquare,
                                                        QCPScatterStyle::ssTriangle,
                                                        QCPScatterStyle::ssDiamond};
    return shapes[quantIndex % 4];
}

} // namespace

PerplexityPanel::PerplexityPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Perplexity"), selection, parent), splitModel_(new ResultTableModel(this)),
      positionModel_(new ResultTableModel(this)), unitBox_(new CompactComboBox(this)),
      conventionBox_(new CompactComboBox(this)), viewBox_(new CompactComboBox(this)) {
    buildControls();
    outer_ = new QSplitter(Qt::Vertical, this);
    plots_ = new PlotSplit(outer_);
    byContext_ = new LinePlot(plots_);
    byPosition_ = new LinePlot(plots_);
    byContext_->setLegendAbove(true);
    byPosition_->setLegendAbove(true);
    plots_->setSizes({500, 500});
    splitView_ = new QTableView(outer_);
    splitView_->setModel(splitModel_);
    CellTips::watch(splitView_);
    splitView_->setAccessibleName(tr("Four-way split"));
    splitView_->setSelectionBehavior(QAbstractItemView::SelectRows);
    splitView_->setAlternatingRowColors(true);
    splitView_->verticalHeader()->hide();
    splitView_->verticalHeader()->setDefaultSectionSize(splitView_->fontMetrics().height() + 6);
    outer_->setStretchFactor(0, 3);
    outer_->setStretchFactor(1, 1);
    connect(byContext_, &LinePlot::seriesClicked, this, [this](int series, double context) {
        if (differs() || series >= static_cast<int>(families_.size())) return;
        const bool ofB = this->selection().compare == CompareMode::B && sideB().condition;
        for (const int index : families_[series].conditions)
            if (shown().session->conditions[index]->key.context == std::lround(context)) {
                if (ofB)
                    selectionModel()->setConditionB(index);
                else
                    selectionModel()->setCondition(index);
            }
    });
    setContent(outer_);
    addFigurePart(byContext_, {0, 0, 0.5, 1});
    addFigurePart(byPosition_, {0.5, 0, 0.5, 1});
}

void PerplexityPanel::buildControls() {
    unitBox_->addEntry(tr("NLL (nats)"), tr("NLL"));
    unitBox_->addEntry(tr("Perplexity"), tr("PPL"));
    unitBox_->addEntry(tr("KL from the reference, mean"), tr("KL mean"));
    unitBox_->addEntry(tr("KL from the reference, median"), tr("KL median"));
    unitBox_->addEntry(tr("KL from the reference, 99 %"), tr("KL 99 %"));
    unitBox_->addEntry(tr("Same most probable token as the reference"), tr("same top-1"));
    unitBox_->setAccessibleName(tr("Measure"));
    unitBox_->setToolTip(tr(
        "NLL: mean natural-log loss per predicted token; perplexity = exp(NLL); KL = Σ p ln(p/q), p of the "
        "reference (full precision); same top-1: share of tokens where both put the same token first. "
        "[std]"));
    conventionBox_->addEntry(tr("all tokens"), tr("all tokens"), static_cast<int>(Convention::All));
    conventionBox_->addEntry(tr("last half"), tr("last half"), static_cast<int>(Convention::LastHalf));
    conventionBox_->setAccessibleName(tr("Convention"));
    conventionBox_->setToolTip(
        tr("all: every predicted token of a window; last half: llama-perplexity's, tokens "
           "predicted from positions context/2 .. context−2. [std]"));
    viewBox_->addEntry(tr("by context length"), tr("by context"));
    viewBox_->addEntry(tr("by position"), tr("by position"));
    viewBox_->setAccessibleName(tr("Plot"));
    viewBox_->setToolTip(tr("Which plot this small panel shows; a larger one shows both"));
    viewBox_->hide();
    for (CompactComboBox* box : {unitBox_, conventionBox_, viewBox_}) addControl(box);
    addOption(QStringLiteral("measure"), unitBox_,
              {QStringLiteral("nll"), QStringLiteral("ppl"), QStringLiteral("kl"),
               QStringLiteral("kl-median"), QStringLiteral("kl-p99"), QStringLiteral("same-top")});
    addOption(QStringLiteral("convention"), conventionBox_,
              {QStringLiteral("all"), QStringLiteral("last-half")});
    addOption(QStringLiteral("plot"), viewBox_, {QStringLiteral("context"), QStringLiteral("position")});
    connect(viewBox_, &QComboBox::currentIndexChanged, this, [this] { arrange(); });
    connect(unitBox_, &QComboBox::currentIndexChanged, this, [this] {
        remembered_.clear();
        home();
        invalidate(OptionsChanged);
    });
    connect(conventionBox_, &QComboBox::currentIndexChanged, this, [this] {
        remembered_.clear();
        summaries_.clear();
        divergences_.clear();
        home();
        invalidate(OptionsChanged);
    });
}

QAbstractItemModel* PerplexityPanel::interactionModel() {
    ensureFresh();
    return splitModel_;
}

bool PerplexityPanel::showsSplit() const {
    return !interactions_.empty() && !differs() && isLoss();
}

std::vector<DiagnosticPanel::Table> PerplexityPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    if (positionModel_->rowCount() > 0) all.push_back({"by-position", tr("by position"), positionModel_});
    if (showsSplit())
        all.push_back({"four-way-split",
                       tr("four-way split"),
                       splitModel_,
                       {tr("Four-way split: mean NLL (nats/token), and the interaction of RoPE scaling and "
                           "quantization (nats)")}});
    return all;
}

Convention PerplexityPanel::convention() const {
    return static_cast<Convention>(conventionBox_->currentData().toInt());
}

PerplexityPanel::Measure PerplexityPanel::measure() const {
    return static_cast<Measure>(unitBox_->currentIndex());
}

void PerplexityPanel::arrangeForExport(bool exporting) {
    exporting_ = exporting;
    if (single_ && emptyText().isEmpty()) updateByPosition();
}

void PerplexityPanel::resizeEvent(QResizeEvent* event) {
    DiagnosticPanel::resizeEvent(event);
    arrange();
}

void PerplexityPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // losses do not depend on bands
    summarize(false);
    collectFamilies();
    forget();
    if (interactionsOf_ != shown().session || interactionsBy_ != convention()) {
        interactionsOf_ = shown().session;
        interactionsBy_ = convention();
        interactions_ = interactionsOf_ ? interactions(interactionsOf_->conditions, convention())
                                        : std::vector<Interaction>();
    }
    if (const QString why = whyNothing(); !why.isEmpty()) {
        positionModel_->clear();
        showEmpty(why);
        return;
    }
    partners_ = partners();
    const QString unit = isLoss() && measure() != Measure::Perplexity ? tr("nats") : QString();
    const QString value = unitBox_->shownText();
    byContext_->setReadoutNames(tr("context"), value, tr("tokens"), unit);
    byPosition_->setReadoutNames(tr("position"), value, tr("tokens"), unit);
    updateByContext();
    updateByPosition();
    fillTables();
    showContent(tr("%1 by length and position").arg(axisTitle()), detailText(), summaryText());
}

void PerplexityPanel::arrange() {
    const bool single = width() < 560 && height() < 560;
    viewBox_->setVisible(single);
    byContext_->setVisible(!single || viewBox_->currentIndex() == 0);
    byPosition_->setVisible(!single || viewBox_->currentIndex() == 1);
    // small docks: the plots come first
    splitView_->setVisible(showsSplit() && height() >= 440);
    if (single == single_) return;
    single_ = single;
    if (session()) invalidate(SelectionChanged); // the legend of the second plot
}

LinePlot::Series PerplexityPanel::seriesOf(const Family& family) const {
    LinePlot::Series line;
    line.name = familyOf(family.conditions.front());
    line.category = family.ropeIndex;
    line.dash = dashOf(family.quantIndex);
    line.marker = markerOf(family.quantIndex);
    return line;
}

void PerplexityPanel::addPoint(LinePlot::Series& line, double x, const TokenEstimate& estimate) const {
    const bool known = estimate.tokens > 0;
    line.x.push_back(x);
    line.y.push_back(known ? shownValue(estimate.value) : std::nan(""));
    line.low.push_back(known && estimate.low ? shownValue(*estimate.low) : std::nan(""));
    line.high.push_back(known && estimate.high ? shownValue(*estimate.high) : std::nan(""));
}

void PerplexityPanel::addBuckets(LinePlot::Series& line, const std::vector<TokenEstimate>& buckets) const {
    for (const TokenEstimate& bucket : buckets)
        addPoint(line, std::sqrt(std::max(1.0, static_cast<double>(bucket.from)) * bucket.to), bucket);
}

void PerplexityPanel::updateByContext() {
    std::vector<LinePlot::Series> series;
    std::vector<double> contexts;
    if (differs()) {
        LinePlot::Series line;
        line.name = tr("%1 − %2").arg(familyName(sideA().condition->key), familyName(sideB().condition->key));
        line.legendName = tr("A − B");
        line.marker = QCPScatterStyle::ssCircle;
        line.emphasised = true;
        for (const Partners& both : partners_) {
            addPoint(line, both.a->key.context, whole(both.a, both.b));
            contexts.push_back(both.a->key.context);
        }
        series.push_back(std::move(line));
    } else {
        for (const Family& family : families_) {
            LinePlot::Series line = seriesOf(family);
            for (const int index : family.conditions) {
                const Result& result = shown().session->conditions[static_cast<size_t>(index)];
                addPoint(line, result->key.context, whole(result));
                line.emphasised = line.emphasised || index == shown().index;
                contexts.push_back(result->key.context);
            }
            line.inLegend =
                std::any_of(line.y.begin(), line.y.end(), [](double y) { return std::isfinite(y); });
            series.push_back(std::move(line));
        }
    }
    byContext_->setAxes(tr("Context length (tokens)"), LinePlot::Scale::Log2, axisTitle(),
                        LinePlot::Scale::Linear);
    setContextTicks(std::move(contexts));
    const std::optional<double> zero = differs() ? std::optional<double>(shownValue(0)) : std::nullopt;
    byContext_->setReferenceLine(zero);
    byContext_->setSeries(std::move(series));
    byContext_->fitRanges(true, zero);
}

void PerplexityPanel::setContextTicks(std::vector<double> contexts) {
    std::sort(contexts.begin(), contexts.end());
    contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
    QStringList labels;
    for (const double context : contexts) labels << groupedCount(std::llround(context));
    byContext_->setXTicks(contexts, labels);
}

void PerplexityPanel::updateByPosition() {
    std::vector<LinePlot::Series> series;
    std::vector<TokenEstimate> all;
    int context = shown().condition->key.context;
    const auto add = [&](LinePlot::Series line, const std::vector<TokenEstimate>& buckets) {
        line.band = true;
        line.inLegend = single_ && !exporting_; // beside the other plot, its legend serves both
        addBuckets(line, buckets);
        all.insert(all.end(), buckets.begin(), buckets.end());
        series.push_back(std::move(line));
    };
    if (differs()) {
        const Partners& both = *partnersAtHand();
        context = both.a->key.context;
        LinePlot::Series line;
        line.name = tr("%1 − %2").arg(conditionName(both.a->key), conditionName(both.b->key));
        line.marker = QCPScatterStyle::ssCircle;
        line.emphasised = true;
        add(std::move(line), byPosition(both.a, both.b));
    } else {
        for (const Family& family : families_)
            for (const int index : family.conditions) {
                const Result& result = shown().session->conditions[static_cast<size_t>(index)];
                if (result->key.context != context) continue;
                LinePlot::Series line = seriesOf(family);
                line.emphasised = index == shown().index;
                add(std::move(line), byPosition(result));
            }
    }
    byPosition_->setAxes(tr("Position of the predicted token, %1 tokens").arg(groupedCount(context)),
                         LinePlot::Scale::Log2, axisTitle(), LinePlot::Scale::Linear);
    setPositionTicks(all);
    const std::optional<double> zero = differs() ? std::optional<double>(shownValue(0)) : std::nullopt;
    byPosition_->setReferenceLine(zero);
    byPosition_->setSeries(std::move(series));
    byPosition_->fitRanges(true, zero);
}

void PerplexityPanel::setPositionTicks(const std::vector<TokenEstimate>& buckets) {
    std::vector<double> edges;
    for (const TokenEstimate& bucket : buckets) edges.push_back(bucket.to);
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    std::vector<double> ticks;
    QStringList labels;
    const size_t every = edges.size() > 6 ? 2 : 1;
    for (size_t edge = (edges.size() + 1) % every; edge < edges.size(); edge += every) {
        ticks.push_back(edges[edge]);
        labels << groupedCount(std::llround(edges[edge]));
    }
    byPosition_->setXTicks(ticks, labels);
}

void PerplexityPanel::tableRowActivated(int row) {
    if (differs()) {
        if (row >= static_cast<int>(partners_.size())) return;
        Selection next = selection();
        const auto place = [](const Session& in, const Result& one) {
            return static_cast<int>(std::find(in.conditions.begin(), in.conditions.end(), one)
                                    - in.conditions.begin());
        };
        next.condition = place(*sideA().session, partners_[static_cast<size_t>(row)].a);
        next.conditionB = place(*sideB().session, partners_[static_cast<size_t>(row)].b);
        selectionModel()->setSelection(next);
    } else if (selection().compare == CompareMode::B && sideB().condition) {
        selectionModel()->setConditionB(row);
    } else {
        selectionModel()->setCondition(row);
    }
}

} // namespace qroar
