#include "core/tasks/choices.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/text/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace qroar {

namespace {

using nlohmann::json;

constexpr std::size_t largestFile = std::size_t{1} << 30;

/// The index an answer stands for; `where` names file, line and key.
/// The choice that reads as true or false (yes, no); without such words BoolQ's order: false, true.
long long indexOfTruth(const std::vector<std::string>& choices, bool truth) {
    const auto reads = [](std::string text) {
        text = trim(text);
        std::transform(text.begin(), text.end(), text.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        return text == "yes" || text == "true" ? 1 : text == "no" || text == "false" ? 0 : -1;
    };
    const int first = reads(choices[0]), second = reads(choices[1]);
    if (first >= 0 && second >= 0 && first != second) return first == (truth ? 1 : 0) ? 0 : 1;
    return truth ? 1 : 0;
}

Outcome<int> answerIndex(const json& answer, const std::vector<std::string>& choices, int answersFrom,
                         const std::string& where) {
    const auto count = static_cast<long long>(choices.size());
    long long index = -1;
    const std::string text = answer.is_string() ? trim(answer.get<std::string>()) : std::string();
    const auto same = std::find(choices.begin(), choices.end(), text);
    if (answer.is_number_integer()) {
        auto value = integerValue(answer, -1, 1 << 30, where);
        if (!value) return value.error();
        index = *value - answersFrom;
    } else if (answer.is_boolean() && count == 2) {
        index = indexOfTruth(choices, answer.get<bool>());
    } else if (!answer.is_string()) {
        return Error::bad(where + ": expected a number, a letter or one of the choices, found "
                          + jsonKind(answer));
    } else if (same != choices.end()) {
        index = same - choices.begin();
    } else if (text.size() == 1 && ((text[0] | 0x20) >= 'a' && (text[0] | 0x20) <= 'z')) {
        index = (text[0] | 0x20) - 'a';
    } else if (parseInt(text, index)) {
        index -= answersFrom;
    } else {
        return Error::bad(where + ": expected a number, a letter or one of the choices, found "
                          + inQuotes(text));
    }
    if (index >= 0 && index < count) return static_cast<int>(index);
    return Error::bad(where + ": " + answer.dump(-1, ' ', true, json::error_handler_t::replace)
                      + " is none of " + std::to_string(count) + " choices, counted from "
                      + std::to_string(answersFrom));
}

Outcome<Question> questionOf(std::string_view line, int answersFrom, const std::string& where) {
    auto object = parseJson(line, where);
    if (!object) return object.error();
    if (!object->is_object()) return Error::bad(where + ": expected an object, found " + jsonKind(*object));
    for (const char* key : {"context", "choices", "answer"})
        if (!object->contains(key)) return Error::bad(where + ": no key \"" + key + "\"");
    Question question;
    auto context = stringField(*object, "context", "", where);
    if (!context) return context.error();
    question.context = std::move(*context);
    const json& choices = (*object)["choices"];
    if (!choices.is_array() || choices.size() < 2)
        return Error::bad(where + ": \"choices\": expected a list of at least two, found "
                          + (choices.is_array() ? std::to_string(choices.size()) : jsonKind(choices)));
    for (const json& choice : choices) {
        if (!choice.is_string() || choice.get_ref<const std::string&>().empty())
            return Error::bad(where + ": \"choices\": expected texts that are not empty, found "
                              + jsonKind(choice));
        question.choices.push_back(choice.get<std::string>());
    }
    auto answer = answerIndex((*object)["answer"], question.choices, answersFrom, where + ": \"answer\"");
    if (!answer) return answer.error();
    question.answer = *answer;
    return question;
}

/// Index of the largest value, the first of equals.
int best(const std::vector<double>& values) {
    return static_cast<int>(std::max_element(values.begin(), values.end()) - values.begin());
}

} // namespace

Outcome<std::vector<Question>> readQuestions(const std::filesystem::path& path, int answersFrom) {
    auto content = readFile(path, largestFile);
    if (!content) return content.error();
    std::vector<Question> questions;
    std::string_view text = *content;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        auto question = questionOf(line, answersFrom, path.string() + ": line " + std::to_string(number));
        if (!question) return question.error();
        question->line = static_cast<int>(number);
        questions.push_back(std::move(*question));
    }
    if (questions.empty()) return Error::bad(path.string() + ": holds no questions");
    return questions;
}

Outcome<std::vector<Prompt>> choicePrompts(const std::vector<Question>& questions,
                                           const Tokenizer& tokenizer) {
    std::vector<Prompt> prompts;
    for (const Question& question : questions)
        for (const std::string& choice : question.choices) {
            auto prompt = encodePrompt(tokenizer, question.context, choice);
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
