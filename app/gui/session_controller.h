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

    /// `recovered`: an autosave; it is opened as a session without a file.
    void load(const QString& path, bool recovered = false);
    /// Queued behind what is being read or written.
    void save(const QString& path, const std::string& viewState);
    [[nodiscard]] bool loading() const { return loading_ > 0; }

  signals:
    void loaded(const QString& path, bool recovered);
    void loadFailed(const QString& path, const QString& message);
    void saved(const QString& path);
    void saveFailed(const QString& path, const QString& message);

  private:
    Workspace& workspace_;
    JobQueue& files_;
    LatestJob latestLoad_;
    int loading_ = 0;
};

} // namespace qroar
