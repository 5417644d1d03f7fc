#include "widgets/panels/refresh_turn.h"

#include "widgets/common/step_queue.h"

#include <QPointer>
#include <QTimer>

namespace qroar {

struct RefreshTurn::Parts {
    std::function<void()> refresh;
    QPointer<StepQueue> steps;
    QTimer timer;
    bool waiting = false; ///< in steps
    bool wanted = false;
};

RefreshTurn::RefreshTurn(std::function<void()> refresh, QObject* parent)
    : QObject(parent), parts_(std::make_unique<Parts>()) {
    parts_->refresh = std::move(refresh);
    parts_->timer.setSingleShot(true);
    parts_->timer.setInterval(0);
    connect(&parts_->timer, &QTimer::timeout, this, &RefreshTurn::run);
}

RefreshTurn::~RefreshTurn() = default;

void RefreshTurn::setSteps(StepQueue* steps) {
    parts_->steps = steps;
}

void RefreshTurn::run() {
    if (std::exchange(parts_->wanted, false)) parts_->refresh();
}

void RefreshTurn::later() {
    parts_->wanted = true;
    if (!parts_->steps) {
        if (!parts_->timer.isActive()) parts_->timer.start();
    } else if (!std::exchange(parts_->waiting, true)) {
        parts_->steps->later(this, [this] {
            parts_->waiting = false;
            run();
        });
    }
}

void RefreshTurn::soon() {
    parts_->wanted = true;
    if (!parts_->steps) return run();
    if (std::exchange(parts_->waiting, true)) return; // it has its turn
    parts_->steps->soon(this, [this] {
        parts_->waiting = false;
        run();
    });
}

void RefreshTurn::cancel() {
    parts_->wanted = false;
    parts_->timer.stop();
}

} // namespace qroar
