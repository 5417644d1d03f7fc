#include "core/search/trial_runner.h"

#include "core/search/gradient_estimate.h"

namespace qroar {

TrialRunner::TrialRunner(GainEvaluator& evaluator, const SearchSpace& space, const SearchSettings& settings,
                         std::vector<SearchTrial> previous, WorkMeter& meter, const SearchCallback& watcher)
    : evaluator_(evaluator), space_(space), settings_(settings), previous_(std::move(previous)),
      meter_(meter), watcher_(watcher) {}

Outcome<std::size_t> TrialRunner::value(TrialKind kind, const std::vector<double>& theta) {
    return run(kind, theta, false, [&](SearchTrial& trial) -> Status {
        if (Status ready = restoreBase(); !ready) return ready;
        auto evaluation = evaluator_.evaluate(space_.toGains(theta), meter_);
        if (!evaluation) return evaluation.error();
        return take(std::move(*evaluation), trial);
    });
}

Outcome<std::size_t> TrialRunner::gradient(TrialKind kind, const std::vector<double>& theta) {
    return run(kind, theta, true, [&](SearchTrial& trial) -> Status {
        auto found = evaluator_.gradient(space_, theta, meter_);
        if (!found) return found.error();
        if (Status taken = take(std::move(found->value), trial); !taken || found->windows.empty())
            return taken;
        // The guard is flat at the start, whatever its baseline will be.
        const auto slopes = trials_.empty() ? settings_.contextWeights : objective_.slopes(trial.nll);
        GradientEstimate estimate = combineGradient(*found, slopes);
        trial.gradient = std::move(estimate.mean);
        trial.gradientError = std::move(estimate.error);
        return Done{};
    });
}

/// A trial that overflows is one that nobody goes on from; a start that does is no start.
Status TrialRunner::take(GainEvaluation evaluation, SearchTrial& trial) const {
    if (trials_.empty() && !evaluation.overflow.empty()) return Error::bad(evaluation.overflow);
    trial.nll = std::move(evaluation.nll);
    trial.forwardEquivalents = evaluation.forwardEquivalents;
    return Done{};
}

Outcome<std::size_t> TrialRunner::run(TrialKind kind, const std::vector<double>& theta, bool withGradient,
                                      const Engine& engine) {
    if (trials_.size() < previous_.size()) {
        if (Status same = replay(kind, theta, withGradient); !same) return same.error();
        return trials_.size() - 1;
    }
    const double begin = meter_.secondsElapsed();
    SearchTrial trial;
    trial.kind = kind;
    trial.theta = theta;
    if (Status ran = engine(trial); !ran) return ran.error();
    if (trials_.empty())
        objective_ = Objective(settings_.contextWeights, trial.nll,
                               shortContextIndex(settings_.contexts, evaluator_.trainedContext()),
                               {settings_.lambda, settings_.delta, settings_.l2});
    trial.objective = objective_.value(trial.nll, theta);
    trial.seconds = meter_.secondsElapsed() - begin;
    record(std::move(trial));
    return trials_.size() - 1;
}

/// The stored answer, when it is one to this question.
Status TrialRunner::replay(TrialKind kind, const std::vector<double>& theta, bool withGradient) {
    SearchTrial& stored = previous_[trials_.size()];
    const bool answers = stored.gradient.empty() != withGradient || stored.overflowed();
    if (stored.kind != kind || stored.theta != theta || !answers)
        return Error::bad("the stored search cannot be continued: its trial " + std::to_string(trials_.size())
                          + " is not the one these settings lead to; was it made by another version?");
    if (trials_.empty())
        objective_ = Objective(settings_.contextWeights, stored.nll,
                               shortContextIndex(settings_.contexts, evaluator_.trainedContext()),
                               {settings_.lambda, settings_.delta, settings_.l2});
    stored.accepted = false;
    baseIsBehind_ = true;
    record(std::move(stored));
    return Done{};
}

/// After stored trials the evaluator has no streams to start from: one pass at the point where they end. It
/// belongs to the continuation, not to a trial, and is not counted.
Status TrialRunner::restoreBase() {
    if (!baseIsBehind_) return Done{};
    auto evaluation = evaluator_.evaluate(space_.toGains(trials_[best_].theta), meter_);
    if (!evaluation) return evaluation.error();
    if (!evaluation->overflow.empty())
        return Error::bad("the stored search cannot be continued: " + evaluation->overflow);
    evaluator_.keepLast();
    baseIsBehind_ = false;
    return Done{};
}

void TrialRunner::record(SearchTrial trial) {
    spent_ += trial.forwardEquivalents;
    trials_.push_back(std::move(trial));
    if (trials_.size() == 1) settle(true);
}

void TrialRunner::settle(bool accepted) {
    SearchTrial& newest = trials_.back();
    newest.accepted = accepted;
    if (accepted) {
        best_ = trials_.size() - 1;
        if (!baseIsBehind_ && newest.gradient.empty()) evaluator_.keepLast();
    }
    if (!watcher_) return;
    const SearchTrial& best = trials_[best_];
    watcher_({newest, static_cast<int>(trials_.size()), trials_.front().objective, best.objective,
              space_.toGains(best.theta), best.theta, spent_, meter_.secondsElapsed()});
}

bool TrialRunner::affords(double cost) const {
    return settings_.budget <= 0 || spent_ + cost <= settings_.budget;
}

} // namespace qroar
