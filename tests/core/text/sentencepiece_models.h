// SentencePiece models for tests: trained on the spot with the library's own trainer, or put together byte by
// byte.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>

namespace qroar::fixtures {

/// Serialized model; empty when training failed. `options` as spm_train takes them, on a text that is made up
/// here.
std::string trainSentencePiece(const std::string& options);

inline std::string wireNumber(std::uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(0x80 | (value & 0x7F));
    return out + static_cast<char>(value);
}
inline std::string wireField(unsigned field, std::uint64_t value) {
    return wireNumber(field << 3) + wireNumber(value);
}
inline std::string wireBytes(unsigned field, const std::string& bytes) {
    return wireNumber(field << 3 | 2) + wireNumber(bytes.size()) + bytes;
}
inline std::string wireFloat(unsigned field, float value) {
    std::string out = wireNumber(field << 3 | 5);
    const auto word = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(word >> shift & 0xFF);
    return out;
}

/// kind: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
inline std::string wirePiece(const std::string& text, float score, int kind = 1) {
    return wireBytes(1, wireBytes(1, text) + wireFloat(2, score)
                            + (kind == 1 ? std::string() : wireField(3, static_cast<std::uint64_t>(kind))));
}

inline std::string bytePieces() {
    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", byte);
        all += wirePiece(name, 0, 6);
    }
    return all;
}

/// <unk> <s> </s>, the bytes, then the space mark (259), a (260), b (261), "ab" (262), mark + "a" (263); BPE,
/// byte fallback, identity.
inline std::string smallModel(const std::string& trainer = {}, const std::string& normalizer = {}) {
    const std::string mark = "\xE2\x96\x81";
    return wirePiece("<unk>", 0, 2) + wirePiece("<s>", 0, 3) + wirePiece("</s>", 0, 3) + bytePieces()
           + wirePiece(mark, -3) + wirePiece("a", -4) + wirePiece("b", -5) + wirePiece("ab", -1)
           + wirePiece(mark + "a", -2) + wireBytes(2, wireField(3, 2) + wireField(35, 1) + trainer)
           + wireBytes(3, wireField(4, 0) + normalizer);
}

} // namespace qroar::fixtures
