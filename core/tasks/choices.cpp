#include "core/tasks/choices.h"

#include "core/text/json_fields.h"

#include <algorithm>

namespace qroar {

namespace {

/// Index of the largest value, the first of equals.
int best(const std::vector<double>& values) {
    return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

} // namespace

Outcome<std::vector<Prompt>> choicePrompts(const std::vector<Question>& questions,
                                           const Tokenizer& tokenizer) {
    std::vector<Prompt> prompts;
    for (const Question& question : questions)
        for (std::size_t at = 0; at < question.choices.size(); ++at) {
            const std::string& choice = question.choices[at];
            auto prompt = encodePrompt(tokenizer, question.contextOf(at), choice);
            if (!prompt)
                return prompt.error().in("line " + std::to_string(question.line) + ", choice "
                                         + inQuotes(choice));
            prompts.push_back(std::move(*prompt));
        }
    return prompts;
}

Outcome<ChoicesResult> runChoices(const std::shared_ptr<const Model>& model, const ControlVariant& variant,
                                  const std::vector<Question>& questions, std::span<const Prompt> prompts,
                                  WorkMeter& meter) {
    ChoicesResult result;
    for (const Prompt& prompt : prompts)
        result.longest = std::max(result.longest, static_cast<int>(prompt.tokens.size()));
    meter.setStage("multiple choice, " + variant.rope.text() + ", " + variant.name);
    auto scores = scorePrompts(model, variant, result.longest, prompts, meter);
    if (!scores) return scores.error();
    long long right = 0, rightNorm = 0;
    std::size_t at = 0;
    for (const Question& question : questions) {
        if (std::find(result.layouts.begin(), result.layouts.end(), question.layout) == result.layouts.end())
            result.layouts.push_back(question.layout);
        std::vector<double> plain, perByte;
        for (const std::string& choice : question.choices) {
            const double logLikelihood = (*scores)[at++].logLikelihood();
            plain.push_back(logLikelihood);
            perByte.push_back(logLikelihood / static_cast<double>(choice.size()));
        }
        right += best(plain) == question.answer ? 1 : 0;
        rightNorm += best(perByte) == question.answer ? 1 : 0;
        result.chance += 1.0 / static_cast<double>(plain.size() * questions.size());
    }
    result.questions = static_cast<int>(questions.size());
    result.acc = static_cast<double>(right) / result.questions;
    result.accNorm = static_cast<double>(rightNorm) / result.questions;
    result.accInterval = wilsonInterval(right, result.questions);
    result.accNormInterval = wilsonInterval(rightNorm, result.questions);
    return result;
}

} // namespace qroar
