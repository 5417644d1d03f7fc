#include "widgets/common/default_condition.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

namespace qroar {

int mostTellingCondition(const Session& session) {
    int best = -1;
    std::tuple<bool, bool, int, int, int, bool> bestRank{};
    std::vector<std::string> ropes; // in the order of their first appearance
    const int trained = session.model.trainedContext();
    for (int index = 0; index < static_cast<int>(session.conditions.size()); ++index) {
        const ConditionKey& key = session.conditions[index]->key;
        const auto known = std::find(ropes.begin(), ropes.end(), key.rope.text());
        const auto ropeOrder = static_cast<int>(known - ropes.begin());
        if (known == ropes.end()) ropes.push_back(key.rope.text());
        const bool scaled = key.rope.kind != RopeKind::None;
        const int strength = key.quant.kind == QuantKind::None ? -100 : -key.quant.bits;
        const std::tuple rank{
            scaled && key.context > trained, scaled, ropeOrder, key.context, strength, key.scales.empty()};
        if (best < 0 || rank > bestRank) {
            best = index;
            bestRank = rank;
        }
    }
    return best;
}

} // namespace qroar
