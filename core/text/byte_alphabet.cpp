#include "core/text/byte_alphabet.h"

#include "core/text/utf8.h"

namespace qroar {

// The 68 bytes that do not stand for themselves, in order: 0-32, 127-160, 173.
char32_t byteToSymbol(unsigned char byte) {
    if (byte <= 32) return 0x100U + byte;
    if (byte >= 127 && byte <= 160) return 0x100U + 33U + (byte - 127U);
    if (byte == 173) return 0x100U + 67U;
    return byte;
}

int symbolToByte(char32_t symbol) {
    if (symbol >= 0x100) {
        const char32_t rank = symbol - 0x100;
        if (rank <= 32) return static_cast<int>(rank);
        if (rank <= 66) return static_cast<int>(rank - 33 + 127);
        return rank == 67 ? 173 : -1;
    }
    const auto byte = static_cast<unsigned char>(symbol);
    return byteToSymbol(byte) == symbol ? byte : -1;
}

std::string bytesToSymbols(std::string_view bytes) {
    std::string symbols;
    symbols.reserve(bytes.size() + bytes.size() / 4);
    for (const char byte : bytes) utf8::append(symbols, byteToSymbol(static_cast<unsigned char>(byte)));
    return symbols;
}

bool symbolsToBytes(std::string_view symbols, std::string& bytes) {
    bytes.clear();
    if (utf8::validPrefix(symbols) != symbols.size()) return false;
    for (std::size_t at = 0; at < symbols.size(); at += utf8::lengthOf(symbols[at])) {
        const int byte = symbolToByte(utf8::decodeAt(symbols, at));
        if (byte < 0) return false;
        bytes += static_cast<char>(byte);
    }
    return true;
}

} // namespace qroar
