#include "app/gui/jobs/session_jobs.h"

#include "core/analysis/session_metrics.h"
#include "core/session/session_file.h"

namespace qroar {

void SaveJob::work() {
    if (Status done = saveSession(*session_, path_, sessionMetrics(*session_)); !done)
        emit failed(QString::fromStdString(done.error().message));
    else
        emit saved(session_);
}

void LoadJob::work() {
    auto session = loadSession(path_);
    if (!session)
        emit failed(QString::fromStdString(session.error().message));
    else if (!cancelRequested())
        emit loaded(*session);
}

} // namespace qroar
