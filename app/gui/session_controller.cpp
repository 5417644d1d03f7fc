#include "app/gui/session_controller.h"

#include <QFile>

namespace qroar {

SessionController::SessionController(Workspace& workspace, JobQueue& files, QObject* parent)
    : QObject(parent), workspace_(workspace), files_(files) {
    settle_.setSingleShot(true);
    settle_.setInterval(300); // a file is removed and put in place again within a moment
    connect(&watcher_, &QFileSystemWatcher::fileChanged, &settle_, qOverload<>(&QTimer::start));
    connect(&settle_, &QTimer::timeout, this, &SessionController::lookAtFiles);
    connect(&workspace_, &Workspace::settled, this, [this](int id) {
        // What is closed is let go: of a large model it is hundreds of megabytes. In an event of its own.
        if (!workspace_.isOpen(id)) QTimer::singleShot(0, this, &SessionController::watch);
    });
}

void SessionController::load(const QString& path, bool recovered, const QString& original) {
    if (loading_.contains(path)) return;
    auto* job = new LoadJob(std::filesystem::path(path.toStdString()));
    connect(job, &LoadJob::loaded, this,
            [this, path, recovered, original](const std::shared_ptr<const Session>& session,
                                              const FileStamp& stamp) {
                const SessionId id = workspace_.open(session, recovered ? original : path, recovered);
                if (!recovered) know(id, {session, stamp, {}});
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
    const std::filesystem::path file(path.toStdString());
    const auto session = workspace_.withViewState(id, viewState);
    const auto known = known_.find(id);
    auto* job = known != known_.end() && workspace_.withPath(path) == id
                    ? new SaveJob(session, file, known->second.session, known->second.stamp)
                    : new SaveJob(session, file);
    connect(job, &SaveJob::saved, this,
            [this, id, path, revision = workspace_.revision(id)](const std::shared_ptr<const Session>& mine,
                                                                 const WrittenSession& written) {
                workspace_.markSaved(id, path, mine, revision);
                const Status taken =
                    written.merged ? workspace_.takeOver(id, mine, written.session) : Status(Done{});
                know(id, {written.session, written.stamp, {}});
                emit saved(id, path);
                if (!taken)
                    emit refreshFailed(id, path, QString::fromStdString(taken.error().message));
                else if (written.merged)
                    emit refreshed(id, path);
            });
    connect(job, &Job::failed, this,
            [this, path](const QString& message) { emit saveFailed(path, message); });
    files_.start(job);
}

void SessionController::know(SessionId id, Known known) {
    known_[id] = std::move(known);
    watch();
}

/// The files of the open sessions. A file that is replaced is no longer watched: it is again, here.
void SessionController::watch() {
    QStringList wanted;
    std::erase_if(known_, [this](const auto& entry) { return !workspace_.isOpen(entry.first); });
    for (const auto& [id, known] : known_)
        if (const QString path = workspace_.path(id); !path.isEmpty() && QFile::exists(path)) wanted << path;
    const QStringList now = watcher_.files();
    for (const QString& path : now)
        if (!wanted.contains(path)) watcher_.removePath(path);
    for (const QString& path : wanted)
        if (!now.contains(path)) watcher_.addPath(path);
}

bool SessionController::changedOutside(SessionId id) const {
    const auto known = known_.find(id);
    const QString path = workspace_.path(id);
    if (known == known_.end() || path.isEmpty()) return false;
    const FileStamp now = stampOf(std::filesystem::path(path.toStdString()));
    return now.present() && !(now == known->second.stamp) && !(now == known->second.refused);
}

void SessionController::lookAtFiles() {
    watch();
    for (const SessionId id : workspace_.sessions())
        if (changedOutside(id) && !workspace_.isHeld(id)) refresh(id);
}

void SessionController::refresh(SessionId id) {
    const QString path = workspace_.path(id);
    if (refreshing_.contains(path) || !changedOutside(id)) return;
    const std::filesystem::path file(path.toStdString());
    auto* job = new LoadJob(file);
    connect(job, &LoadJob::loaded, this,
            [this, id, path](const std::shared_ptr<const Session>& theirs, const FileStamp& stamp) {
                const auto known = known_.find(id);
                if (known == known_.end() || !workspace_.isOpen(id) || workspace_.isHeld(id)) return;
                const Status done = workspace_.takeOver(id, known->second.session, theirs);
                if (!done) {
                    known->second.refused = stamp; // said once
                    emit refreshFailed(id, path, QString::fromStdString(done.error().message));
                    return;
                }
                know(id, {theirs, stamp, {}});
                emit refreshed(id, path);
            });
    connect(job, &Job::failed, this, [this, id, path, stamp = stampOf(file)](const QString& message) {
        if (const auto known = known_.find(id); known != known_.end()) known->second.refused = stamp;
        emit refreshFailed(id, path, message);
    });
    refreshing_ << path;
    connect(job, &Job::ended, this, [this, path] { refreshing_.removeAll(path); });
    files_.start(job);
}

} // namespace qroar
