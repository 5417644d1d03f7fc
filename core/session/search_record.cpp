#include "core/session/search_record.h"

#include <array>

namespace qroar {

namespace {

constexpr std::array variantNames{"query", "key", "shared", "symmetric"};
constexpr std::array scopeNames{"model", "layer", "head"};
constexpr std::array methodNames{"grid", "gradient"};
constexpr std::array kindNames{"start", "grid", "step", "backtrack"};

template<class Value, std::size_t Count>
Outcome<Value> parseName(const std::array<const char*, Count>& names, const char* what,
                         std::string_view text) {
    std::string list;
    for (std::size_t at = 0; at < Count; ++at) {
        if (text == names[at]) return static_cast<Value>(at);
        list += (at == 0 ? "" : ", ") + std::string(names[at]);
    }
    return Error::bad(std::string(what) + ": expected one of " + list + ", found '" + std::string(text)
                      + "'");
}

} // namespace

const char* searchVariantName(SearchVariant variant) {
    return variantNames.at(static_cast<std::size_t>(variant));
}
const char* searchScopeName(SearchScope scope) {
    return scopeNames.at(static_cast<std::size_t>(scope));
}
const char* searchMethodName(SearchMethod method) {
    return methodNames.at(static_cast<std::size_t>(method));
}
const char* trialKindName(TrialKind kind) {
    return kindNames.at(static_cast<std::size_t>(kind));
}

Outcome<SearchVariant> parseSearchVariant(std::string_view text) {
    return parseName<SearchVariant>(variantNames, "variant", text);
}
Outcome<SearchScope> parseSearchScope(std::string_view text) {
    return parseName<SearchScope>(scopeNames, "scope", text);
}
Outcome<SearchMethod> parseSearchMethod(std::string_view text) {
    return parseName<SearchMethod>(methodNames, "method", text);
}
Outcome<TrialKind> parseTrialKind(std::string_view text) {
    return parseName<TrialKind>(kindNames, "kind of trial", text);
}

const SearchTrial* SearchRecord::best() const {
    const SearchTrial* best = nullptr;
    for (const SearchTrial& trial : trials)
        if (trial.accepted && (!best || trial.objective < best->objective)) best = &trial;
    return best;
}

double SearchRecord::forwardEquivalents() const {
    double sum = 0;
    for (const SearchTrial& trial : trials) sum += trial.forwardEquivalents;
    return sum;
}

} // namespace qroar
