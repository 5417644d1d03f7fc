// SessionController: reads and writes session files on the thread for files, one at a time, and says how it
// went.
#pragma once

#include "app/gui/jobs/session_jobs.h"
#include "app/gui/workspace.h"

#include <QFileSystemWatcher>
#include <QTimer>

#include <map>

namespace qroar {

class SessionController : public QObject {
    Q_OBJECT

  public:
    /// `files` must outlive this.
    SessionController(Workspace& workspace, JobQueue& files, QObject* parent = nullptr);

    /// `recovered`: an autosave; it is opened as unsaved, of the session file `original` (empty: of
    /// none). Nothing happens while that file is being read.
    void load(const QString& path, bool recovered = false, const QString& original = {});
    /// Queued behind what is being read or written.
    void save(SessionId id, const QString& path, const std::string& viewState);
    [[nodiscard]] bool loading() const { return !loading_.isEmpty(); }
    /// Another program wrote the session's file since it was read or saved.
    [[nodiscard]] bool changedOutside(SessionId id) const;
    /// Reads what another program added to the file of an open session into it; nothing when it did not
    /// change. By itself a moment after the file changed, unless something is writing into the session.
    void refresh(SessionId id);
    /// refresh() for every session whose file changed.
    void lookAtFiles();

  signals:
    void loaded(const QString& path, bool recovered);
    void loadFailed(const QString& path, const QString& message);
    void saved(int id, const QString& path);
    void saveFailed(const QString& path, const QString& message);
    void refreshed(int id, const QString& path);
    /// The file holds something that cannot be joined with the open session, which stays as it is.
    void refreshFailed(int id, const QString& path, const QString& message);

  private:
    /// What a file held when it was last read or written.
    struct Known {
        std::shared_ptr<const Session> session;
        FileStamp stamp;
        FileStamp refused; ///< a later state of the file that could not be joined
    };
    void know(SessionId id, Known known);
    void watch();

    Workspace& workspace_;
    JobQueue& files_;
    QStringList loading_, refreshing_;
    std::map<SessionId, Known> known_;
    QFileSystemWatcher watcher_;
    QTimer settle_;
};

} // namespace qroar
