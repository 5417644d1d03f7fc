// config.json of a Hugging Face checkpoint, with what ModelConfig cannot hold. Internal to core/model;
// everybody else calls parseHfConfig (config.h).
#pragma once

#include "core/base/outcome.h"
#include "core/model/config.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

/// Upper bounds of what a config may ask for: far above every known model, low enough that no product of them
/// overflows 64 bits.
struct ConfigLimits {
    static constexpr int width = 1 << 20; ///< hidden size, heads * head_dim
    static constexpr int intermediate = 1 << 24;
    static constexpr int layers = 10'000;
    static constexpr int heads = 1 << 16;
    static constexpr int headDim = 1 << 16;
    static constexpr int vocabulary = 1 << 26;
    static constexpr int positions = 1 << 30;
};

struct HfConfig {
    ModelConfig config;      ///< tiedEmbeddings is tie_word_embeddings, false when absent
    std::optional<bool> tie; ///< tie_word_embeddings, when the file says
    /// quantization_config (or compression_config) as it stands; null when there is none.
    nlohmann::json quantization;
    std::vector<std::string> warnings;
};

Outcome<HfConfig> readHfConfig(const std::string& json, const std::filesystem::path& source);

} // namespace qroar
