// Files of token ids: one-dimensional .npy arrays and raw .u16/.u32.
#pragma once

#include "core/base/outcome.h"
#include "core/text/tokenizer.h"

#include <filesystem>
#include <vector>

namespace qroar {

/// True for .npy, .u16, .u32.
bool isIdFile(const std::filesystem::path& path);

/// The most ids that a file may hold: 1 GiB of them in memory.
inline constexpr std::size_t mostIdsInFile = std::size_t{1} << 28;

/// The ids as they are. .npy: format version 1, 2 or 3, one dimension, C order, little-endian u1, u2, u4, u8,
/// i2, i4 or i8. Refused before anything is
/// allocated: more than mostIdsInFile ids, sizes that do not fit. Errors name the file and what was found, or
/// the position and value of an id outside [0, vocabSize).
Outcome<std::vector<TokenId>> readIdFile(const std::filesystem::path& path, int vocabSize);

} // namespace qroar
