// What a Hugging Face checkpoint says of its quantization: `quantization_config` in config.json, or the side
// files quantize_config.json (AutoGPTQ) and quant_config.json (AutoAWQ). Layouts that are not read are
// refused by name here. Bits and group sizes are only hints: the tensors decide (hf_stored.h). Internal to
// core/model.
#pragma once

#include "core/base/outcome.h"
#include "core/model/stored_quant.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

enum class QuantMethod { Awq, Gptq, CompressedTensors, Fp8 };
/// "AWQ", "GPTQ", "compressed-tensors", "FP8".
const char* quantMethodName(QuantMethod method);

/// Sides of the blocks that share a scale.
struct BlockSize {
    int rows = 0, cols = 0;
};

struct HfQuantConfig {
    QuantMethod method = QuantMethod::Gptq;
    std::vector<int> bits;         ///< as written, one a config group
    std::vector<int> groups;       ///< as written, 0 = whole row
    std::vector<BlockSize> blocks; ///< of FP8 weights, as written
    bool symmetric = true;         ///< GPTQ's default; compressed-tensors: some layers may be
    bool actOrder = false;
    GptqZeros zeros =
        GptqZeros::V1; ///< GPTQ: as the checkpoint format and the program that wrote it have them
    std::vector<std::string> warnings;
};

/// Reads `stored`, the value of quantization_config (null: config.json has none), and what the side files in
/// `folder` add to it. Errors name the file and the key; a method, version or format that is not read is
/// refused by name.
Outcome<HfQuantConfig> readHfQuantConfig(const nlohmann::json& stored, const std::filesystem::path& folder);

} // namespace qroar
