#include "core/exporting/checkpoint_writer.h"

#include "core/base/files.h"

#include <stdexcept>

namespace qroar {

Outcome<CheckpointWriter> CheckpointWriter::create(const std::filesystem::path& folder,
                                                   std::vector<TensorSpec> tensors,
                                                   const SafetensorsMetadata& metadata,
                                                   std::uint64_t shardBytes) {
    CheckpointWriter writer;
    writer.folder_ = folder;
    writer.tensors_ = std::move(tensors);
    writer.shards_ = planShards(writer.tensors_, metadata, shardBytes);
    for (std::size_t shard = 0; shard < writer.shards_.size(); ++shard) {
        const ShardPlan& plan = writer.shards_[shard];
        auto file = OutputFile::create(folder / plan.name, plan.bytes);
        if (!file) return file.error();
        if (Status written = file->writeAt(0, std::as_bytes(std::span(plan.header))); !written)
            return written.error();
        writer.files_.push_back(*std::move(file));
        for (const ShardPlan::Entry& entry : plan.entries) {
            const TensorSpec& tensor = writer.tensors_[entry.tensor];
            const Place place{shard, entry.offset, entry.offset + tensor.bytes()};
            if (!writer.places_.emplace(tensor.name, place).second)
                throw std::logic_error("CheckpointWriter: " + tensor.name + " is planned twice");
        }
    }
    return writer;
}

Status CheckpointWriter::append(std::string_view tensor, std::span<const std::byte> bytes) {
    const auto found = places_.find(std::string(tensor));
    if (found == places_.end() || bytes.size() > found->second.end - found->second.next)
        throw std::logic_error("CheckpointWriter: " + std::string(tensor)
                               + " was not planned, or not with so many bytes");
    Place& place = found->second;
    if (Status written = files_[place.shard].writeAt(place.next, bytes); !written) return written;
    place.next += bytes.size();
    return Done{};
}

Status CheckpointWriter::finish() {
    for (const auto& [name, place] : places_)
        if (place.next != place.end) throw std::logic_error("CheckpointWriter: " + name + " is incomplete");
    for (OutputFile& file : files_)
        if (Status finished = file.finish(); !finished) return finished;
    if (shards_.size() == 1) return Done{};
    return writeTextAtomically(folder_ / "model.safetensors.index.json", shardIndexText(tensors_, shards_));
}

} // namespace qroar
