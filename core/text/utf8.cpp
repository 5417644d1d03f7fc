#include "core/text/utf8.h"

#include <utf8proc.h>

namespace qroar::utf8 {

namespace {

struct LeadByte {
    std::size_t length = 0;                            ///< 0: no character starts with this byte
    unsigned char secondLow = 0x80, secondHigh = 0xBF; ///< allowed range of the second byte
};

LeadByte classify(unsigned char lead) {
    if (lead < 0x80) return {1};
    if (lead < 0xC2) return {};
    if (lead < 0xE0) return {2};
    if (lead < 0xF0) {
        if (lead == 0xE0) return {3, 0xA0, 0xBF};
        if (lead == 0xED) return {3, 0x80, 0x9F};
        return {3};
    }
    if (lead == 0xF0) return {4, 0x90, 0xBF};
    if (lead < 0xF4) return {4};
    if (lead == 0xF4) return {4, 0x80, 0x8F};
    return {};
}

} // namespace

std::size_t validPrefix(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const LeadByte lead = classify(static_cast<unsigned char>(text[at]));
        if (lead.length == 0 || at + lead.length > text.size()) return at;
        for (std::size_t offset = 1; offset < lead.length; ++offset) {
            const auto byte = static_cast<unsigned char>(text[at + offset]);
            const unsigned char low = offset == 1 ? lead.secondLow : 0x80;
            const unsigned char high = offset == 1 ? lead.secondHigh : 0xBF;
            if (byte < low || byte > high) return at;
        }
        at += lead.length;
    }
    return at;
}

char32_t decodeAt(std::string_view text, std::size_t at) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t length = lengthOf(text[at]);
    if (length == 1) return lead;
    char32_t value = lead & (0xFFU >> (length + 1));
    for (std::size_t offset = 1; offset < length; ++offset)
        value = (value << 6) | (static_cast<unsigned char>(text[at + offset]) & 0x3FU);
    return value;
}

std::size_t previous(std::string_view text, std::size_t at) {
    do {
        --at;
    } while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U);
    return at;
}

void append(std::string& text, char32_t codePoint) {
    const auto byte = [&](char32_t value) { text += static_cast<char>(value); };
    if (codePoint < 0x80) {
        byte(codePoint);
    } else if (codePoint < 0x800) {
        byte(0xC0U | (codePoint >> 6));
        byte(0x80U | (codePoint & 0x3FU));
    } else if (codePoint < 0x10000) {
        byte(0xE0U | (codePoint >> 12));
        byte(0x80U | ((codePoint >> 6) & 0x3FU));
        byte(0x80U | (codePoint & 0x3FU));
    } else {
        byte(0xF0U | (codePoint >> 18));
        byte(0x80U | ((codePoint >> 12) & 0x3FU));
        byte(0x80U | ((codePoint >> 6) & 0x3FU));
        byte(0x80U | (codePoint & 0x3FU));
    }
}

bool isWhitespace(char32_t c) {
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680
           || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F
           || c == 0x3000;
}

bool isWord(char32_t c) {
    switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        break;
    }
    return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149)
           || (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool isNumber(char32_t c) {
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL
           || category == UTF8PROC_CATEGORY_NO;
}

bool isPunctuation(char32_t c) {
    if (c < 0x80)
        return (c >= 0x21 && c <= 0x2F) || (c >= 0x3A && c <= 0x40) || (c >= 0x5B && c <= 0x60)
               || (c >= 0x7B && c <= 0x7E);
    const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

} // namespace qroar::utf8
