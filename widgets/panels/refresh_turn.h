// RefreshTurn: when a panel recomputes: in an event of its own, or, of several in a window, in its turn. Not
// here: whether there is anything to recompute, and whether somebody looks.
#pragma once

#include <QObject>

#include <functional>
#include <memory>

namespace qroar {

class StepQueue;

class RefreshTurn : public QObject {
    Q_OBJECT
  public:
    RefreshTurn(std::function<void()> refresh, QObject* parent);
    ~RefreshTurn() override;
    /// Null: in an event of its own.
    void setSteps(StepQueue* steps);
    /// Once, however often it is asked.
    void later();
    /// Before this returns, where that keeps nobody waiting; else later.
    void soon();
    void cancel();

  private:
    struct Parts;
    void run();
    std::unique_ptr<Parts> parts_;
};

} // namespace qroar
