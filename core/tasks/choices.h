// Multiple choice by likelihood, from a JSON Lines file of the user (ARC, HellaSwag, BoolQ, WinoGrande, ...):
// the choice that is the likeliest continuation of the context is the model's answer. Scores as in
// lm-evaluation-harness [std]: acc compares log-likelihoods, acc_norm log-likelihoods per byte of the choice.
// Not here: prompts with examples, templates, downloads.
#pragma once

#include "core/tasks/prompt_scores.h"
#include "core/tasks/proportion.h"

#include <filesystem>
#include <string>

namespace qroar {

struct Question {
    std::string context;
    std::vector<std::string> choices; ///< at least 2
    int answer = 0;                   ///< index into the choices
    int line = 0;                     ///< of the file, from 1
};

/// One question a line: {"context": "...", "choices": ["...", ...], "answer": ...}; other keys are ignored.
/// The answer is the index of a choice, counted from `answersFrom` (0 or 1), as a number or as text of
/// digits; or a letter, A for the first choice; or a choice itself, letter by letter. What is a choice itself
/// is that choice. Errors name file, line and key.
Outcome<std::vector<Question>> readQuestions(const std::filesystem::path& path, int answersFrom = 0);

struct ChoicesResult {
    int questions = 0;
    double acc = 0, accNorm = 0; ///< shares; of equals the first choice wins
    ShareInterval accInterval, accNormInterval;
    double chance = 0; ///< mean of 1 / choices
    int longest = 0;   ///< tokens of the longest prompt: the context of the frequency table
};

/// Prompts of all choices of all questions in order. Errors name the line.
Outcome<std::vector<Prompt>> choicePrompts(const std::vector<Question>& questions,
                                           const Tokenizer& tokenizer);
/// `prompts` from choicePrompts() of the same questions. Errors as scorePrompts().
Outcome<ChoicesResult> runChoices(const std::shared_ptr<const Model>& model, const ControlVariant& variant,
                                  const std::vector<Question>& questions, std::span<const Prompt> prompts,
                                  WorkMeter& meter);

} // namespace qroar
