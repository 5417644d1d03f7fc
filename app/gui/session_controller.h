// SessionController: reads and writes session files through the heavy thread, one at a time, and says how it
// went. A save that is asked for while an analysis runs is done when it ends.
#pragma once

#include "app/gui/jobs/session_jobs.h"
#include "app/gui/workspace.h"

namespace qroar {

class SessionController : public QObject {
    Q_OBJECT

  public:
    SessionController(Workspace& workspace, JobQueue& heavy, QObject* parent = nullptr);

    /// `recovered`: an autosave; it is opened as a session without a file.
    void load(const QString& path, bool recovered = false);
    /// Queued behind whatever holds the heavy thread.
    void save(const QString& path, const std::string& viewState);
    [[nodiscard]] bool saving() const { return saving_ > 0; }

  signals:
    void loaded(const QString& path, bool recovered);
    void loadFailed(const QString& path, const QString& message);
    void saved(const QString& path);
    void saveFailed(const QString& path, const QString& message);

  private:
    Workspace& workspace_;
    JobQueue& heavy_;
    LatestJob latestLoad_;
    int saving_ = 0;
};

} // namespace qroar
