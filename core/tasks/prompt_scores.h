// Log-likelihoods of continuations: the one measurement behind passkey, copying and multiple choice. A model
// too small to answer in words still says which answer it finds more likely. Not here: what the prompts are
// (passkey.h, copying.h, choices.h).
#pragma once

#include "core/base/work_meter.h"
#include "core/controls/controls.h"
#include "core/text/tokenizer.h"

#include <span>
#include <string_view>
#include <vector>

namespace qroar {

/// Tokens of which those from `first` on (at least 1) are scored given everything before them.
struct Prompt {
    std::vector<TokenId> tokens;
    std::size_t first = 1;
};

/// Per scored token: ln p, and whether it was the most probable one (the first of equals).
struct PromptScore {
    std::vector<double> logProbability;
    std::vector<bool> top;
    [[nodiscard]] double logLikelihood() const; ///< sum, nats
    [[nodiscard]] int hits() const;             ///< tokens that were the most probable ones
};

/// Scores in the order of the prompts, each at positions from 0, under the frequency table of `context`
/// tokens (at least the longest prompt; dynamic and longrope depend on it). The same for any number of
/// threads. Errors: cancelled, a spec the model cannot resolve, prompts of fewer than 2 tokens, nothing to
/// score, longer than `context` or with ids outside the vocabulary, an output that is not a number.
Outcome<std::vector<PromptScore>> scorePrompts(const std::shared_ptr<const Model>& model,
                                               const ControlVariant& variant, int context,
                                               std::span<const Prompt> prompts, WorkMeter& meter);
/// Unit of WorkMeter for these prompts.
double promptOperations(const ModelConfig& config, std::span<const Prompt> prompts);

/// A text and what may follow it, tokenized together; the continuation begins where the tokens of the text
/// alone end (as lm-evaluation-harness does it). White space at the end of `context` goes to the
/// continuation; when neither has any there, a space is put between them. BOS in front when the tokenizer
/// adds one. Errors: an empty continuation, one without a token of its own.
Outcome<Prompt> encodePrompt(const Tokenizer& tokenizer, std::string_view context,
                             std::string_view continuation);

} // namespace qroar
