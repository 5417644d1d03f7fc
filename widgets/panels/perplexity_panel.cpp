#include "widgets/panels/perplexity_panel.h"

#include "widgets/common/compact_combo_box.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/models/nll_columns.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/line_plot.h"

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
      unitBox_(new CompactComboBox(this)), conventionBox_(new CompactComboBox(this)),
      viewBox_(new CompactComboBox(this)) {
    unitBox_->addEntry(tr("NLL (nats)"), tr("NLL"));
    unitBox_->addEntry(tr("Perplexity"), tr("PPL"));
    unitBox_->setAccessibleName(tr("Unit"));
    unitBox_->setToolTip(tr("NLL: mean natural-log loss per predicted token; perplexity = exp(NLL). [std]"));
    conventionBox_->addEntry(tr("all tokens"), tr("all tokens"), static_cast<int>(Convention::All));
    conventionBox_->addEntry(tr("last half"), tr("last half"), static_cast<int>(Convention::LastHalf));
    conventionBox_->setAccessibleName(tr("Convention"));
    conventionBox_->setToolTip(
        tr("all: every predicted token of a window; last half: llama-perplexity's, tokens "
           "predicted from positions context/2 .. context−2. [std]"));
    addControl(unitBox_);
    addControl(conventionBox_);
    viewBox_->addEntry(tr("by context length"), tr("by context"));
    viewBox_->addEntry(tr("by position"), tr("by position"));
    viewBox_->setAccessibleName(tr("Plot"));
    viewBox_->setToolTip(tr("Which plot this small panel shows; a larger one shows both"));
    viewBox_->hide();
    addControl(viewBox_);
    connect(viewBox_, &QComboBox::currentIndexChanged, this, [this] { arrange(); });
    connect(unitBox_, &QComboBox::currentIndexChanged, this, [this] {
        home();
        invalidate(OptionsChanged);
    });
    connect(conventionBox_, &QComboBox::currentIndexChanged, this, [this] {
        summaries_.clear();
        home();
        invalidate(OptionsChanged);
    });
    outer_ = new QSplitter(Qt::Vertical, this);
    plots_ = new QSplitter(Qt::Horizontal, outer_);
    plots_->setChildrenCollapsible(false);
    byContext_ = new LinePlot(plots_);
    byPosition_ = new LinePlot(plots_);
    byContext_->setLegendAbove(true);
    byPosition_->setLegendAbove(true);
    plots_->setSizes({500, 500});
    splitView_ = new QTableView(outer_);
    splitView_->setModel(splitModel_);
    splitView_->setAccessibleName(tr("Four-way split"));
    splitView_->setSelectionBehavior(QAbstractItemView::SelectRows);
    splitView_->setAlternatingRowColors(true);
    splitView_->verticalHeader()->hide();
    splitView_->verticalHeader()->setDefaultSectionSize(splitView_->fontMetrics().height() + 6);
    outer_->setStretchFactor(0, 3);
    outer_->setStretchFactor(1, 1);
    connect(byContext_, &LinePlot::seriesClicked, this, [this](int series, double context) {
        for (const int index : families_[series].conditions)
            if (session()->conditions[index]->key.context == std::lround(context))
                selectionModel()->setCondition(index);
    });
    setContent(outer_);
    addFigurePart(byContext_, {0, 0, 0.5, 1});
    addFigurePart(byPosition_, {0.5, 0, 0.5, 1});
}

QAbstractItemModel* PerplexityPanel::interactionModel() {
    ensureFresh();
    return splitModel_;
}

std::vector<DiagnosticPanel::Table> PerplexityPanel::tables() {
    std::vector<Table> all = DiagnosticPanel::tables();
    if (!interactions_.empty()) all.push_back({"four-way-split", tr("four-way split"), splitModel_});
    return all;
}

Convention PerplexityPanel::convention() const {
    return static_cast<Convention>(conventionBox_->currentData().toInt());
}

bool PerplexityPanel::showsPerplexity() const {
    return unitBox_->currentIndex() == 1;
}

const NllSummary& PerplexityPanel::summaryOf(int condition) const {
    return summaries_.at(session()->conditions[condition]);
}

void PerplexityPanel::arrange() {
    const bool single = width() < 560 && height() < 560;
    viewBox_->setVisible(single);
    byContext_->setVisible(!single || viewBox_->currentIndex() == 0);
    byPosition_->setVisible(!single || viewBox_->currentIndex() == 1);
    plots_->setOrientation(width() < 560 ? Qt::Vertical : Qt::Horizontal);
    splitView_->setVisible(!interactions_.empty() && height() >= 440); // small docks: the plots come first
    if (single == single_) return;
    single_ = single;
    if (session()) invalidate(SelectionChanged); // the legend of the second plot
}

void PerplexityPanel::arrangeForExport(bool exporting) {
    exporting_ = exporting;
    if (single_ && condition()) updateByPosition(condition()->key.context);
}

void PerplexityPanel::resizeEvent(QResizeEvent* event) {
    DiagnosticPanel::resizeEvent(event);
    arrange();
}

