#include "widgets/plot/legend_entry.h"

namespace qroar {

void LegendEntry::add(QCPLegend* legend, QCPAbstractPlottable* plottable) {
    if (!legend->hasItemWithPlottable(plottable)) legend->addItem(new LegendEntry(legend, plottable));
}

QRect LegendEntry::clipRect() const {
    return mParentPlot ? mParentPlot->viewport() : mOuterRect;
}

} // namespace qroar
