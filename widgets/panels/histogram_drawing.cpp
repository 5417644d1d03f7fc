// How HistogramPanel draws its curves: over each other, as ridges, as a map. Not here: which curves
// (histogram_panel.cpp).
#include "widgets/common/number_format.h"
#include "widgets/panels/histogram_panel.h"
#include "widgets/plot/heat_map_plot.h"
#include "widgets/plot/point_labels.h"

#include <QToolButton>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr QCPScatterStyle::ScatterShape shapes[] = {
    QCPScatterStyle::ssSquare, QCPScatterStyle::ssTriangleInverted, QCPScatterStyle::ssCircle,
    QCPScatterStyle::ssTriangle, QCPScatterStyle::ssDiamond};

} // namespace

void HistogramPanel::findScale() {
    highest_ = 0;
    lowest_ = INFINITY;
    if (differs()) {
        for (int row = 0; row < rows_; ++row) {
            const auto [a, b] = pairOf(row);
            if (!a || !b) continue;
            const PointRange range = pointsOf({a, b});
            for (int point = range.first; point < range.end; ++point)
                highest_ = std::max(highest_, std::abs(a->shareOf(point) - b->shareOf(point)));
        }
        return;
    }
    for (const Curve& curve : curves_)
        for (const double share : curve.share) {
            if (share <= 0) continue;
            highest_ = std::max(highest_, share);
            lowest_ = std::min(lowest_, share);
        }
}

double HistogramPanel::raised(double share) const {
    if (!(highest_ > 0)) return 0;
    if (differs()) return share / highest_ * ridgeHeight / 2;
    if (!logarithmic()) return share / highest_ * ridgeHeight;
    if (!(share > 0)) return std::nan("");
    const double span = std::log(highest_ / lowest_);
    return span > 0 ? std::log(share / lowest_) / span * ridgeHeight : ridgeHeight;
}

QString HistogramPanel::legendName(const Curve& curve) const {
    if (subtracts() && view() == View::Overlay) return curve.name;
    if (byLayer()) return subtracts() ? (curve.isB ? tr("B") : tr("A")) : curve.name;
    QString name = groupedCount(curve.context);
    if (curve.isReference) return tr("short reference, %1").arg(name);
    return subtracts() ? (curve.isB ? tr("B, %1") : tr("A, %1")).arg(name) : name;
}

void HistogramPanel::addCurve(const Curve& curve, std::vector<LinePlot::Series>& lines,
                              std::vector<LinePlot::Series>& points) const {
    LinePlot::Series line;
    line.name = curve.name;
    line.legendName = legendName(curve);
    line.x = curve.centre;
    line.readout = curve.share;
    const double base = baseline(curve.row);
    for (const double share : curve.share)
        line.y.push_back(isRidge()                       ? base + raised(share)
                         : logarithmic() && share == 0.0 ? std::nan("") // a gap, not minus infinity
                                                         : share);
    const auto colour =
        std::lower_bound(contexts_.begin(), contexts_.end(), curve.context) - contexts_.begin();
    line.category = curve.isReference                        ? -1
                    : byLayer()                              ? (curve.isB ? 1 : 0)
                    : subtracts() && view() == View::Overlay ? (curve.isB ? 1 : 0)
                                                             : static_cast<int>(colour);
    const bool dashed = curve.isReference || (curve.isB && subtracts());
    line.dash = dashed ? Qt::DashLine : Qt::SolidLine;
    line.emphasised = isEmphasised(curve);
    if (isRidge()) {
        line.inLegend = !byLayer() ? true : subtracts() && curve.row == 0;
        if (!dashed || curve.isReference) line.cover = base;
    }
    for (const QuantileMark& mark : quantileMarks)
        line.details +=
            QStringLiteral("%1: %2   ")
                .arg(QLatin1String(mark.text), readableNumber(curve.histogram.quantile(mark.quantile), 4));
    if (marks_->isChecked()) addMarks(curve, line, points);
    lines.push_back(std::move(line));
}

