// StepQueue: work of the window's thread that need not be done at once, in steps. It does as many as take
// little time, then lets the loop of events come by, so that keys and the mouse wait for one step at most,
// and not for all. (A queued call would not do: all of those are dealt with before the next key is.) Not
// here: threads.
#pragma once

#include <QElapsedTimer>
#include <QObject>
#include <QPointer>
#include <QTimer>

#include <deque>
#include <functional>

namespace qroar {

class StepQueue : public QObject {
    Q_OBJECT
  public:
    explicit StepQueue(QObject* parent = nullptr);

    /// In a later pass of the loop, after what was asked for before; never when `context` is gone by then.
    void later(QObject* context, std::function<void()> work);
    /// Before this returns, when little was done since the loop last came by; else as later().
    void soon(QObject* context, std::function<void()> work);

  private:
    struct Step {
        QPointer<QObject> context;
        std::function<void()> work;
    };
    void run();
    void timed(const std::function<void()>& work);

    std::deque<Step> steps_;
    QTimer timer_;
    double spent_ = 0;     ///< milliseconds since the loop last came by
    bool running_ = false; ///< a step: what it asks for is a step of its own
};

} // namespace qroar
