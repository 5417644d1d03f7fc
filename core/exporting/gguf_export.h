// GGUF exports: a model with its gains folded in as one .gguf file for llama.cpp, or the patch of one.
// Written beside the target, read back, verified, and only then given its name. Called by exportModel(). Not
// here: keys (gguf_keys.h), tokenizer (gguf_vocabulary.h), the container (gguf_writer.h).
#pragma once

#include "core/exporting/export_plan.h"

#include <string_view>

namespace qroar {

/// f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q6_k: the names of --dtype with --format gguf.
Outcome<GgmlType> parseGgufType(std::string_view name);

/// Whether a request ends in a GGUF file: --format gguf, or the patch of one.
bool isGguf(const ExportRequest& request);

/// Linear layers become request.ggufType (F16 where a row is not a whole number of blocks), embedding and
/// head the same, but Q8_0 under the types of 4 and 5 bits; norms and biases F32. Errors as exportModel().
Outcome<ExportReport> exportGguf(const ExportRequest& request, ProgressSink& sink);
/// What exportGguf() would refuse before writing, and the size.
Outcome<ExportEstimate> estimateGguf(const ExportRequest& request);

} // namespace qroar
