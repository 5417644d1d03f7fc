// What HDF5's filters "deflate" and "shuffle" did to a chunk is undone here, in buffers of known size: most
// of the time of opening a session. Not here: which chunks are accepted (hdf5_reader.cpp).
#pragma once

#include <cstdint>
#include <span>

namespace qroar::h5 {

inline constexpr int deflateLevel = 2; ///< of what is written: more takes longer for a few per cent

/// The Adler-32 checksum of RFC 1950. zlib's goes byte by byte: a seventh of the time of opening a session.
std::uint32_t adler32(std::span<const unsigned char> bytes);

/// Inflates a zlib stream (RFC 1950) that must fill `target` exactly; false when it does not, or is damaged.
/// What lies behind the stream is ignored, as zlib's uncompress() does.
bool inflateExactly(std::span<const unsigned char> packed, std::span<unsigned char> target);

/// HDF5's shuffle stores the first bytes of all elements of a chunk, then all second bytes, ...: writes the
/// first `count` elements of `width` bytes to `target`.
void unshuffle(std::span<const unsigned char> planes, std::size_t width, std::uint64_t count,
               unsigned char* target);

} // namespace qroar::h5
