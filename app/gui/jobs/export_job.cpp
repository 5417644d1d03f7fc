#include "app/gui/jobs/export_job.h"

namespace qroar {

void ExportJob::work() {
    auto weights = openWeights(task_.request.model, task_.quant);
    if (!weights) {
        emit failed(QString::fromStdString(weights.error().message));
        return;
    }
    task_.request.weights = *weights;
    JobSink sink(*this);
    auto report = exportModel(task_.request, sink);
    if (report)
        emit exported(*report);
    else
        emit failed(QString::fromStdString(report.error().message));
}

void ExportEstimateJob::work() {
    auto weights = openWeights(task_.request.model, task_.quant);
    if (!weights) {
        emit failed(QString::fromStdString(weights.error().message));
        return;
    }
    task_.request.weights = *weights;
    auto estimate = estimateExport(task_.request);
    if (estimate)
        emit estimated(*estimate);
    else
        emit failed(QString::fromStdString(estimate.error().message));
}

} // namespace qroar
