// The model families that config.json may name, and the keys with which each of them departs from Llama's
// arithmetic. One table; a family that is not in it is refused by name. For core/model and exports. Sources:
// the configuration and modeling files of Hugging Face transformers for each model_type.
#pragma once

#include "core/model/config.h"
#include "core/model/json_keys.h"

#include <optional>
#include <string>

namespace qroar {

struct HfFamily {
    const char* architecture; ///< "Qwen3ForCausalLM"
    const char* modelType;    ///< "qwen3"
    const char* activationKey = "hidden_act";
    Activation activation = Activation::Silu;
    std::optional<int> headDim = std::nullopt; ///< when the key head_dim is absent; else hidden_size / heads
    double rmsEps = 1e-6;                      ///< when rms_norm_eps is absent
    double theta = 10000.0;                    ///< when rope_theta is absent
    /// Keys that only this family has; after the shape. The first problem goes to the reader.
    void (*read)(const KeyReader& keys, ModelConfig& config) = nullptr;
};

/// By the name in "architectures"; null when it is not known.
const HfFamily* familyOf(const std::string& architecture);
/// By "model_type".
const HfFamily* familyOfType(const std::string& modelType);
/// "LlamaForCausalLM, MistralForCausalLM, ...", for messages.
std::string supportedArchitectures();

} // namespace qroar
