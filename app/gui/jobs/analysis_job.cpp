#include "app/gui/jobs/analysis_job.h"

#include "core/session/session_file.h"

namespace qroar {

AnalysisJob::AnalysisJob(AnalysisPlan plan, std::shared_ptr<const Session> previous,
                         std::filesystem::path autosavePath)
    : plan_(std::move(plan)), previous_(std::move(previous)), autosavePath_(std::move(autosavePath)) {}

void AnalysisJob::autosave() {
    if (autosavePath_.empty()) return;
    if (Status saved = saveSession(partial_, autosavePath_); !saved)
        emit autosaveFailed(QString::fromStdString(saved.error().message));
}

void AnalysisJob::work() {
    partial_ = previous_ ? *previous_ : emptySession(plan_);
    emit started(std::make_shared<const Session>(partial_));
    JobSink sink(*this);
    const auto onResult = [this](std::shared_ptr<const ConditionResult> result) {
        emit conditionFinished(result);
        unsavedSeconds_ += result->seconds;
        partial_.conditions.push_back(std::move(result));
        // Writing the whole file takes a second or more: not after every short condition, and never between a
        // cancel and its end.
        if (unsavedSeconds_ < 20 || cancelRequested()) return;
        unsavedSeconds_ = 0;
        autosave();
    };
    auto session = runAnalysis(plan_, sink, onResult, previous_);
    if (!cancelRequested() && unsavedSeconds_ > 0) autosave();
    if (!session) {
        if (session.error().code == ErrorCode::Cancelled)
            emit cancelled(std::make_shared<const Session>(partial_));
        else
            emit failed(QString::fromStdString(session.error().message));
    } else if (cancelRequested() && (*session)->conditions.size() < plan_.conditions().size()) {
        emit cancelled(*session);
    } else {
        emit finished(*session);
    }
    if (cancelRequested() && unsavedSeconds_ > 0) autosave(); // the window has been told already
}

void EstimateJob::work() {
    auto estimate = estimateAnalysis(plan_, previous_.get());
    if (estimate)
        emit estimated(*estimate);
    else
        emit failed(QString::fromStdString(estimate.error().message));
}

} // namespace qroar
