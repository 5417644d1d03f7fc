// TensorSet: all tensors of a checkpoint by name, from one safetensors file or from the shards that an index
// names. Internal to core/model: users see Model::tensors().
#pragma once

#include "core/base/outcome.h"
#include "core/model/tensor.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace qroar {

class TensorSet {
  public:
    /// One .safetensors file.
    static Outcome<TensorSet> openFile(const std::filesystem::path& path);
    /// `index` is a model.safetensors.index.json. Its shards lie beside it: names with a path separator or
    /// ".." are refused, so are missing shards, tensors that are not in the shard the index names, and
    /// tensors stored twice.
    static Outcome<TensorSet> openSharded(const std::filesystem::path& index);
    /// model.safetensors, else model.safetensors.index.json, of a folder.
    static Outcome<TensorSet> openFolder(const std::filesystem::path& folder);

    /// Shard by shard, each in the order of its bytes.
    [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
    [[nodiscard]] const TensorView* find(const std::string& name) const;
    [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

  private:
    /// Empty, or the name of a tensor that is already there.
    std::string add(const std::vector<TensorView>& tensors);
    std::vector<TensorView> tensors_;
    std::unordered_map<std::string, std::size_t> byName_;
    std::vector<std::string> warnings_;
};

} // namespace qroar
