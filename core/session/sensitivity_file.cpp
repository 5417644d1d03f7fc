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
    return from.failed() ? Sensitivity() : sensitivity;
}

} // namespace qroar
