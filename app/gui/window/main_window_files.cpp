// Opening, saving, dropping, exporting, recovering, closing.
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/export_plots.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/run_status.h"
#include "widgets/common/before_after.h"
#include "widgets/common/number_format.h"
#include "widgets/panels/search_panel.h"

#include <QCloseEvent>
#include <QCoreApplication>
#include <QDir>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFileDialog>
#include <QFileInfo>
#include <QJsonDocument>
#include <QJsonObject>
#include <QMimeData>
#include <QProgressDialog>

namespace qroar {

void MainWindow::connectFiles() {
    connect(&sessions_, &SessionController::loaded, this, [this](const QString& path, bool recovered) {
        if (recovered) {
            autosave_.adopt(path);
            report(tr("Recovered unsaved results. Save them to keep them."));
        } else {
            settings_.addRecentSession(path);
            updateRecent();
            report(tr("Opened session %1.").arg(path));
        }
        restoreViewState(workspace_.session()->viewState);
        showInputsOf(*workspace_.session(), path);
        projectDock_->raise();
        emit sessionOpened(path);
    });
    connect(&sessions_, &SessionController::loadFailed, this,
            [this](const QString&, const QString& message) { reportError(message); });
    connect(&sessions_, &SessionController::saved, this, [this](const QString& path) {
        settings_.addRecentSession(path);
        updateRecent();
        report(tr("Saved session %1.").arg(path));
        if (closeWhenSaved_) close();
    });
    connect(&sessions_, &SessionController::saveFailed, this, [this](const QString&, const QString& message) {
        closeWhenSaved_ = false;
        reportError(message);
    });
}

void MainWindow::openPath(const QString& path) {
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

void MainWindow::loadSession(const QString& path, bool recovered) {
    if (analysis_.running()) {
        reportError(tr("An analysis is running: stop it before opening a session."));
        return;
    }
    if (!mayReplaceSession()) return;
    messages_->dismiss();
    followResults_ = true;
    sessions_.load(path, recovered);
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

void MainWindow::saveTo(const QString& path) {
    if (analysis_.running()) {
        pendingSave_ = path;
        report(tr("The session will be saved when the running analysis ends."));
        return;
    }
    sessions_.save(path, viewState());
}

std::string MainWindow::viewState() const {
    const Selection& now = selection_.selection();
    const QJsonObject state{{"layer", now.layer},
                            {"tensor", now.tensor == QkTensor::Q ? "q" : "k"},
                            {"stage", now.stage == RopeStage::Pre ? "pre" : "post"},
                            {"band", now.band},
                            {"condition", now.condition},
                            {"epsilon", now.epsilon},
                            {"difference", now.difference}};
    return QJsonDocument(state).toJson(QJsonDocument::Compact).toStdString();
}

void MainWindow::restoreViewState(const std::string& json) {
    const QJsonObject state = QJsonDocument::fromJson(QByteArray::fromStdString(json)).object();
    if (state.isEmpty() || !workspace_.hasSession()) return;
    const Session& session = *workspace_.session();
    Selection next = selection_.selection();
    const auto within = [&state](const char* key, int count, int& value) {
        const int read = state.value(key).toInt(-1);
        if (read >= 0 && read < count) value = read;
    };
    within("layer", session.model.layers, next.layer);
    within("band", session.bands.count(), next.band);
    within("condition", static_cast<int>(session.conditions.size()), next.condition);
    next.tensor = state.value("tensor").toString() == "q" ? QkTensor::Q : QkTensor::K;
    next.stage = state.value("stage").toString() == "pre" ? RopeStage::Pre : RopeStage::Post;
    const double epsilon = state.value("epsilon").toDouble();
    if (epsilon > 0 && epsilon < 1) next.epsilon = epsilon;
    next.difference = state.value("difference").toBool();
    next.pair = -1;
    selection_.setSelection(next);
}

/// Setup as the session was made, its files opened in the background; what is gone is said, and the plots do
/// not need it.
void MainWindow::showInputsOf(const Session& session, const QString& path) {
    const SetupRequest request = requestOf(session, QFileInfo(path).absolutePath());
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

bool MainWindow::mayReplaceSession() {
    if (!workspace_.dirty()) return true;
    const auto answer = question_(tr("The session has unsaved results or changes. Save them first?"),
                                  QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
    if (answer == QMessageBox::Discard) return true; // the autosave goes when something else is open
    // After the save is written the user asks again: an error must not cost the results.
    if (answer == QMessageBox::Save) save();
    return false;
}

void MainWindow::offerRecovery() {
    if (autosave_.orphans().isEmpty()) return;
    const QString path = autosave_.orphans().first();
    messages_->show(MessageBar::Kind::Warning,
                    tr("The workbench ended without saving: results of %1 can be recovered.")
                        .arg(QLocale().toString(QFileInfo(path).lastModified(), QLocale::ShortFormat)));
    messages_->addButton(tr("Recover"), [this, path] { loadSession(path, true); });
    messages_->addButton(tr("Discard"), [this, path] {
        Autosave::discardOrphan(path);
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
                                     tr("Models (*.safetensors *.bin);;All files (*)"));
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

void MainWindow::exportCurrentPlot() {
    const QString written = plots_->currentPanel()->saveAs(settings_.folder("export"));
    if (!written.isEmpty()) settings_.setFolder("export", written);
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
    const ExportedPlots exported = exportPlotsTo(folder, what);
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
    const ScaleTwins twins = session ? scaleTwins(*session, selected.condition, {}) : ScaleTwins();
    if (twins.complete()) {
        choose(selection_, *session, twins, BeforeAfter::Difference);
        save(QStringLiteral("window-difference"));
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

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
    if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
    QStringList files;
    for (const QUrl& url : event->mimeData()->urls())
        if (url.isLocalFile()) files << url.toLocalFile();
    const DroppedPaths dropped = sortDropped(files);
    if (dropped.empty()) {
        reportError(tr("Only files and folders of this machine can be dropped here."));
        return;
    }
    event->acceptProposedAction();
    if (!dropped.session.isEmpty()) openSession(dropped.session);
    if (!dropped.model.isEmpty()) openModel(dropped.model);
    if (!dropped.documents.isEmpty()) setup_->addDocuments(dropped.documents);
}

void MainWindow::closeEvent(QCloseEvent* event) {
    event->ignore();
    if (analysis_.running()) {
        if (!closeWhenStopped_
            && question_(tr("An analysis is running. Stop it and quit? Finished conditions can be saved."),
                         QMessageBox::Yes | QMessageBox::No)
                   != QMessageBox::Yes)
            return;
        closeWhenStopped_ = true;
        stopRun();
        return; // comes back when the job has ended
    }
    closeWhenStopped_ = false;
    if (analysis_.autosaving()) { // what is decided below must find its file whole
        closeWhenAutosaved_ = true;
        return;
    }
    if (workspace_.dirty()) {
        const auto answer =
            question_(tr("The session has unsaved results or changes. Save them before quitting?"),
                      QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
        if (answer == QMessageBox::Save) {
            closeWhenSaved_ = save();
            return; // comes back when the file is written
        }
        if (answer != QMessageBox::Discard) return;
    }
    closeWhenSaved_ = false;
    autosave_.discard();
    settings_.setLayout({saveGeometry(), saveState(), plots_->saveState()});
    event->accept();
}

} // namespace qroar
