// What a GGUF file says of a model: architecture, shape and RoPE scaling as llama.cpp reads them, and how its
// query and key rows are ordered. Not here: tokenizers (gguf_vocabulary.h), tensors (gguf_export.h).
#pragma once

#include "core/exporting/gguf_writer.h"
#include "core/model/config.h"

#include <string>
#include <utility>
#include <vector>

namespace qroar {

struct GgufDescription {
    std::string architecture; ///< general.architecture
    PairLayout rows = PairLayout::Interleaved;
    GgufKeys keys;
    /// What frequencies are divided by, [pairs] each: rope_freqs.weight, or rope_factors_long.weight and
    /// rope_factors_short.weight; empty: nothing.
    std::vector<std::pair<std::string, std::vector<float>>> divisors;
    std::vector<std::string> notes;
};

/// `rope` is resolved. Linear and yarn have keys of their own; NTK is another base; llama3 and longrope
/// become divisors. Errors: dynamic scaling, which depends on the length; divisors for an architecture that
/// llama.cpp gives none; what ggufFamily() refuses.
Outcome<GgufDescription> describeGguf(const ModelConfig& config, const RopeSpec& rope,
                                      const std::string& name);

} // namespace qroar
