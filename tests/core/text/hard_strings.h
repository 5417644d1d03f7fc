// Texts that tokenizers get wrong: whitespace runs, digits, characters of several bytes and of several code
// points, scripts, control characters, special tokens spelled out, long runs. All well-formed UTF-8;
// brokenTexts are not.
#pragma once

#include <string>
#include <vector>

namespace qroar::fixtures {

inline std::vector<std::string> hardTexts() {
    std::vector<std::string> texts{
        "", " ", "   ", "\n", "\n\n\n", "\t\t a\t", "\r\n\r\n", " leading", "trailing ",
        "  two  inside  and   three   ", "line\n  indented\n\tmore\n\n\nend\n", "Hello, world!",
        "don't WE'LL it's I'D you've", "1 12 123 1234 12345 3.14159 1e-5 0x1F",
        "\xC2\xBD \xC2\xB2 \xD9\xA3\xD9\xA4 \xE2\x85\xA7 \xEF\xBC\x91\xEF\xBC\x92", // fractions, Arabic,
                                                                                    // Roman, wide digits
        "na\xC3\xAFve caf\xC3\xA9 \xC3\x85ngstr\xC3\xB6m stra\xC3\x9F"
        "e",
        "cafe\xCC\x81 A\xCC\x8A e\xCC\xA3\xCC\x82",                                   // combining marks
        "\xE4\xBD\xA0\xE5\xA5\xBD\xEF\xBC\x8C\xE4\xB8\x96\xE7\x95\x8C\xE3\x80\x82",   // CJK
        "\xE3\x81\x93\xE3\x82\x93 \xEF\xBD\xB6\xEF\xBE\x9E \xED\x95\x9C\xEA\xB5\xAD", // kana, half width,
                                                                                      // Hangul
        "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD9\x85\xD8\xB1\xD8\xAD\xD8\xA8\xD8\xA7",  // right to left
        "\xE2\x80\xAE"
        "evil\xE2\x80\xAC \xE2\x80\x8F",                                            // direction marks
        "\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87", // Devanagari
        "\xE0\xB8\x81\xE0\xB8\xB3 \xE1\x83\x90\xE1\xB2\x90", // Thai, Georgian of both cases
        "\xF0\x9F\x98\x80\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD",  // emoji, with a skin tone
        "\xF0\x9F\x91\xA8\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7", // joined by ZWJ
        "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA \xF0\x9D\x94\xB8 \xF0\x9D\x9F\x98", // a flag, mathematical letters
        "a\xC2\xA0"
        "b\xE2\x80\x83"
        "c\xE3\x80\x80"
        "d\xE2\x80\xA8"
        "e\xC2\x85"
        "f", // spaces of other kinds
        "zero\xE2\x80\x8Bwidth \xEF\xBB\xBF"
        "bom \xEF\xBF\xBD",
        "\x01\x02\x1F\x7F bell\x07", "{\"a\": [1, 2]} <html>&amp;</html> a->b == c; // x\\n",
        "snake_case camelCase HTTPServer __init__", "<s>x</s> <unk> <|endoftext|>y",
        "<0x0A> \xE2\x96\x81mark\xE2\x96\x81",
        "\xEF\xAC\x81 \xC7\x84 \xC7\x85 \xC4\xB0 \xC2\xB5"}; // ligature, title case, dotted I, micro
    texts.push_back(std::string("nul\0inside", 10));
    for (const char* run : {"a", " ", "\n", "-", "9", "\xC3\xA9", "\xF0\x9F\x98\x80"}) {
        std::string text;
        for (int count = 0; count < 300; ++count) text += run;
        texts.push_back(text);
    }
    return texts;
}

inline std::vector<std::string> brokenTexts() {
    return {"\xFF",
            "a\x80z",
            "\xE2\x82",
            "cut \xF0\x9F\x98",
            "\xC3(",
            "\xED\xA0\x80 surrogate",
            "\xC0\x80 overlong",
            "\xF5\x80\x80\x80 beyond",
            "x\xE2\x28\xA1y"};
}

} // namespace qroar::fixtures
