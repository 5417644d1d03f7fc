// The GPT-2 byte alphabet: every byte as a printable character, so that BPE over characters is BPE over
// bytes. Bytes 33-126, 161-172 and 174-255 stand for themselves, the other 68 for U+0100, U+0101, ... in
// order. Source: the published GPT-2 encoder. Not UTF-8 handling (utf8.h).
#pragma once

#include <string>
#include <string_view>

namespace qroar {

/// The character that stands for `byte`.
char32_t byteToSymbol(unsigned char byte);
/// The byte that `symbol` stands for; -1 for a character outside the alphabet.
int symbolToByte(char32_t symbol);
/// Any bytes to their characters, as UTF-8.
std::string bytesToSymbols(std::string_view bytes);
/// The inverse; false (and `bytes` unspecified) when a character of `symbols` is not in the alphabet
/// or it is not well-formed UTF-8.
bool symbolsToBytes(std::string_view symbols, std::string& bytes);

} // namespace qroar
