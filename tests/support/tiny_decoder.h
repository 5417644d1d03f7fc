// TinyDecoder: reads a Hugging Face folder and the three packed formats a second time, literally from
// formats.md, bit by bit, for tests to compare with. Trusts its input, knows nothing of the product's readers
// and packers.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace qroar::test {

struct TinyTensor {
    std::string dtype;
    std::vector<long long> shape;
    std::string bytes;
    std::string file;
};

struct TinyCheckpoint {
    std::map<std::string, TinyTensor> tensors;
    std::map<std::string, std::string> metadata; ///< of the first file
    nlohmann::json config;
    [[nodiscard]] const TinyTensor& at(const std::string& name) const;
    [[nodiscard]] bool has(const std::string& name) const { return tensors.count(name) > 0; }
    /// F16, BF16 or F32 as doubles.
    [[nodiscard]] std::vector<double> floats(const std::string& name) const;
    /// Value `index` of a little-endian bit stream of `bits` bits that runs through every `stride`th word of
    /// an I32 tensor from word `first` on.
    [[nodiscard]] unsigned bitsAt(const std::string& name, long long first, long long stride, int bits,
                                  long long index) const;
};

/// Everything in a folder: config.json and all .safetensors files; throws std::runtime_error when something
/// is not there.
TinyCheckpoint readTiny(const std::filesystem::path& folder);
/// One file's header as it stands.
std::string headerOf(const std::filesystem::path& safetensors);
std::string wholeFile(const std::filesystem::path& path);

/// A linear layer decoded: codes and zeros as numbers of the formula, weights = (code - zero) * scale.
struct TinyLinear {
    long long out = 0, in = 0, groups = 0;
    std::vector<int> codes;      ///< [out, in], signed for compressed-tensors
    std::vector<int> zeros;      ///< [out, groups]
    std::vector<double> scales;  ///< [out, groups]
    std::vector<double> weights; ///< [out, in]
};
TinyLinear decodeAwq(const TinyCheckpoint& checkpoint, const std::string& stem);
TinyLinear decodeGptq(const TinyCheckpoint& checkpoint, const std::string& stem, bool versionTwo);
TinyLinear decodeCompressed(const TinyCheckpoint& checkpoint, const std::string& stem);

/// int-quantized: a signed byte a code; scales [out, groups], [out, 1], [out] or one.
TinyLinear decodeInt8(const TinyCheckpoint& checkpoint, const std::string& stem);
/// FP8 E4M3 [out, in], row-major: code * scale of its block; `blockRows` and `blockCols` are sides of blocks.
std::vector<double> decodeFp8(const TinyCheckpoint& checkpoint, const std::string& stem, long long blockRows,
                              long long blockCols);

} // namespace qroar::test
