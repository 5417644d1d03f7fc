// Patch: a copy of a checkpoint in which only the numbers that gains touch are other numbers: scales of
// W_Q's and W_K's codes (or their rows, when they are dense) and the biases of both. Same headers, same
// sizes, same other bytes, which is proved by comparing the files afterwards. Not here: what the numbers
// mean when run (verify_export.h).
#pragma once

#include "core/base/work_meter.h"
#include "core/exporting/encode.h"
#include "core/model/model.h"
#include "core/scales/qk_gains.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace qroar {

/// One tensor that gains touch.
struct PatchedTensor {
    const TensorView* tensor = nullptr;
    std::vector<float> factors; ///< [rows of the projection]
    /// Row of element e: (e / perRow) % factors.size().
    long long perRow = 1;
    double offset = 0; ///< the number that is multiplied is the stored one plus this (norms stored less 1)
};

/// In file order of the model's layers; empty for gains of one everywhere. The model must outlive it.
std::vector<PatchedTensor> patchedTensors(const Model& model, const QkGains& gains);

struct PatchedFile {
    std::filesystem::path source;
    std::string
        name; ///< in the export: that of the source, but model.safetensors when only one file was opened
    std::uint64_t bytes = 0;
};
/// The files that hold the model's tensors, by name.
Outcome<std::vector<PatchedFile>> weightFiles(const Model& model);

bool liesIn(const PatchedTensor& patched, const PatchedFile& file);

/// Copies `file` into `folder` and overwrites the tensors that lie in it. Errors: cancelled, a full disk, a
/// number that its type cannot hold.
Status writePatched(const PatchedFile& file, const std::vector<PatchedTensor>& tensors,
                    const std::filesystem::path& folder, RoundingTally& rounding, double workPerByte,
                    WorkMeter& meter);

/// [from, to) in bytes of a file.
using ByteRange = std::pair<std::uint64_t, std::uint64_t>;

/// Compares two files of one size byte by byte. `allowed`: sorted, without overlap. The ranges that differ,
/// at most one within each allowed one (from its first to its last difference). Error: a difference anywhere
/// else, or another size.
Outcome<std::vector<ByteRange>> changedRanges(const std::filesystem::path& source,
                                              const std::filesystem::path& copy,
                                              const std::vector<ByteRange>& allowed);

} // namespace qroar
