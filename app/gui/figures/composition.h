// Composition: a figure of several panels on one page: a grid or an arrangement as on screen, a FigureSpec
// per cell, labels, a common title and look. A grid is a small JSON file (.qfigure); an arrangement is words
// of a command line. Not here: sessions and drawing (composed_figure.h).
#pragma once

#include "core/base/outcome.h"
#include "widgets/figures/figure_spec.h"

#include <QByteArray>
#include <QList>
#include <QRectF>

namespace qroar {

struct Composition {
    enum class Labels { None, Plain, Parentheses, Capital }; ///< -, a, (a), A
    struct Cell {
        int row = 0, column = 0, rowSpan = 1, columnSpan = 1;
        FigureSpec figure; ///< its title is the heading of the cell; its style is not used
        QRectF place;      ///< of an arrangement: fractions of the page
        bool operator==(const Cell&) const = default;
    };
    static constexpr int mostRows = 3, mostColumns = 3, schema = 1;

    int rows = 1, columns = 2; ///< 0: an arrangement, cells lie where `place` says
    Labels labels = Labels::Parentheses;
    bool boldLabels = true;
    bool headings = true; ///< what each cell shows, behind its label
    QString title;        ///< of the page
    FigureStyle style{FigureSize::TwoColumn};
    QList<Cell> cells; ///< labelled in reading order
    bool operator==(const Composition&) const = default;

    [[nodiscard]] bool isArrangement() const { return rows == 0; }
    [[nodiscard]] static Composition arrangement(); ///< without cells, labels and title
    /// Of an arrangement: "--size 7in --place 0:0:0.5:1 --figure heatmap ..", as qroar plot reads it.
    [[nodiscard]] QStringList arguments() const;
    /// "0:0:0.5:1" begins the next cell of an arrangement. Empty, or what is wrong.
    QString addPlace(const QString& text);

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
