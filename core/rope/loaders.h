// Loaders: the frequency table that other programs would build from a checkpoint with a given RoPE scaling.
// They differ in which length counts as the trained one, which keys they read, and what they do with dynamic
// NTK. Not here: reading files; this program's own table (rope_spec.h), which all are compared with; and the
// verdict (audit.h).
#pragma once

#include "core/rope/rope_spec.h"

namespace qroar {

/// transformers 4 has read yarn in three ways: from max_position_embeddings (4.45 to 4.47), from the original
/// length with the factor replaced by the ratio of the lengths (from 4.48), and as 5 does (4.57).
enum class RopeLoader {
    Qroar,
    Transformers4,
    Transformers48,
    Transformers457,
    Transformers5,
    LlamaCpp,
    Vllm
};

/// "qroar", "transformers 4.4x", "transformers 4.48", "transformers 4.57", "transformers 5", "llama.cpp",
/// "vllm".
const char* ropeLoaderName(RopeLoader loader);
/// All of them, ours first.
const std::vector<RopeLoader>& ropeLoaders();

struct LoaderTable {
    RopeLoader loader = RopeLoader::Qroar;
    std::optional<FrequencyTable> table; ///< none: this loader refuses the checkpoint, `notes` say why
    std::vector<std::string> notes;      ///< what it does differently, or needs; sentences
};

/// max over pairs of |omega_a - omega_b| * context, radians: how far apart two tables turn the last position.
double phaseDifference(const FrequencyTable& a, const FrequencyTable& b, long long context);

/// The table of `loader` for a checkpoint whose config stores `spec` (llama.cpp: after conversion to GGUF, or
/// of the GGUF file itself), in a context of `context` tokens (vLLM: its max_model_len). With `spec` Model,
/// how the checkpoint spells it counts too (RopeModel::source). Rules: transformers modeling_rope_utils of
/// 4.45 to 5.x, llama.cpp's converter and ggml_rope_ext, vLLM's rotary_embedding. In double: what float32
/// adds is not counted. Errors as buildFrequencyTable.
Outcome<LoaderTable> buildLoaderTable(RopeLoader loader, const RopeSpec& spec, const RopeModel& model,
                                      long long context);

} // namespace qroar
