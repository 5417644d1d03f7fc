// The same random model twice: as a Hugging Face folder in F32 and as a GGUF file, whose linear layers may be
// stored in a block type (then the folder holds the values of the blocks). For tests that compare both.
#pragma once

#include "core/quant/ggml_blocks.h"
#include "tests/support/gguf_writer.h"
#include "tests/support/safetensors_writer.h"

#include <filesystem>
#include <string>
#include <vector>

namespace qroar::test {

struct GgufTwin {
    RandomModelOptions options;
    std::vector<StoredTensor> tensors; ///< of the folder, F32
    GgufWriter gguf;
    std::string folderConfig;
};

/// `architecture` is general.architecture: "llama" permutes query and key rows, "qwen2" and
/// "qwen3" do not.
/// Rows of linear layers must be a multiple of the block.
GgufTwin makeGgufTwin(const RandomModelOptions& options, std::uint64_t seed, GgmlType linear = GgmlType::F32,
                      const std::string& architecture = "llama");

} // namespace qroar::test
