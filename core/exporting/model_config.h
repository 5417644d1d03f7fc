// config.json of an export: the source's own with every key it has, or one made for a llama2.c file; RoPE
// scaling, types and quantization as they are in what was written.
#pragma once

#include "core/exporting/export_layout.h"
#include "core/model/model.h"

#include <nlohmann/json.hpp>

#include <string>
#include <vector>

namespace qroar {

/// The file config.json of a Hugging Face model, as it stands.
Outcome<std::string> sourceConfigText(const Model& model);

/// config.json of a model written anew. `rope` is resolved (not `model`). Errors: as writeRope(), or a
/// config.json that changed since the model was opened.
Outcome<std::string> exportedConfig(const Model& model, const ExportLayout& layout, const RopeSpec& rope,
                                    std::vector<std::string>& notes);

/// The source's config.json with another RoPE scaling and nothing else changed, for patches; the very text of
/// the source when `rope` is what it stores.
Outcome<std::string> patchedConfig(const Model& model, const RopeSpec& rope, std::vector<std::string>& notes);

} // namespace qroar
