#include "app/gui/window/main_window.h"
#include "app/gui/figures/figure_center.h"

#include "app/gui/export/export_panel.h"
#include "app/gui/resources.h"
#include "app/gui/search/search_setup.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/compare_bar.h"
#include "app/gui/window/dock_grip.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/project_tree.h"
#include "app/gui/window/run_status.h"
#include "app/gui/window/selection_bar.h"
#include "app/gui/window/session_tabs.h"
#include "app/gui/window/start_page.h"
#include "core/base/strings.h"
#include "widgets/common/default_condition.h"
#include "widgets/common/names.h"
#include "widgets/common/step_queue.h"
#include "widgets/common/tab_order.h"
#include "widgets/panels/spectrum_panel.h"

#include <QAction>
#include <QActionGroup>
#include <QDockWidget>
#include <QFileInfo>
#include <QLabel>
#include <QMenu>
#include <QStackedWidget>
#include <QStatusBar>
#include <QToolBar>
#include <QVBoxLayout>

namespace qroar {

namespace {
constexpr int sideCharacters = 42; ///< of average width
constexpr int lowDock = 140;       ///< pixels, of those below the plots: what they take, the plots lack
} // namespace

MainWindow::MainWindow(const WindowEnvironment& environment, QWidget* parent)
    : QMainWindow(parent), settings_(*environment.settings), autosave_(environment.autosaveFolder),
      samples_(findSamples(environment.sampleFolders)), compare_(workspace_, selection_),
      analysis_(workspace_, heavy_, files_), sessions_(workspace_, files_),
      search_(workspace_, analysis_, heavy_), exporting_(heavy_), taskbar_(environment.taskbar) {
    question_ = [this](const QString& text, QMessageBox::StandardButtons buttons) {
        return QMessageBox::question(this, tr("Q-ROAR Workbench"), text, buttons);
    };
    loadWorkbenchResources();
    appearance_.apply(settings_.appearance());
    setWindowIcon(QIcon(QStringLiteral(":/icons/qroar-workbench.svg")));
    setDockOptions(AnimatedDocks | AllowTabbedDocks | AllowNestedDocks);
    setTabPosition(Qt::AllDockWidgetAreas, QTabWidget::North);
    buildPanels();
    buildDocks();
    buildStatusBar();
    buildMenus();
    buildToolBar();
    connectWorkspace();
    connectSessions();
    connectSetup();
    connectAnalysis();
    connectSearch();
    connectExport();
    connectFiles();
    buildComfort();
    updateRecent();
    updateIcons();
    sessionChanged(nullptr);
    restoreLayout();
}

MainWindow::~MainWindow() {
    // The panels hear of the selection until they are gone; jobs must not reach a half-destroyed window.
    compare_.disconnect();
    analysis_.disconnect(this);
    sessions_.disconnect(this);
    search_.disconnect(this);
    exporting_.disconnect(this);
    workspace_.disconnect(this);
    delete std::exchange(scales_, nullptr);
    workspace_.undoGroup()->disconnect();
}

void MainWindow::buildPanels() {
    setup_ = new SetupPanel;
    project_ = new ProjectTree(&selection_);
    searchSetup_ = new SearchSetup;
    exportPanel_ = new ExportPanel;
    log_ = new LogPanel;
    plots_ = new PlotArea(&selection_);
    figures_ = new FigureCenter(this, *plots_, workspace_, compare_, settings_);
    connect(figures_, &FigureCenter::message, this, &MainWindow::report);
    connect(figures_, &FigureCenter::failed, this, &MainWindow::reportError);
    start_ = new StartPage(samples_.found());
    connect(start_, &StartPage::sampleRequested, this, &MainWindow::openSample);
    connect(start_, &StartPage::openModelRequested, this, &MainWindow::chooseModelFolder);
    connect(start_, &StartPage::openSessionRequested, this, &MainWindow::chooseSession);
    connect(start_, &StartPage::sessionPicked, this, &MainWindow::openSession);
    connect(start_, &StartPage::modelPicked, this, &MainWindow::openModel);
    messages_ = new MessageBar;
    recovery_ = new MessageBar;
    recovery_->setObjectName(QStringLiteral("recoveryBar"));
    selectionBar_ = new SelectionBar(&selection_);
    compareBar_ = new CompareBar(workspace_, selection_, compare_);
    tabs_ = new SessionTabs(workspace_);
    pages_ = new QStackedWidget;
    pages_->addWidget(start_);
    pages_->addWidget(plots_);
    auto* middle = new QWidget;
    auto* column = new QVBoxLayout(middle);
    column->setContentsMargins(0, 0, 0, 0);
    column->setSpacing(0);
    column->addWidget(recovery_);
    column->addWidget(messages_);
    column->addWidget(tabs_);
    column->addWidget(pages_, 1);
    setCentralWidget(middle);
}

void MainWindow::buildDocks() {
    const auto dock = [this](const QString& title, const QString& name, QWidget* content) {
        auto* widget = new QDockWidget(title, this);
        widget->setObjectName(name);
        widget->setWidget(content);
        return widget;
    };
    setupDock_ = dock(tr("Setup"), "setup", setup_);
    projectDock_ = dock(tr("Project"), "project", project_);
    searchDock_ = dock(tr("Search"), "searchSetup", searchSetup_);
    exportDock_ = dock(tr("Export"), "export", exportPanel_);
    logDock_ = dock(tr("Log"), "log", log_);
    buildBandsDock();
    setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
    for (QDockWidget* tabbed : {setupDock_, projectDock_, searchDock_, exportDock_}) useGrip(tabbed);
    buildScales();
    for (const auto* each : findChildren<QDockWidget*>(QString(), Qt::FindDirectChildrenOnly))
        tabAsLaidOut(each->widget());
    resize(1280, 800);
    arrangeDocks();
}

void MainWindow::resetLayout() {
    arrangeDocks();
    settings_.forgetLayout();
}

void MainWindow::arrangeDocks() {
    for (QDockWidget* dock :
         {setupDock_, projectDock_, searchDock_, exportDock_, logDock_, scalesDock_, whatIfDock_}) {
        dock->setFloating(false);
        removeDockWidget(dock);
    }
    addDockWidget(Qt::LeftDockWidgetArea, setupDock_);
    tabifyDockWidget(setupDock_, projectDock_);
    tabifyDockWidget(projectDock_, searchDock_);
    tabifyDockWidget(searchDock_, exportDock_);
    addDockWidget(Qt::BottomDockWidgetArea, logDock_);
    addDockWidget(Qt::RightDockWidgetArea, scalesDock_);
    tabifyDockWidget(logDock_, whatIfDock_);
    scalesDock_->hide();
    whatIfDock_->hide();
    arrangeBandsDock();
    setupDock_->show();
    projectDock_->show();
    searchDock_->show();
    exportDock_->show();
    logDock_->hide();
    setupDock_->raise();
    resizeDocks({setupDock_}, {sideCharacters * fontMetrics().averageCharWidth()}, Qt::Horizontal);
    resizeDocks({logDock_}, {lowDock}, Qt::Vertical);
    plots_->resetLayout(height());
}

void MainWindow::restoreLayout() {
    const AppSettings::Layout layout = settings_.layout();
    if (!layout.geometry.isEmpty()) {
        restoreGeometry(layout.geometry);
        keepReachable();
    }
    if (!layout.docks.isEmpty()) restoreState(layout.docks);
    if (!layout.plots.isEmpty()) plots_->restoreLayout(layout.plots);
}

void MainWindow::buildStatusBar() {
    statusText_ = new QLabel;
    statusText_->setAccessibleName(tr("Status"));
    statusText_->setTextFormat(Qt::PlainText);
    runStatus_ = new RunStatus;
    statusBar()->addWidget(statusText_, 1);
    statusBar()->addPermanentWidget(runStatus_);
    connect(runStatus_, &RunStatus::cancelRequested, this, &MainWindow::stopRun);
}

void MainWindow::connectWorkspace() {
    connect(&workspace_, &Workspace::sessionChanged, this, &MainWindow::sessionChanged);
    connectBands();
    connect(&workspace_, &Workspace::dirtyChanged, this, &MainWindow::updateTitle);
    connect(&workspace_, &Workspace::pathChanged, this, &MainWindow::updateTitle);
    connect(plots_, &PlotArea::message, this, &MainWindow::report);
    connect(plots_, &PlotArea::failed, this, &MainWindow::reportError);
    // Until the user picks a condition, the views follow the most telling one that is done.
    connect(&selection_, &SelectionModel::changed, this, [this](const Selection& now) {
        const auto session = workspace_.session();
        if (session && now.condition != mostTellingCondition(*session)) followResults_ = false;
    });
}

void MainWindow::connectSetup() {
    connect(setup_, &SetupPanel::modelPathChosen, this, &MainWindow::openModel);
    connect(setup_, &SetupPanel::documentsChosen, &analysis_, &AnalysisController::openDocuments);
    connect(setup_, &SetupPanel::browseModelFolder, this, &MainWindow::chooseModelFolder);
    connect(setup_, &SetupPanel::browseModelFile, this, &MainWindow::chooseModelFile);
    connect(setup_, &SetupPanel::browseDocuments, this, &MainWindow::chooseDocuments);
    connect(setup_, &SetupPanel::runRequested, this, &MainWindow::startRun);
    connect(setup_, &SetupPanel::requestChanged, this, [this] {
        updateDone();
        analysis_.estimateLater(setup_->request());
    });
    connect(&analysis_, &AnalysisController::modelBusy, setup_, &SetupPanel::showModelBusy);
    connect(&analysis_, &AnalysisController::modelOpened, setup_, &SetupPanel::showModel);
    connect(&analysis_, &AnalysisController::modelFailed, setup_, &SetupPanel::showModelProblem);
    connect(&analysis_, &AnalysisController::documentsBusy, setup_, &SetupPanel::showDocumentsBusy);
    connect(&analysis_, &AnalysisController::documentsOpened, setup_, &SetupPanel::showDocuments);
    connect(&analysis_, &AnalysisController::documentsFailed, setup_, &SetupPanel::showDocumentsProblem);
    connect(&analysis_, &AnalysisController::estimateBusy, setup_, &SetupPanel::showEstimateBusy);
    connect(&analysis_, &AnalysisController::estimated, setup_, &SetupPanel::showEstimate);
    connect(&analysis_, &AnalysisController::estimateFailed, setup_, &SetupPanel::showEstimateProblem);
}

void MainWindow::connectAnalysis() {
    connect(&analysis_, &AnalysisController::modelOpened, this, [this](const OpenedModel& opened) {
        plots_->setModel(*opened.model);
        const QString path = QString::fromStdString(opened.model->path().string());
        const QString text = tr("Opened model %1.").arg(path);
        if (quietModel_) {
            log_->add(text);
        } else {
            settings_.addRecentModel(path);
            updateRecent();
            report(text);
        }
        for (const std::string& warning : opened.model->warnings())
            log_->add(QString::fromStdString(warning));
        if (!opened.tokenizer) log_->add(opened.tokenizerProblem);
    });
    connect(&analysis_, &AnalysisController::modelFailed, this, &MainWindow::reportError);
    connect(&analysis_, &AnalysisController::documentsFailed, this, &MainWindow::reportError);
    connect(&analysis_, &AnalysisController::runningChanged, this, [this](bool running) {
        setup_->setRunning(running);
        jobChanged(running);
        if (!running) showAwaitedInputs();
        if (!running && std::exchange(compareWhenDone_, false)) showDifference();
        if (!running)
            for (const auto& [id, path] : std::exchange(pendingSaves_, {}))
                sessions_.save(id, path, viewStateOf(id));
        if (const SessionId id = std::exchange(closeSessionWhenStopped_, noSession); !running)
            closeSession(id);
        if (!running && closeWhenStopped_) close();
    });
    connect(&analysis_, &AnalysisController::autosaveEnded, this, [this](int id) {
        if (!hasUnkept(id)) autosave_.discard(id); // saved, or not wanted, while it was written
        if (!analysis_.autosaving() && std::exchange(closeWhenAutosaved_, false)) close();
    });
    connect(&analysis_, &AnalysisController::progressed, this, [this](const Progress& progress) {
        runStatus_->show(progress);
        updateTitle();
    });
    connect(&analysis_, &AnalysisController::conditionFinished, this, [this](const ConditionResult& result) {
        log_->add(
            tr("%1 done in %2.")
                .arg(conditionName(result.key), QString::fromStdString(formatDuration(result.seconds))));
    });
    connect(&analysis_, &AnalysisController::analysisFinished, this, &MainWindow::report);
    connect(&analysis_, &AnalysisController::analysisCancelled, this, &MainWindow::report);
    connect(&analysis_, &AnalysisController::analysisFailed, this, &MainWindow::reportError);
    connect(&analysis_, &AnalysisController::warning, this, &MainWindow::reportError);
}

void MainWindow::sessionChanged(const std::shared_ptr<const Session>& session) {
    if (session && (followResults_ || selection_.selection().condition < 0)) {
        selection_.setCondition(mostTellingCondition(*session));
        followResults_ = true;
    }
    plots_->setSession(session);
    project_->setSession(session);
    selectionBar_->setSession(session);
    searchSetup_->setSession(session);
    exportPanel_->setSession(session);
    // In a step of its own: the views compute what they show when they come into sight.
    if (session && showsStartPage())
        plots_->steps().later(this, [this] {
            if (workspace_.hasSession()) showPlots();
        });
    updateDone();
    analysis_.estimateLater(setup_->request()); // what is done costs nothing
    updateActions();
    updateTitle();
}

void MainWindow::updateDone() {
    const auto session = workspace_.session();
    int done = 0;
    QString reason;
    if (session && analysis_.inputsReady()) {
        const AnalysisPlan plan = analysis_.plan(setup_->request());
        reason = whyNotContinued(*session, plan);
        if (reason.isEmpty()) done = conditionsDone(*session, plan);
    }
    setup_->setDone(done, reason);
}

void MainWindow::startRun() {
    if (const QString problem = setup_->problem(); !problem.isEmpty()) {
        reportError(problem);
        return;
    }
    const SetupRequest request = setup_->request();
    messages_->dismiss();
    if (sessions_.loading() || !analysis_.start(request)) {
        reportError(tr("Something else is still being read. Try again in a moment."));
        return;
    }
    log_->add(tr("Analysis started: %1").arg(QString::fromStdString(reproduceCommand(request))));
}

void MainWindow::stopRun() {
    runStatus_->stopping();
    analysis_.cancel();
    if (exporting_.running()) report(tr("Export cancelled: the folder is not written."));
    exporting_.cancel();
    if (search_.running()) search_.pause();
    scales_->controller().cancel();
}

void MainWindow::showPlots() {
    pages_->setCurrentWidget(plots_);
}

bool MainWindow::showsStartPage() const {
    return pages_->currentWidget() == start_;
}

void MainWindow::updateTitle() {
    QString title = tr("%1[*] - Q-ROAR Workbench").arg(workspace_.name(workspace_.current()));
    if (busy())
        title = runStatus_->timeLeft().isEmpty()
                    ? tr("%1 % - %2").arg(runStatus_->percent()).arg(title)
                    : tr("%1 %, %2 left - %3").arg(runStatus_->percent()).arg(runStatus_->timeLeft(), title);
    setWindowTitle(title);
    if (busy())
        taskbar_.show(runStatus_->percent() / 100.0);
    else
        taskbar_.hide();
    setWindowModified(workspace_.dirty());
    if (save_)
        save_->setEnabled(workspace_.hasSession() && (workspace_.dirty() || workspace_.path().isEmpty()));
}

void MainWindow::updateActions() {
    const bool session = workspace_.hasSession();
    for (QAction* action : {saveAs_, exportCurrent_, exportAll_, exportEvery_, exportReport_, close_})
        action->setEnabled(session);
    run_->setEnabled(!busy());
    stop_->setEnabled(busy());
    compareScales_->setEnabled(!busy() && session && !workspace_.session()->searches.empty());
}

void MainWindow::report(const QString& text) {
    log_->add(text);
    statusText_->setText(text);
}

void MainWindow::reportError(const QString& text) {
    log_->addError(text);
    messages_->show(MessageBar::Kind::Error, text);
    emit errorShown(text);
}

void MainWindow::setAppearance(AppearanceMode mode) {
    settings_.setAppearance(mode);
    appearance_.apply(mode);
    for (QAction* action : appearanceGroup_->actions())
        action->setChecked(action->data().toInt() == static_cast<int>(mode));
}

void MainWindow::changeEvent(QEvent* event) {
    QMainWindow::changeEvent(event);
    if (event->type() == QEvent::ActivationChange && isActiveWindow()) sessions_.lookAtFiles();
    if (event->type() == QEvent::PaletteChange && toolBar_) updateIcons();
    if (event->type() == QEvent::ThemeChange && toolBar_) appearance_.followSystem(settings_.appearance());
}

} // namespace qroar
