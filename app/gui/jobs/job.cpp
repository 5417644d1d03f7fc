#include "app/gui/jobs/job.h"

#include <omp.h>

#include <exception>
#include <new>

namespace qroar {

void Job::runGuarded() {
    try {
        if (!cancelRequested()) work();
    } catch (const std::bad_alloc&) {
        emit failed(
            tr("Not enough memory: use shorter contexts, fewer documents or a smaller window limit."));
    } catch (const std::exception& problem) {
        emit failed(tr("Internal error: %1").arg(QString::fromUtf8(problem.what())));
    } catch (...) {
        emit failed(tr("Internal error without a description."));
    }
}

void JobSink::report(const Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (progress.stage == stage_ && now - last_ < std::chrono::milliseconds(50)) return;
    stage_ = progress.stage;
    last_ = now;
    emit job_.progressed(progress);
}

JobQueue::JobQueue(QObject* parent) : QObject(parent) {
    pool_.setMaxThreadCount(1);
    pool_.setExpiryTimeout(-1); // OpenMP keeps a team of threads for each thread that ever asked for one
}

JobQueue::~JobQueue() {
    cancelAll();
    pool_.waitForDone();
}

void JobQueue::start(Job* job) {
    job->setParent(this);
    if (++running_ == 1) emit busyChanged(true);
    pool_.start([this, job, threads = threads_] {
        omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs()); // of this thread only
        job->runGuarded();
        // After the job's own queued signals, and only when its thread no longer touches it.
        QMetaObject::invokeMethod(
            this, [this, job] { finish(job); }, Qt::QueuedConnection);
    });
}

void JobQueue::finish(Job* job) {
    const bool idle = --running_ == 0;
    emit job->ended();
    job->deleteLater();
    if (idle) emit busyChanged(false);
}

void JobQueue::cancelAll() {
    for (Job* job : findChildren<Job*>(Qt::FindDirectChildrenOnly)) job->cancel();
}

} // namespace qroar
