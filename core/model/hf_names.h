// The names that Hugging Face checkpoints give to the parts of a layer: one table for the reader and for
// exports. Not here: shapes (projection_shape.h), what the parts compute.
#pragma once

#include "core/model/model.h"

#include <string>
#include <vector>

namespace qroar {

/// "model.layers.3."
std::string layerPrefix(int layer);

/// The norms that layers of the model have, in the order in which they are used.
std::vector<Norm> normsOf(const ModelConfig& config);
/// "input_layernorm.weight", "self_attn.q_norm.weight": behind the layer's prefix.
std::string normName(const ModelConfig& config, Norm norm);
/// Values of a norm: the head size for those of queries and keys, else the width of the stream.
int normWidth(const ModelConfig& config, Norm norm);

/// A linear layer as it is stored: one projection, or several whose rows follow each other.
struct StoredLinear {
    std::string name; ///< "self_attn.q_proj", "mlp.gate_up_proj": behind the layer's prefix
    std::vector<Projection> parts;
};
std::vector<StoredLinear> storedLinears(const ModelConfig& config);
/// Whether the projection has a bias under the config.
bool hasBias(const ModelConfig& config, Projection projection);

} // namespace qroar
