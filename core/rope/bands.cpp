#include "core/rope/bands.h"

#include "core/base/strings.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace qroar {

BandPartition BandPartition::equal(int bands, int pairs) {
    BandPartition partition;
    if (pairs <= 0) return partition;
    const int count = std::clamp(bands, 1, pairs);
    for (int band = 1; band <= count; ++band)
        partition.edges_.push_back(static_cast<int>(static_cast<long long>(band) * pairs / count));
    return partition;
}

Outcome<BandPartition> BandPartition::fromEdges(std::vector<int> edges, int pairs) {
    if (pairs <= 0) return Error::bad("band edges: the model has no rotary pairs");
    if (edges.empty() || edges.front() != 0) edges.insert(edges.begin(), 0);
    if (edges.back() != pairs) edges.push_back(pairs);
    for (std::size_t at = 1; at < edges.size(); ++at) {
        const int edge = edges[at];
        if (edge < 0 || edge > pairs)
            return Error::bad("band edges must lie between 0 and " + std::to_string(pairs)
                              + " (rotary pairs), found " + std::to_string(edge));
        if (edge <= edges[at - 1])
            return Error::bad("band edges must increase, found " + std::to_string(edges[at - 1]) + " before "
                              + std::to_string(edge));
    }
    BandPartition partition;
    partition.edges_ = std::move(edges);
    return partition;
}

Outcome<BandPartition> BandPartition::parseEdges(std::string_view text, int pairs) {
    std::vector<int> edges;
    for (const std::string& part : split(text, ',')) {
        long long edge = 0;
        if (!parseInt(trim(part), edge) || edge < std::numeric_limits<int>::min()
            || edge > std::numeric_limits<int>::max())
            return Error::bad("band edges must be whole numbers separated by commas, as in 0,4,9; found '"
                              + part.substr(0, 40) + "'");
        edges.push_back(static_cast<int>(edge));
    }
    return fromEdges(std::move(edges), pairs);
}

int BandPartition::bandOf(int pair) const {
    if (pair < 0 || pair >= pairs()) return -1;
    return static_cast<int>(std::upper_bound(edges_.begin(), edges_.end(), pair) - edges_.begin()) - 1;
}

std::string BandPartition::text() const {
    std::string text;
    for (const int edge : edges_) text += (text.empty() ? "" : ",") + std::to_string(edge);
    return text;
}

BandPartition BandPartition::withEdgeMoved(int index, int pair) const {
    BandPartition moved = *this;
    if (index < 1 || index >= count()) return moved;
    const auto at = static_cast<std::size_t>(index);
    moved.edges_[at] = std::clamp(pair, edges_[at - 1] + 1, edges_[at + 1] - 1);
    return moved;
}

namespace {

/// The pair index i, fractional, where 2 pi theta^(2i/d) = length.
double pairOfWavelength(double length, double theta, double pairs) {
    return pairs * std::log(length / (2 * std::numbers::pi)) / std::log(theta);
}

std::string tokensText(double tokens) {
    return tokens == std::floor(tokens) && tokens < 1e15 ? formatCount(static_cast<long long>(tokens))
                                                         : formatNumber(tokens);
}

} // namespace

std::vector<SnapPoint> snapPoints(const FrequencyTable& table, double theta, double targetContext) {
    const auto pairs = static_cast<double>(table.plain.size());
    std::vector<SnapPoint> points;
    const auto offer = [&](double pair, std::string reason) {
        if (pair >= 0 && pair <= pairs) points.push_back({pair, std::move(reason)}); // false for NaN
    };
    if (table.rampLow) offer(*table.rampLow, "yarn ramp low");
    if (table.rampHigh) offer(*table.rampHigh, "yarn ramp high");
    offer(pairOfWavelength(table.trainedContext, theta, pairs),
          "unscaled wavelength = " + tokensText(table.trainedContext) + " (trained)");
    if (targetContext != table.trainedContext)
        offer(pairOfWavelength(targetContext, theta, pairs),
              "unscaled wavelength = " + tokensText(targetContext) + " (target)");
    std::stable_sort(points.begin(), points.end(),
                     [](const SnapPoint& a, const SnapPoint& b) { return a.pair < b.pair; });
    return points;
}

} // namespace qroar
