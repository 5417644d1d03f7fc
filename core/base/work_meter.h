// WorkMeter: counts the work of a long job in floating-point operations, from any worker thread, and turns it
// into progress with time left; remembers a cancellation so that all workers agree. Not for timing
// benchmarks.
#pragma once

#include "core/base/progress.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>

namespace qroar {

class WorkMeter {
  public:
    WorkMeter(ProgressSink& sink, double totalWork) : sink_(sink), total_(totalWork > 0 ? totalWork : 1) {}

    /// From the engine's thread only.
    void setStage(std::string stage) {
        stage_ = std::move(stage);
        report();
    }
    /// From any thread: `work` more is done. True when the job should go on.
    bool add(double work) {
        done_.fetch_add(work * parts_, std::memory_order_relaxed);
        return !cancelled();
    }
    /// From the engine's thread, outside of parallel regions: from now on this process does one of `parts`
    /// parts of the work, and the others do as much meanwhile.
    void beginShare(int parts) {
        parts_ = parts;
        shareStart_ = done_.load(std::memory_order_relaxed);
    }
    /// What this process has done of it.
    [[nodiscard]] double shareWork() const {
        return (done_.load(std::memory_order_relaxed) - shareStart_) / parts_;
    }
    /// `work`: what all of them really did.
    void endShare(double work) {
        done_.store(shareStart_ + work, std::memory_order_relaxed);
        parts_ = 1;
    }
    /// From any thread, between tiles.
    bool cancelled() {
        if (!cancelled_.load(std::memory_order_relaxed) && sink_.cancelled())
            cancelled_.store(true, std::memory_order_relaxed);
        return cancelled_.load(std::memory_order_relaxed);
    }
    /// From the engine's thread only (master of a parallel region included); at most 50 times a second.
    void reportNow() {
        const auto now = Clock::now();
        if (now - lastReport_ >= std::chrono::milliseconds(20)) report();
    }
    [[nodiscard]] double secondsElapsed() const { return seconds(Clock::now() - start_); }

  private:
    using Clock = std::chrono::steady_clock;
    static double seconds(Clock::duration d) { return std::chrono::duration<double>(d).count(); }
    void report() {
        lastReport_ = Clock::now();
        Progress progress;
        progress.stage = stage_;
        progress.fraction = std::min(1.0, done_.load(std::memory_order_relaxed) / total_);
        progress.secondsElapsed = secondsElapsed();
        if (progress.fraction > 0.01 || progress.secondsElapsed > 2)
            progress.secondsLeft =
                progress.fraction > 0 ? progress.secondsElapsed * (1 / progress.fraction - 1) : -1;
        sink_.report(progress);
    }

    ProgressSink& sink_;
    const double total_;
    std::atomic<double> done_{0};
    std::atomic<bool> cancelled_{false};
    double parts_ = 1, shareStart_ = 0;
    std::string stage_;
    Clock::time_point start_ = Clock::now(), lastReport_{};
};

} // namespace qroar
