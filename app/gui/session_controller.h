// SessionController: reads and writes session files on the thread for files, one at a time, and says how it
// went.
#pragma once

#include "app/gui/jobs/session_jobs.h"
#include "app/gui/workspace.h"

namespace qroar {

class SessionController : public QObject {
    Q_OBJECT

  public:
    /// `files` must outlive this.
    SessionController(Workspace& workspace, JobQueue& files, QObject* parent = nullptr);

    /// `recovered`: an autosave; it is opened as a session without a file. Nothing happens while that file is
    /// being read.
    void load(const QString& path, bool recovered = false);
    /// Queued behind what is being read or written.
    void save(SessionId id, const QString& path, const std::string& viewState);
    [[nodiscard]] bool loading() const { return !loading_.isEmpty(); }

  signals:
    void loaded(const QString& path, bool recovered);
    void loadFailed(const QString& path, const QString& message);
    void saved(int id, const QString& path);
    void saveFailed(const QString& path, const QString& message);

  private:
    Workspace& workspace_;
    JobQueue& files_;
    QStringList loading_;
};

} // namespace qroar
