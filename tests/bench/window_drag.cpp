#include "tests/bench/window_drag.h"

#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/spectrum_plot.h"

#include <QMouseEvent>

#include <algorithm>

namespace qroar::bench {

namespace {
constexpr double frame = 16; // milliseconds
}

void dragEdge(Table& table, MainWindow& window, const std::string& name) {
    SpectrumPlot* plot = window.plots().spectrum()->plot();
    const auto send = [plot](QEvent::Type type, const QPointF& at, Qt::MouseButtons buttons) {
        QMouseEvent event(type, at, plot->mapToGlobal(at),
                          type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, buttons, Qt::NoModifier);
        QApplication::sendEvent(plot, &event);
    };
    settle(); // docks that were just shown or hidden have moved the edges
    const QPointF from = plot->edgePosition(3);
    const double step = plot->pairPosition(1) - plot->pairPosition(0);
    int moves = 0;
    const auto noted = QObject::connect(&window.workspace(), &Workspace::bandsChanged, [&moves] { ++moves; });
    const auto move = [&](int index) {
        send(QEvent::MouseMove, from + QPointF(step * (index % 6 - 3), 0), Qt::LeftButton);
    };
    constexpr int count = 12;
    send(QEvent::MouseButtonPress, from, Qt::LeftButton);
    table.interaction(name.c_str(), count, move, frame);
    if (moves < count) skipped(QString::fromStdString(name), QString("the edge moved %1 times").arg(moves));
    if (const std::string all = name + ", all passes"; table.wanted(all)) {
        const auto views = window.plots().findChildren<DiagnosticPanel*>();
        const auto follows = [&views] {
            return std::all_of(views.begin(), views.end(), [](const DiagnosticPanel* one) {
                return one->isFresh() || !one->isVisible() || one->visibleRegion().isEmpty();
            });
        };
        Times worst;
        std::vector<double> judged;
        for (int index = 0; index < count; ++index) {
            const double waited = waitedNow(), wall = wallNow(), cpu = threadTime();
            application().measure([&] { move(index); });
            do application().pass();
            while (!follows());
            application().pass(); // what they drew is painted
            const double took = wallNow() - wall;
            worst.wall = std::max(worst.wall, took);
            worst.cpu = std::max(worst.cpu, threadTime() - cpu);
            judged.push_back(took - (waitedNow() - waited));
            settle();
        }
        // Judged is the middle one of the moves, so that a pause of the machine does not stand for them all;
        // the slowest is in the table, too.
        std::nth_element(judged.begin(), judged.begin() + count / 2, judged.end());
        worst.judged = judged[count / 2];
        table.add(all, count, worst, frame);
    }
    send(QEvent::MouseButtonRelease, from, Qt::NoButton);
    QObject::disconnect(noted);
    settle();
}

} // namespace qroar::bench