void PerplexityPanel::refresh(Changes changes) {
    if (changes == BandsChanged) return; // losses do not depend on bands
    const auto shown = condition();
    if (!shown) {
        showEmpty(
            tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
               "Run, or use the command line: qroar evaluate MODEL --text FILE --contexts 256,1024 --rope "
               "yarn:4"));
        return;
    }
    if (changes & (SessionChanged | OptionsChanged)) {
        summarize(changes & OptionsChanged);
        collectFamilies();
        interactions_ = interactions(session()->conditions, convention());
    }
    const QString unit = showsPerplexity() ? tr("Perplexity") : tr("NLL (nats/token)");
    byContext_->setReadoutNames(tr("context"), showsPerplexity() ? tr("perplexity") : tr("NLL"), tr("tokens"),
                                showsPerplexity() ? QString() : tr("nats"));
    byPosition_->setReadoutNames(tr("position"), showsPerplexity() ? tr("perplexity") : tr("NLL"),
                                 tr("tokens"), showsPerplexity() ? QString() : tr("nats"));
    updateByContext();
    updateByPosition(shown->key.context);
    fillTables();
    showContent(tr("%1 by length and position").arg(unit),
                tr("%1 tokens, convention %2")
                    .arg(groupedCount(shown->key.context), QLatin1String(conventionName(convention()))),
                splitSummary(*shown));
}

void PerplexityPanel::summarize(bool conventionChanged) {
    std::map<std::shared_ptr<const ConditionResult>, NllSummary> kept;
    for (const auto& result : session()->conditions) {
        const auto known = summaries_.find(result);
        kept[result] = known != summaries_.end() && !conventionChanged
                           ? known->second
                           : summarizeNll(result->windows, result->key.context,
                                          static_cast<int>(result->table.trainedContext), convention());
    }
    summaries_ = std::move(kept);
}

void PerplexityPanel::collectFamilies() {
    families_.clear();
    std::vector<std::string> ropes, quants;
    const auto indexIn = [](std::vector<std::string>& names, const std::string& name) {
        const auto found = std::find(names.begin(), names.end(), name);
        const auto index = found - names.begin();
        if (found == names.end()) names.push_back(name);
        return static_cast<int>(index);
    };
    for (int index = 0; index < static_cast<int>(session()->conditions.size()); ++index) {
        const ConditionKey& key = session()->conditions[index]->key;
        const std::string rope = key.rope.text(), quant = key.weights();
        auto family = std::find_if(families_.begin(), families_.end(),
                                   [&](const Family& one) { return one.rope == rope && one.quant == quant; });
        if (family == families_.end()) {
            families_.push_back({rope, quant, indexIn(ropes, rope), indexIn(quants, quant), {}});
            family = families_.end() - 1;
        }
        family->conditions.push_back(index);
    }
    for (Family& family : families_)
        std::sort(family.conditions.begin(), family.conditions.end(), [this](int a, int b) {
            return session()->conditions[a]->key.context < session()->conditions[b]->key.context;
        });
}

QString PerplexityPanel::familyOf(int condition) const {
    return familyName(session()->conditions[condition]->key);
}

void PerplexityPanel::updateByContext() {
    std::vector<LinePlot::Series> series;
    std::vector<double> contexts;
    const auto shown = [this](double nll) { return showsPerplexity() ? std::exp(nll) : nll; };
    for (const Family& family : families_) {
        LinePlot::Series line;
        line.name = familyOf(family.conditions.front());
        line.category = family.ropeIndex;
        line.dash = dashOf(family.quantIndex);
        line.marker = markerOf(family.quantIndex);
        for (const int index : family.conditions) {
            const NllSummary& summary = summaryOf(index);
            line.x.push_back(session()->conditions[index]->key.context);
            line.y.push_back(summary.tokens > 0 ? shown(summary.nll) : std::nan(""));
            line.low.push_back(summary.ciLow ? shown(*summary.ciLow) : std::nan(""));
            line.high.push_back(summary.ciHigh ? shown(*summary.ciHigh) : std::nan(""));
            line.emphasised = line.emphasised || index == conditionIndex();
            contexts.push_back(line.x.back());
        }
        series.push_back(std::move(line));
    }
    std::sort(contexts.begin(), contexts.end());
    contexts.erase(std::unique(contexts.begin(), contexts.end()), contexts.end());
    QStringList labels;
    for (const double context : contexts) labels << groupedCount(std::llround(context));
    byContext_->setAxes(tr("Context length (tokens)"), LinePlot::Scale::Log2,
                        showsPerplexity() ? tr("Perplexity") : tr("NLL (nats/token)"),
                        LinePlot::Scale::Linear);
    byContext_->setXTicks(contexts, labels);
    byContext_->setSeries(std::move(series));
    byContext_->fitRanges(true);
}

