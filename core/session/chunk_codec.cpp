#include "core/session/chunk_codec.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

namespace qroar::h5 {

namespace {

/// Element by element, so that the compiler widens and combines many at once.
template<class Word>
void interleave(const unsigned char* planes, std::size_t elements, std::uint64_t count,
                unsigned char* target) {
    for (std::size_t element = 0; element < count; ++element) {
        Word whole = 0;
        for (std::size_t byte = 0; byte < sizeof(Word); ++byte)
            whole |= static_cast<Word>(planes[byte * elements + element]) << (8 * byte);
        std::memcpy(target + element * sizeof(Word), &whole, sizeof(Word));
    }
}

/// The two bytes before the deflated data: how far back they may refer (a power of two), 0 when this is not a
/// zlib stream or needs a dictionary.
int windowBits(unsigned first, unsigned second) {
    const bool deflate = (first & 15U) == 8 && (first >> 4U) <= 7;
    const bool whole = (first * 256 + second) % 31 == 0 && (second & 32U) == 0;
    return deflate && whole ? static_cast<int>(first >> 4U) + 8 : 0;
}

} // namespace

std::uint32_t adler32(std::span<const unsigned char> bytes) {
    constexpr std::uint64_t modulus = 65521;
    constexpr std::size_t lanes = 64, mostRows = 2048; // sums of a lane stay below 2^32
    std::uint64_t a = 1, b = 0;
    const unsigned char* at = bytes.data();
    std::size_t left = bytes.size();
    while (left >= lanes) {
        const std::size_t rows = std::min(left / lanes, mostRows);
        std::uint32_t sum[lanes] = {}, sums[lanes] = {}; // of each lane: its bytes, and their running sums
        for (std::size_t row = 0; row < rows; ++row, at += lanes)
            for (std::size_t lane = 0; lane < lanes; ++lane) {
                sums[lane] += sum[lane];
                sum[lane] += at[lane];
            }
        b += a * (rows * lanes);
        for (std::size_t lane = 0; lane < lanes; ++lane) {
            a += sum[lane];
            b += static_cast<std::uint64_t>(sums[lane]) * lanes + (lanes - lane) * std::uint64_t{sum[lane]};
        }
        a %= modulus;
        b %= modulus;
        left -= rows * lanes;
    }
    for (; left > 0; --left) {
        a += *at++;
        b += a;
    }
    return static_cast<std::uint32_t>(b % modulus << 16U | a % modulus);
}

bool inflateExactly(std::span<const unsigned char> packed, std::span<unsigned char> target) {
    constexpr std::size_t head = 2, tail = 4;
    if (packed.size() < head + tail || packed.size() > 1U << 31U || target.size() > 1U << 31U) return false;
    z_stream stream{};
    // Only the deflated data: the checksum around it is ours.
    const int bits = windowBits(packed[0], packed[1]);
    if (bits == 0 || inflateInit2(&stream, -bits) != Z_OK) return false;
    stream.next_in = const_cast<unsigned char*>(packed.data() + head); // zlib only reads
    stream.avail_in = static_cast<uInt>(packed.size() - head);
    stream.next_out = target.data();
    stream.avail_out = static_cast<uInt>(target.size());
    const bool ended = inflate(&stream, Z_FINISH) == Z_STREAM_END;
    const unsigned char* sum = stream.next_in;
    const bool whole = ended && stream.avail_out == 0 && stream.avail_in >= tail;
    inflateEnd(&stream);
    return whole
           && adler32(target)
                  == (std::uint32_t{sum[0]} << 24U | std::uint32_t{sum[1]} << 16U
                      | std::uint32_t{sum[2]} << 8U | std::uint32_t{sum[3]});
}

void unshuffle(std::span<const unsigned char> planes, std::size_t width, std::uint64_t count,
               unsigned char* target) {
    const std::size_t elements = planes.size() / width;
    if (width == 4) return interleave<std::uint32_t>(planes.data(), elements, count, target);
    if (width == 8) return interleave<std::uint64_t>(planes.data(), elements, count, target);
    for (std::size_t byte = 0; byte < width; ++byte) {
        const unsigned char* plane = planes.data() + byte * elements;
        for (std::size_t element = 0; element < count; ++element)
            target[element * width + byte] = plane[element];
    }
}

} // namespace qroar::h5
