#include "core/session/session.h"

#include <algorithm>
#include <tuple>

namespace qroar {

std::string ConditionKey::text() const {
    return rope.text() + " \u00b7 " + std::to_string(context) + " \u00b7 " + weights();
}

std::string ConditionKey::weights() const {
    return quant.text() + (scales.empty() ? std::string() : " \u00b7 " + scales);
}

std::shared_ptr<const ConditionResult> Session::find(const ConditionKey& key) const {
    const auto found = std::find_if(conditions.begin(), conditions.end(),
                                    [&key](const auto& condition) { return condition->key == key; });
    return found == conditions.end() ? nullptr : *found;
}

void Session::put(std::shared_ptr<const ConditionResult> condition) {
    const auto same = std::find_if(conditions.begin(), conditions.end(),
                                   [&condition](const auto& other) { return other->key == condition->key; });
    if (same == conditions.end())
        conditions.push_back(std::move(condition));
    else
        *same = std::move(condition);
}

std::shared_ptr<const ConditionResult> Session::shortReference(const ConditionResult& longCondition) const {
    const auto withoutScaling = [this](const RopeSpec& rope) {
        return rope.kind == RopeKind::None
               || (rope.kind == RopeKind::Model && model.storedRope.kind == RopeKind::None);
    };
    // Same quantization, then full precision; without scales, so that before and after are measured against
    // the same; then the longest context; the first asked for wins a tie.
    const auto rank = [&longCondition](const ConditionResult& candidate) {
        return std::tuple(candidate.key.quant == longCondition.key.quant,
                          candidate.key.quant.kind == QuantKind::None, candidate.key.scales.empty(),
                          candidate.key.context);
    };
    const bool needsStatistics = longCondition.statistics.cells() > 0;
    std::shared_ptr<const ConditionResult> best;
    for (const auto& candidate : conditions) {
        if (!withoutScaling(candidate->key.rope) || candidate->key.context > model.trainedContext()) continue;
        if (needsStatistics && candidate->statistics.cells() == 0) continue;
        if (!best || rank(*candidate) > rank(*best)) best = candidate;
    }
    return best;
}

} // namespace qroar
