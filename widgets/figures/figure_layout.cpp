#include "widgets/figures/figure_layout.h"

#include "widgets/figures/figure_alignment.h"
#include "widgets/figures/figure_look.h"
#include "widgets/figures/figure_readable.h"
#include "widgets/figures/text_lines.h"
#include "widgets/plot/base_plot.h"
#include "widgets/plot/legend_entry.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace qroar {

namespace {

constexpr double margin = 10, cellGap = 8;
constexpr double stackBelow = 420;    ///< parts of a narrower cell lie below each other
constexpr double stackedHeight = 175; ///< of each of them in a grid
constexpr double lowestPart = 150;    ///< of a part above others, beside others
constexpr double usualFont = 11;      ///< pixels, for which the heights are
constexpr int levelRounds = 2;
constexpr double usualFurniture = 92; ///< of a plot: its title and labels below, two lines of a legend above
constexpr double usualHead = 18;      ///< of a cell: one line
constexpr double axesAspect = 0.4;    ///< height of axes, of the width of their plot, that furniture leaves
constexpr int growRounds = 3;         ///< plots that get room show what they had none for
constexpr double mostGrowth = 2.5;

struct Page {
    QRectF page, title, foot, area;
    QString titleText, footText; ///< in lines
    QFont titleFont, smallFont, headFont;
    std::vector<PlacedCell> cells;
    double leastLegend = 0; ///< of its plots: BasePlot::setLeastLegendScale()
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

/// What the lowest of the parts that lie in their own places needs the cell to have.
double placedNeed(const FigureCell& cell) {
    double least = 1;
    for (const FigurePart& part : cell.parts) least = std::min(least, part.place.height());
    return least < 1 ? lowestPart / std::max(0.1, least) : 0;
}

double heightOf(const Figure& figure, double width) {
    if (figure.rows > 0) {
        const std::vector<double> needs = rowNeeds(figure, width - 2 * margin);
        return std::accumulate(needs.begin(), needs.end(), 40.0);
    }
    if (figure.cells.size() != 1)
        return width * figure.shownSize.height() / std::max(1, figure.shownSize.width()) + 40;
    if (width >= stackBelow) return std::max(width * 340 / 672, placedNeed(figure.cells.front())) + 40;
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

/// Of text whose lines are broken already (inLines()).
double textHeight(const QFont& font, const QString& text, double width) {
    if (text.isEmpty()) return 0;
    return QFontMetricsF(font).boundingRect(QRectF(0, 0, width, 1e5), 0, text).height();
}

QRectF innerOf(const QRectF& page) {
    return page.adjusted(margin, margin * 0.7, -margin, -margin * 0.6);
}

/// Title and footer, in lines of a width.
struct Surround {
    QFont titleFont, smallFont;
    QString title, foot;
    double titleHeight = 0, footHeight = 0;

    Surround(const Figure& figure, const FigureStyle& style, double width)
        : titleFont(figureFont(static_cast<int>(std::lround(style.fontPixels() * 1.15)))),
          smallFont(figureFont(std::max(7, static_cast<int>(std::lround(style.fontPixels() * 0.72))))) {
        titleFont.setBold(true);
        if (style.title) title = inLines(figure.title, QFontMetricsF(titleFont), width - 1);
        if (style.footer) foot = inLines(figure.provenance, QFontMetricsF(smallFont), width - 1);
        titleHeight = textHeight(titleFont, title, width);
        footHeight = textHeight(smallFont, foot, width);
    }
    /// What it has beyond the usual two lines each.
    [[nodiscard]] double excess() const {
        return std::max(0.0, titleHeight - 2 * QFontMetricsF(titleFont).lineSpacing())
               + std::max(0.0, footHeight - 2 * QFontMetricsF(smallFont).lineSpacing());
    }
};

/// Of a page that is as high as it needs: a larger font than the usual one needs higher plots, as they do not
/// get wider.
double automaticHeight(const Figure& figure, const FigureStyle& style, double width) {
    const double larger = style.fontPoints > 0 ? std::max(1.0, style.fontPixels() / usualFont) : 1;
    const double inner = innerOf(QRectF(0, 0, width, 1000)).width();
    return heightOf(figure, width) * larger + Surround(figure, style, inner).excess();
}

/// Of the rows of a grid, which share the height as they need it.
std::vector<double> rowHeights(const Figure& figure, const QRectF& area) {
    if (figure.rows <= 0) return {};
    std::vector<double> rows = rowNeeds(figure, area.width());
    const double scale =
        (area.height() - cellGap * (figure.rows - 1)) / std::accumulate(rows.begin(), rows.end(), 0.0);
    for (double& height : rows) height *= scale;
    return rows;
}

QRectF placeOf(const Figure& figure, const FigureCell& cell, const QRectF& area,
               const std::vector<double>& rows) {
    if (figure.rows <= 0)
        return QRectF(area.left() + cell.place.left() * area.width(),
                      area.top() + cell.place.top() * area.height(), cell.place.width() * area.width(),
                      cell.place.height() * area.height());
    const double width = (area.width() - cellGap * (figure.columns - 1)) / figure.columns;
    const auto first = rows.begin() + cell.row;
    const double above = std::accumulate(rows.begin(), first, 0.0),
                 own = std::accumulate(first, first + cell.rowSpan, 0.0);
    return QRectF(area.left() + cell.column * (width + cellGap), area.top() + above + cell.row * cellGap,
                  cell.columnSpan * width + (cell.columnSpan - 1) * cellGap,
                  own + (cell.rowSpan - 1) * cellGap);
}

QFont labelFont(QFont font, bool bold) {
    font.setBold(bold);
    return font;
}

double labelWidth(const FigureCell& cell, const QFont& font, bool bold) {
    return cell.label.isEmpty() ? 0
                                : QFontMetricsF(labelFont(font, bold)).horizontalAdvance(cell.label + u' ');
}

PlacedCell placedCell(const FigureCell& cell, QRectF area, const QFont& headFont, bool boldLabel) {
    PlacedCell placed;
    placed.cell = &cell;
    if (!cell.label.isEmpty() || !cell.heading.isEmpty()) {
        const double width = area.width() - 8 - labelWidth(cell, headFont, boldLabel);
        placed.headLines = inLines(cell.heading, QFontMetricsF(headFont), width).split(u'\n');
        placed.head = QRectF(area.left() + 4, area.top(), area.width() - 8,
                             std::ceil(QFontMetricsF(headFont).height())
                                     * static_cast<double>(std::max<qsizetype>(1, placed.headLines.size()))
                                 + 1);
        area.setTop(placed.head.bottom() + 1);
    }
    placed.room = area;
    const bool stacked = placed.stacked = stacks(cell, area.width());
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

void placeCells(Page& page, const Figure& figure, const std::vector<double>& rows) {
    page.cells.clear();
    for (const FigureCell& cell : figure.cells)
        page.cells.push_back(
            placedCell(cell, placeOf(figure, cell, page.area, rows), page.headFont, figure.boldLabels));
    if (figure.rows > 0)
        alignAxes(page.cells, figure.rows, figure.columns);
    else
        for (PlacedCell& placed : page.cells) alignAxes(placed);
}

/// Plots below each other in the rows of a grid: 1 where they lie beside each other; 0 where none is of one
/// row.
std::vector<int> levelsOf(const Page& page, int rows) {
    std::vector<int> levels(static_cast<std::size_t>(rows), 0);
    for (const PlacedCell& placed : page.cells) {
        if (placed.cell->rowSpan != 1) continue;
        int& most = levels[static_cast<std::size_t>(placed.cell->row)];
        most = std::max(most, placed.stacked ? static_cast<int>(placed.parts.size()) : 1);
    }
    return levels;
}

/// Moves height between rows that have equally many plots below each other, until their axes are equally
/// high: the legend of one row is no reason for its plots to be lower. False when they are.
bool levelRows(const Page& page, const Figure& figure, std::vector<double>& rows) {
    if (figure.rows < 2) return false;
    const std::vector<int> levels = levelsOf(page, figure.rows);
    std::vector<double> axes(rows.size(), 0); // the lowest of each row
    for (const PlacedCell& placed : page.cells)
        for (const PlacedPart& part : placed.parts) {
            const auto row = static_cast<std::size_t>(placed.cell->row);
            if (placed.cell->rowSpan != 1 || part.rect.width() < 20 || part.rect.height() < 20) continue;
            const double height = axesOf(part).height();
            axes[row] = axes[row] > 0 ? std::min(axes[row], height) : height;
        }
    bool moved = false;
    for (const int level : {1, 2, 3}) {
        double sum = 0, count = 0;
        for (std::size_t row = 0; row < rows.size(); ++row)
            if (levels[row] == level && axes[row] > 0) sum += axes[row], ++count;
        for (std::size_t row = 0; row < rows.size() && count > 1; ++row) {
            if (levels[row] != level || !(axes[row] > 0)) continue;
            const double by = (sum / count - axes[row]) * level;
            rows[row] += by;
            moved = moved || std::abs(by) >= 1;
        }
    }
    return moved;
}

/// Before its plots have been asked what they need.
QSizeF plainSize(const Figure& figure, const FigureStyle& style) {
    const bool several = figure.cells.size() == 1 && figure.cells.front().parts.size() > 1;
    switch (style.size) {
    case FigureSize::OneColumn: // 3.3 in
        return {316.8, automaticHeight(figure, style, 316.8)};
    case FigureSize::TwoColumn: // 7 in
        return {672, automaticHeight(figure, style, 672)};
    case FigureSize::Slide:
        return {1280, 720};
    case FigureSize::Custom: {
        const QSizeF size = style.customPixels();
        return {size.width(),
                size.height() > 0 ? size.height() : automaticHeight(figure, style, size.width())};
    }
    case FigureSize::AsShown:
        break;
    }
    if (figure.rows > 0) return {800, heightOf(figure, 800)};
    const int need = several ? static_cast<int>(placedNeed(figure.cells.front())) + 40 : 0;
    return figure.shownSize.expandedTo(several ? QSize(720, std::max(400, need)) : QSize(480, 320));
}

/// The plots must have their look: their margins depend on it.
Page layOut(const Figure& figure, const FigureStyle& style, const QSizeF& size) {
    Page page;
    page.page = QRectF(QPointF(0, 0), size);
    const QRectF inner = innerOf(page.page);
    const Surround words(figure, style, inner.width());
    page.titleFont = words.titleFont;
    page.smallFont = words.smallFont;
    page.headFont = figureFont(style.fontPixels());
    page.titleText = words.title;
    page.footText = words.foot;
    const double titleHeight = words.titleHeight, footHeight = words.footHeight;
    page.title = QRectF(inner.topLeft(), QSizeF(inner.width(), titleHeight > 0 ? titleHeight + 2 : 0));
    page.foot = QRectF(inner.left(), inner.bottom() - footHeight, inner.width(), footHeight + 2);
    page.area =
        inner.adjusted(-4, titleHeight > 0 ? titleHeight + 4 : 0, 4, footHeight > 0 ? -footHeight - 4 : 0);
    std::vector<double> rows = rowHeights(figure, page.area);
    placeCells(page, figure, rows);
    for (int round = 0; round < levelRounds && levelRows(page, figure, rows); ++round)
        placeCells(page, figure, rows);
    return page;
}

/// Of a part of a cell, laid out for the page.
QRectF axesNow(const PlacedPart& part) {
    return QRectF(part.plot->isLaidOutFor(part.rect.size())
                      ? part.plot->axisRect()->rect().translated(part.rect.topLeft())
                      : axesOf(part));
}

bool isReadable(const Page& page, const FigureStyle& style) {
    for (const PlacedCell& placed : page.cells)
        for (const PlacedPart& part : placed.parts)
            if (!isPlotReadable(*part.plot, axesNow(part), style.legend)) return false;
    return true;
}

/// Of the height of the page, what a part of a cell gets.
double shareOf(const Page& page, const PlacedCell& placed, std::size_t part) {
    const double ofCell = placed.stacked ? 1.0 / static_cast<double>(placed.parts.size())
                                         : placed.cell->parts[static_cast<qsizetype>(part)].place.height();
    return ofCell * (placed.room.height() + placed.head.height()) / page.area.height();
}

/// How high the axes of every part would be beside as much furniture as plots usually have.
std::vector<double> usualAxes(const Page& page, double larger) {
    std::vector<double> heights;
    for (const PlacedCell& placed : page.cells)
        for (std::size_t part = 0; part < placed.parts.size(); ++part) {
            const double furniture = usualFurniture + (placed.head.isEmpty() ? 0 : usualHead);
            const double left = shareOf(page, placed, part) * page.area.height() - furniture * larger;
            heights.push_back(std::max(1.2 * leastAxesHeight,
                                       std::min(axesAspect * placed.parts[part].rect.width(), left)));
        }
    return heights;
}

/// What the page lacks in height for axes of these heights: long legends and headings take it from them.
double missingHeight(const Page& page, const std::vector<double>& wanted) {
    double most = 0;
    auto want = wanted.begin();
    for (const PlacedCell& placed : page.cells)
        for (std::size_t part = 0; part < placed.parts.size(); ++part)
            most = std::max(most, (*want++ - axesNow(placed.parts[part]).height())
                                      / std::max(0.02, shareOf(page, placed, part)));
    return most;
}

bool hasFreeHeight(const FigureStyle& style) {
    return style.size == FigureSize::OneColumn || style.size == FigureSize::TwoColumn
           || (style.size == FigureSize::Custom && !(style.height > 0));
}

void setLeastLegend(const Figure& figure, double scale) {
    for (BasePlot* plot : plotsOf(figure)) plot->setLeastLegendScale(scale);
}

double highestOf(const Figure& figure, const FigureStyle& style) {
    return std::floor(mostGrowth * plainSize(figure, style).height());
}

/// As high as its plots need.
Page grownPage(const Figure& figure, const FigureStyle& style) {
    QSizeF size = plainSize(figure, style);
    Page page = layOut(figure, style, size);
    const double highest = highestOf(figure, style);
    const std::vector<double> wanted = usualAxes(page, style.fontPixels() / usualFont);
    const auto tryHeight = [&](double height) {
        size.setHeight(height);
        page = layOut(figure, style, size);
    };
    for (int round = 0; round < growRounds; ++round) {
        const double missing = std::ceil(missingHeight(page, wanted));
        if (missing < 2 || size.height() >= highest) break;
        tryHeight(std::min(highest, size.height() + missing));
    }
    if (isReadable(page, style)) return page;
    double low = size.height(), high = highest; // upright titles, say, are longer than their axes are high
    tryHeight(high);
    if (!isReadable(page, style)) {
        tryHeight(low); // it is too narrow
        return page;
    }
    while (high - low > 12) {
        const double middle = std::round((low + high) / 2);
        tryHeight(middle);
        (isReadable(page, style) ? high : low) = middle;
    }
    if (size.height() != high) tryHeight(high);
    return page;
}

/// Laid out on a page that is as high as its style says, or as its plots need where that says the width only:
/// it grows before its legends get smaller.
Page fittedPage(const Figure& figure, const FigureStyle& style) {
    if (hasFreeHeight(style))
        for (const double scale : legendScales) {
            setLeastLegend(figure, scale);
            const QSizeF highest(plainSize(figure, style).width(), highestOf(figure, style));
            if (scale != legendScales.front() && !isReadable(layOut(figure, style, highest), style)) continue;
            Page page = grownPage(figure, style);
            page.leastLegend = scale;
            if (isReadable(page, style)) return page;
        }
    setLeastLegend(figure, 0);
    return hasFreeHeight(style) ? grownPage(figure, style) : layOut(figure, style, plainSize(figure, style));
}

void drawHead(QCPPainter* painter, const PlacedCell& placed, const QFont& font, const QColor& colour,
              bool boldLabel) {
    if (placed.head.isEmpty()) return;
    QRectF room = placed.head;
    room.setHeight(std::ceil(QFontMetricsF(font).height()));
    painter->setPen(colour);
    if (!placed.cell->label.isEmpty()) {
        painter->setFont(labelFont(font, boldLabel));
        painter->drawText(room, Qt::AlignLeft | Qt::AlignVCenter, placed.cell->label);
        room.setLeft(room.left() + labelWidth(*placed.cell, font, boldLabel));
    }
    painter->setFont(font);
    for (const QString& line : placed.headLines) {
        painter->drawText(room, Qt::AlignLeft | Qt::AlignVCenter, line);
        room.translate(0, room.height());
    }
}

} // namespace

struct LaidOutFigure::Content {
    const Figure& figure;
    FigureStyle style;
    FigureLook look; // before the page, which is laid out with it
    Page page;
    Content(const Figure& drawn, const FigureStyle& with)
        : figure(drawn), style(with), look(plotsOf(drawn), with, with.fontPixels()),
          page(fittedPage(drawn, with)) {}
};

LaidOutFigure::LaidOutFigure(const Figure& figure, const FigureStyle& style)
    : content_(std::make_unique<Content>(figure, style)) {}

LaidOutFigure::~LaidOutFigure() = default;

QSizeF LaidOutFigure::size() const {
    return content_->page.page.size();
}

void LaidOutFigure::draw(QCPPainter* painter) const {
    const Page& page = content_->page;
    setLeastLegend(content_->figure, page.leastLegend);
    const PlotTheme theme = PlotTheme::forExport(content_->style.dark);
    painter->setFont(page.headFont); // nothing depends on the application's
    painter->fillRect(page.page, theme.background);
    const auto text = [&](const QFont& font, const QColor& colour, const QRectF& place,
                          const QString& words) {
        painter->setFont(font);
        painter->setPen(colour);
        painter->drawText(place, Qt::AlignLeft | Qt::AlignTop, words);
    };
    if (!page.titleText.isEmpty()) text(page.titleFont, theme.text, page.title, page.titleText);
    if (!page.footText.isEmpty()) text(page.smallFont, theme.mutedText, page.foot, page.footText);
    for (const PlacedCell& placed : page.cells) {
        for (const PlacedPart& part : placed.parts) {
            if (part.rect.width() < 20 || part.rect.height() < 20) continue; // no room for a plot
            painter->save();
            painter->translate(part.rect.topLeft());
            part.plot->renderTo(painter, part.rect.size());
            painter->restore();
        }
        drawHead(painter, placed, page.headFont, theme.text, content_->figure.boldLabels);
    }
}

void drawFigure(const Figure& figure, QCPPainter* painter, const FigureStyle& style) {
    LaidOutFigure(figure, style).draw(painter);
}

double figurePageWidth(const Figure& figure, const FigureStyle& style) {
    return plainSize(figure, style).width();
}

QSizeF figurePageSize(const Figure& figure, const FigureStyle& style) {
    return hasFreeHeight(style) ? LaidOutFigure(figure, style).size() : plainSize(figure, style);
}

QList<QList<QRectF>> figureAxes(const Figure& figure, const FigureStyle& style) {
    const FigureLook look(plotsOf(figure), style, style.fontPixels());
    return placedAxes(figure, style);
}

QList<QList<QRectF>> placedAxes(const Figure& figure, const FigureStyle& style) {
    const Page page = fittedPage(figure, style);
    QList<QList<QRectF>> result;
    for (const PlacedCell& placed : page.cells) {
        QList<QRectF> axes;
        for (const PlacedPart& part : placed.parts) axes << axesNow(part);
        result << axes;
    }
    return result;
}

QStringList figureLeftOut(const Figure& figure, const FigureStyle& style) {
    const QList<BasePlot*> plots = plotsOf(figure);
    const FigureLook look(plots, style, style.fontPixels());
    placedAxes(figure, style);
    QStringList sentences;
    for (qsizetype index = 0; index < plots.size(); ++index)
        for (const QString& sentence : plots[index]->leftOut())
            sentences << (plots.size() == 1 ? sentence
                                            : BasePlot::tr("plot %1: %2").arg(index + 1).arg(sentence));
    return sentences;
}

} // namespace qroar
