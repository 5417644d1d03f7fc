// SearchJob: a search for gains on the heavy thread, then its controls on the report documents. Not here:
// pausing and accepting (SearchController).
#pragma once

#include "app/gui/jobs/input_jobs.h"
#include "app/gui/jobs/job.h"
#include "core/search/search.h"

namespace qroar {

/// What the window asks for: the plan without its weights, which the job makes.
struct SearchTask {
    SearchPlan plan;
    QuantSpec quant;
    SharedDocuments report;                       ///< null or empty: no controls
    std::shared_ptr<const SearchRecord> previous; ///< of a paused search
};

class SearchJob : public Job {
    Q_OBJECT

  public:
    explicit SearchJob(SearchTask task) : task_(std::move(task)) {}

  signals:
    /// After every trial: the search so far.
    void updated(const std::shared_ptr<const qroar::SearchRecord>& record);
    /// The search came to its end, or was stopped (record.finished is false); controls follow when it did.
    void searched(const std::shared_ptr<const qroar::SearchRecord>& record);
    /// With the report and the verdict in it.
    void reported(const std::shared_ptr<const qroar::SearchRecord>& record);

  protected:
    void work() override;

  private:
    void report(SearchRecord record, JobSink& sink);
    SearchTask task_;
};

} // namespace qroar
