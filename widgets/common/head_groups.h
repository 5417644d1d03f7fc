// Head groups: how many a session keeps apart (one per KV head, or all heads pooled), and which one a view of
// some numbers shows. Not here: names of groups, the box that selects one (app/gui/window/selection_bar.h).
#pragma once

#include "core/session/session.h"

#include <algorithm>

namespace qroar {

/// 1: all heads are pooled everywhere.
inline int headGroups(const Session& session) {
    int groups = 1;
    for (const auto& condition : session.conditions) {
        if (condition->statistics.cells() > 0)
            groups = std::max(groups, condition->statistics.shape().groups);
        if (!condition->noise.empty()) groups = std::max(groups, condition->noise.shape().groups);
    }
    return groups;
}

/// The selected group where numbers of `groups` groups have it, else -1: all heads.
inline int shownHeadGroup(int selected, int groups) {
    return groups > 1 && selected >= 0 && selected < groups ? selected : -1;
}

} // namespace qroar
