// AnalysisJob: runs the engine's analysis on the heavy thread, hands on every finished condition, and keeps
// the autosave file up to date after each of them. Not here: what to do with a result (Workspace).
#pragma once

#include "app/gui/jobs/job.h"
#include "core/analysis/analysis.h"

#include <filesystem>

namespace qroar {

class AnalysisJob : public Job {
    Q_OBJECT

  public:
    /// `previous` may be null. `autosavePath` may be empty: no autosave.
    AnalysisJob(AnalysisPlan plan, std::shared_ptr<const Session> previous,
                std::filesystem::path autosavePath);

  signals:
    /// Before the first condition: what the results will be added to.
    void started(const std::shared_ptr<const qroar::Session>& base);
    void conditionFinished(const std::shared_ptr<const qroar::ConditionResult>& result);
    void finished(const std::shared_ptr<const qroar::Session>& session);
    /// Instead of finished(): what was done when the user stopped.
    void cancelled(const std::shared_ptr<const qroar::Session>& session);
    /// The autosave could not be written; the analysis goes on.
    void autosaveFailed(const QString& message);

  protected:
    void work() override;

  private:
    void autosave();
    AnalysisPlan plan_;
    std::shared_ptr<const Session> previous_;
    std::filesystem::path autosavePath_;
    Session partial_;
    double unsavedSeconds_ = 0; ///< of finished conditions since the last autosave
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
