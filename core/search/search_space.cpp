#include "core/search/search_space.h"

#include <cmath>

namespace qroar {

Outcome<SearchSpace> SearchSpace::make(const ModelConfig& config, SearchVariant variant, SearchScope scope,
                                       BandPartition bands) {
    if (bands.pairs() != config.pairs())
        return Error::bad("bands " + bands.text() + ": expected them to end at "
                          + std::to_string(config.pairs()) + ", the model's rotary pairs");
    if (scope == SearchScope::Head && config.qkNorms)
        return Error::unsupported(
            "scope head: " + config.architecture
            + " normalises every head of queries and keys, so gains fold into norms that "
              "all heads of a layer share; use the scope layer or model");
    SearchSpace space;
    space.variant_ = variant;
    space.scope_ = scope;
    space.bands_ = std::move(bands);
    space.config_ = config;
    space.layers_ = scope == SearchScope::Model ? 1 : config.layers;
    // A K row is shared by the query heads of its group, so only query gains can differ inside a group.
    const int heads = variant == SearchVariant::Query ? config.heads : config.kvHeads;
    space.groups_ = scope == SearchScope::Head ? heads : 1;
    switch (variant) {
    case SearchVariant::Query:
        space.queryExponent_ = 1;
        break;
    case SearchVariant::Key:
        space.keyExponent_ = 1;
        break;
    case SearchVariant::Shared:
        space.queryExponent_ = space.keyExponent_ = 0.5;
        break;
    case SearchVariant::Symmetric:
        space.queryExponent_ = 1;
        space.keyExponent_ = -1;
        break;
    }
    return space;
}

std::size_t SearchSpace::index(int layer, int group, int band) const {
    const int row = layers_ == 1 ? 0 : layer, column = groups_ == 1 ? 0 : group;
    const std::ptrdiff_t block = static_cast<std::ptrdiff_t>(row) * groups_ + column;
    return static_cast<std::size_t>(block * bands_.count() + band);
}

SearchSpace::Coordinate SearchSpace::coordinate(int index) const {
    const int band = index % bands_.count(), row = index / bands_.count();
    return {scope_ == SearchScope::Model ? -1 : row / groups_,
            scope_ == SearchScope::Head ? row % groups_ : -1, band};
}

std::string SearchSpace::coordinateName(int index) const {
    const Coordinate at = coordinate(index);
    std::string name;
    if (at.layer >= 0) name += "layer " + std::to_string(at.layer) + ", ";
    if (at.group >= 0)
        name += (variant_ == SearchVariant::Query ? "head " : "KV head ") + std::to_string(at.group) + ", ";
    return name + "band " + std::to_string(at.band);
}

QkGains SearchSpace::toGains(std::span<const double> theta) const {
    QkGains gains = QkGains::ones(config_);
    const int perGroup = config_.heads / config_.kvHeads;
    const auto fill = [&](std::span<double> target, int layer, int group, double exponent) {
        for (int band = 0; band < bands_.count(); ++band) {
            const double gain = std::exp(exponent * theta[index(layer, group, band)]);
            for (int pair = bands_.begin(band); pair < bands_.end(band); ++pair)
                target[static_cast<std::size_t>(pair)] = gain;
        }
    };
    for (int layer = 0; layer < config_.layers; ++layer) {
        if (queryExponent_ != 0)
            for (int head = 0; head < config_.heads; ++head) {
                const int group = variant_ == SearchVariant::Query ? head : head / perGroup;
                fill(gains.queryGains(layer, head), layer, group, queryExponent_);
            }
        if (keyExponent_ != 0)
            for (int kvHead = 0; kvHead < config_.kvHeads; ++kvHead)
                fill(gains.keyGains(layer, kvHead), layer, kvHead, keyExponent_);
    }
    return gains;
}

std::vector<double> SearchSpace::gradient(const QkGradient& gradient) const {
    std::vector<double> result(static_cast<std::size_t>(dimension()), 0.0);
    const int perGroup = config_.heads / config_.kvHeads, pairs = config_.pairs();
    const auto add = [&](const std::vector<double>& from, int row, int layer, int group, double exponent) {
        for (int pair = 0; pair < pairs; ++pair)
            result[index(layer, group, bands_.bandOf(pair))] +=
                exponent
                * from[static_cast<std::size_t>(row) * static_cast<std::size_t>(pairs)
                       + static_cast<std::size_t>(pair)];
    };
    for (int layer = 0; layer < config_.layers; ++layer) {
        if (queryExponent_ != 0)
            for (int head = 0; head < config_.heads; ++head) {
                const int group = variant_ == SearchVariant::Query ? head : head / perGroup;
                add(gradient.lnGainQ, layer * config_.heads + head, layer, group, queryExponent_);
            }
        if (keyExponent_ != 0)
            for (int kvHead = 0; kvHead < config_.kvHeads; ++kvHead)
                add(gradient.lnGainK, layer * config_.kvHeads + kvHead, layer, kvHead, keyExponent_);
    }
    return result;
}

Status checkVariantMatters(SearchVariant variant, const QuantSpec& quant) {
    if (variant != SearchVariant::Symmetric) return Done{};
    const std::string why = quant.kind == QuantKind::None
                                ? "the weights are not quantized"
                                : "the scales of " + quant.text()
                                      + " belong to rows or to groups inside rows, so that a scaled row is "
                                        "quantized to the same codes";
    return Error::unsupported(
        "variant symmetric cannot change this model beyond rounding: gQ = g and gK = 1/g leave every "
        "attention "
        "logit as it is, and "
        + why
        + ". It could matter for grids that span several rows, for power-of-two scales, and for a quantized "
          "KV cache or quantized activations. Choose query, key or shared, or force it to see for yourself");
}

std::vector<std::string> whatCannotMatter(const ModelConfig& config, const QuantSpec& quant,
                                          SearchVariant variant, SearchScope scope) {
    std::vector<std::string> notes;
    const bool grouped = scope == SearchScope::Head && config.heads != config.kvHeads;
    const std::string kvHeads = std::to_string(config.kvHeads), heads = std::to_string(config.heads);
    if (grouped)
        notes.push_back("A row of W_K is shared by the " + std::to_string(config.heads / config.kvHeads)
                        + " query heads of its group: in head scope key and shared can set " + kvHeads
                        + " gains per layer and band (one per KV head), query can set " + heads
                        + " (one per query head).");
    notes.push_back(
        grouped
            ? "Attention logits see only the product gQ gK: key and shared coincide here up to rounding, and "
              "query can do whatever they can."
            : "Attention logits see only the product gQ gK: query, key and shared coincide for this model up "
              "to rounding, so the search runs over effective gains and the variant only decides where they "
              "are written.");
    if (const Status matters = checkVariantMatters(SearchVariant::Symmetric, quant); !matters)
        notes.push_back(
            variant == SearchVariant::Symmetric
                ? "Symmetric changes nothing but rounding with these weights; it was asked for all the same."
                : "Symmetric (g for Q, 1/g for K) would change nothing but rounding with these weights.");
    if (config.rotaryDim < config.headDim)
        notes.push_back("The " + std::to_string(config.headDim - config.rotaryDim)
                        + " dims of each head that are not rotated belong to no band and keep gain 1.");
    return notes;
}

} // namespace qroar
