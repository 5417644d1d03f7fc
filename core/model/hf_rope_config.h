// The RoPE keys of a config.json in all their spellings: rope_theta, rope_scaling (transformers 4),
// rope_parameters (transformers 5). Internal to core/model. Frequencies are core/rope's business.
#pragma once

#include "core/base/outcome.h"
#include "core/rope/rope_spec.h"

#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace qroar {

struct HfRope {
    double theta = 10000.0;
    int rotaryDim = 0; ///< int(headDim * partial_rotary_factor)
    /// Base of the layers with a window, where rope_parameters has one for them.
    std::optional<double> localTheta;
    std::optional<int> original; ///< original_max_position_embeddings, wherever it stands
    RopeSpec spec;
    RopeSource source; ///< but for the architecture
};

/// Precedence of every key: rope_parameters, then rope_scaling, then the top level (which has only
/// rope_theta, partial_rotary_factor and original_max_position_embeddings; for longrope the top-level
/// original_... comes first, as transformers 4 reads it). `defaultTheta`: the family's, when no place names
/// one. `perLayerType`: the layers with a window may have a RoPE of their own, which is never scaled; else
/// one for all layer types is expected. The first problem goes to `error`.
HfRope readHfRope(const nlohmann::json& config, const std::string& source, int headDim, double defaultTheta,
                  bool perLayerType, std::optional<Error>& error);

} // namespace qroar
