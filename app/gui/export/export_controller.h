// ExportController: estimates and runs exports. It talks to no widget: the window connects its signals.
#pragma once

#include "app/gui/jobs/export_job.h"

#include <QPointer>
#include <QTimer>

namespace qroar {

class ExportController : public QObject {
    Q_OBJECT

  public:
    /// `heavy` is shared with all who need the heavy thread; it must outlive this.
    explicit ExportController(JobQueue& heavy, QObject* parent = nullptr);

    /// Soon, and only the newest.
    void estimateLater(const ExportTask& task);
    /// False when something else holds the heavy thread.
    bool start(const ExportTask& task);
    void cancel();
    [[nodiscard]] bool running() const { return !job_.isNull(); }

  signals:
    void estimated(const qroar::ExportEstimate& estimate);
    void refused(const QString& message);
    void runningChanged(bool running);
    void progressed(const qroar::Progress& progress);
    void exported(const qroar::ExportReport& report);
    void failed(const QString& message);

  private:
    void estimateNow();

    JobQueue& heavy_;
    JobQueue light_;
    LatestJob latest_;
    ExportTask pending_;
    QTimer timer_;
    QPointer<ExportJob> job_;
};

} // namespace qroar
