// A seal at the end of a session file: 8 bytes of name and 32 of fingerprint (XXH3-128, hexadecimal) of all
// bytes before. HDF5 ignores what follows its own data, so other programs read sealed files as usual. It
// finds damage before HDF5 has to make sense of it; it is no protection against intent.
#pragma once

#include "core/base/outcome.h"

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace qroar {

inline constexpr std::string_view sealName = "QROARXXH";
inline constexpr std::size_t sealBytes = 8 + 32; ///< name and fingerprint

Status sealFile(const std::filesystem::path& path);
/// Fine when the seal fits, or when there is none (another program rewrote the file).
Status checkSeal(const std::filesystem::path& path);

} // namespace qroar
