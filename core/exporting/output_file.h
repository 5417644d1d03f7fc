// OutputFile: a new file that is filled at known places, in any order, and synced before it counts. For
// exports only: files beside which nothing else must change use writeAtomically (core/base/files.h).
#pragma once

#include "core/base/outcome.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace qroar {

class OutputFile {
  public:
    /// A file that does not exist yet, of `bytes` bytes (zeros until they are written).
    static Outcome<OutputFile> create(const std::filesystem::path& path, std::uint64_t bytes);
    OutputFile(OutputFile&& other) noexcept;
    OutputFile& operator=(OutputFile&& other) noexcept;
    ~OutputFile();

    Status writeAt(std::uint64_t offset, std::span<const std::byte> bytes);
    /// To the disk, and closed; nothing may be written afterwards.
    Status finish();
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    OutputFile(int descriptor, std::filesystem::path path)
        : descriptor_(descriptor), path_(std::move(path)) {}
    void close();
    int descriptor_ = -1;
    std::filesystem::path path_;
};

} // namespace qroar
