#include "app/gui/report/report_action.h"

#include "app/gui/report/html_report.h"
#include "widgets/plot/figure_export.h"

#include <QCoreApplication>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QProgressDialog>

namespace qroar {

namespace {

class ReportAction {
    Q_DECLARE_TR_FUNCTIONS(ReportAction)
};

} // namespace

SavedReport saveReportTo(QWidget* parent, const std::shared_ptr<const Session>& session,
                         const QString& sessionPath, const QString& path) {
    SavedReport saved;
    ReportRequest request;
    request.session = session;
    request.sessionPath = sessionPath;
    std::unique_ptr<QProgressDialog> dialog;
    if (parent) {
        dialog = std::make_unique<QProgressDialog>(ReportAction::tr("Drawing the figures of the report…"),
                                                   ReportAction::tr("Cancel"), 0, 1, parent);
        dialog->setWindowTitle(ReportAction::tr("Report"));
        dialog->setWindowModality(Qt::WindowModal);
        dialog->setMinimumDuration(300);
        request.progress = [&dialog](int done, int all) {
            dialog->setMaximum(all);
            dialog->setValue(done);
            return !dialog->wasCanceled();
        };
    }
    const auto report = makeReport(request);
    if (report && writeWholeFile(path, report->html, &saved.error)) saved.path = path;
    return saved;
}

SavedReport saveReportAs(QWidget* parent, const std::shared_ptr<const Session>& session,
                         const QString& sessionPath, const QString& folder) {
    const QString name =
        sessionPath.isEmpty() ? QStringLiteral("report") : QFileInfo(sessionPath).completeBaseName();
    const QString chosen = QFileDialog::getSaveFileName(parent, ReportAction::tr("Save the report"),
                                                        QDir(folder).filePath(name + QStringLiteral(".html")),
                                                        ReportAction::tr("HTML (*.html)"));
    if (chosen.isEmpty()) return {};
    const bool named = QFileInfo(chosen).suffix().startsWith(QLatin1String("htm"), Qt::CaseInsensitive);
    return saveReportTo(parent, session, sessionPath, named ? chosen : chosen + QStringLiteral(".html"));
}

} // namespace qroar
