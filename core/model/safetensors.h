// SafetensorsFile: one memory-mapped .safetensors file whose header has been checked completely. Values are
// not looked at here (finite_scan.h does), and what the tensors mean is model.h's business.
#pragma once

#include "core/base/files.h"
#include "core/base/outcome.h"
#include "core/model/tensor.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace qroar {

/// Limits on untrusted headers. The first is the format's own; the others are ours and bound memory: a header
/// costs at most about twice its size, plus a constant.
struct SafetensorsLimits {
    static constexpr std::uint64_t headerBytes = 100'000'000;
    static constexpr std::size_t tensors = 250'000;
    static constexpr std::size_t metadataEntries = 65'536;
    static constexpr std::size_t rank = 64;
};

class SafetensorsFile {
  public:
    /// Maps the file and checks every rule of the format: header length, UTF-8, JSON without duplicate keys,
    /// known dtypes, sizes that match shapes without overflow, and a data buffer that tensors cover without
    /// hole or overlap up to its last byte. Errors name the file, the tensor, what was expected and what was
    /// found.
    static Outcome<std::shared_ptr<const SafetensorsFile>> open(const std::filesystem::path& path);

    [[nodiscard]] const std::filesystem::path& path() const { return file_->path(); }
    /// In the order of their bytes. Each view keeps the mapping alive.
    [[nodiscard]] const std::vector<TensorView>& tensors() const { return tensors_; }
    [[nodiscard]] const TensorView* find(std::string_view name) const;
    /// The entries of "__metadata__", in the order of the file.
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& metadata() const {
        return metadata_;
    }
    /// Where the data buffer starts in the file: 8 + header length.
    [[nodiscard]] std::size_t dataStart() const { return dataStart_; }

  private:
    SafetensorsFile() = default;
    std::shared_ptr<const MappedFile> file_;
    std::vector<TensorView> tensors_;
    std::vector<std::uint32_t> byName_; ///< indices into tensors_, sorted by name
    std::vector<std::pair<std::string, std::string>> metadata_;
    std::size_t dataStart_ = 0;
};

} // namespace qroar
