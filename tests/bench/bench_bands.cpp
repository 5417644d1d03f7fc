// What moving a band edge costs on a session of 32 layers, 64 pairs and 6 conditions: the grids alone, from
// all cells and from pools (pair_pool.h), and every visible panel of the window with its painting. As medians
// and as ratios to one frame of 16 ms. Fails where pools give other numbers, or where the new numbers of all
// visible panels, one of them with its painting, or all of them with layout and painting (as a drag has it)
// take longer than a frame. On an idle machine: these are wall times.
//   QT_QPA_PLATFORM=offscreen bench_bands [REPEATS]
#include "app/gui/window/plot_area.h"
#include "core/bench/session_work.h"
#include "tests/support/synthetic_session.h"
#include "widgets/plot/base_plot.h"

#include <QApplication>
#include <QDockWidget>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>

using namespace qroar;

namespace {

constexpr double frame = 16; // ms
int failures = 0;

std::shared_ptr<const Session> session() {
    test::SyntheticOptions options;
    options.layers = 32;
    options.pairs = 64;
    options.trainedContext = 4096;
    options.contexts = {4096, 16384};
    options.ropes = {"none", "linear:4", "yarn:4"};
    options.quants = {"none"};
    options.windows = 1;
    return test::makeSyntheticSession(options);
}

double median(int repeats, const std::function<void(int)>& work) {
    work(0); // pools and caches
    std::vector<double> times;
    for (int step = 1; step <= repeats; ++step) {
        const auto start = std::chrono::steady_clock::now();
        work(step);
        times.push_back(
            std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
}

void report(const char* name, double milliseconds, bool judged = false) {
    const bool over = judged && milliseconds > frame;
    std::printf("%-46s %8.2f ms   %6.2f of a frame%s\n", name, milliseconds, milliseconds / frame,
                over ? "  OVER" : "");
    if (over) ++failures;
}

void benchGrids(const Session& of, int repeats) {
    const auto& longOne = of.conditions.back();
    const auto reference = of.shortReference(*longOne);
    PoolCache cache;
    cache.keep({longOne, reference});
    for (const bench::BandMetric& metric : bench::bandMetrics()) {
        const auto grid = [&](int step, PoolCache* pools) {
            return metric.grid(*longOne, *reference, bench::movedBands(of.model.pairs(), step), pools);
        };
        const BandGrid cells = grid(3, nullptr), pooled = grid(3, &cache);
        if (std::memcmp(cells.values.data(), pooled.values.data(), cells.values.size() * sizeof(double))
            != 0) {
            std::printf("%s: NOT THE SAME from pools\n", metric.name.c_str());
            ++failures;
        }
        report((metric.name + ", from cells").c_str(),
               median(repeats, [&](int step) { grid(step, nullptr); }));
        if (metric.pooled)
            report((metric.name + ", from pools").c_str(),
                   median(repeats, [&](int step) { grid(step, &cache); }));
    }
}

void benchWindow(const std::shared_ptr<const Session>& of, const QSize& size, int repeats) {
    SelectionModel selection;
    Selection start;
    start.condition = static_cast<int>(of->conditions.size()) - 1;
    start.layer = 12;
    selection.setSelection(start);
    PlotArea plots(&selection);
    plots.resize(size);
    plots.resetLayout(size.height());
    plots.show();
    plots.setSession(of);
    QApplication::processEvents();
    QList<DiagnosticPanel*> visible;
    for (DiagnosticPanel* panel : plots.panels())
        if (panel->isVisible() && !panel->visibleRegion().isEmpty()) visible << panel;
    std::printf("window of %d x %d, %d panels visible\n", size.width(), size.height(),
                static_cast<int>(visible.size()));
    double sum = 0;
    for (DiagnosticPanel* panel : visible) {
        const double time = median(repeats, [&](int step) {
            panel->setBands(bench::movedBands(of->model.pairs(), step));
            panel->ensureFresh();
        });
        report(qPrintable(QStringLiteral("  %1, new numbers").arg(panel->title())), time);
        sum += time;
    }
    report("  all visible panels, new numbers", sum, true);
    for (DiagnosticPanel* panel : visible) {
        int painted = 0;
        for (BasePlot* plot : panel->plots())
            QObject::connect(plot, &QCustomPlot::afterReplot, panel, [&painted] { ++painted; });
        const double time = median(repeats, [&](int step) {
            panel->setBands(bench::movedBands(of->model.pairs(), step));
            panel->ensureFresh();
            QApplication::processEvents();
        });
        report(qPrintable(QStringLiteral("  %1, painted (%2 times)")
                              .arg(panel->title())
                              .arg(static_cast<double>(painted) / (repeats + 1), 0, 'f', 1)),
               time, true);
        for (BasePlot* plot : panel->plots())
            QObject::disconnect(plot, &QCustomPlot::afterReplot, panel, nullptr);
    }
    report("  the same with layout and painting",
           median(repeats,
                  [&](int step) {
                      plots.setBands(bench::movedBands(of->model.pairs(), step));
                      for (DiagnosticPanel* panel : visible) panel->ensureFresh();
                      QApplication::processEvents();
                  }),
           true);
}

} // namespace

int main(int argc, char** argv) {
    const QApplication application(argc, argv);
    const int repeats = argc > 1 ? std::max(1, std::atoi(argv[1])) : 31;
    const auto of = session();
    benchGrids(*of, repeats);
    benchWindow(of, {1280, 800}, repeats);
    benchWindow(of, {1920, 1200}, repeats);
    std::printf("%d failed\n", failures);
    return failures == 0 ? 0 : 1;
}
