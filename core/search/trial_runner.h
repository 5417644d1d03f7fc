// TrialRunner: the one place where a search asks the engine. It records every trial, knows the objective and
// the budget, tells a watcher about progress, and, when it was given the trials of an interrupted search,
// answers from them until they are used up: a search that is a deterministic function of these answers then
// goes on exactly where it stopped. Not here: what to try (grid_search.h, gradient_search.h).
#pragma once

#include "core/search/gain_evaluator.h"
#include "core/search/objective.h"
#include "core/search/search_space.h"
#include "core/session/search_record.h"

#include <functional>

namespace qroar {

/// Where a search is: a value, handed out after every trial from the thread that searches.
struct SearchUpdate {
    SearchTrial trial;                            ///< the newest one
    int trials = 0;                               ///< with it
    double startObjective = 0, bestObjective = 0; ///< J at g = 1; the least J accepted so far
    QkGains bestGains;                            ///< of that one
    std::vector<double> bestTheta;
    double forwardEquivalents = 0; ///< of all trials
    double seconds = 0;            ///< since the search (or its continuation) started
};
using SearchCallback = std::function<void(const SearchUpdate&)>;

class TrialRunner {
  public:
    /// `previous`: the trials of the interrupted search, or none. References must outlive the runner.
    TrialRunner(GainEvaluator& evaluator, const SearchSpace& space, const SearchSettings& settings,
                std::vector<SearchTrial> previous, WorkMeter& meter, const SearchCallback& watcher);

    /// Exact J at theta [dimension]; the index of the trial. The first trial must be Start at theta = 0: it
    /// is the baseline of the guard, and is accepted at once. A later trial under which the model overflows
    /// has J = infinity and no gradient (SearchTrial::overflowed). Errors: cancelled; stored trials that are
    /// not those this search makes; a start that overflows.
    Outcome<std::size_t> value(TrialKind kind, const std::vector<double>& theta);
    /// The same with gradient and its standard error.
    Outcome<std::size_t> gradient(TrialKind kind, const std::vector<double>& theta);
    /// Once after every trial but the start: whether the search goes on from it. Tells the watcher.
    void settle(bool accepted);

    [[nodiscard]] const SearchTrial& trial(std::size_t index) const { return trials_[index]; }
    [[nodiscard]] const std::vector<SearchTrial>& trials() const { return trials_; }
    std::vector<SearchTrial> takeTrials() { return std::move(trials_); }
    /// Whether another trial of this cost (in forward-pass equivalents) is within the budget.
    [[nodiscard]] bool affords(double cost) const;
    [[nodiscard]] double gradientCost() const { return evaluator_.gradientCost(); }

  private:
    using Engine = std::function<Status(SearchTrial& trial)>;
    Outcome<std::size_t> run(TrialKind kind, const std::vector<double>& theta, bool withGradient,
                             const Engine& engine);
    Status replay(TrialKind kind, const std::vector<double>& theta, bool withGradient);
    Status restoreBase();
    Status take(GainEvaluation evaluation, SearchTrial& trial) const;
    void record(SearchTrial trial);

    GainEvaluator& evaluator_;
    const SearchSpace& space_;
    const SearchSettings& settings_;
    std::vector<SearchTrial> previous_;
    WorkMeter& meter_;
    const SearchCallback& watcher_;
    Objective objective_;
    std::vector<SearchTrial> trials_;
    std::size_t best_ = 0;      ///< index of the last accepted trial
    double spent_ = 0;          ///< forward-pass equivalents
    bool baseIsBehind_ = false; ///< the evaluator has not seen the point where the stored trials end
};

} // namespace qroar
