// Saving the report of the open session from the window: asks where, shows how far it is, can be stopped. Not
// here: what a report holds (html_report.h).
#pragma once

#include "core/session/session.h"

#include <QString>

#include <memory>

class QWidget;

namespace qroar {

struct SavedReport {
    QString path;  ///< empty: nothing was written
    QString error; ///< why; empty when the user did not want it
};
/// `folder`: where the file dialog begins.
SavedReport saveReportAs(QWidget* parent, const std::shared_ptr<const Session>& session,
                         const QString& sessionPath, const QString& folder);
/// Without asking: into `path`, with progress over `parent` (null: none).
SavedReport saveReportTo(QWidget* parent, const std::shared_ptr<const Session>& session,
                         const QString& sessionPath, const QString& path);

} // namespace qroar
