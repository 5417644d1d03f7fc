#include "core/text/bpe_splittings.h"

#include <algorithm>
#include <iterator>

namespace qroar {

namespace {

constexpr const char* gpt2Words =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* eachDigit = R"(\p{N})";
constexpr const char* threeDigits = R"(\p{N}{1,3})";
constexpr const char* cjkAndKana = "[一-龥぀-ゟ゠-ヿ]+";
constexpr const char* cjkAndHangul = "[一-龥ࠀ-一가-퟿]+";

constexpr const char* gpt2[] = {gpt2Words};
constexpr const char* digitsAndGpt2[] = {eachDigit, gpt2Words};
constexpr const char* llama3[] = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr const char* qwen2[] = {
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
/// Words by the case of their letters: "CamelCase" is two.
constexpr const char* gpt4o[] = {
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr const char* tekken[] = {
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)"};
constexpr const char* deepseekCoder[] = {"[\r\n]", R"(\s?\p{L}+)", R"(\s?\p{P}+)", cjkAndHangul, eachDigit};
/// The letters are the cased ones of the day, written out.
constexpr const char* deepseekLlm[] = {
    "[\r\n]",
    R"(\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+)",
    R"(\s?[!-/:-~！-／：-～‘-‟　-。]+)",
    R"(\s+$)",
    cjkAndHangul,
    R"(\p{N}+)"};
constexpr const char* deepseekV3[] = {threeDigits, cjkAndKana,
                                      R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^)"
                                      "\r\n"
                                      R"(\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[)"
                                      "\r\n"
                                      R"(]*|\s*[)"
                                      "\r\n"
                                      R"(]+|\s+(?!\S)|\s+)"};
constexpr const char* falcon[] = {R"([\p{P}\$\+<=>\^~\|`]+)", gpt2Words, "[0-9][0-9][0-9]"};
/// What "default" has always meant in GGUF files: nobody's own splitting.
constexpr const char* ggufDefault[] = {R"([\p{P}\$\+<=>\^~\|]+)", gpt2Words, R"(\p{N}+)", "[0-9][0-9][0-9]"};

/// Of equal ones the first is what is written.
constexpr BpeSplitting splittings[] = {
    {.name = "gpt-2", .patterns = gpt2},
    {.name = "llama-bpe", .patterns = llama3, .ignoreMerges = true, .addsBos = true},
    {.name = "qwen2", .patterns = qwen2, .nfc = true},
    {.name = "smollm", .patterns = digitsAndGpt2},
    {.name = "tekken", .patterns = tekken, .ignoreMerges = true, .addsBos = true},
    {.name = "gpt-4o", .patterns = gpt4o},
    {.name = "dbrx", .patterns = llama3},
    {.name = "mpt", .patterns = gpt2, .nfc = true},
    {.name = "command-r", .patterns = digitsAndGpt2, .nfc = true},
    {.name = "deepseek-llm", .patterns = deepseekLlm},
    {.name = "deepseek-coder", .patterns = deepseekCoder},
    {.name = "deepseek-v3", .patterns = deepseekV3},
    {.name = "falcon", .patterns = falcon},
    {.name = "phi-2", .patterns = gpt2},
    {.name = "llama3", .patterns = llama3, .ignoreMerges = true, .addsBos = true},
    {.name = "llama-v3", .patterns = llama3, .ignoreMerges = true, .addsBos = true},
    {.name = "llama4", .patterns = gpt4o},
    {.name = "deepseek-r1-qwen", .patterns = qwen2, .nfc = true},
    {.name = "olmo", .patterns = gpt2, .nfc = true},
    {.name = "starcoder", .patterns = digitsAndGpt2},
    {.name = "refact", .patterns = digitsAndGpt2},
    {.name = "default", .patterns = ggufDefault}};

} // namespace

std::span<const BpeSplitting> bpeSplittings() {
    return splittings;
}

const BpeSplitting* bpeSplitting(std::string_view name) {
    const auto found = std::find_if(std::begin(splittings), std::end(splittings),
                                    [name](const BpeSplitting& one) { return one.name == name; });
    return found == std::end(splittings) ? nullptr : found;
}

} // namespace qroar
