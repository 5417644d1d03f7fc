// Models of random weights in the shapes of known ones, for benchmarks: written on demand as a Hugging Face
// folder, a piece of a tensor at a time, and the same for the same seed on every machine. Weights are uniform
// with the variance that keeps activations of order one; the tokenizer cuts plain English-like text into
// pieces of two to five letters. Such a model says nothing that means anything. Not here: what is measured.
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/model/model.h"
#include "core/text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace qroar::bench {

/// Widths of a Llama model; headDim is hiddenSize / heads.
struct ModelShape {
    std::string name;
    int hiddenSize = 0, intermediateSize = 0, layers = 0, heads = 0, kvHeads = 0, vocabSize = 0,
        maxPositions = 0;
    bool tiedEmbeddings = false;
    int wholeLayers = 0; ///< of the shape the name stands for, when `layers` was cut; 0: not cut

    /// "7b", or "7b (2 of 32 layers)".
    [[nodiscard]] std::string text() const;
};

/// "260k", "15m", "135m", "1.1b", "7b": stories260K and stories15M of llama2.c, SmolLM-135M, TinyLlama and
/// Llama 2 7B.
const std::vector<ModelShape>& namedShapes();
/// One of them, cut to its first `layers` layers (0: whole). Errors name the shape and what there is.
Outcome<ModelShape> findShape(std::string_view name, int layers = 0);
/// What a model of this shape must satisfy; the error names the field.
Status checkShape(const ModelShape& shape);

struct RandomModelOptions {
    ModelShape shape;
    DType type = DType::BF16; ///< F32, F16 or BF16
    std::uint64_t seed = 1;
    bool tokenizer = true; ///< also tokenizer.json, where the vocabulary has room for the 256 bytes
};
/// Bytes of all tensors.
std::uint64_t weightBytes(const RandomModelOptions& options);
/// config.json of such a model.
std::string configText(const RandomModelOptions& options);
/// The config as the reader has it, without a file.
ModelConfig configOf(const ModelShape& shape);

/// Writes config.json, model.safetensors (several, with an index, above 5 GB) and tokenizer.json into
/// `folder`, which appears when all of it is there; one that is not empty is replaced only when `replace` is
/// set and it holds a model. Errors: a shape that is none, too little room on the disk, cancelled.
Status writeRandomModel(const RandomModelOptions& options, const std::filesystem::path& folder, bool replace,
                        ProgressSink& sink);

struct OpenRandomModel {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const Tokenizer> tokenizer; ///< null when the vocabulary has no room for one
};
/// The same in a folder of its own below `scratch`, opened, and its files removed at once: what is mapped
/// lives as long as the model, and nothing is left behind whatever ends the program.
Outcome<OpenRandomModel> openRandomModel(const RandomModelOptions& options,
                                         const std::filesystem::path& scratch, ProgressSink& sink);

/// tokenizer.json of a byte-level BPE with at most `vocabSize` tokens; empty below 256.
std::string randomTokenizerText(int vocabSize);
/// Words of one to four syllables with spaces, commas and full stops between them, at least `bytes` bytes.
std::string randomText(std::size_t bytes, std::uint64_t seed);

/// splitmix64 (Steele, Lea & Flood 2014): every random number is a hash of where it is used.
constexpr std::uint64_t mixBits(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

} // namespace qroar::bench
