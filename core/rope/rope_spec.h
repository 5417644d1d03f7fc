// RopeSpec: which RoPE scaling, with which parameters, as the user writes it; FrequencyTable: what it comes
// to for a model and a context length. Formulas: method.md section 3. Pure functions; no model files here.
//
// Grammar (product.md):  none | model | linear:4 | ntk:4 | dynamic:4 | yarn:4 | llama3:8 | longrope, then
// options as yarn:4:orig=4096:beta_fast=32:beta_slow=1:attn=1.2:mscale=1:mscale_all_dim=0:truncate=0,
// llama3:8:low=1:high=4:orig=8192.
#pragma once

#include "core/base/outcome.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qroar {

enum class RopeKind { None, Model, Linear, Ntk, Dynamic, Yarn, Llama3, LongRope };

struct RopeSpec {
    RopeKind kind = RopeKind::None;
    std::optional<double> factor;               ///< s; null for yarn and longrope: max positions / L0
    std::optional<double> original;             ///< L0 override (orig=), any kind but none and model
    std::optional<double> betaFast, betaSlow;   ///< yarn; defaults 32 and 1
    std::optional<double> attentionFactor;      ///< yarn, longrope (attn=)
    std::optional<double> mscale, mscaleAllDim; ///< yarn
    std::optional<bool> truncate;               ///< yarn; default true
    std::optional<double> lowFreqFactor, highFreqFactor; ///< llama3; defaults 1 and 4
    std::vector<double> shortFactors,
        longFactors; ///< longrope, [d/2] each; from the checkpoint (not in the grammar)

    /// Errors name the text and what is wrong with it.
    static Outcome<RopeSpec> parse(std::string_view text);
    /// Canonical text: parse(text()) gives the same spec (except the longrope lists).
    [[nodiscard]] std::string text() const;
    bool operator==(const RopeSpec&) const = default;
};

/// How a checkpoint spells its RoPE, where other loaders read it differently: for loaders.h and audit.h. No
/// frequency of ours depends on it. Empty for checkpoints without a config.json, and for stored sessions.
struct RopeSource {
    bool gguf = false;           ///< from a GGUF file, not from a config.json
    std::string architecture;    ///< as config.json names it
    std::string type, oldType;   ///< "rope_type" and "type" of the scaling, as they stand
    bool parametersOnly = false; ///< rope_parameters and no rope_scaling: nothing that transformers 4 reads
    std::optional<double> outerTheta;                ///< rope_theta at the top level
    std::optional<int> outerOriginal, innerOriginal; ///< original_max_position_embeddings: top level, scaling
    std::vector<std::string> ignoredKeys;            ///< of the scaling, that are not read here
    bool operator==(const RopeSource&) const = default;
};

/// What a frequency table needs to know of a model.
struct RopeModel {
    int headDim = 0;
    int rotaryDim = 0;    ///< d
    double theta = 10000; ///< base
    int maxPositions = 0; ///< max_position_embeddings
    std::optional<int> originalMaxPositions;
    RopeSpec stored;                 ///< what `model` stands for
    std::vector<int> unscaledLayers; ///< those that no scaling changes, ascending
    RopeSource source;
    [[nodiscard]] int trainedContext() const { return originalMaxPositions.value_or(maxPositions); }
};

struct FrequencyTable {
    std::vector<double> omega;  ///< [d/2] radians per position, after scaling (omega')
    std::vector<double> plain;  ///< [d/2] theta^(-2i/d), before scaling (omega)
    double attentionFactor = 1; ///< m: multiplies cos and sin; logits get its square
    double factor = 1;          ///< s in force; 1 when nothing is scaled; dynamic: s L/L0 - (s-1)
    double trainedContext = 0;  ///< L0 in force: orig=, else original_max_position_embeddings, else
                                ///< max_position_embeddings
    RopeSpec spec;              ///< resolved: never Model
    /// yarn only: pair indices where the ramp starts and ends; and r_i, [d/2].
    std::optional<double> rampLow, rampHigh;
    std::vector<double> ramp;
    /// Layers that turn at frequencies of their own, or not at all, whatever the scaling (Gemma 3, SmolLM3).
    std::vector<int> unscaledLayers;
    [[nodiscard]] bool scales(int layer) const;
    std::vector<std::string> warnings; ///< e.g. yarn factor differs from max positions / original
    [[nodiscard]] double wavelength(int pair) const; ///< 2 pi / omega'
};

/// The table for a context of `context` tokens, at least 1 (dynamic and longrope depend on it). Formulas:
/// method.md section 3 (standard; those of Hugging Face transformers 5.x), in double. `longrope` without
/// lists takes the checkpoint's. Dynamic NTK measures the context against the same L0 as the others
/// (transformers takes max_position_embeddings even when the checkpoint names an original: write orig= for
/// that; a warning says so). Errors: longrope without lists, wrong list lengths, non-positive factors, a
/// model without rotary dims.
Outcome<FrequencyTable> buildFrequencyTable(const RopeSpec& spec, const RopeModel& model, long long context);

} // namespace qroar
