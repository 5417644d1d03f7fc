#include "widgets/panels/histogram_panel.h"

#include "core/diagnostics/tails.h"
#include "widgets/common/before_after.h"
#include "widgets/common/names.h"
#include "widgets/common/number_format.h"
#include "widgets/common/selection_boxes.h"
#include "widgets/models/result_table_model.h"
#include "widgets/plot/line_plot.h"

#include <QToolButton>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

struct Mark {
    double quantile;
    const char* text;
    QCPScatterStyle::ScatterShape shape;
};
constexpr Mark marks[] = {{0.99, "99 %", QCPScatterStyle::ssCircle},
                          {0.999, "99.9 %", QCPScatterStyle::ssTriangle},
                          {0.9999, "99.99 %", QCPScatterStyle::ssDiamond}};

/// Density of the group of bins that holds `value`; NaN outside the curve.
double shareAt(const HistogramPanel::Curve& curve, double value) {
    const double halfGroup = std::exp2(0.5 * HistogramPanel::binsPerPoint / LogHistogram::binsPerOctave);
    for (size_t point = 0; point < curve.centre.size(); ++point)
        if (value >= curve.centre[point] / halfGroup && value <= curve.centre[point] * halfGroup)
            return curve.share[point];
    return std::nan("");
}

void fillDensity(HistogramPanel::Curve& curve) {
    const auto total = static_cast<double>(curve.histogram.total());
    if (total <= 0) return;
    constexpr int group = HistogramPanel::binsPerPoint;
    const int first = curve.histogram.firstBin();
    const int last = first + static_cast<int>(curve.histogram.counts().size()) - 1;
    for (int start = 1; start + group < LogHistogram::binCount; start += group) {
        if (start + group <= first || start > last) continue;
        double count = 0;
        for (int bin = start; bin < start + group; ++bin)
            count += static_cast<double>(curve.histogram.countAt(bin));
        curve.centre.push_back(
            std::sqrt(LogHistogram::binLower(start) * LogHistogram::binLower(start + group)));
        curve.share.push_back(count / total * LogHistogram::binsPerOctave / group);
    }
}

} // namespace

HistogramPanel::HistogramPanel(SelectionModel* selection, QWidget* parent)
    : DiagnosticPanel(tr("Magnitudes"), selection, parent), plot_(new LinePlot(this)),
      tensorBox_(new TensorBox(selection, this)),
      beforeAfter_(new BeforeAfterBox(BeforeAfterBox::Both::Overlays, selection, this)),
      log_(new QToolButton(this)) {
    log_->setText(tr("Log y"));
    log_->setCheckable(true);
    log_->setChecked(true);
    log_->setAutoRaise(true);
    log_->setToolTip(tr("Logarithmic density: shows the tail"));
    connect(log_, &QToolButton::toggled, this, [this] {
        plot_->home();
        invalidate(OptionsChanged);
    });
    addControl(tensorBox_);
    addControl(log_);
    addControl(beforeAfter_);
    plot_->setLegendAbove(true);
    plot_->setReadoutNames(tr("|x|"), tr("share of values per octave"), {}, {});
    connect(plot_, &LinePlot::seriesClicked, this, [this](int series, double) {
        if (series < static_cast<int>(curves_.size()))
            selectionModel()->setCondition(curves_[series].condition);
    });
    setContent(plot_);
    addFigurePart(plot_);
}

const std::vector<HistogramPanel::Curve>& HistogramPanel::curves() {
    ensureFresh();
    return curves_;
}

