// Composition: a figure of several panels on one page: a grid, a FigureSpec per cell, labels, a common title
// and look. A small JSON file (.qfigure). Not here: sessions and drawing (composed_figure.h).
#pragma once

#include "core/base/outcome.h"
#include "widgets/figures/figure_spec.h"

#include <QByteArray>
#include <QList>

namespace qroar {

struct Composition {
    enum class Labels { None, Plain, Parentheses, Capital }; ///< -, a, (a), A
    struct Cell {
        int row = 0, column = 0, rowSpan = 1, columnSpan = 1;
        FigureSpec figure; ///< its title is the heading of the cell; its style is not used
        bool operator==(const Cell&) const = default;
    };
    static constexpr int mostRows = 3, mostColumns = 3, schema = 1;

    int rows = 1, columns = 2;
    Labels labels = Labels::Parentheses;
    bool boldLabels = true;
    bool headings = true; ///< what each cell shows, behind its label
    QString title;        ///< of the page
    FigureStyle style{FigureSize::TwoColumn};
    QList<Cell> cells; ///< labelled in reading order
    bool operator==(const Composition&) const = default;

    /// Puts the cells into the grid in their order, a row at a time; those that have no room are left out.
    void flow();
    /// Empty, or which cell lies outside the grid or on another one.
    [[nodiscard]] QString problem() const;
    [[nodiscard]] QString labelOf(int index) const;

    [[nodiscard]] QByteArray toJson() const;
    /// Errors name the key, what was expected and what was found.
    static Outcome<Composition> fromJson(const QByteArray& json);
};

} // namespace qroar
