// Multiple choice by likelihood, from a JSON Lines file of the user (questions.h): the choice that is the
// likeliest continuation of the context is the model's answer. Scores as in lm-evaluation-harness [std]: acc
// compares log-likelihoods, acc_norm log-likelihoods per byte of the choice. Not here: prompts with examples,
// templates (questions.h), downloads.
#pragma once

#include "core/tasks/prompt_scores.h"
#include "core/tasks/proportion.h"
#include "core/tasks/questions.h"

namespace qroar {

struct ChoicesResult {
    int questions = 0;
    double acc = 0, accNorm = 0; ///< shares; of equals the first choice wins
    ShareInterval accInterval, accNormInterval;
    double chance = 0;                   ///< mean of 1 / choices
    std::vector<QuestionLayout> layouts; ///< of the questions, in the order they appeared
    int longest = 0;                     ///< tokens of the longest prompt: the context of the frequency table
};

/// Prompts of all choices of all questions in order. Errors name the line.
Outcome<std::vector<Prompt>> choicePrompts(const std::vector<Question>& questions,
                                           const Tokenizer& tokenizer);
/// `prompts` from choicePrompts() of the same questions. Errors as scorePrompts().
Outcome<ChoicesResult> runChoices(const std::shared_ptr<const Model>& model, const ControlVariant& variant,
                                  const std::vector<Question>& questions, std::span<const Prompt> prompts,
                                  WorkMeter& meter);

} // namespace qroar
