// The menus, the tool bar and their shortcuts.
#include "app/gui/figures/figure_center.h"
#include "app/gui/help/help_center.h"
#include "app/gui/settings/layout_menu.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/compare_bar.h"
#include "app/gui/window/dialogs.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/selection_bar.h"
#include "app/gui/window/start_page.h"

#include <QAction>
#include <QActionGroup>
#include <QDir>
#include <QDockWidget>
#include <QMenu>
#include <QMenuBar>
#include <QStackedWidget>
#include <QToolBar>

namespace qroar {

namespace {
constexpr char iconProperty[] = "iconName";

/// Shown, and no other tab lies before it: those behind are kept at negative places.
bool isInFront(const QDockWidget& dock) {
    return dock.isVisible()
           && (dock.isFloating() || (dock.geometry().right() >= 0 && dock.geometry().bottom() >= 0));
}

void bringToFront(QDockWidget& dock) {
    dock.show();
    dock.raise();
    if (dock.isFloating()) dock.activateWindow();
    QWidget* content = dock.widget();
    for (QWidget* next = content->nextInFocusChain(); next != content; next = next->nextInFocusChain())
        if (content->isAncestorOf(next) && (next->focusPolicy() & Qt::TabFocus) && next->isEnabled()
            && next->isVisible())
            return next->setFocus(Qt::ShortcutFocusReason);
}

/// Unlike toggleViewAction() it hides only what can be seen: a dock behind another tab comes to the front.
void addDockAction(QMenu& menu, QDockWidget* dock, const QKeySequence& keys) {
    QAction* action = menu.addAction(dock->windowTitle());
    action->setCheckable(true);
    action->setShortcut(keys);
    const auto tell = [action, dock] { action->setChecked(isInFront(*dock)); };
    QObject::connect(dock, &QDockWidget::visibilityChanged, action, tell);
    QObject::connect(&menu, &QMenu::aboutToShow, action, tell);
    QObject::connect(action, &QAction::triggered, dock, [dock, tell] {
        if (isInFront(*dock))
            dock->hide();
        else
            bringToFront(*dock);
        tell();
    });
}

} // namespace

QAction* MainWindow::addAction(QMenu* menu, const QString& text, const QKeySequence& keys,
                               const std::function<void()>& action, const QString& icon) {
    QAction* added = menu->addAction(text);
    added->setShortcut(keys);
    if (!icon.isEmpty()) added->setProperty(iconProperty, icon);
    connect(added, &QAction::triggered, this, [action] { action(); });
    return added;
}

void MainWindow::buildMenus() {
    buildFileMenu();
    buildEditMenu();
    buildSelectionMenu();
    buildViewMenu();
    buildRunMenu();
    buildHelpMenu();
}

void MainWindow::buildFileMenu() {
    QMenu* menu = menuBar()->addMenu(tr("&File"));
    addAction(
        menu, tr("Open &model folder..."), tr("Ctrl+M"), [this] { chooseModelFolder(); }, "model");
    addAction(menu, tr("Open model f&ile..."), tr("Ctrl+Shift+M"), [this] { chooseModelFile(); });
    addAction(
        menu, tr("&Open session..."), QKeySequence::Open, [this] { chooseSession(); }, "open");
    addAction(menu, tr("Open the sam&ple"), tr("Ctrl+Shift+L"), [this] {
        openSample();
    })->setEnabled(samples_.found());
    recentMenu_ = menu->addMenu(tr("&Recent"));
    menu->addSeparator();
    save_ = addAction(
        menu, tr("&Save session"), QKeySequence::Save, [this] { save(); }, "save");
    saveAs_ = addAction(menu, tr("Save session &as..."), tr("Ctrl+Shift+S"), [this] { saveAs(); });
    close_ =
        addAction(menu, tr("&Close session"), tr("Ctrl+W"), [this] { closeSession(workspace_.current()); });
    menu->addSeparator();
    exportCurrent_ =
        addAction(menu, tr("&Export current plot..."), tr("Ctrl+E"), [this] { exportCurrentPlot(); });
    addAction(menu, tr("Export the arran&gement..."), {}, [this] { figures_->exportFigure(nullptr); });
    addAction(menu, tr("Compose a &figure..."), tr("Ctrl+Shift+F"), [this] { figures_->compose(); });
    exportAll_ = addAction(
        menu, tr("Export a&ll plots..."), tr("Ctrl+Shift+E"), [this] { chooseExportFolder(false); },
        "export");
    exportReport_ = addAction(menu, tr("Save a rep&ort..."), tr("Ctrl+Shift+P"), [this] { saveReport(); });
    exportEvery_ = addAction(menu, tr("Export e&very condition and metric..."), tr("Ctrl+Alt+E"),
                             [this] { chooseExportFolder(true); });
    menu->addSeparator();
    addAction(menu, tr("&Quit"), tr("Ctrl+Q"), [this] { close(); })->setMenuRole(QAction::QuitRole);
}

void MainWindow::buildEditMenu() {
    QMenu* menu = menuBar()->addMenu(tr("&Edit"));
    QAction* undo = workspace_.undoGroup()->createUndoAction(this, tr("&Undo"));
    undo->setShortcut(QKeySequence::Undo);
    undo->setProperty(iconProperty, "undo");
    QAction* redo = workspace_.undoGroup()->createRedoAction(this, tr("&Redo"));
    redo->setShortcuts({QKeySequence(tr("Ctrl+Shift+Z")), QKeySequence(tr("Ctrl+Y"))});
    redo->setProperty(iconProperty, "redo");
    menu->addAction(undo);
    menu->addAction(redo);
    menu->addSeparator();
    addAction(menu, tr("&Copy current plot"), tr("Ctrl+Shift+C"),
              [this] { figures_->copyImage(plots_->currentPanel()); });
    addAction(menu, tr("Copy its &table"), tr("Ctrl+Alt+C"), [this] { plots_->currentPanel()->copyTable(); });
    addAction(menu, tr("Copy the co&mmand that reproduces this figure"), tr("Ctrl+Shift+K"),
              [this] { figures_->copyCommand(plots_->currentPanel(), settings_.figureStyle()); });
    menu->addSeparator();
    addAction(menu, tr("Se&ttings..."), tr("Ctrl+,"), [this] {
        showSettings();
    })->setMenuRole(QAction::PreferencesRole);
}

void MainWindow::buildSelectionMenu() {
    QMenu* menu = menuBar()->addMenu(tr("&Select"));
    addAction(menu, tr("Next &layer"), tr("Alt+Down"), [this] { selectionBar_->stepLayer(1); });
    addAction(menu, tr("Previous la&yer"), tr("Alt+Up"), [this] { selectionBar_->stepLayer(-1); });
    addAction(menu, tr("Next &band"), tr("Alt+Right"), [this] { selectionBar_->stepBand(1); });
    addAction(menu, tr("Previous ba&nd"), tr("Alt+Left"), [this] { selectionBar_->stepBand(-1); });
    addAction(menu, tr("Next &condition"), tr("Ctrl+PgDown"), [this] { selectionBar_->stepCondition(1); });
    addAction(menu, tr("Previous c&ondition"), tr("Ctrl+PgUp"), [this] { selectionBar_->stepCondition(-1); });
    menu->addSeparator();
    addAction(menu, tr("&Query or key"), tr("Alt+Q"), [this] { selectionBar_->toggleTensor(); });
    addAction(menu, tr("Before or after &RoPE"), tr("Alt+R"), [this] { selectionBar_->toggleStage(); });
    addAction(menu, tr("Ne&xt pair"), tr("Alt+Shift+Right"), [this] { selectionBar_->stepPair(1); });
    addAction(menu, tr("Previous pa&ir"), tr("Alt+Shift+Left"), [this] { selectionBar_->stepPair(-1); });
    addAction(menu, tr("&Whole band"), tr("Alt+Shift+W"), [this] { selectionBar_->wholeBand(); });
    addAction(menu, tr("Next &head group"), tr("Alt+Shift+Down"), [this] { selectionBar_->stepGroup(1); });
    addAction(menu, tr("Previous head gro&up"), tr("Alt+Shift+Up"), [this] { selectionBar_->stepGroup(-1); });
    menu->addSeparator();
    const auto compare = [this, menu](const QString& text, const QString& keys,
                                      const std::function<QString()>& change) {
        addAction(menu, text, keys, [this, change] {
            if (const QString reason = change(); !reason.isEmpty()) report(reason);
        });
    };
    compare(tr("Show &A"), tr("Alt+A"), [this] { return compare_.show(CompareMode::A); });
    compare(tr("Show B"), tr("Alt+B"), [this] { return compare_.show(CompareMode::B); });
    compare(tr("Show the &difference A \u2212 B"), tr("Alt+D"),
            [this] { return compare_.show(CompareMode::Difference); });
    compare(tr("&Exchange A and B"), tr("Alt+X"), [this] { return compare_.swap(); });
    compare(tr("Before, after the &gains, difference"), tr("Alt+G"), [this] { return compare_.stepGains(); });
}

void MainWindow::buildViewMenu() {
    QMenu* menu = menuBar()->addMenu(tr("&View"));
    int number = 1;
    for (DiagnosticPanel* panel : plots_->panels()) {
        addAction(menu, tr("Go to %1").arg(panel->title()),
                  QKeySequence(number <= 9 ? QStringLiteral("Ctrl+%1").arg(number)
                                           : QStringLiteral("Ctrl+Alt+%1").arg(number - 9)),
                  [this, panel] {
                      showPlots();
                      plots_->showPanel(panel);
                  });
        ++number;
    }
    addAction(menu, tr("Reset &zoom of current plot"), tr("Ctrl+0"),
              [this] { plots_->currentPanel()->home(); });
    addAction(menu, tr("Zoom &back"), tr("Ctrl+["), [this] { plots_->currentPanel()->zoomBack(); });
    addAction(menu, tr("Zoom &forward"), tr("Ctrl+]"), [this] { plots_->currentPanel()->zoomForward(); });
    QAction* drag = addAction(menu, tr("Zoom by &dragging in all plots"), tr("Ctrl+B"), [] {});
    drag->setCheckable(true);
    connect(drag, &QAction::toggled, this, [this](bool on) {
        for (DiagnosticPanel* panel : plots_->panels()) panel->setZoomMode(on);
    });
    menu->addSeparator();
    QMenu* panels = menu->addMenu(tr("&Panels"));
    plots_->addViewActions(panels);
    panels->addSeparator();
    const std::pair<QDockWidget*, const char*> docks[] = {
        {setupDock_, "F2"},  {projectDock_, "F3"}, {logDock_, "F4"},    {searchDock_, "F6"},
        {exportDock_, "F7"}, {bandsDock_, "F8"},   {scalesDock_, "F9"}, {whatIfDock_, "Shift+F9"}};
    for (const auto& [dock, key] : docks) addDockAction(*menu, dock, QKeySequence(QLatin1String(key)));
    addAction(menu, tr("Ne&xt session"), tr("Ctrl+Tab"), [this] { workspace_.step(1); });
    addAction(menu, tr("Previous s&ession"), tr("Ctrl+Shift+Tab"), [this] { workspace_.step(-1); });
    addAction(menu, tr("&Start page"), tr("Ctrl+Home"), [this] { pages_->setCurrentWidget(start_); });
    QMenu* layouts = menu->addMenu(tr("&Layouts"));
    addAction(layouts, tr("&Reset layout"), tr("Ctrl+Shift+R"), [this] { resetLayout(); });
    layouts->addSeparator();
    layouts_ = new LayoutMenu(
        layouts, settings_,
        [this] {
            return AppSettings::Layout{{}, saveState(), plots_->saveState()};
        },
        [this](const AppSettings::Layout& layout) {
            restoreState(layout.docks);
            plots_->restoreLayout(layout.plots);
        });
    menu->addSeparator();
    QMenu* appearance = menu->addMenu(tr("&Appearance"));
    appearanceGroup_ = new QActionGroup(this);
    const std::pair<QString, AppearanceMode> modes[] = {{tr("&System"), AppearanceMode::System},
                                                        {tr("&Light"), AppearanceMode::Light},
                                                        {tr("&Dark"), AppearanceMode::Dark},
                                                        {tr("High &contrast"), AppearanceMode::HighContrast}};
    for (const auto& [text, mode] : modes) {
        QAction* action = addAction(appearance, text, {}, [this, chosen = mode] { setAppearance(chosen); });
        action->setCheckable(true);
        action->setData(static_cast<int>(mode));
        action->setChecked(mode == settings_.appearance());
        appearanceGroup_->addAction(action);
    }
    addAction(appearance, tr("S&witch light and dark"), tr("Ctrl+Shift+D"), [this] {
        setAppearance(Appearance::isDark(palette()) ? AppearanceMode::Light : AppearanceMode::Dark);
    });
}

void MainWindow::buildRunMenu() {
    QMenu* menu = menuBar()->addMenu(tr("R&un")); // Alt+R: before or after RoPE
    run_ = addAction(
        menu, tr("&Run the analysis"), tr("Ctrl+R"), [this] { startRun(); }, "run");
    stop_ = addAction(
        menu, tr("&Stop"), tr("Ctrl+."), [this] { stopRun(); }, "stop");
    menu->addSeparator();
    addAction(menu, tr("Start the s&earch"), tr("Ctrl+Shift+G"), [this] { startSearch(); });
    compareScales_ =
        addAction(menu, tr("Run with the newest &gains"), tr("Ctrl+G"), [this] { startScaledRun(); });
    addAction(menu, tr("E&xport the model"), tr("Ctrl+Shift+X"), [this] {
        exportDock_->show();
        exportDock_->raise();
    });
}

void MainWindow::buildHelpMenu() {
    QMenu* menu = menuBar()->addMenu(tr("&Help"));
    help_ = new HelpCenter(this);
    addAction(menu, tr("&Handbook"), tr("Shift+F1"), [this] { help_->showHandbook(); });
    addAction(menu, tr("&Explain this panel"), tr("F1"), [this] { help_->showForFocus(); });
    addAction(menu, tr("&Find a command..."), tr("Ctrl+K"), [this] { help_->showCommands(); });
    addAction(menu, tr("Keyboard &shortcuts"), tr("Ctrl+/"), [this] { help_->showShortcuts(); });
    menu->addSeparator();
    addAction(menu, tr("&About"), {}, [this] { showAbout(this); })->setMenuRole(QAction::AboutRole);
}

void MainWindow::buildToolBar() {
    toolBar_ = new QToolBar(tr("Main tool bar"), this);
    toolBar_->setObjectName(QStringLiteral("mainToolBar"));
    toolBar_->setIconSize({18, 18});
    toolBar_->setMovable(false);
    addToolBar(toolBar_);
    QAction* open = nullptr;
    QList<QAction*> edits;
    for (QMenu* menu : menuBar()->findChildren<QMenu*>(QString(), Qt::FindDirectChildrenOnly))
        for (QAction* action : menu->actions()) {
            const QString icon = action->property(iconProperty).toString();
            if (icon == "open") open = action;
            if (icon == "undo" || icon == "redo") edits << action;
        }
    toolBar_->addActions({open, save_});
    toolBar_->addActions(edits);
    toolBar_->addActions({run_, stop_, exportAll_});
    toolBar_->addSeparator();
    toolBar_->addWidget(compareBar_);
    pathBar_ = new QToolBar(tr("Selection"), this);
    pathBar_->setObjectName(QStringLiteral("selectionBar"));
    pathBar_->setMovable(false);
    addToolBarBreak();
    addToolBar(pathBar_);
    pathBar_->addWidget(selectionBar_);
}

void MainWindow::updateIcons() {
    start_->updateIcons(palette());
    compareBar_->updateIcons(palette());
    for (MessageBar* bar : {messages_, recovery_}) bar->follow(palette());
    for (QMenu* menu : menuBar()->findChildren<QMenu*>())
        for (QAction* action : menu->actions())
            if (const QString name = action->property(iconProperty).toString(); !name.isEmpty())
                action->setIcon(themedIcon(name, palette()));
}

void MainWindow::updateRecent() {
    recentMenu_->clear();
    const auto add = [this](const QString& path, void (MainWindow::*open)(const QString&)) {
        QAction* action = recentMenu_->addAction(QDir::toNativeSeparators(path));
        connect(action, &QAction::triggered, this, [this, open, path] { (this->*open)(path); });
    };
    recentMenu_->addSection(tr("Sessions"));
    for (const QString& path : settings_.recentSessions()) add(path, &MainWindow::openSession);
    recentMenu_->addSection(tr("Models"));
    for (const QString& path : settings_.recentModels()) add(path, &MainWindow::openModel);
    recentMenu_->addSeparator();
    QAction* clear = recentMenu_->addAction(tr("&Clear this list"));
    connect(clear, &QAction::triggered, this, [this] {
        settings_.clearRecent();
        updateRecent();
    });
    start_->setRecent(settings_.recentSessions(), settings_.recentModels());
}

} // namespace qroar
