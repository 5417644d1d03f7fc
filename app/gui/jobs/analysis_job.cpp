#include "app/gui/jobs/analysis_job.h"

namespace qroar {

void AnalysisJob::work() {
    emit started(std::make_shared<const Session>(previous_ ? *previous_ : emptySession(plan_)));
    JobSink sink(*this);
    const auto onResult = [this](std::shared_ptr<const ConditionResult> result) {
        emit conditionFinished(result);
    };
    auto session = runAnalysis(plan_, sink, onResult, previous_);
    if (!session)
        emit failed(QString::fromStdString(session.error().message));
    else if (cancelRequested() && !plan_.isDone(**session))
        emit cancelled(*session);
    else
        emit finished(*session);
}

void EstimateJob::work() {
    auto estimate = estimateAnalysis(plan_, previous_.get());
    if (estimate)
        emit estimated(*estimate);
    else
        emit failed(QString::fromStdString(estimate.error().message));
}

} // namespace qroar
