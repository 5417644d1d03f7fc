// ShardPlan: which tensor lies in which .safetensors file and where, before any value is known. The format's
// rules are formats.md 2a: header padded so that data begin at a multiple of 8, tensors by type (wide types
// first) and name, "format": "pt" among the metadata. Pure functions; files are checkpoint_writer.h's.
#pragma once

#include "core/model/tensor.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace qroar {

struct TensorSpec {
    std::string name;
    DType type = DType::F32;
    std::vector<long long> shape;
    [[nodiscard]] std::uint64_t bytes() const;
};

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

struct ShardPlan {
    struct Entry {
        std::size_t tensor = 0;   ///< index into the list that was planned
        std::uint64_t offset = 0; ///< of its first byte in the file
    };
    std::string name;   ///< "model.safetensors" or "model-00001-of-00003.safetensors"
    std::string header; ///< length, JSON and padding: everything before the data
    std::vector<Entry> entries;
    std::uint64_t bytes = 0; ///< of the whole file
};

/// 5 GB, as the Hugging Face libraries cut.
inline constexpr std::uint64_t defaultShardBytes = 5'000'000'000;

/// Fills shards of at most `shardBytes` of data in the order of the list (a tensor that is larger has a shard
/// of its own); one file named model.safetensors when everything fits. "format": "pt" is added to the
/// metadata.
std::vector<ShardPlan> planShards(const std::vector<TensorSpec>& tensors, const SafetensorsMetadata& metadata,
                                  std::uint64_t shardBytes = defaultShardBytes);

/// model.safetensors.index.json of several shards.
std::string shardIndexText(const std::vector<TensorSpec>& tensors, const std::vector<ShardPlan>& shards);

} // namespace qroar
