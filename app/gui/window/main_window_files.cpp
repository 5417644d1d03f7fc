// Opening, saving, dropping, exporting, recovering, closing.
#include "app/gui/figures/figure_center.h"
#include "app/gui/report/report_action.h"
#include "app/gui/setup/dropped_paths.h"
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/export_plots.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"
#include "widgets/common/number_format.h"
#include "widgets/common/step_queue.h"
#include "widgets/panels/search_panel.h"

#include <QCloseEvent>
#include <QCoreApplication>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProgressDialog>

namespace qroar {

namespace {
/// What is kept of a path must mean the same file in another folder.
QString absolute(const QString& path) {
    return path.isEmpty() ? path : QFileInfo(path).absoluteFilePath();
}
} // namespace

void MainWindow::sessionLoaded(const QString& path, bool recovered) {
    if (recovered) {
        const SessionId id = workspace_.current();
        autosave_.adopt(path, id);
        if (!workspace_.path(id).isEmpty()) recovered_.insert(id);
        const QString of = Autosave::originOf(path).path;
        report(of.isEmpty() ? tr("Recovered unsaved results. Save them to keep them.")
                            : tr("Recovered unsaved results of %1. Save them to keep them.").arg(of));
    } else {
        settings_.addRecentSession(path);
        updateRecent();
        report(tr("Opened session %1.").arg(path));
    }
    const SessionId id = workspace_.current();
    const ViewState now = qroar::viewStateOf(selection_, compare_, *plots_);
    showViewState(viewStateFrom(workspace_.session()->viewState, now, workspace_, id), selection_, compare_,
                  *plots_);
    scales_->restoreEdit(workspace_.session()->viewState, id);
    const QString folder = recovered ? Autosave::originOf(path).folder : QString();
    showInputsOf(*workspace_.session(), folder.isEmpty() ? QFileInfo(path).absolutePath() : folder);
    sayWhatIsAwaited();
    projectDock_->raise();
    goBackFrom(path);
    emit sessionOpened(path);
}

void MainWindow::connectFiles() {
    // After the step in which the views appear, before those in which they compute: what was shown of it last
    // decides what.
    connect(&sessions_, &SessionController::loaded, this, [this](const QString& path, bool recovered) {
        const SessionId id = workspace_.current();
        plots_->steps().later(this, [this, path, recovered, id] {
            if (!workspace_.isOpen(id)) return; // closed again
            workspace_.setCurrent(id);          // another one may have come meanwhile
            sessionLoaded(path, recovered);
        });
    });
    connect(&sessions_, &SessionController::loadFailed, this,
            [this](const QString& path, const QString& message) {
                backTo_.erase(path);
                reportError(message);
            });
    connect(&sessions_, &SessionController::refreshed, this, [this](int, const QString& path) {
        report(tr("What another program added to %1 is shown.").arg(path));
    });
    connect(&sessions_, &SessionController::refreshFailed, this,
            [this](int, const QString& path, const QString& message) {
                const QString text = tr("%1 was changed by another program and cannot be joined with what is "
                                        "open (%2). Save what is open under another name.")
                                         .arg(path, message);
                log_->add(text);
                messages_->show(MessageBar::Kind::Warning, text);
            });
    connect(&sessions_, &SessionController::saved, this, [this](int id, const QString& path) {
        settings_.addRecentSession(path);
        updateRecent();
        report(tr("Saved session %1.").arg(path));
        if (closing_.erase(id) > 0) closeSession(id);
        if (closeWhenSaved_) close();
    });
    connect(&sessions_, &SessionController::saveFailed, this, [this](const QString&, const QString& message) {
        closeWhenSaved_ = false;
        closing_.clear();
        unwanted_.clear();
        searchUnwanted_ = false;
        reportError(message);
    });
}

void MainWindow::openPath(const QString& typed) {
    const QString path = absolute(typed);
    const DroppedPaths sorted = sortDropped({path});
    if (!sorted.session.isEmpty())
        openSession(sorted.session);
    else
        openModel(path);
}

void MainWindow::openModel(const QString& path) {
    if (analysis_.running()) {
        reportError(tr("An analysis is running: stop it before opening another model."));
        return;
    }
    messages_->dismiss();
    quietModel_ = false;
    setup_->setModelPath(path);
    setupDock_->show();
    setupDock_->raise();
    analysis_.openModel(path);
}

void MainWindow::openSession(const QString& path) {
    loadSession(path, false);
}

void MainWindow::loadSession(const QString& given, bool recovered) {
    const QString path = absolute(given);
    messages_->dismiss();
    const SessionId open = recovered ? noSession : workspace_.withPath(path);
    if (open == noSession) {
        // A session that is open with that file keeps it; what was recovered is one more.
        const QString original = recovered ? Autosave::originOf(path).path : QString();
        sessions_.load(path, recovered, workspace_.withPath(original) == noSession ? original : QString());
        return;
    }
    workspace_.setCurrent(open);
    showPlots();
    report(tr("%1 is open already.").arg(path));
    sessions_.refresh(open);
    goBackFrom(path);
    emit sessionOpened(path);
}

void MainWindow::openSample() {
    if (!samples_.found()) {
        reportError(tr("The sample model was not found beside this program."));
        return;
    }
    openModel(samples_.model);
    setup_->setDocuments(samples_.documents);
}

bool MainWindow::save() {
    if (!workspace_.hasSession()) return false;
    if (workspace_.path().isEmpty()) return saveAs();
    if (recovered_.contains(workspace_.current()) && QFileInfo::exists(workspace_.path())
        && question_(tr("%1 holds what was saved before. Replace it by the recovered results?")
                         .arg(workspace_.path()),
                     QMessageBox::Yes | QMessageBox::No)
               != QMessageBox::Yes)
        return saveAs();
    saveTo(workspace_.path());
    return true;
}

bool MainWindow::saveAs() {
    const QString suggestion = workspace_.path().isEmpty()
                                   ? QDir(settings_.folder("session")).filePath(tr("session.h5"))
                                   : workspace_.path();
    QString path = QFileDialog::getSaveFileName(this, tr("Save session"), suggestion,
                                                tr("Sessions (*.h5);;All files (*)"));
    if (path.isEmpty()) return false;
    if (QFileInfo(path).suffix().isEmpty()) path += ".h5";
    settings_.setFolder("session", path);
    saveTo(path);
    return true;
}

void MainWindow::saveTo(const QString& given) {
    const QString path = absolute(given);
    const SessionId id = workspace_.current();
    if (analysis_.running() && analysis_.target() == id) {
        pendingSaves_[id] = path;
        report(tr("The session will be saved when the running analysis ends."));
        return;
    }
    sessions_.save(id, path, viewStateOf(id));
}

/// Setup as the session was made, its files opened in the background; what is gone is said, and the plots do
/// not need it.
void MainWindow::showInputsOf(const Session& session, const QString& folder) {
    const SetupRequest request = requestOf(session, folder);
    if (analysis_.running()) { // which Setup shows
        awaited_ = {workspace_.current(), request};
        return;
    }
    const MissingInputs missing = missingInputs(request);
    analysis_.closeInputs();
    setup_->setRequest(request);
    if (missing.model)
        setup_->showModelProblem(tr("%1: not found").arg(request.modelPath));
    else
        analysis_.openModel(request.modelPath);
    quietModel_ = !missing.model;
    if (missing.documents.isEmpty())
        analysis_.openDocuments(request.documents);
    else
        setup_->showDocumentsProblem(tr("Not found:\n%1").arg(missing.documents.join('\n')));
    if (!missing.any()) return;
    QStringList gone = missing.documents;
    if (missing.model) gone.prepend(request.modelPath);
    const QString text = tr("Some files of this session are not where they were: %1. The plots do not need "
                            "them; to run more conditions, choose them in Setup.")
                             .arg(gone.join(QStringLiteral(", ")));
    log_->add(text);
    messages_->show(MessageBar::Kind::Warning, text);
}

void MainWindow::offerRecovery() {
    const QStringList paths = autosave_.orphans();
    if (paths.isEmpty()) return;
    QStringList what;
    for (const QString& path : paths) {
        const QString name = Autosave::originOf(path).name;
        const QString when = QLocale().toString(QFileInfo(path).lastModified(), QLocale::ShortFormat);
        what << (name.isEmpty() ? tr("results of %1").arg(when) : tr("%1 of %2").arg(name, when));
    }
    constexpr qsizetype mostNamed = 5;
    if (what.size() > mostNamed) {
        const qsizetype more = what.size() - mostNamed;
        what = what.first(mostNamed) << tr("%1 more").arg(more);
    }
    recovery_->show(
        MessageBar::Kind::Warning,
        tr("The workbench ended without saving: %1 can be recovered.").arg(what.join(QStringLiteral(", "))));
    recovery_->addButton(tr("Recover"), [this, paths] {
        for (const QString& path : paths) loadSession(path, true);
    });
    recovery_->addButton(tr("Discard"), [this, paths] {
        for (const QString& path : paths) Autosave::discardOrphan(path);
        report(tr("Discarded the unsaved results of an earlier start."));
    });
}

void MainWindow::chooseModelFolder() {
    const QString path =
        QFileDialog::getExistingDirectory(this, tr("Open a model folder"), settings_.folder("model"));
    if (path.isEmpty()) return;
    settings_.setFolder("model", QFileInfo(path).absolutePath());
    openModel(path);
}

void MainWindow::chooseModelFile() {
    const QString path =
        QFileDialog::getOpenFileName(this, tr("Open a model file"), settings_.folder("model"),
                                     tr("Models (*.safetensors *.gguf *.bin);;All files (*)"));
    if (path.isEmpty()) return;
    settings_.setFolder("model", path);
    openModel(path);
}

void MainWindow::chooseDocuments() {
    const QStringList paths =
        QFileDialog::getOpenFileNames(this, tr("Add documents"), settings_.folder("documents"),
                                      tr("Documents (*.txt *.md *.jsonl *.npy *.u16 *.u32);;All files (*)"));
    if (paths.isEmpty()) return;
    settings_.setFolder("documents", paths.first());
    setup_->addDocuments(paths);
}

void MainWindow::chooseSession() {
    const QString path = QFileDialog::getOpenFileName(this, tr("Open a session"), settings_.folder("session"),
                                                      tr("Sessions (*.h5);;All files (*)"));
    if (path.isEmpty()) return;
    settings_.setFolder("session", path);
    openSession(path);
}

void MainWindow::saveReport() {
    const SavedReport saved = saveReportAs(this, workspace_.session(), workspace_.path(),
                                           settings_.folder(QStringLiteral("export")));
    if (!saved.error.isEmpty()) return reportError(saved.error);
    if (saved.path.isEmpty()) return;
    settings_.setFolder(QStringLiteral("export"), saved.path);
    report(tr("Saved the report %1.").arg(saved.path));
}

void MainWindow::exportCurrentPlot() {
    figures_->exportFigure(plots_->currentPanel());
}

void MainWindow::chooseExportFolder(bool everything) {
    const QString folder = QFileDialog::getExistingDirectory(
        this,
        everything ? tr("Export every condition and metric to a folder") : tr("Export all plots to a folder"),
        settings_.folder("export"));
    if (folder.isEmpty()) return;
    settings_.setFolder("export", folder);
    PlotsToExport what;
    what.everyCondition = what.everyMetric = everything;
    QProgressDialog dialog(tr("Exporting plots..."), tr("Cancel"), 0, 0, this);
    dialog.setWindowModality(Qt::WindowModal);
    what.progress = [&dialog](int done, int all) {
        dialog.setMaximum(all);
        dialog.setValue(done); // lets events through: the button works
        return !dialog.wasCanceled();
    };
    exportPlots(folder, std::move(what));
}

bool MainWindow::exportPlots(const QString& folder, PlotsToExport what) {
    if (!QDir().mkpath(folder)) {
        reportError(tr("%1: the folder cannot be made").arg(folder));
        return false;
    }
    what.panels = plots_->panels();
    if (const auto session = workspace_.session(); session && !session->searches.empty())
        what.panels << plots_->searches();
    const CompareController::State b = compare_.state();
    const Selection selected = selection_.selection();
    const ExportedPlots exported = exportPlotsTo(folder, what);
    compare_.restore(b);
    selection_.setSelection(selected);
    for (const QString& reason : exported.skipped) log_->add(tr("Not exported: %1").arg(reason));
    const QString files = counted(static_cast<std::size_t>(exported.written.size()), tr("file"), tr("files"));
    report(exported.stopped ? tr("Stopped: %1 exported to %2.").arg(files, folder)
                            : tr("Exported %1 to %2.").arg(files, folder));
    if (!exported.failed.isEmpty()) reportError(exported.failed.join('\n'));
    return exported.failed.isEmpty();
}

void MainWindow::saveScreenshot(const QString& path, bool& fine) {
    for (int round = 0; round < 3; ++round) { // a control that appears moves what is below it
        for (DiagnosticPanel* panel : plots_->panels() + QList<DiagnosticPanel*>{plots_->searches()})
            if (panel->isVisible()) panel->ensureFresh();
        QCoreApplication::processEvents();
    }
    fine = grab().save(path) && fine;
}

bool MainWindow::saveScreenshots(const QString& folder) {
    const AppearanceMode before = settings_.appearance();
    const Selection selected = selection_.selection();
    bool fine = QDir().mkpath(folder);
    const auto save = [&](const QString& name) {
        for (const auto& [mode, suffix] :
             {std::pair{AppearanceMode::Light, "-light.png"}, std::pair{AppearanceMode::Dark, "-dark.png"}}) {
            setAppearance(mode);
            saveScreenshot(QDir(folder).filePath(name + suffix), fine);
        }
    };
    save(QStringLiteral("window"));
    const auto session = workspace_.session();
    const CompareController::State b = compare_.state();
    if (session && compare_.showGains({})) {
        save(QStringLiteral("window-difference"));
        compare_.restore(b);
        selection_.setSelection(selected);
    }
    if (session && !session->searches.empty()) {
        searchDock_->raise();
        plots_->showPanel(plots_->searches());
        QCoreApplication::processEvents();
        save(QStringLiteral("window-search"));
    }
    setAppearance(before);
    if (!fine) reportError(tr("%1: the screenshots could not be written").arg(folder));
    return fine;
}

void MainWindow::closeEvent(QCloseEvent* event) {
    event->ignore();
    if (busy()) {
        if (!closeWhenStopped_
            && question_(stopAndQuit(), QMessageBox::Yes | QMessageBox::No) != QMessageBox::Yes)
            return;
        if (busy()) { // what ran may have ended while the question was read
            closeWhenStopped_ = true;
            stopRun();
            return; // comes back when the job has ended
        }
    }
    closeWhenStopped_ = false;
    if (analysis_.autosaving()) { // what is decided below must find its file whole
        closeWhenAutosaved_ = true;
        return;
    }
    if (!settleSearch() || !settleForQuitting()) return; // comes back when what is wanted is written
    closeWhenSaved_ = false;
    autosave_.discardAll();
    settings_.setLayout({saveGeometry(), saveState(), plots_->saveState()});
    event->accept();
}

} // namespace qroar
