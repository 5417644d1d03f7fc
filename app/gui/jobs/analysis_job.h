// AnalysisJob: runs the engine's analysis on the heavy thread and hands on every finished condition. Not
// here: what to do with a result (Workspace), autosaves (AnalysisController; writing one must not delay a
// cancel).
#pragma once

#include "app/gui/jobs/job.h"
#include "core/analysis/analysis.h"

namespace qroar {

class AnalysisJob : public Job {
    Q_OBJECT

  public:
    /// `previous` may be null.
    AnalysisJob(AnalysisPlan plan, std::shared_ptr<const Session> previous)
        : plan_(std::move(plan)), previous_(std::move(previous)) {}

  signals:
    /// Before the first condition: what the results will be added to.
    void started(const std::shared_ptr<const qroar::Session>& base);
    void conditionFinished(const std::shared_ptr<const qroar::ConditionResult>& result);
    void finished(const std::shared_ptr<const qroar::Session>& session);
    /// Instead of finished(): what was done when the user stopped.
    void cancelled(const std::shared_ptr<const qroar::Session>& session);

  protected:
    void work() override;

  private:
    AnalysisPlan plan_;
    std::shared_ptr<const Session> previous_;
};

/// Time, memory and file size of a plan, in the light queue.
class EstimateJob : public Job {
    Q_OBJECT

  public:
    /// `previous` may be null: the session that the plan would continue.
    explicit EstimateJob(AnalysisPlan plan, std::shared_ptr<const Session> previous = nullptr)
        : plan_(std::move(plan)), previous_(std::move(previous)) {}

  signals:
    void estimated(const qroar::AnalysisEstimate& estimate);

  protected:
    void work() override;

  private:
    AnalysisPlan plan_;
    std::shared_ptr<const Session> previous_;
};

} // namespace qroar
