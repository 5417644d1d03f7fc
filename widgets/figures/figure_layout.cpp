#include "widgets/figures/figure_layout.h"

#include "widgets/figures/figure_look.h"
#include "widgets/plot/base_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace qroar {

namespace {

constexpr double margin = 10, cellGap = 8;
constexpr double stackBelow = 420;    ///< parts of a narrower cell lie below each other
constexpr double stackedHeight = 175; ///< of each of them in a grid
constexpr int alignmentRounds = 8;
constexpr double mostHead = 0.45; ///< of a plot's height that legend and strips take, to be aligned with

struct PlacedPart {
    BasePlot* plot = nullptr;
    QRect rect;                                                ///< of the plot, on the page
    bool left = true, right = true, top = true, bottom = true; ///< touches this side of its cell
};
struct PlacedCell {
    const FigureCell* cell = nullptr;
    QRectF head; ///< label and heading; empty: none
    std::vector<PlacedPart> parts;
};
struct Page {
    QRectF page, title, foot, area;
    QFont titleFont, smallFont, headFont;
    std::vector<PlacedCell> cells;
};

bool stacks(const FigureCell& cell, double width) {
    return cell.parts.size() > 1 && width < stackBelow;
}

/// Heights that the rows of a grid need at a width: more where parts of a cell lie below each other.
std::vector<double> rowNeeds(const Figure& figure, double width) {
    const double column = width / std::max(1, figure.columns);
    std::vector<double> needs(static_cast<std::size_t>(figure.rows),
                              std::max(120.0, column * (0.4 + 0.2 * figure.columns)));
    for (const FigureCell& cell : figure.cells) {
        if (!stacks(cell, column * cell.columnSpan)) continue;
        const double each =
            stackedHeight * static_cast<double>(cell.parts.size()) / std::max(1, cell.rowSpan);
        for (int row = cell.row; row < std::min(cell.row + cell.rowSpan, figure.rows); ++row) {
            double& need = needs[static_cast<std::size_t>(row)];
            need = std::max(need, each);
        }
    }
    return needs;
}

double heightOf(const Figure& figure, double width) {
    if (figure.rows > 0) {
        const std::vector<double> needs = rowNeeds(figure, width - 2 * margin);
        return std::accumulate(needs.begin(), needs.end(), 40.0);
    }
    if (figure.cells.size() != 1)
        return width * figure.shownSize.height() / std::max(1, figure.shownSize.width()) + 40;
    if (width >= stackBelow) return width * 340 / 672 + 40;
    const bool several = stacks(figure.cells.front(), width);
    const auto parts = static_cast<double>(figure.cells.front().parts.size());
    return width / 316.8 * (several ? 215 * parts : 262) + 40;
}

QList<BasePlot*> plotsOf(const Figure& figure) {
    QList<BasePlot*> plots;
    for (const FigureCell& cell : figure.cells)
        for (const FigurePart& part : cell.parts)
            if (part.plot && !plots.contains(part.plot)) plots << part.plot;
    return plots;
}

double textHeight(const QFont& font, const QString& text, double width) {
    if (text.isEmpty()) return 0;
    return QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e5), Qt::TextWordWrap, text).height();
}

QRectF placeOf(const Figure& figure, const FigureCell& cell, const QRectF& area) {
    if (figure.rows <= 0)
        return QRectF(area.left() + cell.place.left() * area.width(),
                      area.top() + cell.place.top() * area.height(), cell.place.width() * area.width(),
                      cell.place.height() * area.height());
    const double width = (area.width() - cellGap * (figure.columns - 1)) / figure.columns;
    const std::vector<double> needs = rowNeeds(figure, area.width());
    const double scale =
        (area.height() - cellGap * (figure.rows - 1)) / std::accumulate(needs.begin(), needs.end(), 0.0);
    const auto first = needs.begin() + cell.row;
    const double above = std::accumulate(needs.begin(), first, 0.0),
                 own = std::accumulate(first, first + cell.rowSpan, 0.0);
    return QRectF(area.left() + cell.column * (width + cellGap),
                  area.top() + above * scale + cell.row * cellGap,
                  cell.columnSpan * width + (cell.columnSpan - 1) * cellGap,
                  own * scale + (cell.rowSpan - 1) * cellGap);
}