void HistogramPanel::refresh(Changes) {
    auto selected = condition();
    shown_ = conditionIndex();
    before_ = -1;
    curves_.clear();
    beforeAfter_->follow(session(), shown_);
    if (beforeAfter_->shown() == BeforeAfter::Difference) {
        shown_ = beforeAfter_->twins().after;
        before_ = beforeAfter_->twins().before;
        selected = session()->conditions[static_cast<size_t>(shown_)];
    }
    if (!selected) {
        showEmpty(
            tr("No condition has been run yet. Choose RoPE specs, context lengths and quantizers and press "
               "Run."));
        return;
    }
    collect(*selected, before_ < 0 ? nullptr : session()->conditions[static_cast<size_t>(before_)].get());
    if (curves_.empty()) {
        showEmpty(
            tr("%1 was run for perplexity only. Run it again with capture on to see the distribution of its "
               "queries and keys.")
                .arg(conditionName(selected->key)));
        return;
    }
    updatePlot();
    fillTable();
    const int band = selectedBand();
    const QString where = tr("layer %1, band %2 (pairs %3–%4)")
                              .arg(selectedLayer(session()->model.layers))
                              .arg(band)
                              .arg(bands().begin(band))
                              .arg(bands().end(band) - 1);
    showContent(tr("Magnitudes of %1, %2").arg(tensorStageText(selection().tensor, selection().stage), where),
                before_ < 0 ? familyName(selected->key)
                            : tr("%1, dashed: without gains").arg(familyName(selected->key)),
                quantileSummary());
}

HistogramPanel::Curve HistogramPanel::curveOf(int condition) const {
    const ConditionResult& of = *session()->conditions[static_cast<size_t>(condition)];
    Curve curve;
    curve.name = tr("%1 tokens").arg(groupedCount(of.key.context));
    curve.condition = condition;
    const Selection& now = selection();
    int first = bands().begin(selectedBand()), end = bands().end(selectedBand());
    if (now.pair >= first && now.pair < end) {
        first = now.pair;
        end = first + 1;
    }
    curve.histogram = pooledHistogram(of.statistics, selectedLayer(of.statistics.shape().layers), now.tensor,
                                      now.stage, first, end);
    fillDensity(curve);
    return curve;
}

void HistogramPanel::collect(const ConditionResult& selected, const ConditionResult* before) {
    const auto reference = session()->shortReference(selected);
    const auto sameFamily = [](const ConditionKey& a, const ConditionKey& b) {
        return a.rope == b.rope && a.weights() == b.weights();
    };
    for (int index = 0; index < static_cast<int>(session()->conditions.size()); ++index) {
        const ConditionResult& candidate = *session()->conditions[static_cast<size_t>(index)];
        const bool isReference = reference.get() == &candidate;
        const bool isBefore = before && !isReference && sameFamily(candidate.key, before->key);
        if ((!sameFamily(candidate.key, selected.key) && !isReference && !isBefore)
            || candidate.statistics.cells() == 0)
            continue;
        Curve curve = curveOf(index);
        if (isReference) curve.name = tr("short: %1").arg(conditionName(candidate.key));
        if (isBefore) curve.name = tr("%1, without gains").arg(curve.name);
        curve.isReference = isReference;
        curve.isBefore = isBefore;
        curves_.push_back(std::move(curve));
    }
    std::stable_sort(curves_.begin(), curves_.end(), [this](const Curve& a, const Curve& b) {
        const auto context = [this](const Curve& curve) {
            return session()->conditions[curve.condition]->key.context;
        };
        if (a.isReference != b.isReference) return a.isReference;
        return context(a) != context(b) ? context(a) < context(b) : a.isBefore && !b.isBefore;
    });
}

