// Legends of BasePlot: where they are, how many columns they have, and what gives way when a plot is low:
// their font, down to a floor, then the axes, never the height of a line. Everything else of BasePlot:
// base_plot.cpp.
#include "widgets/plot/base_plot.h"
#include "widgets/plot/legend_entry.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qroar {

namespace {

constexpr int smallestFont = 7;                      ///< pixels: no smaller to make room
constexpr int axesHeight = 50, leastAxesHeight = 28; ///< pixels that the legend leaves to the axes

/// Of its lines.
double widest(const QFontMetricsF& metrics, const QString& text) {
    double width = 0;
    for (const QString& line : text.split(u'\n')) width = std::max(width, metrics.horizontalAdvance(line));
    return width;
}

} // namespace

void BasePlot::styleLegend() {
    legend->setTextColor(theme_.text);
    legend->setBrush(Qt::NoBrush);
    legend->setBorderPen(Qt::NoPen);
    scaleLegend(legendScales[0]);
}

void BasePlot::scaleLegend(double scale) {
    legend->setFont(plotFont(scale));
    const int line = std::max(6, static_cast<int>(std::lround(fontPixels_ * scale / legendScales[0])));
    legend->setColumnSpacing(std::max(8, line));
    legend->setIconSize(20, std::max(8, line + line / 3)); // room for descenders
}

void BasePlot::resetLegend() {
    if (legend->fillOrder() != QCPLegend::foColumnsFirst || legendPlace_.out) return;
    show(legend, noRoom_, true);
    scaleLegend(legendScales[0]);
    if (legend->itemCount() > 0) legend->setMargins(QMargins(4, 4, 4, 0));
    legend->setWrap(1);
    legend->setFillOrder(QCPLegend::foColumnsFirst, true); // lays the items out anew
}

void BasePlot::placeLegend(bool above) {
    if (above) {
        const int row = headingElement_ ? 1 : 0;
        plotLayout()->insertRow(row);
        plotLayout()->addElement(row, 0, legend);
        plotLayout()->setRowStretchFactor(row, 0.001);
        legend->setFillOrder(QCPLegend::foColumnsFirst);
        legend->setMaximumSize(QWIDGETSIZE_MAX - 1,
                               QWIDGETSIZE_MAX - 1); // empty, it must not narrow the axes
    } else {
        const int column = plotLayout()->columnCount();
        plotLayout()->addElement(plotLayout()->rowCount() - 1, column, legend);
        plotLayout()->setColumnStretchFactor(column, 0.001);
        legend->setFillOrder(QCPLegend::foRowsFirst);
    }
    legend->setMargins(QMargins(4, 4, 4, 0));
    legend->setVisible(true);
}

/// A layout without room scales what its elements need at least: lines of a legend would be cut.
bool BasePlot::legendFits() const {
    return plotLayout()->minimumOuterSizeHint().height() <= viewport().height();
}

void BasePlot::wrapLegend() {
    if (legend->fillOrder() != QCPLegend::foColumnsFirst || legendPlace_.out) return;
    show(legend, noRoom_, true);
    axisRect()->setMinimumSize(axisRect()->minimumSize().width(), axesHeight);
    if (legend->itemCount() == 0) {
        legend->setMargins(QMargins());
        return;
    }
    for (const bool whole : {true, false}) { // figures have whole names where there is room for them
        if (whole && !isForFigure()) continue;
        for (const double scale : legendScales) {
            if (scale != legendScales[0] && plotFont(scale).pixelSize() < smallestFont) break;
            if (whole && scale < leastLegendScale_) return; // the page gets higher
            scaleLegend(scale);
            nameLegend(legendTextRoom(), whole);
            setLegendColumns();
            if (legendFits()) return;
        }
    }
    axisRect()->setMinimumSize(axisRect()->minimumSize().width(), leastAxesHeight);
    if (!legendFits()) show(legend, noRoom_, false); // the plot is hardly higher than its title
}

double BasePlot::legendTextRoom() const {
    return std::max(60.0, viewport().width() - 12.0 - legend->iconSize().width() - legend->iconTextPadding()
                              - 2 * legend->columnSpacing() - 4);
}

void BasePlot::setLegendColumns() {
    std::vector<double> widths;
    const QFontMetricsF metrics(legend->font());
    for (int item = 0; item < legend->itemCount(); ++item)
        if (auto* entry = qobject_cast<QCPPlottableLegendItem*>(legend->item(item)))
            widths.push_back(widest(metrics, entry->plottable()->name()) + legend->iconSize().width()
                             + legend->iconTextPadding() + 2);
    const auto count = static_cast<int>(widths.size());
    const double room = viewport().width() - 12.0;
    // The fewest rows whose columns, each as wide as its widest entry, fit beside each other.
    const auto widthOf = [&](int columns) {
        double sum = 0;
        for (int column = 0; column < columns; ++column) {
            double widest = 0;
            for (int item = column; item < count; item += columns)
                widest = std::max(widest, widths[static_cast<size_t>(item)]);
            sum += widest + legend->columnSpacing();
        }
        return sum;
    };
    int columns = 1;
    for (int rows = 1; rows <= count; ++rows) {
        columns = (count + rows - 1) / rows;
        if (columns == 1 || widthOf(columns) <= room) break;
    }
    if (count == 1) columns = 1;
    legendWidth_ = widthOf(columns);
    placeLegendOverAxes();
    if (legend->wrap() == columns) return;
    legend->setWrap(columns);
    legend->setFillOrder(QCPLegend::foColumnsFirst, true); // lays the items out anew
}

/// It starts where the axes do and is no wider than it must be. Where that is, is known after the layout
/// only: then its rows are as they were, and it moves aside.
bool BasePlot::placeLegendOverAxes() {
    const double room = viewport().width() - 12.0;
    const int left =
        std::clamp(axisRect()->left() - 4, 4, std::max(4, static_cast<int>(room - legendWidth_)));
    const int right = std::max(4, static_cast<int>(viewport().width() - 12 - left - legendWidth_));
    const QMargins margins(left, 4, right, 0);
    if (legend->margins() == margins) return false;
    legend->setMargins(margins);
    return true;
}

void BasePlot::alignLegend() {
    if (legend->fillOrder() != QCPLegend::foColumnsFirst || legend->itemCount() == 0 || !legend->visible()
        || legendPlace_.out)
        return;
    if (placeLegendOverAxes()) plotLayout()->update(QCPLayoutElement::upLayout);
}

} // namespace qroar