void HistogramPanel::addMarks(const Curve& curve, const LinePlot::Series& line,
                              std::vector<LinePlot::Series>& points) const {
    for (std::size_t mark = 0; mark < quantileMarks.size(); ++mark) {
        const double value = curve.histogram.quantile(quantileMarks[mark].quantile);
        const double share = curve.shareAt(value);
        LinePlot::Series point;
        point.name = curve.name + u' ' + QLatin1String(quantileMarks[mark].text);
        point.x = {value};
        point.y = {isRidge() ? baseline(curve.row) + raised(share) : share};
        point.readout = {share};
        point.category = line.category;
        point.marker = shapes[mark];
        point.line = point.inLegend = false;
        point.emphasised = line.emphasised;
        if (line.emphasised && line.dash == Qt::SolidLine)
            point.labels = QStringList{QLatin1String(quantileMarks[mark].text)};
        points.push_back(std::move(point));
    }
}

void HistogramPanel::addMarkEntries(std::vector<LinePlot::Series>& points) const {
    for (std::size_t mark = 0; marks_->isChecked() && mark < quantileMarks.size(); ++mark) {
        LinePlot::Series entry; // of the legend only
        entry.name = QLatin1String(quantileMarks[mark].text);
        entry.category = -1;
        entry.marker = shapes[mark];
        entry.line = false;
        points.push_back(std::move(entry));
    }
}

void HistogramPanel::addDifferences(std::vector<LinePlot::Series>& lines) const {
    for (int row = 0; row < rows_; ++row) {
        const auto [a, b] = pairOf(row);
        if (!a || !b) continue;
        LinePlot::Series line;
        const QString name =
            byLayer() ? tr("layer %1").arg(a->layer) : tr("%1 tokens").arg(groupedCount(a->context));
        line.name = view() == View::Overlay ? tr("A − B") : tr("A − B, %1").arg(name);
        line.inLegend = !byLayer();
        line.emphasised = isEmphasised(*a);
        line.category =
            byLayer() || view() == View::Overlay
                ? 0
                : static_cast<int>(std::lower_bound(contexts_.begin(), contexts_.end(), a->context)
                                   - contexts_.begin());
        const PointRange range = pointsOf({a, b});
        for (int point = range.first; point < range.end; ++point) {
            const double difference = a->shareOf(point) - b->shareOf(point);
            line.x.push_back(centreOf(point));
            line.y.push_back(isRidge() ? baseline(row) + raised(difference) : difference);
            line.readout.push_back(difference);
        }
        lines.push_back(std::move(line));
        if (!isRidge() || range.first >= range.end) continue;
        LinePlot::Series zero; // the baseline the difference goes around
        zero.name = tr("no difference");
        zero.x = {centreOf(range.first), centreOf(range.end - 1)};
        zero.y = {baseline(row), baseline(row)};
        zero.readout = {0, 0};
        zero.category = -1;
        zero.dash = Qt::DotLine;
        zero.inLegend = false;
        lines.push_back(std::move(zero));
    }
}

void HistogramPanel::updateLines() {
    std::vector<LinePlot::Series> lines, points;
    if (differs()) {
        addDifferences(lines);
    } else {
        for (const Curve& curve : curves_) addCurve(curve, lines, points);
        addMarkEntries(points);
    }
    const QString share =
        differs() ? tr("Δ share of values per octave, A − B") : tr("Share of values per octave");
    const bool logY = logarithmic() && !isRidge();
    const QString what = byLayer() ? tr("Layer") : tr("Context length (tokens)");
    plot_->setAxes(tr("|x| (logarithmic)"), LinePlot::Scale::Log, isRidge() ? what : share,
                   logY ? LinePlot::Scale::Log : LinePlot::Scale::Linear);
    if (isRidge()) {
        std::vector<double> positions;
        QStringList labels;
        for (int row = 0; row < rows_; ++row) {
            const auto [a, b] = pairOf(row);
            const Curve* any = a ? a : b;
            if (!any) continue;
            positions.push_back(baseline(row));
            labels << (byLayer()          ? QString::number(any->layer)
                       : any->isReference ? tr("short")
                                          : groupedCount(any->context));
        }
        plot_->setYTicks(positions, labels);
    }
    lines.insert(lines.end(), points.begin(), points.end());
    plot_->setReferenceLine(differs() && !isRidge() ? std::optional<double>(0.0) : std::nullopt);
    plot_->setReadoutNames(
        tr("|x|"), differs() ? tr("A − B, share per octave") : tr("share of values per octave"), {}, {});
    plot_->setSeries(std::move(lines));
    plot_->fitRanges(true, logY ? std::optional<double>() : 0.0);
}

