// Questions of a JSON Lines file of the user: our own layout, and those in which ARC, HellaSwag, BoolQ and
// WinoGrande are published on the Hugging Face hub, with the prompts that lm-evaluation-harness makes of them
// without examples [std]. Not here: scoring (choices.h), downloads, prompts with examples.
#pragma once

#include "core/base/outcome.h"

#include <filesystem>
#include <string>
#include <vector>

namespace qroar {

enum class QuestionLayout { Plain, Arc, HellaSwag, BoolQ, WinoGrande };
const char* layoutName(QuestionLayout layout); ///< "plain", "ARC", "HellaSwag", "BoolQ", "WinoGrande"

struct Question {
    std::string context;
    std::vector<std::string> choices; ///< at least 2; what is scored as a continuation of the context
    int answer = 0;                   ///< index into the choices
    int line = 0;                     ///< of the file, from 1
    QuestionLayout layout = QuestionLayout::Plain;
    /// One for each choice, when they differ (WinoGrande); empty: `context` stands before every choice.
    std::vector<std::string> contexts{};
    [[nodiscard]] const std::string& contextOf(std::size_t choice) const {
        return contexts.empty() ? context : contexts[choice];
    }
};

/// One question a line, each in any of the layouts, told apart by their keys; other keys are ignored:
///   plain       {"context": "...", "choices": ["...", ..], "answer": ...}: as they are
///   ARC         {"question", "choices": {"text": [..], "label": [..]}, "answerKey"}
///               "Question: {question}\nAnswer:", choices: the texts
///   HellaSwag   {"ctx", "endings": [..], "label"}, better {"activity_label", "ctx_a", "ctx_b", ..}
///               "{activity_label}: {ctx_a} {ctx_b, first letter large, others small}", choices: the endings;
///               in both " [title]" becomes ". " and other brackets go
///   BoolQ       {"question", "passage", "answer": true|false}, or "label": 0|1
///               "{passage}\nQuestion: {question}?\nAnswer:", choices: no, yes
///   WinoGrande  {"sentence" with "_", "option1", "option2", "answer": "1"|"2"}
///               partial evaluation (Trinh and Le 2018): the text behind the blank, given the text up to it
///               with either option in its place
/// The answer of the plain layout is the index of a choice, counted from `answersFrom` (0 or 1), as a number
/// or as text of digits; or a letter, A for the first choice; or a choice itself, letter by letter. What is a
/// choice itself is that choice. `answersFrom` is about no other layout. Errors name file, line, key, what
/// was expected and what was found.
Outcome<std::vector<Question>> readQuestions(const std::filesystem::path& path, int answersFrom = 0);

} // namespace qroar
