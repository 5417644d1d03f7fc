#include "app/gui/jobs/session_jobs.h"

#include "core/session/session_file.h"

namespace qroar {

void SaveJob::work() {
    ScalesRenames renames;
    const auto written =
        updateSessionFile(path_, *session_, base_.get(), known_ ? *known_ : stampOf(path_), renames);
    if (!written)
        emit failed(QString::fromStdString(written.error().message));
    else
        emit saved(session_, *written);
}

void LoadJob::work() {
    const FileStamp stamp = stampOf(path_);
    auto session = loadSession(path_);
    if (!session)
        emit failed(QString::fromStdString(session.error().message));
    else if (!cancelRequested())
        emit loaded(*session, stamp);
}

} // namespace qroar
