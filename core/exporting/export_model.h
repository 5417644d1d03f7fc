// Export: a model with its scales folded in, as a folder that other stacks load: written anew (dense, AWQ,
// GPTQ, compressed-tensors) or patched. Everything is written beside the target, read back and verified, and
// only then given its name. The one entry that window, command line and tests share. Formats: formats.md;
// which of them a model can become: foldability.h.
#pragma once

#include "core/base/outcome.h"
#include "core/base/progress.h"
#include "core/exporting/export_format.h"
#include "core/exporting/model_writer.h"
#include "core/exporting/patch.h"
#include "core/exporting/shard_plan.h"
#include "core/exporting/verify_export.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace qroar {

struct ExportRequest {
    std::shared_ptr<const Model> model;
    std::shared_ptr<const WeightSource> weights; ///< the variant to write
    QkGains gains;                               ///< empty: none
    std::string scalesName;                      ///< where they are from, for the provenance
    std::string importance;       ///< the importance matrix behind the weights, for the provenance; or empty
    std::optional<RopeSpec> rope; ///< scaling that the export stores; default: the model's own
    ExportFormat format = ExportFormat::Hf; ///< patches have the checkpoint's
    std::optional<DType> dtype; ///< F16, BF16, F32; default: F16 for awq and gptq, the type of the scales for
                                ///< compressed-tensors, that of the embedding for hf
    std::optional<GgmlType> ggufType; ///< of linear layers in a GGUF file; default: F16
    bool patch = false;
    bool snapToPowersOfTwo = false; ///< gains are rounded to powers of two first
    std::filesystem::path target;   ///< a folder; of GGUF and llama2.c a file name that ends in .gguf, .bin
    bool replace = false;           ///< a model that is there already
    std::uint64_t shardBytes = defaultShardBytes;
    /// Token ids to verify with, cut to windows of one length; empty: pseudo-random ids.
    std::vector<TokenId> verifyTokens;
};

struct ExportEstimate {
    std::filesystem::path target; ///< absolute, links resolved
    std::uint64_t bytes = 0;      ///< of all files
    std::uint64_t freeBytes = 0;  ///< where they go
    std::vector<std::string> notes;
};
/// Everything that can be known before writing: errors are what exportModel() would refuse.
Outcome<ExportEstimate> estimateExport(const ExportRequest& request);

struct ExportedFile {
    std::string name;
    std::uint64_t bytes = 0;
    std::vector<ByteRange> changed; ///< patches: where it differs from its source
};

struct ExportReport {
    std::filesystem::path path;
    std::string format; ///< "hf", "awq", ...; of a patch: that of the checkpoint
    bool patched = false;
    RopeSpec rope;                   ///< in force in the export; resolved
    std::vector<ExportedFile> files; ///< by name
    ModelRounding rounding;
    double largestSnap = 1; ///< with snapToPowersOfTwo: largest factor by which a gain was changed, >= 1
    Verification verification;
    std::vector<std::string> notes;
};

/// Errors: a request that cannot be fulfilled exactly (all reasons), a target that must not be touched, too
/// little space (both numbers), a full disk, a failed verification, cancelled. After any of them the target
/// is as it was and nothing lies beside it.
Outcome<ExportReport> exportModel(const ExportRequest& request, ProgressSink& sink);

} // namespace qroar
