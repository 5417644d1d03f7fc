// Gains of a search as its view shows them: which of gQ and gK the search varied, and geometric means over
// heads and pairs. Shared by the sources of SearchPanel.
#pragma once

#include "core/session/search_record.h"

#include <algorithm>
#include <cmath>

namespace qroar {

/// What the search varied: gQ gK, or gQ where gK = 1/gQ leaves logits as they are.
inline double gainAt(const SearchRecord& record, int layer, int head, int pair, bool effective = false) {
    const QkGains& gains = record.scales.gains;
    if (record.settings.variant == SearchVariant::Symmetric && !effective)
        return gains.queryGains(layer, head)[static_cast<std::size_t>(pair)];
    return gains.effective(layer, head, pair);
}

/// Mean ln gain over heads [first, end) and pairs [pairFrom, pairTo). `effective`: of gQ gK whatever was
/// varied.
inline double meanLnGain(const SearchRecord& record, int layer, int first, int end, int pairFrom, int pairTo,
                         bool effective = false) {
    double sum = 0;
    for (int head = first; head < end; ++head)
        for (int pair = pairFrom; pair < pairTo; ++pair)
            sum += std::log(gainAt(record, layer, head, pair, effective));
    return sum / std::max(1, (end - first) * (pairTo - pairFrom));
}

/// exp of it.
inline double meanGain(const SearchRecord& record, int layer, int first, int end, int pairFrom, int pairTo) {
    return std::exp(meanLnGain(record, layer, first, end, pairFrom, pairTo));
}

} // namespace qroar
