// Whole passes of a model as workloads: prefill, capture, reverse pass, search. They share windows of random
// tokens, so that their times can be divided by each other. Not here: what the ratios should be (suite.h).
#pragma once

#include "core/bench/measure.h"
#include "core/inference/forward.h"

namespace qroar::bench {

/// A model and what is run through it.
struct PassSetup {
    std::shared_ptr<const Model> model;
    std::string name;      ///< of the model, for tables
    double layerScale = 1; ///< Workload::layerScale
    int context = 0;
    FrequencyTable table;
    std::vector<Document> documents; ///< one, of random tokens
    std::vector<Window> windows;     ///< of `context` tokens each
    /// For what reports nothing but is cancelled.
    const ProgressSink* sink = nullptr;

    [[nodiscard]] std::string shape() const; ///< "4 x 512 tokens"
};
/// Errors: a context that the model's RoPE cannot be resolved for, or that needs more memory than there is.
Outcome<std::shared_ptr<const PassSetup>> makePassSetup(std::shared_ptr<const Model> model, std::string name,
                                                        double layerScale, int context, int windows,
                                                        const ProgressSink& sink);

enum class Logits {
    Last, ///< of the last token of every window: what a prompt costs before the first new token
    All   ///< of every token, and its NLL: what perplexity costs
};
/// Operations of one window: ForwardPass::operations, without the head's for all but the last token when
/// only that one is wanted.
double prefillOperations(const ModelConfig& config, int context, Logits logits);

Workload prefillWork(const std::shared_ptr<const PassSetup>& setup, Logits logits, int threads);
/// Prefill with NLL, under another weight variant (as openWeights).
Outcome<Workload> variantWork(const std::shared_ptr<const PassSetup>& setup, const QuantSpec& quant,
                              int threads);
/// Prefill with NLL and statistics of q and k before and after RoPE, as `analyze` runs it. Operations are
/// those of the prefill: counting values is not arithmetic.
Workload captureWork(const std::shared_ptr<const PassSetup>& setup, int threads);
/// NLL and gradients of every gain and frequency.
Workload reverseWork(const std::shared_ptr<const PassSetup>& setup, int threads);
/// A search of one gradient step from its start, under yarn:4: the first evaluation, one gradient, the step.
Workload searchWork(const std::shared_ptr<const PassSetup>& setup, int threads);

} // namespace qroar::bench
