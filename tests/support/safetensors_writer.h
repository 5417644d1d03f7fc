// Makes checkpoints for tests: valid and hostile .safetensors files, and random tiny Llama models as Hugging
// Face folders. Not the product's exporter: nothing here is careful about the disk. Deterministic for a seed,
// everywhere.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace qroar::test {

struct StoredTensor {
    std::string name;
    std::string dtype; ///< as the format spells it: "F32", "F16", ...
    std::vector<long long> shape;
    std::string bytes; ///< little-endian, row-major
};

/// `values` as little-endian bytes of dtype F32, F16 or BF16 (rounded to nearest even).
std::string encodeFloats(const std::vector<float>& values, const std::string& dtype);
StoredTensor makeTensor(std::string name, std::vector<long long> shape, const std::vector<float>& values,
                        const std::string& dtype = "F32");

/// u64 length, header and data as they are: for files that must be wrong.
std::string rawSafetensors(const std::string& header, const std::string& data);
/// A valid file: tensors one after another in the given order, header padded with spaces to a multiple of 8.
std::string safetensorsBytes(const std::vector<StoredTensor>& tensors,
                             const std::vector<std::pair<std::string, std::string>>& metadata = {
                                 {"format", "pt"}});
/// Writes (replaces) a file; throws std::runtime_error when it cannot.
void writeBytes(const std::filesystem::path& path, const std::string& bytes);

struct RandomModelOptions {
    int layers = 2;
    int heads = 4;
    int kvHeads = 2;
    int headDim = 8; ///< written to config.json only when hidden != heads * headDim
    int hidden = 32;
    int intermediate = 48;
    int vocab = 64;
    int maxPositions = 128;
    double ropeTheta = 10000.0;
    double rmsEps = 1e-5;
    double partialRotaryFactor = 1.0; ///< written to config.json when it is not 1
    int slidingWindow = 0;            ///< written to config.json when above 0 (read for Mistral only)
    bool tied = true;                 ///< else lm_head.weight is stored
    bool attentionBias = false;
    bool mlpBias = false;
    bool modelPrefix = true; ///< "model." in front of the names
    int shards = 1;          ///< more than 1: an index and that many files
    std::string architecture = "LlamaForCausalLM";
    std::string dtype = "F32"; ///< or F16, BF16
    std::string ropeScalingJson = "null";
    std::string extraConfigJson; ///< more members of config.json, as `"key": value, "key": value`
    double gain = 1.0;           ///< multiplies all projections; 1 gives activations of order one
};

/// Every tensor of such a model in file order. Norms are near 1, biases about 0.1, projections N(0, gain^2 /
/// inputs), embedding and head N(0, 1).
std::vector<StoredTensor> randomModelTensors(const RandomModelOptions& options, std::uint64_t seed);
std::string randomModelConfig(const RandomModelOptions& options);
/// Creates `folder` with config.json and its tensors in so many shards; throws std::runtime_error when it
/// cannot.
void writeHfFolder(const std::filesystem::path& folder, const std::string& config,
                   const std::vector<StoredTensor>& tensors, int shards = 1);
/// The same with a random model.
void makeRandomHfModel(const std::filesystem::path& folder, const RandomModelOptions& options = {},
                       std::uint64_t seed = 1);

} // namespace qroar::test
