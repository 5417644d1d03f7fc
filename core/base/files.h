// Reading whole files and mapped files, and writing files so that a crash leaves the old or the new one,
// whole.
#pragma once

#include "core/base/outcome.h"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace qroar {

/// The whole file as bytes; refuses (names the file) when it is missing, not a regular file, or above `limit`
/// bytes.
Outcome<std::string> readFile(const std::filesystem::path& path, std::size_t limit);

/// A read-only memory map of a whole regular file; closed with the last shared_ptr.
class MappedFile {
  public:
    static Outcome<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    MappedFile() = default;
    std::span<const std::byte> bytes_;
    std::filesystem::path path_;
};

/// Calls `write` with the name of a temporary file beside `target`; when it succeeds: fsync, then rename over
/// target. On any failure the temporary file is removed and target is untouched.
Status writeAtomically(const std::filesystem::path& target,
                       const std::function<Status(const std::filesystem::path&)>& write);
Status writeTextAtomically(const std::filesystem::path& target, std::string_view text);

} // namespace qroar
