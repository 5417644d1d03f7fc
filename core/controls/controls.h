// Controls: what must be shown beside any rescaled model before its gain means something (method.md sections
// 6 and 8). A variant is weights + gains + a RoPE spec; runControls puts several of them through the same
// windows and measures NLL and the divergence from a full-precision reference of the same RoPE spec. FP,
// FP+g, Q and Q+g with and without interpolation are the usual set (controlVariants). What the numbers mean
// is said by judge() (verdict.h). Not here: how g is found (core/search), statistics of activations
// (core/analysis).
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/inference/weight_source.h"
#include "core/model/model.h"
#include "core/scales/qk_gains.h"
#include "core/session/session.h"
#include "core/text/documents.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace qroar {

/// The roles of the usual set.
inline constexpr const char *controlFp = "FP", *controlFpScaled = "FP+g", *controlQ = "Q",
                            *controlQScaled = "Q+g";

struct ControlVariant {
    std::string name; ///< role or any name; unique among the variants of one RoPE spec
    RopeSpec rope;
    std::shared_ptr<const WeightSource> weights;
    QkGains gains{};      ///< empty: none; else must fit the model
    std::string scales{}; ///< name of the scale set the gains are from; empty when, and only when, they are
};

class LogitsSink;           // core/inference/forward.h
class Ranks;                // core/ranks/ranks.h
class ReferencePredictions; // side_by_side.h

struct ControlOptions {
    int maxWindows = 0; ///< of each document; 0 = all
    /// KL and its companions against the first variant of full precision without gains that has the same RoPE
    /// spec (without one: the first variant of that spec). Costs one more product with the output head per
    /// token and variant.
    bool divergence = true;
    /// Another reference for all variants (a file of logits), and its name; null: none. It numbers the
    /// windows of the run, so it wants one context.
    const ReferencePredictions* external = nullptr;
    std::string externalName;
    /// Also receives the logits of the first variant (window = index into the run's windows); null: nobody.
    LogitsSink* tap = nullptr;
    /// Read instead of the first token of every window (llama-perplexity's BOS); negative: as it is.
    TokenId firstToken = -1;
    Ranks* ranks = nullptr; ///< that share the windows; null: this process alone
};

/// One variant at one context length. `condition` holds the NLL of every token and the divergence
/// (ConditionResult::divergence); no statistics of activations. Its key names rope, context, quant and
/// scales.
struct VariantResult {
    std::string name;
    std::shared_ptr<const ConditionResult> condition;
};

using VariantCallback = std::function<void(const VariantResult&)>;

/// Documents whose every window of `context` tokens starts with `token`.
std::vector<Document> startingWith(TokenId token, std::vector<Document> documents, int context);

/// Every variant at every context, in that nesting (variant by variant, each with its contexts in the order
/// given). The variants of one RoPE spec go through a batch of windows together, so that the reference's
/// residual stream is computed once; memory is linear in the tokens of a batch, logits are recomputed in
/// blocks. The same numbers for any number of threads. When cancelled: the (variant, context) pairs that are
/// complete. Errors: no variants, gains that do not fit, a context below 2 or without windows, a spec the
/// model cannot resolve, an output that is not a number (names variant, document, window and position).
/// `onResult` is called from the calling thread as results become complete.
Outcome<std::vector<VariantResult>>
runControls(std::shared_ptr<const Model> model, const std::vector<Document>& documents,
            const std::vector<int>& contexts, const std::vector<ControlVariant>& variants,
            const ControlOptions& options, ProgressSink& sink, const VariantCallback& onResult = {});

/// FP, Q, FP+g, Q+g under `rope`, then the same four under `none` unless that is what `rope` comes to for
/// this model. `full` are the weights without quantization; without quantized weights (null) FP and FP+g
/// only.
std::vector<ControlVariant> controlVariants(const ModelConfig& config, const RopeSpec& rope,
                                            std::shared_ptr<const WeightSource> full,
                                            std::shared_ptr<const WeightSource> quantized,
                                            const QkGains& gains, const std::string& scales);

} // namespace qroar