void HistogramPanel::updatePlot() {
    plot_->setAxes(tr("|x| (logarithmic)"), LinePlot::Scale::Log, tr("Share of values per octave"),
                   log_->isChecked() ? LinePlot::Scale::Log : LinePlot::Scale::Linear);
    std::vector<LinePlot::Series> series, points;
    std::vector<int> contexts; // a colour each
    for (const Curve& curve : curves_) {
        LinePlot::Series line;
        const int context = session()->conditions[static_cast<size_t>(curve.condition)]->key.context;
        line.name = curve.name;
        line.legendName =
            curve.isReference ? tr("short, %1").arg(groupedCount(context)) : groupedCount(context);
        if (before_ >= 0 && !curve.isReference) line.legendName = tr("%1 after").arg(groupedCount(context));
        if (curve.isBefore) line.legendName = tr("%1 before").arg(groupedCount(context));
        line.x = curve.centre;
        line.y = curve.share;
        if (log_->isChecked())
            std::replace(line.y.begin(), line.y.end(), 0.0, std::nan("")); // a gap, not minus infinity
        if (!curve.isReference && (contexts.empty() || contexts.back() != context))
            contexts.push_back(context);
        line.category = curve.isReference ? -1 : static_cast<int>(contexts.size()) - 1;
        line.dash = curve.isBefore       ? Qt::DashLine
                    : !curve.isReference ? Qt::SolidLine
                    : before_ >= 0       ? Qt::DotLine
                                         : Qt::DashLine;
        line.emphasised = isShown(curve);
        for (const Mark& mark : marks) {
            const double value = curve.histogram.quantile(mark.quantile);
            line.details +=
                QStringLiteral("%1: %2   ").arg(QLatin1String(mark.text), readableNumber(value, 4));
            LinePlot::Series point;
            point.name = curve.name + u' ' + QLatin1String(mark.text);
            point.x = {value};
            point.y = {shareAt(curve, value)};
            point.category = line.category;
            point.marker = mark.shape;
            point.line = point.inLegend = false;
            point.emphasised = line.emphasised;
            points.push_back(point);
        }
        series.push_back(std::move(line));
    }
    for (const Mark& mark : marks) { // entries of the legend only
        LinePlot::Series entry;
        entry.name = QLatin1String(mark.text);
        entry.category = -1;
        entry.marker = mark.shape;
        entry.line = false;
        points.push_back(entry);
    }
    series.insert(series.end(), points.begin(), points.end());
    plot_->setSeries(std::move(series));
    plot_->fitRanges(true, log_->isChecked() ? std::optional<double>() : 0.0);
}

bool HistogramPanel::isShown(const Curve& curve) const {
    return curve.condition == shown_ || curve.condition == before_;
}

QString HistogramPanel::quantileSummary() const {
    QStringList parts;
    for (const Curve& curve : curves_) {
        if (!curve.isReference && !isShown(curve)) continue;
        QStringList values;
        for (const Mark& mark : marks) values << readableNumber(curve.histogram.quantile(mark.quantile), 3);
        const int context = session()->conditions[curve.condition]->key.context;
        QString name = curve.isReference ? tr("short") : groupedCount(context);
        if (before_ >= 0 && !curve.isReference) name += curve.isBefore ? tr(" before") : tr(" after");
        parts << QStringLiteral("%1 %2").arg(name, values.join(u'/'));
    }
    if (before_ >= 0 && parts.size() > 1) parts.append(parts.takeFirst()); // before and after first
    return tr("99/99.9/99.99 %: %1").arg(parts.join(QStringLiteral("; ")));
}

void HistogramPanel::fillTable() {
    std::vector<ResultTableModel::Row> rows;
    for (const Curve& curve : curves_) {
        const ConditionKey& key = session()->conditions[curve.condition]->key;
        const double halfGroup = std::exp2(0.5 * binsPerPoint / LogHistogram::binsPerOctave);
        for (size_t point = 0; point < curve.centre.size(); ++point)
            rows.push_back({QString::fromStdString(key.rope.text()), QString::fromStdString(key.weights()),
                            key.context, curve.centre[point] / halfGroup, curve.centre[point] * halfGroup,
                            curve.share[point]});
    }
    table().setTable(
        {{"rope", tr("RoPE"), tr("RoPE spec")},
         {"quant", tr("Quant"), tr("Quantizer")},
         {"context", tr("Context"), tr("Tokens")},
         {"from", tr("|x| from"), tr("Lower edge of the bin")},
         {"to", tr("|x| to"), tr("Upper edge of the bin")},
         {"share_per_octave", tr("Share per octave"), tr("Share of all values, per octave of |x|")}},
        std::move(rows));
}

} // namespace qroar
