// SearchController: starts, pauses, resumes and stops searches, and puts accepted ones into the Workspace. It
// talks to no widget: the window connects its signals. Not here: what is asked for (SearchSetup), the engine
// (jobs/search_job.h).
#pragma once

#include "app/gui/analysis_controller.h"
#include "app/gui/jobs/search_job.h"

namespace qroar {

class SearchController : public QObject {
    Q_OBJECT

  public:
    enum class State {
        Idle,      ///< nothing, or accepted or discarded
        Running,   ///< trials or controls in flight
        Paused,    ///< stopped with the record kept: can go on
        Undecided, ///< came to its end; accept or discard
    };
    /// `heavy` is shared with all who need the heavy thread; all must outlive this.
    SearchController(Workspace& workspace, AnalysisController& analysis, JobQueue& heavy,
                     QObject* parent = nullptr);

    /// False when the heavy thread is busy or nothing is open.
    bool start(SearchTask task);
    void pause();
    bool resume();
    /// Ends the search where it is: what was found can be accepted or discarded.
    void stop();
    /// Puts the record into the session that was current when it started, under a name of its own; where that
    /// has been closed, into the current one if it is of the same model.
    void accept();
    void discard();

    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool running() const { return state_ == State::Running; }
    [[nodiscard]] std::shared_ptr<const SearchRecord> record() const { return record_; }
    /// The session that accept() writes into.
    [[nodiscard]] SessionId target() const;
    /// A session with the record in it, under the name it would get; as it is where there is none that fits.
    [[nodiscard]] std::shared_ptr<const Session> withRecord(std::shared_ptr<const Session> session) const;

  signals:
    void stateChanged();
    void progressed(const qroar::Progress& progress);
    void recordChanged(const std::shared_ptr<const qroar::SearchRecord>& record);
    void accepted(const QString& name);
    void failed(const QString& message);

  private:
    void launch();
    [[nodiscard]] std::shared_ptr<const SearchRecord> named(const Session& session) const;
    void setState(State state);
    void setRecord(std::shared_ptr<const SearchRecord> record);
    void ended();

    Workspace& workspace_;
    AnalysisController& analysis_;
    JobQueue& heavy_;
    SearchTask task_;
    QPointer<SearchJob> job_;
    std::shared_ptr<const SearchRecord> record_;
    State state_ = State::Idle;
    SessionId target_ = noSession; ///< current when it started
    bool stopping_ = false;
};

} // namespace qroar