double HistogramPanel::columnOf(double value, const PointRange& range) {
    constexpr double perColumn = static_cast<double>(binsPerPoint) / LogHistogram::binsPerOctave; // octaves
    return std::log2(value / lowerEdgeOf(range.first)) / perColumn - 0.5;
}

void HistogramPanel::updateMap() {
    std::vector<const Curve*> all;
    for (const Curve& curve : curves_) all.push_back(&curve);
    const PointRange range = pointsOf(all);
    HeatMapPlot::Content content;
    content.rows = rows_;
    content.columns = range.end - range.first;
    content.rowTitle = content.rowName = tr("Layer");
    content.columnTitle = tr("|x| (logarithmic)");
    if (marks_->isChecked() && !differs()) {
        QStringList names; // as the lines lie, from left to right
        for (const QuantileMark& mark : quantileMarks) names << QLatin1String(mark.text).chopped(2);
        content.columnTitle =
            tr("|x| (logarithmic); lines: %1 % quantiles").arg(names.join(QStringLiteral(", ")));
    }
    content.valueTitle = differs() ? tr("Δ share per octave, A − B") : tr("Share of values per octave");
    for (int row = 0; row < rows_; ++row) {
        const auto [a, b] = pairOf(row);
        const Curve* one = a ? a : b;
        content.rowLabels << QString::number(one ? one->layer : row);
        for (int point = range.first; point < range.end; ++point) {
            double value = !one || one->share.empty() ? std::nan("") : one->shareOf(point);
            if (differs()) value = a && b ? a->shareOf(point) - b->shareOf(point) : std::nan("");
            content.values.push_back(value);
        }
    }
    for (int point = range.first; point < range.end; ++point) {
        content.columnLabels << readableNumber(lowerEdgeOf(point), 2);
        content.columnDetails << tr("|x| %1 – %2")
                                     .arg(readableNumber(lowerEdgeOf(point), 3),
                                          readableNumber(lowerEdgeOf(point + 1), 3));
    }
    content.difference = differs();
    if (range.end > range.first)
        for (const double value :
             ReadableLogTicker::ticksIn({lowerEdgeOf(range.first), lowerEdgeOf(range.end)}))
            content.columnMarks.emplace_back(columnOf(value, range), ReadableLogTicker::textOf(value));
    const ColorScale scale = differs() ? ColorScale::around(0, content.values, false, 1e-6)
                                       : ColorScale::sequential(content.values, logarithmic());
    map_->setContent(std::move(content));
    map_->setScale(scale);
    map_->setSelectedCell(selectedLayer(rows_), -1);
    updateMapMarks(range);
}

void HistogramPanel::updateMapMarks(const PointRange& range) {
    markColumns_.assign(quantileMarks.size(), {});
    std::vector<PointLabels::Label> labels;
    for (std::size_t mark = 0; mark < quantileMarks.size(); ++mark) {
        QVector<double> x, y;
        for (int row = 0; row < rows_; ++row) {
            const auto [a, b] = pairOf(row);
            const Curve* one = a ? a : b;
            const double value = one ? one->histogram.quantile(quantileMarks[mark].quantile) : std::nan("");
            markColumns_[mark].push_back(columnOf(value, range));
            x << markColumns_[mark].back();
            y << row;
        }
        const bool shown = marks_->isChecked() && !differs();
        for (const std::size_t line : {2 * mark, 2 * mark + 1}) {
            markLines_[line]->setData(x, y);
            markLines_[line]->setVisible(shown);
        }
        if (!shown || x.isEmpty()) continue;
        // In whichever row there is room: the curves of the tail run close to each other.
        PointLabels::Label label{x.last(), y.last(), QLatin1String(quantileMarks[mark].text)};
        for (qsizetype row = y.size() - 1; row-- > 0;) label.others.emplace_back(x[row], y[row]);
        labels.push_back(std::move(label));
    }
    std::reverse(labels.begin(), labels.end()); // the tail is what one looks for
    markLabels_->setFont(map_->xAxis->tickLabelFont());
    markLabels_->setLabels(std::move(labels));
}

} // namespace qroar
