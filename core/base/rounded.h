// Numbers as messages say them: few digits. Not here: numbers that are read back (formatNumber in strings.h).
#pragma once

#include <charconv>
#include <string>

namespace qroar {

/// At most that many significant digits: "1.20794".
inline std::string formatRounded(double value, int digits = 6) {
    char text[64];
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, value, std::chars_format::general, digits);
    return error == std::errc() ? std::string(text, end) : std::string();
}

} // namespace qroar
