// ExportJob: writes and verifies a model on the heavy thread.
#pragma once

#include "app/gui/jobs/input_jobs.h"
#include "app/gui/jobs/job.h"
#include "core/exporting/export_model.h"

namespace qroar {

struct ExportTask {
    ExportRequest request; ///< without weights, which the job makes
    QuantSpec quant;
    SharedDocuments calibration; ///< for quantizers that need text
    int calibrationContext = 0;  ///< tokens of a window; 0 = deployedContext()
};

class ExportJob : public Job {
    Q_OBJECT

  public:
    explicit ExportJob(ExportTask task) : task_(std::move(task)) {}

  signals:
    void exported(const qroar::ExportReport& report);

  protected:
    void work() override;

  private:
    ExportTask task_;
};

/// Size, notes and refusals of a request before anything is written; for the light queue.
class ExportEstimateJob : public Job {
    Q_OBJECT

  public:
    explicit ExportEstimateJob(ExportTask task) : task_(std::move(task)) {}

  signals:
    void estimated(const qroar::ExportEstimate& estimate);

  protected:
    void work() override;

  private:
    ExportTask task_;
};

} // namespace qroar
