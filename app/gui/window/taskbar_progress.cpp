#include "app/gui/window/taskbar_progress.h"

#include <algorithm>
#include <utility>

namespace qroar {

TaskbarProgress::TaskbarProgress(Send send, QObject* parent) : QObject(parent), send_(std::move(send)) {
    pause_.setSingleShot(true);
    pause_.setInterval(millisecondsBetween);
    connect(&pause_, &QTimer::timeout, this, &TaskbarProgress::sendChange);
}

TaskbarProgress::~TaskbarProgress() {
    hide();
}

void TaskbarProgress::show(double fraction) {
    wanted_ = {std::clamp(fraction, 0.0, 1.0), true};
    if (!pause_.isActive()) sendChange();
}

void TaskbarProgress::hide() {
    wanted_ = {};
    if (sent_.visible) sendChange();
}

void TaskbarProgress::sendChange() {
    if (!send_ || wanted_ == sent_) return;
    sent_ = wanted_;
    pause_.start();
    send_(sent_);
}

} // namespace qroar
