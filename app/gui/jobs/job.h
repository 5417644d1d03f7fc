// Job: one piece of work that runs off the window's thread, and the JobQueue that runs jobs one after the
// other. Results leave a job as signals that carry shared_ptr<const T> or values; receivers live in the
// window's thread, so they are queued. Not here: what the work is (the other files of this folder).
#pragma once

#include "core/base/progress.h"

#include <QObject>
#include <QThreadPool>

#include <atomic>
#include <chrono>

namespace qroar {

class Job : public QObject {
    Q_OBJECT

  public:
    /// From any thread; the work stops at its next look.
    void cancel() { cancelRequested_.store(true, std::memory_order_relaxed); }
    [[nodiscard]] bool cancelRequested() const { return cancelRequested_.load(std::memory_order_relaxed); }

  signals:
    void progressed(const qroar::Progress& progress);
    void failed(const QString& message);
    /// From the window's thread, after everything else, whatever happened.
    void ended();

  protected:
    /// On a thread of the queue. Expected failures emit failed(); an exception is caught and reported as one.
    virtual void work() = 0;

  private:
    friend class JobQueue;
    void runGuarded();
    std::atomic<bool> cancelRequested_{false};
};

/// Hands the engine's progress to a job's signal, at most about 20 times a second and always when the stage
/// changes.
class JobSink : public ProgressSink {
  public:
    explicit JobSink(Job& job) : job_(job) {}
    void report(const Progress& progress) override;
    [[nodiscard]] bool cancelled() const override { return job_.cancelRequested(); }

  private:
    Job& job_;
    std::string stage_;
    std::chrono::steady_clock::time_point last_{};
};

/// One thread, jobs in the order they came. The destructor cancels what is left and waits for it.
class JobQueue : public QObject {
    Q_OBJECT

  public:
    explicit JobQueue(QObject* parent = nullptr);
    ~JobQueue() override;
    /// Takes the job over and deletes it after its last signal.
    void start(Job* job);
    [[nodiscard]] bool busy() const { return running_ > 0; }
    void cancelAll();
    /// Of the computations in jobs that start from now on; 0: all there are. Results do not depend on it.
    void setThreads(int threads) { threads_ = threads; }

  signals:
    void busyChanged(bool busy);

  private:
    void finish(Job* job);
    QThreadPool pool_;
    int running_ = 0;
    int threads_ = 0;
};

/// Tells the result of the newest job from those it replaced: keep the ticket beside the job, drop the result
/// when it is no longer current.
class LatestJob {
  public:
    using Ticket = quint64;
    Ticket next() { return ++newest_; }
    [[nodiscard]] bool isCurrent(Ticket ticket) const { return ticket == newest_; }

  private:
    Ticket newest_ = 0;
};

} // namespace qroar
