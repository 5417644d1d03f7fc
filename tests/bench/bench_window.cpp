// How long the window keeps its user waiting, with a session of the shape of a 7B model (32 layers, 64 pairs,
// 6 conditions, with quantization noise, damage, a search and what-ifs): opening it, the longest pass of the
// loop of events of every interaction, exporting every figure. What is judged is the time of the window's
// thread without that in which it was ready and others had the processors: waiting for files and other
// threads counts, a busy machine does not (where the system does not tell, wall time). What cannot be shown
// is named. Ends with 1 when the median over the rounds of any row is beyond its limit.
//   bench_window [--rounds N] [--only TEXT] [--trace MS] [PANEL...]     QT_QPA_PLATFORM=offscreen
// --only: interactions whose name contains TEXT; --trace: names the events of longer passes; names of panels
// limit the exports.
#include "app/gui/figures/composer_dialog.h"
#include "app/gui/figures/figure_center.h"
#include "app/gui/figures/figure_dialog.h"
#include "app/gui/help/help_center.h"
#include "app/gui/window/appearance.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/plot_area.h"
#include "core/session/session_file.h"
#include "tests/bench/window_drag.h"
#include "tests/bench/window_times.h"
#include "tests/support/noisy_session.h"
#include "tests/support/searched_session.h"
#include "widgets/panels/heat_map_metric.h"
#include "widgets/panels/heat_map_panel.h"
#include "widgets/panels/phase_panel.h"
#include "widgets/panels/scale_editor_row.h"
#include "widgets/plot/heat_map_plot.h"

#include <QAction>
#include <QCommandLineParser>
#include <QDockWidget>
#include <QLineEdit>
#include <QMenuBar>
#include <QMouseEvent>
#include <QSettings>
#include <QTemporaryDir>
#include <QToolButton>
#include <QWheelEvent>

#include <algorithm>
#include <cstdio>

using namespace qroar;
using namespace qroar::bench;

