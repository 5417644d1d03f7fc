#include "core/exporting/shard_plan.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <tuple>

namespace qroar {

namespace {

/// Place of a type in the format's own list, which the official writer sorts by, highest first.
int typeRank(DType type) {
    static constexpr DType order[] = {DType::Bool, DType::U8,  DType::I8,  DType::F8E5M2, DType::F8E4M3,
                                      DType::I16,  DType::U16, DType::F16, DType::BF16,   DType::I32,
                                      DType::U32,  DType::F32, DType::F64, DType::I64,    DType::U64};
    return static_cast<int>(std::find(std::begin(order), std::end(order), type) - std::begin(order));
}

std::string headerText(const std::vector<TensorSpec>& tensors, const ShardPlan& shard,
                       const SafetensorsMetadata& metadata) {
    nlohmann::ordered_json header;
    nlohmann::json texts{{"format", "pt"}}; // sorted by key: the same bytes whoever asks
    for (const auto& [key, text] : metadata) texts[key] = text;
    header["__metadata__"] = texts;
    for (const ShardPlan::Entry& entry : shard.entries) {
        const TensorSpec& tensor = tensors[entry.tensor];
        header[tensor.name] = {{"dtype", dtypeName(tensor.type)},
                               {"shape", tensor.shape},
                               {"data_offsets", {entry.offset, entry.offset + tensor.bytes()}}};
    }
    std::string text = header.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    text.append((8 - text.size() % 8) % 8, ' ');
    const std::uint64_t length = text.size();
    std::string whole(sizeof length, '\0');
    std::memcpy(whole.data(), &length, sizeof length);
    return whole + text;
}

/// Sorts a shard's tensors, gives them places and writes the header.
void layOut(const std::vector<TensorSpec>& tensors, const SafetensorsMetadata& metadata, ShardPlan& shard) {
    std::sort(shard.entries.begin(), shard.entries.end(),
              [&](const ShardPlan::Entry& a, const ShardPlan::Entry& b) {
                  const TensorSpec &left = tensors[a.tensor], &right = tensors[b.tensor];
                  return std::make_tuple(-typeRank(left.type), std::cref(left.name))
                         < std::make_tuple(-typeRank(right.type), std::cref(right.name));
              });
    std::uint64_t position = 0;
    for (ShardPlan::Entry& entry : shard.entries) {
        entry.offset = position;
        position += tensors[entry.tensor].bytes();
    }
    shard.header = headerText(tensors, shard, metadata);
    for (ShardPlan::Entry& entry : shard.entries) entry.offset += shard.header.size();
    shard.bytes = shard.header.size() + position;
}

std::string shardName(std::size_t shard, std::size_t count) {
    if (count == 1) return "model.safetensors";
    char name[64];
    std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", shard + 1, count);
    return name;
}

} // namespace

std::uint64_t TensorSpec::bytes() const {
    std::uint64_t elements = 1;
    for (const long long extent : shape) elements *= static_cast<std::uint64_t>(extent);
    return elements * (dtypeBits(type) / 8);
}

std::vector<ShardPlan> planShards(const std::vector<TensorSpec>& tensors, const SafetensorsMetadata& metadata,
                                  std::uint64_t shardBytes) {
    std::vector<ShardPlan> shards(1);
    std::uint64_t filled = 0;
    for (std::size_t tensor = 0; tensor < tensors.size(); ++tensor) {
        const std::uint64_t bytes = tensors[tensor].bytes();
        if (filled > 0 && filled + bytes > shardBytes) {
            shards.emplace_back();
            filled = 0;
        }
        shards.back().entries.push_back({tensor, 0});
        filled += bytes;
    }
    for (std::size_t shard = 0; shard < shards.size(); ++shard) {
        shards[shard].name = shardName(shard, shards.size());
        layOut(tensors, metadata, shards[shard]);
    }
    return shards;
}

std::string shardIndexText(const std::vector<TensorSpec>& tensors, const std::vector<ShardPlan>& shards) {
    std::uint64_t total = 0;
    nlohmann::json map = nlohmann::json::object(); // sorted by name, as the Hugging Face libraries write it
    for (const ShardPlan& shard : shards)
        for (const ShardPlan::Entry& entry : shard.entries) {
            map[tensors[entry.tensor].name] = shard.name;
            total += tensors[entry.tensor].bytes();
        }
    const nlohmann::ordered_json index{{"metadata", {{"total_size", total}}}, {"weight_map", map}};
    return index.dump(2) + "\n";
}

} // namespace qroar
