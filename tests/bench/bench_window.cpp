// How long the window keeps its user waiting, with a session of the shape of a 7B model (32 layers, 64 pairs,
// 6 conditions): opening it, the longest block of the event loop of every interaction, exporting every
// figure. Wall time and processor time of the window's thread beside each other: on a busy machine only the
// second counts.
//   bench_window [PANEL...]     QT_QPA_PLATFORM=offscreen; names of panels limit the exports
#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session_file.h"
#include "tests/support/synthetic_session.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/spectrum_panel.h"
#include "widgets/plot/spectrum_plot.h"

#include <QApplication>
#include <QDeadlineTimer>
#include <QDockWidget>
#include <QEventLoop>
#include <QMouseEvent>
#include <QSettings>
#include <QTemporaryDir>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>

using namespace qroar;

namespace {

struct Times {
    double wall = 0, cpu = 0; ///< milliseconds
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
        const double wall = wallNow(), cpu = cpuNow();
        ++depth_;
        work();
        --depth_;
        longest_.wall = std::max(longest_.wall, wallNow() - wall);
        longest_.cpu = std::max(longest_.cpu, cpuNow() - cpu);
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
    std::printf("%-34s %4d %10.1f %10.1f %8.0f %7.2f%s\n", name, count, worst.wall, worst.cpu, limit,
                worst.cpu / limit, worst.cpu > limit ? "  OVER" : "");
    std::fflush(stdout);
    if (worst.cpu > limit) ++over;
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

std::shared_ptr<const Session> sevenB() {
    test::SyntheticOptions options;
    options.layers = 32;
    options.pairs = 64;
    options.trainedContext = 1024;
    options.contexts = {1024, 4096};
    options.ropes = {"none", "yarn:4"};
    options.divergence = true;
    auto session = std::make_shared<Session>(*test::makeSyntheticSession(options));
    std::erase_if(session->conditions, [](const auto& one) {
        return one->key.context == 1024 && one->key.rope.kind != RopeKind::None;
    });
    return session;
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
    for (DiagnosticPanel* panel : window.plots().panels())
        if (auto* map = qobject_cast<HeatMapPanel*>(panel)) {
            interaction("another metric of a map", 11,
                        [&](int index) { map->setMetric(heatMapMetrics[index]); });
            break;
        }
    dragEdge(*window.plots().spectrum());
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
    }
}

void exports(MainWindow& window, const QString& folder, const QStringList& only) {
    auto& application = *static_cast<TimedApplication*>(qApp);
    for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>()) {
        panel->ensureFresh();
        if (!panel->emptyText().isEmpty() || (!only.isEmpty() && !only.contains(panel->title()))) continue;
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

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    TimedApplication application(argc, argv);
    QTemporaryDir folder;
    QSettings settings(folder.filePath("settings.ini"), QSettings::IniFormat);
    const QString path = folder.filePath("seven.h5");
    if (!saveSession(*sevenB(), path.toStdString()).ok()) return 1;
    WindowEnvironment environment;
    environment.settings = &settings;
    MainWindow window(environment);
    window.resize(1600, 1100);
    window.resetLayout();
    window.show();
    settle();
    std::printf("%-34s %4s %10s %10s %8s %7s\n", "longest block of", "n", "wall ms", "cpu ms", "limit",
                "ratio");
    application.take();
    const double wall = wallNow(), cpu = cpuNow(CLOCK_PROCESS_CPUTIME_ID); // it is read on another thread
    window.openSession(path);
    QEventLoop wait;
    QObject::connect(&window, &MainWindow::sessionOpened, &wait, &QEventLoop::quit, Qt::QueuedConnection);
    wait.exec();
    for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>())
        if (panel->isVisible()) panel->ensureFresh();
    QApplication::processEvents();
    row("open the session (all of it)", 1, {wallNow() - wall, cpuNow(CLOCK_PROCESS_CPUTIME_ID) - cpu},
        openLimit);
    settle();
    row("open the session (longest event)", 1, application.take(), openLimit);
    interactions(window);
    exports(window, folder.path(), QApplication::arguments().mid(1));
    std::printf("%d beyond their limit\n", over);
    return over == 0 ? 0 : 1;
}
