#include "widgets/plot/legend_entry.h"

#include <QVariant>

namespace qroar {

namespace {

constexpr auto leastScale = "leastScale"; ///< a property: QCPLegend is made by QCustomPlot

} // namespace

void setLeastLegendScale(QCPLegend& legend, double scale) {
    legend.setProperty(leastScale, scale);
}

double leastLegendScale(const QCPLegend& legend) {
    return legend.property(leastScale).toDouble();
}

void LegendEntry::add(QCPLegend* legend, QCPAbstractPlottable* plottable) {
    if (!legend->hasItemWithPlottable(plottable)) legend->addItem(new LegendEntry(legend, plottable));
}

QRect LegendEntry::clipRect() const {
    return mParentPlot ? mParentPlot->viewport() : mOuterRect;
}

} // namespace qroar
