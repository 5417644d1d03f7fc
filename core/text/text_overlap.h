// TextOverlap: how much of one text occurs in others, word for word, though the documents are not the same:
// shared windows of 50 tokens, by hash. A sketch keeps a part of a document's hashes, chosen by their value,
// so that the same windows are kept in every document; it is small enough to be stored with a search. Not
// here: what follows from it (core/controls/held_out.h).
#pragma once

#include "core/text/tokenizer.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace qroar {

inline constexpr std::size_t overlapWindow = 50; ///< tokens
/// A window is kept when its hash is divisible by this: a few hundred of a page are enough for a share.
inline constexpr std::uint64_t overlapKept = 4;

/// Hashes of the windows that are kept, sorted, each once; empty for texts below overlapWindow tokens.
/// Windows of fewer than 5 different tokens (blank lines, rulers) are left out.
std::vector<std::uint64_t> textSketch(std::span<const TokenId> tokens);

/// Share of the windows of `tokens` (every one counts, repeated ones too) whose hash is in one of `sketches`;
/// 0 when there are none.
double sharedShare(std::span<const TokenId> tokens,
                   const std::vector<std::span<const std::uint64_t>>& sketches);

} // namespace qroar