PlacedCell placedCell(const FigureCell& cell, QRectF area, const QFont& headFont) {
    PlacedCell placed;
    placed.cell = &cell;
    if (!cell.label.isEmpty() || !cell.heading.isEmpty()) {
        placed.head = QRectF(area.left() + 4, area.top(), area.width() - 8,
                             std::ceil(QFontMetricsF(headFont).height()) + 1);
        area.setTop(placed.head.bottom() + 1);
    }
    const bool stacked = stacks(cell, area.width());
    const auto count = static_cast<double>(cell.parts.size());
    for (qsizetype index = 0; index < cell.parts.size(); ++index) {
        QRectF place = cell.parts[index].place;
        if (stacked) place = QRectF(0, static_cast<double>(index) / count, 1, 1 / count);
        const QPoint corner(static_cast<int>(std::lround(area.left() + place.left() * area.width())),
                            static_cast<int>(std::lround(area.top() + place.top() * area.height())));
        const QSize size(static_cast<int>(place.width() * area.width()),
                         static_cast<int>(place.height() * area.height()));
        placed.parts.push_back({cell.parts[index].plot, QRect(corner, size), place.left() <= 0.001,
                                place.right() >= 0.999, place.top() <= 0.001, place.bottom() >= 0.999});
    }
    return placed;
}

QRect axesOf(const PlacedPart& part) {
    return part.plot->axesAt(part.rect.size()).translated(part.rect.topLeft());
}

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

/// A part with the room it had at first and where its axes are now.
struct Aligned {
    const FigureCell* cell = nullptr;
    PlacedPart* part = nullptr;
    QRect room, axes;
    int legendRows = 0;     ///< with all of its room
    bool freeRight = false; ///< its legend needs the width
    /// Where the axes would end with all of the room.
    [[nodiscard]] int natural(Qt::Edge edge) const {
        return at(axes, edge) - at(part->rect, edge) + at(room, edge);
    }
    /// What stands beside the axes is so large that nothing else should make room for it.
    /// `height`: of the lowest room beside it.
    [[nodiscard]] bool standsOut(Qt::Edge edge, int height) const {
        if (edge == Qt::RightEdge && freeRight) return true;
        return edge == Qt::TopEdge && natural(edge) - room.top() > mostHead * height;
    }
};

/// Moves one edge of the parts so that their axes end at the same place: where they do for the part that
/// needs the most room beside its axes.
void alignLine(const std::vector<Aligned*>& parts, Qt::Edge edge) {
    const bool inwards = edge == Qt::LeftEdge || edge == Qt::TopEdge; // grows towards the inside
    int height = std::numeric_limits<int>::max();
    for (const Aligned* one : parts) height = std::min(height, one->room.height());
    std::optional<int> target;
    for (const Aligned* one : parts) {
        if (one->standsOut(edge, height)) continue;
        const int natural = one->natural(edge);
        target = !target ? natural : inwards ? std::max(*target, natural) : std::min(*target, natural);
    }
    for (Aligned* one : parts)
        if (!one->standsOut(edge, height))
            move(one->part->rect, edge, at(one->room, edge) + *target - one->natural(edge));
        else
            move(one->part->rect, edge, at(one->room, edge));
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

void alignOnce(const Figure& figure, std::vector<Aligned>& all) {
    for (const Qt::Edge edge : {Qt::LeftEdge, Qt::RightEdge, Qt::TopEdge, Qt::BottomEdge}) {
        const bool sideways = edge == Qt::LeftEdge || edge == Qt::RightEdge;
        for (int line = 0; line < (sideways ? figure.columns : figure.rows); ++line) {
            std::vector<Aligned*> parts;
            for (Aligned& one : all)
                if (lineOf(*one.cell, edge) == line && touches(*one.part, edge)) parts.push_back(&one);
            alignLine(parts, edge);
        }
    }
}

void alignGrid(const Figure& figure, std::vector<PlacedCell>& cells) {
    std::vector<Aligned> all;
    for (PlacedCell& placed : cells)
        for (PlacedPart& part : placed.parts) all.push_back({placed.cell, &part, part.rect, {}});
    for (int round = 0; round < alignmentRounds; ++round) { // tick labels and legends change with the size
        bool settled = round > 0;
        for (Aligned& one : all) {
            one.axes = axesOf(*one.part);
            const int rows = one.part->plot->legend->rowCount();
            if (round == 0) one.legendRows = rows;
            if (rows <= one.legendRows || one.freeRight) continue;
            for (Aligned& other : all) // parts of one cell stay as wide as each other
                other.freeRight = other.freeRight || other.cell == one.cell;
            settled = false;
        }
        std::vector<QRect> before;
        for (const Aligned& one : all) before.push_back(one.part->rect);
        alignOnce(figure, all);
        for (std::size_t index = 0; index < all.size(); ++index)
            settled = settled && all[index].part->rect == before[index];
        if (settled) return;
    }
}

/// The plots must have their look: their margins depend on it.
Page layOut(const Figure& figure, const FigureStyle& style) {
    Page page;
    const int pixels = style.fontPixels();
    page.titleFont = figureFont(static_cast<int>(std::lround(pixels * 1.15)));
    page.titleFont.setBold(true);
    page.smallFont = figureFont(std::max(7, static_cast<int>(std::lround(pixels * 0.72))));
    page.headFont = figureFont(pixels);
    page.page = QRectF(QPointF(0, 0), figurePageSize(figure, style));
    const QRectF inner = page.page.adjusted(margin, margin * 0.7, -margin, -margin * 0.6);
    const double titleHeight = style.title ? textHeight(page.titleFont, figure.title, inner.width()) : 0;
    const double footHeight = style.footer ? textHeight(page.smallFont, figure.provenance, inner.width()) : 0;
    page.title = QRectF(inner.topLeft(), QSizeF(inner.width(), titleHeight > 0 ? titleHeight + 2 : 0));
    page.foot = QRectF(inner.left(), inner.bottom() - footHeight, inner.width(), footHeight + 2);
    page.area =
        inner.adjusted(-4, titleHeight > 0 ? titleHeight + 4 : 0, 4, footHeight > 0 ? -footHeight - 4 : 0);
    for (const FigureCell& cell : figure.cells)
        page.cells.push_back(placedCell(cell, placeOf(figure, cell, page.area), page.headFont));
    if (figure.rows > 0) {
        alignGrid(figure, page.cells);
        return page;
    }
    for (const PlacedCell& placed : page.cells) // plots that share margins know each other's labels then
        for (const PlacedPart& part : placed.parts)
            if (part.rect.width() >= 20 && part.rect.height() >= 20) axesOf(part);
    return page;
}

void drawHead(QCPPainter* painter, const PlacedCell& placed, const QFont& font, const QColor& colour,
              bool boldLabel) {
    if (placed.head.isEmpty()) return;
    QRectF room = placed.head;
    painter->setPen(colour);
    if (!placed.cell->label.isEmpty()) {
        QFont labelFont = font;
        labelFont.setBold(boldLabel);
        painter->setFont(labelFont);
        painter->drawText(room, Qt::AlignLeft | Qt::AlignVCenter, placed.cell->label);
        room.setLeft(room.left() + QFontMetricsF(labelFont).horizontalAdvance(placed.cell->label + u' '));
    }
    painter->setFont(font);
    const QString heading =
        QFontMetricsF(font).elidedText(placed.cell->heading, Qt::ElideRight, room.width());
    if (!heading.isEmpty()) painter->drawText(room, Qt::AlignLeft | Qt::AlignVCenter, heading);
}

} // namespace

