// Makes quantized Hugging Face checkpoints for tests: a random tiny Llama rounded to nearest and packed as
// AWQ GEMM, GPTQ or compressed-tensors, with the config that the usual programs write. Not the product's
// exporter: it names and lays out tensors by itself; only the words are packed by core/quant, which has tests
// of its own.
#pragma once

#include "core/model/stored_quant.h"
#include "tests/support/safetensors_writer.h"

#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace qroar::test {

struct QuantizedCheckpoint {
    RandomModelOptions model; ///< dtype is that of norms, biases and embeddings
    StoredFormat format = StoredFormat::Gptq;
    QuantSpec spec{QuantKind::Rtn, 4, 32, true};
    GptqZeros zeros = GptqZeros::V1;
    bool actOrder = false;          ///< inputs are shuffled into groups
    bool groupIndex = true;         ///< GPTQ: g_idx is written
    std::string scaleType = "F16";  ///< as safetensors spells it
    std::set<std::string> dense;    ///< projections that stay dense: "layers.0.mlp.down_proj"
    std::string quantizationConfig; ///< the JSON value; empty: as the usual program writes it

    /// Sizes that every format and width can store: hidden 64, keys 32 wide, intermediate 96.
    static QuantizedCheckpoint make(StoredFormat format, const QuantSpec& spec);
};

/// The codes that stand for a dense projection in such a checkpoint.
QuantizedMatrix codesOf(const QuantizedCheckpoint& checkpoint, const StoredTensor& dense);
/// "layers.0.self_attn.q_proj" for the weight of a projection, else empty.
std::string projectionOf(const StoredTensor& tensor);

/// The tensors that stand for a dense projection.
std::vector<StoredTensor> packedTensors(const QuantizedCheckpoint& checkpoint, const StoredTensor& dense);

std::string quantizationConfigOf(const QuantizedCheckpoint& checkpoint);
std::string configOf(const QuantizedCheckpoint& checkpoint);
std::vector<StoredTensor> quantizedTensors(const QuantizedCheckpoint& checkpoint, std::uint64_t seed = 1);
void writeQuantizedModel(const std::filesystem::path& folder, const QuantizedCheckpoint& checkpoint,
                         std::uint64_t seed = 1);

} // namespace qroar::test
