#include "widgets/common/step_queue.h"

namespace qroar {

namespace {
/// What a pass may have spent before another step begins: steps of a few milliseconds share a pass, so that
/// views that change together are seen to.
constexpr double millisecondsOfAPass = 8;
} // namespace

StepQueue::StepQueue(QObject* parent) : QObject(parent) {
    timer_.setSingleShot(true);
    timer_.setInterval(0); // a timer, not a posted event: those are all sent in one go
    connect(&timer_, &QTimer::timeout, this, &StepQueue::run);
}

void StepQueue::later(QObject* context, std::function<void()> work) {
    steps_.push_back({context, std::move(work)});
    if (!timer_.isActive()) timer_.start();
}

void StepQueue::soon(QObject* context, std::function<void()> work) {
    if (running_ || spent_ > millisecondsOfAPass) return later(context, std::move(work));
    timed(work);
    if (!timer_.isActive()) timer_.start(); // which tells that the loop came by
}

void StepQueue::timed(const std::function<void()>& work) {
    QElapsedTimer clock;
    clock.start();
    const QPointer<StepQueue> alive(this);
    work();
    if (alive) spent_ += static_cast<double>(clock.nsecsElapsed()) * 1e-6;
}

void StepQueue::run() {
    spent_ = 0;
    const QPointer<StepQueue> alive(this);
    // What steps ask for on the way waits for the next pass: a step that asks for itself must not hold the
    // loop.
    for (auto left = steps_.size(); left > 0 && !steps_.empty() && spent_ <= millisecondsOfAPass; --left) {
        const Step step = std::move(steps_.front());
        steps_.pop_front();
        running_ = true;
        if (step.context) timed(step.work);
        if (!alive) return; // a step may close the window
        running_ = false;
    }
    if (!steps_.empty() || spent_ > 0) timer_.start();
}

} // namespace qroar