void PerplexityPanel::updateByPosition(int context) {
    std::vector<LinePlot::Series> series;
    std::vector<double> edges;
    for (const Family& family : families_)
        for (const int index : family.conditions) {
            if (session()->conditions[index]->key.context != context) continue;
            LinePlot::Series line;
            line.name = familyOf(family.conditions.front());
            line.category = family.ropeIndex;
            line.dash = dashOf(family.quantIndex);
            line.marker = markerOf(family.quantIndex);
            line.emphasised = index == conditionIndex();
            line.inLegend = single_ && !exporting_; // beside the other plot, its legend serves both
            for (const NllBucket& bucket : summaryOf(index).buckets) {
                line.x.push_back(std::sqrt(std::max(1.0, static_cast<double>(bucket.from)) * bucket.to));
                line.y.push_back(showsPerplexity() ? std::exp(bucket.nll) : bucket.nll);
                edges.push_back(bucket.to);
            }
            series.push_back(std::move(line));
        }
    std::sort(edges.begin(), edges.end());
    edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
    std::vector<double> ticks;
    QStringList labels;
    const size_t every = edges.size() > 6 ? 2 : 1;
    for (size_t edge = (edges.size() + 1) % every; edge < edges.size(); edge += every) {
        ticks.push_back(edges[edge]);
        labels << groupedCount(std::llround(edges[edge]));
    }
    byPosition_->setAxes(tr("Position of the predicted token, %1 tokens").arg(groupedCount(context)),
                         LinePlot::Scale::Log2, showsPerplexity() ? tr("Perplexity") : tr("NLL (nats/token)"),
                         LinePlot::Scale::Linear);
    byPosition_->setXTicks(ticks, labels);
    byPosition_->setSeries(std::move(series));
    byPosition_->fitRanges(true);
}

void PerplexityPanel::fillTables() {
    std::vector<ResultTableModel::Row> rows;
    for (const auto& result : session()->conditions) {
        const NllSummary& summary = summaries_.at(result);
        QVariant interaction;
        for (const Interaction& one : interactions_)
            if (one.rope == result->key.rope.text() && one.quant == result->key.weights()
                && one.context == result->key.context)
                interaction = one.value;
        rows.push_back({QString::fromStdString(result->key.rope.text()),
                        QString::fromStdString(result->key.weights()), result->key.context,
                        QLatin1String(conventionName(convention())), summary.documents, summary.windows,
                        summary.tokens, summary.nll, summary.ciLow ? QVariant(*summary.ciLow) : QVariant(),
                        summary.ciHigh ? QVariant(*summary.ciHigh) : QVariant(), summary.perplexity,
                        interaction});
    }
    std::vector<ResultTableModel::Column> columns{
        {"rope", tr("RoPE"), tr("RoPE spec")},
        {"quant", tr("Quant"), tr("Quantizer")},
        {"context", tr("Context"), tr("Tokens")},
        {"convention", tr("Convention"), tr("Which tokens of a window count")}};
    for (auto& column : nllColumns(tr("That contributed"))) columns.push_back(std::move(column));
    columns.push_back(
        {"interaction", tr("Interaction"), tr("ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP)")});
    table().setTable(std::move(columns), std::move(rows));
    std::vector<ResultTableModel::Row> split;
    for (const Interaction& one : interactions_)
        split.push_back({QString::fromStdString(one.rope), QString::fromStdString(one.quant), one.context,
                         one.fp, one.pi, one.q, one.qpi, one.value});
    splitModel_->setTable(
        {{"rope", tr("RoPE (PI)"), tr("RoPE spec")},
         {"quant", tr("Quant (Q)"), tr("Quantizer")},
         {"context", tr("Context"), tr("Tokens")},
         {"fp", tr("FP"), tr("Mean NLL, full precision without scaling")},
         {"pi", tr("PI"), tr("Mean NLL, full precision with scaling")},
         {"q", tr("Q"), tr("Mean NLL, quantized without scaling")},
         {"qpi", tr("Q + PI"), tr("Mean NLL, quantized with scaling")},
         {"interaction", tr("Interaction"),
          tr("ln PPL(Q+PI) − ln PPL(Q) − ln PPL(PI) + ln PPL(FP), nats; above 0 they hurt each "
             "other. [ours]")}},
        std::move(split));
    arrange();
    splitView_->resizeColumnsToContents();
}

QString PerplexityPanel::splitSummary(const ConditionResult& shown) const {
    const NllSummary& summary = summaryOf(conditionIndex());
    QString text = tr("%1: NLL %2").arg(conditionName(shown.key), readableNumber(summary.nll, 5));
    if (summary.ciLow && summary.ciHigh)
        text += QStringLiteral(" [%1, %2]")
                    .arg(readableNumber(*summary.ciLow, 5), readableNumber(*summary.ciHigh, 5));
    text += tr(", perplexity %1, %2 tokens")
                .arg(readableNumber(summary.perplexity, 5), groupedCount(summary.tokens));
    for (const Interaction& one : interactions_)
        if (one.rope == shown.key.rope.text() && one.quant == shown.key.weights()
            && one.context == shown.key.context)
            text += tr(" · interaction %1 nats").arg(readableNumber(one.value, 3));
    return text;
}

void PerplexityPanel::tableRowActivated(int row) {
    selectionModel()->setCondition(row);
}

} // namespace qroar
