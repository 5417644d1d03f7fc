#include "core/model/hf_names.h"

namespace qroar {

std::string layerPrefix(int layer) {
    return "model.layers." + std::to_string(layer) + ".";
}

std::vector<Norm> normsOf(const ModelConfig& config) {
    std::vector<Norm> norms{Norm::Attention};
    if (config.qkNorms) norms.insert(norms.end(), {Norm::Query, Norm::Key});
    if (config.outputNorms) norms.push_back(Norm::AfterAttention);
    norms.push_back(Norm::FeedForward);
    if (config.outputNorms) norms.push_back(Norm::AfterFeedForward);
    return norms;
}

std::string normName(const ModelConfig& config, Norm norm) {
    switch (norm) {
    case Norm::Attention:
        return "input_layernorm.weight";
    case Norm::FeedForward: // with output norms its usual name belongs to one of those
        return config.outputNorms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
    case Norm::AfterAttention:
        return "post_attention_layernorm.weight";
    case Norm::AfterFeedForward:
        return "post_feedforward_layernorm.weight";
    case Norm::Query:
        return "self_attn.q_norm.weight";
    case Norm::Key:
        return "self_attn.k_norm.weight";
    }
    return {};
}

int normWidth(const ModelConfig& config, Norm norm) {
    return norm == Norm::Query || norm == Norm::Key ? config.headDim : config.hiddenSize;
}

std::vector<StoredLinear> storedLinears(const ModelConfig& config) {
    std::vector<StoredLinear> linears;
    const auto add = [&linears](const char* block, Projection projection) {
        linears.push_back({std::string(block) + projectionName(projection), {projection}});
    };
    if (config.fusedProjections) {
        linears.push_back({"self_attn.qkv_proj", {Projection::Q, Projection::K, Projection::V}});
        add("self_attn.", Projection::O);
        linears.push_back({"mlp.gate_up_proj", {Projection::Gate, Projection::Up}});
        add("mlp.", Projection::Down);
        return linears;
    }
    for (const Projection projection : allProjections)
        add(projection <= Projection::O ? "self_attn." : "mlp.", projection);
    return linears;
}

bool hasBias(const ModelConfig& config, Projection projection) {
    if (projection == Projection::O) return config.attentionBias;
    return projection < Projection::O ? config.hasQkvBias() : config.mlpBias;
}

} // namespace qroar
