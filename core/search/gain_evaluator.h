// GainEvaluator: what gains do to the dev windows, exactly, by the engine: NLL per context length, or NLL and
// gradient. Reuses everything a trial does not change: converted layers, and the residual streams below the
// lowest layer whose gains differ from those of the base (the point the search stands at). Counts its cost in
// forward-pass equivalents: operations over those of one forward pass over all dev windows. The same numbers
// for any number of threads, and with or without reuse. Not here: the objective, what to try next.
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/inference/forward.h"
#include "core/ranks/ranks.h"
#include "core/search/search_space.h"
#include "core/text/documents.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace qroar {

struct GainEvaluation {
    std::vector<double> nll;       ///< [contexts] mean over predicted tokens, nats
    double forwardEquivalents = 0; ///< what it cost
    /// Where the model's output (or its gradient) was not a number, in words: its activations overflow under
    /// these gains, and every NLL is infinite. Empty: it did not.
    std::string overflow;
};

/// One dev window's part of a gradient. Sums over its predicted tokens, not means.
struct WindowGradient {
    int context = 0;          ///< index into the contexts
    int document = 0;         ///< of the dev documents
    std::vector<double> sums; ///< [dimension] d (sum of NLL) / d theta
    int stretch = 0;          ///< which stretch of the document, as long as the longest context, it begins in
};
struct GainGradient {
    GainEvaluation value;
    std::vector<long long> tokens;       ///< [contexts] predicted tokens
    std::vector<WindowGradient> windows; ///< context by context, in the order of the windows
};

class GainEvaluator {
  public:
    /// `documents` must outlive the evaluator. `memoryBudget`: bytes of residual streams to keep, for the
    /// base and a trial together. Errors: a context below 2 or without windows, a spec the model cannot
    /// resolve.
    /// `ranks` (null: this process alone; else they must outlive it) share the windows, and all of them get
    /// the same answers: each asks the same questions in the same order.
    static Outcome<GainEvaluator> make(std::shared_ptr<const Model> model,
                                       std::shared_ptr<const WeightSource> weights, const RopeSpec& rope,
                                       const std::vector<Document>& documents, std::vector<int> contexts,
                                       int maxWindows, double memoryBudget = defaultMemoryBudget,
                                       Ranks* ranks = nullptr);
    static constexpr double defaultMemoryBudget = 1.0e9;

    GainEvaluator(GainEvaluator&&) noexcept;
    GainEvaluator& operator=(GainEvaluator&&) noexcept;
    ~GainEvaluator();

    /// NLL under `gains`, from the lowest layer on in which they differ from the base. Error: cancelled.
    Outcome<GainEvaluation> evaluate(const QkGains& gains, WorkMeter& meter);
    /// NLL and gradients of every window; of none when one of them overflows. Does not use or change the
    /// base. Error: cancelled.
    Outcome<GainGradient> gradient(const SearchSpace& space, std::span<const double> theta, WorkMeter& meter);
    /// The gains of the last evaluate(), which did not overflow, become the base.
    void keepLast();

    [[nodiscard]] const std::vector<int>& contexts() const { return contexts_; }
    [[nodiscard]] double trainedContext() const { return trainedContext_; } ///< L0 in force
    /// Operations of one forward pass over all dev windows: the unit of forward-pass equivalents.
    [[nodiscard]] double passOperations() const { return passOperations_; }
    /// Cost of one gradient(), in forward-pass equivalents.
    [[nodiscard]] double gradientCost() const { return gradientCost_; }
    [[nodiscard]] int windowCount() const; ///< dev windows of all contexts
    [[nodiscard]] int rankCount() const { return ranks_->size(); }
    [[nodiscard]] double largestShare() const; ///< the part of passOperations() that the busiest rank has

  private:
    struct Batch; ///< some windows of one context, and their kept residual streams
    GainEvaluator();
    void cutBatches(double streams);
    [[nodiscard]] WindowBlocks blocksOf(std::size_t context) const;
    [[nodiscard]] int lowestChangedLayer(const QkGains& gains) const;
    [[nodiscard]] int startLayer() const;
    [[nodiscard]] double operationsFrom(int layer) const;
    Outcome<std::string> evaluateOwn(const QkGains& gains, WorkMeter& meter);
    Status runBatch(Batch& batch, const QkGains& gains, NllSink& sink, WorkMeter& meter) const;

    std::shared_ptr<const Model> model_;
    std::shared_ptr<const WeightSource> weights_;
    std::vector<int> contexts_;
    std::vector<FrequencyTable> tables_;       ///< [contexts]
    std::vector<std::vector<Window>> windows_; ///< [contexts]
    std::unique_ptr<Ranks> alone_;             ///< null when others share
    Ranks* ranks_ = nullptr;
    std::vector<std::unique_ptr<Batch>> batches_; ///< of the windows of this rank
    std::vector<bool> keeps_, held_; ///< [layers] whether the stream below it is kept; whether the base's is
    std::optional<QkGains> base_,
        last_;             ///< of the kept streams; of the last evaluation, when it came to an end
    int firstChanged_ = 0; ///< layer in which the last evaluation differs from the base
    double trainedContext_ = 0, passOperations_ = 0, gradientCost_ = 0;
};

} // namespace qroar
