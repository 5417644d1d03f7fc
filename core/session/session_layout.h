// The names both sides of the session file share: one table of the model's numbers, one of the distortion's
// columns. Private to this room.
#pragma once

#include "core/session/session.h"

#include <cstdio>
#include <limits>

namespace qroar::layout {

struct IntegerField {
    const char* name;
    int ModelConfig::*member;
    int least;
};
inline constexpr IntegerField modelIntegers[] = {
    {"hidden_size", &ModelConfig::hiddenSize, 0},
    {"intermediate_size", &ModelConfig::intermediateSize, 0},
    {"layers", &ModelConfig::layers, 1},
    {"heads", &ModelConfig::heads, 1},
    {"kv_heads", &ModelConfig::kvHeads, 1},
    {"head_dim", &ModelConfig::headDim, 2},
    {"rotary_dim", &ModelConfig::rotaryDim, 2},
    {"vocab_size", &ModelConfig::vocabSize, 0},
    {"max_positions", &ModelConfig::maxPositions, 0},
    {"bos_id", &ModelConfig::bosId, std::numeric_limits<int>::min()},
    {"eos_id", &ModelConfig::eosId, std::numeric_limits<int>::min()},
};

struct FlagField {
    const char* name;
    bool ModelConfig::*member;
};
inline constexpr FlagField modelFlags[] = {
    {"tied_embeddings", &ModelConfig::tiedEmbeddings},
    {"attention_bias", &ModelConfig::attentionBias},
    {"mlp_bias", &ModelConfig::mlpBias},
};

struct OptionalField {
    const char* name;
    std::optional<int> ModelConfig::*member;
};
inline constexpr OptionalField modelOptionals[] = {
    {"sliding_window", &ModelConfig::slidingWindow},
    {"original_max_positions", &ModelConfig::originalMaxPositions},
};

/// What came with later families of models: written only where it differs from Llama, and absent in older
/// files.
inline constexpr FlagField familyFlags[] = {
    {"qk_norms", &ModelConfig::qkNorms},
    {"output_norms", &ModelConfig::outputNorms},
    {"offset_norms", &ModelConfig::offsetNorms},
    {"fused_projections", &ModelConfig::fusedProjections},
};
struct MultiplierField {
    const char* name;
    double ModelConfig::*member; ///< 1 unless written
};
inline constexpr MultiplierField familyMultipliers[] = {
    {"embedding_scale", &ModelConfig::embeddingScale},
    {"residual_scale", &ModelConfig::residualScale},
    {"logit_scale", &ModelConfig::logitScale},
};
struct OptionalNumberField {
    const char* name;
    std::optional<double> ModelConfig::*member; ///< above 0
};
inline constexpr OptionalNumberField familyNumbers[] = {
    {"local_rope_theta", &ModelConfig::localTheta},
    {"attention_scale", &ModelConfig::attentionScale},
    {"attention_cap", &ModelConfig::attentionCap},
    {"logit_cap", &ModelConfig::logitCap},
};
struct LayerFlagsField {
    const char* name;
    const char* description;
    std::vector<bool> ModelConfig::*member; ///< [layers], or empty
};
inline constexpr LayerFlagsField familyLayers[] = {
    {"windowed_layers", "1: the layer has the sliding window", &ModelConfig::windowedLayers},
    {"unrotated_layers", "1: the layer has no RoPE", &ModelConfig::unrotatedLayers},
};
inline constexpr const char* silu = "silu";
inline constexpr const char* geluTanh = "gelu_tanh";

struct DistortionField {
    const char* name;
    const char* description;
    double Distortion::*member;
};
inline constexpr DistortionField distortionNumbers[] = {
    {"sum_squared_error", "sum (w - w_hat)^2", &Distortion::sumSquaredError},
    {"sum_squared_weight", "sum w^2", &Distortion::sumSquaredWeight},
    {"sum_product", "sum w w_hat", &Distortion::sumProduct},
    {"sum_squared_quantized", "sum w_hat^2", &Distortion::sumSquaredQuantized},
    {"max_error", "max |w - w_hat|", &Distortion::maxError},
};

/// The same of a projection's outputs, which have no largest error.
inline constexpr DistortionField outputNumbers[] = {
    {"output_sum_squared_error", "sum (y - y_hat)^2 over calibration tokens and outputs",
     &Distortion::sumSquaredError},
    {"output_sum_squared", "sum y^2", &Distortion::sumSquaredWeight},
    {"output_sum_product", "sum y y_hat", &Distortion::sumProduct},
    {"output_sum_squared_quantized", "sum y_hat^2", &Distortion::sumSquaredQuantized},
};

inline constexpr const char* halfSplit = "half-split";
inline constexpr const char* interleaved = "interleaved";

/// "003": conditions and documents in their order.
inline std::string numbered(std::size_t index) {
    char name[24];
    std::snprintf(name, sizeof name, "%03zu", index);
    return name;
}

} // namespace qroar::layout
