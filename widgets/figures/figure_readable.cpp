#include "widgets/figures/figure_readable.h"

#include "widgets/plot/base_plot.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace qroar {

namespace {

constexpr double apart = 0.8; ///< of a line's height: centres of labels

/// How much of an axis a tick label takes.
double lengthAlong(const QCPAxis& axis, const QString& text, const QFontMetricsF& metrics) {
    const bool upright = QCPAxis::orientation(axis.axisType()) == Qt::Vertical;
    if (upright != (axis.tickLabelRotation() != 0)) return apart * metrics.height();
    double length = 0;
    for (const QString& line : text.split(u'\n')) length = std::max(length, metrics.horizontalAdvance(line));
    return length;
}

/// Neighbouring labels of an axis do not lie on each other.
bool labelsApart(const QCPAxis& axis) {
    if (!axis.visible() || !axis.tickLabels() || axis.axisRect()->width() < 1) return true;
    const QFontMetricsF metrics(axis.tickLabelFont());
    std::vector<std::pair<double, double>> labels; // centre and half its length along the axis
    const QVector<double> ticks = axis.tickVector();
    const QVector<QString> texts = axis.tickVectorLabels();
    for (qsizetype tick = 0; tick < std::min(ticks.size(), texts.size()); ++tick)
        if (!texts[tick].isEmpty() && axis.range().contains(ticks[tick]))
            labels.emplace_back(axis.coordToPixel(ticks[tick]), lengthAlong(axis, texts[tick], metrics) / 2);
    std::sort(labels.begin(), labels.end());
    for (std::size_t next = 1; next < labels.size(); ++next)
        if (labels[next].first - labels[next - 1].first < labels[next].second + labels[next - 1].second)
            return false;
    return true;
}

/// All of its lines are there, above the axes or beside them.
bool legendIsWhole(const BasePlot& plot) {
    const QCPLegend& legend = *plot.legend;
    if (legend.itemCount() == 0) return true;
    if (!legend.visible() || !legend.layout()) return false;
    for (int item = 0; item < legend.itemCount(); ++item) {
        if (!legend.item(item)) continue; // an empty place of the last row
        auto* entry = qobject_cast<QCPPlottableLegendItem*>(legend.item(item));
        if (entry && entry->plottable()->name().contains(u'\u2026')) return false;
        const QSize needed = legend.item(item)->minimumOuterSizeHint();
        const QRect place = legend.item(item)->outerRect();
        if (place.height() < needed.height() || place.right() > plot.viewport().width()) return false;
    }
    return legend.outerRect().top() >= 0 && legend.outerRect().bottom() < plot.viewport().height();
}

} // namespace

bool isPlotReadable(const BasePlot& plot, const QRectF& axes, bool legend) {
    if (axes.width() < leastAxesWidth || axes.height() < leastAxesHeight) return false;
    if (legend && !legendIsWhole(plot)) return false;
    if (!plot.titlesAreWhole()) return false;
    for (const QCPAxisRect* rect : plot.axisRects()) {
        if (!rect->visible()) continue;
        for (const QCPAxis* axis : rect->axes())
            if (!labelsApart(*axis)) return false;
    }
    return true;
}

} // namespace qroar
