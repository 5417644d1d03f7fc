#include "core/tasks/questions.h"

#include "core/base/files.h"
#include "core/base/strings.h"
#include "core/text/json_fields.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <initializer_list>

namespace qroar {

namespace {

using nlohmann::json;

constexpr std::size_t largestFile = std::size_t{1} << 30;

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

/// The index an answer stands for; `where` names file, line and key.
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

/// One line's object, and where it stands for messages.
struct Source {
    const json& object;
    std::string where;

    [[nodiscard]] bool has(const char* key) const { return object.contains(key); }
    [[nodiscard]] std::string at(const char* key) const { return where + ": \"" + key + "\""; }
    /// Whether the keys are there; the error names the first that is not, and those that are.
    [[nodiscard]] Status require(std::initializer_list<const char*> keys, QuestionLayout layout) const {
        for (const char* key : keys) {
            if (has(key)) continue;
            std::string expected, found;
            for (const char* other : keys) expected += (expected.empty() ? "" : ", ") + std::string(other);
            for (const auto& [name, value] : object.items()) found += (found.empty() ? "" : ", ") + name;
            return Error::bad(where + ": no key \"" + key + "\": expected " + expected + " ("
                              + layoutName(layout) + " layout), found " + inQuotes(found));
        }
        return Done{};
    }
    /// A text that is not empty.
    [[nodiscard]] Outcome<std::string> text(const char* key) const {
        const json& value = object[key];
        if (!value.is_string()) return Error::bad(at(key) + ": expected a text, found " + jsonKind(value));
        if (trim(value.get_ref<const std::string&>()).empty())
            return Error::bad(at(key) + ": expected a text, found an empty one");
        return value.get<std::string>();
    }
};

/// A list of at least two texts that are not empty.
Outcome<std::vector<std::string>> textsOf(const json& list, const std::string& where) {
    if (!list.is_array() || list.size() < 2)
        return Error::bad(where + ": expected a list of at least two, found "
                          + (list.is_array() ? std::to_string(list.size()) : jsonKind(list)));
    std::vector<std::string> texts;
    for (const json& one : list) {
        if (!one.is_string() || one.get_ref<const std::string&>().empty())
            return Error::bad(where + ": expected texts that are not empty, found "
                              + (one.is_string() ? "an empty one" : jsonKind(one)));
        texts.push_back(one.get<std::string>());
    }
    return texts;
}

/// 0 .. count-1 from a number or from text of digits that counts from `first`.
Outcome<int> numbered(const json& value, int first, std::size_t count, const std::string& where) {
    const long long last = first + static_cast<long long>(count) - 1;
    long long number = -1;
    if (value.is_string() ? !parseInt(trim(value.get<std::string>()), number) : !value.is_number_integer())
        return Error::bad(where + ": expected a number from " + std::to_string(first) + " to "
                          + std::to_string(last) + ", found "
                          + (value.is_string() ? inQuotes(value.get<std::string>()) : jsonKind(value)));
    if (!value.is_string()) {
        auto held = integerValue(value, -1, 1 << 30, where);
        if (!held) return held.error();
        number = *held;
    }
    if (number < first || number > last)
        return Error::bad(where + ": expected a number from " + std::to_string(first) + " to "
                          + std::to_string(last) + ", found " + std::to_string(number));
    return static_cast<int>(number - first);
}

Outcome<Question> plainQuestion(const Source& line, int answersFrom) {
    Question question;
    if (Status there = line.require({"context", "choices", "answer"}, question.layout); !there)
        return there.error();
    auto context = stringField(line.object, "context", "", line.where);
    if (!context) return context.error();
    auto choices = textsOf(line.object["choices"], line.at("choices"));
    if (!choices) return choices.error();
    auto answer = answerIndex(line.object["answer"], *choices, answersFrom, line.at("answer"));
    if (!answer) return answer.error();
    question.context = std::move(*context);
    question.choices = std::move(*choices);
    question.answer = *answer;
    return question;
}

Outcome<Question> arcQuestion(const Source& line) {
    Question question;
    question.layout = QuestionLayout::Arc;
    if (Status there = line.require({"question", "choices", "answerKey"}, question.layout); !there)
        return there.error();
    auto asked = line.text("question"), key = line.text("answerKey");
    if (!asked) return asked.error();
    if (!key) return key.error();
    const json& choices = line.object["choices"];
    if (!choices.is_object() || !choices.contains("text") || !choices.contains("label"))
        return Error::bad(line.at("choices") + ": expected an object with the lists text and label, found "
                          + (choices.is_object() ? "one without them" : jsonKind(choices)));
    auto texts = textsOf(choices["text"], line.at("choices") + ": \"text\"");
    if (!texts) return texts.error();
    auto labels = textsOf(choices["label"], line.at("choices") + ": \"label\"");
    if (!labels) return labels.error();
    if (labels->size() != texts->size())
        return Error::bad(line.at("choices") + ": expected a label for each text, found "
                          + std::to_string(labels->size()) + " for " + std::to_string(texts->size()));
    const auto found = std::find(labels->begin(), labels->end(), trim(*key));
    if (found == labels->end()) {
        std::string all;
        for (const std::string& label : *labels) all += (all.empty() ? "" : ", ") + label;
        return Error::bad(line.at("answerKey") + ": expected one of " + inQuotes(all) + ", found "
                          + inQuotes(*key));
    }
    question.context = "Question: " + *asked + "\nAnswer:";
    question.choices = std::move(*texts);
    question.answer = static_cast<int>(found - labels->begin());
    return question;
}

void replaceAll(std::string& text, std::string_view from, std::string_view to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
}

/// What lm-evaluation-harness does to HellaSwag's texts: brackets are left-overs of the WikiHow part.
std::string withoutBrackets(const std::string& raw) {
    std::string text = trim(raw);
    replaceAll(text, " [title]", ". ");
    for (std::size_t open = text.find('['); open != std::string::npos; open = text.find('[', open)) {
        const std::size_t close = text.find(']', open), end = text.find('\n', open);
        if (close == std::string::npos) break;
        if (end < close)
            open = end; // a pair does not reach over lines
        else
            text.erase(open, close + 1 - open);
    }
    replaceAll(text, "  ", " ");
    return text;
}

/// The first letter large, all others small (ASCII letters; others stay as they are).
std::string capitalized(std::string text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool small = text[at] >= 'a' && text[at] <= 'z', large = text[at] >= 'A' && text[at] <= 'Z';
        if (at == 0 ? small : large) text[at] = static_cast<char>(text[at] ^ 0x20);
    }
    return text;
}

Outcome<Question> hellaSwagQuestion(const Source& line) {
    Question question;
    question.layout = QuestionLayout::HellaSwag;
    const bool parts = line.has("activity_label") && line.has("ctx_a") && line.has("ctx_b");
    if (Status there = line.require({"ctx", "endings", "label"}, question.layout); !there && !parts)
        return there.error();
    if (Status there = line.require({"endings", "label"}, question.layout); !there) return there.error();
    if (parts) {
        auto activity = line.text("activity_label"), first = line.text("ctx_a");
        if (!activity) return activity.error();
        if (!first) return first.error();
        auto second = stringField(line.object, "ctx_b", "", line.where); // may be empty
        if (!second) return second.error();
        question.context = withoutBrackets(*activity + ": " + *first + " " + capitalized(*second));
    } else {
        auto context = line.text("ctx");
        if (!context) return context.error();
        question.context = withoutBrackets(*context);
    }
    auto endings = textsOf(line.object["endings"], line.at("endings"));
    if (!endings) return endings.error();
    for (const std::string& ending : *endings) question.choices.push_back(withoutBrackets(ending));
    auto answer = numbered(line.object["label"], 0, endings->size(), line.at("label"));
    if (!answer) return answer.error();
    question.answer = *answer;
    return question;
}

Outcome<Question> boolQuestion(const Source& line) {
    Question question;
    question.layout = QuestionLayout::BoolQ;
    const char* key = line.has("label") && !line.has("answer") ? "label" : "answer";
    if (Status there = line.require({"question", "passage", key}, question.layout); !there)
        return there.error();
    auto asked = line.text("question"), passage = line.text("passage");
    if (!asked) return asked.error();
    if (!passage) return passage.error();
    question.context = *passage + "\nQuestion: " + *asked + "?\nAnswer:";
    question.choices = {"no", "yes"};
    const json& truth = line.object[key];
    if (truth.is_boolean()) {
        question.answer = truth.get<bool>() ? 1 : 0;
        return question;
    }
    auto answer = numbered(truth, 0, 2, line.at(key));
    if (!answer)
        return Error::bad(line.at(key) + ": expected true or false, or 0 or 1, found "
                          + (truth.is_string() ? inQuotes(truth.get<std::string>()) : jsonKind(truth)));
    question.answer = *answer;
    return question;
}

Outcome<Question> winoGrandeQuestion(const Source& line) {
    Question question;
    question.layout = QuestionLayout::WinoGrande;
    if (Status there = line.require({"sentence", "option1", "option2", "answer"}, question.layout); !there)
        return there.error();
    auto sentence = line.text("sentence"), first = line.text("option1"), second = line.text("option2");
    for (const auto* one : {&sentence, &first, &second})
        if (!*one) return one->error();
    const std::size_t blank = sentence->find('_');
    const std::string behind = blank == std::string::npos ? "" : trim(sentence->substr(blank + 1));
    if (behind.empty())
        return Error::bad(line.at("sentence") + ": expected a blank \"_\" with text behind it, found "
                          + inQuotes(*sentence));
    const std::string before = sentence->substr(0, blank);
    question.contexts = {before + *first, before + *second};
    question.choices = {behind, behind};
    auto answer = numbered(line.object["answer"], 1, 2, line.at("answer"));
    if (!answer) return answer.error();
    question.answer = *answer;
    return question;
}

Outcome<Question> questionOf(std::string_view text, int answersFrom, const std::string& where) {
    auto object = parseJson(text, where);
    if (!object) return object.error();
    if (!object->is_object()) return Error::bad(where + ": expected an object, found " + jsonKind(*object));
    const Source line{*object, where};
    if (line.has("answerKey") || (line.has("choices") && (*object)["choices"].is_object()))
        return arcQuestion(line);
    if (line.has("endings")) return hellaSwagQuestion(line);
    if (line.has("option1") || line.has("option2")) return winoGrandeQuestion(line);
    if (line.has("passage")) return boolQuestion(line);
    return plainQuestion(line, answersFrom);
}

} // namespace

const char* layoutName(QuestionLayout layout) {
    switch (layout) {
    case QuestionLayout::Arc:
        return "ARC";
    case QuestionLayout::HellaSwag:
        return "HellaSwag";
    case QuestionLayout::BoolQ:
        return "BoolQ";
    case QuestionLayout::WinoGrande:
        return "WinoGrande";
    default:
        return "plain";
    }
}

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

} // namespace qroar