namespace {

Table table;

constexpr double interactionLimit = 50, openLimit = 1000, exportLimit = 2000; // milliseconds

void interaction(const char* name, int count, const std::function<void(int)>& act,
                 double limit = interactionLimit) {
    table.interaction(name, count, act, limit);
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
void everyOption(DiagnosticPanel& panel, const QByteArray& what = {}) {
    if (const QString why = panel.emptyText(); !why.isEmpty()) return skipped(panel.title(), why);
    for (const DiagnosticPanel::Option& option : panel.options()) {
        if (option.values.isEmpty()) continue;
        const QByteArray name = "  " + panel.title().toUtf8() + ", " + option.name.toUtf8() + what;
        interaction(name.constData(), static_cast<int>(option.values.size()), [&](int index) {
            const QString problem = panel.setOption(option.name, option.values[index]);
            if (!problem.isEmpty()) skipped(panel.title() + ' ' + option.values[index], problem);
        });
        panel.setOption(option.name, option.value);
    }
    if (auto* phases = qobject_cast<PhasePanel*>(&panel))
        interaction(("  another spec of phases" + what).constData(), 4, [&](int index) {
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

void everyView(const MainWindow& window, const QByteArray& what) {
    for (auto* dock : window.plots().findChildren<QDockWidget*>()) {
        const QByteArray name = "show " + dock->windowTitle().toUtf8() + what;
        interaction(name.constData(), 1, [&](int) {
            dock->show();
            dock->raise();
        });
        if (auto* panel = qobject_cast<DiagnosticPanel*>(dock->widget())) everyOption(*panel, what);
    }
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
    dragEdge(table, window, "drag a band edge by a pair");
    for (const char* name : {"bands", "scales"}) window.findChild<QDockWidget*>(name)->show();
    dragEdge(table, window, "drag a band edge beside Bands and Scales");
    for (const char* name : {"bands", "scales"}) window.findChild<QDockWidget*>(name)->hide();
    moveGains(window);
    interaction("undo, redo of a band edge", 4, [&](int index) {
        if (index % 2 == 0)
            window.workspace().undoStack()->undo();
        else
            window.workspace().undoStack()->redo();
    });
    everyView(window, {});
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

struct Look {
    const char* name;
    FigureStyle style;
    std::vector<const char*> suffixes;
};
std::vector<Look> looks() {
    FigureStyle sharp, page(FigureSize::Custom);
    sharp.dpi = 4 * 96;
    page.unit = FigureStyle::Unit::Inches;
    page.width = 7;
    page.height = 9; // where the usual height of 7 in has no room for three rows
    return {{"", {}, {"png", "svg", "pdf", "csv"}},
            {", 3.3 in", FigureSize::OneColumn, {"png", "svg", "pdf"}},
            {", 7 in", FigureSize::TwoColumn, {"png", "svg", "pdf"}},
            {", slide", FigureSize::Slide, {"png", "svg", "pdf"}},
            {", 7 x 9 in", page, {"png", "svg", "pdf"}},
            {", 4x", sharp, {"png"}}};
}

/// In every look; `write` gives what went wrong. A row is the slowest of its files; what is refused is none.
void exportsOf(const QString& what,
               const std::function<QString(const FigureStyle& style, const QString& suffix)>& write) {
    for (const Look& look : looks()) {
        const std::string name = "export " + what.toStdString() + look.name;
        if (!table.wanted(name)) continue;
        settle();
        application().take();
        if (application().traced > 0) std::printf("%s\n", name.c_str());
        QString problem;
        for (const char* suffix : look.suffixes)
            application().measure([&] {
                if (problem.isEmpty()) problem = write(look.style, suffix);
            });
        if (problem.isEmpty())
            table.add(name, static_cast<int>(look.suffixes.size()), application().take(), exportLimit);
        else
            skipped(QString::fromStdString(name), problem);
    }
}

void exports(const MainWindow& window, const QString& folder, const QStringList& only) {
    for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>()) {
        panel->ensureFresh();
        if (!only.isEmpty() && !only.contains(panel->title())) continue;
        if (const QString why = panel->emptyText(); !why.isEmpty()) {
            skipped("export " + panel->title(), why);
            continue;
        }
        exportsOf(panel->title(), [&](const FigureStyle& style, const QString& suffix) {
            QString error;
            return panel->exportTo(folder + "/figure." + suffix, &error, style) ? QString() : error;
        });
    }
}

/// All plots in sight on one page, and four of them in a grid.
void exportsOfSeveral(MainWindow& window, const QString& folder) {
    window.resetLayout();
    settle();
    FigureCenter& figures = window.figures();
    figures.exportFigure(nullptr);
    exportsOf("the arrangement", [&](const FigureStyle& style, const QString& suffix) {
        QString error;
        figures.dialog()->setStyle(style);
        return figures.dialog()->saveTo(folder + "/arrangement." + suffix, &error) ? QString() : error;
    });
    figures.dialog()->close();
    figures.compose();
    ComposerDialog& composer = *figures.composer();
    int cells = 0;
    for (DiagnosticPanel* panel : window.plots().panels())
        if (cells < 4 && panel->emptyText().isEmpty()) cells += composer.add(figureSpecOf(*panel, {}));
    exportsOf("a composition", [&](const FigureStyle& style, const QString& suffix) {
        QString error;
        Composition page = composer.composition();
        page.style = style;
        composer.setComposition(page);
        return composer.saveTo(folder + "/composition." + suffix, &error) ? QString() : error;
    });
    composer.close();
    settle();
}

/// Keys and the mouse in the views, as a user's hands do it.
void keysAndMouse(MainWindow& window) {
    HeatMapPlot* map = nullptr;
    for (DiagnosticPanel* panel : window.plots().panels())
        if (auto* one = panel->findChild<HeatMapPlot*>(); one && !map && one->isVisible()) map = one;
    map->setFocus();
    const auto press = [](QWidget* target, int key) {
        QKeyEvent down(QEvent::KeyPress, key, Qt::NoModifier), up(QEvent::KeyRelease, key, Qt::NoModifier);
        QApplication::sendEvent(target, &down);
        QApplication::sendEvent(target, &up);
    };
    interaction("another layer by key", 8,
                [&](int index) { press(map, index < 4 ? Qt::Key_Down : Qt::Key_Up); });
    interaction("another band by key", 8,
                [&](int index) { press(map, index < 4 ? Qt::Key_Right : Qt::Key_Left); });
    const auto move = [](QWidget* target, const QPointF& at) {
        QMouseEvent event(QEvent::MouseMove, at, target->mapToGlobal(at), Qt::NoButton, Qt::NoButton,
                          Qt::NoModifier);
        QApplication::sendEvent(target, &event);
    };
    for (DiagnosticPanel* panel : window.plots().panels()) {
        if (!panel->isVisible() || panel->visibleRegion().isEmpty() || panel->plots().isEmpty()) continue;
        BasePlot* plot = panel->plots().first();
        const QRectF area = plot->rect();
        const QByteArray name = panel->title().toUtf8();
        interaction(("move the mouse over " + name).constData(), 8, [&](int index) {
            move(plot,
                 area.topLeft() + QPointF(area.width() * (index + 1) / 10, area.height() * (index + 1) / 10));
        });
        interaction(("zoom by wheel, " + name).constData(), 6, [&](int index) {
            QWheelEvent event(area.center(), plot->mapToGlobal(area.center()), {},
                              {0, index < 3 ? 120 : -120}, Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase,
                              false);
            QApplication::sendEvent(plot, &event);
        });
        panel->home();
    }
}

void everyTable(MainWindow& window) {
    for (auto* dock : window.plots().findChildren<QDockWidget*>()) {
        auto* panel = qobject_cast<DiagnosticPanel*>(dock->widget());
        if (!panel || !panel->emptyText().isEmpty()) continue;
        dock->raise();
        settle();
        for (auto* button : panel->findChildren<QToolButton*>(QStringLiteral("tableTwin")))
            interaction(("  table of " + panel->title().toUtf8()).constData(), 2,
                        [&](int) { button->toggle(); });
    }
}

QAction* actionOf(const MainWindow& window, const QString& keys) {
    for (QAction* action : window.menuBar()->findChildren<QAction*>())
        if (action->shortcuts().contains(QKeySequence(keys))) return action;
    for (QMenu* menu : window.menuBar()->findChildren<QMenu*>())
        for (QAction* action : menu->actions())
            if (action->shortcuts().contains(QKeySequence(keys))) return action;
    return nullptr;
}

/// The window as a whole: its size, colours, layout, what lies around the plots.
void wholeWindow(MainWindow& window) {
    interaction("resize the window", 6,
                [&](int index) { window.resize(1600 - 60 * (index % 3), 1100 - 40 * (index % 3)); });
    interaction("reset the layout", 2, [&](int) { window.resetLayout(); });
    interaction("light, dark", 4, [&](int index) {
        window.setAppearance(index % 2 == 0 ? AppearanceMode::Dark : AppearanceMode::Light);
    });
    interaction("another colour map everywhere", 2, [&](int index) {
        Preferences now;
        now.appearance = AppearanceMode::Light;
        now.colorMap = index % 2 == 0 ? "cividis" : "viridis";
        window.setPreferences(now);
    });
    for (const char* name : {"setup", "project", "searchSetup", "export", "log"})
        if (auto* dock = window.findChild<QDockWidget*>(name))
            interaction(("raise " + dock->windowTitle().toUtf8()).constData(), 2, [&](int) {
                dock->show();
                dock->raise();
            });
    for (const auto& [name, keys] : {std::pair{"open Settings", "Ctrl+,"},
                                     {"open the handbook", "Shift+F1"},
                                     {"find a command", "Ctrl+K"},
                                     {"keyboard shortcuts", "Ctrl+/"},
                                     {"open Export current plot", "Ctrl+E"},
                                     {"compose a figure", "Ctrl+Shift+F"},
                                     {"copy the current plot", "Ctrl+Shift+C"},
                                     {"copy its table", "Ctrl+Alt+C"},
                                     {"start page, and back", "Ctrl+Home"}}) {
        QAction* action = actionOf(window, keys);
        if (!action) {
            skipped(name, "no such action");
            continue;
        }
        interaction(name, 1, [&](int) { action->trigger(); });
        for (QWidget* other : QApplication::topLevelWidgets())
            if (other != &window && other->isVisible()) other->close();
        settle();
    }
    interaction("back from the start page", 1, [&](int) {
        if (QAction* first = actionOf(window, "Ctrl+1")) first->trigger();
    });
}

/// Until all that is in sight is drawn.
void open(MainWindow& window, const QString& path) {
    bool opened = false;
    const auto noted = QObject::connect(&window, &MainWindow::sessionOpened, [&] { opened = true; });
    application().measure([&] { window.openSession(path); });
    while (!opened) application().pass();
    QObject::disconnect(noted);
    const auto waiting = [&] {
        for (DiagnosticPanel* panel : window.plots().findChildren<DiagnosticPanel*>())
            if (panel->isVisible() && !panel->visibleRegion().isEmpty() && !panel->isFresh()) return true;
        return false;
    };
    while (waiting()) application().pass();
    for (int pass = 0; pass < 3; ++pass) application().pass(); // what they drew is painted
}

/// It is read on other threads, whose waiting for processors is not known: wall time on an idle machine.
void openAndTell(MainWindow& window, const QString& path) {
    application().take();
    if (application().traced > 0) std::printf("open the session\n");
    const double wall = wallNow(), cpu = processTime(), waited = waitedNow();
    open(window, path);
    const double took = wallNow() - wall;
    if (table.wanted("open the session (all of it)"))
        table.add("open the session (all of it)", 1,
                  {took, processTime() - cpu, took - (waitedNow() - waited), 0}, openLimit);
    settle();
    if (table.wanted("open the session (longest pass)"))
        table.add("open the session (longest pass)", 1, application().take(), interactionLimit);
}

struct Files {
    QString folder, session, grouped;
};

/// In a window of its own, as after a start.
void openAndClose(const WindowEnvironment& environment, const Files& files) {
    MainWindow window(environment);
    window.resize(1600, 1100);
    window.resetLayout();
    window.show();
    settle();
    openAndTell(window, files.session);
    interaction("close the session", 1, [&](int) { window.closeSession(window.workspace().current()); });
}

/// The differences of two sessions, in every view with all its options.
void differences(MainWindow& window, SessionId a, SessionId b) {
    window.workspace().setCurrent(a);
    settle();
    const auto last = static_cast<int>(window.workspace().session()->conditions.size()) - 1;
    window.selection().setCondition(last);
    window.compare().choose(b, last - 1);
    interaction("A - B of two sessions", 6, [&](int index) {
        window.compare().show(index % 2 == 0 ? CompareMode::Difference : CompareMode::A);
    });
    if (const QString why = window.compare().show(CompareMode::Difference); !why.isEmpty())
        return skipped("A - B of two sessions", why);
    const int layers = window.workspace().session()->model.layers;
    interaction("select a layer, A - B", 12,
                [&](int index) { window.selection().setLayer(index * 5 % layers); });
    interaction("select a band, A - B", 12, [&](int index) { window.selection().setBand(index % 8); });
    everyView(window, ", A - B");
    window.resetLayout();
    settle();
    dragEdge(table, window, "drag a band edge by a pair, A - B");
    window.compare().clear();
    window.selection().setCompare(CompareMode::A);
}

void twoSessions(MainWindow& window, const Files& files) {
    open(window, files.grouped);
    settle();
    const std::vector<SessionId> both = window.workspace().sessions();
    interaction("another session", 6, [&](int index) {
        window.workspace().setCurrent(both[static_cast<std::size_t>(index) % both.size()]);
    });
    differences(window, both.front(), both.back());
    window.workspace().setCurrent(both.back());
    headGroups(window);
    interaction("close one of two sessions", 1,
                [&](int) { window.closeSession(window.workspace().current()); });
}

void round(const WindowEnvironment& environment, const Files& files, const QStringList& panels) {
    for (int count = 0; count < 3; ++count) openAndClose(environment, files);
    MainWindow window(environment);
    window.setQuestion([](const QString&, QMessageBox::StandardButtons) { return QMessageBox::Discard; });
    window.resize(1600, 1100);
    window.resetLayout();
    window.show();
    settle();
    openAndTell(window, files.session);
    keysAndMouse(window);
    interactions(window);
    everyTable(window);
    wholeWindow(window);
    exports(window, files.folder, panels);
    if (panels.isEmpty()) exportsOfSeveral(window, files.folder);
    twoSessions(window, files);
}

} // namespace

int main(int argc, char** argv) {
    if (qEnvironmentVariableIsEmpty("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
    TimedApplication program(argc, argv);
    QCommandLineParser parser;
    parser.addHelpOption();
    parser.addOptions({{"rounds", "how often all is measured; medians are judged", "N", "1"},
                       {"only", "interactions whose name contains this", "TEXT"},
                       {"trace", "name the events of passes longer than this", "MS", "0"}});
    parser.addPositionalArgument("PANEL", "whose exports are measured; none: all", "[PANEL...]");
    parser.process(program);
    table.only = parser.value("only").toStdString();
    program.traced = parser.value("trace").toDouble();
    QTemporaryDir folder;
    QSettings settings(folder.filePath("settings.ini"), QSettings::IniFormat);
    const Files files{folder.path(), folder.filePath("seven.h5"), folder.filePath("grouped.h5")};
    for (const auto& [file, groups] : {std::pair{files.session, 1}, std::pair{files.grouped, 2}})
        if (const auto saved = saveSession(*sevenB(groups), file.toStdString()); !saved) {
            std::fprintf(stderr, "%s\n", saved.error().message.c_str());
            return 1;
        }
    WindowEnvironment environment;
    environment.settings = &settings;
    for (int count = std::max(1, parser.value("rounds").toInt()); count > 0; --count)
        round(environment, files, parser.positionalArguments());
    table.print();
    std::printf("%d beyond their limit\n", table.over());
    return table.over() == 0 ? 0 : 1;
}
