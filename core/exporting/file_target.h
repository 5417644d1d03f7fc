// The target of an export that is one file: checked before anything is written. Internal to core/exporting;
// folders: staging_folder.h.
#pragma once

#include "core/exporting/export_model.h"

namespace qroar {

/// request.target, absolute. Errors: another suffix than `suffix` (".gguf"), a folder, a file that is there
/// without request.replace or is the model itself, no such parent.
Outcome<std::filesystem::path> checkFileTarget(const ExportRequest& request, const char* suffix);

/// What the report says of it, once it is there.
ExportedFile fileOf(const std::filesystem::path& target);

} // namespace qroar
