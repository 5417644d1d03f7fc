// Hand-made tokenizer files for the tests of core/text: small enough to compute every id by hand.
#pragma once

#include "core/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

namespace qroar::fixtures {

using Ids = std::vector<TokenId>;

inline void writeFile(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// The GPT-2 byte alphabet, written down independently of core/text: the bytes that print stand for
/// themselves.
inline std::string symbolOf(int byte) {
    const auto prints = [](int b) { return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174; };
    int codePoint = byte;
    if (!prints(byte)) {
        codePoint = 256;
        for (int before = 0; before < byte; ++before) codePoint += prints(before) ? 0 : 1;
    }
    if (codePoint < 0x80) return std::string(1, static_cast<char>(codePoint));
    return {static_cast<char>(0xC0 | codePoint >> 6), static_cast<char>(0x80 | (codePoint & 0x3F))};
}

inline nlohmann::json addedToken(int id, const std::string& content) {
    return {{"id", id},        {"content", content},  {"single_word", false}, {"lstrip", false},
            {"rstrip", false}, {"normalized", false}, {"special", true}};
}

/// Byte-level BPE: byte b has id b, merge number n makes id 256 + n.
inline nlohmann::json byteLevelFile(const std::vector<std::string>& merges) {
    nlohmann::json vocabulary = nlohmann::json::object();
    for (int byte = 0; byte < 256; ++byte) vocabulary[symbolOf(byte)] = byte;
    int next = 256;
    for (std::string merge : merges) {
        merge.erase(merge.find(' '), 1);
        vocabulary[merge] = next++;
    }
    nlohmann::json file;
    file["version"] = "1.0";
    file["added_tokens"] = nlohmann::json::array();
    file["normalizer"] = nullptr;
    file["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}};
    file["post_processor"] = nullptr;
    file["decoder"] = {{"type", "ByteLevel"}};
    file["model"] = {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}};
    return file;
}

/// The published word patterns (Llama 3; Qwen 2 differs in the digits and normalizes to NFC).
inline const char* const llama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
inline const char* const qwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

inline nlohmann::json splitStep(const std::string& pattern) {
    return {
        {"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
}

inline nlohmann::json splitThenBytes(const std::string& pattern) {
    return {
        {"type", "Sequence"},
        {"pretokenizers",
         {splitStep(pattern), {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
}

/// Llama-2 kind: <unk> 0, <s> 1, </s> 2, bytes 3..258, U+2581 259, h 260, i 261, then the merges "U+2581 h"
/// 262 and "U+2581h i" 263, and "h i" 264.
inline nlohmann::json metaspaceFile() {
    const std::string mark = "\xE2\x96\x81";
    nlohmann::json vocabulary = {{"<unk>", 0}, {"<s>", 1}, {"</s>", 2}};
    for (int byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
        vocabulary[name] = 3 + byte;
    }
    vocabulary[mark] = 259;
    vocabulary["h"] = 260;
    vocabulary["i"] = 261;
    vocabulary[mark + "h"] = 262;
    vocabulary[mark + "hi"] = 263;
    vocabulary["hi"] = 264;
    nlohmann::json file;
    file["added_tokens"] = {addedToken(0, "<unk>"), addedToken(1, "<s>"), addedToken(2, "</s>")};
    file["normalizer"] = {{"type", "Sequence"},
                          {"normalizers",
                           {{{"type", "Prepend"}, {"prepend", mark}},
                            {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", mark}}}}};
    file["pre_tokenizer"] = nullptr;
    file["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", nlohmann::json::array()},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {1}}, {"tokens", {"<s>"}}}}}}};
    file["decoder"] = {{"type", "Sequence"},
                       {"decoders",
                        {{{"type", "Replace"}, {"pattern", {{"String", mark}}}, {"content", " "}},
                         {{"type", "ByteFallback"}},
                         {{"type", "Fuse"}},
                         {{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}}}}};
    file["model"] = {{"type", "BPE"},       {"unk_token", "<unk>"},
                     {"fuse_unk", true},    {"byte_fallback", true},
                     {"vocab", vocabulary}, {"merges", {mark + " h", mark + "h i", "h i"}}};
    return file;
}

inline void appendWord(std::string& bytes, std::uint32_t value) {
    for (unsigned index = 0; index < 4; ++index) bytes += static_cast<char>(value >> (8 * index) & 0xFF);
}

/// A llama2.c tokenizer.bin.
inline std::string llama2cFile(const std::vector<std::pair<std::string, float>>& tokens) {
    std::size_t longest = 0;
    for (const auto& [text, score] : tokens) longest = std::max(longest, text.size());
    std::string bytes;
    appendWord(bytes, static_cast<std::uint32_t>(longest));
    for (const auto& [text, score] : tokens) {
        appendWord(bytes, std::bit_cast<std::uint32_t>(score));
        appendWord(bytes, static_cast<std::uint32_t>(text.size()));
        bytes += text;
    }
    return bytes;
}

/// <unk>, <s>, </s>, the bytes, then `texts` with the given scores.
inline std::vector<std::pair<std::string, float>>
llama2cTokens(const std::vector<std::pair<std::string, float>>& texts) {
    std::vector<std::pair<std::string, float>> tokens{{"<unk>", 0.F}, {"\n<s>\n", 0.F}, {"\n</s>\n", 0.F}};
    for (int byte = 0; byte < 256; ++byte) {
        char name[8];
        std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
        tokens.emplace_back(name, 0.F);
    }
    tokens.insert(tokens.end(), texts.begin(), texts.end());
    return tokens;
}

/// Well-formed UTF-8 of `count` characters: ASCII, white space, letters, digits, ideographs, emoji, controls.
inline std::string randomText(std::mt19937& random, int count) {
    static const std::vector<std::string> alphabet{"a",
                                                   "b",
                                                   "e",
                                                   "t",
                                                   "Z",
                                                   " ",
                                                   " ",
                                                   "  ",
                                                   "\n",
                                                   "\r\n",
                                                   "\t",
                                                   "0",
                                                   "7",
                                                   "'",
                                                   "'ll",
                                                   "!",
                                                   ",",
                                                   "-",
                                                   "\x01",
                                                   std::string(1, '\0'),
                                                   "\x7F",
                                                   "\xC2\x85",
                                                   "\xC2\xA0",
                                                   "\xC3\xA9",
                                                   "e\xCC\x81",
                                                   "\xC7\x84",
                                                   "\xCE\xB1",
                                                   "\xD0\x96",
                                                   "\xD7\x90",
                                                   "\xE0\xA4\x95",
                                                   "\xE1\xA0\x8E",
                                                   "\xE2\x80\x8D",
                                                   "\xE2\x82\xAC",
                                                   "\xE3\x80\x80",
                                                   "\xE4\xBD\xA0",
                                                   "\xEF\xBB\xBF",
                                                   "\xEF\xBF\xBD",
                                                   "\xF0\x9F\x98\x80",
                                                   "\xF0\x90\x8D\x88",
                                                   "\xF4\x8F\xBF\xBF"};
    std::string text;
    for (int index = 0; index < count; ++index) text += alphabet[random() % alphabet.size()];
    return text;
}

} // namespace qroar::fixtures
