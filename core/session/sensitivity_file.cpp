#include "core/session/sensitivity_file.h"

#include <limits>

namespace qroar {

void writeSensitivity(h5::GroupWriter to, const Sensitivity& sensitivity) {
    const auto layers = static_cast<hsize_t>(sensitivity.layers);
    const auto pairs = static_cast<hsize_t>(sensitivity.pairs);
    to.integer("tokens", sensitivity.tokens);
    to.array<double>(
        "ln_gain_q", sensitivity.lnGainQ, {layers, static_cast<hsize_t>(sensitivity.heads), pairs},
        {"nats", "layer, query head, pair",
         "derivative of the mean NLL by the logarithm of a gain on both rows of the pair in W_Q"});
    to.array<double>(
        "ln_gain_k", sensitivity.lnGainK, {layers, static_cast<hsize_t>(sensitivity.kvHeads), pairs},
        {"nats", "layer, key head, pair",
         "derivative of the mean NLL by the logarithm of a gain on both rows of the pair in W_K"});
    to.array<double>("ln_omega", sensitivity.lnOmega, {layers, pairs},
                     {"nats", "layer, pair",
                      "derivative of the mean NLL by the logarithm of the pair's frequency in that layer"});
    if (sensitivity.blocks > 0)
        to.array<double>("block_ln_gain", sensitivity.blockGain,
                         {static_cast<hsize_t>(sensitivity.blocks), layers, pairs},
                         {"nats", "block, layer, pair",
                          "share of each document or stretch in the sum of ln_gain_q over heads"});
}

Sensitivity readSensitivity(const h5::GroupReader& from, const ModelConfig& model) {
    Sensitivity sensitivity;
    sensitivity.layers = model.layers;
    sensitivity.heads = model.heads;
    sensitivity.kvHeads = model.kvHeads;
    sensitivity.pairs = model.pairs();
    const auto layers = static_cast<hsize_t>(model.layers), pairs = static_cast<hsize_t>(model.pairs());
    sensitivity.tokens = from.integer("tokens", 1, std::numeric_limits<long long>::max());
    const auto heads = static_cast<hsize_t>(model.heads), kvHeads = static_cast<hsize_t>(model.kvHeads);
    sensitivity.lnGainQ = from.array<double>("ln_gain_q", {layers, heads, pairs}).values;
    sensitivity.lnGainK = from.array<double>("ln_gain_k", {layers, kvHeads, pairs}).values;
    sensitivity.lnOmega = from.array<double>("ln_omega", {layers, pairs}).values;
    if (!from.failed() && from.hasChild("block_ln_gain")) {
        auto blocks = from.array<double>("block_ln_gain", {0, layers, pairs});
        sensitivity.blocks = blocks.dims.empty() ? 0 : static_cast<int>(blocks.dims.front());
        sensitivity.blockGain = std::move(blocks.values);
    }
    return from.failed() ? Sensitivity() : sensitivity;
}

} // namespace qroar
