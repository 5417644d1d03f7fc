// Passkey by likelihood: a five-digit key is hidden at a depth of a long filler text, and at the end the
// model is asked for it. Instead of generating an answer, it is scored: how likely is the key, and is it more
// likely than other keys? (Task and texts after Mohtashami and Jaggi 2023, arXiv 2305.16300 [std]; scoring by
// likelihood [ours].) Not here: other tasks (copying.h, choices.h).
#pragma once

#include "core/tasks/prompt_scores.h"
#include "core/tasks/proportion.h"

namespace qroar {

struct PasskeyOptions {
    std::vector<int> contexts;                         ///< tokens of the whole prompt, at most
    std::vector<double> depths{0, 0.25, 0.5, 0.75, 1}; ///< 0: at the beginning, 1: right before the question
    int trials = 8;                                    ///< keys for each context and depth
    int alternatives = 7;                              ///< other keys that each one is compared with
};

struct PasskeyResult {
    int context = 0, tokens = 0; ///< asked for; of the longest prompt
    double depth = 0;
    int trials = 0, candidates = 0; ///< candidates: the key and its alternatives
    double logLikelihood = 0;       ///< mean ln p(key), nats
    double margin = 0;              ///< mean ln p(key) minus that of the best alternative
    double rank = 0;                ///< mean, 1 = the key is more likely than all alternatives
    double accuracy = 0;            ///< share of rank 1; chance is 1 / candidates
    ShareInterval interval;         ///< of the accuracy
};

/// The prompts of one context and depth: for each trial the key, then its alternatives in place of it at the
/// end (the text keeps the key). Fixed seed: the same for every variant. Error: the context is too short.
Outcome<std::vector<Prompt>> passkeyPrompts(const Tokenizer& tokenizer, int context, double depth,
                                            const PasskeyOptions& options);

/// One result for each context and depth, in that nesting. An alternative that is as likely as the key ranks
/// before it. Errors as passkeyPrompts() and scorePrompts().
Outcome<std::vector<PasskeyResult>> runPasskey(const std::shared_ptr<const Model>& model,
                                               const ControlVariant& variant, const Tokenizer& tokenizer,
                                               const PasskeyOptions& options, WorkMeter& meter);
double passkeyOperations(const ModelConfig& config, const PasskeyOptions& options);

} // namespace qroar
