// ModelConfig: what a checkpoint says of its own shape. Read from config.json or a llama2.c header, checked
// once, and trusted afterwards. Not here: tensors (model.h), frequency tables (core/rope).
#pragma once

#include "core/base/outcome.h"
#include "core/rope/rope_spec.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// Where the two rows of rotary pair i of a head lie (d = rotary dims, method.md section 2).
enum class PairLayout {
    HalfSplit,   ///< rows i and i + d/2 (Hugging Face safetensors)
    Interleaved, ///< rows 2i and 2i + 1 (llama2.c, GGUF `llama`)
};

/// The function on the gate of the MLP.
enum class Activation {
    Silu,
    GeluTanh, ///< GELU by its tanh approximation (Hendrycks & Gimpel 2016)
};

/// What turns a layer's queries and keys.
enum class LayerRope {
    Scaled, ///< rope_theta under the scaling in force
    Local,  ///< localTheta, whatever scaling is in force (Gemma 3: the layers with a window)
    None,   ///< nothing (SmolLM3)
};

struct ModelConfig {
    std::string architecture; ///< "LlamaForCausalLM", "Qwen3ForCausalLM" ..., or "llama2.c"
    int hiddenSize = 0;       ///< width of the residual stream
    int intermediateSize = 0; ///< hidden units of the gated MLP
    int layers = 0;
    int heads = 0;   ///< query heads
    int kvHeads = 0; ///< key/value heads; divides `heads`
    int headDim = 0;
    int rotaryDim = 0; ///< even, <= headDim: headDim x partial_rotary_factor
    int vocabSize = 0;
    int maxPositions = 0; ///< max_position_embeddings; llama2.c: seq_len
    double rmsEps = 1e-5;
    double ropeTheta = 10000.0;
    std::optional<int> slidingWindow;  ///< a query sees itself and the slidingWindow - 1 positions before it
    std::vector<bool> windowedLayers;  ///< the layers that have this window; empty: all of them
    std::vector<bool> unrotatedLayers; ///< layers without RoPE; empty: none
    std::optional<double> localTheta;  ///< base of the layers with a window, never scaled
    bool qkNorms = false;     ///< every head of q and k is normalised before RoPE: gains fold into the norms
    bool outputNorms = false; ///< what attention and MLP yield is normalised before it joins the stream
    bool offsetNorms = false; ///< norms are stored as their gain minus 1
    bool fusedProjections = false; ///< stored as qkv_proj and gate_up_proj: the rows of one after the other
    Activation activation = Activation::Silu;
    double embeddingScale = 1, residualScale = 1, logitScale = 1; ///< multiply x, what joins it, the logits
    std::optional<double> attentionScale;                         ///< of q k^T; absent: 1 / sqrt(headDim)
    std::optional<double> attentionCap, logitCap;                 ///< a logit becomes cap tanh(logit / cap)
    bool tiedEmbeddings = false;
    bool attentionBias = false; ///< biases on q, k, v and o (LlamaConfig.attention_bias)
    bool mlpBias = false;
    int bosId = -1, eosId = -1;
    PairLayout pairLayout = PairLayout::HalfSplit;
    /// RoPE scaling stored in the checkpoint; kind None when it stores none. `--rope model` means this one.
    RopeSpec storedRope;
    /// original_max_position_embeddings when the checkpoint names it.
    std::optional<int> originalMaxPositions;
    RopeSource ropeSource; ///< how the checkpoint spells it; a session file does not keep this

    /// Biases on q, k and v; Qwen2 has them always, and none on o.
    [[nodiscard]] bool hasQkvBias() const { return attentionBias || architecture == "Qwen2ForCausalLM"; }
    /// Positions a query of the layer sees, itself included; 0: all before it.
    [[nodiscard]] int windowOf(int layer) const;
    [[nodiscard]] LayerRope ropeOf(int layer) const;
    /// What multiplies q k^T.
    [[nodiscard]] double attentionFactor() const;
    [[nodiscard]] int pairs() const { return rotaryDim / 2; }
    [[nodiscard]] int queryDim() const { return heads * headDim; }
    [[nodiscard]] int keyDim() const { return kvHeads * headDim; }
    /// L0: original_max_position_embeddings, else max_position_embeddings.
    [[nodiscard]] int trainedContext() const { return originalMaxPositions.value_or(maxPositions); }
    /// Parameters of the model this config describes, embeddings counted once when tied.
    [[nodiscard]] long long parameterCount() const;
    /// What the frequency tables need to know of the model.
    [[nodiscard]] RopeModel ropeModel() const;
};

/// Reads and checks config.json text; errors name `source` and the key. Unknown architectures are refused by
/// name.
Outcome<ModelConfig> parseHfConfig(const std::string& json, const std::filesystem::path& source);

} // namespace qroar
