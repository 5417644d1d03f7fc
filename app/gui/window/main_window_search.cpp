// The window's wiring of searches and exports.
#include "app/gui/export/export_panel.h"
#include "app/gui/search/search_setup.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"
#include "core/session/search_record.h"
#include "widgets/panels/search_panel.h"

#include <QDir>
#include <QDockWidget>
#include <QFileDialog>

namespace qroar {

QString MainWindow::whatStoppingDoes() const {
    if (search_.running()) return tr("Pause the search; it can be resumed");
    if (exporting_.running()) return tr("Stop the export; the folder is not written");
    if (scales_ && scales_->running()) return tr("Stop the evaluation; nothing of it is kept");
    return tr("Stop the analysis; finished conditions are kept");
}

QString MainWindow::stopAndQuit() const {
    if (search_.running())
        return tr("A search is running. Stop it and quit? What it found so far can be kept.");
    if (exporting_.running()) return tr("An export is running. Stop it and quit? The folder is not written.");
    if (scales_ && scales_->running())
        return tr("An evaluation of gains is running. Stop it and quit? Nothing of it is kept.");
    return tr("An analysis is running. Stop it and quit? Finished conditions can be saved.");
}

bool MainWindow::settleSearch() {
    const auto record = search_.record();
    if (!record || record->trials.empty() || searchUnwanted_) return true;
    const auto answer = question_(
        tr("A search of %1 is neither accepted nor discarded. Put what it found into the session before "
           "quitting?")
            .arg(workspace_.name(search_.target())),
        QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
    searchUnwanted_ = answer == QMessageBox::Discard; // the next question may still be answered with Cancel
    if (answer == QMessageBox::Save) search_.accept();
    return searchUnwanted_ || !search_.record();
}

bool MainWindow::hasUnkept(SessionId id) const {
    return workspace_.dirty(id) || (search_.record() && search_.target() == id);
}

void MainWindow::jobChanged(bool running) {
    if (running)
        runStatus_->begin(whatStoppingDoes());
    else
        runStatus_->end();
    searchSetup_->setBlocked(busy() && !search_.running());
    exportPanel_->setBlocked(busy());
    scales_->update(busy());
    updateActions();
    updateTitle();
}

void MainWindow::connectSearch() {
    connect(&analysis_, &AnalysisController::modelOpened, searchSetup_, &SearchSetup::setModel);
    connect(&analysis_, &AnalysisController::documentsOpened, searchSetup_, &SearchSetup::setDocuments);
    connect(searchSetup_, &SearchSetup::startRequested, this, &MainWindow::startSearch);
    connect(searchSetup_, &SearchSetup::pauseRequested, &search_, &SearchController::pause);
    connect(searchSetup_, &SearchSetup::stopRequested, &search_, &SearchController::stop);
    connect(searchSetup_, &SearchSetup::acceptRequested, &search_, &SearchController::accept);
    connect(searchSetup_, &SearchSetup::discardRequested, &search_, &SearchController::discard);
    connect(searchSetup_, &SearchSetup::resumeRequested, this, [this] {
        if (!search_.resume()) reportError(tr("Something else is running. Resume when it is done."));
    });
    connect(&search_, &SearchController::stateChanged, this, [this] {
        searchSetup_->setState(search_.state());
        jobChanged(search_.running());
        if (search_.state() == SearchController::State::Paused)
            report(tr("Search paused; it can be resumed."));
        if (search_.state() == SearchController::State::Undecided)
            report(tr("Search done: accept the gains into the session, or discard them."));
        if (!search_.running() && closeWhenStopped_) close();
    });
    connect(&search_, &SearchController::recordChanged, searchSetup_, &SearchSetup::setRecord);
    connect(&search_, &SearchController::recordChanged, plots_->searches(), &SearchPanel::setLive);
    connect(&search_, &SearchController::recordChanged, this, [this] { // its trials are autosaved, too
        searchUnwanted_ = false;
        const SessionId id = search_.target();
        if (search_.record())
            unkept_.insert(id);
        else if (!workspace_.dirty(id))
            autosave_.discard(id);
    });
    connect(&search_, &SearchController::progressed, this, [this](const Progress& progress) {
        runStatus_->show(progress);
        updateTitle();
    });
    connect(&search_, &SearchController::failed, this, &MainWindow::reportError);
    connect(&search_, &SearchController::accepted, this, [this](const QString& name) {
        report(tr("Gains %1 are part of the session.").arg(name));
        messages_->show(
            MessageBar::Kind::Information,
            tr("Run the conditions of the session with the gains %1 too, to see before and after in "
               "every view?")
                .arg(name));
        messages_->addButton(tr("Run with gains"), [this] { startScaledRun(); });
    });
}

void MainWindow::startSearch() {
    auto task = searchSetup_->task();
    if (!task) {
        reportError(QString::fromStdString(task.error().message));
        return;
    }
    const auto session = workspace_.session();
    if (!session || session->modelFingerprint != task->plan.model->fingerprint()) {
        AnalysisPlan plan = analysis_.plan(setup_->request());
        workspace_.open(std::make_shared<const Session>(emptySession(plan)), {});
    }
    messages_->dismiss();
    if (!search_.start(std::move(*task))) {
        reportError(tr("Something else is running. Start the search when it is done."));
        return;
    }
    showPlots();
    plots_->showPanel(plots_->searches());
    log_->add(tr("Search started."));
}

void MainWindow::startScaledRun() {
    const auto session = workspace_.session();
    if (!session || session->searches.empty()) return;
    SetupRequest request = requestOf(*session, {});
    request.modelPath = setup_->request().modelPath;
    request.documents = setup_->request().documents;
    const auto& newest = session->searches.back();
    request.scales = {std::shared_ptr<const ScaleSet>(newest, &newest->scales)};
    if (!analysis_.inputsReady() || !analysis_.continues(request)) {
        reportError(
            tr("Before and after need the model and the documents of this session: open them in Setup."));
        return;
    }
    messages_->dismiss();
    gainsToShow_ = {};
    compareWhenDone_ = true;
    if (sessions_.loading() || !analysis_.start(request)) {
        compareWhenDone_ = false;
        reportError(tr("Something else is still being read. Try again in a moment."));
    }
}

void MainWindow::showDifference() {
    const auto session = workspace_.session();
    if (analysis_.target() == workspace_.current() && showGains()) return;
    if (!session || session->searches.empty() || analysis_.target() != workspace_.current()) return;
    const std::string& gains = session->searches.back()->scales.name;
    if (!compare_.showGains(gains)) return;
    report(tr("The views show A \u2212 B: with the gains %1 minus without. Alt+G: before, after, difference.")
               .arg(QString::fromStdString(gains)));
}

void MainWindow::connectExport() {
    connect(&analysis_, &AnalysisController::modelOpened, exportPanel_, &ExportPanel::setModel);
    connect(&analysis_, &AnalysisController::documentsOpened, exportPanel_, &ExportPanel::setDocuments);
    connect(exportPanel_, &ExportPanel::exportRequested, this, &MainWindow::startExport);
    connect(exportPanel_, &ExportPanel::browseRequested, this, &MainWindow::chooseExportTarget);
    connect(exportPanel_, &ExportPanel::requestChanged, this, [this] {
        if (const auto task = exportPanel_->task()) exporting_.estimateLater(*task);
    });
    connect(&exporting_, &ExportController::estimated, exportPanel_, &ExportPanel::showEstimate);
    connect(&exporting_, &ExportController::refused, exportPanel_, &ExportPanel::showProblem);
    connect(&exporting_, &ExportController::runningChanged, this, [this](bool running) {
        jobChanged(running);
        if (!running && closeWhenStopped_) close();
    });
    connect(&exporting_, &ExportController::progressed, this, [this](const Progress& progress) {
        runStatus_->show(progress);
        updateTitle();
    });
    connect(&exporting_, &ExportController::exported, this, [this](const ExportReport& report) {
        exportPanel_->showReport(report);
        this->report(tr("Exported and verified: %1").arg(QString::fromStdString(report.path.string())));
    });
    connect(&exporting_, &ExportController::failed, this, [this](const QString& message) {
        exportPanel_->showProblem(message);
        reportError(message);
    });
}

void MainWindow::startExport() {
    const auto task = exportPanel_->task();
    if (!task) {
        reportError(QString::fromStdString(task.error().message));
        return;
    }
    messages_->dismiss();
    if (!exporting_.start(*task)) reportError(tr("Something else is running. Export when it is done."));
}

void MainWindow::chooseExportTarget() {
    const QString parent = QFileDialog::getExistingDirectory(this, tr("Folder that will hold the new model"));
    if (!parent.isEmpty()) exportPanel_->setTarget(QDir(parent).filePath(QStringLiteral("model-qroar")));
}

} // namespace qroar
