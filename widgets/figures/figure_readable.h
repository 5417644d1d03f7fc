// Whether one plot of a page can be read as it is laid out now: axes of a readable size with tick labels that
// are apart, whole titles, a whole legend. Not here: pages and their sizes (figure_room.h, figure_layout.h).
#pragma once

#include <QRectF>

namespace qroar {

class BasePlot;

constexpr int leastAxesWidth = 60, leastAxesHeight = 40; ///< 1/96 in

/// `axes`: where its axes are on the page; `legend`: the style shows legends.
bool isPlotReadable(const BasePlot& plot, const QRectF& axes, bool legend);

} // namespace qroar
