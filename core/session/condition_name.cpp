#include "core/session/condition_name.h"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace qroar {

namespace {

using Parts = std::vector<std::string>;

/// Middle dots as full stops between spaces; runs of spaces as one.
std::string spaced(const std::string& text) {
    constexpr std::string_view dot = "\u00b7";
    std::string all, result;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const bool isDot = text.compare(at, dot.size(), dot) == 0;
        all += isDot ? std::string(" . ") : std::string(1, text[at]);
        if (isDot) at += dot.size() - 1;
    }
    for (const char c : all)
        if (c != ' ' || (!result.empty() && result.back() != ' ')) result += c;
    while (!result.empty() && result.back() == ' ') result.pop_back();
    return result;
}

/// 1,024 as 1024.
std::string plain(std::string part) {
    std::string digits = part;
    std::erase(digits, ',');
    if (!digits.empty()
        && std::all_of(digits.begin(), digits.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
        return digits;
    return part;
}

Parts partsOf(const std::string& text) {
    constexpr std::string_view separator = " . ";
    const std::string all = spaced(text);
    Parts parts;
    std::size_t from = 0;
    for (std::size_t at; (at = all.find(separator, from)) != std::string::npos; from = at + separator.size())
        parts.push_back(plain(all.substr(from, at - from)));
    parts.push_back(plain(all.substr(from)));
    return parts;
}

/// Two ways to write one RoPE scaling or one weight variant: options may stand in any order.
bool sameSpec(std::size_t part, const std::string& name, const std::string& wanted) {
    if (part == 0) {
        const auto spec = RopeSpec::parse(wanted);
        return spec && spec->text() == name;
    }
    const auto spec = QuantSpec::parse(wanted);
    return part == 2 && spec && spec->text() == name;
}

/// Parts of `name` from `from` on are those that are wanted.
bool matches(const Parts& name, std::size_t from, const Parts& wanted) {
    constexpr std::size_t weights = 2; // RoPE, context, weights, scales
    for (std::size_t at = 0; at < wanted.size(); ++at) {
        const std::string& part = name[from + at];
        const bool isFp =
            from + at == weights && part == QuantSpec{}.text() && (wanted[at] == "FP" || wanted[at] == "fp");
        if (part != wanted[at] && !isFp && !sameSpec(from + at, part, wanted[at])) return false;
    }
    return true;
}

/// 0: `text` is the name; 1: some parts of it that follow each other; 2: some of its letters; 3: neither.
int rankOf(const ConditionKey& key, const std::string& text) {
    const Parts name = partsOf(key.text()), wanted = partsOf(text);
    for (std::size_t from = 0; from + wanted.size() <= name.size(); ++from)
        if (matches(name, from, wanted)) return name.size() == wanted.size() ? 0 : 1;
    return spaced(key.text()).find(spaced(text)) != std::string::npos ? 2 : 3;
}

} // namespace

std::vector<int> conditionsNamed(const Session& session, const std::string& text) {
    std::vector<int> found;
    int best = 2;
    for (std::size_t index = 0; index < session.conditions.size(); ++index) {
        const int rank = rankOf(session.conditions[index]->key, text);
        if (rank > best) continue;
        if (rank < best) found.clear();
        best = rank;
        found.push_back(static_cast<int>(index));
    }
    return found;
}

bool namesCondition(const ConditionKey& key, const std::string& text) {
    return rankOf(key, text) < 3;
}

Outcome<int> conditionNamed(const Session& session, const std::string& text) {
    const std::vector<int> found = conditionsNamed(session, text);
    if (found.size() == 1) return found.front();
    std::string names;
    const auto add = [&](const ConditionResult& one) {
        names += (names.empty() ? "" : "; ") + one.key.text();
    };
    for (const int index : found) add(*session.conditions[static_cast<std::size_t>(index)]);
    if (found.empty())
        for (const auto& one : session.conditions) add(*one);
    if (!found.empty())
        return Error::bad("expected what only one condition is called, found \"" + text + "\", which fits "
                          + std::to_string(found.size()) + ": " + names);
    return Error::bad("expected a condition of the session: " + (names.empty() ? "it has none" : names)
                      + ", found \"" + text + "\"");
}

} // namespace qroar
