#include "core/text/bpe_splittings.h"

#include <algorithm>
#include <iterator>

namespace qroar {

namespace {

constexpr const char* gpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* llama3 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* qwen2 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// Of equal ones the first is what is written.
constexpr BpeSplitting splittings[] = {
    {"gpt-2", gpt2, false, false, false},     {"llama-bpe", llama3, false, true, false},
    {"qwen2", qwen2, false, false, true},     {"smollm", gpt2, true, false, false},
    {"default", gpt2, false, false, false},   {"llama3", llama3, false, true, false},
    {"llama-v3", llama3, false, true, false}, {"deepseek-r1-qwen", qwen2, false, false, true},
    {"starcoder", gpt2, true, false, false},  {"refact", gpt2, true, false, false}};

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
