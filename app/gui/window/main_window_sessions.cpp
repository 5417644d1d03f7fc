// Several sessions in one window: what comes and goes with the current one, closing, autosaves, A and B.
#include "app/gui/setup/setup_panel.h"
#include "app/gui/window/log_panel.h"
#include "app/gui/window/main_window.h"
#include "app/gui/window/message_bar.h"
#include "app/gui/window/plot_area.h"
#include "app/gui/window/project_tree.h"
#include "app/gui/window/selection_bar.h"
#include "app/gui/window/session_tabs.h"
#include "widgets/common/head_groups.h"
#include "widgets/common/names.h"

#include <QDir>
#include <QFileInfo>
#include <QLabel>
#include <QStackedWidget>

#include <algorithm>

namespace qroar {

namespace {
/// Band edges and notes are small changes, but writing a large session takes seconds.
constexpr int millisecondsBetweenAutosaves = 60000;
} // namespace

void MainWindow::connectSessions() {
    connect(&workspace_, &Workspace::currentChanged, this, &MainWindow::currentSessionChanged);
    connect(&workspace_, &Workspace::settled, this, [this](int id) {
        autosave_.discard(id); // saved, or given up
        unkept_.erase(id);
        if (hasUnkept(id)) unkept_.insert(id); // a search that is not part of it yet
        recovered_.erase(id);
        if (!workspace_.isOpen(id)) left_.erase(id);
    });
    connect(&workspace_, &Workspace::contentChanged, this, [this](int id) { unkept_.insert(id); });
    connect(tabs_, &SessionTabs::closeWanted, this, &MainWindow::closeSession);
    connect(&compare_, &CompareController::otherChanged, plots_,
            [this](const std::shared_ptr<const Session>& other) {
                plots_->setOther(other, otherName(), ownName());
            });
    connect(&compare_, &CompareController::changed, plots_, [this] { // saved under another name
        plots_->setOther(compare_.other(), otherName(), ownName());
    });
    connect(&compare_, &CompareController::changed, this, &MainWindow::nameTheViews);
    analysis_.setAutosavePaths([this](SessionId id) {
        const QString file = autosave_.pathOf(id), path = workspace_.path(id);
        autosave_.note(id, {path, workspace_.name(id),
                            path.isEmpty() ? QDir::currentPath() : QFileInfo(path).absolutePath()});
        return file;
    });
    analysis_.setAutosaved([this](SessionId id) {
        auto whole = workspace_.withViewState(id, viewStateOf(id));
        return search_.target() == id ? search_.withRecord(std::move(whole)) : whole;
    });
    autosaveTimer_.setInterval(millisecondsBetweenAutosaves);
    connect(&autosaveTimer_, &QTimer::timeout, this, &MainWindow::autosaveChanges);
    autosaveTimer_.start();
}

QString MainWindow::ownName() const {
    return compare_.other() ? workspace_.nameBeside(workspace_.current(), compare_.state().session)
                            : QString();
}

QString MainWindow::otherName() const {
    if (!compare_.other()) return {};
    const SessionId id = compare_.state().session; // as "qroar plot" names it
    return workspace_.nameBeside(id, workspace_.current());
}

void MainWindow::nameTheViews() {
    SelectionBar::Shown shown;
    const auto session = workspace_.session(), other = compare_.other();
    const CompareMode mode = compare_.shown();
    const auto add = [&shown](const std::shared_ptr<const Session>& of, const QString& condition) {
        if (of && !shown.models.contains(modelName(*of))) shown.models << modelName(*of);
        if (!condition.isEmpty()) shown.conditions << condition;
    };
    if (mode != CompareMode::B) add(session, compare_.nameA());
    if (mode != CompareMode::A) add(other ? other : session, compare_.nameB());
    if (mode == CompareMode::B) shown.session = other;
    selectionBar_->setShown(shown);
}

void MainWindow::sayWhatIsAwaited() {
    const QString reason = compare_.whyAwaited();
    if (reason.isEmpty()) return;
    log_->add(reason);
    messages_->show(MessageBar::Kind::Warning, reason);
    const QString path = compare_.state().path;
    if (!QFileInfo::exists(path) || workspace_.withPath(path) != noSession) return;
    messages_->addButton(tr("Open %1").arg(QFileInfo(path).fileName()), [this, path] {
        backTo_[QFileInfo(path).absoluteFilePath()] = workspace_.current();
        openSession(path);
    });
}

void MainWindow::goBackFrom(const QString& path) {
    if (const auto asked = backTo_.extract(path); asked) workspace_.setCurrent(asked.mapped());
}

/// Every session that has unsaved changes since it was last written.
void MainWindow::autosaveChanges() {
    for (const SessionId id : std::exchange(unkept_, {}))
        if (hasUnkept(id)) analysis_.autosave(id);
}

/// What Setup asks for, where that belongs to the session; else what the session was made with.
SetupRequest MainWindow::setupOf(SessionId id) const {
    if (awaited_ && awaited_->first == id) return awaited_->second;
    const SetupRequest shown = setup_->request();
    const auto session = workspace_.session(id);
    if (session->conditions.empty() || !analysis_.inputsReady()
        || whyNotContinued(*session, analysis_.plan(shown)).isEmpty())
        return shown;
    return requestOf(*session, QFileInfo(workspace_.path(id)).absolutePath());
}

void MainWindow::showAwaitedInputs() {
    const auto awaited = std::exchange(awaited_, {});
    if (awaited && awaited->first == workspace_.current()) showInputsOf(awaited->second);
}

void MainWindow::currentSessionChanged(SessionId now, SessionId before) {
    const auto same = [](const SetupRequest& a, const SetupRequest& b) {
        return a.modelPath == b.modelPath && a.documents == b.documents;
    };
    if (workspace_.isOpen(before))
        left_[before] = {qroar::viewStateOf(selection_, compare_, *plots_), setup_->request(),
                         followResults_};
    awaited_.reset();
    statusText_->clear(); // it spoke of another session
    const auto known = left_.find(now);
    if (known == left_.end()) { // a new one: what is shown of it is chosen anew, where to look stays
        compare_.clear();
        Selection next = selection_.selection();
        next.condition = -1;
        const auto session = workspace_.session(now);
        next.group = session ? shownHeadGroup(next.group, headGroups(*session)) : -1;
        selection_.setSelection(next);
        followResults_ = true;
        return;
    }
    const Left left = known->second;
    left_.erase(known);
    showViewState(left.view, selection_, compare_, *plots_);
    followResults_ = left.followResults;
    if (same(left.setup, setup_->request())) return;
    awaited_ = {now, left.setup};
    if (!analysis_.running()) showAwaitedInputs();
}

void MainWindow::showInputsOf(const SetupRequest& request) {
    const MissingInputs missing = missingInputs(request);
    analysis_.closeInputs();
    setup_->setRequest(request);
    quietModel_ = true;
    if (missing.model)
        setup_->showModelProblem(tr("%1: not found").arg(request.modelPath));
    else if (!request.modelPath.isEmpty())
        analysis_.openModel(request.modelPath);
    if (!missing.documents.isEmpty())
        setup_->showDocumentsProblem(tr("Not found:\n%1").arg(missing.documents.join('\n')));
    else if (!request.documents.isEmpty())
        analysis_.openDocuments(request.documents);
}

std::string MainWindow::viewStateOf(SessionId id) const {
    const auto left = left_.find(id);
    return scales_->withEdit(viewStateJson(left != left_.end() && id != workspace_.current()
                                               ? left->second.view
                                               : qroar::viewStateOf(selection_, compare_, *plots_),
                                           workspace_, id),
                             id);
}

bool MainWindow::mayClose(SessionId id) {
    if (!workspace_.dirty(id)) return true;
    workspace_.setCurrent(id); // one sees what is asked about
    const auto answer = question_(
        tr("%1 has unsaved results or changes. Save them before closing it?").arg(workspace_.name(id)),
        QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
    if (answer == QMessageBox::Save && save()) closing_.insert(id); // an error must not cost the results
    return answer == QMessageBox::Discard;
}

void MainWindow::closeSession(SessionId id) {
    if (!workspace_.isOpen(id)) return;
    if (search_.running() && search_.target() == id) {
        reportError(
            tr("A search of %1 is running: stop it before closing the session.").arg(workspace_.name(id)));
        return;
    }
    if (analysis_.running() && analysis_.target() == id) {
        if (question_(
                tr("An analysis of %1 is running. Stop it and close the session?").arg(workspace_.name(id)),
                QMessageBox::Yes | QMessageBox::No)
            != QMessageBox::Yes)
            return;
        if (analysis_.running()) { // it may have ended while the question was read
            closeSessionWhenStopped_ = id;
            stopRun();
            return; // comes back when the job has ended
        }
    }
    if (scales_->controller().target() == id) {
        if (question_(tr("An evaluation of gains of %1 is running. Stop it and close the session?")
                          .arg(workspace_.name(id)),
                      QMessageBox::Yes | QMessageBox::No)
            != QMessageBox::Yes)
            return;
        if (scales_->running()) { // it may have ended while the question was read
            closeSessionWhenStopped_ = id;
            stopRun();
            return;
        }
    }
    if (mayClose(id)) workspace_.close(id);
}

bool MainWindow::settleForQuitting() {
    for (const SessionId id : workspace_.sessions()) {
        if (!workspace_.dirty(id) || unwanted_.contains(id)) continue;
        workspace_.setCurrent(id);
        const QString text =
            workspace_.sessions().size() == 1
                ? tr("The session has unsaved results or changes. Save them before quitting?")
                : tr("%1 has unsaved results or changes. Save them before quitting?")
                      .arg(workspace_.name(id));
        const auto answer = question_(text, QMessageBox::Save | QMessageBox::Discard | QMessageBox::Cancel);
        if (answer == QMessageBox::Discard) {
            unwanted_.insert(id);
            continue;
        }
        closeWhenSaved_ = answer == QMessageBox::Save && save();
        if (!closeWhenSaved_) {
            unwanted_.clear();
            searchUnwanted_ = false;
        }
        return false;
    }
    return true;
}

} // namespace qroar
