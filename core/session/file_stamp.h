// FileStamp: which state of a session file somebody knows, so that a later save notices what others wrote in
// between. Cheap: the seal at the end of the file (file_seal.h), or size and time where there is none. Not
// here: what to do about a change (session_merge.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace qroar {

struct FileStamp {
    std::uintmax_t bytes = 0;
    std::filesystem::file_time_type time{};
    std::string seal; ///< the last 40 bytes of a sealed file: the fingerprint of its content; else empty
    [[nodiscard]] bool present() const { return bytes > 0; }
    /// The same content where both are sealed, else the same size and time.
    bool operator==(const FileStamp& other) const;
};

/// Of a file that is not there, or cannot be read: not present().
FileStamp stampOf(const std::filesystem::path& path);

} // namespace qroar
