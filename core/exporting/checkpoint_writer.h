// CheckpointWriter: fills the .safetensors files of a new checkpoint, a piece of a tensor at a time and in
// any order of tensors, so that nothing ever holds a whole model. Files are complete only after finish().
// Which folder, and that it appears all at once, is staging_folder.h's business.
#pragma once

#include "core/base/outcome.h"
#include "core/exporting/output_file.h"
#include "core/exporting/shard_plan.h"

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace qroar {

class CheckpointWriter {
  public:
    /// Creates the files that planShards() names and writes their headers. Names must be unique
    /// (std::logic_error).
    static Outcome<CheckpointWriter> create(const std::filesystem::path& folder,
                                            std::vector<TensorSpec> tensors,
                                            const SafetensorsMetadata& metadata, std::uint64_t shardBytes);
    /// The next bytes of a tensor, row-major, little-endian. Unknown names and more bytes than the shape has
    /// are bugs (std::logic_error).
    Status append(std::string_view tensor, std::span<const std::byte> bytes);
    /// Syncs the files and writes the index when there are several. Every byte of every tensor must have been
    /// appended (std::logic_error).
    Status finish();
    [[nodiscard]] const std::vector<ShardPlan>& shards() const { return shards_; }

  private:
    struct Place {
        std::size_t shard = 0;
        std::uint64_t next = 0, end = 0; ///< offsets in the file
    };
    CheckpointWriter() = default;
    std::filesystem::path folder_;
    std::vector<TensorSpec> tensors_;
    std::vector<ShardPlan> shards_;
    std::vector<OutputFile> files_;
    std::unordered_map<std::string, Place> places_;
};

} // namespace qroar
