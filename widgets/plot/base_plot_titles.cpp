// Titles of BasePlot's axes: how much room they have, and the lines they take there. Everything else of
// BasePlot: base_plot.cpp.
#include "widgets/plot/base_plot.h"

#include "widgets/figures/text_lines.h"
#include "widgets/plot/plot_heading.h"

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {

constexpr int mostLinesOfFigures = 3, mostLinesOnScreen = 2;
constexpr int aside = 12; ///< pixels beside the axes: what reaches farther lies over or under upright titles

double widest(const QFontMetricsF& metrics, const QStringList& lines) {
    double width = 0;
    for (const QString& line : lines) width = std::max(width, metrics.horizontalAdvance(line));
    return width;
}

/// The break into that many lines whose longest is shortest.
QStringList broken(const QFontMetricsF& metrics, const QStringList& words, int lines) {
    if (lines <= 1 || words.size() < lines) return {words.join(u' ')};
    QStringList best;
    double least = 0;
    for (qsizetype first = 1; first + lines - 1 <= words.size(); ++first) {
        const QStringList tried =
            QStringList(words.mid(0, first).join(u' ')) + broken(metrics, words.mid(first), lines - 1);
        const double width = widest(metrics, tried);
        if (!best.isEmpty() && width >= least) continue;
        best = tried;
        least = width;
    }
    return best;
}

/// As many words in every line as it holds; an ellipsis stands for the rest.
QStringList elided(const QFontMetricsF& metrics, const QStringList& words, int lines, double room) {
    QStringList result;
    QString line;
    for (qsizetype word = 0; word < words.size(); ++word) {
        const QString longer = line.isEmpty() ? words[word] : line + u' ' + words[word];
        if (line.isEmpty() || metrics.horizontalAdvance(longer) <= room) {
            line = longer;
            continue;
        }
        if (result.size() + 1 == lines) {
            line += u' ' + words.mid(word).join(u' ');
            break;
        }
        result << line;
        line = words[word];
    }
    result << line;
    for (QString& one : result) one = metrics.elidedText(one, Qt::ElideRight, room);
    return result;
}

} // namespace

/// What lies above and below an upright title and reaches over to it takes its room: the legend, a heading,
/// the title of the other axis.
QCPRange BasePlot::freeAlong(const QCPAxis* axis) const {
    if (QCPAxis::orientation(axis->axisType()) != Qt::Vertical)
        return {0, static_cast<double>(viewport().width())};
    const QRect area = axisRect()->rect();
    const bool left = axis->axisType() == QCPAxis::atLeft;
    const auto reaches = [&](double from, double to) {
        return left ? from < area.left() - aside : to > area.right() + aside;
    };
    QCPRange range(0, viewport().height());
    if (headingElement_ && !headingText_.isEmpty())
        range.lower = std::max(range.lower, headingElement_->outerRect().bottom() + 1.0);
    const QRect words = legend->rect();
    if (legend->layout() && legend->visible() && legend->itemCount() > 0 && words.bottom() < area.top()
        && reaches(words.left(), words.right()))
        range.lower = std::max(range.lower, words.bottom() + 1.0);
    const QStringList below = xAxis->label().split(u'\n');
    const QFontMetricsF metrics(xAxis->labelFont());
    const double half = widest(metrics, below) / 2, centre = area.center().x();
    if (!xAxis->label().isEmpty() && reaches(centre - half, centre + half))
        range.upper -= static_cast<double>(below.size()) * metrics.height() + 2;
    return range;
}

int BasePlot::titleRoom(const QCPAxis* axis) const {
    const QRect area = axisRect()->rect();
    const QCPRange free = freeAlong(axis);
    const bool upright = QCPAxis::orientation(axis->axisType()) == Qt::Vertical;
    const int centre = upright ? area.center().y() : area.center().x();
    return std::max(20, static_cast<int>(2 * std::min(centre - free.lower, free.upper - centre)) - 6);
}

bool BasePlot::hasRoomFor(const QCPAxis* axis, const QString& title) const {
    return QFontMetrics(axis->labelFont()).horizontalAdvance(title) <= titleRoom(axis);
}

/// On screen a second line below the axes costs their height: low plots have none.
int BasePlot::mostTitleLines(const QCPAxis* axis) const {
    if (isForFigure()) return mostLinesOfFigures;
    const bool upright = QCPAxis::orientation(axis->axisType()) == Qt::Vertical;
    return upright || viewport().height() > minimumSizeHint().height() + fontPixels_ ? mostLinesOnScreen : 1;
}

void BasePlot::fitTitle(QCPAxis* axis, const QString& title, const QString& shorter) {
    const QFontMetricsF metrics(axis->labelFont());
    const double room = titleRoom(axis);
    const QStringList words = unbrokenWords(title);
    const auto known = std::find_if(broken_.begin(), broken_.end(),
                                    [axis](const BrokenTitle& one) { return one.axis == axis; });
    const bool same = known != broken_.end() && known->title == title;
    const int most = mostTitleLines(axis);
    QStringList lines{title};
    int count = same ? known->lines : 1;
    for (; count <= most; ++count)
        if (lines = broken(metrics, words, count); widest(metrics, lines) <= room) break;
    if (count > most && !shorter.isEmpty() && !isForFigure()) return fitTitle(axis, shorter);
    if (count > most) lines = elided(metrics, words, most, room);
    if (keepsBroken_ && known != broken_.end())
        *known = {axis, title, static_cast<int>(lines.size())};
    else if (keepsBroken_)
        broken_.push_back({axis, title, static_cast<int>(lines.size())});
    const QString fitting = lines.join(u'\n');
    if (axis->label() == fitting) return;
    // Axes that are narrower by a line have other labels: laid out anew when painted.
    if (!isForFigure() && axis->label().count(u'\n') != fitting.count(u'\n')) resized_ = true;
    axis->setLabel(fitting);
}

bool BasePlot::titlesAreWhole() const {
    for (const QCPAxisRect* rect : axisRects())
        for (const QCPAxis* axis : rect->axes())
            if (axis->visible() && axis->label().contains(u'\u2026')) return false;
    return true;
}

} // namespace qroar
