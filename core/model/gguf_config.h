// What the metadata of a GGUF file say of the model: ModelConfig from `ARCH.*` keys, RoPE scaling in every
// way llama.cpp stores it. Internal to core/model. Architectures come from an explicit table that says how
// query and key rows are ordered; others are refused by name.
#pragma once

#include "core/model/config.h"
#include "core/model/gguf_file.h"

#include <string>
#include <vector>

namespace qroar {

struct GgufConfig {
    ModelConfig config;
    std::vector<std::string> warnings;
};
Outcome<GgufConfig> readGgufConfig(const GgufFile& file);

} // namespace qroar
