// What a GGUF file says of a model: architecture, shape and RoPE scaling as llama.cpp reads them, and how its
// query and key rows are ordered. Not here: tokenizers (gguf_vocabulary.h), tensors (gguf_export.h).
#pragma once

#include "core/exporting/gguf_writer.h"
#include "core/model/config.h"

#include <string>
#include <vector>

namespace qroar {

struct GgufDescription {
    std::string architecture; ///< general.architecture
    PairLayout rows = PairLayout::Interleaved;
    GgufKeys keys;
    /// What every frequency is divided by at every length, [pairs]: the tensor rope_freqs.weight; empty:
    /// none.
    std::vector<float> divisors;
    std::vector<std::string> notes;
};

/// `rope` is resolved. Linear and yarn have keys of their own; NTK is another base; llama3 and longrope
/// become divisors (of the long factors: the length the scaling is for). Errors: dynamic scaling, which
/// depends on the length; divisors for an architecture that llama.cpp gives none; partial rotary dims of
/// permuted rows; a sliding window, which llama.cpp ignores for this architecture.
Outcome<GgufDescription> describeGguf(const ModelConfig& config, const RopeSpec& rope,
                                      const std::string& name);

} // namespace qroar
