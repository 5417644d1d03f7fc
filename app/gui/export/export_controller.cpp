#include "app/gui/export/export_controller.h"

namespace qroar {

ExportController::ExportController(JobQueue& heavy, QObject* parent) : QObject(parent), heavy_(heavy) {
    timer_.setSingleShot(true);
    timer_.setInterval(250);
    connect(&timer_, &QTimer::timeout, this, &ExportController::estimateNow);
}

void ExportController::estimateLater(const ExportTask& task) {
    latest_.next();
    pending_ = task;
    timer_.start();
}

void ExportController::estimateNow() {
    const auto ticket = latest_.next();
    auto* job = new ExportEstimateJob(pending_);
    connect(job, &ExportEstimateJob::estimated, this, [this, ticket](const ExportEstimate& estimate) {
        if (latest_.isCurrent(ticket)) emit estimated(estimate);
    });
    connect(job, &Job::failed, this, [this, ticket](const QString& message) {
        if (latest_.isCurrent(ticket)) emit refused(message);
    });
    light_.start(job);
}

bool ExportController::start(const ExportTask& task) {
    if (running() || heavy_.busy()) return false;
    timer_.stop();
    latest_.next();
    auto* job = new ExportJob(task);
    connect(job, &Job::progressed, this, &ExportController::progressed);
    connect(job, &ExportJob::exported, this, &ExportController::exported);
    connect(job, &Job::failed, this, &ExportController::failed);
    connect(job, &Job::ended, this, [this] {
        job_ = nullptr;
        emit runningChanged(false);
    });
    job_ = job;
    emit runningChanged(true);
    heavy_.start(job);
    return true;
}

void ExportController::cancel() {
    if (job_) job_->cancel();
}

} // namespace qroar
