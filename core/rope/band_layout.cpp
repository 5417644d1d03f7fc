#include "core/rope/band_layout.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numbers>

namespace qroar {

bool isBandColour(const std::string& text) {
    return text.size() == 7 && text[0] == '#'
           && std::all_of(text.begin() + 1, text.end(),
                          [](unsigned char c) { return std::isxdigit(c) != 0; });
}

BandStyle BandLayout::style(int band) const {
    return band >= 0 && band < static_cast<int>(styles.size()) ? styles[static_cast<std::size_t>(band)]
                                                               : BandStyle{};
}

void BandLayout::setStyle(int band, BandStyle style) {
    if (band < 0 || band >= bands.count()) return;
    styles.resize(static_cast<std::size_t>(bands.count()));
    styles[static_cast<std::size_t>(band)] = std::move(style);
    if (std::all_of(styles.begin(), styles.end(), [](const BandStyle& one) { return one.empty(); }))
        styles.clear();
}

BandLayout BandLayout::withEdges(const BandPartition& edges) const {
    BandLayout next{edges, {}};
    const bool sameCount = edges.count() == bands.count();
    for (int old = 0; old < bands.count(); ++old) {
        const int target = sameCount ? old : edges.bandOf(bands.begin(old));
        if (!style(old).empty() && next.style(target).empty()) next.setStyle(target, style(old));
    }
    return next;
}

BandLayout BandLayout::withEdgeAdded(int pair) const {
    if (pair <= 0 || pair >= bands.pairs() || bands.begin(bands.bandOf(pair)) == pair) return *this;
    std::vector<int> edges = bands.edges();
    edges.insert(std::upper_bound(edges.begin(), edges.end(), pair), pair);
    const auto next = BandPartition::fromEdges(std::move(edges), bands.pairs());
    return next ? withEdges(*next) : *this;
}

BandLayout BandLayout::withEdgeRemoved(int index) const {
    if (index < 1 || index >= bands.count()) return *this;
    std::vector<int> edges = bands.edges();
    edges.erase(edges.begin() + index);
    const auto next = BandPartition::fromEdges(std::move(edges), bands.pairs());
    return next ? withEdges(*next) : *this;
}

int splitPlace(const BandPartition& bands, int band, int pair) {
    if (band < 0 || band >= bands.count()) return -1;
    const int begin = bands.begin(band), end = bands.end(band);
    if (end - begin < 2) return -1;
    return pair > begin && pair < end ? pair : begin + (end - begin) / 2;
}

namespace {

/// Zone z begins at pair begins[z] (rising); those without pairs are left out.
ZoneLayout fromBegins(const std::vector<int>& begins, int pairs) {
    ZoneLayout layout;
    std::vector<int> edges;
    for (std::size_t zone = 0; zone < begins.size(); ++zone) {
        const int begin = std::clamp(begins[zone], 0, pairs);
        const int end = zone + 1 < begins.size() ? std::clamp(begins[zone + 1], 0, pairs) : pairs;
        if (end <= begin) continue;
        edges.push_back(begin);
        layout.zones.push_back(static_cast<int>(zone));
    }
    if (auto bands = BandPartition::fromEdges(std::move(edges), pairs)) layout.bands = std::move(*bands);
    return layout;
}

} // namespace

ZoneLayout yarnZones(const FrequencyTable& table) {
    if (!table.rampLow || !table.rampHigh) return {};
    const auto pairs = static_cast<int>(table.plain.size());
    // As edges snap: the first edge with every pair below the point on its left.
    const auto edge = [&](double pair) {
        return static_cast<int>(std::ceil(std::clamp(pair, 0.0, static_cast<double>(pairs)) - 1e-9));
    };
    return fromBegins({0, edge(*table.rampLow), edge(*table.rampHigh)}, pairs);
}

ZoneLayout wavelengthThirds(const FrequencyTable& table) {
    constexpr double shortest = 2 * std::numbers::pi;
    const auto pairs = static_cast<int>(table.plain.size());
    if (pairs == 0 || !(table.trainedContext > shortest)) return {};
    std::vector<int> begins{0};
    for (int third = 1; third <= 3; ++third) {
        const double bound = shortest * std::pow(table.trainedContext / shortest, third / 3.0);
        int pair = begins.back();
        while (pair < pairs && shortest / table.plain[static_cast<std::size_t>(pair)] < bound * (1 - 1e-12))
            ++pair;
        begins.push_back(pair);
    }
    return fromBegins(begins, pairs);
}

} // namespace qroar
