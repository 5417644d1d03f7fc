// TaskbarProgress: how far what is running is, for the task bar of the desktop: a few times a second at most,
// and at once when it has ended. Not here: how a desktop is told (launcher_entry.h), the corner of the status
// bar (run_status.h).
#pragma once

#include <QObject>
#include <QTimer>

#include <functional>

namespace qroar {

/// What the task bar shows.
struct TaskbarState {
    double fraction = 0; ///< 0..1
    bool visible = false;
    bool operator==(const TaskbarState&) const = default;
};

class TaskbarProgress : public QObject {
    Q_OBJECT

  public:
    using Send = std::function<void(const TaskbarState&)>;
    static constexpr int millisecondsBetween = 250;

    /// An empty `send` tells nobody.
    explicit TaskbarProgress(Send send, QObject* parent = nullptr);
    ~TaskbarProgress() override; ///< what is visible does not stay

    void show(double fraction);
    void hide();

  private:
    void sendChange();
    Send send_;
    TaskbarState wanted_, sent_;
    QTimer pause_; ///< runs after each update; what is wanted when it ends is sent then
};

} // namespace qroar
