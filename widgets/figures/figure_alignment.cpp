#include "widgets/figures/figure_alignment.h"

#include "widgets/plot/base_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace qroar {

namespace {

constexpr int rounds = 8;
constexpr double mostHead = 0.45;  ///< of a plot's height that legend and strips take, to be aligned with
constexpr double mostBeside = 0.1; ///< of a plot's width that others leave free for what it does not have
constexpr int leastSide = 20;      ///< pixels: smaller plots are not drawn

int at(const QRect& rect, Qt::Edge edge) {
    return edge == Qt::LeftEdge    ? rect.left()
           : edge == Qt::RightEdge ? rect.right()
           : edge == Qt::TopEdge   ? rect.top()
                                   : rect.bottom();
}

void move(QRect& rect, Qt::Edge edge, int to) {
    if (edge == Qt::LeftEdge) rect.setLeft(to);
    if (edge == Qt::RightEdge) rect.setRight(to);
    if (edge == Qt::TopEdge) rect.setTop(to);
    if (edge == Qt::BottomEdge) rect.setBottom(to);
}

bool isSideways(Qt::Edge edge) {
    return edge == Qt::LeftEdge || edge == Qt::RightEdge;
}

/// A part with the room it had at first and where its axes are now.
struct Aligned {
    PlacedCell* cell = nullptr;
    PlacedPart* part = nullptr;
    QRect room, axes;
    int legendRows = 0;     ///< with all of its room
    bool freeRight = false; ///< its legend needs the width

    /// What lies between this edge of the plot and its axes.
    [[nodiscard]] int inset(Qt::Edge edge) const { return std::abs(at(axes, edge) - at(part->rect, edge)); }
    /// What stands beside the axes is so large that nothing else should make room for it.
    /// `height`: of the lowest room beside it.
    [[nodiscard]] bool standsOut(Qt::Edge edge, int height) const {
        if (edge == Qt::RightEdge && freeRight) return true;
        return edge == Qt::TopEdge && inset(edge) > mostHead * height;
    }
    void setInset(Qt::Edge edge, int wanted) {
        const int by = wanted - inset(edge);
        const bool inwards = edge == Qt::LeftEdge || edge == Qt::TopEdge;
        move(part->rect, edge, at(room, edge) + (inwards ? by : -by));
    }
};

/// The inset of a part; of maps of the same rows and columns the largest, for they get equal axes.
int sharedInset(const std::vector<Aligned*>& parts, const Aligned& one, Qt::Edge edge) {
    int inset = one.inset(edge);
    const QString shape = one.part->plot->shapeKey();
    if (shape.isEmpty()) return inset;
    for (const Aligned* other : parts)
        if (other->part->plot->shapeKey() == shape) inset = std::max(inset, other->inset(edge));
    return inset;
}

/// Parts whose axes end equally far from the edge of their cells: as far as what needs the most room there.
void level(std::vector<Aligned*>::iterator begin, std::vector<Aligned*>::iterator end, Qt::Edge edge) {
    int most = 0;
    for (auto one = begin; one != end; ++one) most = std::max(most, (*one)->inset(edge));
    for (auto one = begin; one != end; ++one) (*one)->setInset(edge, most);
}

void alignLine(std::vector<Aligned*> parts, Qt::Edge edge) {
    int height = std::numeric_limits<int>::max(), width = height;
    for (const Aligned* one : parts) {
        height = std::min(height, one->room.height());
        width = std::min(width, one->room.width());
    }
    std::vector<Aligned*> along;
    for (Aligned* one : parts)
        if (one->standsOut(edge, height))
            move(one->part->rect, edge, at(one->room, edge));
        else
            along.push_back(one);
    if (edge != Qt::RightEdge) return level(along.begin(), along.end(), edge);
    // Colour bars and second axes among plots without: each kind by itself.
    std::map<const Aligned*, int> insets;
    for (const Aligned* one : along) insets[one] = sharedInset(along, *one, edge);
    std::stable_sort(along.begin(), along.end(),
                     [&](const Aligned* a, const Aligned* b) { return insets[a] < insets[b]; });
    for (auto first = along.begin(); first != along.end();) {
        const double most = insets[*first] + mostBeside * width;
        const auto next =
            std::find_if(first, along.end(), [&](const Aligned* one) { return insets[one] > most; });
        level(first, next, edge);
        first = next;
    }
}

int lineOf(const FigureCell& cell, Qt::Edge edge) {
    return edge == Qt::LeftEdge    ? cell.column
           : edge == Qt::RightEdge ? cell.column + cell.columnSpan - 1
           : edge == Qt::TopEdge   ? cell.row
                                   : cell.row + cell.rowSpan - 1;
}

bool touches(const PlacedPart& part, Qt::Edge edge) {
    return edge == Qt::LeftEdge    ? part.left
           : edge == Qt::RightEdge ? part.right
           : edge == Qt::TopEdge   ? part.top
                                   : part.bottom;
}

class Alignment {
  public:
    Alignment(std::vector<PlacedCell*> cells, int rows, int columns) : rows_(rows), columns_(columns) {
        for (PlacedCell* placed : cells)
            for (PlacedPart& part : placed->parts) all_.push_back({placed, &part, part.rect, {}});
        cells_ = std::move(cells);
        for (int row = 0; row < rows_; ++row) levelHeads(row);
        for (const Aligned& one : all_) one.part->plot->setRoomOfFigure(one.room.size());
    }

