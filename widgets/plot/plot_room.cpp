#include "widgets/plot/plot_room.h"

#include <QEvent>

#include <algorithm>
#include <cmath>

namespace qroar {

namespace {
constexpr int gap = 4;             // pixels between the cells of a grid
constexpr double bestAspect = 1.7; ///< width / height of a plot, where there is a choice
} // namespace

PlotSplit::PlotSplit(QWidget* parent) : QSplitter(Qt::Horizontal, parent) {
    setChildrenCollapsible(false);
}

Qt::Orientation PlotSplit::orientationAt(int width) const {
    int sum = 0;
    for (int at = 0; at < count(); ++at)
        if (!widget(at)->isHidden())
            sum += widget(at)->minimumSizeHint().width() + (sum > 0 ? handleWidth() : 0);
    return sum <= width ? Qt::Horizontal : Qt::Vertical;
}

QSize PlotSplit::minimumSizeHint() const {
    // The width is the least at all: a scroll area that gave more would never let it stand up.
    QSize widest;
    int sum = 0;
    for (int at = 0; at < count(); ++at) {
        if (widget(at)->isHidden()) continue;
        const QSize least = widget(at)->minimumSizeHint();
        widest = widest.expandedTo(least);
        sum += least.height() + (sum > 0 ? handleWidth() : 0);
    }
    return {widest.width(), orientationAt(width()) == Qt::Vertical ? sum : widest.height()};
}

void PlotSplit::fit() {
    if (const Qt::Orientation now = orientationAt(width()); now != orientation()) {
        const QList<int> before = sizes();
        setOrientation(now);
        setSizes(before); // shares
        updateGeometry();
    }
}

void PlotSplit::resizeEvent(QResizeEvent* event) {
    fit();
    QSplitter::resizeEvent(event);
}

bool PlotSplit::event(QEvent* event) {
    if (event->type() == QEvent::LayoutRequest) fit();
    return QSplitter::event(event);
}

void PlotGrid::add(QWidget* plot) {
    plot->setParent(this);
    plots_ << plot;
}

QList<QWidget*> PlotGrid::shown() const {
    QList<QWidget*> result;
    for (QWidget* plot : plots_)
        if (!plot->isHidden()) result << plot;
    return result;
}

QSize PlotGrid::least() const {
    QSize size;
    for (const QWidget* plot : shown()) size = size.expandedTo(plot->minimumSizeHint());
    return size;
}

int PlotGrid::mostColumns(int width) const {
    const int one = std::max(1, least().width());
    return std::clamp((width + gap) / (one + gap), 1, std::max(1, static_cast<int>(shown().size())));
}

int PlotGrid::suitingColumns(const QSize& room) const {
    const int count = static_cast<int>(shown().size()), most = mostColumns(room.width());
    int best = most;
    double bestMiss = 1e300;
    for (int columns = 1; columns <= most; ++columns) {
        const int rows = (count + columns - 1) / columns;
        const double width = static_cast<double>(room.width()) / columns,
                     height = static_cast<double>(room.height()) / std::max(1, rows);
        if (height < least().height()) continue;
        const double miss = std::abs(std::log(width / height / bestAspect));
        if (miss < bestMiss) {
            bestMiss = miss;
            best = columns;
        }
    }
    return best;
}

QSize PlotGrid::minimumSizeHint() const {
    const int count = static_cast<int>(shown().size());
    const int columns = mostColumns(width()), rows = std::max(1, (count + columns - 1) / columns);
    return {least().width(), rows * (least().height() + gap) - gap};
}

void PlotGrid::arrange() {
    const QList<QWidget*> all = shown();
    if (all.isEmpty()) return;
    columns_ = suitingColumns(size());
    const int rows = (static_cast<int>(all.size()) + columns_ - 1) / columns_;
    const auto edge = [](int at, int of, int length) { return at * (length + gap) / of; };
    for (int at = 0; at < static_cast<int>(all.size()); ++at) {
        const int row = at / columns_, column = at % columns_;
        const int left = edge(column, columns_, width()), right = edge(column + 1, columns_, width()) - gap;
        const int top = edge(row, rows, height()), bottom = edge(row + 1, rows, height()) - gap;
        all[at]->setGeometry(left, top, right - left, bottom - top);
    }
}

void PlotGrid::resizeEvent(QResizeEvent* event) {
    QWidget::resizeEvent(event);
    arrange();
    updateGeometry(); // other columns, other rows
}

bool PlotGrid::event(QEvent* event) {
    if (event->type() == QEvent::LayoutRequest) {
        arrange();
        updateGeometry(); // as many cells as widgets that are shown
    }
    return QWidget::event(event);
}

} // namespace qroar
