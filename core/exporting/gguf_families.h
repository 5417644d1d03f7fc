// Which GGUF architecture a model family is and what llama.cpp wants to be told of it beyond the shape, from
// an explicit table. Not here: shape and RoPE scaling (gguf_keys.h), tensors (gguf_export.h).
#pragma once

#include "core/exporting/gguf_writer.h"
#include "core/model/config.h"

#include <string>
#include <vector>

namespace qroar {

/// The tensors with divisors of the frequencies that llama.cpp reads for an architecture.
enum class RopeTensors {
    None,
    Any,       ///< rope_freqs.weight at every length, or with rope.scaling.type longrope the two below
    LongShort, ///< rope_factors_long.weight and rope_factors_short.weight
};

struct GgufFamily {
    const char* hfName;       ///< ModelConfig::architecture
    const char* architecture; ///< general.architecture
    PairLayout rows;          ///< of queries and keys
    RopeTensors ropeTensors;
    bool hasOutputBiases; ///< biases behind attention and in the MLP are read, not only those of q, k and v
    bool hasWindows;      ///< a sliding window is computed
    /// Its own keys behind `prefix` ("gemma2."); an error: what llama.cpp computes otherwise.
    Status (*describe)(const ModelConfig& config, const std::string& prefix, GgufKeys& keys,
                       std::vector<std::string>& notes);
};

/// Error: the family, or something of this model, has no counterpart in llama.cpp. `longest` is the length
/// that the file is for: a window of as many positions is none.
Outcome<GgufFamily> ggufFamily(const ModelConfig& config, long long longest);

} // namespace qroar