    void run() {
        for (int round = 0; round < rounds; ++round) { // tick labels and legends change with the size
            const bool changed = measure(round == 0);
            std::vector<QRect> before;
            for (const Aligned& one : all_) before.push_back(one.part->rect);
            balance();
            align();
            bool settled = round > 0 && !changed;
            for (std::size_t index = 0; index < all_.size(); ++index)
                settled = settled && all_[index].part->rect == before[index];
            if (settled) return;
        }
    }

  private:
    /// Plots of a row begin below its highest heading.
    void levelHeads(int row) {
        const auto begins = [&](const Aligned& one) { return one.part->top && one.cell->cell->row == row; };
        int top = std::numeric_limits<int>::min();
        for (const Aligned& one : all_)
            if (begins(one)) top = std::max(top, one.room.top());
        for (Aligned& one : all_)
            if (begins(one))
                for (QRect* rect : {&one.room, &one.part->rect}) rect->setTop(top);
    }

    /// Whether a legend got more lines than it has with all of its room.
    bool measure(bool first) {
        bool changed = false;
        for (Aligned& one : all_) {
            one.axes = axesOf(*one.part);
            const int rows = one.part->plot->legend->rowCount();
            if (first) one.legendRows = rows;
            if (rows <= one.legendRows || one.freeRight) continue;
            for (Aligned& other : all_) // parts of one cell stay as wide as each other
                other.freeRight = other.freeRight || other.cell == one.cell;
            changed = true;
        }
        return changed;
    }

    /// Parts below each other: the edges between them move until their axes are equally high.
    void balance() {
        for (const PlacedCell* cell : cells_) {
            if (!cell->stacked) continue;
            std::vector<Aligned*> parts;
            for (Aligned& one : all_)
                if (one.cell == cell) parts.push_back(&one);
            int sum = 0, moved = 0;
            for (const Aligned* one : parts) sum += one->axes.height();
            const int mean = sum / static_cast<int>(parts.size());
            for (std::size_t next = 1; next < parts.size(); ++next) {
                Aligned &above = *parts[next - 1], &below = *parts[next];
                moved += mean - above.axes.height();
                for (QRect* rect : {&above.room, &above.part->rect}) rect->setBottom(rect->bottom() + moved);
                for (QRect* rect : {&below.room, &below.part->rect}) rect->setTop(rect->top() + moved);
            }
        }
    }

    void align() {
        for (const Qt::Edge edge : {Qt::LeftEdge, Qt::RightEdge, Qt::TopEdge, Qt::BottomEdge}) {
            const std::vector<int> joined = joinedLines(edge);
            for (int line = 0; line < static_cast<int>(joined.size()); ++line) {
                std::vector<Aligned*> parts;
                for (Aligned& one : all_)
                    if (touches(*one.part, edge)
                        && joined[static_cast<std::size_t>(lineOf(*one.cell->cell, edge))] == line)
                        parts.push_back(&one);
                alignLine(std::move(parts), edge);
            }
        }
    }

    /// For every row or column of the grid the first one that it is aligned with: its own, or one with a map
    /// of the same rows and columns.
    [[nodiscard]] std::vector<int> joinedLines(Qt::Edge edge) const {
        std::vector<int> lines(static_cast<std::size_t>(isSideways(edge) ? columns_ : rows_));
        std::iota(lines.begin(), lines.end(), 0);
        const auto spanOf = [&](const Aligned& one) {
            return isSideways(edge) ? one.cell->cell->columnSpan : one.cell->cell->rowSpan;
        };
        for (const Aligned& one : all_)
            for (const Aligned& other : all_) {
                const QString shape = one.part->plot->shapeKey();
                if (shape.isEmpty() || shape != other.part->plot->shapeKey() || spanOf(one) != spanOf(other)
                    || one.cell->parts.size() != 1 || other.cell->parts.size() != 1)
                    continue;
                const int a = lines[static_cast<std::size_t>(lineOf(*one.cell->cell, edge))],
                          b = lines[static_cast<std::size_t>(lineOf(*other.cell->cell, edge))];
                std::replace(lines.begin(), lines.end(), std::max(a, b), std::min(a, b));
            }
        return lines;
    }

    int rows_, columns_;
    std::vector<PlacedCell*> cells_;
    std::vector<Aligned> all_;
};

} // namespace

QRect axesOf(const PlacedPart& part) {
    return part.plot->axesAt(part.rect.size()).translated(part.rect.topLeft());
}

void alignAxes(std::vector<PlacedCell>& cells, int rows, int columns) {
    std::vector<PlacedCell*> all;
    for (PlacedCell& cell : cells) all.push_back(&cell);
    Alignment(std::move(all), rows, columns).run();
}

void alignAxes(PlacedCell& cell) {
    const bool any = std::any_of(cell.parts.begin(), cell.parts.end(), [](const PlacedPart& part) {
        return part.rect.width() < leastSide || part.rect.height() < leastSide;
    });
    if (any) return;
    Alignment({&cell}, cell.cell->row + cell.cell->rowSpan, cell.cell->column + cell.cell->columnSpan).run();
}

} // namespace qroar
