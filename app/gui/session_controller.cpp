#include "app/gui/session_controller.h"

namespace qroar {

SessionController::SessionController(Workspace& workspace, JobQueue& files, QObject* parent)
    : QObject(parent), workspace_(workspace), files_(files) {}

void SessionController::load(const QString& path, bool recovered) {
    if (loading_.contains(path)) return;
    auto* job = new LoadJob(std::filesystem::path(path.toStdString()));
    connect(job, &LoadJob::loaded, this,
            [this, path, recovered](const std::shared_ptr<const Session>& session) {
                const SessionId id = workspace_.open(session, recovered ? QString() : path, recovered);
                const auto tell = [this, path, recovered, id] {
                    if (!workspace_.isOpen(id)) return; // closed again
                    workspace_.setCurrent(id);          // another one may have come meanwhile
                    emit loaded(path, recovered);
                };
                // In an event of its own, after that in which the views appear: the window is not kept
                // waiting by all of it at once.
                QMetaObject::invokeMethod(this, tell, Qt::QueuedConnection);
            });
    connect(job, &Job::failed, this,
            [this, path](const QString& message) { emit loadFailed(path, message); });
    loading_ << path;
    connect(job, &Job::ended, this, [this, path] { loading_.removeAll(path); });
    files_.start(job);
}

void SessionController::save(SessionId id, const QString& path, const std::string& viewState) {
    if (!workspace_.isOpen(id)) return;
    auto* job =
        new SaveJob(workspace_.withViewState(id, viewState), std::filesystem::path(path.toStdString()));
    connect(
        job, &SaveJob::saved, this,
        [this, id, path, revision = workspace_.revision(id)](const std::shared_ptr<const Session>& session) {
            workspace_.markSaved(id, path, session, revision);
            emit saved(id, path);
        });
    connect(job, &Job::failed, this,
            [this, path](const QString& message) { emit saveFailed(path, message); });
    files_.start(job);
}

} // namespace qroar
