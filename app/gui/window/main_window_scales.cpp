// The window's wiring of gains by hand: the docks of the editor and of the what-ifs, and conditions made of
// them.
#include "app/gui/export/export_panel.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"

#include <QDockWidget>

namespace qroar {

namespace {
constexpr QSize smallestWhatIfs(220, 100);
}

void MainWindow::buildScales() {
    scales_ = new ManualScales(workspace_, selection_, analysis_, heavy_, files_, this);
    const auto dock = [this](const QString& title, const QString& name, QWidget* content) {
        auto* widget = new QDockWidget(title, this);
        widget->setObjectName(name);
        widget->setWidget(content);
        return widget;
    };
    scalesDock_ = dock(tr("Scales"), "scales", &scales_->editor());
    whatIfDock_ = dock(tr("What-ifs"), "whatIfs", &scales_->list());
    // As of plots: buttons that wrap for a moment must not make the window grow, which never shrinks again.
    scales_->list().setMinimumSize(smallestWhatIfs);
    scales_->list().setSteps(&plots_->steps());
    setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea); // the editor is high
    scales_->setRequest([this] { return setup_->request(); });
    connect(scales_, &ManualScales::message, this, &MainWindow::report);
    connect(scales_, &ManualScales::failed, this, &MainWindow::reportError);
    connect(scales_, &ManualScales::progressed, this, [this](const Progress& progress) {
        runStatus_->show(progress);
        updateTitle();
    });
    connect(scales_, &ManualScales::runningChanged, this, [this](bool running) {
        if (running) messages_->dismiss();
        jobChanged(running);
        if (const SessionId id = std::exchange(closeSessionWhenStopped_, noSession); !running)
            closeSession(id);
        if (!running && closeWhenStopped_) close();
    });
    connect(scales_, &ManualScales::pinned, this, [this](const QString& name) {
        const bool first = !whatIfDock_->isVisible();
        whatIfDock_->show();
        whatIfDock_->raise();
        if (first && !whatIfDock_->isFloating())
            resizeDocks({whatIfDock_}, {whatIfDock_->sizeHint().height()}, Qt::Vertical);
        report(tr("What-if %1 is in the list.").arg(name));
    });
    connect(&scales_->controller(), &ScalesController::edited, this, [this](int id) { unkept_.insert(id); });
    connect(scales_, &ManualScales::conditionRequested, this, &MainWindow::runWithGains);
    connect(&workspace_, &Workspace::whatIfsChanged, exportPanel_, &ExportPanel::setSession);
    const auto inputs = [this] { scales_->update(busy()); };
    connect(&analysis_, &AnalysisController::modelOpened, this, inputs);
    connect(&analysis_, &AnalysisController::documentsOpened, this, inputs);
    connect(setup_, &SetupPanel::requestChanged, this, inputs);
    connect(&selection_, &SelectionModel::changed, this, inputs);
}

/// One condition of the session with gains, then A - B in every view.
void MainWindow::runWithGains(const std::shared_ptr<const ScaleSet>& scales, const ConditionKey& plain) {
    const auto session = workspace_.session();
    if (!session) return;
    gainsToShow_ = {scales->name, plain};
    if (showGains()) return; // it was run before
    SetupRequest request = requestOf(*session, {});
    request.modelPath = setup_->request().modelPath;
    request.documents = setup_->request().documents;
    request.ropes = {plain.rope};
    request.contexts = {plain.context};
    request.quants = {plain.quant};
    request.scales = {scales};
    if (!analysis_.inputsReady() || !analysis_.continues(request)) {
        reportError(tr("A condition needs the model and the documents of this session: open them in Setup."));
        return;
    }
    messages_->dismiss();
    compareWhenDone_ = true;
    if (sessions_.loading() || !analysis_.start(request)) {
        compareWhenDone_ = false;
        reportError(tr("Something else is still being read. Try again in a moment."));
        return;
    }
    log_->add(tr("Analysis started: %1 with the gains %2")
                  .arg(QString::fromStdString(plain.text()), QString::fromStdString(scales->name)));
}

bool MainWindow::showGains() {
    const auto session = workspace_.session();
    if (!session || gainsToShow_.first.empty()) return false;
    ConditionKey key = gainsToShow_.second;
    key.scales = gainsToShow_.first;
    for (std::size_t index = 0; index < session->conditions.size(); ++index)
        if (session->conditions[index]->key == key) selection_.setCondition(static_cast<int>(index));
    if (!session->find(key) || !compare_.showGains(key.scales)) return false;
    report(tr("The views show A \u2212 B: with the gains %1 minus without. Alt+G: before, after, difference.")
               .arg(QString::fromStdString(key.scales)));
    return true;
}

} // namespace qroar
