#include "core/session/what_if.h"

#include "core/session/search_record.h"

#include <algorithm>

namespace qroar {

std::vector<NamedScales> allScales(const Session& session) {
    std::vector<NamedScales> all;
    for (const auto& search : session.searches)
        all.push_back({{search, &search->scales}, search->settings.contexts});
    for (const auto& whatIf : session.whatIfs) all.push_back({{whatIf, &whatIf->scales}, {whatIf->context}});
    return all;
}

NamedScales scalesNamed(const Session& session, const std::string& name) {
    for (NamedScales& one : allScales(session))
        if (one.scales->name == name) return one;
    return {};
}

std::string freshScalesName(const Session& session, const std::string& prefix) {
    for (int number = 1;; ++number) { // a condition may outlive its gains: their name stays taken
        std::string name = prefix + std::to_string(number);
        const auto used = [&name](const auto& condition) { return condition->key.scales == name; };
        const bool condition = std::any_of(session.conditions.begin(), session.conditions.end(), used);
        if (!condition && !scalesNamed(session, name).scales) return name;
    }
}

} // namespace qroar
