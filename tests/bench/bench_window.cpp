// How long the window keeps its user waiting, with a session of the shape of a 7B model (32 layers, 64 pairs,
// 6 conditions, with quantization noise, damage, a search and what-ifs): opening it, the longest block of the
// event loop of every interaction, exporting every figure. What is judged is the time of the window's thread
// without that in which it was ready and others had the processors: waiting for files and other threads
// counts, a busy machine does not (where the system does not tell, wall time). What cannot be shown is named.
//   bench_window [PANEL...]     QT_QPA_PLATFORM=offscreen; names of panels limit the exports
#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session_file.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/scale_editor_row.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/spectrum_plot.h"

#include <QApplication>
#include <QDeadlineTimer>
#include <QDockWidget>
#include <QEventLoop>
#include <QLineEdit>
#include <QMouseEvent>
#include <QSettings>
#include <QTemporaryDir>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <functional>

using namespace qroar;

namespace {

struct Times {
    double wall = 0, judged = 0, cpu = 0; ///< milliseconds
};

double cpuNow(clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
    timespec now{};
    clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

double wallNow() {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Milliseconds that this thread was ready and others had the processors; 0 where the system does not tell.
double waitedNow() {
    std::ifstream file("/proc/thread-self/schedstat");
    double ran = 0, waited = 0;
    return file >> ran >> waited ? waited * 1e-6 : 0;
}

/// The longest time that one event, with all it causes, kept the others waiting.
class TimedApplication : public QApplication {
  public:
    using QApplication::QApplication;
    bool notify(QObject* receiver, QEvent* event) override {
        if (depth_ > 0) return QApplication::notify(receiver, event);
        bool result = false;
        measure([&] { result = QApplication::notify(receiver, event); });
        return result;
    }
    void measure(const std::function<void()>& work) {
        const double waited = waitedNow(), wall = wallNow(), cpu = cpuNow();
        ++depth_;
        work();
        --depth_;
        const double took = wallNow() - wall, ran = cpuNow() - cpu;
        longest_.wall = std::max(longest_.wall, took);
        longest_.cpu = std::max(longest_.cpu, ran);
        // Short events, which are most, need no file read again.
        longest_.judged = std::max(longest_.judged, took - (took > 1 ? waitedNow() - waited : 0));
    }
    Times take() { return std::exchange(longest_, Times()); }

  private:
    Times longest_;
    int depth_ = 0;
};

void settle() {
    const QDeadlineTimer end(60); // timers of the panels that wait for quiet included
    while (!end.hasExpired()) QApplication::processEvents(QEventLoop::AllEvents, 10);
}

int over = 0; ///< figures beyond their limit

void row(const char* name, int count, const Times& worst, double limit) {
    std::printf("%-44s %4d %9.1f %9.1f %9.1f %7.0f %6.2f%s\n", name, count, worst.wall, worst.cpu,
                worst.judged, limit, worst.judged / limit, worst.judged > limit ? "  OVER" : "");
    std::fflush(stdout);
    if (worst.judged > limit) ++over;
}

void skipped(const QString& what, const QString& why) {
    std::printf("not measured: %s: %s\n", qPrintable(what), qPrintable(why));
}

constexpr double interactionLimit = 50, openLimit = 1000, exportLimit = 2000; // milliseconds

/// `act(i)` is one interaction; the worst of `count`.
void interaction(const char* name, int count, const std::function<void(int)>& act) {
    auto& application = *static_cast<TimedApplication*>(qApp);
    settle();
    application.take();
    for (int index = 0; index < count; ++index) {
        application.measure([&] { act(index); });
        settle();
    }
    row(name, count, application.take(), interactionLimit);
}

/// `groups`: 2 keeps the head groups apart, at twice the size.
std::shared_ptr<const Session> sevenB(int groups) {
    test::SyntheticOptions options;
    options.layers = 32;
    options.pairs = 64;
    options.trainedContext = 1024;
    options.contexts = {1024, 4096};
    options.ropes = {"none", "yarn:4"};
    options.divergence = true;
    options.groups = groups;
    auto session = std::make_shared<Session>(*test::withNoise(test::makeSyntheticSession(options), groups));
    std::erase_if(session->conditions, [](const auto& one) {
        return one->key.context == 1024 && one->key.rope.kind != RopeKind::None;
    });
    return test::withSearch(session, 20);
}

void dragEdge(SpectrumPanel& panel) {
    SpectrumPlot* plot = panel.plot();
    const auto send = [plot](QEvent::Type type, const QPointF& at, Qt::MouseButtons buttons) {
        QMouseEvent event(type, at, plot->mapToGlobal(at),
                          type == QEvent::MouseMove ? Qt::NoButton : Qt::LeftButton, buttons, Qt::NoModifier);
        QApplication::sendEvent(plot, &event);
    };
    const QPointF from = plot->edgePosition(3);
    const double step = plot->pairPosition(1) - plot->pairPosition(0);
    send(QEvent::MouseButtonPress, from, Qt::LeftButton);
    interaction("drag a band edge by a pair", 12, [&](int index) {
        send(QEvent::MouseMove, from + QPointF(step * (index % 6 - 3), 0), Qt::LeftButton);
    });
    send(QEvent::MouseButtonRelease, from, Qt::NoButton);
    settle();
}

/// All metrics of the map that is in sight: of A, then A - B.
void everyMetric(MainWindow& window) {
    HeatMapPanel* map = nullptr;
    for (DiagnosticPanel* panel : window.plots().panels())
        if (auto* one = qobject_cast<HeatMapPanel*>(panel); one && !map) map = one;
    constexpr auto metrics = static_cast<int>(std::size(heatMapMetrics));
    const auto condition = [&](bool quantized) {
        const auto& all = window.workspace().session()->conditions;
        for (std::size_t index = all.size(); index-- > 0;)
            if ((all[index]->key.quant.kind != QuantKind::None) == quantized) return static_cast<int>(index);
        return 0;
    };
    window.selection().setCondition(condition(true));
    for (const HeatMapMetric metric : heatMapMetrics) {
        map->setMetric(metric);
        if (const QString why = map->emptyText(); !why.isEmpty()) skipped(metricText(metric).name, why);
    }
    interaction("another metric of a map", metrics,
                [&](int index) { map->setMetric(heatMapMetrics[index]); });
    window.selection().setConditionB(condition(true) - 1);
    window.selection().setCompare(CompareMode::Difference);
    interaction("another metric of a map, A - B", metrics,
                [&](int index) { map->setMetric(heatMapMetrics[index]); });
    window.selection().setCompare(CompareMode::A);
    map->setMetric(HeatMapMetric::TailInflation);
}

/// All entries of all boxes and both positions of all buttons that a view has for itself.
void everyOption(DiagnosticPanel& panel) {
    if (const QString why = panel.emptyText(); !why.isEmpty()) return skipped(panel.title(), why);
    for (const DiagnosticPanel::Option& option : panel.options()) {
        if (option.values.isEmpty()) continue;
        const QByteArray name = "  " + panel.title().toUtf8() + ", " + option.name.toUtf8();
        interaction(name.constData(), static_cast<int>(option.values.size()), [&](int index) {
            const QString problem = panel.setOption(option.name, option.values[index]);
            if (!problem.isEmpty()) skipped(panel.title() + ' ' + option.values[index], problem);
        });
        panel.setOption(option.name, option.value);
    }
    if (auto* phases = qobject_cast<PhasePanel*>(&panel))
        interaction("  another spec of phases", 4, [&](int index) {
            phases->specEdit()->setText(index % 2 == 0 ? "ntk:4 linear:8" : "yarn:16");
            emit phases->specEdit()->editingFinished();
        });
}

/// A slider of the scale editor while it is dragged, with the prediction that follows it; its box; the gang.
void moveGains(MainWindow& window) {
    auto* dock = window.findChild<QDockWidget*>("scales");
    interaction("show Scales", 1, [&](int) {
        dock->show();
        dock->raise();
    });
    ScaleEditor& editor = window.scales().editor();
    if (editor.rowCount() == 0) return skipped("Scales", "no rows");
    if (!editor.prediction()) skipped("prediction of gains", editor.predictionText());
    const auto drag = [&](const char* name) {
        LogSlider* slider = editor.row(2)->slider(false);
        slider->setSliderDown(true);
        const int middle = (slider->minimum() + slider->maximum()) / 2,
                  step = std::max(1, slider->pageStep());
        interaction(name, 12, [&](int index) { slider->setValue(middle + step * (index % 5 - 2)); });
        slider->setSliderDown(false);
        settle();
    };
    drag("drag a gain");
    editor.setLayerScope(true);
    drag("drag a gain of a layer");
    editor.setLayerScope(false);
    editor.setGang(true);
    drag("drag the gang");
    editor.setGang(false);
    interaction("type a gain", 6, [&](int index) { editor.row(3)->box(true)->setValue(0.9 + 0.05 * index); });
    interaction("pin gains", 3, [&](int) { window.scales().pin(); });
    for (const char* name : {"bands", "whatIfs"})
        if (auto* other = window.findChild<QDockWidget*>(name)) {
            const QByteArray row = "show " + other->windowTitle().toUtf8();
            interaction(row.constData(), 1, [&](int) {
                other->show();
                other->raise();
            });
            other->hide();
        }
    dock->hide();
    settle();
}

void interactions(MainWindow& window) {
    SelectionModel& selection = window.selection();
    const int layers = window.workspace().session()->model.layers;
    const auto conditions = static_cast<int>(window.workspace().session()->conditions.size());
    interaction("select a layer", 12, [&](int index) { selection.setLayer(index * 5 % layers); });
    interaction("select a band", 12, [&](int index) { selection.setBand(index % 8); });
    interaction("select a pair", 12, [&](int index) { selection.setPair(index % 8); });
    interaction("query or key", 6,
                [&](int index) { selection.setTensor(index % 2 == 0 ? QkTensor::Q : QkTensor::K); });
    interaction("before or after RoPE", 6,
                [&](int index) { selection.setStage(index % 2 == 0 ? RopeStage::Pre : RopeStage::Post); });
    interaction("tail epsilon", 6, [&](int index) {
        selection.setEpsilon(index % 3 == 0 ? 1e-2 : index % 3 == 1 ? 1e-3 : 1e-4);
    });
    interaction("select a condition", conditions * 2,
                [&](int index) { selection.setCondition(index % conditions); });
    selection.setConditionB(0);
    interaction("A, B, difference", 9, [&](int index) {
        selection.setCondition(conditions - 1);
        selection.setCompare(static_cast<CompareMode>(index % 3));
    });
    selection.setCompare(CompareMode::A);
    everyMetric(window);
    dragEdge(*window.plots().spectrum());
    moveGains(window);
    interaction("undo, redo of a band edge", 4, [&](int index) {
        if (index % 2 == 0)
            window.workspace().undoStack()->undo();
        else
            window.workspace().undoStack()->redo();
    });
    for (auto* dock : window.plots().findChildren<QDockWidget*>()) {
        const QByteArray name = "show " + dock->windowTitle().toUtf8();
        interaction(name.constData(), 1, [&](int) {
            dock->show();
            dock->raise();
        });
        if (auto* panel = qobject_cast<DiagnosticPanel*>(dock->widget())) everyOption(*panel);
    }
}

/// Of a session that keeps head groups apart.
void headGroups(MainWindow& window) {
    window.resetLayout();
    window.selection().setCondition(static_cast<int>(window.workspace().session()->conditions.size()) - 1);
    interaction("select a head group", 9, [&](int index) {
        Selection next = window.selection().selection();
        next.group = index % 3 - 1;
        window.selection().setSelection(next);
    });
}

void exports(MainWindow& window, const QString& folder, const QStringList& only) {
    auto& application = *static_cast<TimedApplication*>(qApp);
    for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>()) {
        panel->ensureFresh();
        if (!only.isEmpty() && !only.contains(panel->title())) continue;
        if (const QString why = panel->emptyText(); !why.isEmpty()) {
            skipped("export " + panel->title(), why);
            continue;
        }
        settle();
        application.take();
        for (const char* suffix : {"png", "svg", "pdf", "csv"})
            application.measure([&] {
                QString error;
                if (!panel->exportTo(folder + "/figure." + suffix, &error))
                    std::printf("%s: %s\n", qPrintable(panel->title()), qPrintable(error));
            });
        const QByteArray name = "export " + panel->title().toUtf8();
        row(name.constData(), 4, application.take(), exportLimit);
    }
}

} // namespace

namespace {

/// Until all that is in sight is drawn.
void open(MainWindow& window, const QString& path) {
    QEventLoop wait;
    QObject::connect(&window, &MainWindow::sessionOpened, &wait, &QEventLoop::quit, Qt::QueuedConnection);
    window.openSession(path);
    wait.exec();
    for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>())
        if (panel->isVisible()) panel->ensureFresh();
    QApplication::processEvents();
}

/// It is read on other threads, whose waiting for processors is not known: wall time on an idle machine.
void openAndTell(MainWindow& window, const QString& path) {
    auto& application = *static_cast<TimedApplication*>(qApp);
    application.take();
    const double wall = wallNow(), cpu = cpuNow(CLOCK_PROCESS_CPUTIME_ID), waited = waitedNow();
    open(window, path);
    const double took = wallNow() - wall;
    row("open the session (all of it)", 1,
        {took, took - (waitedNow() - waited), cpuNow(CLOCK_PROCESS_CPUTIME_ID) - cpu}, openLimit);
    settle();
    row("open the session (longest event)", 1, application.take(), interactionLimit);
}

/// In a window of its own, as after a start.
void openAndClose(const WindowEnvironment& environment, const QString& path) {
    MainWindow window(environment);
    window.resize(1600, 1100);
    window.resetLayout();
    window.show();
    settle();
    openAndTell(window, path);
    interaction("close the session", 1, [&](int) { window.closeSession(window.workspace().current()); });
}

} // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    TimedApplication application(argc, argv);
    QTemporaryDir folder;
    QSettings settings(folder.filePath("settings.ini"), QSettings::IniFormat);
    const QString path = folder.filePath("seven.h5"), grouped = folder.filePath("grouped.h5");
    for (const auto& [file, groups] : {std::pair{path, 1}, std::pair{grouped, 2}})
        if (const auto saved = saveSession(*sevenB(groups), file.toStdString()); !saved) {
            std::fprintf(stderr, "%s\n", saved.error().message.c_str());
            return 1;
        }
    WindowEnvironment environment;
    environment.settings = &settings;
    std::printf("%-44s %4s %9s %9s %9s %7s %6s\n", "longest block of", "n", "wall ms", "cpu ms", "judged ms",
                "limit", "ratio");
    for (int round = 0; round < 3; ++round) openAndClose(environment, path);
    MainWindow window(environment);
    window.resize(1600, 1100);
    window.resetLayout();
    window.show();
    settle();
    openAndTell(window, path);
    interactions(window);
    exports(window, folder.path(), QApplication::arguments().mid(1));
    open(window, grouped);
    headGroups(window);
    std::printf("%d beyond their limit\n", over);
    return over == 0 ? 0 : 1;
}
