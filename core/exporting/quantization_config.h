// quantization_config: what config.json says of packed weights, key by key as the formats' own writers do
// (formats.md 2b, 2c, 2d).
#pragma once

#include "core/exporting/export_layout.h"

#include <nlohmann/json.hpp>

namespace qroar {

/// For a packed format (std::logic_error otherwise).
nlohmann::ordered_json quantizationConfig(const ExportLayout& layout);

} // namespace qroar
