#include "tests/support/gguf_twin.h"

#include "core/base/half.h"

#include <cstring>
#include <random>
#include <utility>

namespace qroar::test {

namespace {

std::vector<float> floatsOf(const std::string& bytes) {
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

std::string bytesOf(const std::vector<float>& values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
}

/// The name in a GGUF file of a tensor of a Llama in a Hugging Face folder.
std::string ggufName(std::string name) {
    if (name.starts_with("model.")) name = name.substr(6);
    const std::pair<std::string, std::string> parts[] = {{"layers.", "blk."},
                                                         {"self_attn.q_norm", "attn_q_norm"},
                                                         {"self_attn.k_norm", "attn_k_norm"},
                                                         {"self_attn.q_proj", "attn_q"},
                                                         {"self_attn.k_proj", "attn_k"},
                                                         {"self_attn.v_proj", "attn_v"},
                                                         {"self_attn.o_proj", "attn_output"},
                                                         {"mlp.gate_proj", "ffn_gate"},
                                                         {"mlp.up_proj", "ffn_up"},
                                                         {"mlp.down_proj", "ffn_down"},
                                                         {"post_attention_layernorm", "ffn_norm"},
                                                         {"input_layernorm", "attn_norm"},
                                                         {"embed_tokens", "token_embd"},
                                                         {"lm_head", "output"}};
    for (const auto& [from, to] : parts)
        if (const auto at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
    return name == "norm.weight" ? "output_norm.weight" : name;
}

/// New row h*D + 2i + b is old row h*D + b*D/2 + i.
std::string permuted(const std::string& rows, int heads, int headDim) {
    const std::size_t row = rows.size() / static_cast<std::size_t>(heads * headDim);
    std::string result;
    for (int head = 0; head < heads; ++head)
        for (int pair = 0; pair < headDim / 2; ++pair)
            for (int half = 0; half < 2; ++half)
                result += rows.substr(
                    static_cast<std::size_t>(head * headDim + half * headDim / 2 + pair) * row, row);
    return result;
}

/// The largest code times sub-scale of a type.
float largestCode(GgmlType type) {
    switch (type) {
    case GgmlType::Q4_0:
    case GgmlType::Q4_1:
        return 15;
    case GgmlType::Q5_0:
    case GgmlType::Q5_1:
        return 31;
    case GgmlType::Q2_K:
        return 15 * 3;
    case GgmlType::Q4_K:
        return 63 * 15;
    case GgmlType::Q5_K:
        return 63 * 31;
    case GgmlType::Q6_K:
    case GgmlType::IQ4_XS:
        return 4096;
    default:
        return 127;
    }
}

/// Random blocks whose factors are small, so that activations stay of order one.
std::string randomBlocks(GgmlType type, std::size_t elements, std::mt19937_64& engine) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const std::size_t blocks = elements / static_cast<std::size_t>(facts.blockElements);
    std::string bytes(blocks * static_cast<std::size_t>(facts.blockBytes), '\0');
    for (char& byte : bytes) byte = static_cast<char>(engine());
    for (std::size_t block = 0; block < blocks; ++block)
        for (const std::size_t offset : blockFactorOffsets(type)) {
            const std::uint16_t factor =
                floatToF16(0.1F / largestCode(type) * (1 + 0.01F * static_cast<float>(engine() % 100)));
            std::memcpy(bytes.data() + block * static_cast<std::size_t>(facts.blockBytes) + offset, &factor,
                        2);
        }
    return bytes;
}

std::vector<float> valuesOf(GgmlType type, const std::string& blocks) {
    const GgmlTypeFacts& facts = ggmlTypeFacts(type);
    const std::size_t count = blocks.size() / static_cast<std::size_t>(facts.blockBytes);
    std::vector<float> values(count * static_cast<std::size_t>(facts.blockElements));
    dequantizeBlocks(type, reinterpret_cast<const std::byte*>(blocks.data()), values.data(), count);
    return values;
}

void writeKeys(GgufWriter& gguf, const RandomModelOptions& o, const std::string& a) {
    const auto number = [&](const char* key, int value) {
        gguf.u32(a + "." + key, static_cast<std::uint32_t>(value));
    };
    gguf.text("general.architecture", a);
    number("context_length", o.maxPositions);
    number("embedding_length", o.hidden);
    number("block_count", o.layers);
    number("feed_forward_length", o.intermediate);
    number("attention.head_count", o.heads);
    number("attention.head_count_kv", o.kvHeads);
    if (o.headDim * o.heads != o.hidden) {
        number("attention.key_length", o.headDim);
        number("attention.value_length", o.headDim);
    }
    number("rope.dimension_count", o.headDim);
    gguf.f32(a + ".rope.freq_base", static_cast<float>(o.ropeTheta));
    gguf.f32(a + ".attention.layer_norm_rms_epsilon", static_cast<float>(o.rmsEps));
}

} // namespace

GgufTwin makeGgufTwin(const RandomModelOptions& options, std::uint64_t seed, GgmlType linear,
                      const std::string& architecture) {
    GgufTwin twin{options, randomModelTensors(options, seed), {}, randomModelConfig(options)};
    writeKeys(twin.gguf, options, architecture);
    std::mt19937_64 engine(seed + 77);
    for (StoredTensor& tensor : twin.tensors) {
        const bool isLinear = tensor.name.find("_proj.weight") != std::string::npos;
        const bool isQuery = tensor.name.find("q_proj") != std::string::npos;
        const bool isKey = tensor.name.find("k_proj") != std::string::npos;
        std::string bytes = tensor.bytes;
        std::uint32_t type = 0;
        if (isLinear && linear != GgmlType::F32) {
            type = static_cast<std::uint32_t>(linear);
            bytes = randomBlocks(linear, floatsOf(tensor.bytes).size(), engine);
            tensor.bytes = bytesOf(valuesOf(linear, bytes));
        }
        if ((isQuery || isKey) && architecture == "llama")
            bytes = permuted(bytes, isQuery ? options.heads : options.kvHeads, options.headDim);
        twin.gguf.tensor(ggufName(tensor.name),
                         std::vector<std::uint64_t>(tensor.shape.begin(), tensor.shape.end()), type, bytes);
    }
    return twin;
}

} // namespace qroar::test
