#include "core/text/pattern.h"

#include "core/text/json_fields.h"

#include <nlohmann/json.hpp>

namespace qroar {

using nlohmann::json;

Outcome<Pattern> Pattern::parse(const json& description, const std::string& where) {
    const json& expression = fieldOrNull(description, "Regex");
    if (expression.is_string()) {
        auto regex = Regex::compile(expression.get_ref<const std::string&>(), where);
        if (!regex) return regex.error();
        return Pattern::regex(*regex);
    }
    const json& text = description.is_string() ? description : fieldOrNull(description, "String");
    if (!text.is_string())
        return Error::bad(where + ": expected {\"Regex\": \"...\"} or {\"String\": \"...\"}");
    if (text.get_ref<const std::string&>().empty()) return Error::bad(where + ": the string is empty");
    return literal(text.get<std::string>());
}

Pattern Pattern::literal(std::string text) {
    Pattern pattern;
    pattern.literal_ = std::move(text);
    return pattern;
}

Pattern Pattern::regex(Regex regex) {
    Pattern pattern;
    pattern.regex_ = std::move(regex);
    return pattern;
}

void Pattern::findAll(std::string_view subject, std::vector<Stretch>& stretches) const {
    if (regex_) return regex_->findAll(subject, stretches);
    stretches.clear();
    std::size_t covered = 0;
    while (true) {
        const std::size_t begin = subject.find(literal_, covered);
        if (begin == std::string_view::npos) break;
        if (begin > covered) stretches.push_back({covered, begin, false});
        covered = begin + literal_.size();
        stretches.push_back({begin, covered, true});
    }
    if (covered < subject.size()) stretches.push_back({covered, subject.size(), false});
}

} // namespace qroar
