// Axes of a page that line up: left and right ones of a column of the grid, top and bottom ones of a row, and
// those of the plots within one cell. What stands far out (a colour bar, a legend) makes no room beside plots
// that have none; maps of the same rows and columns get axes of one size, so that they are labelled alike;
// plots below each other share the height of their cell so that their axes are equally high. Not here: where
// cells are (figure_layout.h).
#pragma once

#include "widgets/figures/figure.h"

#include <QRect>
#include <QStringList>

#include <vector>

namespace qroar {

struct PlacedPart {
    BasePlot* plot = nullptr;
    QRect rect;                                                ///< of the plot, on the page
    bool left = true, right = true, top = true, bottom = true; ///< touches this side of its cell
};
struct PlacedCell {
    const FigureCell* cell = nullptr;
    QRectF head; ///< label and heading; empty: none
    QStringList headLines;
    QRectF room; ///< of the parts, below the head
    std::vector<PlacedPart> parts;
    bool stacked = false; ///< the parts lie below each other, each as wide as the cell
};

/// Where the axes of a part are on the page, laid out for its place.
QRect axesOf(const PlacedPart& part);

/// Moves the parts within their cells; the plots must have their look.
void alignAxes(std::vector<PlacedCell>& cells, int rows, int columns);
/// The parts of a cell that is in no grid.
void alignAxes(PlacedCell& cell);

} // namespace qroar
