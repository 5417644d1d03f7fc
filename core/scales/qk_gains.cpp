#include "core/scales/qk_gains.h"

#include <algorithm>

namespace qroar {

namespace {

std::size_t offset(int layer, int head, int heads, int pairs) {
    return (static_cast<std::size_t>(layer) * static_cast<std::size_t>(heads)
            + static_cast<std::size_t>(head))
           * static_cast<std::size_t>(pairs);
}

/// Spreads [heads, pairs] over rows [heads * headDim].
std::vector<float> rowFactors(std::span<const double> gains, const ModelConfig& config, int heads) {
    std::vector<float> rows(static_cast<std::size_t>(heads) * static_cast<std::size_t>(config.headDim), 1.0F);
    for (int head = 0; head < heads; ++head)
        for (int pair = 0; pair < config.pairs(); ++pair) {
            const auto factor = static_cast<float>(
                gains[offset(0, head, heads, config.pairs()) + static_cast<std::size_t>(pair)]);
            const PairRows at = pairRows(config, pair);
            float* first = rows.data() + static_cast<std::ptrdiff_t>(head) * config.headDim;
            first[at.x] = factor;
            first[at.y] = factor;
        }
    return rows;
}

} // namespace

PairRows pairRows(const ModelConfig& config, int pair) {
    if (config.pairLayout == PairLayout::HalfSplit) return {pair, pair + config.pairs()};
    return {2 * pair, 2 * pair + 1};
}

QkGains QkGains::ones(const ModelConfig& config) {
    QkGains gains;
    gains.layers = config.layers;
    gains.heads = config.heads;
    gains.kvHeads = config.kvHeads;
    gains.pairs = config.pairs();
    gains.q.assign(offset(gains.layers, 0, gains.heads, gains.pairs), 1.0);
    gains.k.assign(offset(gains.layers, 0, gains.kvHeads, gains.pairs), 1.0);
    return gains;
}

bool QkGains::isIdentity() const {
    const auto one = [](double value) { return value == 1.0; };
    return std::all_of(q.begin(), q.end(), one) && std::all_of(k.begin(), k.end(), one);
}

bool QkGains::fits(const ModelConfig& config) const {
    return layers == config.layers && heads == config.heads && kvHeads == config.kvHeads
           && pairs == config.pairs() && q.size() == offset(layers, 0, heads, pairs)
           && k.size() == offset(layers, 0, kvHeads, pairs);
}

std::span<double> QkGains::queryGains(int layer, int head) {
    return std::span(q).subspan(offset(layer, head, heads, pairs), static_cast<std::size_t>(pairs));
}
std::span<double> QkGains::keyGains(int layer, int kvHead) {
    return std::span(k).subspan(offset(layer, kvHead, kvHeads, pairs), static_cast<std::size_t>(pairs));
}
std::span<const double> QkGains::queryGains(int layer, int head) const {
    return std::span(q).subspan(offset(layer, head, heads, pairs), static_cast<std::size_t>(pairs));
}
std::span<const double> QkGains::keyGains(int layer, int kvHead) const {
    return std::span(k).subspan(offset(layer, kvHead, kvHeads, pairs), static_cast<std::size_t>(pairs));
}

double QkGains::effective(int layer, int head, int pair) const {
    const auto at = static_cast<std::size_t>(pair);
    return queryGains(layer, head)[at] * keyGains(layer, head / (heads / kvHeads))[at];
}

std::vector<float> queryRowFactors(const QkGains& gains, const ModelConfig& config, int layer) {
    const std::size_t first = offset(layer, 0, config.heads, config.pairs());
    return rowFactors(std::span(gains.q).subspan(first), config, config.heads);
}

std::vector<float> keyRowFactors(const QkGains& gains, const ModelConfig& config, int layer) {
    const std::size_t first = offset(layer, 0, config.kvHeads, config.pairs());
    return rowFactors(std::span(gains.k).subspan(first), config, config.kvHeads);
}

} // namespace qroar
