// Side files: what lies beside the weights of a model and goes with them byte for byte: tokenizer,
// generation settings, chat template, licence. Patches take every plain file along but other forms of the
// weights.
#pragma once

#include "core/base/outcome.h"
#include "core/base/work_meter.h"
#include "core/exporting/output_file.h"
#include "core/model/model.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace qroar {

/// A file of the source folder and the name it has in the export.
struct SideFile {
    std::filesystem::path source;
    std::string name;
    std::uint64_t bytes = 0;
};

struct SideFiles {
    std::vector<SideFile> files;    ///< by name
    std::vector<std::string> notes; ///< what is not there, not converted or left behind
};

/// For a model written anew: tokenizer and settings by their usual names; of a llama2.c file its
/// tokenizer.bin, which only we and llama2.c read.
SideFiles tokenizerFiles(const Model& model);
/// For a patch: every plain file but `weights` (names in the source), config.json, qroar.json (each is
/// written anew), and weights in other forms, which would stay unscaled.
SideFiles patchedFolderFiles(const Model& model, const std::vector<std::string>& weights);

/// Folder that a model lies in.
std::filesystem::path modelFolder(const Model& model);

/// Copies a file of `bytes` bytes to the start of another; counts `workPerByte` a byte. Errors: cancelled, a
/// file that has another size by now.
Status copyBytes(const std::filesystem::path& source, OutputFile& target, std::uint64_t bytes,
                 double workPerByte, WorkMeter& meter);
/// Copies all of them into a folder that has none of them, synced.
Status copySideFiles(const SideFiles& side, const std::filesystem::path& folder, double workPerByte,
                     WorkMeter& meter);

} // namespace qroar