QSizeF figurePageSize(const Figure& figure, const FigureStyle& style) {
    const bool several = figure.cells.size() == 1 && figure.cells.front().parts.size() > 1;
    switch (style.size) {
    case FigureSize::OneColumn: // 3.3 in
        return {316.8, heightOf(figure, 316.8)};
    case FigureSize::TwoColumn: // 7 in
        return {672, heightOf(figure, 672)};
    case FigureSize::Slide:
        return {1280, 720};
    case FigureSize::Custom: {
        const QSizeF size = style.customPixels();
        return {size.width(), size.height() > 0 ? size.height() : heightOf(figure, size.width())};
    }
    case FigureSize::AsShown:
        break;
    }
    if (figure.rows > 0) return {800, heightOf(figure, 800)};
    return figure.shownSize.expandedTo(several ? QSize(720, 400) : QSize(480, 320));
}

void drawFigure(const Figure& figure, QCPPainter* painter, const FigureStyle& style) {
    const FigureLook look(plotsOf(figure), style, style.fontPixels());
    const Page page = layOut(figure, style);
    const PlotTheme theme = PlotTheme::forExport(style.dark);
    painter->setFont(page.headFont); // nothing depends on the application's
    painter->fillRect(page.page, theme.background);
    const auto text = [&](const QFont& font, const QColor& colour, const QRectF& place,
                          const QString& words) {
        painter->setFont(font);
        painter->setPen(colour);
        painter->drawText(place, Qt::AlignLeft | Qt::AlignTop | Qt::TextWordWrap, words);
    };
    if (style.title && !figure.title.isEmpty()) text(page.titleFont, theme.text, page.title, figure.title);
    if (style.footer && !figure.provenance.isEmpty())
        text(page.smallFont, theme.mutedText, page.foot, figure.provenance);
    for (const PlacedCell& placed : page.cells) {
        for (const PlacedPart& part : placed.parts) {
            if (part.rect.width() < 20 || part.rect.height() < 20) continue; // no room for a plot
            painter->save();
            painter->translate(part.rect.topLeft());
            part.plot->renderTo(painter, part.rect.size());
            painter->restore();
        }
        drawHead(painter, placed, page.headFont, theme.text, figure.boldLabels);
    }
}

QList<QList<QRectF>> figureAxes(const Figure& figure, const FigureStyle& style) {
    const FigureLook look(plotsOf(figure), style, style.fontPixels());
    const Page page = layOut(figure, style);
    QList<QList<QRectF>> result;
    for (const PlacedCell& placed : page.cells) {
        QList<QRectF> axes;
        for (const PlacedPart& part : placed.parts) axes << QRectF(axesOf(part));
        result << axes;
    }
    return result;
}

} // namespace qroar
