#include "app/gui/jobs/export_job.h"

#include "core/quantize/calibrate.h"

#include <algorithm>

namespace qroar {

void ExportJob::work() {
    JobSink sink(*this);
    constexpr int calibrationWindows = 16;
    const ExportRequest& request = task_.request;
    RopeSpec ofTheModel;
    ofTheModel.kind = RopeKind::Model;
    const RopeSpec rope = request.rope.value_or(ofTheModel);
    const int context = task_.calibrationContext > 0 || !task_.calibration
                            ? std::max(1, task_.calibrationContext)
                            : deployedContext(rope, request.model->config().ropeModel(), *task_.calibration);
    auto weights =
        makeWeightsOn(task_.calibration, rope, context, calibrationWindows, request.model, task_.quant, sink);
    if (!weights && weights.error().code == ErrorCode::Cancelled) return;
    if (!weights) {
        emit failed(QString::fromStdString(weights.error().message));
        return;
    }
    task_.request.weights = *weights;
    auto report = exportModel(task_.request, sink);
    if (report)
        emit exported(*report);
    else if (report.error().code != ErrorCode::Cancelled)
        emit failed(QString::fromStdString(report.error().message));
}

void ExportEstimateJob::work() {
    auto weights = openWeights(task_.request.model,
                               task_.quant.needsCalibration()
                                   ? task_.quant.roundToNearest() // only the size and the layout matter
                                   : task_.quant);
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
