// UTF-8 and the few Unicode properties that tokenizers ask about. Not a general Unicode library: normal forms
// are in normalizer.cpp, regular expressions in regex.cpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace qroar::utf8 {

/// Bytes of the longest prefix of `text` that is well-formed UTF-8 (Unicode standard, table 3-7: no overlong
/// forms, no surrogates, nothing above U+10FFFF).
std::size_t validPrefix(std::string_view text);

/// Bytes of the character that starts with `lead`, in well-formed UTF-8.
inline std::size_t lengthOf(char lead) {
    const auto byte = static_cast<unsigned char>(lead);
    return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// The code point at byte `at` of well-formed `text`.
char32_t decodeAt(std::string_view text, std::size_t at);
/// The byte at which the character before byte `at` (> 0) of well-formed `text` starts.
std::size_t previous(std::string_view text, std::size_t at);
void append(std::string& text, char32_t codePoint);

bool isWhitespace(char32_t codePoint);  ///< property White_Space
bool isWord(char32_t codePoint);        ///< \w of UTS 18: alphabetic, mark, decimal digit, connector, joiner
bool isNumber(char32_t codePoint);      ///< general category N
bool isPunctuation(char32_t codePoint); ///< general category P, or ASCII punctuation (which has symbols too)

} // namespace qroar::utf8
