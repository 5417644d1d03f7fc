#include "app/gui/session_controller.h"

namespace qroar {

SessionController::SessionController(Workspace& workspace, JobQueue& files, QObject* parent)
    : QObject(parent), workspace_(workspace), files_(files) {}

void SessionController::load(const QString& path, bool recovered) {
    const auto ticket = latestLoad_.next();
    auto* job = new LoadJob(std::filesystem::path(path.toStdString()));
    connect(job, &LoadJob::loaded, this,
            [this, ticket, path, recovered](const std::shared_ptr<const Session>& session) {
                if (!latestLoad_.isCurrent(ticket)) return;
                workspace_.open(session, recovered ? QString() : path);
                emit loaded(path, recovered);
            });
    connect(job, &Job::failed, this, [this, ticket, path](const QString& message) {
        if (latestLoad_.isCurrent(ticket)) emit loadFailed(path, message);
    });
    ++loading_;
    connect(job, &Job::ended, this, [this] { --loading_; });
    files_.start(job);
}

void SessionController::save(const QString& path, const std::string& viewState) {
    if (!workspace_.hasSession()) return;
    auto* job = new SaveJob(workspace_.withViewState(viewState), std::filesystem::path(path.toStdString()));
    connect(job, &SaveJob::saved, this, [this, path](const std::shared_ptr<const Session>& session) {
        workspace_.markSaved(path, session);
        emit saved(path);
    });
    connect(job, &Job::failed, this,
            [this, path](const QString& message) { emit saveFailed(path, message); });
    files_.start(job);
}

} // namespace qroar
